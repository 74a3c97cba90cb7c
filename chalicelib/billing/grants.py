"""What adds to an account's credits, or corrects them: opening the ledger, purchases, adjustments, the plan's credits of a month."""

import time
from collections.abc import Callable
from typing import Literal, TypeVar

from chalicelib.billing.entries import Balance, Entries
from chalicelib.billing.holds import named
from chalicelib.billing.turns import Moved, in_turn, moved
from chalicelib.core.errors import IdempotencyMismatch
from chalicelib.core.table import Item, Table, Write, put_new
from chalicelib.ports import Clock

GrantKind = Literal["purchase", "adjustment", "subscription", "refund"]
T = TypeVar("T")


class Grants:
    """The balance of one account and what is granted to it. sleep: for the pauses between turns (tests pass one that returns)."""

    def __init__(self, table: Table, tenant: str, clock: Clock, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.table, self.tenant, self.clock, self._sleep = table.at_once(), tenant, clock, sleep
        self._entries = Entries(tenant, clock)

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

    def _in_turn(self, step: Callable[[], T]) -> T:
        return in_turn(step, self._sleep)
