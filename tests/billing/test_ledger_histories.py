"""Random histories of workers that share an account: lost requests and replies, throttling, conflicts, crashes, redelivery, holds that
run out under running work. After every call all invariants hold; and each protection is needed, since without it they do not.

`LEDGER_EXAMPLES=2000 make test T=tests/billing/test_ledger_histories.py` searches longer than the suite does.
"""

import itertools
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from chalicelib.billing.audit import audit
from chalicelib.billing.credits import Ledger
from chalicelib.billing.holds import Hold, HoldClosed
from chalicelib.billing.prices import Price
from chalicelib.core.errors import IdempotencyMismatch, OutOfCredits, Stale, TableBusy
from chalicelib.core.table import Item, Query, Table, Write, put_new
from tests.billing.conftest import SetClock
from tests.billing.interleaving import FAULTS, Fault, WatchedClient, Worker

EXAMPLES = int(os.environ.get("LEDGER_EXAMPLES", "60"))
EXPECTED = (OutOfCredits, HoldClosed, IdempotencyMismatch, TableBusy)
OPERATIONS = ("a", "b", "c", "own-key")
PARTS = {"x": 1, "y": 5, "z": 13}
HOLD_SECONDS = 100
_names = itertools.count()


def no_wait(seconds: float) -> None:
    """Workers take turns by the test's choice, not by the clock."""


class Account:
    """One account, its workers' jobs, and what must be true of it. The jobs are what workers do: they may run twice, at once, or die."""

    def __init__(self, client: Any, table_class: type[Table] = Table, ledger_class: type[Ledger] = Ledger) -> None:
        self.tenant, self.clock, self.watched = f"h{next(_names)}", SetClock(), WatchedClient(client)
        self.plain = Table(client, "igny8", sleep=no_wait)
        self.table = table_class(self.watched, "igny8", sleep=no_wait)
        self.ledger = ledger_class(self.table, self.tenant, self.clock, sleep=no_wait)
        self.answers: dict[str, Any] = {}
        self.ledger.open()

    # -- jobs
    def work(self, op: str, amount: int, used: int) -> Any:
        if op == "own-key":
            amount = used = 0
        hold = self.ledger.reserve(op, amount, details={"operation_type": "idea"}, seconds=HOLD_SECONDS)
        if hold.state == "settled":
            return self.answered(op, hold.result)
        made = put_new((f"{self.tenant}#X", op), {"used": used})
        return self.answered(op, self.ledger.commit(op, used, [made], result={"used": used}, usage={}))

    def finish_late(self) -> Any:
        """What a worker does whose hold was voided behind its back."""
        return self.ledger.commit("a", 7, [put_new((f"{self.tenant}#X", "a"), {"used": 7})], result={"used": 7}, usage={})

    def fail(self, op: str) -> Hold:
        self.ledger.reserve(op, 0 if op == "own-key" else 10, details={"operation_type": "idea"}, seconds=HOLD_SECONDS)
        return self.ledger.void(op, "failed")

    def work_in_parts(self, parts: Sequence[str]) -> Any:
        hold = self.ledger.reserve("run", 20, details={"operation_type": "idea"}, price=Price(1, unit="idea"), seconds=HOLD_SECONDS)
        if hold.state == "settled":
            return self.answered("run", hold.result)
        for part in parts:
            self.ledger.part("run", part, [put_new((f"{self.tenant}#X", f"run-{part}"), {})], PARTS[part])
        return self.answered("run", self.ledger.commit("run", result={"parts": list(parts)}, usage={}))

    def grant(self, key: str, amount: int) -> None:
        self.answered(f"grant {key} {amount}", self.ledger.grant(key, amount, kind="adjustment"))

    def renew(self, key: str) -> None:
        self.answered(f"renew {key}", self.ledger.renew_plan(key, 40))

    def sweep(self) -> None:
        self.ledger.sweep()

    def answered(self, what: str, answer: Any) -> Any:
        """Whoever asks for the same gets the same answer."""
        assert self.answers.setdefault(what, answer) == answer, f"{what} answered {self.answers[what]} and {answer}"
        return answer

    # -- truths
    def items(self, partition: str) -> list[Item]:
        return self.plain.query_all(Query(f"{self.tenant}#{partition}", consistent=True))

    def check(self, *, at_rest: bool = False) -> None:
        """The ledger adds up, and what was saved is what is charged."""
        items = self.items("B")
        assert audit(items, at_rest=at_rest) == []
        holds = {i["op"]: i for i in items if i["sk"].startswith("H#")}
        wanted = {op for op, h in holds.items() if op != "run" and h["state"] == "settled"}
        wanted |= {f"run-{part}" for part in holds.get("run", {}).get("parts", {})}
        saved = {i["sk"]: i for i in self.items("X")}
        assert saved.keys() == wanted
        for op, made in saved.items():
            assert op not in holds or holds[op]["used"] == made["used"]


class Histories(RuleBasedStateMachine):
    """client, table_class, ledger_class: set by `search`."""

    client: Any = None
    table_class: type[Table] = Table
    ledger_class: type[Ledger] = Ledger

    @initialize(start=st.integers(1, 120))
    def begin(self, start: int) -> None:
        self.account = Account(self.client, self.table_class, self.ledger_class)
        self.account.ledger.grant("first", start)
        self.workers: list[Worker] = []
        self.redeliveries: dict[Any, Callable[[], Any]] = {}

    def employ(self, name: Any, job: Callable[[], Any]) -> None:
        self.redeliveries[name] = job
        if len(self.workers) < 5:
            self.workers.append(Worker(job, EXPECTED))

    @rule(op=st.sampled_from(OPERATIONS), amount=st.sampled_from([10, 40, 70]), used=st.integers(0, 10))
    def start_work(self, op: str, amount: int, used: int) -> None:
        self.employ(op, lambda: self.account.work(op, amount, used))

    @rule(op=st.sampled_from(OPERATIONS))
    def start_failing_work(self, op: str) -> None:
        self.employ((op, "fails"), lambda: self.account.fail(op))

    @rule(parts=st.lists(st.sampled_from(sorted(PARTS)), unique=True))
    def start_work_in_parts(self, parts: list[str]) -> None:
        self.employ("run", lambda: self.account.work_in_parts(parts))

    @rule(key=st.sampled_from(["g1", "g2", "g3"]), amount=st.sampled_from([-30, 5, 50]))
    def start_grant(self, key: str, amount: int) -> None:
        self.employ((key, amount), lambda: self.account.grant(key, amount))

    @rule(key=st.sampled_from(["2026-10", "2026-11"]))
    def start_renewal(self, key: str) -> None:
        self.employ(key, lambda: self.account.renew(key))

    @rule(seconds=st.sampled_from([0, 60, 2 * HOLD_SECONDS]))
    def start_two_sweepers(self, seconds: int) -> None:
        self.account.clock.forward(seconds)
        for _ in range(2):
            self.employ("sweep", self.account.sweep)

    @precondition(lambda self: self.workers)
    @rule(
        plan=st.lists(
            st.tuples(st.integers(0, 4), st.one_of(st.none(), st.none(), st.none(), st.sampled_from(FAULTS))), min_size=3, max_size=16
        )
    )
    def go_on(self, plan: list[tuple[int, Fault | None]]) -> None:
        for who, fault in plan:
            if self.workers:
                self.step(self.workers[who % len(self.workers)], fault)

    def step(self, worker: Worker, fault: Fault | None) -> None:
        before = self.account.watched.writes
        worker.step(fault)
        self.workers = [w for w in self.workers if not w.done]
        if self.account.watched.writes != before:
            self.account.check()

    def teardown(self) -> None:
        """Everybody dies, the queues deliver everything once more, the sweeper comes: then nothing is open and all adds up."""
        if not hasattr(self, "account"):
            return
        for worker in self.workers:
            if not worker.done:
                worker.step("crash")
        for job in self.redeliveries.values():
            last = Worker(job, EXPECTED)
            while not last.done:
                last.step()
        self.account.clock.forward(10 * HOLD_SECONDS)
        self.account.sweep()
        self.account.check(at_rest=True)
        assert self.account.ledger.balance().reserved == 0


def search(client: Any, examples: int, table_class: type[Table] = Table, ledger_class: type[Ledger] = Ledger, steps: int = 30) -> None:
    machine = type("Histories", (Histories,), {"client": client, "table_class": table_class, "ledger_class": ledger_class})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, database=None, derandomize="LEDGER_EXAMPLES" not in os.environ,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck), report_multiple_bugs=False, print_blob=False,
        ),
    )  # fmt: skip


@pytest.mark.timeout(0 if "LEDGER_EXAMPLES" in os.environ else 120)
def test_every_history_adds_up(dynamodb: Any) -> None:
    search(dynamodb, EXAMPLES)


# -- one fault, anywhere
def run_out(account: Account) -> None:
    account.ledger.reserve("dead", 20, details={"operation_type": "idea"}, seconds=HOLD_SECONDS)
    account.clock.forward(2 * HOLD_SECONDS)


JOBS: dict[str, tuple[Callable[[Account], Any], Callable[[Account], Any]]] = {
    "work": (lambda a: a.work("a", 30, 7), lambda a: None),
    "work that frees credits first": (lambda a: a.work("a", 95, 7), run_out),
    "late work": (lambda a: a.finish_late(), lambda a: a.fail("a")),
    "failing work": (lambda a: a.fail("a"), lambda a: None),
    "work in parts": (lambda a: a.work_in_parts("xyz"), lambda a: None),
    "a grant": (lambda a: a.grant("g", 50), lambda a: None),
    "a renewal": (lambda a: a.renew("2026-11"), lambda a: None),
    "a sweep": (lambda a: a.sweep(), run_out),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("job", JOBS)
def test_a_fault_at_any_call_changes_nothing_once_the_job_was_delivered_again(dynamodb: Any, job: str, fault: Fault) -> None:
    run, prepare = JOBS[job]
    outcomes = []
    for at in itertools.count(-1):  # -1: no fault
        account = Account(dynamodb)
        account.ledger.grant("first", 100)
        prepare(account)
        worker, calls = Worker(lambda account=account: run(account), EXPECTED), 0
        while not worker.done:
            worker.step(fault if calls == at else None)
            calls += 1
        run(account)
        account.check()
        holds = {i["op"]: (i["state"], i["used"]) for i in account.items("B") if i["sk"].startswith("H#")}
        outcomes.append((account.ledger.balance(), holds))
        if calls <= at:
            break
    assert len(outcomes) > 2
    assert all(o == outcomes[0] for o in outcomes)


# -- each protection is needed
def without(*left_out: tuple[str, str]) -> type[Table]:
    """A table that leaves conditions out: (beginning of the sort key, condition)."""

    def weaker(write: Write) -> Write:
        if not write.key[0].endswith("#B"):
            return write
        rest = [c for c in write.condition.split(" AND ") if not any(write.key[1].startswith(k) and c == out for k, out in left_out)]
        used = " ".join([*rest, write.expression])
        return replace(write, condition=" AND ".join(rest), values={k: v for k, v in write.values.items() if k in used})

    class Weaker(Table):
        def transact(self, actions: Sequence[Write]) -> None:
            super().transact([weaker(a) for a in actions])

    return Weaker


class OneByOne(Table):
    """Writes the actions of a transaction one after the other."""

    def transact(self, actions: Sequence[Write]) -> None:
        for action in actions:
            super().transact([action])


class ObjectsApart(Table):
    """Saves the caller's objects in a transaction of their own."""

    def transact(self, actions: Sequence[Write]) -> None:
        for own in (True, False):
            if chosen := [a for a in actions if a.key[0].endswith("#B") == own]:
                super().transact(chosen)


class AnyState(Ledger):
    """Settles and voids a hold whatever its state."""

    def _read(self, op: str) -> tuple[Hold, Item]:
        hold, bal = super()._read(op)
        return replace(hold, state="held"), bal


NEW, SAME_VERSION, SAME_ENTRY, ENOUGH = "attribute_not_exists(pk)", "version = :seen", "seq = :seen", "avail >= :need"
MUTANTS: dict[str, tuple[type[Table], type[Ledger]]] = {
    "a reservation does not look whether there is one": (without(("H#", NEW)), Ledger),
    "a reservation does not look whether there are credits": (without(("BAL", ENOUGH)), Ledger),
    "a hold is replaced in whatever version": (without(("H#", SAME_VERSION)), Ledger),
    # Either of the two keeps an entry's place (as does a grant's mark, for grants), so it takes both to lose one.
    "an entry follows any entry and replaces others": (without(("BAL", SAME_ENTRY), ("L#", NEW)), Ledger),
    "the balance and the hold change one after the other": (OneByOne, Ledger),
    "objects are saved in another transaction than the charge": (ObjectsApart, Ledger),
    "a hold is settled or voided in whatever state": (Table, AnyState),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_without_a_protection_some_history_fails(dynamodb: Any, mutant: str) -> None:
    table_class, ledger_class = MUTANTS[mutant]
    with pytest.raises((AssertionError, Stale)):
        search(dynamodb, 300, table_class, ledger_class)
