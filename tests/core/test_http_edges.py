"""What holds of every answer, whatever it is: CORS, methods, unknown paths, HEAD."""

from typing import Any

import pytest

from chalicelib.core.context import Deps
from chalicelib.core.errors import Conflict, NotFound, OutOfCredits, UpstreamUnavailable
from chalicelib.core.ids import random_id
from chalicelib.core.routing import Call, Router
from chalicelib.core.scope import Scope
from chalicelib.core.throttle import caller
from tests.core.api_calls import Client, application

OURS = "https://app.test"
router = Router("toy", tag="Toy", throttle="default")
FAILURES = {
    "conflict": Conflict(),
    "missing": NotFound(),
    "poor": OutOfCredits(5, 2),
    "down": UpstreamUnavailable(),
    "crash": ValueError("x"),
}


@router.get("fails/{id}", summary="Fails")
def fails(call: Call) -> Any:
    raise FAILURES[call.id]


@router.post("things", summary="Create", role="admin", status=201)
def create(call: Call) -> Any:
    return {"id": "1"}


@router.get("things", summary="List")
def things(call: Call) -> Any:
    return ["ä"] * 100


@pytest.fixture
def ask(deps: Deps) -> Client:
    return Client(application(router.routes, deps, {"e": Scope(tenant="t1", user_id=random_id(10), role="editor")}), "e")


@pytest.mark.parametrize(
    ("method", "path", "token", "status"),
    [
        ("GET", "toy/things", "e", 200),
        ("GET", "toy/things", "wrong", 401),
        ("GET", "toy/things?x=1", "e", 400),
        ("GET", "toy/fails/conflict?x=1&x=2", "e", 400),
        ("POST", "toy/things", "e", 403),
        ("PUT", "toy/things", "e", 405),
        ("GET", "toy/nowhere", "e", 404),
        ("OPTIONS", "toy/things", "", 204),
        *(("GET", f"toy/fails/{name}", "e", getattr(error, "status", 500)) for name, error in FAILURES.items()),
    ],
)
def test_a_page_of_a_configured_origin_may_read_every_answer(ask: Client, method: str, path: str, token: str, status: int) -> None:
    reply = Client(ask.app, token)(method, f"/api/v1/{path}", Origin=OURS)
    assert (reply.status, reply.headers.get("access-control-allow-origin")) == (status, OURS)
    exposed = reply.headers["access-control-expose-headers"].split(", ")
    assert {"X-Throttle-Limit", "Retry-After", "ETag", "Location", "Idempotent-Replayed"} <= set(exposed)
    foreign = Client(ask.app, token)(method, f"/api/v1/{path}", Origin="https://evil.test")
    assert "access-control-allow-origin" not in foreign.headers
    assert reply.headers["vary"] == foreign.headers["vary"] == "Origin"
    if status >= 400:
        assert reply.json["success"] is False and reply.json["error"]["code"] and reply.json["request_id"]


def test_a_preflight_names_what_may_be_sent(ask: Client) -> None:
    reply = Client(ask.app)("OPTIONS", "/api/v1/toy/things/", Origin=OURS, Access_Control_Request_Method="POST")
    assert (reply.status, reply.body) == (204, "")
    assert {"POST", "GET", "HEAD"} <= set(reply.headers["access-control-allow-methods"].split(", "))
    allowed = set(reply.headers["access-control-allow-headers"].split(", "))
    assert {"Authorization", "Content-Type", "Idempotency-Key", "If-Match", "X-Account-Id"} <= allowed


def test_a_method_a_path_does_not_have_is_405_and_says_which_it_has(ask: Client) -> None:
    for method in ("PUT", "DELETE", "TRACE"):
        reply = ask(method, "/api/v1/toy/things")
        assert (reply.status, reply.json["error"]["code"]) == (405, "method_not_allowed")
        assert reply.headers["allow"] == "POST, GET, HEAD, OPTIONS"


def test_head_is_get_without_the_body(ask: Client) -> None:
    reply, got = ask("HEAD", "/api/v1/toy/things"), ask("GET", "/api/v1/toy/things")
    assert (reply.status, reply.body, reply.headers) == (200, "", got.headers)
    assert ask("HEAD", "/api/v1/toy/fails/conflict").status == 409
    assert "HEAD" in ask.app.routes["/api/v1/toy/things"], "API Gateway must let it through"


@pytest.mark.parametrize(
    ("path", "token"), [("things", "e"), ("things", "wrong"), ("nowhere", "e"), ("fails/crash", "e"), ("things?x=1", "e")]
)
def test_no_answer_is_taken_for_a_page_framed_or_kept(ask: Client, path: str, token: str) -> None:
    headers = Client(ask.app, token)("GET", f"/api/v1/toy/{path}").headers
    assert (headers["x-content-type-options"], headers["x-frame-options"], headers["cache-control"]) == ("nosniff", "DENY", "no-store")
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["referrer-policy"] == "no-referrer" and headers["strict-transport-security"].startswith("max-age=")


def test_a_crash_tells_nothing_of_itself(ask: Client) -> None:
    reply = ask("GET", "/api/v1/toy/fails/crash")
    assert (reply.status, reply.json["error"]) == (500, {"code": "internal_error", "message": "Something went wrong."})


def test_a_forwarded_address_does_not_change_who_is_throttled(ask: Client) -> None:
    """The gateway says who called; what a caller writes into a header is nobody's address."""
    seen: list[str] = []

    def note(call: Call, route: Any, act: Any) -> Any:
        seen.append(caller(call))
        return act()

    router = Router("open", tag="Open", throttle="auth")
    router.post("login", role=None, summary="Open")(lambda call: {})
    client = Client(application(router.routes, ask.app._deps(), {}, around=(note,)))
    for address in ("198.51.100.1", "198.51.100.2"):
        client("POST", "/api/v1/open/login", {}, X_Forwarded_For=address, Forwarded=f"for={address}")
    assert len(set(seen)) == 1
