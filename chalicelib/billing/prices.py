"""The one price table of AI operations, in credits, with each plan's overrides: what estimates, reservations and charges agree on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from chalicelib.core.errors import ValidationFailed

OWN_KEY_PERCENT = "own_key_percent"  # override: share of the price due when the account's own provider key does the work


@dataclass(frozen=True)
class Price:
    """`credits` for every started `per` units, at least `minimum` for any work at all; `percent` of that, rounded up.

    unit: what is counted, in the singular (keyword, idea, word, content, image).
    """

    credits: int
    per: int = 1
    minimum: int = 0
    unit: str = "item"
    percent: int = 100

    def __post_init__(self) -> None:
        if self.credits < 0 or self.per < 1 or self.minimum < 0 or not 0 <= self.percent <= 100:
            raise ValueError(f"not a price: {self}")

    def charge(self, units: int) -> int:
        """Credits for so many units; 0 for none. Raises: ValueError for a negative number."""
        if units < 0:
            raise ValueError("units are counted from 0")
        if units == 0:
            return 0
        whole = max(self.minimum, self.credits * _ceil(units, self.per))
        return _ceil(whole * self.percent, 100)


def _ceil(number: int, by: int) -> int:
    return -(-number // by)


# Source: the product's contract, "Money". A content is priced by the words asked for, one content at a time.
PRICES: Mapping[str, Price] = {
    "clustering": Price(5, per=100, unit="keyword"),
    "idea": Price(2, unit="idea"),
    "content": Price(1, per=100, minimum=5, unit="word"),
    "image_prompts": Price(2, unit="content"),
    "image": Price(4, unit="image"),
    "image_premium": Price(10, unit="image"),
}

Overrides = Mapping[str, Any]


def price_table(overrides: Overrides | None = None) -> dict[str, Price]:
    """All prices of a plan.

    overrides: operation -> credits, or -> {credits?, per?, minimum?}; and `own_key_percent` (default 0), which is not a row here.
    Raises: ValidationFailed naming the override that is none.
    """
    table = dict(PRICES)
    for name, change in (overrides or {}).items():
        if name == OWN_KEY_PERCENT:
            if not _whole(change) or change > 100:
                raise ValidationFailed.field(name, "must be a whole number from 0 to 100.")
            continue
        if name not in PRICES:
            raise ValidationFailed.field(name, f"is no operation; there are {', '.join(PRICES)} and {OWN_KEY_PERCENT}.")
        parts = change if isinstance(change, Mapping) else {"credits": change}
        if not parts.keys() <= {"credits", "per", "minimum"} or not all(map(_whole, parts.values())):
            raise ValidationFailed.field(name, "must be whole credits, or {credits, per, minimum} as whole numbers.")
        if parts.get("per", 1) < 1:
            raise ValidationFailed.field(name, "per must be at least 1.")
        table[name] = replace(table[name], **parts)
    return table


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 1_000_000


def price_of(operation: str, overrides: Overrides | None = None, *, own_key: bool = False, premium: bool = False) -> Price:
    """The price of an operation. Contents are charged one at a time: the minimum is per content.

    own_key: the account's own provider key does the work. premium: the image model is a premium one.
    Raises: KeyError for an unknown operation.
    """
    found = price_table(overrides)["image_premium" if operation == "image" and premium else operation]
    return replace(found, percent=int((overrides or {}).get(OWN_KEY_PERCENT, 0))) if own_key else found


def price_rows(overrides: Overrides | None = None) -> list[dict[str, Any]]:
    """The table as answered by the API: operation, credits, per, minimum, unit."""
    return [{"operation": name, **{k: v for k, v in asdict(p).items() if k != "percent"}} for name, p in price_table(overrides).items()]
