"""One account and the jobs its workers do, as the tests of histories and of interleavings share it."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.billing import caps, credits, holds
from chalicelib.billing.audit import audit
from chalicelib.billing.caps import Cap
from chalicelib.billing.credits import Ledger
from chalicelib.billing.holds import Hold
from chalicelib.billing.prices import Price
from chalicelib.core.errors import IdempotencyMismatch, OutOfCredits, TableBusy
from chalicelib.core.table import Item, Query, Table, put_new
from tests.billing.interleaving import WatchedClient
from tests.fakes import FixedClock

PARTS = {"x": 1, "y": 5, "z": 13}
HOLD_SECONDS = 100
TABLE = "igny8-test"
DAY = "day.site.2026-11-20"
ENVELOPE = "envelope"
_names = itertools.count()


def no_wait(seconds: float) -> None:
    """Workers take turns by the test's choice, not by the clock."""


@dataclass(frozen=True)
class Code:
    """The ledger under test: the product's, or one with a protection taken out. table: what it writes through."""

    ledger: type[Ledger] = credits.Ledger
    table: type[Table] = Table
    expected: tuple[type[Exception], ...] = field(default=(OutOfCredits, holds.HoldClosed, IdempotencyMismatch, TableBusy))


PRODUCT = Code()
EXPECTED = PRODUCT.expected


class Account:
    """One account, its workers' jobs, and what must be true of it. The jobs are what workers do: they may run twice, at once, or die.

    cap: the most credits its operations may take in a day, all together.
    """

    def __init__(self, client: Any, code: Code = PRODUCT, cap: int | None = None) -> None:
        self.tenant, self.clock, self.watched, self.cap = f"h{next(_names)}", FixedClock(), WatchedClient(client), cap
        self.plain = Table(client, TABLE, sleep=no_wait)
        self.table = code.table(self.watched, TABLE, sleep=no_wait)
        self.ledger = code.ledger(self.table, self.tenant, self.clock, sleep=no_wait)
        self.answers: dict[str, Any] = {}
        self.ledger.open()

    # -- jobs
    def reserve(self, op: str, amount: int, *, within: str = "", price: Price | None = None, request: str = "r") -> Hold:
        return self.ledger.reserve(
            op,
            amount,
            details={"operation_type": "idea"},
            fingerprint=request,
            seconds=HOLD_SECONDS,
            price=price,
            caps=[Cap(DAY, self.cap)],
            within=within,
        )

    def work(self, op: str, amount: int, used: int, within: str = "", request: str = "r") -> Any:
        if op == "own-key":
            amount = used = 0
        hold = self.reserve(op, amount, within=within, request=request)
        if hold.state == "settled":
            return self.answered(op, hold.result)
        made = put_new((f"{self.tenant}#X", op), {"used": used, "request": request})
        return self.answered(op, self.ledger.commit(op, used, [made], result={"used": used}, usage={}))

    def finish_late(self, op: str = "a") -> Any:
        """What a worker does whose hold was voided behind its back."""
        made = put_new((f"{self.tenant}#X", op), {"used": 7, "request": "r"})
        return self.ledger.commit(op, 7, [made], result={"used": 7}, usage={})

    def fail(self, op: str) -> Hold:
        self.reserve(op, 0 if op == "own-key" else 10)
        return self.ledger.void(op, "failed")

    def work_in_parts(self, parts: Sequence[str]) -> Any:
        for part in parts:
            if (hold := self.save_part(part)).state == "settled":
                return self.answered("run", hold.result)
        return self.finish_parts(parts)

    def save_part(self, part: str) -> Hold:
        began = int(self.clock.now().timestamp())
        hold = self.reserve("run", 20, price=Price(1, unit="idea"))
        if hold.state == "settled":
            return hold
        saved = self.ledger.part("run", part, [put_new((f"{self.tenant}#X", f"run-{part}"), {})], PARTS[part])
        assert part in hold.parts or saved.expires >= began + credits.HOLD_SECONDS, "a part gives the hold more time"
        return saved

    def finish_parts(self, parts: Sequence[str]) -> Any:
        return self.answered("run", self.ledger.commit("run", result={"parts": list(parts)}, usage={}))

    def promise(self, amount: int) -> Hold:
        """What a run does at its start: credits set aside for all its operations."""
        return self.ledger.envelope(ENVELOPE, amount, details={"operation_type": "run"}, seconds=HOLD_SECONDS)

    def end_promise(self) -> Hold | None:
        return self.ledger.void(ENVELOPE, "the run has ended") if self.ledger.find(ENVELOPE) else None

    def grant(self, key: str, amount: int) -> None:
        number = self.ledger.grant(key, amount, kind="purchase" if amount > 0 else "adjustment")
        self.answered(f"grant {key}", (amount, number))

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

    def check(self, *, at_rest: bool = False) -> "Standing":
        """The ledger adds up, what was saved is what is charged, and the cap holds."""
        items = self.items("B")
        assert not (found := audit(items, at_rest=at_rest)), found[0]
        by_sort = {i["sk"]: i for i in items}
        ops = {i["op"]: i for i in items if i["sk"].startswith("H#")}
        wanted = {op for op, h in ops.items() if op != "run" and h["state"] == "settled"}
        wanted |= {f"run-{part}" for part in ops.get("run", {}).get("parts", {})}
        saved = {i["sk"]: i for i in self.items("X")}
        assert saved.keys() == wanted, f"saved {sorted(saved)}, settled {sorted(wanted)}"
        for op in saved.keys() & ops.keys():
            made, hold = saved[op], ops[op]
            assert (made["used"], made["request"]) == (hold["used"], hold["fingerprint"]), f"{op}: saved {made}, charged {hold['used']}"
        run, now = ops.get("run", {"state": "none"}), int(self.clock.now().timestamp())
        assert run["state"] != "settled" or run["used"] == sum(run["parts"].values()), "what was saved in parts is charged"
        assert all(h["expires"] <= now for h in ops.values() if h["reason"] == "expired"), "a hold ended whose time was not over"
        counted = by_sort.get(f"C#{DAY}", {}).get("credits", 0)
        assert self.cap is None or counted <= self.cap, f"{counted} credits under a cap of {self.cap}"
        return Standing(by_sort["BAL"]["avail"], None if self.cap is None else self.cap - counted)

    def refused_rightly(self, error: OutOfCredits, seen: Sequence["Standing"]) -> None:
        """Whoever was refused could not have been served at some moment: seen, from before it began."""
        required = error.extra["required"]
        left = [s.under_cap if isinstance(error, caps.CapReached) or "cap" in error.extra else s.available for s in seen]
        assert min(n for n in left if n is not None) < required, f"refused {required} credits, and there were {left}"


@dataclass(frozen=True)
class Standing:
    """Credits that can be reserved at a moment: of the account, and under the cap."""

    available: int
    under_cap: int | None
