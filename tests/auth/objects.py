"""Objects of every kind in a tenant, made through the declared create routes, and bodies that those routes accept."""

import re
import sys
import types
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from chalicelib.billing.credits import Ledger
from chalicelib.core.entity import Entity, Record
from chalicelib.core.ids import random_id
from chalicelib.core.routing import Route
from chalicelib.system.progress import open_task
from tests.auth.conftest import PASSWORD, Tenant, World
from tests.auth.routes import ID_FIELDS, LISTED, ROUTES, Slot

Ids = dict[str, str]  # kind -> id of the tenant's object of that kind
GLOBAL_FIELDS = {"industry": "coffee", "industry_sector": "coffee.espresso-machines", "plan": "system"}
SPECIAL: dict[str, Any] = {
    "email": "somebody@nowhere.test",
    "slug": "made-slug",
    "target": "static",
    "url": "https://site.example",
    "prompt_type": "auto_cluster",
    "country": "us",
    "keyword": "made keyword",
    "code": "123456",
    "domain": "made.example",
}

EXTRA = {"planner/keywords": {"keyword": "made keyword"}, "auth/users": {"password": PASSWORD}}  # what a create needs besides


def body_for(model: type[BaseModel] | None, ids: Ids, text: str, *, whole: bool = False) -> dict[str, Any]:
    """A body of the model: the required fields and every field that names an object. whole: the optional ones that do so as well."""
    body: dict[str, Any] = {}
    for name, info in (model.model_fields if model else {}).items():
        key = info.alias or name
        named = _object(key, ids)
        if named is not None and (info.is_required() or whole or key in ("site_id", "sector_id")):
            body[key] = named
        elif info.is_required():
            body[key] = SPECIAL.get(key, _value(info.annotation, text))
    return body


def _object(name: str, ids: Ids) -> Any:
    if name in GLOBAL_FIELDS:
        return GLOBAL_FIELDS[name]
    if name == "ids":
        return [i for i in (ids.get("keyword"),) if i] or None
    kind = ID_FIELDS.get(name) or name.removesuffix("s").removesuffix("_id")
    if kind not in ids or not (name in ID_FIELDS or name.endswith(("_id", "_ids"))):
        return None
    return [ids[kind]] if name.endswith("_ids") or name in LISTED else ids[kind]


def _value(annotation: Any, text: str) -> Any:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return args[0]
    if origin in (Union, types.UnionType):
        return _value(next(a for a in args if a is not type(None)), text)
    if origin is list:
        return [_value(args[0], text)]
    if origin is dict or annotation is dict:
        return {}
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return next(iter(annotation)).value
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return body_for(annotation, {}, text)
    return {int: 1, float: 1.0, bool: True}.get(annotation, text)


def creates() -> list[Route]:
    """The POST routes of resources: those that have a list beside them."""
    lists = {r.path for r in ROUTES if r.method == "GET" and r.listed is not None}
    return [r for r in ROUTES if r.method == "POST" and r.path in lists and r.role not in (None, "developer")]


def populate(world: World, tenant: Tenant, secret: str, known: Ids | None = None) -> Ids:
    """An object of every kind, named by the secret word. known: objects that are there already, by kind; only the other kinds are made.

    Raises: AssertionError when a create route takes no body of ours."""
    api = world.api(tenant)
    ids: Ids = {"site": tenant.site_id, "sector": tenant.sector_id, "user": tenant.users["viewer"][0]}
    ids |= known or {}
    waiting, refused = [r for r in creates() if known is None or _kind(r) not in ids], {}
    for _ in range(4):  # some need what others make
        still = []
        for route in waiting:
            body = body_for(route.body or route.body_schema, ids, secret, whole=True)
            body |= EXTRA.get(route.path, {})
            if "email" in body:
                body["email"] = f"{secret}@nowhere.test"
            if route.path == "auth/site-access":
                body["user"] = tenant.users["admin"][0]
            reply = api.post(route.path, body)
            if reply.status == 201:
                ids.setdefault(_kind(route), reply.data["id"])
            else:
                still.append(route)
                refused[route.path] = reply.body
        waiting = still
    assert not waiting, {r.path: refused[r.path] for r in waiting}
    for entity in sorted(entities(), key=lambda e: e.name == "image"):
        if entity.name not in ids:
            ids[entity.name] = _stored(world, tenant, entity, ids, secret)
    if known is not None:
        return ids
    ledger = Ledger(world.deps.table, tenant.id, world.deps.clock)
    for n in range(3):
        ledger.grant(f"{secret}-{n}", 5, kind="purchase")
    operation = f"op-{secret}"
    ledger.reserve(operation, 1, details={"operation_type": "idea"})
    ledger.commit(operation, 1, result={}, usage={})
    return {**ids, "task_progress": open_task(tenant.ctx, "auto_cluster", 1), "credit_usage": operation, "credit_transaction": f"{4:012d}"}


def entities() -> list[Entity[Any]]:
    """Every declared resource of tenants that people do not make by a create route of its own: contents, images, runs and the like."""
    modules = [m for name, m in sys.modules.items() if name.startswith("chalicelib.")]
    found = {id(v): v for m in modules for v in vars(m).values() if isinstance(v, Entity)}
    apart = {"account", "credit_usage", "credit_transaction"}
    return [e for e in found.values() if e.name not in apart and e.place.lists("a", "") != e.place.lists("b", "")]


def _stored(world: World, tenant: Tenant, entity: Entity[Any], ids: Ids, secret: str) -> str:
    repository = tenant.ctx.repository(entity)
    owner = {"account": "", "site": tenant.site_id, "sector": tenant.sector_id}[entity.place.kind]
    given = {n: i for n, i in entity.model.model_fields.items() if n not in Record.model_fields and n not in ("site_id", "sector_id")}
    fields = {n: _object(n, ids) or SPECIAL.get(n, _value(i.annotation, secret)) for n, i in given.items() if i.is_required()}
    tail = f"{ids['content']}-f0" if entity.name == "image" else None  # an image's id is made of its content's
    return str(repository.create(repository.new(owner, tail, **fields)).id)


def _kind(route: Route) -> str:
    """The entity's name, by the record that the route answers with, or one made of it."""
    found = {v.model: v.name for m in list(sys.modules.values()) for v in vars(m).values() if isinstance(v, Entity)}
    return next(str(found[base]) for base in route.answer.__mro__ if base in found)


def request(slot: Slot, mine: Ids, value: str, secret: str) -> tuple[str, dict[str, Any] | None]:
    """Path and body that hold `value` at the slot and else only what the asking tenant owns."""
    route = slot.route
    model: Any = route.body or route.body_schema
    body = None if route.method == "GET" else {**body_for(model, mine, secret), **EXTRA.get(route.path, {})}
    if body and "slug" in body:
        body["slug"] = f"made-{random_id(8)}"  # what is taken would be told first
    path, query = route.path, dict(_query(route, mine))
    if slot.where == "path":
        path = path.replace("{id}", value)
    elif "{id}" in path:
        path = path.replace("{id}", _own(route, mine))
    if slot.where == "query":
        query[slot.name] = value
    elif slot.where == "body" and body is not None:
        body[slot.name] = [value] if slot.listed else value
    path = re.sub(r"\{\w+\}", "1", path)  # other variables are numbers
    parameters = "&".join(f"{k}={v}" for k, v in query.items())
    return path + (f"?{parameters}" if parameters else ""), body


def _query(route: Route, mine: Ids) -> dict[str, str]:
    if route.query is None or route.listed is not None:
        return {}
    required = {n: i for n, i in route.query.model_fields.items() if i.is_required()}
    return {n: str(_object(n, mine) or _value(i.annotation, "text")) for n, i in required.items()}


def _own(route: Route, mine: Ids) -> str:
    """An object of the asking tenant for the path, where another place is under test."""
    nouns = route.path.split("/{id}")[0].rsplit("/", 1)[-1]
    kinds = {"keywords": "keyword", "clusters": "cluster", "ideas": "idea", "tasks": "task", "content": "content", "images": "image"}
    kinds |= {"sites": "site", "sectors": "sector", "users": "user", "author-profiles": "author_profile", "connections": "connection"}
    return mine.get(kinds.get(nouns, nouns), "0000000000")
