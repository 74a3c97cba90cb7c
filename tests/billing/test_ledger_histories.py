"""Random histories of workers that share an account: lost requests and replies, throttling, conflicts, crashes, redelivery, holds that
run out under running work. After every call all invariants hold.

`LEDGER_EXAMPLES=2000 make test T=tests/billing/test_ledger_histories.py` searches longer than the suite does, and elsewhere each time.
"""

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.billing.account_jobs import EXPECTED, HOLD_SECONDS, PARTS, Account
from tests.billing.interleaving import FAULTS, Fault, Worker

EXAMPLES = int(os.environ.get("LEDGER_EXAMPLES", "40"))
OPERATIONS = ("a", "b", "c", "own-key")


class Histories(RuleBasedStateMachine):
    client: Any = None

    @initialize(start=st.integers(1, 120))
    def begin(self, start: int) -> None:
        self.account = Account(self.client)
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

    @rule(parts=st.lists(st.sampled_from(sorted(PARTS)), min_size=1, unique=True))
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


@pytest.mark.timeout(0 if "LEDGER_EXAMPLES" in os.environ else 120)
def test_every_history_adds_up(dynamodb: Any) -> None:
    run_state_machine_as_test(
        type("HistoriesHere", (Histories,), {"client": dynamodb}),
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=30, deadline=None, database=None, derandomize="LEDGER_EXAMPLES" not in os.environ,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck), report_multiple_bugs=False, print_blob=False,
        ),
    )  # fmt: skip
