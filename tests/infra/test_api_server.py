"""The local API server answers as API Gateway would: routes, limits, binary bodies, preflights, keep-alive, pages."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from chalice.app import Chalice, CORSConfig, Response

from infra.local.api_server import MAX_BODY_BYTES, ApiServer, Page, Routes


def application() -> Chalice:
    app = Chalice(app_name="toy")
    app.api.binary_types = ["application/octet-stream", "multipart/form-data", "image/*"]
    cors = CORSConfig(allow_origin="https://editor.test", allow_headers=["X-Site"])
    gate = threading.Barrier(2, timeout=10)

    @app.route("/things/{id}", methods=["GET", "PUT"], cors=cors)
    def thing(id: str) -> Any:
        request = app.current_request
        return {"id": id, "method": request.method, "query": dict(request.query_params or {}), "site": request.headers.get("x-site")}

    @app.route("/things/new", methods=["GET"], cors=cors)
    def new() -> Any:
        return {"new": True}

    @app.route("/echo", methods=["POST"], content_types=["application/octet-stream", "application/json", "multipart/form-data"], cors=cors)
    def echo() -> Any:
        body = app.current_request.raw_body
        return Response(body, headers={"Content-Type": "application/octet-stream", "X-Size": str(len(body))})

    @app.route("/meet/{name}", methods=["GET"])
    def meet(name: str) -> Any:
        gate.wait()  # two requests at once: each must keep its own
        return {"path": app.current_request.uri_params["name"]}

    @app.route("/broken", methods=["GET"])
    def broken() -> Any:
        raise RuntimeError("a secret")

    return app


def pages(path: str) -> Page | None:
    return Page(b"<h1>Welcome</h1>") if path == "/" else None


@pytest.fixture(scope="module")
def server() -> Iterator[ApiServer]:
    running = ApiServer(application(), 0, pages).start()
    yield running
    running.stop()


@pytest.fixture
def client(server: ApiServer) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    yield connection
    connection.close()


def ask(
    client: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    client.request(method, path, body=body, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = client.getresponse()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


def test_one_connection_carries_many_requests(client: http.client.HTTPConnection) -> None:
    status, _, body = ask(client, "GET", "/things/a%20b%2Fc/?x=1&y=%C3%BC", X_Site="s")
    socket = client.sock
    assert (status, json.loads(body)) == (200, {"id": "a b/c", "method": "GET", "query": {"x": "1", "y": "ü"}, "site": "s"})
    assert json.loads(ask(client, "GET", "/things/new")[2]) == {"new": True}
    status, headers, body = ask(client, "HEAD", "/things/1")
    assert (status, body) == (200, b"") and int(headers["content-length"]) > 0
    assert client.sock is socket


def test_refusals_are_in_the_envelope_and_carry_cors(client: http.client.HTTPConnection) -> None:
    for method, path, status, code in (
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/.local/state.sqlite3", 404, "not_found"),
        ("DELETE", "/things/1", 405, "method_not_allowed"),
        ("TRACE", "/things/1", 405, "method_not_allowed"),
        ("BREW", "/things/1", 405, "method_not_allowed"),
    ):
        found, headers, body = ask(client, method, path)
        answer = json.loads(body)
        assert (found, answer["error"]["code"], answer["success"]) == (status, code, False)
        assert headers["access-control-allow-origin"] == "*"  # as the template's gateway responses
        assert answer["request_id"]


def test_what_is_not_http_is_answered_all_the_same(server: ApiServer) -> None:
    for line, status in ((b"GET / HTTP/9.9", b"505"), (b"NONSENSE", b"400"), (b"GET / HTTP/x", b"400")):
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
            connection.sendall(line + b"\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, body = answer.rpartition(b"\r\n\r\n")
        assert b" " + status + b" " in head.split(b"\r\n")[0]
        assert json.loads(body)["error"]["code"] == "validation_error"


def test_a_preflight_is_answered_without_the_application(client: http.client.HTTPConnection) -> None:
    status, headers, _ = ask(client, "OPTIONS", "/things/1")
    assert status == 200
    assert headers["access-control-allow-methods"] == "GET,OPTIONS,PUT"
    assert "X-Site" in headers["access-control-allow-headers"]


@pytest.mark.parametrize("kind", ["application/octet-stream", "multipart/form-data; boundary=x"])
def test_binary_bodies_arrive_and_leave_unchanged(client: http.client.HTTPConnection, kind: str) -> None:
    data = bytes(range(256)) * 100
    status, headers, body = ask(client, "POST", "/echo", data, Content_Type=kind, Accept="application/octet-stream")
    assert (status, headers["x-size"], body == data) == (200, str(len(data)), True)


@pytest.mark.parametrize("size", [MAX_BODY_BYTES + 1, 60 * 1024 * 1024])
def test_large_uploads_are_answered_not_cut_off(client: http.client.HTTPConnection, size: int) -> None:
    status, headers, body = ask(client, "POST", "/echo", b"x" * size, Content_Type="application/octet-stream")
    assert (status, json.loads(body)["error"]["code"], headers["connection"]) == (413, "too_large", "close")
    assert ask(client, "GET", "/things/1")[0] == 200


def test_requests_on_several_threads_do_not_mix(server: ApiServer) -> None:
    answers: dict[str, Any] = {}

    def go(name: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        answers[name] = json.loads(ask(connection, "GET", f"/meet/{name}")[2])
        connection.close()

    threads = [threading.Thread(target=go, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {"one": {"path": "one"}, "two": {"path": "two"}}


def test_pages_and_odd_requests(client: http.client.HTTPConnection) -> None:
    status, headers, body = ask(client, "GET", "/")
    assert (status, headers["content-type"], body) == (200, "text/html; charset=utf-8", b"<h1>Welcome</h1>")
    status, _, body = ask(client, "GET", "/broken")
    assert status == 500 and b"a secret" not in body
    status, _, body = ask(client, "POST", "/echo", b"", Content_Length="abc")
    assert (status, json.loads(body)["error"]["code"]) == (400, "validation_error")


def test_fixed_names_go_before_variables_and_values_do_not_leak() -> None:
    routes = Routes(["/a/{id}", "/a/b", "/a/{id}/c", "/{x}/b/c"])
    assert routes.match("/a/b") == ("/a/b", {})
    assert routes.match("/a/b/c") == ("/a/{id}/c", {"id": "b"})
    assert routes.match("/z/b/c/") == ("/{x}/b/c", {"x": "z"})
    assert routes.match("/a") is None
