"""HTTP: one dispatcher for all routes, so that every request gets an answer in one shape.

It takes the place of Chalice's own dispatcher (`Igny8.__call__`), which answers errors, unknown media types and unknown methods in
bodies of its own and never shows exceptions to middleware; Chalice still packages the routes and runs workers.
"""

import base64
import json
import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from chalice import Chalice
from pydantic import BaseModel, ValidationError

from chalicelib.core.context import Deps
from chalicelib.core.entity import invalid
from chalicelib.core.envelope import failure, rendered, success
from chalicelib.core.errors import AppError, MethodNotAllowed, NotFound, TooLarge, UnsupportedMediaType, ValidationFailed
from chalicelib.core.observability import logger
from chalicelib.core.routing import JSON, Answer, Call, Route
from chalicelib.core.scope import Scope

MAX_JSON_BYTES = 1_000_000
MAX_JSON_DEPTH = 20  # DynamoDB nests 32 levels
MAX_JSON_NUMBER = 10**30
BINARY_TYPES = [
    "multipart/form-data",
    "application/octet-stream",
    "application/zip",
    "text/csv",
    "image/png",
    "image/jpeg",
    "image/webp",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
]
# On every answer, for whoever opens its address in a browser: nothing is taken for a page, runs, is framed or tells where it was.
SAFETY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",  # browsers heed it over HTTPS alone
}
Authenticate = Callable[[Deps, dict[str, str]], Scope]
Around = Callable[[Call, Route, Callable[[], Answer]], Answer]  # wraps a handler: throttling, idempotency


class Igny8(Chalice):  # type: ignore[misc]
    """The Chalice app with our dispatcher. Configure it once by `serve`."""

    def serve(self, routes: Iterable[Route], deps: Callable[[], Deps], authenticate: Authenticate, around: Iterable[Around] = ()) -> None:
        """Register the routes. Raises: ValueError for two routes at one method and path."""
        self._deps, self._authenticate, self._around = deps, authenticate, tuple(around)
        self.table: dict[str, dict[str, Route]] = {}
        self.api.binary_types = BINARY_TYPES
        for route in routes:
            methods = self.table.setdefault(route.full_path, {})
            if route.method in methods:
                raise ValueError(f"two routes for {route.method} {route.full_path}")
            methods[route.method] = route
        for path, methods in self.table.items():
            self.route(path, methods=_methods(methods), content_types=["*/*"], name=_view_name(path))(_packaged_only)

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """API Gateway proxy event in, proxy answer out; never raises."""
        request_id = (event.get("requestContext") or {}).get("requestId") or str(uuid.uuid4())
        headers = {k.lower(): v for k, v in (event.get("headers") or {}).items()}
        logger().append_keys(request_id=request_id)
        try:
            answer = self._answer(event, headers, request_id)
        except Exception as error:
            answer = failure(error)
        try:
            sent = self._proxy(answer, headers, request_id)
        except Exception:
            logger().exception("an answer that cannot be sent")
            sent = self._proxy(failure(AppError()), {}, request_id)
        finally:
            logger().remove_keys(["request_id", "tenant", "user"])
        if (event.get("requestContext") or {}).get("httpMethod") == "HEAD":
            sent["body"] = ""
        return sent

    def _answer(self, event: dict[str, Any], headers: dict[str, str], request_id: str) -> Answer:
        place = event["requestContext"]
        methods = self.table.get(place.get("resourcePath", "").rstrip("/"))
        if methods is None:
            raise NotFound("There is no such route.")
        method = place["httpMethod"]
        if method == "OPTIONS":
            return Answer(status=204, body="", headers={"Allow": ", ".join(_methods(methods))})
        route = methods.get("GET" if method == "HEAD" else method)
        if route is None:
            return replace(failure(MethodNotAllowed()), headers={"Allow": ", ".join(_methods(methods))})
        deps = self._deps()
        scope = self._authenticate(deps, headers) if route.role is not None else None
        if scope is not None:
            logger().append_keys(tenant=scope.tenant, user=scope.user_id)
        call = Call(
            deps=deps,
            scope=scope,
            path=event.get("pathParameters") or {},
            query=None,
            body=None,
            raw=_raw_body(event),
            headers=headers,
            parameters={name: values[-1] for name, values in _parameters(event).items()},
            url=_url(event, headers, deps),
            request_id=request_id,
            source_ip=(place.get("identity") or {}).get("sourceIp") or "",
        )

        def handle() -> Answer:
            """Everything that can be refused or fail, so that what wraps it sees every answer."""
            try:
                if scope is not None and route.role is not None:
                    scope.need(route.role)
                _reject_repeated(event)
                checked = replace(call, query=_query(route, call.parameters), body=_body(route, headers, call.raw))
                return success(route.handler(checked), route.status)
            except Exception as error:
                return failure(error)

        act: Callable[[], Answer] = handle
        for wrap in self._around:
            act = _around(wrap, call, route, act)
        return act()

    def _proxy(self, answer: Answer, headers: dict[str, str], request_id: str) -> dict[str, Any]:
        out = {
            "Content-Type": JSON,
            "Cache-Control": "no-store",
            **SAFETY_HEADERS,
            "Vary": "Origin",
            **self._cors(headers),
            **answer.headers,
        }
        text = rendered(answer, request_id)
        return {"statusCode": answer.status, "headers": out, "multiValueHeaders": {}, "body": text, "isBase64Encoded": False}

    def _cors(self, headers: dict[str, str]) -> dict[str, str]:
        origin = headers.get("origin")
        if not origin:
            return {}
        origins = self._deps().config.origins
        if origin not in origins and "*" not in origins:
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Max-Age": "600",
            "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
            "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, If-Match, X-Account-Id",
            "Access-Control-Expose-Headers": "ETag, X-Throttle-Limit, X-Throttle-Remaining, X-Throttle-Reset, Retry-After, Location, "
            "Idempotent-Replayed, Content-Disposition",
        }


def _packaged_only(**path: str) -> None:
    raise RuntimeError("Chalice's own dispatcher is not used")


def _methods(methods: Iterable[str]) -> list[str]:
    """What a path answers to: its routes' methods, HEAD where there is GET, OPTIONS."""
    return [m for known in methods for m in ((known, "HEAD") if known == "GET" else (known,))] + ["OPTIONS"]


def _view_name(path: str) -> str:
    return path.strip("/").replace("/", "_").replace("{", "").replace("}", "").replace("-", "_") or "root"


def _around(wrap: Around, call: Call, route: Route, act: Callable[[], Answer]) -> Callable[[], Answer]:
    def run() -> Answer:
        try:
            return wrap(call, route, act)
        except Exception as error:
            return failure(error)

    return run


def _raw_body(event: dict[str, Any]) -> bytes:
    body = event.get("body")
    if body is None:
        return b""
    if event.get("isBase64Encoded"):
        return base64.b64decode(body)
    return body if isinstance(body, bytes) else body.encode()


def _parameters(event: dict[str, Any]) -> dict[str, list[str]]:
    many: dict[str, list[str]] | None = event.get("multiValueQueryStringParameters")
    return many or {name: [value] for name, value in (event.get("queryStringParameters") or {}).items()}


def _reject_repeated(event: dict[str, Any]) -> None:
    """Raises: ValidationFailed when a query parameter is given twice."""
    for name, values in _parameters(event).items():
        if len(values) > 1:
            raise ValidationFailed.field(name, "is given more than once.")


def _query(route: Route, parameters: dict[str, str]) -> BaseModel | dict[str, str] | None:
    if route.query is None:
        if parameters:
            name = next(iter(parameters))
            raise ValidationFailed.field(name, "is not a parameter of this route, which takes none.")
        return None
    allowed = {f.alias or n for n, f in route.query.model_fields.items()}
    if route.query.model_config.get("extra") != "allow":
        for name in parameters:
            if name not in allowed:
                raise ValidationFailed.field(name, f"is not a parameter here; allowed: {', '.join(sorted(allowed))}.")
    try:
        return route.query.model_validate(parameters)
    except ValidationError as error:
        raise invalid(error) from None


def _body(route: Route, headers: dict[str, str], raw: bytes) -> Any:
    if route.method not in ("POST", "PUT", "PATCH", "DELETE"):
        return None
    given = headers.get("content-type", JSON).split(";")[0].strip().lower()
    if raw and given not in route.accepts:
        raise UnsupportedMediaType(f"{given or 'no content type'} is not supported here; send {' or '.join(route.accepts)}.")
    if given != JSON and (raw or JSON not in route.accepts):
        return None
    if len(raw) > MAX_JSON_BYTES:
        raise TooLarge(f"A JSON body has at most {MAX_JSON_BYTES} bytes.")
    try:
        data = json.loads(raw) if raw else {}
    except (ValueError, RecursionError):
        raise ValidationFailed.field("body", "is not valid JSON.") from None
    _check_json(data)
    if not isinstance(data, dict):
        raise ValidationFailed.field("body", "must be a JSON object.")
    if route.body is None:
        return data
    try:
        return route.body.model_validate(data)
    except ValidationError as error:
        raise invalid(error) from None


def _check_json(value: Any, depth: int = 0) -> None:
    """Raises: ValidationFailed for what Python reads as JSON and nobody can store or answer: NaN and other numbers out of range,
    halves of surrogate pairs, very deep nesting."""
    if depth > MAX_JSON_DEPTH:
        raise ValidationFailed.field("body", f"is nested more than {MAX_JSON_DEPTH} levels deep.")
    if isinstance(value, dict):
        for name, part in value.items():
            _check_json(name, depth)
            _check_json(part, depth + 1)
    elif isinstance(value, list):
        for part in value:
            _check_json(part, depth + 1)
    elif isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValidationFailed.field("body", "holds text that is not valid Unicode.") from None
    elif isinstance(value, int | float) and not abs(value) < MAX_JSON_NUMBER:
        raise ValidationFailed.field("body", "holds a number that is out of range.")


def _url(event: dict[str, Any], headers: dict[str, str], deps: Deps) -> str:
    """The request's address as the caller sees it, without the query."""
    path = (event.get("requestContext") or {}).get("path") or event.get("path") or ""
    if not path.endswith("/"):
        path += "/"
    if deps.config.public_url:
        return deps.config.public_url.rstrip("/") + quote(path)
    scheme = "http" if deps.config.is_local and headers.get("x-forwarded-proto") != "https" else "https"
    return f"{scheme}://{headers.get('host', 'localhost')}{quote(path)}"
