"""What became of a run's items, and the figures of its stages.

An item is recorded once (`RUN#<run>` / `<stage>#<item>` in the operations table), in the same transaction that adds to the stage's
figures, so that retries and redeliveries never count twice.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Literal

from chalicelib.automation.run_log import RunLog
from chalicelib.automation.run_record import ACTIVE, STAGES, Run, item_key, items_partition, stage_key
from chalicelib.core.errors import Conflict
from chalicelib.core.ids import parse_stamp, stamp
from chalicelib.core.table import Item, Query, Write, put, put_new, update

Outcome = Literal["done", "failed", "skipped"]
AGAIN = "again"  # outcome of an item that failed and is to be tried again; what its failure cost is counted already
KEEP = timedelta(days=90)


class _Recorded(Conflict):
    """The item has a record. old: that record."""

    def __init__(self, old: Item | None) -> None:
        super().__init__()
        self.old = old or {}


class RunItems(RunLog):
    # -- stages
    def stages(self, run: Run) -> list[dict[str, Any]]:
        """The run's seven stages in the shape of the contract."""
        q = Query(f"{self.ctx.tenant}#{run.site_id}#RS", condition="begins_with(sk, :run)", values={":run": f"{run.id}#S"}, consistent=True)
        return [self._stage(run, i) for i in sorted(self.ctx.deps.table.query_all(q), key=lambda i: i["number"])]

    def _stage(self, run: Run, item: Item) -> dict[str, Any]:
        """A stage of a run that stands still stands still too: `stopped` when its run ended in the middle of it."""
        started, finished, state = item.get("started_at"), item.get("finished_at"), item["state"]
        if state == "running" and run.status not in ACTIVE:
            state, finished = "stopped", run.finished_at
        elif state == "running" and run.status == "paused":
            finished = run.paused_at
        end = parse_stamp(finished) if finished else self.ctx.deps.clock.now()
        return {
            "number": item["number"],
            "name": item["name"],
            "state": state,
            **{k: item.get(k, 0) for k in ("items_in", "done", "failed", "skipped")},
            "skip_reason": item.get("skip_reason"),
            "credits": item.get("credits", 0),
            "seconds": max(0.0, round((end - parse_stamp(started)).total_seconds(), 1)) if started else 0,
        }

    def stage_set(self, run: Run, number: int, *, being: tuple[str, ...] = (), **fields: Any) -> None:
        """being: the states in which alone the stage is changed. Raises: Stale."""
        names = {f"#f{n}": name for n, name in enumerate(fields)}
        values = {f"f{n}": value for n, value in enumerate(fields.values())}
        condition = " OR ".join(f"#being = :b{n}" for n in range(len(being)))
        if being:
            names["#being"] = "state"
            values |= {f"b{n}": state for n, state in enumerate(being)}
        expression = "SET " + ", ".join(f"#f{n} = :f{n}" for n in range(len(fields)))
        self.ctx.deps.table.write(update(stage_key(self.ctx, run, number), expression, condition, names=names, **values))

    def stage_item(self, run: Run, number: int) -> Item:
        return self.ctx.deps.table.get(stage_key(self.ctx, run, number)) or {}

    def hand_out(self, run: Run, number: int, items: Sequence[str]) -> None:
        """Remember which items the stage's workers are given, until it gives out the next."""
        self.stage_set(run, number, being=("running",), handed=list(items))

    def handed_out(self, run: Run, number: int) -> list[str]:
        """The items that were given out last, whether or not they have an outcome."""
        return list(self.stage_item(run, number).get("handed", []))

    def reopen_stages(self, run: Run) -> None:
        """Have every stage look for work again, its figures kept."""
        for number in STAGES:
            self.stage_set(run, number, state="pending", finished_at=None, skip_reason=None)

    # -- items
    def record(self, run: Run, number: int, item: str, outcome: Outcome, credits: int, detail: str = "", made: Sequence[str] = ()) -> bool:
        """Record an item's outcome and add it to the figures, once: False when it was recorded before. Only a failure is overwritten, by
        the success of a worker that was given up too early.

        credits: charged for this item in this run, all tries together. made: ids of what waits for the next stage now.
        """
        now = self.ctx.deps.clock.now()
        row = {
            "outcome": outcome,
            "item": item,
            "stage": number,
            "credits": credits,
            "detail": detail[:1000],
            "made": list(made),
            "at": stamp(now),
            "ttl": int((now + KEEP).timestamp()),
        }
        key, table = item_key(self.ctx, run.id, number, item), self.ctx.deps.ops.name
        try:
            self.ctx.transact(put_new(key, row, on_fail=_Recorded, table=table), *self._figures(run, number, outcome, credits))
        except _Recorded as there:
            before = there.old.get("outcome")
            if before != AGAIN and not (before == "failed" and outcome == "done"):
                return False
            mark = put(key, row, "outcome = :before", before=before, on_fail=_Recorded, table=table)
            new = credits - there.old["credits"]
            try:
                self.ctx.transact(mark, *self._figures(run, number, outcome, new, instead=before == "failed"))
            except _Recorded:
                return False
        return True

    def _figures(self, run: Run, number: int, outcome: Outcome, credits: int, *, instead: bool = False) -> list[Write]:
        """instead: of a failure that was counted."""
        key, expression = stage_key(self.ctx, run, number), "ADD #o :one, credits :credits"
        names: dict[str, str] = {"#o": outcome}
        if instead:
            names["#failed"] = "failed"
            return [update(key, f"{expression}, #failed :less", names=names, one=1, credits=credits, less=-1)]
        return [update(key, expression, names=names, one=1, credits=credits)]

    def recorded(self, run: Run, number: int, items: Iterable[str]) -> dict[str, str]:
        """Those of the items whose outcome in this stage is recorded -> the outcome."""
        found = self.ctx.deps.ops.get_many(item_key(self.ctx, run.id, number, i) for i in items)
        return {i["item"]: i["outcome"] for i in found.values() if i["outcome"] != AGAIN}

    def made(self, run: Run, number: int) -> list[str]:
        """Ids of what the stage's items came to, the earliest first; read consistently, unlike the indexes."""
        q = Query(items_partition(self.ctx, run.id), condition="begins_with(sk, :stage)", values={":stage": f"{number}#"}, consistent=True)
        rows = sorted(self.ctx.deps.ops.query_all(q), key=lambda i: i["at"])
        return [made for row in rows for made in row.get("made", [])]

    def failures(self, run: Run) -> list[Item]:
        """The run's failed items: stage, item, detail, at."""
        items = self.ctx.deps.ops.query_all(Query(items_partition(self.ctx, run.id), consistent=True))
        return [{k: i[k] for k in ("stage", "item", "detail", "at")} for i in items if i["outcome"] == "failed"]

    def forget_failures(self, run: Run) -> int:
        """Take failed items back into the run: they are to be tried again, and no longer counted as failed. Returns how many."""
        taken = 0
        for failure in self.failures(run):
            again = update(
                item_key(self.ctx, run.id, failure["stage"], failure["item"]),
                "SET outcome = :again",
                "outcome = :failed",
                table=self.ctx.deps.ops.name,
                again=AGAIN,
                failed="failed",
                on_fail=_Recorded,
            )
            less = update(stage_key(self.ctx, run, failure["stage"]), "ADD #o :less", names={"#o": "failed"}, less=-1)
            try:
                self.ctx.transact(again, less)
            except _Recorded:
                continue
            taken += 1
        return taken
