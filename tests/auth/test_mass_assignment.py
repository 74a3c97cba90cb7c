"""What a client may not set: every read-only field of every resource, sent with every create and change that takes a body."""

from typing import Any

import pytest

from chalicelib.core.entity import Entity
from chalicelib.core.routing import Route
from tests.auth.conftest import World
from tests.auth.objects import EXTRA, Ids, body_for, creates, entities, populate
from tests.auth.routes import ROUTES, name_of

HOSTILE: dict[str, Any] = {
    "id": "zzzzzz-mine",
    "account_id": "zzzzzzzz",
    "tenant": "zzzzzzzz",
    "pk": "zzzzzzzz#A",
    "created_at": "1999-01-01T00:00:00Z",
    "updated_at": "1999-01-01T00:00:00Z",
    "deleted_at": "1999-01-01T00:00:00Z",
    "version": 999,
}


@pytest.fixture(scope="module")
def mine(world: World) -> Ids:
    return populate(world, world.a, "massword")


def by_kind() -> dict[str, Entity[Any]]:
    return {e.name: e for e in entities()}


def entity_of(route: Route) -> Entity[Any] | None:
    """What the route writes, by the model it answers with."""
    bases = getattr(route.answer, "__mro__", ())
    return next((e for base in bases for e in by_kind().values() if e.model is base), None)


CHANGES = [r for r in ROUTES if r.method in ("PATCH", "PUT") and r.role not in (None, "developer") and "{id}" in r.path]
ITEMS = [pytest.param(r, id=name_of(r)) for r in CHANGES if entity_of(r) is not None]


def hostile(entity: Entity[Any], settable: frozenset[str]) -> dict[str, Any]:
    """A value for each field that this body may not set."""
    fields = {n for n in entity.model.model_fields if n not in settable} | HOSTILE.keys()
    known = set(entity.model.model_fields) | {"id", "account_id", "created_at", "updated_at", "deleted_at", "version"}
    return {n: HOSTILE.get(n, "hostile") for n in sorted(fields) if n in known}


@pytest.mark.parametrize("route", ITEMS)
def test_a_change_leaves_read_only_fields_as_they_are(world: World, mine: Ids, route: Route) -> None:
    entity = entity_of(route)
    assert entity is not None
    api, tenant = world.api(world.a), world.a
    public_id = mine[entity.name]
    before = tenant.ctx.repository(entity).find(public_id)
    assert before is not None, entity.name
    sent = hostile(entity, entity.patch)
    body = body_for(route.body or route.body_schema, mine, "text") if route.method == "PUT" else {}
    reply = api.ask(route.method, route.path.replace("{id}", public_id), {**body, **{k: v for k, v in sent.items() if k not in body}})
    assert reply.status < 500, reply.body
    after = tenant.ctx.repository(entity).find(public_id)
    assert after is not None
    for name in sent:
        if name not in ("updated_at", "version") and hasattr(before, name):
            assert getattr(after, name) != sent[name], name
            assert route.method == "PUT" or getattr(after, name) == getattr(before, name), name  # PUT empties what others are made of
    assert after.version in (before.version, before.version + 1) and not after.updated_at.startswith("1999")


@pytest.mark.parametrize("route", [pytest.param(r, id=name_of(r)) for r in creates() if entity_of(r) is not None])
def test_a_create_does_not_take_them(world: World, mine: Ids, route: Route) -> None:
    entity = entity_of(route)
    assert entity is not None
    body = body_for(route.body or route.body_schema, mine, "massmade") | EXTRA.get(route.path, {})
    if "email" in body:
        body["email"] = "massmade@nowhere.test"
    taken = set(body) | entity.create | set((route.body or route.body_schema).model_fields)  # type: ignore[union-attr]
    sent = {n: v for n, v in hostile(entity, frozenset(taken)).items() if n not in taken}
    reply = world.api(world.a).post(route.path, {**body, **sent})
    assert reply.status < 500, reply.body
    if reply.status == 201:
        made = world.a.ctx.repository(entity).find(reply.data["id"])
        assert made is not None and made.version == 1 and made.deleted_at is None and not made.created_at.startswith("1999")
        assert not [n for n in sent if getattr(made, n, None) == sent[n] and n != "deleted_at"]


@pytest.mark.parametrize("field", ["tenant", "pk", "role", "__class__", "constructor"])
def test_a_name_that_is_no_field_is_refused(world: World, field: str) -> None:
    assert world.api(world.a).patch("auth/account", {field: "x"}).status == 400
