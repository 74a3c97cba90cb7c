"""The resource that CONTRIBUTING.md adds is what it says: one short file and a mount give a working, documented resource."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from openapi_spec_validator import validate

from chalicelib.core.context import Deps
from chalicelib.core.openapi import document
from chalicelib.core.resource import resource_routes
from chalicelib.core.routing import Router
from chalicelib.core.scope import Scope
from chalicelib.writer import routes as writer
from tests.conftest import ContextFactory, Place, make_site
from tests.rest import Reply, Rest

ROOT = Path(__file__).parents[2]
MAX_LINES = 150


def blocks() -> dict[str, str]:
    """The example's blocks by where they belong."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return {name: code for name, code in re.findall(r"<!-- example: (.*?) -->\n```python\n(.*?)```", text, re.S)}


@pytest.fixture(scope="module")
def router() -> Iterator[Router]:
    """The routes of the example alone."""
    source, mount = blocks().values()
    module = ModuleType("chalicelib.writer.glossary")
    sys.modules[module.__name__] = module
    made = Router("writer", tag="Writer", throttle="writer")
    exec(compile(source, "CONTRIBUTING.md", "exec"), module.__dict__)
    exec(compile(mount, "CONTRIBUTING.md", "exec"), {**module.__dict__, "router": made, "resource_routes": resource_routes})
    yield made
    del sys.modules[module.__name__]


@pytest.fixture
def rest(router: Router, deps: Deps, tenant: str) -> Rest:
    return Rest((router,), deps, Scope(tenant, "owner00000", "owner"))


def ok(reply: Reply, status: int = 200) -> Reply:
    assert reply.status == status, reply.body
    return reply


def test_it_is_one_short_file_in_the_style_of_the_house_and_a_mount() -> None:
    (place, source), (mounted, mount) = blocks().items()
    assert place.startswith("chalicelib/") and mounted.endswith("routes.py") and len(mount.strip().splitlines()) == 1
    assert len(source.splitlines()) < MAX_LINES
    assert not (ROOT / place).exists(), "the example is no resource of ours yet"
    for command in (["format", "--diff"], ["check"]):
        ran = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--stdin-filename", place, "-"], input=source, capture_output=True, text=True, cwd=ROOT
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_its_verbs_and_lists_work(rest: Rest, place: Place) -> None:
    gaiter = ok(rest.post("writer/glossary/", {"site_id": place.site_id, "term": "Gaiter", "uses": 3}), 201).data
    assert (gaiter["status"], gaiter["uses"], gaiter["version"]) == ("proposed", 3, 1)
    for number, term in enumerate(("Drop", "Lug", "Vest")):
        ok(rest.post("writer/glossary/", {"site_id": place.site_id, "term": term, "meaning": f"Part {number}."}), 201)
    assert rest.post("writer/glossary/", {"site_id": place.site_id, "term": " gaiter "}).error["code"] == "duplicate"
    assert rest.post("writer/glossary/", {"site_id": place.site_id, "term": "X", "status": "approved", "colour": 1}).status == 400

    one = f"writer/glossary/{gaiter['id']}/"
    assert ok(rest.get(one)).headers["ETag"] == '"1"'
    assert rest.patch(one, {"status": "approved"}).error["fields"] == {"status": ["a term without a meaning cannot be approved."]}
    assert ok(rest.patch(one, {"status": "approved", "meaning": "Keeps stones out."}, headers={"if-match": '"1"'})).data["version"] == 2
    assert rest.patch(one, {"uses": 4}, headers={"if-match": '"1"'}).status == 412
    assert ok(rest.put(one, {"term": "Gaiters", "uses": 4})).data["meaning"] == ""

    page = ok(rest.get("writer/glossary/", site_id=place.site_id, ordering="term", page_size=2)).body
    assert [t["term"] for t in page["results"]] == ["Drop", "Gaiters"] and (page["count"], page["count_is"]) == (4, "maintained")
    assert [t["term"] for t in ok(rest.get(page["next"].split("/api/v1/")[1])).results] == ["Lug", "Vest"]
    assert ok(rest.get("writer/glossary/", ordering="-uses")).results[0]["term"] == "Gaiters", "those without a number come last"
    assert [t["term"] for t in ok(rest.get("writer/glossary/", search="gait", uses_min=4)).results] == ["Gaiters"]
    assert [t["term"] for t in ok(rest.get("writer/glossary/", search="PART 1")).results] == ["Lug"]
    assert ok(rest.get("writer/glossary/", status="approved")).body["count"] == 1

    assert ok(rest.delete(one)).data == {"id": gaiter["id"]}
    assert rest.get(one).status == 404
    assert [t["term"] for t in ok(rest.get("writer/glossary/", deleted="true")).results] == ["Gaiters"]
    assert ok(rest.post(f"{one}restore/")).data["deleted_at"] is None


def test_tenants_roles_and_what_it_points_at_are_held_for_it(rest: Rest, place: Place, ctx: ContextFactory, deps: Deps) -> None:
    other_site = make_site(ctx())[0].site_id
    terms = Rest((writer.router,), deps, rest.scope)
    near, far = (ok(terms.post("writer/taxonomies/", {"site_id": s, "name": "Gear"}), 201).data["id"] for s in (place.site_id, other_site))
    body = {"site_id": place.site_id, "term": "Gaiter"}
    assert rest.post("writer/glossary/", {**body, "category": far}).status == 400
    assert rest.post("writer/glossary/", {**body, "category": f"{place.site_id}-nothing"}).status == 404
    made = ok(rest.post("writer/glossary/", {**body, "category": near}), 201).data
    one = f"writer/glossary/{made['id']}/"
    assert rest.as_role("viewer").delete(one).status == 403
    assert rest.as_role("editor", [other_site]).get(one).status == 404
    stranger = rest.of_tenant("stranger")
    assert [stranger.get(one).status, stranger.patch(one, {"uses": 1}).status, stranger.delete(one).status] == [404, 404, 404]
    assert stranger.get("writer/glossary/", site_id=place.site_id).status == 404


def test_it_is_documented(router: Router) -> None:
    made = document(router.routes)
    validate(made)
    assert set(made["paths"]) == {f"/api/v1/writer/glossary/{end}" for end in ("", "{id}/", "{id}/restore/")}
    assert "uses_min" in {p.get("name") for p in made["paths"]["/api/v1/writer/glossary/"]["get"]["parameters"]}
