"""Checks that an account's ledger adds up: every invariant that `credits.py` promises, from the stored items alone."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from chalicelib.billing import daily
from chalicelib.billing.entries import plan_left
from chalicelib.billing.holds import Hold, from_item
from chalicelib.billing.usage import PARTITION, TRANSACTION, USAGE
from chalicelib.core.errors import AppError
from chalicelib.core.table import Item, Query, Table

_LOOKS = 5  # how often a ledger that moves while it is read is read again


def audit(items: Iterable[Item], *, at_rest: bool = False) -> list[str]:
    """The invariants that do not hold, in words; empty when all is well.

    items: every item of one account's ledger partition, in key order. at_rest: no operation is under way, so no hold may be open.

    - nothing is below zero; available + reserved = sum of the entries = what the last entry says
    - reserved = sum of what the open holds keep
    - entries are numbered without a gap, and each says the balance after it
    - each settled hold has one usage entry of what was used, none if that is 0; no other hold has any
    - used is within the amount reserved, and for an operation saved in parts alone is their price
    - each grant's mark has its entry, and each entry of another kind than usage its mark
    - what is left of the plan's credits follows from the entries
    - each cap's counter is what its holds were charged and keep reserved; the usage of each day is the sum of its rows
    """
    books = _Books(at_rest)
    for item in items:
        books.add(item)
    return books.findings()


class _Books:
    """What is needed of the items seen so far, which is far less than the items."""

    def __init__(self, at_rest: bool) -> None:
        self.at_rest, self.seen = at_rest, 0
        self.bad: list[str] = []
        self.bal: dict[str, int] | None = None
        self.number = self.sum = self.left = self.reserved = 0
        self.used: dict[str, int] = {}
        self.charged: dict[str, list[int]] = defaultdict(list)
        self.given: Counter[tuple[str, int]] = Counter()  # reference and number of entries that are no usage
        self.marks: set[tuple[str, int]] = set()
        self.under: Counter[str] = Counter()
        self.counters: dict[str, int] = {}
        self.days: dict[daily.Place, daily.UsageSum] = defaultdict(daily.UsageSum)
        self.stored_days: dict[daily.Place, daily.UsageSum] = {}

    def add(self, item: Item) -> None:
        sort, self.seen = item["sk"], self.seen + 1
        try:
            if sort == "BAL":
                self.bal = {name: item[name] for name in ("avail", "held", "seq", "plan_left")}
            elif sort.startswith("L#"):
                self._entry(item)
            elif sort.startswith("H#"):
                self._hold(item)
            elif sort.startswith("G#"):
                self.marks.add((sort[2:], item["seq"]))
            elif sort.startswith("C#"):
                self.counters[sort[2:]] = item["credits"]
            elif sort.startswith("D#"):
                place, sums = daily.read(item)
                self.stored_days[place] = sums
        except (KeyError, TypeError, ValueError, AppError) as error:
            self.bad.append(f"{sort} cannot be read: {type(error).__name__} {error}")

    def _entry(self, e: Item) -> None:
        self.number, self.sum = self.number + 1, self.sum + e["amount"]
        self.left = plan_left(self.left, e["transaction_type"], e["amount"])
        if e["sk"] != TRANSACTION.place.key("", f"{self.number:012d}")[1]:
            self.bad.append(f"entry {self.number} is missing: {e['sk']} is in its place")
        if e["balance_after"] != self.sum:
            self.bad.append(f"{e['sk']} says {e['balance_after']} credits are left, it should be {self.sum}")
        if self.sum < 0:
            self.bad.append(f"the balance was {self.sum} after {e['sk']}")
        if e["transaction_type"] == "usage":
            self.charged[e["reference"]].append(-e["amount"])
        else:
            self.given[e["reference"], int(e["id"])] += 1

    def _hold(self, item: Item) -> None:
        hold = from_item(item)
        self.reserved += hold.reserved
        self.bad += _of_hold(hold, at_rest=self.at_rest)
        if hold.used:
            self.used[hold.op] = hold.used
        for name in hold.caps:
            self.under[name] += hold.counted
        if hold.state == "settled":
            row = USAGE.from_item(item)
            if row.credits_used != hold.used:
                self.bad.append(f"{hold.op} used {hold.used} credits, its usage row says {row.credits_used}")
            self.days[daily.place_of(row)].add(daily.one(row))

    def findings(self) -> list[str]:
        if self.bal is None:
            return [*self.bad, "there is no balance"] if self.seen else []
        return [*self.bad, *self._balance(self.bal), *self._charges(), *self._grants(), *self._sums()]

    def _balance(self, bal: dict[str, int]) -> Iterator[str]:
        yield from (f"{name} is {bal[name]}" for name in ("avail", "held", "plan_left") if bal[name] < 0)
        total = bal["avail"] + bal["held"]
        if total != self.sum:
            yield f"the balance is {total}, its entries add up to {self.sum}"
        if bal["held"] != self.reserved:
            yield f"{bal['held']} credits are reserved, the open holds are of {self.reserved}"
        if bal["seq"] != self.number:
            yield f"the last entry should be {bal['seq']}, there are {self.number}"
        if bal["plan_left"] != self.left:
            yield f"{bal['plan_left']} plan credits are left, the entries leave {self.left}"

    def _charges(self) -> Iterator[str]:
        for op in self.used.keys() | self.charged.keys():
            used, charges = self.used.get(op, 0), self.charged.get(op, [])
            if op not in self.used:
                yield f"{op} was charged {charges} without a settled hold"
            elif charges != [used]:
                yield f"{op} used {used} credits, its entries are {charges}"

    def _grants(self) -> Iterator[str]:
        given = set(self.given)
        if given != self.marks:
            yield "grants and their marks differ: " + ", ".join(sorted({key for key, _ in given ^ self.marks}))
        if any(n > 1 for n in Counter(key for key, _ in self.given.elements()).values()):
            yield "a grant was entered twice"

    def _sums(self) -> Iterator[str]:
        for name in sorted(self.counters.keys() | self.under.keys()):
            counter, counted = self.counters.get(name, 0), self.under.get(name, 0)
            if counter != counted:
                yield f"the counter of {name} is {counter}, its holds count {counted}"
        for place in sorted(self.days.keys() | self.stored_days.keys(), key=lambda p: p.sort):
            if self.days.get(place) != self.stored_days.get(place):
                yield f"{place.sort} says {self.stored_days.get(place)}, its usage rows say {self.days.get(place)}"


def _of_hold(hold: Hold, *, at_rest: bool) -> Iterator[str]:
    if hold.state != "settled" and hold.used:
        yield f"{hold.op} is {hold.state} and used {hold.used}"
    if not 0 <= hold.used <= hold.amount:
        yield f"{hold.op} used {hold.used} of {hold.amount}"
    if not 0 <= hold.reserved <= hold.amount:
        yield f"{hold.op} keeps {hold.reserved} of {hold.amount}"
    if hold.partial and hold.used != hold.due():
        yield f"{hold.op} used {hold.used}, its parts cost {hold.due()}"
    if hold.state == "voided" and hold.parts:
        yield f"{hold.op} was voided though parts of it were saved"
    if at_rest and hold.state == "held":
        yield f"{hold.op} is still open"


def audit_account(table: Table, tenant: str, *, at_rest: bool = False) -> list[str]:
    """The broken invariants of one account, also while it is being used: what a second reading does not find again was a step that
    happened while the first was under way. A ledger that looks different each time is reported as such.
    """
    before: set[str] = set()
    for _ in range(_LOOKS):
        found = audit(_partition(table, tenant), at_rest=at_rest)
        if not found:
            return []
        if lasting := [line for line in found if line in before]:
            return lasting
        before = set(found)
    return ["the ledger is in such use that no reading of it was of one moment; audit it again"]


def _partition(table: Table, tenant: str) -> Iterator[Item]:
    """The account's ledger in key order, a page at a time."""
    query = Query(f"{tenant}#{PARTITION}", consistent=True)
    while True:
        page = table.query(query)
        yield from page.items
        if page.position is None:
            return
        query = replace(query, start=page.position)


def audit_accounts(table: Table) -> dict[str, list[str]]:
    """Every account's broken invariants, by tenant; accounts in order are not named. Reads the whole table: for an operator."""
    ending = f"#{PARTITION}"
    tenants = {item["pk"].removesuffix(ending) for item in table.scan_all() if item["pk"].endswith(ending) and item["pk"].count("#") == 1}
    found = {tenant: audit_account(table, tenant) for tenant in sorted(tenants)}
    return {tenant: bad for tenant, bad in found.items() if bad}
