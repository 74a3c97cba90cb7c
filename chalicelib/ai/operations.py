"""The ledger operations behind one piece of AI work.

Work has one key (`op`), the same for every try. Where a try ended with only some of its parts saved, those are paid for and the
rest is a further operation, `op~2` and so on: together they are what the work has cost.
"""

from typing import Any

from chalicelib.billing.credits import Ledger, ledger_of
from chalicelib.billing.holds import Hold
from chalicelib.core.context import Context

TRIES = 100


def holds(ledger: Ledger, op: str) -> list[Hold]:
    """The holds of the work so far, in order; only the last may be other than partial."""
    found: list[Hold] = []
    for number in range(1, TRIES):
        hold = ledger.find(_name(op, number))
        if hold is None:
            break
        found.append(hold)
        if not hold.partial:
            break
    return found


def present(ledger: Ledger, op: str) -> tuple[str, Hold | None, int]:
    """Under which key the work goes on, its hold if it has one, and what earlier tries have been charged for the parts they saved."""
    found = holds(ledger, op)
    partial = [h for h in found if h.partial]
    last = found[-1] if found and not found[-1].partial else None
    return (last.op if last else _name(op, len(found) + 1)), last, sum(h.used for h in partial)


def _name(op: str, number: int) -> str:
    return op if number == 1 else f"{op}~{number}"


def release(ctx: Context, op: str, reason: str) -> tuple[int, dict[str, Any] | None]:
    """Give back what the work has reserved. Returns what it has been charged in all, and its result if it was finished."""
    ledger = ledger_of(ctx)
    used, result = 0, None
    for hold in holds(ledger, op):
        ended = ledger.void(hold.op, reason[:500]) if hold.state == "held" else hold
        used += ended.used
        if ended.state == "settled" and not ended.partial:
            result = ended.result
    return used, result


def results(ctx: Context, op: str) -> list[dict[str, Any]]:
    """What the finished operations of the work have answered."""
    return [h.result for h in holds(ledger_of(ctx), op) if h.state == "settled"]
