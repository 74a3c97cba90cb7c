"""The items a run has in hand at this moment, and how far each is: shown with the run, forgotten when the item is done.

One small row for an item (`INHAND#<run>` in the operations table), so that several workers never write to the same one and a run of
thousands of items stays cheap to look at. It is only shown, nothing is decided by it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from chalicelib.automation.run_record import Run
from chalicelib.core.context import Context
from chalicelib.core.errors import TableBusy
from chalicelib.core.ids import parse_stamp, stamp
from chalicelib.core.observability import logger
from chalicelib.core.table import Query, Write, put, remove
from chalicelib.system.progress import MESSAGE_MAX, WRITE_SECONDS

STALE = timedelta(minutes=15)  # no worker lives longer; a row that is older was left by one that died
KEEP = timedelta(days=1)


class Reporter:
    """Reports on one item, written at most once a second; its percentage only rises. See `ai.function.Report`."""

    def __init__(self, ctx: Context, run_id: str, stage: int, item: str) -> None:
        self._ctx, self._key = ctx, (_partition(ctx, run_id), f"{stage}#{item}")
        self._facts: dict[str, Any] = {"stage": stage, "item": item}
        self._percentage, self._written = 0, datetime.min.replace(tzinfo=ctx.deps.clock.now().tzinfo)

    def __call__(self, phase: str, percentage: int, message: str = "") -> None:
        self._percentage, now = max(self._percentage, min(100, percentage)), self._ctx.deps.clock.now()
        if (now - self._written).total_seconds() < WRITE_SECONDS:
            return
        self._written = now
        shown = {"phase": phase, "percentage": self._percentage, "message": message[:MESSAGE_MAX], "at": stamp(now)}
        self._write(put(self._key, {**self._facts, **shown, "ttl": int((now + KEEP).timestamp())}))

    def forget(self) -> None:
        self._write(remove(self._key))

    def _write(self, write: Write) -> None:
        try:
            self._ctx.deps.ops.write(write)
        except TableBusy as error:  # the work goes on; what is shown of it is a moment old
            logger().warning("an item in hand is not shown", extra={"item": self._facts["item"], "detail": error.message})


@contextmanager
def in_hand(ctx: Context, run: Run, stage: int, item: str) -> Iterator[Reporter]:
    """While inside, the item is shown as the run's present work."""
    reporter = Reporter(ctx, run.id, stage, item)
    reporter("INIT", 0)
    try:
        yield reporter
    finally:
        reporter.forget()


def items_in_hand(ctx: Context, run: Run) -> list[dict[str, Any]]:
    """{stage, item, phase, percentage, message, at} of what a running run works on now, the longest known first."""
    if run.status != "running":
        return []
    oldest = ctx.deps.clock.now() - STALE
    rows = ctx.deps.ops.query_all(Query(_partition(ctx, run.id), consistent=True))
    fresh = [r for r in rows if parse_stamp(r["at"]) > oldest]
    return [{k: r[k] for k in ("stage", "item", "phase", "percentage", "message", "at")} for r in sorted(fresh, key=lambda r: r["at"])]


def _partition(ctx: Context, run_id: str) -> str:
    return f"{ctx.tenant}#INHAND#{run_id}"
