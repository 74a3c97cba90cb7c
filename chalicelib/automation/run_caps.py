"""What a run may take: the caps its work counts under, the pause when one is reached, and the credits set aside for it.

The caps are conditions of the reservations themselves (`billing/caps.py`): however many items, executions or workers of the run go on at
once, no more is reserved and charged than a cap says. A day is one of the run's time zone, and counts what is begun in it.
"""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.ai.caps import envelope_of
from chalicelib.ai.function import Options
from chalicelib.auth.sites import get_site
from chalicelib.automation.config import AutomationConfig, config_of
from chalicelib.automation.run_record import RUN, Run
from chalicelib.billing.caps import Cap, CapReached, of_day, of_month, of_run
from chalicelib.billing.credits import ledger_of
from chalicelib.core.context import Context
from chalicelib.core.errors import OutOfCredits
from chalicelib.core.observability import logger


def run_options(ctx: Context, run_id: str, **chosen: Any) -> Options:
    """The options of a run's AI work, with the caps it counts under."""
    run = ctx.repository(RUN).get(run_id)
    return Options(run_id=run_id, caps=_own_caps(ctx, run, config_of(ctx, run.site_id)), **chosen)


def caps(ctx: Context, run: Run, config: AutomationConfig) -> tuple[Cap, ...]:
    """All caps of a run's work: of the run, of the site's runs on this day, of the site in this month."""
    month = of_month(run.site_id, ctx.deps.clock.now(), get_site(ctx, run.site_id).max_credits_per_month)
    return *_own_caps(ctx, run, config), month


def _own_caps(ctx: Context, run: Run, config: AutomationConfig) -> tuple[Cap, ...]:
    day = _local(ctx, run).date().isoformat()
    return of_run(run.id, config.max_credits_per_run), of_day(run.site_id, day, config.max_credits_per_day)


def _local(ctx: Context, run: Run) -> datetime:
    return ctx.deps.clock.now().astimezone(ZoneInfo(run.time_zone))


def freed_at(ctx: Context, run: Run, reached: CapReached) -> datetime | None:
    """When the cap that was reached has room again by itself: the next day or month; None for a run's own."""
    if reached.kind == "day":
        return datetime.combine(_local(ctx, run).date() + timedelta(days=1), time(), ZoneInfo(run.time_zone))
    if reached.kind == "month":
        now = ctx.deps.clock.now()
        return (now.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=32)).replace(day=1)
    return None


# -- the envelope
def set_aside(ctx: Context, run: Run, credits: int) -> None:
    """Set the run's credits aside, so that nobody else can spend what it was promised at its start. Raises: OutOfCredits."""
    if credits:
        about = {"operation_type": "run", "run_id": run.id, "site_id": run.site_id, "description": "Credits set aside for a run"}
        ledger_of(ctx).envelope(envelope_of(run.id), credits, details=about)


def keep_aside(ctx: Context, run: Run) -> None:
    """Have what is set aside for the run last as long as it goes on. Whatever is missing the run reserves as it goes."""
    ledger = ledger_of(ctx)
    hold = ledger.find(envelope_of(run.id))
    if hold is not None and hold.state == "held":
        try:
            set_aside(ctx, run, hold.amount)
        except OutOfCredits as error:  # it had just run out, and was given back
            logger().info("a run goes on without credits set aside", extra={"run": run.id, "detail": error.message})


def give_back(ctx: Context, run: Run, reason: str) -> None:
    """Give back what is set aside for a run that stands still or has ended; what its items in hand have taken stays theirs."""
    ledger = ledger_of(ctx)
    if ledger.find(envelope_of(run.id)) is not None:
        ledger.void(envelope_of(run.id), reason[:500])
