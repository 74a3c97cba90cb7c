"""Usage added up as it happens: one small item for each day, site and operation, changed by the settlement's own transaction.

So a summary of any period is exact without reading the usage log, and an audit can compare the two. Costs are kept in billionths of a
US dollar, as whole numbers, so that adding them up is exact too.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from chalicelib.billing.usage import PARTITION, CreditUsage
from chalicelib.core.table import Item, Query, Write, update

_NANO = 10**9


@dataclass
class UsageSum:
    """Sums over operations. nano_usd: of those whose cost is known; unknown_costs: how many are not in it."""

    credits: int = 0
    operations: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    nano_usd: int = 0
    unknown_costs: int = 0

    def add(self, other: "UsageSum") -> None:
        for name, value in other.__dict__.items():
            setattr(self, name, getattr(self, name) + value)

    def shown(self) -> dict[str, Any]:
        """cost_usd: null when no operation's cost is known."""
        figures = {k: v for k, v in self.__dict__.items() if k != "nano_usd"}
        known = self.unknown_costs < self.operations
        return {**figures, "cost_usd": round(self.nano_usd / _NANO, 6) if known else None}


def one(row: CreditUsage) -> UsageSum:
    """One usage row as a sum."""
    unknown = row.cost_usd is None
    nano = round((row.cost_usd or 0) * _NANO)
    return UsageSum(row.credits_used, 1, row.tokens_in or 0, row.tokens_out or 0, nano, int(unknown))


@dataclass(frozen=True)
class Place:
    """Where a row is counted. day: ISO date in UTC."""

    day: str
    site_id: str | None
    operation_type: str

    @property
    def sort(self) -> str:
        return f"D#{self.day}#{self.site_id or '-'}#{self.operation_type}"


def place_of(row: CreditUsage) -> Place:
    return Place(row.created_at[:10], row.site_id, row.operation_type)


def read(item: Item) -> tuple[Place, UsageSum]:
    """A stored item of this kind."""
    _, day, site, operation = item["sk"].split("#", 3)
    sums = UsageSum(**{name: int(item.get(name, 0)) for name in UsageSum.__dataclass_fields__})
    return Place(day, None if site == "-" else site, operation), sums


def counting(tenant: str, row: CreditUsage) -> Write:
    """The write that adds a usage row; it goes into the transaction that stores the row."""
    figures = {k: v for k, v in one(row).__dict__.items() if v}
    return update((f"{tenant}#{PARTITION}", place_of(row).sort), "ADD " + ", ".join(f"{k} :{k}" for k in figures), **figures)


def days(tenant: str, first: date, last: date) -> Query:
    """The query of all items of these days, both included."""
    bounds = {":low": f"D#{first.isoformat()}#", ":high": f"D#{last.isoformat()}#~"}
    return Query(f"{tenant}#{PARTITION}", condition="sk BETWEEN :low AND :high", values=bounds)
