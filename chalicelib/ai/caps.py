"""What limits the credits of one operation beyond the balance: the caps it counts under, and the envelope of its run."""

from chalicelib.ai.function import Options
from chalicelib.auth.sites import SITE
from chalicelib.billing.caps import Cap, of_month
from chalicelib.core.context import Context, site_key


def caps_of(ctx: Context, site_id: str, options: Options) -> tuple[Cap, ...]:
    """Those of its run and day, which the run names, and that of its site and month."""
    stored = ctx.deps.table.get(site_key(ctx.tenant, site_id))
    limit = SITE.from_item(stored).max_credits_per_month if stored else None
    return *options.caps, of_month(site_id, ctx.deps.clock.now(), limit)


def envelope_of(run_id: str | None) -> str:
    """The operation under which a run's credits are set aside; empty for work of no run."""
    return f"envelope.{run_id}" if run_id else ""
