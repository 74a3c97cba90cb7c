"""Serves the Chalice application on 127.0.0.1 as API Gateway would: routes, limits, binary bodies, preflights.

Chalice's own local server builds its router anew for each connection, leaks path values between routes it tries, does not
decode them and keeps the current request in one global; here the event is built as API Gateway builds it.
"""

import base64
import json
import logging
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from infra.local.template import ACCOUNT, REGION
from infra.uses import acting

log = logging.getLogger(__name__)

# Source: API Gateway, "Quotas for configuring and running a REST API": payload size 10 MB
MAX_BODY_BYTES = 10 * 1024 * 1024
# What a refused upload may still send before we close the connection, so that the client gets to read the answer.
_SWALLOW_BYTES = 70 * 1024 * 1024
_CHUNK = 256 * 1024
_TIMEOUT_SECONDS = 29  # Source: API Gateway, integration timeout


@dataclass(frozen=True)
class Page:
    """An answer of the server itself, outside the API (the landing page, an article of the demo site)."""

    body: bytes
    mime: str = "text/html; charset=utf-8"
    status: int = 200


PageSource = Callable[[str], Page | None]


class Routes:
    """Finds the route of a path; at each position a fixed name goes before a variable, as in API Gateway."""

    def __init__(self, urls: Iterable[str]) -> None:
        self._by_length: dict[int, list[tuple[str, list[str]]]] = {}
        for url in urls:
            parts = url.strip("/").split("/")
            self._by_length.setdefault(len(parts), []).append((url, parts))
        for found in self._by_length.values():
            found.sort(key=lambda entry: [part.startswith("{") for part in entry[1]])

    def match(self, path: str) -> tuple[str, dict[str, str]] | None:
        """The route's URL and its decoded path values. A trailing slash makes no difference."""
        parts = path.strip("/").split("/")
        for url, wanted in self._by_length.get(len(parts), []):
            if all(w.startswith("{") or w == p for w, p in zip(wanted, parts, strict=True)):
                values = {w[1:-1]: unquote(p) for w, p in zip(wanted, parts, strict=True) if w.startswith("{")}
                return url, values
        return None


def _thread_local(app: Any) -> Any:
    """Chalice keeps the current request on the application; requests here run on threads, so each thread gets its own."""
    from chalice.local import LocalChalice

    if not isinstance(app, LocalChalice):
        app.__class__ = type("LocalApp", (LocalChalice, app.__class__), {})
    return app


class Gateway:
    """Turns one HTTP request into an event, calls the application, and turns its answer back."""

    def __init__(self, app: Any, function_name: str = "api_handler", memory_mb: int = 1024) -> None:
        self.app = _thread_local(app)
        self.routes = Routes(app.routes)
        self._binary = [kind.lower() for kind in app.api.binary_types]
        self._name, self._memory = function_name, memory_mb

    def is_binary(self, content_type: str) -> bool:
        kind = content_type.split(";")[0].strip().lower()
        return any(b in ("*/*", kind) or (b.endswith("/*") and kind.startswith(b[:-1])) for b in self._binary)

    def event(self, method: str, target: str, headers: dict[str, str], body: bytes, route: str, values: dict[str, str]) -> dict[str, Any]:
        parts = urlsplit(target)
        query: dict[str, list[str]] = {}
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            query.setdefault(name, []).append(value)
        binary = bool(body) and self.is_binary(headers.get("content-type", ""))
        text = base64.b64encode(body).decode() if binary else body.decode("utf-8", "replace") if body else None
        return {
            "resource": route,
            "path": unquote(parts.path),
            "httpMethod": method,
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "queryStringParameters": {name: found[-1] for name, found in query.items()} or None,
            "multiValueQueryStringParameters": query or None,
            "pathParameters": values,
            "stageVariables": {},
            "requestContext": {
                "resourcePath": route,
                "httpMethod": method,
                "path": unquote(parts.path),
                "stage": "local",
                "accountId": ACCOUNT,
                "requestId": str(uuid.uuid4()),
                "identity": {"sourceIp": "127.0.0.1", "userAgent": headers.get("user-agent", "")},
            },
            "body": text,
            "isBase64Encoded": binary,
        }

    def call(self, method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """The answer to one request: status, headers, body."""
        found = self.routes.match(urlsplit(target).path)
        if found is None:
            return refusal(404, "not_found", "There is no such path.")
        route, values = found
        methods = self.app.routes[route]
        if method == "OPTIONS" and "OPTIONS" not in methods:
            return self._preflight(methods)
        asked = "GET" if method == "HEAD" and "HEAD" not in methods else method
        if asked not in methods:
            allowed = {"Allow": ", ".join(sorted({*methods, "OPTIONS"}))}
            return refusal(405, "method_not_allowed", "This method is not allowed here.", allowed)
        event = self.event(asked, target, headers, body, route, values)
        with acting("APIHandler"):
            answer = self.app(event, _Context(self._name, self._memory))
        found_headers = [(name, value) for name, value in answer.get("headers", {}).items()]
        found_headers += [(name, str(v)) for name, several in answer.get("multiValueHeaders", {}).items() for v in several]
        payload = answer.get("body") or ""
        data = (
            base64.b64decode(payload) if answer.get("isBase64Encoded") else payload if isinstance(payload, bytes) else str(payload).encode()
        )
        return answer["statusCode"], found_headers, data

    def _cors(self, methods: dict[str, Any]) -> dict[str, str]:
        config = next((entry.cors for entry in methods.values() if entry.cors is not None), None)
        return {name: str(value) for name, value in config.get_access_control_headers().items()} if config is not None else {}

    def _preflight(self, methods: dict[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
        headers = {**self._cors(methods), "Access-Control-Allow-Methods": ",".join(sorted({*methods, "OPTIONS"}))}
        return 200, list(headers.items()), b""


class _Context:
    """The Lambda context the application sees."""

    def __init__(self, name: str, memory_mb: int) -> None:
        self.function_name, self.memory_limit_in_mb = name, memory_mb
        self.function_version, self.aws_request_id = "$LATEST", str(uuid.uuid4())
        self.invoked_function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
        self.log_group_name = self.log_stream_name = "local"
        self.identity = self.client_context = None
        self._deadline = time.monotonic() + _TIMEOUT_SECONDS

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._deadline - time.monotonic()) * 1000))


def refusal(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> tuple[int, list[tuple[str, str]], bytes]:
    """An error of the gateway itself in the API's envelope. In AWS the template's gateway responses give it this form, and let pages of
    every origin read it, since they say nothing of anybody."""
    body = {"success": False, "error": {"code": code, "message": message}, "request_id": str(uuid.uuid4())}
    sent = {"Content-Type": "application/json", "Access-Control-Allow-Origin": "*", **(headers or {})}
    return status, list(sent.items()), json.dumps(body).encode()


class ApiServer:
    """The HTTP server. pages: answers paths outside the application (`/` among them), None where there is nothing."""

    def __init__(self, app: Any, port: int, pages: PageSource | None = None, host: str = "127.0.0.1") -> None:
        gateway = Gateway(app)
        self._active = _Active()
        active = self._active

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # a body after its headers would wait 40 ms for their acknowledgement
            server_version, sys_version = "local", ""
            timeout = 65  # an idle keep-alive connection ends

            def answer(self) -> None:
                with active:
                    _answer(self, gateway, pages)

            def __getattr__(self, name: str) -> Any:
                """`do_GET`, `do_POST`: every method, known or not, gets an answer of the API."""
                if name.startswith("do_"):
                    return self.answer
                raise AttributeError(name)

            def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
                """What cannot be read as HTTP, in the envelope too."""
                self.close_connection = True
                self.request_version = self.protocol_version  # unknown when the first line cannot be read; HTTP/0.9 has no headers
                _send(self, *refusal(code, "validation_error", message or "This request cannot be read."))

            def log_message(self, format: str, *args: Any) -> None:
                log.debug(format, *args)

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                log.debug("connection of %s broke", client_address, exc_info=True)

        self._server = Server((host, port), Handler)
        self.port = int(self._server.server_address[1])
        self.url = f"http://{host}:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="api", daemon=True)

    def start(self) -> "ApiServer":
        self._thread.start()
        return self

    def stop(self, timeout_seconds: float = 10) -> None:
        """Accept nothing more, let requests under way finish (up to the timeout), close."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._active.wait_idle(timeout_seconds)


class _Active:
    """Counts requests under way."""

    def __init__(self) -> None:
        self._condition, self._count = threading.Condition(), 0

    def __enter__(self) -> None:
        with self._condition:
            self._count += 1

    def __exit__(self, *error: object) -> None:
        with self._condition:
            self._count -= 1
            self._condition.notify_all()

    def wait_idle(self, timeout_seconds: float) -> bool:
        with self._condition:
            return self._condition.wait_for(lambda: self._count == 0, timeout_seconds)


def _answer(http: BaseHTTPRequestHandler, gateway: Gateway, pages: PageSource | None) -> None:
    body = _read_body(http)
    if isinstance(body, tuple):
        _send(http, *body)
        return
    headers = {name.lower(): value for name, value in http.headers.items()}
    try:
        page = pages(http.path) if pages and http.command in ("GET", "HEAD") else None
        if page is not None:
            _send(http, page.status, [("Content-Type", page.mime)], page.body)
            return
        answer = gateway.call(http.command, http.path, headers, body)
    except Exception:  # the server's own boundary; what it was goes to the log, not to the client
        log.exception("%s %s", http.command, http.path)
        answer = refusal(500, "internal_error", "Something went wrong.")
    _send(http, *answer)


def _read_body(http: BaseHTTPRequestHandler) -> bytes | tuple[int, list[tuple[str, str]], bytes]:
    """The request's body, or the answer that refuses it."""
    if "chunked" in (http.headers.get("transfer-encoding") or "").lower():
        http.close_connection = True
        return refusal(411, "validation_error", "Send a Content-Length.")
    try:
        size = int(http.headers.get("content-length") or 0)
    except ValueError:
        size = -1
    if size < 0:
        http.close_connection = True
        return refusal(400, "validation_error", "Content-Length is not a number.")
    if size <= MAX_BODY_BYTES:
        return http.rfile.read(size)
    http.close_connection = True
    left = min(size, _SWALLOW_BYTES)
    while left > 0 and (chunk := http.rfile.read(min(left, _CHUNK))):
        left -= len(chunk)
    return refusal(413, "too_large", "A request may have up to 10 MB; upload larger files with a presigned URL.")


def _send(http: BaseHTTPRequestHandler, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
    http.send_response(status)
    for name, value in headers:
        if name.lower() not in ("content-length", "connection"):
            http.send_header(name, value)
    # The answer to HEAD may come without the body whose length it would have to name.
    if status not in (204, 304) and status >= 200 and (body or http.command != "HEAD"):
        http.send_header("Content-Length", str(len(body)))
    if http.close_connection:
        http.send_header("Connection", "close")
    http.end_headers()
    if http.command != "HEAD" and status not in (204, 304):
        http.wfile.write(body)
    http.wfile.flush()
    if http.close_connection:
        http.connection.shutdown(socket.SHUT_WR)
