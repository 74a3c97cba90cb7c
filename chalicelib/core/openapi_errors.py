"""Which errors a route may answer with, and their place in the OpenAPI document: one shared response for each set of codes."""

from typing import Any

from chalicelib.core.errors import (
    AccountInactive,
    AppError,
    Conflict,
    Forbidden,
    IdempotencyMismatch,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    OutOfCredits,
    PlanLimit,
    PreconditionFailed,
    Throttled,
    TooLarge,
    UnsupportedMediaType,
    UpstreamUnavailable,
    ValidationFailed,
)
from chalicelib.core.idempotency import applies
from chalicelib.core.routing import Route

Json = dict[str, Any]
REQUEST_ID = "0f9a3c1e-6d0b-4c58-9a57-2f6f3d1c7b42"
THROTTLE_HEADERS = ("X-Throttle-Limit", "X-Throttle-Remaining", "X-Throttle-Reset")
_WAITING = frozenset({409, 429, 503})
_EXTRA: dict[type[AppError], Json] = {
    ValidationFailed: {"fields": {"name": ["is required."]}},
    OutOfCredits: {"required": 120, "available": 80},
    PlanLimit: {"limit": 5, "used": 5},
    Throttled: {"retry_after_seconds": 12},
}


def versioned(route: Route) -> bool:
    """Whether a route honours If-Match: whatever changes or deletes one object."""
    return route.role is not None and (route.method in ("PUT", "PATCH") or (route.method == "DELETE" and route.path.endswith("}")))


def takes_body(route: Route) -> bool:
    return route.method in ("POST", "PUT", "PATCH") or (route.method == "DELETE" and (route.body_schema or route.body) is not None)


def errors_of(route: Route) -> dict[int, list[type[AppError]]]:
    """Status -> errors, from what the dispatcher does for every such route and what the route declares."""
    found: list[type[AppError]] = [ValidationFailed, MethodNotAllowed, AppError, UpstreamUnavailable]
    if route.role is not None:
        found += [NotAuthenticated, Forbidden, AccountInactive, NotFound]
        if route.method != "GET":
            found.append(Conflict)
    if applies(route):
        found.append(IdempotencyMismatch)
    if versioned(route):
        found.append(PreconditionFailed)
    if takes_body(route):
        found += [TooLarge, UnsupportedMediaType]
    if route.throttle:
        found.append(Throttled)
    by_status: dict[int, list[type[AppError]]] = {}
    for error in (*found, *route.errors):
        known = by_status.setdefault(error.status, [])
        if error.code not in (k.code for k in known):
            known.append(error)
    return dict(sorted(by_status.items()))


class ErrorResponses:
    """The document's shared error responses, made as they are asked for."""

    def __init__(self) -> None:
        self.components: dict[str, Json] = {}

    def reference(self, status: int, errors: list[type[AppError]]) -> Json:
        codes = sorted(error.code for error in errors)
        name = f"Error{status}_{'_or_'.join(codes)}"
        if name not in self.components:
            self.components[name] = _response(status, sorted(errors, key=lambda e: e.code))
        return {"$ref": f"#/components/responses/{name}"}


def _response(status: int, errors: list[type[AppError]]) -> Json:
    narrowed = {"type": "object", "properties": {"code": {"enum": [e.code for e in errors]}}}
    headers = (*THROTTLE_HEADERS, "Retry-After") if status in _WAITING else THROTTLE_HEADERS
    return {
        "description": " ".join(f"`{e.code}`: {e.default}" for e in errors),
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in headers},
        "content": {
            "application/json": {
                "schema": {
                    "allOf": [{"$ref": "#/components/schemas/Error"}, {"type": "object", "properties": {"error": narrowed}}],
                },
                "examples": {e.code: {"value": _example(e)} for e in errors},
            }
        },
    }


def _example(error: type[AppError]) -> Json:
    return {
        "success": False,
        "error": {"code": error.code, "message": error.default, **_EXTRA.get(error, {})},
        "request_id": REQUEST_ID,
    }


ERROR_SCHEMA: Json = {
    "type": "object",
    "description": "Every answer of 400 and above. `error` may hold more, for example `required` and `available` of a 402.",
    "required": ["success", "error", "request_id"],
    "properties": {
        "success": {"const": False},
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string", "description": "For programs: snake_case, stable."},
                "message": {"type": "string", "description": "For a person."},
                "fields": {
                    "type": "object",
                    "description": "Name of a field or parameter -> what is wrong with it.",
                    "additionalProperties": {"type": "array", "items": {"type": "string"}},
                },
            },
        },
        "request_id": {"type": "string", "description": "Name it when you report a problem."},
    },
}
