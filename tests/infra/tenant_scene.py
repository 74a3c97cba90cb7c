"""An account with something of everything, on a stack of its own, and all that the API lists of it."""

import itertools
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import app
from chalicelib import deps as wiring
from chalicelib.adapters import aws_session
from chalicelib.auth.users import USER, username
from chalicelib.automation import control
from chalicelib.automation.runs import Runs
from chalicelib.automation.schedule import save_config
from chalicelib.core.context import Context
from chalicelib.integration import drip
from chalicelib.integration.connections import Connections
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.keyword_files import read_keyword_file
from chalicelib.planner.keyword_import import store
from chalicelib.planner.keywords import KEYWORD, Keywords
from chalicelib.system.settings import Settings
from chalicelib.writer.taxonomies import Taxonomies
from infra import catalogue
from infra.build import template
from infra.local.api_server import Gateway
from infra.local.seed import EMAILS, demo_context, password, seed
from infra.local.stack import LocalStack
from infra.tenant_data import Deployment

ROOT = Path(__file__).parents[2]
LIMIT_SECONDS = 90
T = TypeVar("T")
OWN_KEY, APP_PASSWORD = "sk-account-0123456789abcdef", "abcd efgh ijkl mnop"
# What is of this deployment or this moment, not of the account: figures of requests, providers of the stage, plans and catalogue.
NOT_OF_THE_ACCOUNT = frozenset({"system/metrics/", "system/settings/providers/", "health", "openapi.json", "docs"}) | {
    f"auth/{name}/" for name in ("plans", "industries", "industry-sectors", "seed-keywords")
}


@dataclass
class World:
    """A running stack. ctx, site, sector: of the account that is moved about."""

    stack: LocalStack
    here: Deployment
    gateway: Gateway
    ctx: Context
    site: str
    sector: str

    def ask(self, method: str, path: str, body: Any = None, token: str = "") -> tuple[int, Any]:
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
        sent = b"" if body is None else json.dumps(body).encode()
        status, kind, answer = self.gateway.call(method, f"/api/v1/{path}", headers, sent)
        return status, json.loads(answer) if dict(kind).get("Content-Type", "").startswith("application/json") else answer.decode()

    def sign_in(self, email: str = EMAILS[0]) -> str:
        status, answer = self.ask("POST", "auth/login/", {"email": email, "password": password()})
        assert status == 200, answer
        return str(answer["data"]["access"])

    def lists(self) -> dict[str, Any]:
        """Every list and document without an id that the API shows the account's owner, and each content with its body and pictures."""
        token, found = self.sign_in(), {}
        for path, operations in json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))["paths"].items():
            short = path.removeprefix("/api/v1/")
            if "get" not in operations or "{" in short or short in NOT_OF_THE_ACCOUNT:
                continue
            named = {p.get("name") for p in operations["get"].get("parameters", [])}
            values = {"site_id": self.site, "sector_id": self.sector, "page_size": "100"}
            query = "&".join(f"{name}={value}" for name, value in values.items() if name in named)
            found[short] = self.seen(f"{short}?{query}", token)
        for content in found["writer/content/"][1]["results"]:
            found[content["id"]] = self.seen(f"writer/content/{content['id']}/", token)
        return found

    def seen(self, path: str, token: str) -> Any:
        status, answer = self.ask("GET", path, token=token)
        text = json.dumps(answer, sort_keys=True)
        text = re.sub(r'"request_id": "[^"]*"', '"request_id": ""', text)
        return status, json.loads(re.sub(r'\?[^" ]*(X-Amz-|Signature=)[^" ]*|http://127\.0\.0\.1:\d+', "", text))


@contextmanager
def stack() -> Iterator[World]:
    """An embedded stack with the seeded accounts, of which the demo account has no work yet."""
    with LocalStack(template("local"), environment={"THROTTLE": "off"}) as running:
        wiring.use(None)
        deps = wiring.current()
        seed(deps)
        running.serve_events()
        try:
            yield World(running, Deployment.of(deps), Gateway(app.app), *demo_context(deps))
        finally:
            wiring.use(None)


@contextmanager
def empty_stack(like: World) -> Iterator[World]:
    """Another one with plans and catalogue alone, where the account of `like` may come to live."""
    with LocalStack(template("local"), environment={"THROTTLE": "off"}) as running:
        wiring.use(None)
        deps = wiring.current()
        catalogue.install(deps)
        running.serve_events()
        try:
            yield World(running, Deployment.of(deps), Gateway(app.app), Context(like.ctx.scope, deps), like.site, like.sector)
        finally:
            wiring.use(None)


class Cut(BaseException):
    """The process ends here."""


class Scissors:
    """Ends what a client is about to do, before the n-th write that is asked for."""

    def __init__(self, here: Deployment) -> None:
        self.left: int | None = None
        self.call = ""  # or before the next one of this name
        region = here.deps.config.aws_region
        for client in (here.deps.table.client, here.s3, here.cognito, aws_session.client("cognito-idp", region)):
            client.meta.events.register("before-call", self._before)

    def _before(self, model: Any, **_: Any) -> None:
        if self.call and model.name == self.call:
            self.call = ""
            raise Cut(model.name)
        if self.left is None or model.name.startswith(("Get", "List", "Query", "Scan", "BatchGet", "Head", "Describe")):
            return
        self.left -= 1
        if self.left < 0:
            raise Cut(model.name)

    def until_done(self, act: Callable[[], T]) -> tuple[T, list[str]]:
        """Do it again and again, a little further each time. Returns what it gave at last, and the calls before which it was cut off."""
        at: list[str] = []
        for n in itertools.count():
            self.left = n
            try:
                return act(), at
            except Cut as cut:
                at.append(str(cut))
            finally:
                self.left = None
        raise AssertionError


def everything(here: Deployment) -> str:
    """All that the deployment stores, as one text: both tables, every version of every file, the user pool."""
    found = [str(item) for table in (here.deps.table, here.deps.ops) for item in table.scan_all()]
    for page in here.s3.get_paginator("list_object_versions").paginate(Bucket=here.bucket):
        found += [str(version) for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]]
    return "\n".join([*found, str(here.cognito.list_users(UserPoolId=here.pool)["Users"])])


def fill(world: World) -> None:
    """Articles made and published by a run, a schedule, secrets, a deleted keyword, a term, a content that waits for its time."""
    ctx, site = world.ctx, world.site
    lines = (ROOT / "examples" / "keywords.csv").read_text(encoding="utf-8").splitlines()[:9]
    store(ctx, site, world.sector, read_keyword_file("\n".join(lines).encode(), filename="keywords.csv"), dry_run=False)
    save_config(ctx, site, {"publish_mode": "auto", "between_stage_delay_seconds": 0, "enabled": True, "frequency": "daily"})
    run, runs, deadline = control.start(ctx, site), Runs(ctx), time.monotonic() + LIMIT_SECONDS
    while (shown := runs.shown(runs.get(run.id)))["status"] in ("created", "running"):
        assert time.monotonic() < deadline, shown
        time.sleep(0.05)
    assert shown["status"] == "completed", shown
    while world.stack.running_executions():  # its last step still writes the run's log
        assert time.monotonic() < deadline
        time.sleep(0.05)
    world.stack.drain()
    give_secrets(world)
    _written_by_hand(world)


def give_secrets(world: World) -> None:
    """A key of the account's own, and the password of a WordPress site."""
    Settings(world.ctx).save("openai", {"api_key": OWN_KEY, "is_active": False})
    login = {"url": "http://blog.test", "username": "editor", "app_password": APP_PASSWORD}
    Connections(world.ctx).create({"site_id": world.site, "name": "Blog", "target": "wordpress", **login})


def _written_by_hand(world: World) -> None:
    ctx, site = world.ctx, world.site
    Taxonomies(ctx).create({"site_id": site, "name": "Gardens", "taxonomy_type": "category"})
    keyword = min(k.id for k in ctx.repository(KEYWORD).under((f"{ctx.tenant}#{world.sector}#K", "")))
    Keywords(ctx).delete(keyword)
    cluster = min(c.id for c in ctx.repository(CLUSTER).under((f"{ctx.tenant}#{world.sector}#C", "")))
    where = {"site_id": site, "sector_id": world.sector, "cluster": cluster}
    body = {**where, "title": "Later", "html": "<p>It comes later.</p>", "content_type": "post", "content_structure": "article"}
    status, made = world.ask("POST", "writer/content/", body, world.sign_in())
    assert status == 201, made
    drip.schedule(ctx, made["data"]["id"], ctx.deps.clock.now() + timedelta(days=2))


def let_in(world: World) -> None:
    """As a user does by a mailed code after an import: set a password."""
    for user in world.ctx.repository(USER).under((f"{world.ctx.tenant}#A", "U#")):
        world.here.deps.user_pool.set_password(username(world.ctx.tenant, user.id), password())
