"""Scheduled work on credits: what dead workers left reserved is given back."""

from typing import Any

from chalice import Blueprint

from chalicelib import deps as wiring
from chalicelib.billing.credits import sweep_accounts
from chalicelib.core.context import Deps
from chalicelib.core.entry import schedule
from chalicelib.core.observability import count, logger

bp = Blueprint(__name__)


@schedule(bp, "sweeper", "rate(5 minutes)", wiring.current)
def sweeper(deps: Deps) -> dict[str, Any]:
    """Ends expired reservations of all accounts."""
    ended = sweep_accounts(deps.table, deps.clock)
    for tenant, hold in ended:
        logger().warning("expired reservation ended", extra={"tenant": tenant, "op": hold.op, "state": hold.state, "amount": hold.amount})
    if ended:
        count("ExpiredHolds", len(ended))
    return {"ended": len(ended)}
