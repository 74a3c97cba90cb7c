"""Lists over sorted indexes: any ordering with any filters, over one or many partitions, both ways, at a bounded cost.

Each partition (a sector's collection in one index) is walked in order; the walks are merged. A place in the list is, for each
partition, the key of the row at which to go on. Rows that a filter drops are paid for, so a page stops at a scan budget and then
says so (`complete: false`) with a cursor that goes on from there.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core.entity import INDEXES, NUMBER_INDEXES
from chalicelib.core.table import Item, Query, QueryPage

SCAN_BUDGET_ROWS = 16_000
CALLS_PER_PARTITION = 4
FIRST_LOOK_ROWS = 400  # rows read at first when a filter may drop some
PAGE_ROWS = 101  # rows read at once from each of many partitions: the largest page and one more

# A place in one partition: [index value, pk, sk] of a row, or one of these, in list order. All are exclusive in both directions.
Position = list[Any]
BEGINNING: Position = ["<"]
BETWEEN: Position = ["|"]  # ascending number orders: after the objects with a value, before those without
END: Position = [">"]


@dataclass(frozen=True)
class Condition:
    """attribute op value; op: = >= <= contains, between (value is a pair, both ends included), in (value has 1-100 members)."""

    attribute: str
    op: str
    value: Any


@dataclass(frozen=True)
class Walk:
    """partitions: name -> hash value (`lp`). attribute: the index attribute that orders. conditions: all must hold.
    starts: name -> position to go on from (absent: from the end where the direction begins). forward: towards the list's end.
    budget: rows to read before giving up, roughly."""

    partitions: dict[str, str]
    attribute: str
    descending: bool
    conditions: tuple[Condition, ...]
    limit: int
    starts: dict[str, Position] = field(default_factory=dict)
    forward: bool = True
    budget: int = SCAN_BUDGET_ROWS


@dataclass(frozen=True)
class Walked:
    """rows in list order; more: there may be more in the walk's direction, and if `complete`, there is. ends: where to go on in
    that direction; begins: where to go on in the other one."""

    rows: list[Item]
    more: bool
    ends: dict[str, Position]
    begins: dict[str, Position]
    complete: bool


@dataclass(frozen=True)
class _Range:
    """Key values from low to high, None = open."""

    low: Any
    high: Any

    def expression(self, name: str, suffix: str) -> tuple[str, dict[str, Any]]:
        low, high = f":low{suffix}", f":high{suffix}"
        if self.low is None:
            return f"{name} <= {high}", {high: self.high}
        if self.high is None:
            return f"{name} >= {low}", {low: self.low}
        return f"{name} BETWEEN {low} AND {high}", {low: self.low, high: self.high}


def _ranges(conditions: Iterable[Condition]) -> dict[str, _Range] | None:
    """The range conditions as one range for each attribute; None when no row can be in one of them (DynamoDB refuses to be asked)."""
    bounds: dict[str, tuple[list[Any], list[Any]]] = {}
    for c in conditions:
        if c.op in (">=", "<=", "between"):
            lows, highs = bounds.setdefault(c.attribute, ([], []))
            lows += [c.value[0] if c.op == "between" else c.value] if c.op != "<=" else []
            highs += [c.value[1] if c.op == "between" else c.value] if c.op != ">=" else []
    found = {}
    for attribute, (lows, highs) in bounds.items():
        if attribute in NUMBER_INDEXES:
            lows.append(0)  # "no value" is stored as -1 and lies in no range
        one = found[attribute] = _Range(max(lows, default=None), min(highs, default=None))
        if one.low is not None and one.high is not None and one.low > one.high:
            return None
    return found


class _Partition:
    """One partition's rows in walking order, fetched as needed."""

    def __init__(self, name: str, walk: Walk, ranges: dict[str, _Range], ask: Callable[[Query], QueryPage]) -> None:
        self.name, self.walk, self.ranges, self.ask = name, walk, ranges, ask
        self.upwards = walk.forward != walk.descending  # does the index attribute grow as we walk?
        self.buffer: list[Item] = []
        self.scanned, self.calls, self.kept = 0, 0, 0
        self.first: Position | None = None  # the first row that came out
        self._at: Position = walk.starts.get(name, BEGINNING if walk.forward else END)
        self._scanned_to: Position | None = None  # how far rows were read; those read and kept wait in the buffer
        self._resume: Item | None = self._key(self._at) if len(self._at) == 3 else None
        self.segments = self._segments()

    def _segments(self) -> list[_Range | None]:
        """Key conditions to walk one after the other. Ascending number orders have objects without a value (-1) last."""
        own = self.ranges.get(self.walk.attribute)
        if own or self.walk.descending or self.walk.attribute not in NUMBER_INDEXES:
            whole: list[_Range | None] = [own]
        else:
            whole = [_Range(0, None), _Range(None, -1)]
        if not self.walk.forward:
            whole.reverse()
        if self._at == (END if self.walk.forward else BEGINNING):
            return []
        if self._at == BETWEEN or (len(self._at) == 3 and len(whole) == 2 and (self._at[0] < 0) == self.walk.forward):
            return whole[1:]  # the place lies in the second of the two
        return whole

    def _key(self, position: Position) -> Item:
        value, pk, sk = position
        return {"lp": self.walk.partitions[self.name], self.walk.attribute: value, "pk": pk, "sk": sk}

    def place(self, item: Item) -> Position:
        return [item[self.walk.attribute], item["pk"], item["sk"]]

    @property
    def spent(self) -> bool:
        """No row waits and none can come."""
        return not self.buffer and not self.segments

    @property
    def hungry(self) -> bool:
        """No row waits, but some may come."""
        return not self.buffer and bool(self.segments)

    def fill(self, wanted: int, room: int) -> int:
        """Fetch once, at most `room` rows, when no row waits. Returns the number of rows read."""
        names: dict[str, str] = {}
        values: dict[str, Any] = {}
        condition, parts = "", []
        if (segment := self.segments[0]) is not None:
            names["#o"] = self.walk.attribute
            condition, values = segment.expression("#o", "")
        others = ((a, r) for a, r in self.ranges.items() if a != self.walk.attribute)
        for n, (attribute, between) in enumerate(others):
            names[f"#r{n}"] = attribute
            part, more = between.expression(f"#r{n}", str(n))
            parts.append(part)
            values |= more
        for n, c in enumerate(c for c in self.walk.conditions if c.op in ("=", "contains", "in")):
            names[f"#f{n}"] = c.attribute
            if c.op == "in":
                one_of = {f":f{n}_{i}": value for i, value in enumerate(c.value)}
                values |= one_of
                parts.append(f"#f{n} IN ({', '.join(one_of)})")
                continue
            values[f":f{n}"] = c.value
            parts.append(f"contains(#f{n}, :f{n})" if c.op == "contains" else f"#f{n} = :f{n}")
        if not parts:
            limit = min(wanted, max(PAGE_ROWS, 2 * wanted // len(self.walk.partitions)))
        elif not self.scanned:
            limit = FIRST_LOOK_ROWS
        else:  # as many as the hit rate so far asks for
            limit = self.walk.budget if not self.kept else max(FIRST_LOOK_ROWS, int(1.3 * self.scanned * wanted / self.kept))
        lists = self.walk.partitions[self.name]
        page = self.ask(
            Query(
                lists,
                INDEXES[self.walk.attribute],
                "lp",
                condition,
                " AND ".join(parts),
                values,
                names,
                self.upwards,
                max(1, min(limit, room)),
                self._resume,
            )
        )
        self.calls += 1
        self.scanned += page.scanned
        self.kept += len(page.items)
        self._at = self.reached
        self.buffer += page.items
        self._resume = page.position
        if page.position is not None:
            self._scanned_to = self.place(page.position)
        else:
            self.segments = self.segments[1:]
            self._scanned_to = BETWEEN if self.segments else END if self.walk.forward else BEGINNING
        return page.scanned

    def take(self) -> Item:
        item = self.buffer.pop(0)
        self._at = self.place(item)
        self.first = self.first or self._at
        return item

    @property
    def reached(self) -> Position:
        """Where to go on in walking direction: after the last row taken, or after what was scanned in vain."""
        return self._at if self.buffer or self._scanned_to is None else self._scanned_to

    @property
    def began(self) -> Position:
        """Where to go on in the other direction: before the first row that came out, or would have."""
        return self.first or (self.place(self.buffer[0]) if self.buffer else self.reached)


def walk(request: Walk, ask: Callable[[Query], QueryPage]) -> Walked:
    """Walk the partitions until `limit` rows are found, the end is reached, or the scan budget is spent.

    Each partition is asked at least once where it must be, whatever the budget: so every page gets on, and following the places ends.
    """
    ranges = _ranges(request.conditions)
    if ranges is None:
        return Walked([], False, {}, {}, True)
    parts = [_Partition(name, request, ranges, ask) for name in sorted(request.partitions)]
    order = {p.name: n for n, p in enumerate(parts)}
    rows: list[Item] = []
    budget, complete = request.budget, True

    def rank(p: _Partition) -> tuple[Any, ...]:
        """Place in list order, or for descending lists in its reverse. Rows of one value keep the order their partition gives them."""
        value = p.buffer[0][request.attribute]
        return (not request.descending and request.attribute in NUMBER_INDEXES and value < 0, value, order[p.name])

    while True:
        for p in parts:  # also when the page is full: `more` must be true only when a row waits or the budget is spent
            while p.hungry:
                if p.calls and (not complete or budget <= 0 or p.calls >= CALLS_PER_PARTITION * (4 if p.kept else 1)):
                    complete = False
                    break
                room = max(budget // sum(q.hungry for q in parts), request.budget // len(parts), 1)
                budget -= max(1, p.fill(request.limit - len(rows) + 1, room))
        ready = [p for p in parts if p.buffer]
        if not complete or not ready or len(rows) == request.limit:
            break
        lowest_first = request.forward != request.descending
        rows.append((min if lowest_first else max)(ready, key=rank).take())
    more = not all(p.spent for p in parts)
    ends, begins = {p.name: p.reached for p in parts}, {p.name: p.began for p in parts}
    return Walked(rows if request.forward else rows[::-1], more, ends, begins, complete)
