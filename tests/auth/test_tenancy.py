"""Tenancy over every place of every route where an id may stand, made from the declarations: a foreign id is an unknown id.

For each place the other tenant's objects of every kind are named in turn. The answer must be what an id answers that names nothing, must
not hold a word of the other tenant's data, and must leave that data as it was.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from chalicelib.core.routing import JSON
from tests.auth.conftest import Api, Reply, World
from tests.auth.objects import GLOBAL_FIELDS, Ids, populate, request
from tests.auth.routes import ROUTES, Slot, name_of, slots, unsorted

SECRET, ASIDE = "betasecret", "asidesecret"
SLOTS = [s for s in slots() if s.route.role != "developer"]  # operators cross accounts by right
NOT_OURS = {
    "external_id": "an id of the publishing target, not of ours",
    "seed_keyword_id": "a private seed is no object of its own, so an unknown one cannot be told from one without keywords",
}
IDS = [pytest.param(s, id=str(s)) for s in SLOTS if s.name not in NOT_OURS or s.where == "path"]


@dataclass(frozen=True)
class Both:
    """mine: objects of the asking tenant; theirs: of the other one, kind -> id."""

    mine: Ids
    theirs: Ids


@pytest.fixture(scope="module")
def both(world: World) -> Both:
    mine, theirs = populate(world, world.a, "alphaword"), populate(world, world.b, SECRET)
    owned = set(mine.values())
    return Both(mine, {kind: i for kind, i in theirs.items() if i not in owned})


def unknown(public_id: str) -> str:
    """An id of the same form that names nothing; the same one for all ids of a form."""
    return re.sub("[0-9a-z]", "z", public_id)


def stored(world: World, tenant: str) -> dict[tuple[str, str], Any]:
    return {(i["pk"], i["sk"]): i for i in world.deps.table.scan_all() if i["pk"].startswith(tenant)}


@pytest.fixture(scope="module", autouse=True)
def untouched(world: World, both: Both) -> Iterator[None]:
    """Whatever is asked below, the other tenant's data stays."""
    before = stored(world, world.b.id)
    yield
    assert stored(world, world.b.id) == before


def test_every_field_is_known_as_an_id_or_as_text() -> None:
    """So that no id of a new route stays unasked for."""
    assert unsorted() == []


@pytest.mark.parametrize("slot", IDS)
def test_a_foreign_id_is_an_unknown_id(world: World, both: Both, slot: Slot) -> None:
    api = world.api(world.a)
    nothing: dict[str, tuple[int, str]] = {}
    for kind, foreign in both.theirs.items():
        other = unknown(foreign)
        if other not in nothing:
            nothing[other] = _plain(ask(api, slot, both.mine, other), other)
        status, text = found = _plain(ask(api, slot, both.mine, foreign), foreign)
        assert found == nothing[other], kind
        assert status < 500, (kind, text)
        assert SECRET not in text, kind
        if slot.where in ("path", "query"):
            assert status in ((404, 400) if slot.where == "query" else (404,)), (kind, text)
        elif not slot.listed:
            assert status in (400, 404), (kind, text)


def ask(api: Api, slot: Slot, mine: Ids, value: str) -> Reply:
    """The slot's request with the value in its place; an upload carries a small file."""
    path, body = request(slot, mine, value, "text")
    accepts = slot.route.accepts
    if slot.route.method == "GET" or JSON in accepts:
        return api.ask(slot.route.method, path, body)
    return api.ask(slot.route.method, path, b"file", content_type=next(a for a in accepts if not a.startswith("multipart")))


def _plain(reply: Reply, value: str) -> tuple[int, str]:
    """The answer without what differs between any two requests."""
    kept = {k: v for k, v in reply.body.items() if k != "request_id"}
    return reply.status, str(kept).replace(value, "<id>")


LISTS = [r for r in ROUTES if r.listed is not None and r.role != "developer"]


@pytest.mark.parametrize("route", LISTS, ids=name_of)
def test_lists_hold_nothing_of_others(world: World, both: Both, route: Any) -> None:
    reply = world.api(world.a).get(f"{route.path}?page_size=100")
    assert reply.status == 200 and SECRET not in str(reply.body)
    assert not {r.get("id") for r in reply.body["results"]} & set(both.theirs.values())


@pytest.mark.parametrize("route", LISTS, ids=name_of)
def test_a_foreign_cursor_is_400(world: World, both: Both, route: Any) -> None:
    theirs = world.api(world.b).get(f"{route.path}?page_size=1").body
    if not theirs["next"]:
        pytest.skip("too short a list for a cursor")
    cursor = theirs["next"].partition("cursor=")[2].partition("&")[0]
    assert world.api(world.b).get(f"{route.path}?page_size=1&cursor={cursor}").status == 200
    reply = world.api(world.a).get(f"{route.path}?page_size=1&cursor={cursor}")
    assert (reply.status, list(reply.body["error"]["fields"])) == (400, ["cursor"])


UNGRANTED = [s for s in SLOTS if s.route.role in ("viewer", "editor") and (s.where == "path" or s.name not in NOT_OURS)]


@pytest.fixture(scope="module")
def aside(world: World, both: Both) -> Ids:
    """Objects of another site of the asking account, which its editor has no grant for: kind -> id, which begins with its site's."""
    owner = world.api(world.a)
    site = owner.post("auth/sites", {"name": ASIDE, "slug": ASIDE, "industry": "coffee"}).data["id"]
    names = {"name": ASIDE, "slug": ASIDE, "industry_sector": GLOBAL_FIELDS["industry_sector"]}
    sector = owner.post("auth/sectors", {"site_id": site, **names}).data["id"]
    of_account = {kind: i for kind, i in both.mine.items() if not i.startswith(world.a.site_id)}
    made = populate(world, replace(world.a, site_id=site, sector_id=sector), ASIDE, of_account)
    return {kind: i for kind, i in made.items() if i.startswith(site)}


@pytest.mark.parametrize("slot", UNGRANTED, ids=str)
def test_without_a_grant_an_editor_knows_of_no_object_of_the_site(world: World, both: Both, aside: Ids, slot: Slot) -> None:
    """The same rule between two sites of one account."""
    assert len(aside) > 8
    editor = world.api(world.a, "editor")
    nothing: dict[str, tuple[int, str]] = {}
    for kind, hidden in aside.items():
        other = unknown(hidden)
        if other not in nothing:
            nothing[other] = _plain(ask(editor, slot, both.mine, other), other)
        found = _plain(ask(editor, slot, both.mine, hidden), hidden)
        assert found == nothing[other] and ASIDE not in found[1], kind
