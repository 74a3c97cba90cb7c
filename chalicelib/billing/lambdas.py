"""Scheduled work on credits: what dead workers left reserved is given back, and each month begins with the plan's credits."""

from typing import Any

from chalicelib import deps as wiring
from chalicelib.auth.accounts import all_accounts
from chalicelib.billing.plans import renew_credits
from chalicelib.billing.sweep import sweep_accounts
from chalicelib.core.context import Deps
from chalicelib.core.entry import handlers, schedule
from chalicelib.core.errors import AppError
from chalicelib.core.observability import count, logger

bp = handlers(__name__)


@schedule(bp, "sweeper", "rate(5 minutes)", wiring.current)
def sweeper(deps: Deps) -> dict[str, Any]:
    """Ends expired reservations of all accounts."""
    ended = sweep_accounts(deps.table, deps.clock)
    for tenant, hold in ended:
        logger().warning("expired reservation ended", extra={"tenant": tenant, "op": hold.op, "state": hold.state, "amount": hold.amount})
    if ended:
        count("ExpiredHolds", len(ended))
    return {"ended": len(ended)}


@schedule(bp, "monthly_grant", "rate(1 day)", wiring.current)
def monthly_grant(deps: Deps) -> dict[str, Any]:
    """Renews the plan credits of every active account whose month has not begun yet; a second run changes nothing.

    A trial gets its credits once, when it registers. One account's trouble does not keep the others waiting: it is logged and counted
    (an alarm watches the metric), and the next day's run tries again.
    """
    renewed, failed = 0, 0
    for account in all_accounts(deps):
        if account.status != "active":
            continue
        try:
            renewed += renew_credits(deps, account)
        except AppError as error:
            failed += 1
            logger().error("plan credits not renewed", extra={"tenant": account.id, "error": type(error).__name__, "detail": error.message})
    if failed:
        count("FailedGrants", failed)
    return {"accounts": renewed, "failed": failed}
