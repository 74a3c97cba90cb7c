"""Routes as data: what `core.api` dispatches on, what Chalice packages and what the OpenAPI document is made from."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from chalicelib.core.context import Context, Deps
from chalicelib.core.errors import AppError
from chalicelib.core.scope import Scope

BASE = "/api/v1"
JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    """What a handler returns when 200 and plain data are not enough. body: bytes or text sent without the envelope."""

    data: Any = None
    status: int = 200
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """One request as a handler sees it. query and body are instances of the route's models (body: dict when it has none)."""

    deps: Deps
    scope: Scope | None
    path: dict[str, str]
    query: Any
    body: Any
    raw: bytes
    headers: dict[str, str]
    parameters: dict[str, str]
    url: str
    request_id: str
    source_ip: str = ""

    @property
    def ctx(self) -> Context:
        assert self.scope is not None, "a public route has no context"
        return Context(self.scope, self.deps)

    @property
    def id(self) -> str:
        return self.path["id"]

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").split(";")[0].strip().lower()


Handler = Callable[[Call], Any]


@dataclass(frozen=True)
class Route:
    """method and path (without base and trailing slash; `{id}` is the only variable). role: the least that may call, None = public.

    query/body: pydantic models; accepts: content types of the body; answer: model or type of `data`, for the document;
    accepted: that of a 202 which the route gives for some requests;
    errors: what it may raise beyond what every route may. throttle: name of the rate-limit bucket, '' for none.
    body_schema: the body's model, for the document, where the handler itself validates it; enveloped: False for JSON sent as it is.
    secret: the answer holds a credential, so it is kept nowhere, not even under an Idempotency-Key.
    """

    method: str
    path: str
    handler: Handler
    role: str | None
    summary: str
    tag: str
    throttle: str
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    answer: Any = None
    accepted: Any = None
    listed: Any = None
    status: int = 200
    accepts: tuple[str, ...] = (JSON,)
    produces: str = JSON
    body_schema: type[BaseModel] | None = None
    enveloped: bool = True
    secret: bool = False
    errors: tuple[type[AppError], ...] = ()

    @property
    def full_path(self) -> str:
        return f"{BASE}/{self.path}" if self.path else BASE

    @property
    def operation_id(self) -> str:
        words = re.sub(r"[^a-z0-9]+", "_", self.path.replace("{id}", "by_id").lower()).strip("_")
        return f"{self.method.lower()}_{words}"


class Router:
    """Collects the routes of one feature.

    prefix: path below the base; tag: group in the document; throttle: name of the rate-limit bucket.
    """

    def __init__(self, prefix: str, *, tag: str, throttle: str) -> None:
        self.prefix, self.tag, self.throttle = prefix.strip("/"), tag, throttle
        self.routes: list[Route] = []

    def route(self, method: str, *paths: str, role: str | None = "viewer", summary: str, **options: Any) -> Callable[[Handler], Handler]:
        """Declare a handler; further paths are aliases with the same answer."""

        def declare(handler: Handler) -> Handler:
            for path in paths:
                full = "/".join(p for p in (self.prefix, path.strip("/")) if p)
                settings = {"tag": self.tag, "throttle": self.throttle, **options}
                self.routes.append(Route(method, full, handler, role, summary, **settings))
            return handler

        return declare

    def get(self, *paths: str, **options: Any) -> Callable[[Handler], Handler]:
        return self.route("GET", *paths, **options)

    def post(self, *paths: str, role: str | None = "editor", **options: Any) -> Callable[[Handler], Handler]:
        return self.route("POST", *paths, role=role, **options)

    def put(self, *paths: str, role: str | None = "editor", **options: Any) -> Callable[[Handler], Handler]:
        return self.route("PUT", *paths, role=role, **options)

    def patch(self, *paths: str, role: str | None = "editor", **options: Any) -> Callable[[Handler], Handler]:
        return self.route("PATCH", *paths, role=role, **options)

    def delete(self, *paths: str, role: str | None = "editor", **options: Any) -> Callable[[Handler], Handler]:
        return self.route("DELETE", *paths, role=role, **options)
