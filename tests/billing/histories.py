"""Random histories of workers that share an account: lost requests and replies, throttling, conflicts, crashes, redelivery, holds that
run out under running work, envelopes, caps, months that begin. After every call all invariants hold.
"""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from chalicelib.core.errors import OutOfCredits
from tests.billing.account_jobs import ENVELOPE, HOLD_SECONDS, PARTS, PRODUCT, Account, Code, Standing
from tests.billing.interleaving import FAULTS, Fault, Worker

OPERATIONS = ("a", "b", "c", "own-key")
STEPS = 30


class Histories(RuleBasedStateMachine):
    client: Any = None
    code: Code = PRODUCT

    @initialize(start=st.sampled_from([1, 30, 80, 120, 200]), cap=st.sampled_from([None, 60, 100]))
    def begin(self, start: int, cap: int | None) -> None:
        self.workers: list[tuple[Worker, int]] = []  # and how much had been seen when it began
        self.redeliveries: dict[Any, Callable[[], Any]] = {}
        self.account = Account(self.client, self.code, cap)
        self.account.ledger.grant("first", start)
        self.seen: list[Standing] = [self.account.check()]

    def employ(self, name: Any, job: Callable[[], Any]) -> None:
        self.redeliveries[name] = job
        if len(self.workers) < 5:
            self.workers.append((Worker(job, self.code.expected), len(self.seen) - 1))

    @rule(
        op=st.sampled_from(OPERATIONS),
        amount=st.sampled_from([10, 40, 70]),
        used=st.integers(0, 10),
        within=st.sampled_from(["", ENVELOPE]),
        request=st.sampled_from(["r", "r", "r", "s"]),
    )
    def start_work(self, op: str, amount: int, used: int, within: str, request: str) -> None:
        self.employ((op, request), lambda: self.account.work(op, amount, used, within, request))

    @rule(op=st.sampled_from(OPERATIONS))
    def start_failing_work(self, op: str) -> None:
        self.employ((op, "fails"), lambda: self.account.fail(op))

    @rule(parts=st.lists(st.sampled_from(sorted(PARTS)), min_size=1, unique=True))
    def start_work_in_parts(self, parts: list[str]) -> None:
        self.employ("run", lambda: self.account.work_in_parts(parts))

    @rule(amount=st.sampled_from([20, 60]), ends=st.booleans())
    def start_or_end_a_run(self, amount: int, ends: bool) -> None:
        self.employ((ENVELOPE, ends), self.account.end_promise if ends else lambda: self.account.promise(amount))

    @rule(key=st.sampled_from(["g1", "g2", "g3"]), amount=st.sampled_from([-30, 5, 50]))
    def start_grant(self, key: str, amount: int) -> None:
        self.employ((key, amount), lambda: self.account.grant(key, amount))

    @rule(key=st.sampled_from(["2026-10", "2026-11"]))
    def start_renewal(self, key: str) -> None:
        self.employ(key, lambda: self.account.renew(key))

    @rule()
    def open_again(self) -> None:
        self.employ("open", lambda: self.account.ledger.open())

    @rule(seconds=st.sampled_from([0, 60, 2 * HOLD_SECONDS]))
    def start_two_sweepers(self, seconds: int) -> None:
        self.account.clock.forward(seconds)
        for _ in range(2):
            self.employ("sweep", self.account.sweep)

    @precondition(lambda self: self.workers)
    @rule(
        plan=st.lists(
            st.tuples(st.integers(0, 4), st.one_of(st.none(), st.none(), st.none(), st.sampled_from(FAULTS))), min_size=4, max_size=24
        )
    )
    def go_on(self, plan: list[tuple[int, Fault | None]]) -> None:
        for who, fault in plan:
            if self.workers:
                self.step(*self.workers[who % len(self.workers)], fault)

    def step(self, worker: Worker, since: int, fault: Fault | None) -> None:
        before = self.account.watched.writes
        worker.step(fault)
        if self.account.watched.writes != before:
            self.seen.append(self.account.check())
        if isinstance(worker.outcome, OutOfCredits):
            self.account.refused_rightly(worker.outcome, self.seen[since:])
        self.workers = [(w, n) for w, n in self.workers if not w.done]

    def teardown(self) -> None:
        """Everybody dies, the queues deliver everything once more, the sweeper comes: then nothing is open and all adds up."""
        if not hasattr(self, "account"):
            return
        for worker, _ in self.workers:
            if not worker.done:
                worker.step("crash")
        for job in self.redeliveries.values():
            last = Worker(job, self.code.expected)
            while not last.done:
                last.step()
        self.account.clock.forward(10 * HOLD_SECONDS)
        self.account.sweep()
        self.account.check(at_rest=True)
        assert self.account.ledger.balance().reserved == 0


def run_histories(client: Any, examples: int, code: Code = PRODUCT, *, random_seed: int | None = None) -> None:
    """So many random histories: the same ones each time, unless there is a seed. Raises the error of the first that fails."""
    machine = type("HistoriesHere", (Histories,), {"client": client, "code": code})
    limits = settings(
        max_examples=examples, stateful_step_count=STEPS, deadline=None, database=None, derandomize=random_seed is None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck), report_multiple_bugs=False, print_blob=False,
    )  # fmt: skip
    run_state_machine_as_test(machine if random_seed is None else seed(random_seed)(machine), settings=limits)
