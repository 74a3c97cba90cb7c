"""One breaker for many Lambdas: of many at the same moment one probes, tenants stay apart, and a busy table is no outage."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.ai.breaker import through
from chalicelib.core import deadline
from chalicelib.core.errors import TableBusy, UpstreamRejected, UpstreamUnavailable
from chalicelib.core.ids import new_tenant_id
from chalicelib.core.table import Item, Key, Table, Write
from chalicelib.system.circuits import FAILURES_TO_OPEN, Circuit, Circuits, circuit
from tests.ai.breaker.bench import KEY, NO_KEY, OUT, Server, blocked, fail
from tests.conftest import Tables
from tests.fakes import FixedClock


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


class Probed:
    """A worker's sleep during which another's probe comes to its end. naps: how many it takes."""

    def __init__(self, naps: int, end: Callable[[], None]) -> None:
        self.naps, self.end = naps, end

    def __call__(self, seconds: float) -> None:
        self.naps -= 1
        if self.naps == 0:
            self.end()


class Lambda:
    def get_remaining_time_in_millis(self) -> int:
        return 300_000


@pytest.mark.parametrize(("ends", "asked"), [("answer", 1), ("failure", 0), ("given back", 0), ("never", 0)])
def test_a_worker_with_time_waits_for_the_probe_of_another(
    lambdas: Any, tables: Tables, of: Circuit, clock: FixedClock, ends: str, asked: int
) -> None:
    fail(lambdas(), of)
    clock.forward(61)
    prober = lambdas()
    seen = prober.state(of)
    assert prober.claim(of) == "probe"

    def end() -> None:
        if ends == "answer":
            prober.answered(of, seen)
        elif ends == "failure":
            prober.failed(of, probe=True)
        elif ends == "given back":
            prober.give_back(of)

    other = Circuits(Table(tables.ops.client, tables.ops.name), clock, sleep=Probed(3, end))
    server = Server()
    with deadline.of_lambda(Lambda()):
        if asked:
            assert through(other, of, server) == "answer"
        else:
            with pytest.raises(UpstreamUnavailable) as caught:
                through(other, of, server)
            assert caught.value.extra["reason"] == "circuit_open"
    assert server.asked == asked


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
