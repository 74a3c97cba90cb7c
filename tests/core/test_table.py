"""The one caller of DynamoDB: values round trip, conditions become the right errors, conflicts and lost replies end well."""

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.core.errors import Conflict, Duplicate, NotFound, Stale, TableBusy, TooLarge, ValidationFailed
from chalicelib.core.ids import random_id
from chalicelib.core.table import Query, Table, Write, check, put, put_new, remove, update
from chalicelib.core.wire import from_dynamo, to_dynamo
from tests.conftest import Tables

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**37), 10**37)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda f: f == 0 or 1e-130 <= abs(f) <= 9.99e125)
    | st.text(st.characters(codec="utf-8"))
    | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture
def key() -> tuple[str, str]:
    """A key that no other test uses."""
    return random_id(10), "S"


# --- values -----------------------------------------------------------------------------------------------------------------------


@given(JSON)
def test_values_round_trip(value: Any) -> None:
    assert from_dynamo(to_dynamo(value)) == value


@settings(max_examples=30)
@given(st.dictionaries(st.text("abxyz", min_size=1), JSON, max_size=4))
def test_items_round_trip_through_the_table(tables: Tables, item: dict[str, Any]) -> None:
    key = (random_id(10), "S")
    tables.app.write(put(key, {**item, "tags": {"a", "b"}}))
    assert tables.app.get(key) == {**item, "tags": {"a", "b"}, "pk": key[0], "sk": key[1]}


def test_integers_stay_integers_and_true_is_not_one() -> None:
    for value in (0, 1, True, False, -1, 2**63, 10**38 - 1):
        read = from_dynamo(to_dynamo(value))
        assert read == value
        assert type(read) is type(value)
    assert from_dynamo(to_dynamo(Decimal("1.5"))) == 1.5


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, 1e126, 1e-131, 10**38, -(10**38), 10**400, Decimal("NaN"), {"deep": [math.nan]}]
)
def test_numbers_that_dynamodb_cannot_hold_are_refused(value: Any) -> None:
    with pytest.raises(ValidationFailed):
        to_dynamo(value)


@pytest.mark.parametrize("value", [set(), {1}, {"a", 1}, object(), 1j])
def test_what_has_no_form_is_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError):
        to_dynamo(value)


# --- reading ----------------------------------------------------------------------------------------------------------------------


def test_get_many_goes_past_one_round_trip_and_asks_once_for_each(tables: Tables, key: tuple[str, str]) -> None:
    keys = [(key[0], f"{n:03d}") for n in range(250)]
    for k in keys[::2]:
        tables.app.write(put(k, {"num": k[1]}))
    found = tables.app.get_many([*keys, *keys[:30]])
    assert set(found) == set(keys[::2])
    assert tables.app.get_many([]) == {}


def test_get_many_asks_again_for_what_was_left_over(tables: Tables, key: tuple[str, str]) -> None:
    keys = [(key[0], f"{n:03d}") for n in range(10)]
    for k in keys:
        tables.app.write(put(k, {}))

    def most_left_over(call: Callable[..., Any], **ask: Any) -> Any:
        ((name, wanted),) = ask["RequestItems"].items()
        answer = call(RequestItems={name: {**wanted, "Keys": wanted["Keys"][:3]}})
        rest = wanted["Keys"][3:]
        return {**answer, "UnprocessedKeys": {name: {**wanted, "Keys": rest}} if rest else {}}

    table = Table(Tampered(tables.client, batch_get_item=most_left_over), tables.app.name, sleep=lambda s: None)
    assert set(table.get_many(keys)) == set(keys)


def test_keys_that_cannot_exist_name_nothing(tables: Tables) -> None:
    for key in [("", "x"), ("x", ""), ("x", "y" * 1025), ("x" * 2049, "y"), ("x", "ü" * 513)]:
        assert tables.app.get(key) is None
        assert tables.app.get_many([key]) == {}


def test_query_all_and_scan_all_go_past_one_page(tables: Tables, key: tuple[str, str]) -> None:
    for n in range(5):
        tables.app.write(put((key[0], str(n)), {"text": "x" * 300_000}))
    assert [i["sk"] for i in tables.app.query_all(Query(key[0]))] == list("01234")
    assert [i["sk"] for i in tables.app.query_all(Query(key[0], forward=False, limit=2))] == list("43210")
    page = tables.app.query(Query(key[0], limit=2))
    assert (page.scanned, len(page.items), page.position is not None) == (2, 2, True)
    assert {i["sk"] for i in tables.app.scan_all() if i["pk"] == key[0]} == set("01234")
    for n in range(5):
        tables.app.write(remove((key[0], str(n))))


# --- conditions -------------------------------------------------------------------------------------------------------------------


def test_a_broken_condition_is_the_actions_error_with_the_old_item(tables: Tables, key: tuple[str, str]) -> None:
    seen: list[Any] = []

    def on_fail(old: dict[str, Any] | None) -> Exception:
        seen.append(old)
        return Duplicate()

    tables.app.write(put_new(key, {"num": 1}))
    actions = [
        put_new(key, {"num": 2}, on_fail=on_fail),
        update(key, "SET num = :two", "num = :two", on_fail=on_fail, two=2),
        remove(key, "num = :two", on_fail=on_fail, two=2),
        check(key, "num = :two", on_fail=on_fail, two=2),
    ]
    for action in actions:
        with pytest.raises(Duplicate):
            tables.app.transact([action, put((key[0], "other"), {})])
        if action.kind != "ConditionCheck":
            with pytest.raises(Duplicate):
                tables.app.transact([action])
    with pytest.raises(Duplicate):
        tables.app.transact([check(key, "num = :two", on_fail=on_fail, two=2)])
    assert seen == [{"pk": key[0], "sk": key[1], "num": 1}] * 8
    assert tables.app.get((key[0], "other")) is None, "all or nothing"
    with pytest.raises(Stale):
        tables.app.write(update((key[0], "none"), "SET num = :one", "attribute_exists(pk)", one=1))


def test_the_first_broken_action_speaks(tables: Tables, key: tuple[str, str]) -> None:
    other = (key[0], "other")
    tables.app.write(put(key, {}))
    tables.app.write(put(other, {}))
    both = [put_new(key, {}, on_fail=lambda old: NotFound()), put_new(other, {}, on_fail=lambda old: Duplicate())]
    with pytest.raises(NotFound):
        tables.app.transact(both)
    with pytest.raises(Duplicate):
        tables.app.transact(both[::-1])


def test_an_update_returns_the_new_item_and_transactions_have_limits(tables: Tables, key: tuple[str, str]) -> None:
    assert tables.app.write(update(key, "ADD num :two", two=2)) == {"pk": key[0], "sk": key[1], "num": 2}
    for number in (0, 101):
        with pytest.raises(ValueError, match="1-100"):
            tables.app.transact([put((key[0], str(n)), {}) for n in range(number)])
    tables.app.transact([put((key[0], str(n)), {}) for n in range(100)])
    assert len(tables.app.query_all(Query(key[0]))) == 101


def test_writes_may_name_another_table(tables: Tables, key: tuple[str, str]) -> None:
    tables.app.transact([put(key, {"in": "app"}), put(key, {"in": "ops"}, table=tables.ops.name)])
    assert [t.get(key)["in"] for t in (tables.app, tables.ops)] == ["app", "ops"]  # type: ignore[index]


def test_what_is_too_large_is_said_so(tables: Tables, key: tuple[str, str]) -> None:
    for actions in ([put(key, {"text": "x" * 420_000})], [put(key, {"text": "x" * 420_000}), put((key[0], "2"), {})]):
        with pytest.raises(TooLarge):
            tables.app.transact(actions)


# --- the network ------------------------------------------------------------------------------------------------------------------


class Tampered:
    """A client some of whose operations are replaced by functions of (the real operation, **request)."""

    def __init__(self, client: Any, **replaced: Callable[..., Any]) -> None:
        self._client, self._replaced, self.calls = client, replaced, 0

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        call = getattr(self._client, operation)
        if operation not in self._replaced:
            return call  # type: ignore[no-any-return]

        def replaced(**ask: Any) -> Any:
            self.calls += 1
            return self._replaced[operation](call, **ask)

        return replaced


def refusal(code: str, **more: Any) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": code}, **more}
    return ClientError(response, "Operation")


class Failing:
    """Fails so many times with `error`, before or after the real call; then lets calls through."""

    def __init__(self, error: Exception, times: int, *, after: bool = False) -> None:
        self.error, self.times, self.after = error, times, after

    def __call__(self, call: Callable[..., Any], **ask: Any) -> Any:
        if self.times > 0:
            self.times -= 1
            if self.after:
                call(**ask)
            raise self.error
        return call(**ask)


def tampered(tables: Tables, **replaced: Callable[..., Any]) -> tuple[Table, list[float]]:
    waits: list[float] = []
    return Table(Tampered(tables.client, **replaced), tables.app.name, sleep=waits.append), waits


BUSY = [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "TransactionConflictException",
    "InternalServerError",
]


@pytest.mark.parametrize("code", BUSY)
def test_a_busy_table_is_asked_again_after_a_short_wait(tables: Tables, key: tuple[str, str], code: str) -> None:
    table, waits = tampered(tables, put_item=Failing(refusal(code), 4))
    table.write(put(key, {"num": 1}))
    assert len(waits) == 4
    assert all(0 <= w <= 1 for w in waits)
    table, waits = tampered(tables, get_item=Failing(refusal(code), 10**6))
    with pytest.raises(TableBusy):
        table.get(key)
    assert len(waits) < 30


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_conflicting_transactions_are_tried_again(tables: Tables, key: tuple[str, str], code: str) -> None:
    cancelled = refusal("TransactionCanceledException", CancellationReasons=[{"Code": "None"}, {"Code": code}])
    actions = [put(key, {}), put((key[0], "2"), {})]
    table, waits = tampered(tables, transact_write_items=Failing(cancelled, 3))
    table.transact(actions)
    assert len(waits) == 3
    table, _ = tampered(tables, transact_write_items=Failing(cancelled, 10**6))
    with pytest.raises(TableBusy):
        table.transact(actions)


def test_a_transaction_that_is_wrong_is_not_tried_again(tables: Tables, key: tuple[str, str]) -> None:
    reasons = [{"Code": "ValidationError", "Message": "An operand has the wrong type"}, {"Code": "None"}]
    table, waits = tampered(
        tables, transact_write_items=Failing(refusal("TransactionCanceledException", CancellationReasons=reasons), 10**6)
    )
    with pytest.raises(RuntimeError, match="wrong type"):
        table.transact([put(key, {}), put((key[0], "2"), {})])
    assert waits == []


def test_an_error_of_ours_is_not_hidden(tables: Tables, key: tuple[str, str]) -> None:
    table, waits = tampered(tables, put_item=Failing(refusal("ValidationException"), 10**6))
    with pytest.raises(ClientError):
        table.write(put(key, {}))
    assert waits == []


def test_no_answer_at_all_is_said_to_be_temporary(tables: Tables, key: tuple[str, str]) -> None:
    for operation, act in {
        "get_item": lambda t: t.get(key),
        "put_item": lambda t: t.write(put(key, {})),
        "query": lambda t: t.query(Query("x")),
    }.items():
        table, _ = tampered(tables, **{operation: Failing(ReadTimeoutError(endpoint_url=""), 1)})
        with pytest.raises(TableBusy):
            act(table)


def test_a_lost_reply_of_a_new_item_is_no_duplicate(tables: Tables, key: tuple[str, str]) -> None:
    table, _ = tampered(tables, put_item=Failing(refusal("InternalServerError"), 1, after=True))
    table.write(put_new(key, {"num": 1, "f": 1.5, "list": [None]}, on_fail=lambda old: Duplicate()))
    with pytest.raises(Duplicate):
        table.write(put_new(key, {"num": 2}, on_fail=lambda old: Duplicate()))
    table, _ = tampered(tables, put_item=Failing(refusal("InternalServerError"), 1, after=True))
    table.write(put(key, {"num": 3}, "num = :one", one=1))
    assert tables.app.get(key) == {"pk": key[0], "sk": key[1], "num": 3}


def test_a_lost_reply_of_a_transaction_is_not_done_twice(tables: Tables, key: tuple[str, str]) -> None:
    def act(table: Table) -> None:
        counter: Write = update((key[0], "count"), "ADD num :one", one=1)
        table.transact([put_new(key, {"num": 1}, on_fail=lambda old: Conflict()), counter])

    table, _ = tampered(tables, transact_write_items=Failing(refusal("InternalServerError"), 2, after=True))
    act(table)
    assert tables.app.get((key[0], "count")) == {"pk": key[0], "sk": "count", "num": 1}
    with pytest.raises(Conflict):
        act(tables.app)
