"""How often a request asks DynamoDB, with identity and throttling as in the deployment: a promise of the design, counted call by call."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

import app as product
from chalicelib.auth.identity import authenticate
from chalicelib.auth.onboarding import create_account
from chalicelib.auth.sites import Sectors, Sites
from chalicelib.auth.users import username
from chalicelib.core.api import Igny8
from chalicelib.core.context import Context, Deps
from chalicelib.core.entity import Entity
from chalicelib.core.idempotency import idempotent
from chalicelib.core.scope import Scope
from chalicelib.core.table import Table
from chalicelib.core.throttle import throttled
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.ideas import IDEA
from chalicelib.planner.keywords import KEYWORD
from chalicelib.writer.content import CONTENT
from chalicelib.writer.tasks import TASK
from infra import catalogue
from infra.local.api_server import Gateway

PASSWORD = "Right-pass-1"
PAGE = 50
ROWS = PAGE + 5
# What every request costs before it reaches its handler, however many routes and roles there are.
FRAME = {"app batch_get_item": 1, "ops update_item": 1}


class CountingClient:
    """Passes every call on and remembers its name."""

    def __init__(self, client: Any, name: str, calls: Counter[str]) -> None:
        self._client, self._name, self._calls = client, name, calls

    def __getattr__(self, operation: str) -> Any:
        call = getattr(self._client, operation)
        if operation == "meta":
            return call

        def counted(**request: Any) -> Any:
            self._calls[f"{self._name} {operation}"] += 1
            return call(**request)

        return counted


@dataclass
class Counted:
    """An account with a site and a sector, and its owner's requests. `ask` answers and counts."""

    ctx: Context
    site_id: str
    sector_id: str
    token: str
    gateway: Gateway
    calls: Counter[str]

    def ask(self, method: str, path: str, body: Any = None, status: int = 200) -> tuple[dict[str, Any], dict[str, int]]:
        self.calls.clear()
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        answered, _, text = self.gateway.call(method, f"/api/v1/{path}", headers, b"" if body is None else json.dumps(body).encode())
        assert answered == status, text
        return json.loads(text), dict(self.calls)

    def spent(self, path: str) -> tuple[list[Any], dict[str, int]]:
        """The results of a list, and what it cost beyond the frame."""
        answer, calls = self.ask("GET", path)
        for name, number in FRAME.items():
            assert calls[name] >= number, calls
        return answer["results"], dict(Counter(calls) - Counter(FRAME))

    @property
    def place(self) -> dict[str, str]:
        return {"site_id": self.site_id, "sector_id": self.sector_id}

    def cluster(self, name: str = "Shoes") -> str:
        answer, _ = self.ask("POST", "planner/clusters/", {**self.place, "name": name}, 201)
        return str(answer["data"]["id"])


@pytest.fixture
def counted(deps: Deps, tenant: str) -> Iterator[Counted]:
    calls: Counter[str] = Counter()
    catalogue.install(deps)
    deps.user_pool.issuer = f"https://pool.test/{tenant}"  # public keys are remembered by issuer
    account, user = create_account(
        deps, name="Tests", slug=tenant, email=f"{tenant}@a.test", password=PASSWORD, status="active", plan="system"
    )
    ctx = Context(Scope(account.id, user.id, "owner"), deps)
    site = Sites(ctx).create({"name": "Site", "slug": "site"})
    sector = Sectors(ctx).create({"site_id": site.id, "name": "Sector", "slug": "sector"})
    watched = replace(
        deps,
        config=replace(deps.config, throttle="default=10000,planner=10000,writer=10000,system=10000"),
        table=Table(CountingClient(deps.table.client, "app", calls), deps.table.name),
        ops=Table(CountingClient(deps.ops.client, "ops", calls), deps.ops.name),
    )
    app = Igny8(app_name="counted", configure_logs=False)
    app.serve(product.routes, lambda: watched, authenticate, around=(idempotent, throttled))
    token = deps.user_pool.login(username(account.id, user.id), PASSWORD).access
    yield Counted(ctx, site.id, sector.id, token, Gateway(app), calls)


KIND = {"content_type": "post", "content_structure": "article"}
# Lists of a sector: entity, what one object is created with (`{n}` tells them apart).
LISTS: dict[str, tuple[Entity[Any], dict[str, Any]]] = {
    "planner/keywords": (KEYWORD, {"keyword": "shoe {n}", "volume": 10, "difficulty": 10}),
    "planner/clusters": (CLUSTER, {"name": "Cluster {n}"}),
    "planner/ideas": (IDEA, {"idea_title": "Idea {n}", "keyword_cluster": "?"}),
    "writer/tasks": (TASK, {"title": "Task {n}", "cluster": "?", **KIND}),
    "writer/content": (CONTENT, {"title": "Article {n}", "cluster": "?", "html": "<p>Grip.</p>", **KIND}),
}
# Where an ascending number order begins with few values, or none, a second query reads the objects without one, which come last.
VALUELESS = {("planner/clusters", "volume"), ("planner/clusters", "difficulty")}


@pytest.mark.parametrize("path", LISTS)
def test_a_page_of_fifty_is_one_query_in_any_ordering(counted: Counted, path: str) -> None:
    entity, body = LISTS[path]
    cluster = counted.cluster()
    for n in range(ROWS):
        own = {k: cluster if v == "?" else v.format(n=n) if isinstance(v, str) else v for k, v in body.items()}
        counted.ask("POST", f"{path}/", {**counted.place, **own}, 201)
    where = f"site_id={counted.site_id}&sector_id={counted.sector_id}&page_size={PAGE}"
    for ordering in entity.orderings:
        for sign in ("", "-"):
            found, spent = counted.spent(f"{path}/?{where}&ordering={sign}{ordering}")
            assert len(found) == PAGE
            assert spent.pop("app query") == (2 if not sign and (path, ordering) in VALUELESS else 1), (path, sign + ordering)
            # Is the sector there; the maintained count; what the objects point at, whose names are shown.
            assert set(spent) <= {"app get_item", "app batch_get_item"} and spent["app get_item"] == 1, (path, ordering, spent)
            assert spent.get("app batch_get_item", 0) <= 2, (path, ordering, spent)


def test_a_list_of_the_whole_account_reads_its_sites_first(counted: Counted) -> None:
    counted.cluster()
    for where in ("", f"&site_id={counted.site_id}"):
        _, spent = counted.spent(f"planner/clusters/?page_size={PAGE}{where}")
        assert spent["app query"] == 2, "the tree of sites and sectors, and one for its only sector"
    assert counted.spent(f"system/author-profiles/?page_size={PAGE}")[1] == {"app query": 1}


def test_identity_is_one_read_and_throttling_one_write(counted: Counted) -> None:
    _, calls = counted.ask("GET", "system/prompts/defaults/")
    assert calls == FRAME


def test_reading_an_object_is_one_more_read(counted: Counted) -> None:
    cluster = counted.cluster()
    _, calls = counted.ask("GET", f"planner/clusters/{cluster}/")
    assert calls == {**FRAME, "app get_item": 1}


@pytest.mark.parametrize(
    "path, body",
    [
        *((path, body) for path, (_, body) in LISTS.items()),
        ("writer/taxonomies", {"name": "Term", "sector_id": None}),
        ("writer/images", {"content": "content", "image_type": "featured", "prompt": "A shoe.", "site_id": None, "sector_id": None}),
        ("system/author-profiles", {"name": "Ann", "site_id": None, "sector_id": None}),
        ("system/strategies", {"name": "Guides", "site_id": None, "sector_id": None}),
        ("system/prompts", {"prompt_type": "auto_cluster", "prompt_value": "Name them.", "site_id": None, "sector_id": None}),
        ("integration/connections", {"name": "Pages", "target": "static", "sector_id": None}),
        ("auth/sites", {"name": "Second", "slug": "second", "site_id": None, "sector_id": None}),
        ("auth/sectors", {"name": "Second", "slug": "second", "sector_id": None}),
    ],
)
def test_a_create_is_one_transaction_at_most(counted: Counted, path: str, body: dict[str, Any]) -> None:
    given = {**counted.place, **body}
    if given.get("content"):
        article = {**counted.place, "title": "Article", "cluster": counted.cluster(), "html": "<p>Grip.</p>", **KIND}
        given["content"] = counted.ask("POST", "writer/content/", article, 201)[0]["data"]["id"]
    for name in ("cluster", "keyword_cluster"):
        if given.get(name) == "?":
            given[name] = counted.cluster()
    _, calls = counted.ask("POST", f"{path}/", {k: v for k, v in given.items() if v is not None}, 201)
    writes = {name: n for name, n in calls.items() if name.split()[1] not in ("get_item", "batch_get_item", "query")}
    assert writes.pop("ops update_item") == 1, "the throttle"
    assert sum(writes.values()) == 1, writes
    assert set(writes) <= {"app transact_write_items", "app put_item"}
