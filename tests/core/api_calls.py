"""A small application on the real dispatcher, and requests to it as API Gateway sends them."""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from chalicelib.core.api import Around, Igny8
from chalicelib.core.context import Deps
from chalicelib.core.errors import NotAuthenticated
from chalicelib.core.routing import Route
from chalicelib.core.scope import Scope
from infra.local.api_server import Routes


@dataclass(frozen=True)
class Reply:
    """body: as text; headers: names in lower case."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Client:
    """Calls `app` as `users[token]`, whose scope `authenticate` answers."""

    app: Igny8
    token: str = ""
    ip: str = "203.0.113.7"
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """body: dict as JSON, bytes as they are. Names of headers with `_` for `-`."""
        parts = urlsplit(path)
        found = Routes(self.app.table).match(parts.path)
        route, values = found if found else ("", {})
        raw = json.dumps(body).encode() if isinstance(body, dict | list) else body or b""
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}, "Host": "api.test"}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        query: dict[str, list[str]] = {}
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            query.setdefault(name, []).append(value)
        answer = self.app(
            {
                "headers": sent,
                "pathParameters": values or None,
                "multiValueQueryStringParameters": query or None,
                "body": base64.b64encode(raw).decode() if raw else None,
                "isBase64Encoded": True,
                "requestContext": {
                    "resourcePath": route,
                    "httpMethod": method,
                    "path": parts.path,
                    "identity": {"sourceIp": self.ip},
                },
            },
            None,
        )
        return Reply(answer["statusCode"], {k.lower(): v for k, v in answer["headers"].items()}, answer["body"])


def application(routes: Iterable[Route], deps: Deps, users: dict[str, Scope], around: Iterable[Around] = ()) -> Igny8:
    """users: bearer token -> scope."""

    def authenticate(_: Deps, headers: dict[str, str]) -> Scope:
        token = headers.get("authorization", "").removeprefix("Bearer ")
        if token not in users:
            raise NotAuthenticated()
        return users[token]

    app = Igny8(app_name="toy", configure_logs=False)
    app.serve(routes, lambda: deps, authenticate, around)
    return app
