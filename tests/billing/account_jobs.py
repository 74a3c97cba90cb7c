"""One account and the jobs its workers do, as the tests of histories and of interleavings share it."""

import itertools
from collections.abc import Sequence
from typing import Any

from chalicelib.billing.audit import audit
from chalicelib.billing.credits import Ledger
from chalicelib.billing.holds import Hold, HoldClosed
from chalicelib.billing.prices import Price
from chalicelib.core.errors import IdempotencyMismatch, OutOfCredits, TableBusy
from chalicelib.core.table import Item, Query, Table, put_new
from tests.billing.interleaving import WatchedClient
from tests.fakes import FixedClock

EXPECTED = (OutOfCredits, HoldClosed, IdempotencyMismatch, TableBusy)
PARTS = {"x": 1, "y": 5, "z": 13}
HOLD_SECONDS = 100
TABLE = "igny8-test"
_names = itertools.count()


def no_wait(seconds: float) -> None:
    """Workers take turns by the test's choice, not by the clock."""


class Account:
    """One account, its workers' jobs, and what must be true of it. The jobs are what workers do: they may run twice, at once, or die."""

    def __init__(self, client: Any, table_class: type[Table] = Table, ledger_class: type[Ledger] = Ledger) -> None:
        self.tenant, self.clock, self.watched = f"h{next(_names)}", FixedClock(), WatchedClient(client)
        self.plain = Table(client, TABLE, sleep=no_wait)
        self.table = table_class(self.watched, TABLE, sleep=no_wait)
        self.ledger = ledger_class(self.table, self.tenant, self.clock, sleep=no_wait)
        self.answers: dict[str, Any] = {}
        self.ledger.open()

    # -- jobs
    def work(self, op: str, amount: int, used: int) -> Any:
        if op == "own-key":
            amount = used = 0
        hold = self.ledger.reserve(op, amount, details={"operation_type": "idea"}, seconds=HOLD_SECONDS)
        if hold.state == "settled":
            return self.answered(op, hold.result)
        made = put_new((f"{self.tenant}#X", op), {"used": used})
        return self.answered(op, self.ledger.commit(op, used, [made], result={"used": used}, usage={}))

    def finish_late(self) -> Any:
        """What a worker does whose hold was voided behind its back."""
        return self.ledger.commit("a", 7, [put_new((f"{self.tenant}#X", "a"), {"used": 7})], result={"used": 7}, usage={})

    def fail(self, op: str) -> Hold:
        self.ledger.reserve(op, 0 if op == "own-key" else 10, details={"operation_type": "idea"}, seconds=HOLD_SECONDS)
        return self.ledger.void(op, "failed")

    def work_in_parts(self, parts: Sequence[str]) -> Any:
        for part in parts:
            if (hold := self.save_part(part)).state == "settled":
                return self.answered("run", hold.result)
        return self.finish_parts(parts)

    def save_part(self, part: str) -> Hold:
        hold = self.ledger.reserve("run", 20, details={"operation_type": "idea"}, price=Price(1, unit="idea"), seconds=HOLD_SECONDS)
        if hold.state == "settled":
            return hold
        return self.ledger.part("run", part, [put_new((f"{self.tenant}#X", f"run-{part}"), {})], PARTS[part])

    def finish_parts(self, parts: Sequence[str]) -> Any:
        return self.answered("run", self.ledger.commit("run", result={"parts": list(parts)}, usage={}))

    def grant(self, key: str, amount: int) -> None:
        self.answered(f"grant {key} {amount}", self.ledger.grant(key, amount, kind="adjustment"))

    def renew(self, key: str) -> None:
        self.answered(f"renew {key}", self.ledger.renew_plan(key, 40))

    def sweep(self) -> None:
        self.ledger.sweep()

    def answered(self, what: str, answer: Any) -> Any:
        """Whoever asks for the same gets the same answer."""
        assert self.answers.setdefault(what, answer) == answer, f"{what} answered {self.answers[what]} and {answer}"
        return answer

    # -- truths
    def items(self, partition: str) -> list[Item]:
        return self.plain.query_all(Query(f"{self.tenant}#{partition}", consistent=True))

    def check(self, *, at_rest: bool = False) -> None:
        """The ledger adds up, and what was saved is what is charged."""
        items = self.items("B")
        assert audit(items, at_rest=at_rest) == []
        holds = {i["op"]: i for i in items if i["sk"].startswith("H#")}
        wanted = {op for op, h in holds.items() if op != "run" and h["state"] == "settled"}
        wanted |= {f"run-{part}" for part in holds.get("run", {}).get("parts", {})}
        saved = {i["sk"]: i for i in self.items("X")}
        assert saved.keys() == wanted
        for op, made in saved.items():
            assert op not in holds or holds[op]["used"] == made["used"]
