"""A real HTTP server on loopback that answers from a script, so that adapters are tested with real sockets and real clients."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body or b"null")


@dataclass(frozen=True)
class Reply:
    """cut_after: close the connection after so many bytes of the body. hang: send nothing until the server is stopped.
    drip: send the body byte by byte, for ever slower than anyone waits, until the server is stopped or the client leaves.
    raw: send just these bytes instead of an HTTP answer, none at all when empty, and close the connection."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    hang: bool = False
    drip: bool = False
    raw: bytes | None = None


def json_reply(data: Any, status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps(data).encode(), {"Content-Type": "application/json; charset=UTF-8", **named})


def html_reply(text: str, status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, text.encode(), {"Content-Type": "text/html; charset=UTF-8", **named})


class LoopbackServer:
    """`with LoopbackServer(answer) as server`: server.url, and server.asked: every request in order.

    answer: a function of the request, or a list of replies that are given one after the other; a request beyond its end is a 599.
    """

    def __init__(self, answer: "Callable[[Asked], Reply] | list[Reply]") -> None:
        self.asked: list[Asked] = []
        self._lock = threading.Lock()
        self.stopping = threading.Event()
        script = iter(answer) if isinstance(answer, list) else None
        self._answer = answer if callable(answer) else lambda asked: next(script, Reply(599, b"the script is over"))  # type: ignore[arg-type]
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _do(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                parts = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)), headers, body)
                with server._lock:
                    server.asked.append(asked)
                    reply = server._answer(asked)
                self._send(reply)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _do

            def _send(self, reply: Reply) -> None:
                self.close_connection = True
                if reply.hang:
                    server.stopping.wait(60)
                    return
                if reply.raw is not None:
                    self.wfile.write(reply.raw)
                    return
                self.send_response_only(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in reply.headers:
                    self.send_header("Content-Length", str(len(reply.body)))
                self.send_header("Connection", "close")
                self.end_headers()
                if reply.drip:
                    for byte in reply.body:
                        if server.stopping.wait(0.05):
                            return
                        self.wfile.write(bytes((byte,)))
                    return
                self.wfile.write(reply.body[: reply.cut_after])

            def log_message(self, format: str, *args: Any) -> None:
                """The requests are in `asked`; a test's output stays clean."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that leaves early is what some tests are about."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> "LoopbackServer":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def chat(
    content: str | None, finish_reason: str = "stop", *, refusal: str | None = None, model: str = "gpt-6-luna", usage: Any = None
) -> Reply:
    """A chat completion on OpenAI's wire."""
    message = {"role": "assistant", "content": content, "refusal": refusal}
    return json_reply({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1795000000, "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason, "logprobs": None}],
        "usage": usage or {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200},
    })  # fmt: skip


def api_error(status: int, code: str | None, message: str, param: str | None = None, **headers: str) -> Reply:
    """An error on OpenAI's wire."""
    return json_reply({"error": {"message": message, "type": "error", "param": param, "code": code}}, status, **headers)
