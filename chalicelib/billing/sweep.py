"""Ends the reservations of dead workers, of every account."""

import random

from chalicelib.billing.credits import Ledger
from chalicelib.billing.holds import Hold, expired_holds
from chalicelib.core import deadline
from chalicelib.core.table import Table
from chalicelib.ports import Clock


def sweep_accounts(table: Table, clock: Clock) -> list[tuple[str, Hold]]:
    """End the holds of all accounts that have run out: (tenant, hold as it ended). For a schedule; a hold renewed meanwhile stays.

    In another order each time, so that no account is always the one for which the time of this Lambda is not enough.
    Raises: the first error, after all other holds had their turn.
    """
    ended: list[tuple[str, Hold]] = []
    trouble: Exception | None = None
    due = expired_holds(table, clock)
    random.shuffle(due)
    for tenant, op in due:
        left = deadline.seconds_left()
        if left is not None and left <= 0:
            break
        try:
            hold = Ledger(table, tenant, clock).void(op, "expired", expired_only=True)
        except Exception as error:  # whatever it is, it is this hold's alone
            trouble = trouble or error
            continue
        if hold.state != "held":
            ended.append((tenant, hold))
    if trouble is not None:
        raise trouble
    return ended
