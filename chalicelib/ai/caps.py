"""What limits the credits of one operation beyond the balance: the caps it counts under, and the envelope of its run."""

from chalicelib.ai.function import Options
from chalicelib.auth.sites import get_site
from chalicelib.billing.caps import Cap, of_month
from chalicelib.core.context import Context


def caps_of(ctx: Context, site_id: str, options: Options) -> tuple[Cap, ...]:
    """Those of its run and day, which the run names, and that of its site and month. Raises: NotFound when the site is no more."""
    return *options.caps, of_month(site_id, ctx.deps.clock.now(), get_site(ctx, site_id).max_credits_per_month)


def envelope_of(run_id: str | None) -> str:
    """The operation under which a run's credits are set aside; empty for work of no run."""
    return f"envelope.{run_id}" if run_id else ""
