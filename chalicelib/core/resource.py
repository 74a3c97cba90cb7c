"""The usual routes of a resource, derived from its Entity and Service: list, create, read, change, delete, restore."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, create_model

from chalicelib.core.cursor import binding
from chalicelib.core.entity import Entity
from chalicelib.core.errors import Forbidden, NotFound, PreconditionFailed, ValidationFailed
from chalicelib.core.repository import ListRequest
from chalicelib.core.routing import Answer, Call, Router
from chalicelib.core.service import Service, reject_unknown

PAGE_SIZE, PAGE_SIZE_MAX = 25, 100
SKIP_MAX_ROWS = 5_000  # how far `page=N` may skip; beyond that a cursor is needed
_OWNER_PARAMETERS = {"account": (), "site": ("site_id",), "sector": ("site_id", "sector_id")}


def list_parameters(entity: Entity[Any]) -> type[BaseModel]:
    """The query parameters of the entity's list, as a model: for validation of names and for the document."""
    fields: dict[str, Any] = {n: (str | None, None) for n in _OWNER_PARAMETERS[entity.place.kind]}
    fields |= {n: (str | None, None) for n in entity.filters}
    fields |= {n: (str | None, None) for n in ("page_size", "page", "cursor", "ordering", "deleted")}
    if entity.search:
        fields["search"] = (str | None, None)
    return create_model(f"{entity.name.title().replace('_', '')}ListParameters", __config__=ConfigDict(extra="forbid"), **fields)


def _integer(parameters: dict[str, str], name: str, default: int, low: int, high: int) -> int:
    text = parameters.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not low <= int(text[:12]) <= high:
        raise ValidationFailed.field(name, f"must be a whole number from {low} to {high}.")
    return int(text)


def list_answer(call: Call, service: Service[Any]) -> Answer:
    """The page a list request asks for, in the list envelope. Raises: ValidationFailed naming the parameter, NotFound, Forbidden."""
    entity, given, ctx = service.entity, call.parameters, call.ctx
    size = _integer(given, "page_size", PAGE_SIZE, 1, PAGE_SIZE_MAX)
    filters: dict[str, Any] = {}
    for name, rule in entity.filters.items():
        if name in given:
            value = rule.parse(name, given[name])
            if any(entity.filters[n].field == rule.field and entity.filters[n].op == rule.op and v != value for n, v in filters.items()):
                raise ValidationFailed.field(name, "contradicts another name of the same filter.")
            if any(entity.filters[n].field == rule.field and entity.filters[n].op == rule.op for n in filters):
                continue
            filters[name] = value
            if rule.related is not None and ctx.repository(rule.related()).find(value) is None:
                raise NotFound(f"{name}: there is no such object.")
    ordering = given.get("ordering", entity.default_ordering)
    if ordering.removeprefix("-") not in entity.orderings:
        allowed = ", ".join(f"{o}, -{o}" for o in entity.orderings)
        raise ValidationFailed.field("ordering", f"must be one of {allowed}.")
    deleted = given.get("deleted", "false")
    if deleted not in ("true", "false"):
        raise ValidationFailed.field("deleted", "must be true or false.")
    if deleted == "true" and not ctx.scope.allows("admin"):
        raise Forbidden("Only admins see deleted objects.")
    search = given.get("search", "").strip()
    if len(search) > 200:
        raise ValidationFailed.field("search", "has at most 200 characters.")
    owners = service.owners(given.get("site_id"), given.get("sector_id"))
    bound = binding(ctx.tenant, entity.name, {k: v for k, v in given.items() if k not in ("cursor", "page", "page_size")})
    place = ctx.deps.cursors.decode(given["cursor"], bound) if "cursor" in given else {}
    page = _integer(given, "page", 1, 1, 10**9)
    if "page" in given and "cursor" in given:
        raise ValidationFailed.field("page", "give either page or cursor.")
    if page * size > SKIP_MAX_ROWS:
        raise ValidationFailed.field("cursor", f"beyond {SKIP_MAX_ROWS} rows follow `next` (its cursor) instead of page.")
    request = ListRequest(
        owners=owners,
        filters=filters,
        search=search,
        ordering=ordering,
        page_size=size * page,
        starts=place.get("p", {}),
        forward=place.get("f", True),
        deleted=deleted == "true",
    )
    walked = service.repository.page(request)
    rows = walked.rows[size * (page - 1) :]
    forward, seen = request.forward, place.get("n")
    first = not place
    before = 0 if first else seen
    total = None if before is None or not forward else before + len(walked.rows)
    counted = None if search or request.deleted else service.repository.count(owners, filters)
    if total is not None and not walked.more and walked.complete:
        count, kind = total, "exact"
    elif counted is not None:
        count, kind = counted, "maintained"
    elif total is not None:
        count, kind = total + (1 if walked.complete and walked.more else 0), "at_least"
    else:
        count, kind = None, "unknown"

    def link(starts: dict[str, Any], onward: bool, number: int | None) -> str:
        cursor = ctx.deps.cursors.encode({"p": starts, "f": onward, **({"n": number} if number is not None else {})}, bound)
        return call.url + "?" + urlencode({**{k: v for k, v in given.items() if k not in ("cursor", "page")}, "cursor": cursor})

    if forward:
        following = link(walked.ends, True, total) if walked.more else None
        preceding = None if first else link(walked.begins, False, None)
        if page > 1:  # the rows before were walked too, so the way back is by number
            preceding = call.url + "?" + urlencode({**given, "page": str(page - 1)})
    else:
        following = link(walked.begins, True, None)
        preceding = link(walked.ends, False, None) if walked.more else None
    results = service.present(service.repository.records(rows))
    return Answer(
        extra={
            "success": True,
            "count": count,
            "count_is": kind,
            "complete": walked.complete,
            "next": following,
            "previous": preceding,
            "results": results,
        }
    )


def version_wanted(call: Call) -> int | None:
    """The version of an If-Match header. Raises: ValidationFailed, PreconditionFailed for a weak or unknown tag."""
    text = call.headers.get("if-match")
    if text is None or text.strip() == "*":
        return None
    text = text.strip().strip('"')
    if not text.isascii() or not text.isdigit():
        raise PreconditionFailed('If-Match must be the object\'s version, for example "3".')
    return int(text)


ServiceFactory = Callable[[Any], Service[Any]]


def resource_routes(
    router: Router,
    path: str,
    service: ServiceFactory,
    entity: Entity[Any],
    *,
    read: str = "viewer",
    write: str = "editor",
    create_body: type[BaseModel] | None = None,
    verbs: str = "list create get put patch delete restore",
) -> None:
    """Declare the usual routes of a resource. read/write: least roles; create_body: the model of a create when it differs from the record."""
    wanted = set(verbs.split())
    item = f"{path}/{{id}}"
    owners = {"account": set(), "site": {"site_id"}, "sector": {"site_id", "sector_id"}}[entity.place.kind]
    created = create_body or entity.create_shape(owners)

    def one(s: Service[Any], record: Any, status: int = 200) -> Answer:
        return Answer(s.present([record])[0], status=status, headers={"ETag": f'"{record.version}"'})

    def do_list(call: Call) -> Answer:
        return list_answer(call, service(call.ctx))

    def do_create(call: Call) -> Answer:
        s = service(call.ctx)
        allowed = set(created.model_fields) if create_body else set(entity.create) | owners
        return one(s, s.create(reject_unknown(entity, call.body, allowed)), 201)

    def do_get(call: Call) -> Answer:
        s = service(call.ctx)
        return one(s, s.get(call.id))

    def do_put(call: Call) -> Answer:
        s = service(call.ctx)
        body = reject_unknown(entity, call.body, entity.patch, entity.create | owners)
        missing = [n for n in sorted(entity.patch) if n not in body and entity.model.model_fields[n].is_required()]
        if missing:
            raise ValidationFailed(f"{missing[0]}: is required.", fields={n: ["is required."] for n in missing})
        cleared = {n: entity.model.model_fields[n].get_default(call_default_factory=True) for n in entity.patch if n not in body}
        return one(s, s.patch(call.id, {**cleared, **{k: v for k, v in body.items() if k in entity.patch}}, if_match=version_wanted(call)))

    def do_patch(call: Call) -> Answer:
        s = service(call.ctx)
        body = reject_unknown(entity, call.body, entity.patch, entity.create | owners)
        return one(s, s.patch(call.id, body, if_match=version_wanted(call)))

    def do_delete(call: Call) -> Answer:
        gone = service(call.ctx).delete(call.id, if_match=version_wanted(call))
        return Answer({"id": gone.id})

    def do_restore(call: Call) -> Answer:
        s = service(call.ctx)
        return one(s, s.restore(call.id))

    noun, answer = entity.name.replace("_", " "), entity.model
    if "list" in wanted:
        router.get(path, role=read, summary=f"List {entity.plural}", query=list_parameters(entity), listed=answer)(do_list)
    if "create" in wanted:
        router.post(path, role=write, summary=f"Create a {noun}", body=None, answer=answer, status=201)(do_create)
    if "get" in wanted:
        router.get(item, role=read, summary=f"Read a {noun}", answer=answer)(do_get)
    if "put" in wanted:
        router.put(item, role=write, summary=f"Replace a {noun}", answer=answer)(do_put)
    if "patch" in wanted:
        router.patch(item, role=write, summary=f"Change a {noun}", answer=answer)(do_patch)
    if "delete" in wanted:
        router.delete(item, role=write, summary=f"Delete a {noun}", answer=answer)(do_delete)
    if "restore" in wanted and entity.soft_delete:
        router.post(f"{item}/restore", role="admin", summary=f"Restore a deleted {noun}", answer=answer)(do_restore)
