"""Calls the API over HTTP and holds every answer to the envelope and to the server's own OpenAPI document; remembers what was reached."""

import os
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
from jsonschema import Draft202012Validator

BASE = "/api/v1/"
TIMEOUT_SECONDS = 60
DONE_SECONDS = int(os.environ.get("DONE_SECONDS") or 60)  # how long work may take that is asked for
ENVELOPE = {"success", "data", "message", "request_id"}
LIST = {"success", "count", "count_is", "complete", "next", "previous", "results", "request_id"}
Route = tuple[str, str]


@dataclass(frozen=True)
class Reply:
    """status, headers and body of an answer; body is the JSON, or the bytes where there is none."""

    status: int
    headers: Any
    body: Any

    @property
    def data(self) -> Any:
        return self.body["data"]

    @property
    def error(self) -> Any:
        return self.body["error"]

    @property
    def results(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.body["results"]
        return found

    def bare(self) -> Any:
        """The body without what differs between two answers to one question."""
        return {name: value for name, value in self.body.items() if name != "request_id"}


@dataclass
class Surface:
    """The OpenAPI document of the server under test. reached: method and path template of every answer below 400."""

    document: dict[str, Any]
    reached: set[Route] = field(default_factory=set)
    _validators: dict[tuple[Route, str], Draft202012Validator | None] = field(default_factory=dict)

    @property
    def routes(self) -> set[Route]:
        return {(method.upper(), path) for path, operations in self.document["paths"].items() for method in operations}

    def template(self, method: str, path: str) -> str | None:
        """The declared path that this one is, a fixed name before a variable."""
        parts = path.strip("/").split("/")
        found = [
            declared
            for declared, operations in self.document["paths"].items()
            if method.lower() in operations and _fits(declared.strip("/").split("/"), parts)
        ]
        return min(found, key=lambda declared: declared.count("{"), default=None)

    def check(self, method: str, path: str, reply: Reply) -> None:
        """Raises: AssertionError when the answer is not in the declared form."""
        template = self.template(method, path)
        if template is None:
            return
        route = (method, template)
        said = f"{method} {path} {reply.status}"
        declared = self.document["paths"][template][method.lower()]["responses"]
        assert str(reply.status) in declared, f"{said} is not declared: {reply.body!r:.500}"
        if reply.status < 400:
            self.reached.add(route)
        if isinstance(reply.body, bytes):
            return
        validator = self._validator(route, str(reply.status))
        problems = [f"{list(e.absolute_path)}: {e.message[:200]}" for e in validator.iter_errors(reply.body)] if validator else []
        assert not problems, f"{said}: {problems[:5]}"
        if template != f"{BASE}openapi.json":
            _check_envelope(said, reply)

    def _validator(self, route: Route, status: str) -> Draft202012Validator | None:
        if (route, status) not in self._validators:
            response = self.document["paths"][route[1]][route[0].lower()]["responses"][status]
            while "$ref" in response:
                response = self.document["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
            schema = response.get("content", {}).get("application/json", {}).get("schema")
            made = Draft202012Validator({**schema, "components": self.document["components"]}) if schema else None
            self._validators[route, status] = made
        return self._validators[route, status]


def _fits(declared: list[str], parts: list[str]) -> bool:
    return len(declared) == len(parts) and all(d.startswith("{") or d == p for d, p in zip(declared, parts, strict=True))


def _check_envelope(said: str, reply: Reply) -> None:
    body = reply.body
    assert body["request_id"], said
    if reply.status >= 400:
        assert set(body) == {"success", "error", "request_id"} and body["success"] is False, (said, body)
        assert body["error"]["code"].replace("_", "").isalpha() and body["error"]["message"], (said, body)
    elif "results" in body:
        assert set(body) == LIST and body["success"] is True, (said, sorted(body))
    else:
        assert set(body) <= ENVELOPE and body["success"] is True and "data" in body, (said, sorted(body))


class Api:
    """One caller: a token or none. Calls succeed unless `status` says otherwise."""

    def __init__(self, base: str, surface: Surface, token: str = "", headers: dict[str, str] | None = None) -> None:
        self.base, self.surface, self.token, self.headers = base.rstrip("/"), surface, token, headers or {}
        self.session = requests.Session()

    def sign_in(self, email: str, password: str) -> "Api":
        return self.bearer(self.post("auth/login/", {"email": email, "password": password}).data["access"])

    def bearer(self, token: str) -> "Api":
        return Api(self.base, self.surface, token)

    def crossing(self, account_id: str) -> "Api":
        """The same caller in another account."""
        return Api(self.base, self.surface, self.token, {"X-Account-Id": account_id})

    def get(self, path: str, status: int | None = None, **parameters: Any) -> Reply:
        return self.call("GET", path, status=status, params=parameters)

    def post(self, path: str, body: Any = None, status: int | None = None, **options: Any) -> Reply:
        return self.call("POST", path, body, status=status, **options)

    def put(self, path: str, body: Any, status: int | None = None, **options: Any) -> Reply:
        return self.call("PUT", path, body, status=status, **options)

    def patch(self, path: str, body: Any, status: int | None = None, **options: Any) -> Reply:
        return self.call("PATCH", path, body, status=status, **options)

    def delete(self, path: str, body: Any = None, status: int | None = None, **options: Any) -> Reply:
        return self.call("DELETE", path, body, status=status, **options)

    def call(
        self, method: str, path: str, body: Any = None, *, status: int | None = None, headers: dict[str, str] | None = None, **options: Any
    ) -> Reply:
        """options: of `requests`, such as params, data and files."""
        url = path if path.startswith("http") else self.base + BASE + path
        sent = {**({"Authorization": f"Bearer {self.token}"} if self.token else {}), **self.headers, **(headers or {})}
        if body is not None:
            options["json"] = body
        got = self.session.request(method, url, headers=sent, allow_redirects=False, timeout=TIMEOUT_SECONDS, **options)
        is_json = got.headers.get("content-type", "").startswith("application/json") and got.content
        reply = Reply(got.status_code, got.headers, got.json() if is_json else got.content)
        assert reply.status == status if status else reply.status < 400, f"{method} {path} {reply.status}: {reply.body!r:.700}"
        self.surface.check(method, urlsplit(url).path.removeprefix(urlsplit(self.base).path), reply)
        return reply

    def progress(self, task_id: str) -> dict[str, Any]:
        """The closed task, once it is."""
        deadline, pause = time.monotonic() + DONE_SECONDS, 0.05
        while True:
            shown: dict[str, Any] = self.get(f"system/settings/task_progress/{task_id}/").data
            if shown["state"] in ("succeeded", "failed"):
                return shown
            assert time.monotonic() < deadline, shown
            time.sleep(pause)
            pause = min(0.5, pause * 1.4)  # asking takes time from the server that is asked

    def done(self, path: str, body: Any = None, **options: Any) -> dict[str, Any]:
        """Ask for asynchronous work and wait until it has succeeded. Returns the closed task."""
        asked = self.post(path, body, status=202, **options).data
        shown = self.progress(asked["task_id"])
        assert shown["state"] == "succeeded", shown
        return {**shown, "accepted": asked["accepted"]}

    def every(self, path: str, **parameters: Any) -> list[dict[str, Any]]:
        """All objects of a list, page after page."""
        page = self.call("GET", path, params={"page_size": 100, **parameters})
        found = page.results
        while page.body["next"]:
            page = self.get(page.body["next"])
            found = found + page.results
        return found
