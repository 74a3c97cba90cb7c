"""What credits went on: usage of a period, added up by day, by operation and by site."""

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.billing.usage import USAGE, CreditUsage
from chalicelib.core.context import Context
from chalicelib.core.errors import ValidationFailed
from chalicelib.core.ids import milliseconds
from chalicelib.core.table import Query

DAYS, DAYS_MAX = 30, 366
ROWS_MAX = 50_000  # of one summary; beyond that it says that it is not complete


@dataclass
class _Sum:
    """cost_usd: of the operations whose cost is known; unknown_costs: how many are not in it."""

    credits: int = 0
    operations: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float = 0.0
    unknown_costs: int = 0

    def add(self, row: CreditUsage) -> None:
        self.credits += row.credits_used
        self.operations += 1
        self.tokens_in += row.tokens_in or 0
        self.tokens_out += row.tokens_out or 0
        self.cost_usd += row.cost_usd or 0.0
        self.unknown_costs += row.cost_usd is None

    def shown(self) -> dict[str, Any]:
        known = self.unknown_costs < self.operations
        return {**self.__dict__, "cost_usd": round(self.cost_usd, 6) if known else None}


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
    """{from, to, complete, total, by_day, by_operation, by_site}: each a list of sums, days and operations without usage left out.

    site_id: of one site only. Raises: NotFound for a site that may not be seen.
    """
    if site_id is not None:
        ctx.site(site_id)
    total = _Sum()
    days: dict[str, _Sum] = defaultdict(_Sum)
    operations: dict[str, _Sum] = defaultdict(_Sum)
    sites: dict[str | None, _Sum] = defaultdict(_Sum)
    rows, complete = _rows(ctx, first, until)
    for row in rows:
        if site_id is not None and row.site_id != site_id:
            continue
        for one in (total, days[row.created_at[:10]], operations[row.operation_type], sites[row.site_id]):
            one.add(row)
    return {
        "from": first.date().isoformat(),
        "to": (until - timedelta(days=1)).date().isoformat(),
        "complete": complete,
        "total": total.shown(),
        "by_day": [{"day": k, **v.shown()} for k, v in sorted(days.items())],
        "by_operation": [{"operation_type": k, **v.shown()} for k, v in sorted(operations.items())],
        "by_site": [{"site_id": k, **v.shown()} for k, v in sorted(sites.items(), key=lambda kv: kv[0] or "")],
    }


def _rows(ctx: Context, first: datetime, until: datetime) -> tuple[list[CreditUsage], bool]:
    low, high = f"{milliseconds(first):011x}", f"{milliseconds(until) - 1:011x}~"
    lists = USAGE.place.lists(ctx.tenant, "")
    query = Query(lists, index="byC", hash_name="lp", condition="c BETWEEN :low AND :high", values={":low": low, ":high": high})
    found: list[CreditUsage] = []
    while True:
        page = ctx.deps.table.query(query)
        found += [USAGE.from_item(item) for item in page.items]
        if page.position is None or len(found) >= ROWS_MAX:
            return found, page.position is None
        query = replace(query, start=page.position)
