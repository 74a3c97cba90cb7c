"""The usual routes of a resource, derived from its Entity and Service: list, create, read, change, delete, restore."""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel

from chalicelib.core.answers import answer_model
from chalicelib.core.cursor import binding
from chalicelib.core.entity import Entity
from chalicelib.core.errors import Duplicate, Forbidden, NotFound, PlanLimit, PreconditionFailed, ValidationFailed
from chalicelib.core.listing import Walked
from chalicelib.core.parameters import OWNER_PARAMETERS, PAGE_SIZE, PAGE_SIZE_MAX, list_parameters
from chalicelib.core.repository import ListRequest
from chalicelib.core.routing import Answer, Call, Router
from chalicelib.core.service import Service, reject_unknown

_CREATE_ERRORS = (Duplicate, PlanLimit)
SKIP_MAX_ROWS = 5_000  # how far `page=N` may skip; beyond that a cursor is needed


def _integer(parameters: dict[str, str], name: str, default: int, low: int, high: int) -> int:
    text = parameters.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 12 or not low <= int(text) <= high:
        raise ValidationFailed.field(name, f"must be a whole number from {low} to {high}.")
    return int(text)


def _filters(call: Call, entity: Entity[Any]) -> dict[str, Any]:
    """The filters' parsed values by name. Raises: ValidationFailed; NotFound for an id that names nothing."""
    given, found = call.parameters, {}
    known: dict[tuple[str, str], Any] = {}
    for name, rule in entity.filters.items():
        if name not in given:
            continue
        value = rule.parse(name, given[name])
        if (rule.field, rule.op) in known:  # another name of the same filter
            if known[rule.field, rule.op] != value:
                raise ValidationFailed.field(name, "contradicts another name of the same filter.")
            continue
        if rule.related is not None and call.ctx.repository(rule.related()).find(value) is None:
            raise NotFound(f"{name}: there is no such object.")
        known[rule.field, rule.op] = found[name] = value
    return found


def _list_request(call: Call, service: Service[Any], place: dict[str, Any], rows: int) -> ListRequest:
    """Raises: ValidationFailed naming the parameter and what is allowed, NotFound, Forbidden."""
    entity, given = service.entity, call.parameters
    filters = _filters(call, entity)
    ordering = given.get("ordering", entity.default_ordering)
    if ordering.removeprefix("-") not in entity.orderings:
        allowed = ", ".join(f"{o}, -{o}" for o in entity.orderings)
        raise ValidationFailed.field("ordering", f"must be one of {allowed}.")
    deleted = given.get("deleted", "false")
    if deleted not in ("true", "false"):
        raise ValidationFailed.field("deleted", "must be true or false.")
    if deleted == "true" and not call.ctx.scope.allows("admin"):
        raise Forbidden("Only admins see deleted objects.")
    search = given.get("search", "").strip()
    if len(search) > 200:
        raise ValidationFailed.field("search", "has at most 200 characters.")
    for name in OWNER_PARAMETERS[entity.place.kind]:
        if given.get(name) == "":
            raise ValidationFailed.field(name, "is empty; leave it out to list all.")
    owners = service.owners(given.get("site_id"), given.get("sector_id"))
    return ListRequest(
        owners=owners,
        filters=filters,
        search=search,
        ordering=ordering,
        page_size=rows,
        starts=place.get("p", {}),
        forward=place.get("f", True),
        deleted=deleted == "true",
        budget=service.scan_budget_rows,
    )


def _count(service: Service[Any], request: ListRequest, walked: Walked, after: int) -> tuple[int, str]:
    """The number of objects, and how it is known. after: rows up to the end of this page."""
    if request.forward and not walked.more:
        return after, "exact"
    counted = None if request.search or request.deleted else service.repository.count(request.owners, request.filters)
    if not walked.complete:
        return max(after, counted or 0), "at_least"
    if counted is not None:
        return counted, "maintained"
    return after + request.forward, "at_least"


def list_answer(call: Call, service: Service[Any]) -> Answer:
    """The page a list request asks for, in the list envelope.

    A cursor holds the place in the list (`p`), the direction to go on in (`f`, true: towards the end) and the number of rows before
    the place (`n`).

    Raises: ValidationFailed naming the parameter, NotFound, Forbidden.
    """
    given = call.parameters
    size = _integer(given, "page_size", PAGE_SIZE, 1, PAGE_SIZE_MAX)
    page = _integer(given, "page", 1, 1, 10**9)
    if "page" in given and "cursor" in given:
        raise ValidationFailed.field("page", "give either page or cursor.")
    too_far = ValidationFailed.field("cursor", f"beyond {SKIP_MAX_ROWS} rows, or rare matches, follow `next` (its cursor) instead of page.")
    if page * size > SKIP_MAX_ROWS:
        raise too_far
    cursors = call.ctx.deps.cursors
    bound = binding(call.ctx.tenant, service.entity.name, {k: v for k, v in given.items() if k not in ("cursor", "page", "page_size")})
    place = cursors.decode(given["cursor"], bound) if "cursor" in given else {}
    request = _list_request(call, service, place, size * page)
    walked = service.repository.page(request)
    if page > 1 and not walked.complete:
        raise too_far
    found = len(walked.rows)
    before = place.get("n", 0) if request.forward else max(0, place["n"] - found) if walked.more else 0
    count, kind = _count(service, request, walked, before + found)

    def link(starts: dict[str, Any], onward: bool, number: int) -> str:
        cursor = cursors.encode({"p": starts, "f": onward, "n": number}, bound)
        return call.url + "?" + urlencode({**{k: v for k, v in given.items() if k not in ("cursor", "page")}, "cursor": cursor})

    onward, back = (walked.ends, walked.begins) if request.forward else (walked.begins, walked.ends)
    following = link(onward, True, before + found) if walked.more or not request.forward else None
    preceding = link(back, False, before) if (place if request.forward else walked.more) else None
    if page > 1:  # the rows before were walked too, so the way back is by number
        preceding = call.url + "?" + urlencode({**given, "page": str(page - 1)})
    results = service.present(service.repository.records(walked.rows[size * (page - 1) :]))
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
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise PreconditionFailed('If-Match must be the object\'s version, for example "3".')
    return int(text)


class Deleted(BaseModel):
    """What a delete answers."""

    id: str


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
    answer: type[BaseModel] | None = None,
    verbs: str = "list create get put patch delete restore",
    write_only: Iterable[str] = (),
) -> None:
    """Declare the usual routes of a resource. read/write: least roles; create_body: the model of a create when it
    differs from the record; answer: the model of what `present` answers when that differs; write_only: further fields
    of a change that are never answered (secrets)."""
    wanted = set(verbs.split())
    settable = entity.patch | frozenset(write_only)
    item = f"{path}/{{id}}"
    owners = {"account": set(), "site": {"site_id"}, "sector": {"site_id", "sector_id"}}[entity.place.kind]
    created = create_body or entity.create_shape(owners)
    shown = answer.model_fields if answer is not None else ()

    def one(s: Service[Any], record: Any, status: int = 200) -> Answer:
        return Answer(s.present([record])[0], status=status, headers={"ETag": f'"{record.version}"'})

    def do_list(call: Call) -> Answer:
        return list_answer(call, service(call.ctx))

    def do_create(call: Call) -> Answer:
        s = service(call.ctx)
        allowed = set(created.model_fields) if create_body else set(entity.create) | owners
        return one(s, s.create(reject_unknown(entity, call.body, allowed, answered=shown)), 201)

    def do_get(call: Call) -> Answer:
        s = service(call.ctx)
        return one(s, s.get(call.id))

    def do_put(call: Call) -> Answer:
        s = service(call.ctx)
        body = reject_unknown(entity, call.body, settable, entity.create | owners, answered=shown)
        missing = [n for n in sorted(entity.patch) if n not in body and entity.model.model_fields[n].is_required()]
        if missing:
            raise ValidationFailed(f"{missing[0]}: is required.", fields={n: ["is required."] for n in missing})
        # a status is moved, not described: leaving it out must not send an object back to its beginning
        cleared = {
            n: entity.model.model_fields[n].get_default(call_default_factory=True) for n in entity.patch if n not in body and n != "status"
        }
        return one(s, s.patch(call.id, {**cleared, **{k: v for k, v in body.items() if k in settable}}, if_match=version_wanted(call)))

    def do_patch(call: Call) -> Answer:
        s = service(call.ctx)
        body = reject_unknown(entity, call.body, settable, entity.create | owners, answered=shown)
        return one(s, s.patch(call.id, body, if_match=version_wanted(call)))

    def do_delete(call: Call) -> Answer:
        gone = service(call.ctx).delete(call.id, if_match=version_wanted(call))
        return Answer({"id": gone.id})

    def do_restore(call: Call) -> Answer:
        s = service(call.ctx)
        return one(s, s.restore(call.id))

    noun, answer = entity.name.replace("_", " "), answer or answer_model(entity.model)
    a_noun = f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
    if "list" in wanted:
        router.get(path, role=read, summary=f"List {entity.plural.replace('_', ' ')}", query=list_parameters(entity), listed=answer)(
            do_list
        )
    if "create" in wanted:
        router.post(path, role=write, summary=f"Create {a_noun}", body_schema=created, answer=answer, status=201, errors=_CREATE_ERRORS)(
            do_create
        )
    if "get" in wanted:
        router.get(item, role=read, summary=f"Read {a_noun}", answer=answer)(do_get)
    if "put" in wanted:
        router.put(item, role=write, summary=f"Replace {a_noun}", body_schema=entity.put_shape(), answer=answer, errors=(Duplicate,))(
            do_put
        )
    if "patch" in wanted:
        router.patch(item, role=write, summary=f"Change {a_noun}", body_schema=entity.patch_shape(), answer=answer, errors=(Duplicate,))(
            do_patch
        )
    if "delete" in wanted:
        router.delete(item, role=write, summary=f"Delete {a_noun}", answer=Deleted)(do_delete)
    if "restore" in wanted and entity.soft_delete:
        router.post(f"{item}/restore", role="admin", summary=f"Restore a deleted {noun}", answer=answer, errors=_CREATE_ERRORS)(do_restore)
