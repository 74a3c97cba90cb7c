"""The credit ledger of one account: reserve, then settle for what was saved or void; nothing is ever charged twice or below zero.

Everything lives in the partition `<tenant>#B`, and every step is one transaction:

  BAL       avail + held = balance; seq: number of entries; plan_left: what is left of the plan's own credits
  H#<op>    the hold of an operation; settled, it is its usage row and keeps its result (`holds.py`)
  G#<key>   that a grant was given, so that its webhook may come three times (`grants.py`)
  L#<seq>   an entry: what changed the balance, gapless and never written again (`entries.py`)
  C#<name>  what is reserved and charged under a cap (`caps.py`)
  D#<day>…  usage of a day, site and kind of operation (`daily.py`)

Each step is idempotent by its own item, so an unknown outcome is answered by doing the step again: no lost reply, redelivery or
crash between two calls charges twice or loses credits (`audit.py` says what always holds). Conditions decide, never locks: a hold
is replaced only in the version that was read, and an entry's number is taken once. Many workers settling on one account therefore
take turns; whoever finds that another was first reads again after a random pause (`turns.py`).

An envelope is a hold of a whole run: operations inside it take their credits from its room instead of from what is available, so
that what a run was promised at its start cannot be spent by others meanwhile; without room they reserve as any other operation does.

Sources: two-phase transfers as in TigerBeetle; idempotency keys that refuse other parameters as in Stripe's API.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from chalicelib.billing.caps import Cap, counting
from chalicelib.billing.daily import counting as counting_usage
from chalicelib.billing.grants import Grants
from chalicelib.billing.holds import (
    Hold,
    HoldClosed,
    expired_holds,
    from_item,
    hold_key,
    named,
    next_version,
    open_collection,
    settled_row,
    to_item,
)
from chalicelib.billing.prices import Price
from chalicelib.billing.turns import Moved, moved
from chalicelib.core.context import Context
from chalicelib.core.errors import IdempotencyMismatch, NotFound, OutOfCredits, TableBusy
from chalicelib.core.ids import stamp
from chalicelib.core.table import TRANSACT_MAX, Item, Write, put, put_new, update

CAPS_MAX = 3
COMMIT_WRITES_MAX = TRANSACT_MAX - 4 - CAPS_MAX  # the hold, the balance, the entry and the day's usage are the other four
PART_WRITES_MAX = TRANSACT_MAX - 1
HOLD_SECONDS = 900
ENVELOPE_SECONDS = 3 * 3600


class Ledger(Grants):
    """The credits of one account, and the operations that take them."""

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
        caps: Sequence[Cap] = (),
        within: str = "",
    ) -> Hold:
        """Set credits aside for an operation, once per op. An amount of 0 leaves the balance untouched; all else is the same.

        op: the operation's own key (letters, digits, `._~:-`), the same on every retry. fingerprint: what else identifies the request.
        details: JSON facts of the usage row (`operation_type` is required; see CreditUsage). price: of one unit, for operations that
        save in parts. seconds: until the sweeper may end it; reserving again in the second half of that time gives as much anew.
        caps: at most 3 that it counts under. within: op of an envelope whose room it takes, as long as that has so much.

        Returns the hold that is there now: open (a fresh one, the one of an earlier delivery with its amount, or a voided one opened
        again), or settled: then the work is done, its `result` is the answer, and nothing must be done again.

        Raises: OutOfCredits, or CapReached of its kind; IdempotencyMismatch when op was used with another fingerprint;
        ValidationFailed for bad details.
        """
        if amount < 0 or len(caps) > CAPS_MAX:
            raise ValueError(f"an amount below 0, or more than {CAPS_MAX} caps")
        new = Hold(named(op), "held", amount, fingerprint=fingerprint, price=price, details=details, caps={c.name: c.limit for c in caps})
        return self._reserve(new, seconds, within)

    def envelope(self, op: str, amount: int, *, details: dict[str, Any], seconds: int = ENVELOPE_SECONDS) -> Hold:
        """Set credits aside for operations to come, which name it as `within`. `void` gives back the room that is left; what operations
        have taken stays theirs. Asked again it is as `reserve`: kept alive, or opened again with the amount when it was voided.

        Raises: OutOfCredits."""
        return self._reserve(Hold(named(op), "held", amount, room=amount, details=details), seconds, "")

    def _reserve(self, wanted: Hold, seconds: int, within: str) -> Hold:
        op, amount = wanted.op, wanted.amount
        key, there, swept, envelope = hold_key(self.tenant, op), None, False, within

        def found(old: Item | None) -> Exception:
            nonlocal there
            there = from_item(old) if old else None
            return Moved()

        def no_room(old: Item | None) -> Exception:
            nonlocal envelope
            envelope = ""
            return Moved()

        def taking() -> list[Write]:
            """The writes that take the amount from where it is, and count it."""
            taken = self._from_envelope(envelope, amount, no_room) if envelope else self._entries.reserving(amount)
            return [*taken, *counting(self.tenant, wanted.caps, amount)]

        def step() -> Hold:
            now = self.clock.now()
            at, expires = stamp(now), int(now.timestamp()) + seconds
            new = replace(wanted, expires=expires, opened_at=at)
            if there is None:
                self.table.transact([put_new(key, to_item(self.tenant, new, at), on_fail=found), *taking()])
                return new
            if there.fingerprint != wanted.fingerprint:
                raise IdempotencyMismatch(f"The operation {op} was begun with another request.")
            if there.state == "settled" or (there.state == "held" and 2 * (there.expires - int(now.timestamp())) > seconds):
                return there
            if there.state == "held":
                reserving, new = [], next_version(there, expires=expires)
            else:
                reserving, new = taking(), next_version(new, attempt=there.attempt + 1, version=there.version)
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

    def _from_envelope(self, op: str, amount: int, no_room: Any) -> list[Write]:
        if not amount:
            return []
        expression, condition = "SET room = room - :amount, version = version + :one", "#state = :held AND room >= :amount"
        names = {"#state": "state"}
        return [update(hold_key(self.tenant, op), expression, condition, names=names, on_fail=no_room, amount=amount, one=1, held="held")]

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
        saved by these writes. writes: at most 93, on items of the caller. result: JSON, small. usage: measured facts of the usage row.

        Returns the operation's result: this one, or the stored one when it is settled already; then nothing is applied.

        A hold that was voided or swept meanwhile is charged all the same when the balance and its caps allow it. Raises: OutOfCredits
        if not; the error of a caller's write whose condition does not hold (nothing is saved or charged, the hold stays); NotFound
        when op was never reserved; ValueError when used is more than reserved; TableBusy (the outcome is unknown: call again).
        """
        if len(writes) > COMMIT_WRITES_MAX:
            raise ValueError(f"a commit takes at most {COMMIT_WRITES_MAX} writes, not {len(writes)}: save in parts")

        def step() -> dict[str, Any]:
            hold, bal = self._read(op)
            if hold.state == "settled":
                return hold.result
            if hold.room is not None:
                raise ValueError(f"{op} is an envelope: what is inside it is charged, not itself")
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
            new = next_version(there, parts={**there.parts, part: units}, expires=self._alive_until(there))
            new.due()
            self._replace(there, new, writes)
            return new

        return self._in_turn(step)

    def _alive_until(self, hold: Hold) -> int:
        return max(hold.expires, int(self.clock.now().timestamp()) + HOLD_SECONDS)

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
            self._replace(hold, new, [*self._entries.returning(hold.reserved), *counting(self.tenant, hold.caps, -hold.counted)])
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
        """A hold that was voided has given its credits back already: then this is a late charge."""
        if not 0 <= charge <= hold.amount:
            raise ValueError(f"{hold.op}: {charge} credits are not within the {hold.amount} reserved")
        new, at = next_version(hold, state="settled", used=charge, details=details, **changes), stamp(self.clock.now())
        if charge:
            text = str(details.get("description") or details["operation_type"])
            after = self._entries.entering(bal, "usage", -charge, released=hold.reserved, description=text, reference=hold.op)
        else:
            after = self._entries.returning(hold.reserved)
        counted = counting(self.tenant, hold.caps, new.counted - hold.counted)
        self._replace(hold, new, [*writes, *after, counting_usage(self.tenant, settled_row(new, at)), *counted], at)
        return new

    def _replace(self, old: Hold, new: Hold, writes: Sequence[Write], at: str | None = None) -> None:
        """The hold comes first, so that what another delivery did is not taken for a failure of the caller's writes."""
        item = to_item(self.tenant, new, at or stamp(self.clock.now()))
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


def ledger_of(ctx: Context) -> Ledger:
    """The ledger of the scope's account."""
    return Ledger(ctx.deps.table, ctx.tenant, ctx.deps.clock)
