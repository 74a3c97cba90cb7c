"""Many workers on one account at the same moment: each is charged once, none gives up, nothing is lost, none is refused what it could
pay. `make ledger` does it with ten thousand at once."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from chalicelib.billing.audit import audit_account
from chalicelib.billing.caps import Cap, CapReached, counted
from chalicelib.billing.credits import Ledger
from chalicelib.billing.entries import Balance
from chalicelib.core.errors import OutOfCredits
from chalicelib.core.table import put_new
from tests.billing.contention import AMOUNT, storm
from tests.billing.memory_dynamodb import MemoryDynamoDB
from tests.fakes import FixedClock

WORKERS = 50
IDEA: dict[str, Any] = {"operation_type": "idea"}


def at_once(jobs: Iterable[Callable[[], Any]]) -> list[Any]:
    """Start all jobs at the same moment, on real threads; their outcomes, a refusal for lack of credits included."""
    jobs = list(jobs)
    start = threading.Barrier(len(jobs))

    def run(job: Callable[[], Any]) -> Any:
        start.wait()
        try:
            return job()
        except OutOfCredits as error:
            return error

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


def test_fifty_commits_at_once(ledger: Ledger, clock: FixedClock) -> None:
    shared = Ledger(ledger.table, ledger.tenant, clock)
    shared.grant("more", 400)
    ops = [f"op{n}" for n in range(WORKERS)]
    at_once(partial(shared.reserve, op, 10, details=IDEA) for op in ops)
    assert shared.balance() == Balance(500, 500, 0)
    saved = [put_new((f"{ledger.tenant}#X", op), {}) for op in ops]
    at_once(partial(shared.commit, op, 3, [write], result={}, usage={}) for op, write in zip(ops, saved, strict=True))
    assert shared.balance() == Balance(350, 0, 350)
    assert audit_account(ledger.table, ledger.tenant, at_rest=True) == []


def test_fifty_workers_want_the_credits_of_ten(ledger: Ledger, clock: FixedClock) -> None:
    shared = Ledger(ledger.table, ledger.tenant, clock)
    outcomes = at_once(partial(shared.reserve, f"op{n}", 10, details=IDEA) for n in range(WORKERS))
    assert sum(isinstance(o, OutOfCredits) for o in outcomes) == WORKERS - 10
    assert shared.balance() == Balance(100, 100, 0)


def test_fifty_workers_of_two_runs_under_the_cap_of_a_day(ledger: Ledger, clock: FixedClock) -> None:
    """Not one credit more than the cap, and not one item less than it has room for."""
    shared = Ledger(ledger.table, ledger.tenant, clock)
    shared.grant("more", 900)
    caps = [[Cap(f"run.{n % 2}"), Cap("day.site.2026-11-20", 95)] for n in range(WORKERS)]
    outcomes = at_once(partial(shared.reserve, f"op{n}", 10, details=IDEA, caps=caps[n]) for n in range(WORKERS))
    refusals = [o for o in outcomes if isinstance(o, CapReached)]
    assert len(refusals) == WORKERS - 9 and {o.extra["available"] < o.extra["required"] for o in refusals} == {True}
    found = counted(ledger.table, ledger.tenant, ["run.0", "run.1", "day.site.2026-11-20"])
    assert found["day.site.2026-11-20"] == found["run.0"] + found["run.1"] == 90
    assert shared.balance().reserved == 90


def test_ten_deliveries_of_one_operation(ledger: Ledger, clock: FixedClock) -> None:
    shared = Ledger(ledger.table, ledger.tenant, clock)

    def work(worker: int) -> Any:
        hold = shared.reserve("op", 10, details=IDEA)
        write = put_new((f"{ledger.tenant}#X", "op"), {})
        return hold.result if hold.state == "settled" else shared.commit("op", 3, [write], result={"worker": worker}, usage={})

    outcomes = at_once(partial(work, n) for n in range(10))
    assert all(o == outcomes[0] for o in outcomes)
    assert shared.balance() == Balance(97, 0, 97)
    assert audit_account(ledger.table, ledger.tenant, at_rest=True) == []


@pytest.mark.parametrize("share", [AMOUNT, 4])
def test_three_hundred_at_once_on_a_table_as_slow_as_the_real_one(share: int) -> None:
    """With credits for all, and for less than half. `storm` asserts that it is exact and that no refusal was wrong."""
    figures = storm(MemoryDynamoDB(), "table", "tenant", operations=300, credits=300 * share)
    assert bool(figures.refused) == (share < AMOUNT)
    assert figures.calls["conflicts"] > 300, "they did get into each other's way"
