"""The balance and the entries that explain it: their stored forms, and the writes that change them together."""

from dataclasses import dataclass
from typing import Any

from chalicelib.billing.turns import moved
from chalicelib.billing.usage import PARTITION, TRANSACTION, CreditTransaction
from chalicelib.core.errors import NotFound, OutOfCredits
from chalicelib.core.ids import stamp
from chalicelib.core.table import Item, Key, OnFail, Write, put_new, update
from chalicelib.ports import Clock


@dataclass(frozen=True)
class Balance:
    """Credits; balance = available + reserved."""

    balance: int
    reserved: int
    available: int


@dataclass(frozen=True)
class Entries:
    """Builds the writes of one account's balance. A `bal` below is the balance item as it was read."""

    tenant: str
    clock: Clock

    def key(self, sort: str) -> Key:
        return f"{self.tenant}#{PARTITION}", sort

    @property
    def balance_key(self) -> Key:
        return self.key("BAL")

    def found(self, item: Item | None) -> Item:
        """Raises: NotFound when the ledger was never opened."""
        if item is None:
            raise NotFound("This account has no ledger.")
        return item

    def opening(self) -> Write:
        return put_new(self.balance_key, {"avail": 0, "held": 0, "seq": 0, "plan_left": 0, "version": 1}, on_fail=moved)

    def reserving(self, amount: int) -> list[Write]:
        """Available -> reserved. Condition error: OutOfCredits."""

        def refused(old: Item | None) -> Exception:
            return OutOfCredits(amount, old["avail"] if old else 0)

        return [self._move(-amount, amount, need=amount, on_fail=refused)] if amount else []

    def returning(self, amount: int) -> list[Write]:
        """Reserved -> available."""
        return [self._move(amount, -amount)] if amount else []

    def entering(self, bal: Item, kind: str, amount: int, *, released: int = 0, description: str, reference: str) -> list[Write]:
        """Change the balance by the entry that follows the last one of `bal`. released: reserved credits that become available by it.

        An entry's place is taken once: whoever read the same `bal` and is second finds it taken.
        Raises: OutOfCredits. Condition error: Moved.
        """
        change, seq, at = released + amount, bal["seq"] + 1, stamp(self.clock.now())
        if bal["avail"] + change < 0:
            raise OutOfCredits(-change, bal["avail"])
        record = CreditTransaction(
            id=f"{seq:012d}", created_at=at, updated_at=at, order=f"{seq:016x}", transaction_type=kind, amount=amount,  # type: ignore[arg-type]
            balance_after=bal["avail"] + bal["held"] + amount, description=description[:500], reference=reference,
        )  # fmt: skip
        entry = put_new(TRANSACTION.place.key(self.tenant, record.id), TRANSACTION.to_item(self.tenant, record), on_fail=moved)
        last = {"seq": seq, "plan_left": plan_left(bal["plan_left"], kind, amount)}
        return [self._move(change, -released, need=-change, **last), entry]

    def _move(self, available: int, reserved: int, *, need: int = 0, on_fail: OnFail = moved, **last: int) -> Write:
        """Plain arithmetic, so it holds whatever others reserve or return meanwhile; `last` is what the entry beside it says."""
        values: dict[str, Any] = {"available": available, "reserved": reserved, "one": 1, **last}
        expression = "SET avail = avail + :available, held = held + :reserved, version = version + :one"
        expression += "".join(f", {name} = :{name}" for name in last)
        if need <= 0:
            return update(self.balance_key, expression, on_fail=on_fail, **values)
        return update(self.balance_key, expression, "avail >= :need", on_fail=on_fail, need=need, **values)


def plan_left(left: int, kind: str, amount: int) -> int:
    """What is left of the plan's own credits after an entry: a subscription changes them, whatever else takes credits takes these first."""
    if kind == "subscription":
        return left + amount
    return max(0, left + amount) if amount < 0 else left
