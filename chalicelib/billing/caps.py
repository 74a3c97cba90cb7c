"""Caps: how many credits may be reserved and charged together under one name: of a run, of a site's runs on a day, of a site in a month.

Each name has a counter in the account's ledger partition (`C#<name>`). A reservation adds its amount there in its own transaction, on
the condition that the cap still holds; what is not used is taken off by the settlement, the void or the sweep. So the counter is
always what is charged under the name and what may still be, and no number of workers at once can pass a cap.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from chalicelib.billing.usage import PARTITION
from chalicelib.core.errors import OutOfCredits
from chalicelib.core.table import Item, Key, Table, Write, update


@dataclass(frozen=True)
class Cap:
    """name: of its counter. limit: the most credits under it; None counts without a limit, so that a limit set later counts all."""

    name: str
    limit: int | None = None


class CapReached(OutOfCredits):
    """A cap leaves fewer credits than an operation may take. Extra: `required`, `available` (under the cap), `cap` (its name).

    kind: run, day or month."""

    code = "cap_reached"
    default = "A cap on credits is reached."

    def __init__(self, name: str, limit: int, required: int, counted: int) -> None:
        kind, left = name.partition(".")[0], max(0, limit - counted)
        text = f"The next item may take {required} credits; the {kind}'s cap is {limit} and {left} are left."
        super().__init__(required, left, text)
        self.kind = kind
        self.extra["cap"] = name


def of_run(run_id: str, limit: int | None = None) -> Cap:
    return Cap(f"run.{run_id}", limit)


def of_day(site_id: str, day: str, limit: int | None = None) -> Cap:
    """day: an ISO date, in whichever time zone the caller counts."""
    return Cap(f"day.{site_id}.{day}", limit)


def of_month(site_id: str, now: datetime, limit: int | None = None) -> Cap:
    """The calendar month of `now`, which is in UTC, as the plan's months are."""
    return Cap(f"month.{site_id}.{now:%Y-%m}", limit)


def counter_key(tenant: str, name: str) -> Key:
    return f"{tenant}#{PARTITION}", f"C#{name}"


def counting(tenant: str, caps: Mapping[str, int | None], amount: int) -> list[Write]:
    """The writes that count an amount under the caps (name -> limit), or take it off when it is below 0; none for 0.

    Raises: CapReached when the amount alone is more than a limit. Condition error: CapReached.
    """
    return [_count(tenant, name, limit, amount) for name, limit in caps.items()] if amount else []


def _count(tenant: str, name: str, limit: int | None, amount: int) -> Write:
    key = counter_key(tenant, name)
    if amount < 0 or limit is None:
        return update(key, "ADD credits :amount", amount=amount)

    def refused(old: Item | None) -> Exception:
        return CapReached(name, limit, amount, int((old or {}).get("credits", 0)))

    if amount > limit:
        raise CapReached(name, limit, amount, 0)
    condition = "attribute_not_exists(pk) OR credits <= :room"
    return update(key, "ADD credits :amount", condition, amount=amount, room=limit - amount, on_fail=refused)


def counted(table: Table, tenant: str, names: Iterable[str]) -> dict[str, int]:
    """Name -> credits reserved and charged under it."""
    keys = {name: counter_key(tenant, name) for name in names}
    found = table.get_many(keys.values())
    return {name: int(found[key]["credits"]) if key in found else 0 for name, key in keys.items()}
