"""A hold: credits reserved for one operation until it is settled or voided, and its stored form through those states."""

import json
import re
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from chalicelib.billing.prices import Price
from chalicelib.billing.usage import PARTITION, USAGE, CreditUsage, usage_row
from chalicelib.core.errors import Conflict
from chalicelib.core.ids import creation_order
from chalicelib.core.table import Item, Key, Query, Table
from chalicelib.ports import Clock

State = Literal["held", "settled", "voided"]
OPEN_SHARDS = 8  # collections of open holds over all accounts, so that no single one takes every account's writes
RESULT_MAX_BYTES = 200_000  # a stored item has at most 400 KB
# Fields stored under their own name; `details` is stored as `facts`, because the usage row has details of its own.
_AS_IT_IS = (
    "op", "state", "amount", "used", "parts", "attempt", "expires", "fingerprint", "partial", "reason", "opened_at", "version",
    "room", "caps",
)  # fmt: skip
_LATER = frozenset({"room", "caps"})  # holds of earlier versions have none
_NAME = re.compile(r"[A-Za-z0-9._~:-]{1,200}")


class HoldClosed(Conflict):
    """The operation's hold has ended, so no further part can be saved under it. `hold` says how it ended."""

    default = "The reservation of this operation has ended."

    def __init__(self, hold: "Hold") -> None:
        super().__init__()
        self.hold = hold


@dataclass(frozen=True)
class Hold:
    """amount: credits reserved, the most that can be charged. used: credits charged (0 unless settled). result: what the settling
    caller stored. parts: part -> units saved under it so far. attempt: 1, and one more each time a voided hold is opened again.
    expires: epoch second after which the sweeper may end it. partial: it was ended with some parts saved, by the sweeper or a void.
    room: of an envelope, what operations inside it had not taken while it was open; None for any other hold. caps: name -> limit
    (None: counted only) of what it counts under.
    """

    op: str
    state: State
    amount: int
    used: int = 0
    result: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, int] = field(default_factory=dict)
    attempt: int = 1
    expires: int = 0
    fingerprint: str = ""
    price: Price | None = None
    details: dict[str, Any] = field(default_factory=dict)
    partial: bool = False
    reason: str = ""
    opened_at: str = ""
    version: int = 1
    room: int | None = None
    caps: dict[str, int | None] = field(default_factory=dict)

    @property
    def reserved(self) -> int:
        """Credits it keeps reserved now."""
        if self.state != "held":
            return 0
        return self.amount if self.room is None else self.room

    @property
    def counted(self) -> int:
        """Credits it counts under its caps now."""
        return self.reserved + self.used

    @property
    def units(self) -> int:
        return sum(self.parts.values())

    def due(self, more: int = 0) -> int:
        """Credits for the units saved so far and `more`. Raises: ValueError without a price, or above the amount reserved."""
        if self.price is None:
            raise ValueError(f"{self.op} was reserved without a price, so units mean nothing")
        due = self.price.charge(self.units + more)
        if due > self.amount:
            raise ValueError(f"{self.op}: {self.units + more} units cost {due}, more than the {self.amount} credits reserved")
        return due


def named(name: str) -> str:
    """The name of an operation or grant, if it can be a key and a public id. Raises: ValueError."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"not 1-200 of letters, digits and ._~:- : {name!r}")
    return name


def hold_key(tenant: str, op: str) -> Key:
    return f"{tenant}#{PARTITION}", f"H#{op}"


def open_collection(tenant: str) -> str:
    """The `cl` value under which an account's open holds are found, together with those of other accounts."""
    return f"G#HOLDS#{zlib.crc32(tenant.encode()) % OPEN_SHARDS}"


def expired_holds(table: Table, clock: Clock, collections: Iterable[str] | None = None) -> list[tuple[str, str]]:
    """(tenant, op) of the open holds whose time is over; of all accounts, unless collections are named. Reads open holds only."""
    now = int(clock.now().timestamp())
    found: list[tuple[str, str]] = []
    for name in collections if collections is not None else [f"G#HOLDS#{n}" for n in range(OPEN_SHARDS)]:
        query = Query(name, index="byCL", hash_name="cl", filter="expires <= :now", values={":now": now})
        found += [(item["tenant"], item["op"]) for item in table.query_all(query)]
    return found


def to_item(tenant: str, hold: Hold, at: str) -> Item:
    """The stored form: an open hold is listed among the open ones, a settled one is the row of the usage log, a voided one is neither.

    at: the time stamp of a settlement. Raises: ValidationFailed when the details are not those of a usage row; ValueError when
    the result is too large.
    """
    result = json.dumps(hold.result, separators=(",", ":"), ensure_ascii=False)
    if len(result.encode()) > RESULT_MAX_BYTES:
        raise ValueError(f"the result of {hold.op} has more than {RESULT_MAX_BYTES} bytes: store ids, not documents")
    row = settled_row(hold, at)  # refuses bad facts at the reservation already
    item = {name: getattr(hold, name) for name in _AS_IT_IS}
    item |= {"tenant": tenant, "result": result, "facts": json.dumps(hold.details), "price": asdict(hold.price) if hold.price else None}
    if hold.state == "settled":
        return {**USAGE.to_item(tenant, row), **item}
    return {**item, "cl": open_collection(tenant)} if hold.state == "held" else item


def settled_row(hold: Hold, at: str) -> CreditUsage:
    """What the usage log says of a hold settled at `at`. Raises: ValidationFailed when the details are not those of a usage row."""
    return usage_row(hold.op, at, creation_order(at), hold.used, hold.details)


def from_item(item: Item) -> Hold:
    price = item["price"]
    stored = {name: item[name] for name in _AS_IT_IS if name in item or name not in _LATER}
    result, details = json.loads(item["result"]), json.loads(item["facts"])
    return Hold(**stored, result=result, details=details, price=Price(**price) if price else None)


def next_version(hold: Hold, **changes: Any) -> Hold:
    """The hold changed, as the version after `hold`'s or the one named in the changes."""
    version = changes.pop("version", hold.version)
    return replace(hold, **changes, version=version + 1)
