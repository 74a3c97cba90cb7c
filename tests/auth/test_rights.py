"""Rights over every declared route, made from the routes themselves, so that a new route is covered by being declared."""

import re

import pytest

from chalicelib.core.routing import Route
from tests.auth.conftest import Api, World
from tests.auth.routes import ORDER, PUBLIC, ROUTES, name_of

SIGNED_IN = [r for r in ROUTES if r.role is not None]
RESTRICTED = [(r, role) for r in SIGNED_IN for role in ORDER[:4] if ORDER.index(role) < ORDER.index(str(r.role))]


def ask(api: Api, route: Route) -> int:
    path = re.sub(r"\{\w+\}", "0000000000", route.path)
    return api.ask(route.method, path, None if route.method == "GET" else {}).status


def test_public_routes_are_exactly_those_written_down() -> None:
    declared = {(r.method, r.path) for r in ROUTES if r.role is None}
    assert declared - PUBLIC == set()


@pytest.mark.parametrize("route", SIGNED_IN, ids=name_of)
def test_without_a_token_nothing_answers(world: World, route: Route) -> None:
    assert ask(world.api(), route) == 401
    assert ask(Api(world, "a.b.c"), route) == 401


@pytest.mark.parametrize(("route", "role"), RESTRICTED, ids=lambda v: v if isinstance(v, str) else name_of(v))
def test_a_lesser_role_is_refused_before_anything_else(world: World, route: Route, role: str) -> None:
    assert ask(world.api(world.a, role), route) == 403


def test_every_write_needs_at_least_an_editor() -> None:
    """Ruling C21. A person's own session and record, and a connection's test, are the exceptions."""
    own = {"auth/logout", "auth/password/change", "auth/me"}
    lax = [name_of(r) for r in SIGNED_IN if r.method != "GET" and r.role == "viewer" and r.path not in own]
    assert lax == []


@pytest.mark.parametrize(
    ("prefix", "role"),
    [
        ("auth/users", "admin"),
        ("auth/site-access", "admin"),
        ("auth/sites", "admin"),
        ("auth/sectors", "admin"),
        ("auth/account", "admin"),
        ("system/prompts", "admin"),
        ("integration/", "admin"),
        ("auth/plans", "developer"),
        ("auth/industries", "developer"),
        ("auth/industry-sectors", "developer"),
        ("auth/seed-keywords", "developer"),
        ("billing/", "admin"),
    ],
)
def test_who_writes_what(prefix: str, role: str) -> None:
    """Rulings C21 and C22, and the contract's `Identity and access`."""
    actions = ("publish", "unpublish", "import", "sync")  # work on contents through a connection is an editor's
    writes = [r for r in SIGNED_IN if r.path.startswith(prefix) and r.method != "GET" and not r.path.endswith(actions)]
    assert [name_of(r) for r in writes if ORDER.index(str(r.role)) < ORDER.index(role)] == []


@pytest.mark.parametrize("path", ["billing/transactions", "billing/usage", "billing/usage/summary", "auth/users", "auth/site-access"])
def test_money_and_people_are_read_by_admins(path: str) -> None:
    assert {r.role for r in ROUTES if r.path == path and r.method == "GET"} == {"admin"}
