"""Ends the reservations of dead workers, of every account."""

from chalicelib.billing.credits import Ledger
from chalicelib.billing.holds import Hold, expired_holds
from chalicelib.core.errors import AppError
from chalicelib.core.table import Table
from chalicelib.ports import Clock


def sweep_accounts(table: Table, clock: Clock) -> list[tuple[str, Hold]]:
    """End the holds of all accounts that have run out: (tenant, hold as it ended). For a schedule; a hold renewed meanwhile stays.

    Raises: the first account's error, after all others had their turn.
    """
    ended: list[tuple[str, Hold]] = []
    trouble: AppError | None = None
    for tenant, op in expired_holds(table, clock):
        try:
            hold = Ledger(table, tenant, clock).void(op, "expired", expired_only=True)
        except AppError as error:
            trouble = trouble or error
            continue
        if hold.state != "held":
            ended.append((tenant, hold))
    if trouble is not None:
        raise trouble
    return ended
