"""The circuit breaker on real (moto) tables: when it opens, who probes, what it says, and that it is never an outage itself."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.ai.breaker import through
from chalicelib.core.errors import (
    AppError,
    InvalidAnswer,
    Moderated,
    TableBusy,
    UpstreamRejected,
    UpstreamUnavailable,
    ValidationFailed,
)
from chalicelib.core.ids import new_tenant_id
from chalicelib.core.table import Item, Key, Table, Write
from chalicelib.system.circuits import FAILURES_TO_OPEN, Circuit, Circuits, circuit
from tests.conftest import Tables
from tests.fakes import FixedClock

KEY = "sk-canary-0123456789"
OUT = UpstreamUnavailable("The model's server does not answer at present (500).")
NO_KEY = UpstreamRejected("The provider does not accept the API key.", reason="key_refused")


class Server:
    """What is behind the breaker: raises the scripted errors, then answers; `asked` counts."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.asked = list(errors), 0

    def __call__(self) -> str:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


@pytest.fixture
def of(tenant: str) -> Circuit:
    return circuit(tenant, "openai", "https://llm.example.com/v1", KEY, "luna")


@pytest.fixture
def lambdas(tables: Tables, clock: FixedClock) -> Callable[[], Circuits]:
    """Circuits as another process knows them: what one has read, another has not."""
    return lambda: Circuits(Table(tables.ops.client, tables.ops.name, sleep=lambda seconds: None), clock)


def fail(circuits: Circuits, of: Circuit, times: int = FAILURES_TO_OPEN, error: Exception = OUT) -> UpstreamUnavailable:
    """So many failed calls; the last one's error."""
    for _ in range(times):
        with pytest.raises(UpstreamUnavailable) as caught:
            through(circuits, of, Server(error))
    return caught.value


def blocked(circuits: Circuits, of: Circuit) -> AppError:
    server = Server()
    with pytest.raises(AppError) as caught:
        through(circuits, of, server)
    assert server.asked == 0, "nobody may be asked"
    return caught.value


def test_three_failures_in_a_row_open_it_for_every_lambda(lambdas: Any, of: Circuit, clock: FixedClock) -> None:
    first, second = lambdas(), lambdas()
    assert fail(first, of, 1) is OUT, "the first failures are just that"
    opening = fail(second, of, 2)
    assert opening.extra["reason"] == "circuit_open" and OUT.message in opening.message
    error = blocked(lambdas(), of)
    assert isinstance(error, UpstreamUnavailable) and error.retry_after_seconds == 60
    assert (
        error.message == "The model server llm.example.com (luna) has not answered since 12:00:00 UTC; it is asked again at 12:01:00 UTC."
    )
    assert error.extra == {"reason": "circuit_open", "provider": of.server, "until": "2026-11-20T12:01:00.000Z"}


def test_an_answer_between_them_begins_the_row_anew(lambdas: Any, of: Circuit, clock: FixedClock) -> None:
    circuits = lambdas()
    for error in (None, InvalidAnswer("cut off"), Moderated("no"), UpstreamRejected("too long", reason="too_long")):
        fail(circuits, of, FAILURES_TO_OPEN - 1)
        if error is None:
            assert through(circuits, of, Server()) == "answer"
        else:
            with pytest.raises(type(error)):
                through(circuits, of, Server(error))
    fail(circuits, of, 2)
    clock.forward(16 * 60)
    assert fail(circuits, of, 2) is OUT, "failures a quarter of an hour apart are not in a row"


def test_half_open_lets_one_through_and_its_answer_closes_it(lambdas: Any, of: Circuit, clock: FixedClock) -> None:
    fail(lambdas(), of)
    clock.forward(61)
    prober, other = lambdas(), lambdas()

    def while_probing() -> str:
        assert blocked(other, of).extra["until"] == "2026-11-20T12:03:01.000Z"
        return "answer"

    assert through(prober, of, while_probing) == "answer"
    assert through(lambdas(), of, Server()) == "answer"
    assert fail(lambdas(), of, 1) is OUT, "it begins to count anew"


def test_a_probe_that_fails_opens_it_for_twice_as_long_up_to_an_end(lambdas: Any, of: Circuit, clock: FixedClock) -> None:
    circuits = lambdas()
    waits = [fail(circuits, of).retry_after_seconds]
    for _ in range(5):
        clock.forward(waits[-1] + 1)
        waits.append(fail(circuits, of, 1).retry_after_seconds)
    assert waits == [60, 120, 240, 480, 900, 900]
    clock.forward(901)
    with pytest.raises(InvalidAnswer):
        through(circuits, of, Server(InvalidAnswer("it refuses")))
    assert fail(circuits, of, 1) is OUT, "also a useless answer is one"
    assert fail(circuits, of, 2).retry_after_seconds == 60


def test_a_prober_that_dies_or_never_asks_gives_its_turn_back(lambdas: Any, of: Circuit, clock: FixedClock) -> None:
    circuits = lambdas()
    fail(circuits, of)
    clock.forward(61)
    with pytest.raises(ZeroDivisionError):
        through(circuits, of, Server(ZeroDivisionError()))
    blocked(lambdas(), of)
    clock.forward(121)
    for error in (UpstreamUnavailable("over", reason="no_time"), ValidationFailed("no key")):
        with pytest.raises(type(error)):
            through(lambdas(), of, Server(error))
    assert through(lambdas(), of, Server()) == "answer"


@pytest.mark.parametrize(("asked", "kept"), [(5.0, 60), (300.0, 300), (86_400.0, 3600)])
def test_retry_after_is_kept_up_to_an_hour(lambdas: Any, of: Circuit, asked: float, kept: float) -> None:
    slow = UpstreamUnavailable("slow down", retry_after_seconds=asked)
    assert fail(lambdas(), of, error=slow).retry_after_seconds == kept


@pytest.mark.parametrize("reason", ["key_refused", "no_quota"])
def test_a_key_that_is_refused_is_not_sent_by_every_item(lambdas: Any, of: Circuit, clock: FixedClock, reason: str) -> None:
    refusal = UpstreamRejected("Top it up.", reason=reason)
    with pytest.raises(UpstreamRejected):
        through(lambdas(), of, Server(refusal))
    error = blocked(lambdas(), of)
    assert type(error) is UpstreamRejected and error.message == "Top it up."
    assert (error.extra["reason"], error.extra["until"]) == (reason, "2026-11-20T12:01:00.000Z")
    assert type(blocked(lambdas(), replace(of, model="terra"))) is UpstreamRejected, "whatever the model"
    clock.forward(60)
    assert through(lambdas(), of, Server()) == "answer"
    assert through(lambdas(), of, Server()) == "answer"


def test_what_is_wrong_with_the_worker_or_one_text_opens_nothing(lambdas: Any, of: Circuit) -> None:
    harmless = [
        UpstreamUnavailable("This worker's time is over.", reason="no_time"),
        Moderated("no"),
        UpstreamRejected("no model", reason="model_gone"),
        UpstreamRejected("forbidden", reason="not_allowed"),
        ValidationFailed("no key"),
    ]
    circuits = lambdas()
    for error in harmless * FAILURES_TO_OPEN:
        with pytest.raises(type(error)):
            through(circuits, of, Server(error))
    assert through(circuits, of, Server()) == "answer"


def test_a_failure_of_a_call_that_began_before_does_not_lengthen_it(lambdas: Any, of: Circuit, clock: FixedClock) -> None:
    slow = lambdas()

    def late() -> str:
        fail(lambdas(), of)
        clock.forward(30)
        raise OUT

    with pytest.raises(UpstreamUnavailable):
        through(slow, of, late)
    assert blocked(lambdas(), of).extra["until"] == "2026-11-20T12:01:00.000Z"


def test_circuits_are_apart_by_tenant_key_and_server_and_hold_no_key(lambdas: Any, tables: Tables, of: Circuit, tenant: str) -> None:
    fail(lambdas(), of)
    others = [
        circuit(new_tenant_id(), "openai", "https://llm.example.com/v1", KEY),
        circuit("", "openai", "https://llm.example.com/v1", KEY),
        circuit(tenant, "openai", "https://llm.example.com/v1", KEY + "1"),
        circuit(tenant, "openai", "https://llm.example.com", KEY),
        circuit(tenant, "runware", "https://llm.example.com/v1", KEY),
    ]
    assert len({other.key for other in others} | {of.key}) == 6
    for other in others:
        assert through(lambdas(), other, Server()) == "answer"
    assert circuit(tenant, "openai", "https://llm.example.com/v1/", f" {KEY}\n").key == of.key
    assert through(lambdas(), replace(of, model="terra"), Server()) == "answer", "another model under the same key"
    (item,) = [item for item in tables.ops.scan_all() if item["pk"] == of.key[0]]
    assert KEY not in str(item) and item["ttl"] > 0


@pytest.mark.parametrize(
    ("provider", "base_url", "server"),
    [
        ("openai", "", "OpenAI"),
        ("runware", "", "Runware"),
        ("openai", "https://llm.example.com:8443/v1", "The model server llm.example.com:8443"),
        ("openai", "https://user:secret@llm.example.com/v1", "The model server llm.example.com"),
    ],
)
def test_a_server_is_named_so_that_people_know_it(provider: str, base_url: str, server: str) -> None:
    assert circuit("", provider, base_url, KEY).server == server


def test_resetting_closes_an_accounts_own_and_no_others(lambdas: Any, of: Circuit, tenant: str) -> None:
    platform = circuit("", "openai", f"https://{tenant}.example.com", KEY)
    circuits = lambdas()
    fail(circuits, of)
    fail(circuits, platform)
    circuits.reset(tenant)
    assert through(circuits, of, Server()) == "answer"
    blocked(circuits, platform)


def test_of_many_at_the_same_moment_one_probes(lambdas: Any, of: Circuit, clock: FixedClock) -> None:
    """Eight Lambdas as threads on one table: the provider sees one request, the others are told to wait."""
    fail(lambdas(), of)
    clock.forward(61)
    start, done = threading.Barrier(8), threading.Event()
    asked: list[int] = []
    outcomes: list[str] = []

    def probe(number: int) -> str:
        asked.append(number)
        assert done.wait(20)
        return "answer"

    def run(number: int) -> None:
        circuits = lambdas()
        start.wait(20)
        try:
            outcomes.append(through(circuits, of, lambda: probe(number)))
        except UpstreamUnavailable as error:
            outcomes.append(error.extra["reason"])
            if len(outcomes) == 7:
                done.set()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(asked) == 1
    assert sorted(outcomes) == ["answer"] + ["circuit_open"] * 7


def test_failures_of_many_at_the_same_moment_are_all_counted(lambdas: Any, of: Circuit) -> None:
    start = threading.Barrier(FAILURES_TO_OPEN)
    errors: list[str] = []

    def run() -> None:
        circuits = lambdas()

        def failing() -> str:
            start.wait(20)
            raise UpstreamUnavailable("500")

        try:
            through(circuits, of, failing)
        except UpstreamUnavailable as error:
            errors.append(str(error.extra.get("reason")))

    threads = [threading.Thread(target=run) for _ in range(FAILURES_TO_OPEN)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(errors) == ["None"] * (FAILURES_TO_OPEN - 1) + ["circuit_open"]
    blocked(lambdas(), of)


class CountingTable(Table):
    """Counts what is asked of a table, and is busy when told so."""

    def __init__(self, inner: Table) -> None:
        super().__init__(inner.client, inner.name, sleep=lambda seconds: None)
        self.reads, self.writes, self.busy = 0, 0, False

    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        self.reads += 1
        if self.busy:
            raise TableBusy()
        return super().get(key, consistent=consistent)

    def write(self, action: Write) -> Item | None:
        self.writes += 1
        if self.busy:
            raise TableBusy()
        return super().write(action)


def test_a_call_costs_one_read_in_five_seconds_and_no_write(tables: Tables, of: Circuit, clock: FixedClock) -> None:
    table = CountingTable(tables.ops)
    for _ in range(20):
        through(Circuits(table, clock), of, Server())
    assert (table.reads, table.writes) == (1, 0)
    clock.forward(5)
    through(Circuits(table, clock), of, Server())
    assert (table.reads, table.writes) == (2, 0)


def test_a_busy_table_lets_everything_through(tables: Tables, of: Circuit, clock: FixedClock) -> None:
    table = CountingTable(tables.ops)
    fail(Circuits(table, clock), of)
    clock.forward(61)
    table.busy = True
    circuits = Circuits(table, clock)
    assert through(circuits, of, Server()) == "answer"
    assert fail(circuits, of, 5) is OUT
    with pytest.raises(UpstreamRejected):
        through(circuits, of, Server(NO_KEY))


def test_a_table_that_is_busy_only_for_the_claim_lets_the_call_through(tables: Tables, of: Circuit, clock: FixedClock) -> None:
    class BusyForWrites(CountingTable):
        def write(self, action: Write) -> Item | None:
            raise TableBusy()

    fail(Circuits(tables.ops, clock), of)
    clock.forward(61)
    assert through(Circuits(BusyForWrites(tables.ops), clock), of, Server()) == "answer"
