"""Scheduled work on credits: what dead workers left reserved is given back, each month begins with the plan's credits, and every ledger
is looked at once a day."""

import hashlib
from typing import Any

from chalicelib import deps as wiring
from chalicelib.auth.accounts import all_accounts
from chalicelib.billing.audit import audit_account
from chalicelib.billing.plans import renew_credits
from chalicelib.billing.sweep import sweep_accounts
from chalicelib.core import deadline
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


@schedule(bp, "ledger_audit", "rate(1 day)", wiring.current)
def ledger_audit(deps: Deps) -> dict[str, Any]:
    """Does every account's ledger add up? What does not is logged and counted (an alarm watches the metric); nothing is changed.

    The order is another one each day, so that where there are more accounts than a Lambda's time each is looked at some day.
    """
    day = deps.clock.now().date().isoformat()
    tenants = sorted((a.id for a in all_accounts(deps)), key=lambda tenant: hashlib.sha256(f"{day}{tenant}".encode()).digest())
    seen, broken = 0, 0
    for tenant in tenants:
        left = deadline.seconds_left()
        if left is not None and left <= 0:
            break
        found = audit_account(deps.table, tenant)
        if found:
            logger().error("the ledger does not add up", extra={"tenant": tenant, "findings": found[:20]})
        seen, broken = seen + 1, broken + bool(found)
    if broken:
        count("LedgersBroken", broken)
    if seen < len(tenants):
        logger().warning("not every ledger was looked at", extra={"seen": seen, "accounts": len(tenants)})
        count("LedgersNotAudited", len(tenants) - seen)
    return {"accounts": seen, "broken": broken}
