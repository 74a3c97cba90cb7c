"""Each fault at each call of each job, and every order in which the calls of two workers can happen that get into each other's way."""

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from chalicelib.core.errors import OutOfCredits
from tests.billing.account_jobs import ENVELOPE, HOLD_SECONDS, PRODUCT, Account, Code
from tests.billing.interleaving import Fault, Worker

Job = Callable[[Account], Any]


def nothing(account: Account) -> None:
    """No preparation."""


def run_out(account: Account) -> None:
    account.reserve("dead", 20)
    account.clock.forward(2 * HOLD_SECONDS)


def begin_parts(account: Account) -> None:
    account.save_part("z")
    account.clock.forward(20 * HOLD_SECONDS)


def promise_runs_out(account: Account) -> None:
    account.promise(50)
    account.clock.forward(2 * HOLD_SECONDS)


def reserve_all(account: Account) -> Any:
    return account.reserve("b", 100)


# job -> what it does, and what is there before
JOBS: dict[str, tuple[Job, Job]] = {
    "work": (lambda a: a.work("a", 30, 7), nothing),
    "work that frees credits first": (lambda a: a.work("a", 95, 7), run_out),
    "late work": (lambda a: a.finish_late(), lambda a: a.fail("a")),
    "failing work": (lambda a: a.fail("a"), nothing),
    "work in parts": (lambda a: a.work_in_parts("xyz"), nothing),
    "work in an envelope": (lambda a: a.work("a", 30, 7, ENVELOPE), lambda a: a.promise(50)),
    "the beginning of a run": (lambda a: a.promise(50), nothing),
    "the end of a run": (lambda a: a.end_promise(), lambda a: a.promise(50)),
    "a grant": (lambda a: a.grant("g", 50), nothing),
    "a renewal": (lambda a: a.renew("2026-11"), nothing),
    "a sweep": (lambda a: a.sweep(), run_out),
}


def outcomes_with_a_fault(client: Any, job: str, fault: Fault, code: Code = PRODUCT) -> Iterator[tuple[Any, Any]]:
    """The balance and the holds after the job was delivered twice: the first time without a fault, then with one at its 1st, 2nd ...
    call. All are the same when a fault changes nothing."""
    run, prepare = JOBS[job]
    for at in itertools.count(-1):  # -1: no fault
        account = Account(client, code)
        account.ledger.grant("first", 100)
        prepare(account)
        worker, calls = Worker(partial(run, account), code.expected), 0
        while not worker.done:
            worker.step(fault if calls == at else None)
            calls += 1
        run(account)
        account.check()
        yield account.ledger.balance(), {i["op"]: (i["state"], i["used"]) for i in account.items("B") if i["sk"].startswith("H#")}
        if calls <= at:
            return


# two workers, what is there before, and the account's cap
PAIRS: dict[str, tuple[Job, Job, Job, int | None]] = {
    "two deliveries of one operation": (lambda a: a.work("a", 30, 7), lambda a: a.work("a", 30, 7), nothing, None),
    "one operation for two requests": (lambda a: a.work("a", 30, 7), lambda a: a.work("a", 30, 3, request="s"), nothing, None),
    "two operations, credits for one": (lambda a: a.work("a", 70, 7), lambda a: a.work("b", 70, 7), nothing, None),
    "two operations, credits for both": (lambda a: a.work("a", 30, 7), lambda a: a.work("b", 30, 3), nothing, None),
    "work, and a delivery of it that fails": (lambda a: a.work("a", 30, 7), lambda a: a.fail("a"), nothing, None),
    "free work, and a delivery of it that fails": (lambda a: a.work("own-key", 0, 0), lambda a: a.fail("own-key"), nothing, None),
    "work that ends late, twice": (lambda a: a.finish_late(), lambda a: a.finish_late(), lambda a: a.fail("a"), None),
    "work that ends late, and a reservation of all there is": (lambda a: a.finish_late(), reserve_all, lambda a: a.fail("a"), None),
    "failed work begun again, twice": (lambda a: a.reserve("a", 30), lambda a: a.reserve("a", 30), lambda a: a.fail("a"), None),
    "two parts of one operation": (lambda a: a.save_part("x"), lambda a: a.save_part("y"), lambda a: a.save_part("z"), None),
    "a part, and the end of its operation": (lambda a: a.save_part("x"), lambda a: a.finish_parts(["z"]), lambda a: a.save_part("z"), None),
    "the end of work, and the sweeper": (lambda a: a.finish_late("dead"), lambda a: a.sweep(), run_out, None),
    "two sweepers": (lambda a: a.sweep(), lambda a: a.sweep(), run_out, None),
    "one grant, delivered twice": (lambda a: a.grant("g", 50), lambda a: a.grant("g", 50), nothing, None),
    "one key for two grants": (lambda a: a.grant("g", 50), lambda a: a.grant("g", 60), nothing, None),
    "two grants": (lambda a: a.grant("g", 50), lambda a: a.grant("h", -100), nothing, None),
    "a deduction, and a reservation of all there is": (lambda a: a.grant("g", -60), reserve_all, nothing, None),
    "a renewal, and work": (lambda a: a.renew("2026-11"), lambda a: a.work("a", 30, 7), lambda a: a.renew("2026-10"), None),
    "opening the ledger again, and a grant": (lambda a: a.ledger.open(), lambda a: a.grant("g", 50), nothing, None),
    "two operations, a cap for one": (lambda a: a.work("a", 40, 7), lambda a: a.work("b", 40, 7), nothing, 60),
    "work that ends late, and a reservation up to the cap": (
        lambda a: a.finish_late(),
        lambda a: a.reserve("b", 60),
        lambda a: a.fail("a"),
        60,
    ),
    "two operations in an envelope for one": (
        lambda a: a.reserve("a", 30, within=ENVELOPE),
        lambda a: a.reserve("b", 30, within=ENVELOPE),
        lambda a: a.promise(50),
        None,
    ),
    "an operation in an envelope, and the end of its run": (
        lambda a: a.reserve("a", 30, within=ENVELOPE),
        lambda a: a.end_promise(),
        lambda a: a.promise(50),
        None,
    ),
    "an envelope kept alive, and the sweeper": (lambda a: a.promise(50), lambda a: a.sweep(), promise_runs_out, None),
    # those of most orders come last
    "work that ends late, and is begun again": (lambda a: a.finish_late(), lambda a: a.work("a", 10, 7), lambda a: a.fail("a"), None),
    "a part, and the sweeper": (lambda a: a.save_part("x"), lambda a: a.sweep(), begin_parts, None),
    "a renewed hold, and the sweeper": (lambda a: a.work("dead", 20, 7), lambda a: a.sweep(), run_out, None),
}


def orders(client: Any, pair: str, code: Code = PRODUCT) -> Iterator[Account]:
    """The account after each order in which the calls of the two jobs can happen; it is checked after every call that wrote, and in
    the end when the sweeper has been there. Of orders that differ only in which of two neighbouring reads is first, one is taken."""
    first, second, prepare, cap = PAIRS[pair]
    path: list[int] = []
    while True:
        account = Account(client, code, cap)
        account.ledger.grant("first", 100)
        prepare(account)
        seen = [account.check()]
        workers = [Worker(partial(job, account), code.expected) for job in (first, second)]
        trace: list[tuple[int, int]] = []  # who went on, of how many that could
        last: Worker | None = None  # who has just read
        while live := [w for w in workers if not w.done]:
            # after a read of the second, a read of the first is the order in which the first read before
            least = int(len(live) == 2 and last is live[1] and live[0].reads)
            chosen = max(least, path[len(trace)] if len(trace) < len(path) else 0)
            trace.append((chosen, len(live)))
            before, last = account.watched.writes, live[chosen] if live[chosen].reads else None
            live[chosen].step()
            if account.watched.writes != before:
                seen.append(account.check())
        for worker in workers:
            if isinstance(worker.outcome, OutOfCredits):
                account.refused_rightly(worker.outcome, seen)
        account.clock.forward(20 * HOLD_SECONDS)
        account.sweep()
        account.check(at_rest=True)
        yield account
        while trace and trace[-1][0] == trace[-1][1] - 1:
            trace.pop()
        if not trace:
            return
        path = [c for c, _ in trace[:-1]] + [trace[-1][0] + 1]
