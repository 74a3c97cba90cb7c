"""Each fault at each call of each job, and every interleaving of two workers that get into each other's way: what one of them alone
would leave is what is there in the end. Each protection is needed: without it some interleaving breaks an invariant.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from chalicelib.billing.credits import Ledger
from chalicelib.billing.holds import Hold
from chalicelib.core.errors import Stale
from chalicelib.core.table import Item, Table, Write
from tests.billing.account_jobs import EXPECTED, HOLD_SECONDS, Account
from tests.billing.interleaving import FAULTS, Fault, Worker

Job = Callable[[Account], Any]


def run_out(account: Account) -> None:
    account.ledger.reserve("dead", 20, details={"operation_type": "idea"}, seconds=HOLD_SECONDS)
    account.clock.forward(2 * HOLD_SECONDS)


JOBS: dict[str, tuple[Job, Job]] = {
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
        worker, calls = Worker(partial(run, account), EXPECTED), 0
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


# -- every interleaving of two
def nothing(account: Account) -> None:
    """No preparation."""


def begin_parts(account: Account) -> None:
    account.save_part("z")
    account.clock.forward(20 * HOLD_SECONDS)


PAIRS: dict[str, tuple[Job, Job, Job]] = {
    "two deliveries of one operation": (lambda a: a.work("a", 30, 7), lambda a: a.work("a", 30, 7), nothing),
    "two operations, credits for one": (lambda a: a.work("a", 70, 7), lambda a: a.work("b", 70, 7), nothing),
    "two operations, credits for both": (lambda a: a.work("a", 30, 7), lambda a: a.work("b", 30, 3), nothing),
    "work, and a delivery of it that fails": (lambda a: a.work("a", 30, 7), lambda a: a.fail("a"), nothing),
    "free work, and a delivery of it that fails": (lambda a: a.work("own-key", 0, 0), lambda a: a.fail("own-key"), nothing),
    "work that ends late, twice": (lambda a: a.finish_late(), lambda a: a.work("a", 10, 7), lambda a: a.fail("a")),
    "work that ends late, and a reservation of all there is": (
        lambda a: a.finish_late(),
        lambda a: a.ledger.reserve("b", 100, details={"operation_type": "idea"}),
        lambda a: a.fail("a"),
    ),
    "two parts of one operation": (lambda a: a.save_part("x"), lambda a: a.save_part("y"), lambda a: a.save_part("z")),
    "a part, and the end of its operation": (lambda a: a.save_part("x"), lambda a: a.finish_parts(["z"]), lambda a: a.save_part("z")),
    "a part, and the sweeper": (lambda a: a.save_part("x"), lambda a: a.sweep(), begin_parts),
    "a renewed hold, and the sweeper": (lambda a: a.work("dead", 20, 7), lambda a: a.sweep(), run_out),
    "two sweepers": (lambda a: a.sweep(), lambda a: a.sweep(), run_out),
    "one grant, delivered twice": (lambda a: a.grant("g", 50), lambda a: a.grant("g", 50), nothing),
    "two grants": (lambda a: a.grant("g", 50), lambda a: a.grant("h", -100), nothing),
    "a deduction, and a reservation of all there is": (
        lambda a: a.grant("g", -60),
        lambda a: a.ledger.reserve("b", 100, details={"operation_type": "idea"}),
        nothing,
    ),
    "a renewal, and work": (lambda a: a.renew("2026-11"), lambda a: a.work("a", 30, 7), lambda a: a.renew("2026-10")),
}


def interleavings(client: Any, pair: str, table_class: type[Table] = Table, ledger_class: type[Ledger] = Ledger) -> Iterator[Account]:
    """The account after each order in which the calls of the two jobs can happen; the ledger is checked after every call."""
    first, second, prepare = PAIRS[pair]
    path: list[int] = []
    while True:
        account = Account(client, table_class, ledger_class)
        account.ledger.grant("first", 100)
        prepare(account)
        workers = [Worker(partial(job, account), EXPECTED) for job in (first, second)]
        trace: list[tuple[int, int]] = []  # who went on, of how many that could
        while live := [w for w in workers if not w.done]:
            chosen = path[len(trace)] if len(trace) < len(path) else 0
            trace.append((chosen, len(live)))
            live[chosen].step()
            account.check()
        yield account
        while trace and trace[-1][0] == trace[-1][1] - 1:
            trace.pop()
        if not trace:
            return
        path = [c for c, _ in trace[:-1]] + [trace[-1][0] + 1]


@pytest.mark.parametrize("pair", PAIRS)
def test_whatever_the_order_of_two_workers_all_adds_up(dynamodb: Any, pair: str) -> None:
    for account in interleavings(dynamodb, pair):
        account.clock.forward(20 * HOLD_SECONDS)
        account.sweep()
        account.check(at_rest=True)


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
MUTANTS: dict[str, tuple[type[Table], type[Ledger], str]] = {
    "a reservation does not look whether there is one": (without(("H#", NEW)), Ledger, "two deliveries of one operation"),
    "a reservation does not look whether there are credits": (without(("BAL", ENOUGH)), Ledger, "two operations, credits for one"),
    "a late charge does not look whether there are credits": (
        without(("BAL", ENOUGH)),
        Ledger,
        "work that ends late, and a reservation of all there is",
    ),
    "a part follows any version of its hold": (without(("H#", SAME_VERSION)), Ledger, "two parts of one operation"),
    "a settlement follows any version of its hold": (without(("H#", SAME_VERSION)), Ledger, "free work, and a delivery of it that fails"),
    "a void follows any version of its hold": (without(("H#", SAME_VERSION)), Ledger, "two sweepers"),
    # Either of the two keeps an entry's place, so it takes both to lose one; a grant's mark keeps it too.
    "an entry follows any entry and replaces it": (without(("BAL", SAME_ENTRY), ("L#", NEW)), Ledger, "two operations, credits for both"),
    "a grant does not look whether it was given": (
        without(("BAL", SAME_ENTRY), ("L#", NEW), ("G#", NEW)),
        Ledger,
        "one grant, delivered twice",
    ),
    "the balance and the hold change one after the other": (OneByOne, Ledger, "two operations, credits for both"),
    "objects are saved in another transaction than the charge": (ObjectsApart, Ledger, "two deliveries of one operation"),
    "a hold is settled in whatever state": (Table, AnyState, "two deliveries of one operation"),
    "a hold is voided in whatever state": (Table, AnyState, "two sweepers"),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_without_a_protection_some_order_fails(dynamodb: Any, mutant: str) -> None:
    table_class, ledger_class, pair = MUTANTS[mutant]
    with pytest.raises((AssertionError, Stale)):
        for _ in interleavings(dynamodb, pair, table_class, ledger_class):
            pass
