"""Checks that an account's ledger adds up: every invariant that `credits.py` promises, from the stored items alone."""

from collections import defaultdict
from collections.abc import Iterable

from chalicelib.billing.entries import plan_left
from chalicelib.billing.holds import Hold, from_item
from chalicelib.billing.usage import PARTITION, TRANSACTION
from chalicelib.core.table import Item, Query, Table

_LOOKS = 5  # how often a ledger that moves while it is read is read again


def audit(items: Iterable[Item], *, at_rest: bool = False) -> list[str]:
    """The invariants that do not hold, in words; empty when all is well.

    items: every item of one account's ledger partition. at_rest: no operation is under way, so no hold may be open.

    - nothing is below zero; available + reserved = sum of the entries = what the last entry says
    - reserved = sum of the open holds
    - entries are numbered without a gap, and each says the balance after it
    - each settled hold has one usage entry of what was used, none if that is 0; no other hold has any
    - used is within the amount reserved, and for an operation saved in parts alone is their price
    - each grant's mark has its entry, and each entry of another kind than usage its mark
    - what is left of the plan's credits follows from the entries
    """
    by_sort = {i["sk"]: i for i in items}
    bal = by_sort.get("BAL")
    if bal is None:
        return ["there is no balance"] if by_sort else []
    entries = [i for sort, i in sorted(by_sort.items()) if sort.startswith("L#")]
    holds = [from_item(i) for sort, i in by_sort.items() if sort.startswith("H#")]
    marks = {sort[2:]: i for sort, i in by_sort.items() if sort.startswith("G#")}
    return [*_balance(bal, entries, holds), *_entries(entries), *_holds(holds, entries, at_rest=at_rest), *_grants(marks, entries)]


def _balance(bal: Item, entries: list[Item], holds: list[Hold]) -> list[str]:
    bad = [f"{name} is {bal[name]}" for name in ("avail", "held", "plan_left") if bal[name] < 0]
    total, booked = bal["avail"] + bal["held"], sum(e["amount"] for e in entries)
    if total != booked:
        bad.append(f"the balance is {total}, its entries add up to {booked}")
    reserved = sum(h.amount for h in holds if h.state == "held")
    if bal["held"] != reserved:
        bad.append(f"{bal['held']} credits are reserved, the open holds are of {reserved}")
    if bal["seq"] != len(entries):
        bad.append(f"the last entry should be {bal['seq']}, there are {len(entries)}")
    left = 0
    for e in entries:
        left = plan_left(left, e["transaction_type"], e["amount"])
    if bal["plan_left"] != left:
        bad.append(f"{bal['plan_left']} plan credits are left, the entries leave {left}")
    return bad


def _entries(entries: list[Item]) -> list[str]:
    bad, after = [], 0
    for number, e in enumerate(entries, 1):
        after += e["amount"]
        if e["sk"] != TRANSACTION.place.key("", f"{number:012d}")[1]:
            bad.append(f"entry {number} is missing: {e['sk']} is in its place")
        if e["balance_after"] != after:
            bad.append(f"{e['sk']} says {e['balance_after']} credits are left, it should be {after}")
        if after < 0:
            bad.append(f"the balance was {after} after {e['sk']}")
    return bad


def _holds(holds: list[Hold], entries: list[Item], *, at_rest: bool) -> list[str]:
    charges: dict[str, list[int]] = defaultdict(list)
    for e in entries:
        if e["transaction_type"] == "usage":
            charges[e["reference"]].append(-e["amount"])
    bad = []
    for hold in holds:
        charged = charges.pop(hold.op, [])
        if charged != ([hold.used] if hold.used else []):
            bad.append(f"{hold.op} used {hold.used} credits, its entries are {charged}")
        if hold.state != "settled" and hold.used:
            bad.append(f"{hold.op} is {hold.state} and used {hold.used}")
        if not 0 <= hold.used <= hold.amount:
            bad.append(f"{hold.op} used {hold.used} of {hold.amount}")
        if hold.partial and hold.used != hold.due():
            bad.append(f"{hold.op} used {hold.used}, its parts cost {hold.due()}")
        if hold.state == "voided" and hold.parts:
            bad.append(f"{hold.op} was voided though parts of it were saved")
        if at_rest and hold.state == "held":
            bad.append(f"{hold.op} is still open")
    return bad + [f"{op} was charged without a hold" for op in charges]


def _grants(marks: dict[str, Item], entries: list[Item]) -> list[str]:
    given = {e["reference"]: int(e["id"]) for e in entries if e["transaction_type"] != "usage"}
    bad = []
    if given != {key: mark["seq"] for key, mark in marks.items()}:
        bad.append("grants and their marks differ: " + ", ".join(sorted(set(given) ^ set(marks))))
    if len(given) != sum(e["transaction_type"] != "usage" for e in entries):
        bad.append("a grant was entered twice")
    return bad


def audit_account(table: Table, tenant: str, *, at_rest: bool = False) -> list[str]:
    """The broken invariants of one account, also while it is being used: a ledger that moved while it was read is read again.

    A ledger that never stands still for one reading is reported as such.
    """
    for _ in range(_LOOKS):
        items = table.query_all(Query(f"{tenant}#{PARTITION}", consistent=True))  # in key order: the balance is read first
        now = table.get((f"{tenant}#{PARTITION}", "BAL"))
        if now is None or not items or now["version"] == items[0].get("version"):
            return audit(items, at_rest=at_rest)
    return ["the ledger is in such use that no reading of it was of one moment; audit it again"]


def audit_accounts(table: Table) -> dict[str, list[str]]:
    """Every account's broken invariants, by tenant; accounts in order are not named. Reads the whole table: for an operator."""
    ending = f"#{PARTITION}"
    tenants = {item["pk"].removesuffix(ending) for item in table.scan_all() if item["pk"].endswith(ending) and item["pk"].count("#") == 1}
    found = {tenant: audit_account(table, tenant) for tenant in sorted(tenants)}
    return {tenant: bad for tenant, bad in found.items() if bad}
