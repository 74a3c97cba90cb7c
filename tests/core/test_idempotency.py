"""Idempotency-Key: done once, answered alike; bound to its owner; free again after a crash, a failure, a day."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from chalicelib.core.context import Deps
from chalicelib.core.errors import OutOfCredits, TableBusy, UpstreamUnavailable, ValidationFailed
from chalicelib.core.idempotency import KEPT_SECONDS, LEASE_SECONDS, idempotent
from chalicelib.core.ids import new_tenant_id
from chalicelib.core.routing import Answer, Call, Router
from chalicelib.core.scope import Scope
from tests.core.api_calls import Client, application
from tests.fakes import FixedClock

ROOT = Path(__file__).parents[2]
THINGS = "/api/v1/toy/things/"


class Shop:
    """Routes that count how often they were done, and may be told to fail."""

    def __init__(self, deps: Deps) -> None:
        self.done: list[Any] = []
        self.failures: list[BaseException] = []
        self.gate: tuple[threading.Event, threading.Event] | None = None
        router = Router("toy", tag="Toy", throttle="default")
        router.post("things", "goods", summary="Create", status=201)(self.create)
        router.post("things/{id}/ship", summary="Ship")(self.create)
        router.post("upload", summary="Upload", accepts=("multipart/form-data", "text/csv"))(self.upload)
        router.post("open", summary="Public", role=None)(self.create)
        router.get("things", summary="List")(self.create)
        tenant = new_tenant_id()
        self.users = {
            "a": Scope(tenant=tenant, user_id="user00000a", role="editor"),
            "b": Scope(tenant=tenant, user_id="user00000b", role="editor"),
            "other": Scope(tenant=new_tenant_id(), user_id="user00000a", role="editor"),
            "viewer": Scope(tenant=tenant, user_id="user00000v", role="viewer"),
        }
        self.app = application(router.routes, deps, self.users, around=(idempotent,))
        self.ask = Client(self.app, "a")

    def create(self, call: Call) -> Any:
        self.done.append(call.body)
        if self.gate:
            self.gate[0].set()
            assert self.gate[1].wait(30)
        if self.failures:
            raise self.failures.pop(0)
        return Answer({"number": len(self.done), "ä": "ö"}, status=201, headers={"ETag": '"1"'})

    def upload(self, call: Call) -> Any:
        self.done.append(call.raw)
        return len(call.raw)


@pytest.fixture
def shop(deps: Deps) -> Shop:
    return Shop(deps)


def code(reply: Any) -> str:
    return str(reply.json["error"]["code"])


def test_the_same_request_again_gets_the_first_answer_byte_for_byte(shop: Shop) -> None:
    first = shop.ask("POST", THINGS, {"a": 1, "b": 2}, Idempotency_Key="k1")
    again = shop.ask("POST", THINGS.rstrip("/"), b'{ "b": 2, "a": 1 }', Idempotency_Key="k1")
    assert (
        (again.status, again.body, again.headers["etag"]) == (first.status, first.body, first.headers["etag"]) == (201, first.body, '"1"')
    )
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
    assert len(shop.done) == 1


def test_another_body_query_or_object_under_the_same_key_is_refused(shop: Shop) -> None:
    shop.ask("POST", THINGS, {"a": 1}, Idempotency_Key="k1")
    other = shop.ask("POST", THINGS, {"a": 2}, Idempotency_Key="k1")
    assert (other.status, code(other)) == (409, "idempotency_mismatch")
    assert code(shop.ask("POST", THINGS + "?x=1", {"a": 1}, Idempotency_Key="k1")) == "idempotency_mismatch"
    shop.ask("POST", THINGS + "1/ship", {}, Idempotency_Key="k2")
    assert code(shop.ask("POST", THINGS + "2/ship", {}, Idempotency_Key="k2")) == "idempotency_mismatch"
    assert len(shop.done) == 2


def test_a_key_belongs_to_its_tenant_user_and_route(shop: Shop) -> None:
    askers = [shop.ask, Client(shop.app, "b"), Client(shop.app, "other")]
    numbers = [ask("POST", THINGS, {"a": 1}, Idempotency_Key="k1").json["data"]["number"] for ask in askers]
    numbers.append(shop.ask("POST", "/api/v1/toy/goods", {"a": 1}, Idempotency_Key="k1").json["data"]["number"])
    assert numbers == [1, 2, 3, 4]


def test_without_a_key_and_where_it_does_not_apply_nothing_changes(shop: Shop) -> None:
    for _ in range(2):
        assert shop.ask("POST", THINGS, {"a": 1}).status == 201
        assert shop.ask("GET", THINGS, Idempotency_Key="k1").status == 201
        assert Client(shop.app)("POST", "/api/v1/toy/open", {}, Idempotency_Key="k1").status == 201
    assert len(shop.done) == 6


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "ä"])
def test_a_bad_key_is_named(shop: Shop, key: str) -> None:
    reply = shop.ask("POST", THINGS, {}, Idempotency_Key=key)
    assert (reply.status, code(reply), list(reply.json["error"]["fields"])) == (400, "validation_error", ["Idempotency-Key"])
    assert shop.done == []


def test_one_of_two_at_once_is_told_to_come_back(shop: Shop) -> None:
    shop.gate = (threading.Event(), threading.Event())
    first: list[Any] = []
    worker = threading.Thread(target=lambda: first.append(shop.ask("POST", THINGS, {"a": 1}, Idempotency_Key="k1")))
    worker.start()
    assert shop.gate[0].wait(30)
    second = shop.ask("POST", THINGS, {"a": 1}, Idempotency_Key="k1")
    mismatch = shop.ask("POST", THINGS, {"a": 2}, Idempotency_Key="k1")
    shop.gate[1].set()
    worker.join()
    assert (second.status, code(second), second.headers["retry-after"]) == (409, "conflict", "5")
    assert code(mismatch) == "idempotency_mismatch"
    assert shop.ask("POST", THINGS, {"a": 1}, Idempotency_Key="k1").body == first[0].body
    assert len(shop.done) == 1


def test_many_at_once_are_done_once(shop: Shop) -> None:
    replies: list[Any] = []
    threads = [threading.Thread(target=lambda: replies.append(shop.ask("POST", THINGS, {"a": 1}, Idempotency_Key="k1"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(shop.done) == 1
    assert {r.status for r in replies} <= {201, 409} and len({r.body for r in replies if r.status == 201}) == 1


class Killed(BaseException):
    """The function's process ends."""


def test_a_crash_frees_the_key_after_its_lease_for_the_same_request_only(shop: Shop, clock: FixedClock) -> None:
    shop.failures = [Killed()]
    with pytest.raises(Killed):
        shop.ask("POST", THINGS, {"a": 1}, Idempotency_Key="k1")
    assert code(shop.ask("POST", THINGS, {"a": 1}, Idempotency_Key="k1")) == "conflict"
    clock.forward(LEASE_SECONDS)
    assert code(shop.ask("POST", THINGS, {"a": 2}, Idempotency_Key="k1")) == "idempotency_mismatch"
    again = shop.ask("POST", THINGS, {"a": 1}, Idempotency_Key="k1")
    assert again.status == 201
    assert shop.ask("POST", THINGS, {"a": 1}, Idempotency_Key="k1").body == again.body


def test_who_outlives_the_lease_does_not_overwrite_the_next_ones_answer(shop: Shop, clock: FixedClock) -> None:
    shop.gate = (threading.Event(), threading.Event())
    slow: list[Any] = []
    worker = threading.Thread(target=lambda: slow.append(shop.ask("POST", THINGS, {"a": 1}, Idempotency_Key="k1")))
    worker.start()
    assert shop.gate[0].wait(30)
    gate, shop.gate = shop.gate, None
    clock.forward(LEASE_SECONDS)
    second = shop.ask("POST", THINGS, {"a": 1}, Idempotency_Key="k1")
    gate[1].set()
    worker.join()
    assert slow[0].status == 201
    assert shop.ask("POST", THINGS, {"a": 1}, Idempotency_Key="k1").body == second.body


@pytest.mark.parametrize("failure", [UpstreamUnavailable(), TableBusy(), RuntimeError("x"), ValidationFailed()])
def test_what_was_not_done_may_be_tried_again_at_once(shop: Shop, failure: Exception) -> None:
    shop.failures = [failure]
    assert shop.ask("POST", THINGS, {"a": 1}, Idempotency_Key="k1").status in (400, 500, 503)
    assert shop.ask("POST", THINGS, {"a": 1}, Idempotency_Key="k1").status == 201
    assert len(shop.done) == 2


def test_a_decision_about_the_request_is_kept(shop: Shop) -> None:
    shop.failures = [OutOfCredits(10, 2)]
    first = shop.ask("POST", THINGS, {"a": 1}, Idempotency_Key="k1")
    again = shop.ask("POST", THINGS, {"a": 1}, Idempotency_Key="k1")
    assert (first.status, again.status, again.body) == (402, 402, first.body)


def test_a_day_later_the_key_is_new_even_if_the_table_still_has_it(shop: Shop, clock: FixedClock) -> None:
    shop.ask("POST", THINGS, {"a": 1}, Idempotency_Key="k1")
    clock.forward(KEPT_SECONDS - 1)
    assert shop.ask("POST", THINGS, {"a": 1}, Idempotency_Key="k1").json["data"]["number"] == 1
    clock.forward(1)
    assert shop.ask("POST", THINGS, {"a": 2}, Idempotency_Key="k1").json["data"]["number"] == 2


def test_a_replay_asks_for_the_role_as_it_is_now(shop: Shop) -> None:
    shop.ask("POST", THINGS, {"a": 1}, Idempotency_Key="k1")
    shop.users["a"] = Scope(tenant=shop.users["a"].tenant, user_id="user00000a", role="viewer")
    assert shop.ask("POST", THINGS, {"a": 1}, Idempotency_Key="k1").status == 403
    assert Client(shop.app, "viewer")("POST", THINGS, {"a": 1}, Idempotency_Key="k9").status == 403
    assert len(shop.done) == 1


def test_a_form_sent_again_with_another_boundary_is_the_same(shop: Shop) -> None:
    def send(boundary: str, content: str) -> Any:
        form = f'--{boundary}\r\nContent-Disposition: form-data; name="file"\r\n\r\n{content}\r\n--{boundary}--\r\n'
        return shop.ask(
            "POST",
            "/api/v1/toy/upload",
            form.encode(),
            Content_Type=f"multipart/form-data; boundary={boundary}",
            Idempotency_Key="k1",
        )

    first = send("abc", "x,y")
    assert send("defghi", "x,y").body == first.body
    assert code(send("abc", "x,z")) == "idempotency_mismatch"
    assert len(shop.done) == 1


def test_a_large_answer_is_kept(shop: Shop) -> None:
    rows = [{"row": n, "keyword": f"keyword number {n}", "outcome": "created"} for n in range(5000)]

    def big(call: Call) -> Any:
        shop.done.append(1)
        return {"rows": rows}

    router = Router("toy", tag="Toy", throttle="default")
    router.post("big", summary="Big")(big)
    ask = Client(application(router.routes, shop.app._deps(), shop.users, around=(idempotent,)), "a")
    first = ask("POST", "/api/v1/toy/big", {}, Idempotency_Key="k1")
    assert len(first.body) > 300_000
    assert ask("POST", "/api/v1/toy/big", {}, Idempotency_Key="k1").body == first.body
    assert len(shop.done) == 1


def test_the_lease_is_longer_than_the_function_may_run() -> None:
    configured = json.loads((ROOT / ".chalice" / "config.json").read_text(encoding="utf-8"))
    assert configured["lambda_functions"]["api_handler"]["lambda_timeout"] < LEASE_SECONDS
