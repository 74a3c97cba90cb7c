"""Many workers that settle on one account at the same moment: each is charged once, none gives up, nothing is lost."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from chalicelib.billing.audit import audit_account
from chalicelib.billing.credits import Ledger
from chalicelib.billing.entries import Balance
from chalicelib.core.errors import OutOfCredits
from chalicelib.core.table import put_new
from tests.fakes import FixedClock

WORKERS = 50
IDEA: dict[str, Any] = {"operation_type": "idea"}


def at_once(jobs: Iterable[Callable[[], Any]]) -> list[Any]:
    """Start all jobs at the same moment; their outcomes, a refusal for lack of credits included."""
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
