"""What credits went on: usage of a period, added up by day, by operation and by site. Exact, and read from the days' sums alone."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.billing.daily import UsageSum, days, read
from chalicelib.core.context import Context
from chalicelib.core.errors import ValidationFailed

DAYS, DAYS_MAX = 30, 366


def period(now: datetime, start: str | None, end: str | None) -> tuple[datetime, datetime]:
    """The days asked for as [from, to) in UTC: `YYYY-MM-DD`, both included; by default the last 30 days. Raises: ValidationFailed."""
    last = _day("to", end) if end else now.replace(hour=0, minute=0, second=0, microsecond=0)
    first = _day("from", start) if start else last - timedelta(days=DAYS - 1)
    if first > last:
        raise ValidationFailed.field("from", "is after `to`.")
    if (last - first).days >= DAYS_MAX:
        raise ValidationFailed.field("from", f"at most {DAYS_MAX} days are added up at once.")
    return first, last + timedelta(days=1)


def _day(name: str, text: str) -> datetime:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        day = None
    if day is None or not 2000 <= day.year <= 2999:
        raise ValidationFailed.field(name, "must be a day as YYYY-MM-DD, from the year 2000 on.")
    return day


def usage_summary(ctx: Context, first: datetime, until: datetime, site_id: str | None = None) -> dict[str, Any]:
    """{from, to, total, by_day, by_operation, by_site}: each a list of sums, days and operations without usage left out.

    site_id: of one site only. Raises: NotFound for a site that may not be seen.
    """
    if site_id is not None:
        ctx.site(site_id)
    total, last = UsageSum(), (until - timedelta(days=1)).date()
    by_day: dict[str, UsageSum] = defaultdict(UsageSum)
    by_operation: dict[str, UsageSum] = defaultdict(UsageSum)
    by_site: dict[str | None, UsageSum] = defaultdict(UsageSum)
    for item in ctx.deps.table.query_all(days(ctx.tenant, first.date(), last)):
        place, sums = read(item)
        if site_id is not None and place.site_id != site_id:
            continue
        for one in (total, by_day[place.day], by_operation[place.operation_type], by_site[place.site_id]):
            one.add(sums)
    return {
        "from": first.date().isoformat(),
        "to": last.isoformat(),
        "total": total.shown(),
        "by_day": [{"day": k, **v.shown()} for k, v in sorted(by_day.items())],
        "by_operation": [{"operation_type": k, **v.shown()} for k, v in sorted(by_operation.items())],
        "by_site": [{"site_id": k, **v.shown()} for k, v in sorted(by_site.items(), key=lambda kv: kv[0] or "")],
    }
