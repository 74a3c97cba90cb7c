"""Thousands of operations on one account at the same moment, on a table that answers as slowly as DynamoDB does and refuses
transactions that meet.

A transaction occupies its items for as long as it takes; another one on any of them meanwhile is cancelled with TransactionConflict
(Source: DynamoDB developer guide, "Transaction conflict handling in DynamoDB"). Time is virtual, so the figures are those of the
table and of the ledger's way of taking turns, not of this machine.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.billing.audit import audit_account
from chalicelib.billing.credits import Ledger
from chalicelib.core.errors import OutOfCredits
from chalicelib.core.table import Table, put_new
from tests.billing.virtual_time import VirtualTime
from tests.fakes import FixedClock

AMOUNT, USED = 10, 7
IDEA: dict[str, Any] = {"operation_type": "idea"}
MILLISECONDS = (4.0, 12.0)  # of a call from a Lambda


class CrowdedClient:
    """A DynamoDB client as seen from many Lambdas. calls: what was asked and refused."""

    def __init__(self, client: Any, time: VirtualTime) -> None:
        self._client, self._time, self._random = client, time, Random(1)
        self._occupied: set[tuple[str, str]] = set()
        self.calls: Counter[str] = Counter()

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        call = getattr(self._client, operation)

        def slow(**request: Any) -> Any:
            self.calls[operation] += 1
            self._wait()
            with self._occupying(request.get("TransactItems", ())):
                try:
                    answer = call(**request)
                except ClientError as error:
                    self.calls[error.response["Error"]["Code"]] += 1
                    raise
            return answer

        return slow

    def _wait(self) -> None:
        self._time.sleep(self._random.uniform(*MILLISECONDS) / 2000)

    @contextmanager
    def _occupying(self, actions: Iterable[dict[str, Any]]) -> Iterator[None]:
        items = [next(iter(action.values())) for action in actions]
        keys = {(k["pk"]["S"], k["sk"]["S"]) for k in (item.get("Item") or item["Key"] for item in items)}
        if met := keys & self._occupied:
            self.calls["conflicts"] += 1
            raise _conflict(len(items), met)
        self._occupied |= keys
        try:
            self._wait()
            yield
        finally:
            self._occupied -= keys


def _conflict(actions: int, met: set[tuple[str, str]]) -> ClientError:
    reasons = [{"Code": "TransactionConflict", "Message": str(met)}, *({"Code": "None"} for _ in range(actions - 1))]
    response: Any = {"Error": {"Code": "TransactionCanceledException", "Message": ""}, "CancellationReasons": reasons}
    return ClientError(response, "TransactWriteItems")


@dataclass
class Figures:
    """What a storm came to. refused: operations that were told there is too little; longest: seconds one step of one operation took."""

    operations: int
    seconds: float = 0.0
    refused: int = 0
    longest: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        tries, met, gone = (self.calls[name] for name in ("transact_write_items", "conflicts", "TransactionCanceledException"))
        return (
            f"{self.operations:,} operations at once: {self.seconds:.0f} s of the table's time,"
            f" {self.operations / self.seconds:.0f} operations a second; {tries:,} transactions tried, {met:,} met another, {gone:,} found"
            f" their condition gone; the longest step took {self.longest:.0f} s; {self.refused:,} refused"
        )


def storm(client: Any, name: str, tenant: str, *, operations: int, credits: int) -> Figures:
    """Reserve and settle so many operations on one account, each by a worker of its own, all begun at the same moment. When the
    credits are enough for all, none is settled before all are reserved. Asserts that every credit is where it belongs, and that
    whoever was refused asked for more than there was."""
    time, clock, plain, enough = VirtualTime(), FixedClock(), Table(client, name), credits >= operations * AMOUNT
    crowded, figures = CrowdedClient(client, time), Figures(operations)
    Ledger(plain, tenant, clock).open()
    Ledger(plain, tenant, clock).grant("all", credits)
    ledger = Ledger(Table(crowded, name, time.sleep), tenant, clock, sleep=time.sleep)
    refusals: list[OutOfCredits] = []
    reserved: list[str] = []

    def timed(step: Callable[[], Any]) -> None:
        began = time.now
        step()
        figures.longest = max(figures.longest, time.now - began)

    def reserve(op: str) -> None:
        try:
            timed(lambda: ledger.reserve(op, AMOUNT, details=IDEA))
        except OutOfCredits as refusal:
            refusals.append(refusal)
        else:
            reserved.append(op)
            if not enough:
                settle(op)

    def settle(op: str) -> None:
        timed(lambda: ledger.commit(op, USED, [put_new((f"{tenant}#X", op), {})], result={}, usage={}))

    time.run([lambda op=f"op{n}": reserve(op) for n in range(operations)])  # type: ignore[misc]
    if enough:
        assert not refusals, "refused though there was enough for all"
        assert Ledger(plain, tenant, clock).balance().reserved == operations * AMOUNT
        time.run([lambda op=op: settle(op) for op in reserved])  # type: ignore[misc]
    figures.seconds, figures.refused, figures.calls = time.now, len(refusals), crowded.calls
    balance = Ledger(plain, tenant, clock).balance()
    assert (balance.balance, balance.reserved) == (credits - len(reserved) * USED, 0), balance
    assert len(reserved) + len(refusals) == operations
    assert audit_account(plain, tenant, at_rest=True) == []
    assert all(r.extra["available"] < r.extra["required"] for r in refusals)
    return figures
