"""The credit ledger of one account: reserve, then settle for what was saved or void; nothing is ever charged twice or below zero.

Everything lives in the partition `<tenant>#B`, and every step is one transaction:

  BAL       avail + held = balance; seq: number of entries; plan_left: what is left of the plan's own credits
  H#<op>    the hold of an operation; settled, it is its usage row and keeps its result (`holds.py`)
  G#<key>   that a grant was given, so that its webhook may come three times
  L#<seq>   an entry: what changed the balance, gapless and never written again (`entries.py`)

Each step is idempotent by its own item, so an unknown outcome is answered by doing the step again: no lost reply, redelivery or
crash between two calls charges twice or loses credits (`audit.py` says what always holds). Conditions decide, never locks: a hold
is replaced only in the version that was read, and an entry follows only the entry that was read. Many workers settling on one
account therefore take turns; whoever finds that another was first reads again after a random pause.

Sources: two-phase transfers as in TigerBeetle; idempotency keys that refuse other parameters as in Stripe's API.
"""

import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

from chalicelib.billing.entries import Balance, Entries, Moved, moved
from chalicelib.billing.holds import Hold, HoldClosed, expired_holds, from_item, hold_key, named, next_version, open_collection, to_item
from chalicelib.billing.prices import Price
from chalicelib.core.errors import AppError, IdempotencyMismatch, NotFound, OutOfCredits, TableBusy
from chalicelib.core.ids import stamp
from chalicelib.core.table import TRANSACT_MAX, Item, Table, Write, put, put_new
from chalicelib.ports import Clock

COMMIT_WRITES_MAX = TRANSACT_MAX - 3  # the hold, the balance and the entry are the other three
PART_WRITES_MAX = TRANSACT_MAX - 1
HOLD_SECONDS = 900
_TURNS = 200  # how often a step may find that another worker was first
_BUSY_TRIES = 4  # how often the table may refuse or not answer; each time it has tried for seconds itself
_PAUSE_SECONDS = 0.25

GrantKind = Literal["purchase", "adjustment", "subscription", "refund"]
T = TypeVar("T")


class Ledger:
    """The credits of one account. sleep: for the pauses between turns (tests pass one that returns)."""

    def __init__(self, table: Table, tenant: str, clock: Clock, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.table, self.tenant, self.clock, self._sleep = table, tenant, clock, sleep
        self._entries = Entries(tenant, clock)

    # -- the account's balance
    def opening(self) -> Write:
        """The write that opens the ledger, for the transaction that creates the account."""
        return self._entries.opening()

    def open(self) -> None:
        """Open the ledger unless it is open."""
        try:
            self.table.write(self.opening())
        except Moved:
            return

    def balance(self) -> Balance:
        """Raises: NotFound when the ledger was never opened."""
        bal = self._entries.found(self.table.get(self._entries.balance_key))
        return Balance(balance=bal["avail"] + bal["held"], reserved=bal["held"], available=bal["avail"])

    def grant(self, key: str, amount: int, *, kind: GrantKind = "purchase", description: str = "") -> int:
        """Add credits, or take them (an adjustment below zero), once per key. kind `subscription` adds to the plan's own credits.

        Returns the number of the entry, the first one's when the key was used. Raises: IdempotencyMismatch when the key was used with
        another amount or kind; OutOfCredits when less is available than is to be taken; ValueError for an amount of 0.
        """
        if amount == 0:
            raise ValueError("a grant of 0 credits")
        return self._grant(key, kind, amount, description, lambda bal: amount)

    def renew_plan(self, key: str, allowance: int, *, description: str = "") -> int:
        """Begin a billing period: what is left of the plan's credits becomes `allowance` again; purchased credits stay.

        Usage takes the plan's credits first. Returns and raises as `grant`; it never takes credits that are reserved.
        """
        if allowance < 0:
            raise ValueError("an allowance below 0")
        return self._grant(key, "subscription", allowance, description, lambda bal: max(allowance - bal["plan_left"], -bal["avail"]))

    def _grant(self, key: str, kind: str, asked: int, description: str, amount_of: Callable[[Item], int]) -> int:
        mark, balance_key = self._entries.key(f"G#{named(key)}"), self._entries.balance_key

        def step() -> int:
            items = self.table.get_many([mark, balance_key])
            if given := items.get(mark):
                if (given["kind"], given["asked"]) != (kind, asked):
                    raise IdempotencyMismatch(f"The key {key} was used for {given['asked']} credits ({given['kind']}).")
                return int(given["seq"])
            bal = self._entries.found(items.get(balance_key))
            entering = self._entries.entering(bal, kind, amount_of(bal), description=description or kind, reference=key)
            seq: int = bal["seq"] + 1
            self.table.transact([put_new(mark, {"kind": kind, "asked": asked, "seq": seq}, on_fail=moved), *entering])
            return seq

        return self._in_turn(step)

    # -- an operation
    def find(self, op: str) -> Hold | None:
        item = self.table.get(hold_key(self.tenant, named(op)))
        return from_item(item) if item else None

    def get(self, op: str) -> Hold:
        """Raises: NotFound when op was never reserved."""
        return self._known(self.find(op), op)

    def reserve(
        self,
        op: str,
        amount: int,
        *,
        details: dict[str, Any],
        fingerprint: str = "",
        price: Price | None = None,
        seconds: int = HOLD_SECONDS,
    ) -> Hold:
        """Set credits aside for an operation, once per op. An amount of 0 leaves the balance untouched; all else is the same.

        op: the operation's own key (letters, digits, `._~:-`), the same on every retry. fingerprint: what else identifies the request.
        details: JSON facts of the usage row (`operation_type` is required; see CreditUsage). price: of one unit, for operations that
        save in parts. seconds: until the sweeper may end it; reserving again in the second half of that time gives as much anew.

        Returns the hold that is there now: open (a fresh one, the one of an earlier delivery with its amount, or a voided one opened
        again), or settled: then the work is done, its `result` is the answer, and nothing must be done again.

        Raises: OutOfCredits; IdempotencyMismatch when op was used with another fingerprint; ValidationFailed for bad details.
        """
        if amount < 0:
            raise ValueError("an amount below 0")
        key, there, swept = hold_key(self.tenant, named(op)), None, False

        def found(old: Item | None) -> Exception:
            nonlocal there
            there = from_item(old) if old else None
            return Moved()

        def step() -> Hold:
            now = self.clock.now()
            at, expires = stamp(now), int(now.timestamp()) + seconds
            new = Hold(op, "held", amount, expires=expires, fingerprint=fingerprint, price=price, details=details, opened_at=at)
            if there is None:
                self.table.transact([put_new(key, to_item(self.tenant, new, at), on_fail=found), *self._entries.reserving(amount)])
                return new
            if there.fingerprint != fingerprint:
                raise IdempotencyMismatch(f"The operation {op} was begun with another request.")
            if there.state == "settled" or (there.state == "held" and 2 * (there.expires - int(now.timestamp())) > seconds):
                return there
            if there.state == "held":
                reserving, new = [], next_version(there, expires=expires)
            else:
                reserving, new = self._entries.reserving(amount), next_version(new, attempt=there.attempt + 1, version=there.version)
            self.table.transact([put(key, to_item(self.tenant, new, at), "version = :seen", on_fail=found, seen=there.version), *reserving])
            return new

        while True:
            try:
                return self._in_turn(step)
            except OutOfCredits:
                # what dead workers still hold is the account's, without waiting for the schedule
                if swept or not self.sweep():
                    raise
                swept = True

    def commit(
        self,
        op: str,
        used: int | None = None,
        writes: Sequence[Write] = (),
        *,
        result: dict[str, Any],
        usage: dict[str, Any],
        units: int = 0,
    ) -> dict[str, Any]:
        """Save and charge: the caller's writes, the charge and the operation's result, all or nothing.

        used: credits, 0 to the amount reserved; the rest goes back. None: what all units saved cost, those of `part` and the `units`
        saved by these writes. writes: at most 97, on items of the caller. result: JSON, small. usage: measured facts of the usage row.

        Returns the operation's result: this one, or the stored one when it is settled already; then nothing is applied.

        A hold that was voided or swept meanwhile is charged all the same when the balance allows it. Raises: OutOfCredits if not;
        the error of a caller's write whose condition does not hold (nothing is saved or charged, the hold stays); NotFound when op
        was never reserved; ValueError when used is more than reserved; TableBusy (the outcome is unknown: call again).
        """
        if len(writes) > COMMIT_WRITES_MAX:
            raise ValueError(f"a commit takes at most {COMMIT_WRITES_MAX} writes, not {len(writes)}: save in parts")

        def step() -> dict[str, Any]:
            hold, bal = self._read(op)
            if hold.state == "settled":
                return hold.result
            charge = hold.due(units) if used is None else used
            self._settle(hold, bal, charge, writes, result=result, details={**hold.details, **usage})
            return result

        return self._in_turn(step)

    def part(self, op: str, part: str, writes: Sequence[Write], units: int) -> Hold:
        """Save one part of an operation whose objects do not fit one transaction: the writes and the count of what they save.

        part: this part's own name, the same on every retry; a part saved already applies nothing. units: how many priced units the
        writes save, at least 1. writes: at most 99. They are charged by the final `commit`, or when the hold is voided or swept.

        Raises: HoldClosed when the operation was settled or voided; IdempotencyMismatch when the part was saved with other units; the
        error of a caller's write; NotFound; ValueError when the units cost more than was reserved.
        """
        named(part)
        if units < 1 or len(writes) > PART_WRITES_MAX:
            raise ValueError(f"a part saves at least one unit and takes at most {PART_WRITES_MAX} writes")

        def step() -> Hold:
            there = self.get(op)
            if part in there.parts:
                if there.parts[part] != units:
                    raise IdempotencyMismatch(f"The part {part} of {op} was saved with {there.parts[part]} units.")
                return there
            if there.state != "held":
                raise HoldClosed(there)
            there.due(units)
            alive_until = max(there.expires, int(self.clock.now().timestamp()) + HOLD_SECONDS)
            new = next_version(there, parts={**there.parts, part: units}, expires=alive_until)
            self._replace(there, new, writes)
            return new

        return self._in_turn(step)

    def units_done(self, op: str) -> int:
        """Units saved in parts so far. Raises: NotFound."""
        return self.get(op).units

    def void(self, op: str, reason: str, *, expired_only: bool = False) -> Hold:
        """End an operation that did not succeed and give its credits back; parts that were saved are charged and the rest goes back.

        A settled or voided hold is left as it is. expired_only: so is one whose time is not over. Returns the hold as it is now.
        Raises: NotFound when op was never reserved.
        """

        def step() -> Hold:
            hold, bal = self._read(op)
            if hold.state != "held" or (expired_only and hold.expires > int(self.clock.now().timestamp())):
                return hold
            if hold.parts:
                saved = {"partial": True, "units": hold.units, "reason": reason}
                return self._settle(hold, bal, hold.due(), (), result=saved, details=hold.details, partial=True, reason=reason)
            new = next_version(hold, state="voided", reason=reason)
            self._replace(hold, new, self._entries.returning(hold.amount))
            return new

        return self._in_turn(step)

    def expired(self) -> list[str]:
        """The account's operations whose hold has run out (read from an index, so it may lag by moments)."""
        return [op for tenant, op in expired_holds(self.table, self.clock, [open_collection(self.tenant)]) if tenant == self.tenant]

    def sweep(self) -> list[Hold]:
        """End the holds that have run out: their workers died. Returns them as they ended."""
        ended = [self.void(op, "expired", expired_only=True) for op in self.expired()]
        return [h for h in ended if h.state != "held"]

    # -- parts of a step
    def _settle(self, hold: Hold, bal: Item, charge: int, writes: Sequence[Write], *, details: dict[str, Any], **changes: Any) -> Hold:
        if not 0 <= charge <= hold.amount:
            raise ValueError(f"{hold.op}: {charge} credits are not within the {hold.amount} reserved")
        new = next_version(hold, state="settled", used=charge, details=details, **changes)
        held = hold.amount if hold.state == "held" else 0  # a void gave them back: this is a late charge
        if charge:
            text = str(details.get("description") or details["operation_type"])
            after = self._entries.entering(bal, "usage", -charge, released=held, description=text, reference=hold.op)
        else:
            after = self._entries.returning(held)
        self._replace(hold, new, [*writes, *after])
        return new

    def _replace(self, old: Hold, new: Hold, writes: Sequence[Write]) -> None:
        """The hold comes first, so that what another delivery did is not taken for a failure of the caller's writes."""
        item = to_item(self.tenant, new, stamp(self.clock.now()))
        try:
            self.table.transact([put(hold_key(self.tenant, old.op), item, "version = :seen", on_fail=moved, seen=old.version), *writes])
        except (Moved, TableBusy):
            raise
        except Exception:
            if self.get(old.op).version != old.version:
                raise Moved() from None
            raise

    def _read(self, op: str) -> tuple[Hold, Item]:
        key, balance_key = hold_key(self.tenant, named(op)), self._entries.balance_key
        items = self.table.get_many([key, balance_key])
        hold = from_item(items[key]) if key in items else None
        return self._known(hold, op), self._entries.found(items.get(balance_key))

    def _known(self, hold: Hold | None, op: str) -> Hold:
        if hold is None:
            raise NotFound(f"There is no reservation {op}.")
        return hold

    def _in_turn(self, step: Callable[[], T]) -> T:
        """Do the step, again when another worker was first or the outcome is unknown: every step begins with what is there."""
        busy = 0
        for turn in range(_TURNS):
            try:
                return step()
            except Moved:
                pass
            except TableBusy:
                busy += 1
                if busy == _BUSY_TRIES:
                    raise
            self._sleep(random.uniform(0, min(_PAUSE_SECONDS, 0.005 * 2 ** min(turn, 10))))
        raise TableBusy("Too many operations of this account end at the same moment; try again.")


def sweep_accounts(table: Table, clock: Clock) -> list[tuple[str, Hold]]:
    """End the holds of all accounts that have run out: (tenant, hold as it ended). For a schedule; a hold renewed meanwhile stays.

    Raises: the first account's error, after all others had their turn.
    """
    ended: list[tuple[str, Hold]] = []
    trouble: AppError | None = None
    for tenant, op in expired_holds(table, clock):
        try:
            hold = Ledger(table, tenant, clock).void(op, "expired", expired_only=True)
        except AppError as error:
            trouble = trouble or error
            continue
        if hold.state != "held":
            ended.append((tenant, hold))
    if trouble is not None:
        raise trouble
    return ended
