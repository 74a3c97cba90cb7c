"""Throttling: exact counts under concurrency, a window that slides, scopes and users apart, headers on every answer."""

import itertools
import threading
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.context import Deps
from chalicelib.core.errors import Conflict
from chalicelib.core.ids import random_id
from chalicelib.core.routing import Call, Router
from chalicelib.core.scope import Scope
from chalicelib.core.throttle import RATES, allowance, count, rates, throttled
from tests.conftest import Tables
from tests.core.api_calls import Client, application
from tests.fakes import FixedClock

router = Router("toy", tag="Toy", throttle="ai")


@router.get("ping", "pong", summary="Ping")
def ping(call: Call) -> Any:
    return "pong"


@router.get("other", summary="Another scope", throttle="billing")
def other(call: Call) -> Any:
    return "other"


@router.get("free", summary="No limit", throttle="")
def free(call: Call) -> Any:
    return "free"


@router.get("open", summary="Public", role=None)
def public(call: Call) -> Any:
    return "open"


@router.get("conflict", summary="Fails")
def conflict(call: Call) -> Any:
    raise Conflict()


@router.get("crash", summary="Crashes")
def crash(call: Call) -> Any:
    raise RuntimeError("a secret")


@router.get("admins", summary="For admins", role="admin")
def admins(call: Call) -> Any:
    return "admins"


LIMIT = 3


@pytest.fixture
def client(deps: Deps) -> Client:
    on = replace(deps, config=replace(deps.config, throttle=f"ai={LIMIT}"))
    users = {name: Scope(tenant=tenant, user_id=random_id(10), role="editor") for name, tenant in (("a", "t1"), ("b", "t1"))}
    return Client(application(router.routes, on, users, around=(throttled,)), "a", ip=f"203.0.113.{random_id(1)}")


def left(reply: Any) -> tuple[str, str, str]:
    return tuple(reply.headers[f"x-throttle-{name}"] for name in ("limit", "remaining", "reset"))


def test_the_limit_is_exact_and_the_next_request_is_told_when_to_come_back(client: Client, clock: FixedClock) -> None:
    assert [left(client("GET", "/api/v1/toy/ping"))[:2] for _ in range(LIMIT)] == [("3", "2"), ("3", "1"), ("3", "0")]
    refused = client("GET", "/api/v1/toy/ping/", Origin="https://app.test")
    assert (refused.status, refused.json["error"]["code"], left(refused)) == (429, "throttled", ("3", "0", "60"))
    assert refused.headers["access-control-allow-origin"] == "https://app.test"
    assert "X-Throttle-Limit" in refused.headers["access-control-expose-headers"]
    wait = int(refused.headers["retry-after"])
    assert refused.json["error"]["retry_after_seconds"] == wait
    clock.forward(wait)
    assert client("GET", "/api/v1/toy/ping").status == 200


def test_an_alias_is_no_way_around(client: Client) -> None:
    assert [client("GET", f"/api/v1/toy/{name}").status for name in ("ping", "pong", "ping", "pong")] == [200, 200, 200, 429]


def test_the_window_slides(client: Client, clock: FixedClock) -> None:
    clock.forward(50)  # the clock stands at a full minute: these three come at its end
    assert [client("GET", "/api/v1/toy/ping").status for _ in range(LIMIT)] == [200] * LIMIT
    clock.forward(15)  # into the next minute, where a fixed window would allow three more
    assert client("GET", "/api/v1/toy/ping").status == 429
    clock.forward(170)
    assert left(client("GET", "/api/v1/toy/ping"))[1] == "2"


def test_users_and_scopes_do_not_share(client: Client) -> None:
    for _ in range(LIMIT + 1):
        client("GET", "/api/v1/toy/ping")
    assert client("GET", "/api/v1/toy/ping").status == 429
    assert left(client("GET", "/api/v1/toy/other"))[:2] == ("30", "29")
    assert Client(client.app, "b")("GET", "/api/v1/toy/ping").status == 200


def test_every_answer_says_what_is_left(client: Client) -> None:
    for path, status in (("conflict", 409), ("crash", 500), ("admins", 403)):
        reply = client("GET", f"/api/v1/toy/{path}")
        assert (reply.status, left(reply)[0]) == (status, "3"), path
    assert b"a secret" not in reply.body.encode()
    assert left(Client(client.app, "b")("GET", "/api/v1/toy/ping?unknown=1"))[1] == "2"  # refused by validation, counted all the same
    assert "x-throttle-limit" not in client("GET", "/api/v1/toy/free").headers


def test_public_routes_count_by_address_and_by_network_for_ipv6(client: Client) -> None:
    def statuses(*addresses: str) -> list[int]:
        return [Client(client.app, "", ip=ip)("GET", "/api/v1/toy/open").status for ip in addresses]

    assert statuses(*["198.51.100.1"] * 4, "198.51.100.2") == [200, 200, 200, 429, 200]
    assert statuses(*(f"2001:db8::{n}" for n in range(4)), "2001:db8:0:1::1") == [200, 200, 200, 429, 200]
    assert statuses(*["not an address"] * 4) == [200, 200, 200, 429]


def test_off_means_off(deps: Deps) -> None:
    off = application(router.routes, deps, {"a": Scope(tenant="t1", user_id=random_id(10), role="editor")}, around=(throttled,))
    replies = [Client(off, "a")("GET", "/api/v1/toy/ping") for _ in range(12)]
    assert {r.status for r in replies} == {200} and "x-throttle-limit" not in replies[0].headers


def test_concurrent_requests_are_each_counted(tables: Tables) -> None:
    who, seen = f"U#{random_id(10)}", []

    def go() -> None:
        seen.extend(count(tables.ops, who, "planner", 60, 1_800_000_000_000).remaining for _ in range(10))

    threads = [threading.Thread(target=go) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(60))


def test_counters_of_windows_past_are_removed(tables: Tables) -> None:
    who = f"U#{random_id(10)}"
    for minute in range(8):
        count(tables.ops, who, "planner", 60, (1_800_000_000 + 60 * minute) * 1000)
    item = tables.ops.get((f"G#THROTTLE#{who}", "planner"))
    assert item is not None
    assert len([name for name in item if name.startswith("w")]) == 2
    assert item["ttl"] > 1_800_000_000 + 60 * 8


@pytest.mark.parametrize("limit", [1, 3, 10, 60])
@pytest.mark.parametrize("elapsed_ms", [0, 1, 15_000, 59_999])
def test_who_waits_as_told_is_let_in_and_who_comes_a_second_early_is_not(limit: int, elapsed_ms: int) -> None:
    for before, present in itertools.product((0, 1, 2, 7, 30, 1000), (1, 2, 5, 11, 61, 500)):
        state = allowance(limit, before, present, elapsed_ms)
        assert 0 <= state.remaining <= limit and 1 <= state.reset <= 60 and state.wait <= 120

        def after(seconds: int, before: int = before, present: int = present) -> int:
            """How long the next request, so much later, would have to wait."""
            windows, at = divmod(elapsed_ms + seconds * 1000, 60_000)
            counters = ((before, present + 1), (present, 1), (0, 1))[windows]
            return allowance(limit, *counters, at).wait

        if state.wait:
            assert after(state.wait) == 0
            if state.wait > 1:
                assert after(state.wait - 1) > 0


def test_rates_are_those_of_the_contract_and_can_be_set() -> None:
    assert rates("on") == RATES == rates("")
    assert rates("off") is None
    chosen = rates("planner=120, ai=5")
    assert chosen is not None and (chosen["planner"], chosen["ai"], chosen["writer"]) == (120, 5, 60)
    for wrong in ("planner", "planer=3", "ai=0", "ai=x"):
        with pytest.raises(ValueError, match="THROTTLE"):
            rates(wrong)


def test_every_route_of_the_product_names_a_scope_that_has_a_rate() -> None:
    from app import routes

    assert {r.throttle for r in routes} - set(RATES) - {""} == set()
