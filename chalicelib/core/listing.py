"""Lists over sorted indexes: any ordering with any filters, over one or many partitions, both ways, at a bounded cost.

Each partition (a sector's collection in one index) is walked in order; the walks are merged. A place in the list is, for each
partition, the key of the row at which to go on. Rows that a filter drops are paid for, so a page stops at a scan budget and then
says so (`complete: false`) with a cursor that goes on from there.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core.entity import INDEXES, NUMBER_INDEXES
from chalicelib.core.table import Item, Query, QueryPage

SCAN_BUDGET_ROWS = 16_000
CALLS_PER_PARTITION = 4
FIRST_LOOK_ROWS = 400  # rows read at first when a filter may drop some

Position = list[Any]  # [index value, pk, sk] of a row


@dataclass(frozen=True)
class Condition:
    """attribute op value; op: = >= <= contains between (value is a pair)."""

    attribute: str
    op: str
    value: Any


@dataclass(frozen=True)
class Walk:
    """partitions: name -> hash value (`lp`). attribute: the index attribute that orders. conditions: all must hold.
    starts: name -> position to go on from (absent: from the end where the direction begins). forward: towards the list's end."""

    partitions: dict[str, str]
    attribute: str
    descending: bool
    conditions: tuple[Condition, ...]
    limit: int
    starts: dict[str, Position] = field(default_factory=dict)
    forward: bool = True


@dataclass(frozen=True)
class Walked:
    """rows in list order; more: there may be more in the walk's direction. ends: where to go on in that direction;
    begins: where to go on in the other one."""

    rows: list[Item]
    more: bool
    ends: dict[str, Position]
    begins: dict[str, Position]
    complete: bool


class _Partition:
    """One partition's rows in walking order, fetched as needed."""

    def __init__(self, name: str, walk: Walk, ask: Callable[[Query], QueryPage]) -> None:
        self.name, self.walk, self.ask = name, walk, ask
        self.upwards = walk.forward != walk.descending  # does the index attribute grow as we walk?
        self.buffer: list[Item] = []
        self.position: Position | None = walk.starts.get(name)
        self.first: Position | None = None  # the first row that came out
        self.scanned, self.calls, self.kept = 0, 0, 0
        self.segments = self._segments()
        self._resume: Item | None = self._key(self.position) if self.position else None

    def _segments(self) -> list[tuple[str, dict[str, Any]]]:
        """Key conditions to walk one after the other. Ascending number orders have objects without a value (-1) last."""
        attribute, bounds, values = self.walk.attribute, [], {}
        for n, c in enumerate(self.walk.conditions):
            if c.attribute == attribute and c.op in (">=", "<=", "between"):
                bounds.append((n, c))
        if bounds:
            low = max((c.value[0] if c.op == "between" else c.value for _, c in bounds if c.op != "<="), default=None)
            high = min((c.value[1] if c.op == "between" else c.value for _, c in bounds if c.op != ">="), default=None)
            if attribute in NUMBER_INDEXES and low is None:
                low = 0  # a bound from above does not mean "or has no value"
            if low is not None and high is not None and low > high:
                return []
            if low is not None and high is not None:
                return [("#o BETWEEN :o0 AND :o1", {":o0": low, ":o1": high})]
            return [("#o >= :o0", {":o0": low}) if high is None else ("#o <= :o1", {":o1": high})]
        if attribute in NUMBER_INDEXES and not self.walk.descending:
            parts: list[tuple[str, dict[str, Any]]] = [("#o >= :o0", {":o0": 0}), ("#o < :o0", {":o0": 0})]
            if not self.walk.forward:
                parts.reverse()
            if self.position is not None and (self.position[0] < 0) == self.walk.forward:
                parts = parts[1:]  # the position lies in the second of the two
            return parts
        return [("", values)]

    def _key(self, position: Position) -> Item:
        value, pk, sk = position
        return {"lp": self.walk.partitions[self.name], self.walk.attribute: value, "pk": pk, "sk": sk}

    def place(self, item: Item) -> Position:
        return [item[self.walk.attribute], item["pk"], item["sk"]]

    @property
    def spent(self) -> bool:
        """No row waits and none can come."""
        return not self.buffer and not self.segments

    def fill(self, wanted: int, budget: int) -> int:
        """Fetch once. Returns the number of rows read."""
        condition, values = self.segments[0]
        names = {"#o": self.walk.attribute} if condition else {}
        parts, values = [], dict(values)
        for n, c in enumerate(self.walk.conditions):
            if c.attribute == self.walk.attribute and condition and c.op in (">=", "<=", "between"):
                continue
            names[f"#f{n}"] = c.attribute
            if c.op == "between":
                values |= {f":f{n}": c.value[0], f":g{n}": c.value[1]}
                parts.append(f"#f{n} BETWEEN :f{n} AND :g{n}")
            else:
                values[f":f{n}"] = c.value
                parts.append(f"contains(#f{n}, :f{n})" if c.op == "contains" else f"#f{n} {c.op} :f{n}")
        if not parts:
            limit = wanted
        elif not self.scanned:
            limit = FIRST_LOOK_ROWS
        else:  # as many as the hit rate so far asks for
            limit = SCAN_BUDGET_ROWS if not self.kept else max(FIRST_LOOK_ROWS, int(1.3 * self.scanned * wanted / self.kept))
        page = self.ask(
            Query(
                self.walk.partitions[self.name],
                index=INDEXES[self.walk.attribute],
                hash_name="lp",
                condition=condition,
                names=names,
                values=values,
                filter=" AND ".join(parts),
                forward=self.upwards,
                limit=max(1, min(limit, budget)),
                start=self._resume,
            )
        )
        self.calls += 1
        self.scanned += page.scanned
        self.kept += len(page.items)
        self.buffer += page.items
        self._resume = page.position
        if page.position is None:
            self.segments = self.segments[1:]
        return page.scanned

    def take(self) -> Item:
        item = self.buffer.pop(0)
        self.position = self.place(item)
        self.first = self.first or self.position
        return item

    @property
    def reached(self) -> Position | None:
        """Where to go on in walking direction: after the last row taken, or after what was scanned in vain."""
        if not self.buffer and self._resume is not None:
            return self.place(self._resume)
        return self.position

    @property
    def began(self) -> Position | None:
        """Where to go on in the other direction: before the first row that came out."""
        if self.first:
            return self.first
        if self.buffer:
            return self.place(self.buffer[0])
        return self.place(self._resume) if self._resume is not None else None


def walk(request: Walk, ask: Callable[[Query], QueryPage]) -> Walked:
    """Walk the partitions until `limit` rows are found, the end is reached, or the scan budget is spent."""
    parts = [_Partition(name, request, ask) for name in request.partitions]
    rows: list[Item] = []
    budget, complete = SCAN_BUDGET_ROWS, True

    def rank(p: _Partition) -> tuple[Any, ...]:
        value, pk, sk = p.place(p.buffer[0])
        return (isinstance(value, int) and value < 0, value, pk, sk)

    while True:
        for p in parts:  # also when the page is full: `more` must be true only when a row waits or the budget is spent
            while not p.buffer and p.segments and complete:
                if budget <= 0 or (p.calls >= CALLS_PER_PARTITION and p.kept == 0) or p.calls >= 4 * CALLS_PER_PARTITION:
                    complete = False
                    break
                budget -= max(1, p.fill(max(1, request.limit - len(rows)) + 1, budget))
        if not complete:
            break
        ready = [p for p in parts if p.buffer]
        if not ready or len(rows) == request.limit:
            break
        rows.append(_next(ready, rank, request, p_upwards=parts[0].upwards).take())
    more = not complete or any(not p.spent for p in parts)
    ends = {p.name: p.reached for p in parts if p.reached is not None}
    begins = {p.name: p.began for p in parts if p.began is not None}
    if not request.forward:
        rows.reverse()
    return Walked(rows, more, ends, begins, complete)


def _next(ready: list[_Partition], rank: Callable[[_Partition], tuple[Any, ...]], request: Walk, *, p_upwards: bool) -> _Partition:
    if len(ready) == 1:
        return ready[0]
    if request.attribute in NUMBER_INDEXES and not request.descending:
        # ascending with the objects without a value last: that flag leads, and turns with the walk's direction
        return min(ready, key=rank) if request.forward else max(ready, key=rank)
    plain = lambda p: rank(p)[1:]  # noqa: E731
    return min(ready, key=plain) if p_upwards else max(ready, key=plain)
