"""Runs: one pass of a site through the seven stages, and the rule that a site has one at a time."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from chalicelib.automation.in_hand import items_in_hand
from chalicelib.automation.run_caps import give_back
from chalicelib.automation.run_items import RunItems
from chalicelib.automation.run_metrics import run_ended
from chalicelib.automation.run_record import ACTIVE as ACTIVE
from chalicelib.automation.run_record import ACTIVE_RUNS as ACTIVE_RUNS
from chalicelib.automation.run_record import INTERNAL, STAGE_NAMES, STAGES, RunStatus, active_key, left_key, lock_key, stage_key
from chalicelib.automation.run_record import RUN as RUN
from chalicelib.automation.run_record import Run as Run
from chalicelib.core.errors import Conflict, RunActive, Stale
from chalicelib.core.ids import stamp, ulid
from chalicelib.core.observability import logger
from chalicelib.core.table import Item, Write, put, put_new, remove


class _NotOurs(Conflict):
    """The site's lock is another run's."""

    def __init__(self, there: Item | None) -> None:
        super().__init__()


class Runs(RunItems):
    def present(self, records: Iterable[Run]) -> list[dict[str, Any]]:
        return [self.shown(r) for r in records]

    def shown(self, run: Run) -> dict[str, Any]:
        """A run with its seven stages, in the shape of the contract."""
        stages = self.stages(run)
        return {
            **run.model_dump(exclude=set(INTERNAL)),
            "task_id": run.id,
            "stages": stages,
            "in_hand": items_in_hand(self.ctx, run),
            "credits": sum(s["credits"] for s in stages),
        }

    def begin(self, site_id: str, sectors: list[str], *, tail: str | None = None, **about: Any) -> Run:
        """Create the run under the site's lock. tail: of its id, a ULID; about: further fields of the run.

        Raises: RunActive naming the run that holds it; Duplicate when there is a run with this id."""
        now = self.ctx.deps.clock.now()
        run = self.repository.new(site_id, tail or ulid(now), sectors=sectors, started_by=self.ctx.scope.user_id, **about)
        stages = [put(stage_key(self.ctx, run, n), {"number": n, "name": STAGE_NAMES[n], "state": "pending"}) for n in STAGES]
        self.ctx.transact(*self._holding(run), *self.repository.creating(run), *stages)
        return run

    def _holding(self, run: Run) -> list[Write]:
        """The site's lock and the entry in the list of active runs."""
        ops, row = self.ctx.deps.ops.name, {"run": run.id, "at": stamp(self.ctx.deps.clock.now())}
        lock = put_new(lock_key(self.ctx, run.site_id), row, table=ops, on_fail=lambda old: RunActive(run_id=old["run"] if old else None))
        return [lock, put(active_key(self.ctx, run), {"tenant": self.ctx.tenant, "run": run.id}, table=ops)]

    def change(self, run_id: str, allowed: Iterable[str], **changes: Any) -> Run:
        """Change a run that is in one of these states. Raises: Conflict when it is not."""
        states = frozenset(allowed)

        def wanted(run: Run) -> dict[str, Any]:
            if run.status not in states:
                raise Conflict(f"This run is {run.status}.", status_now=run.status)
            return changes

        return self.repository.patch(run_id, wanted)

    def finish(self, run_id: str, status: RunStatus, reason: str | None, *, attempt: int | None = None, **changes: Any) -> Run:
        """End a run and free its site, together. A run that has ended already, or is of another attempt, is left as it is.

        What was set aside is given back before, so that whoever dies between leaves a run that can be ended again, and once more after:
        a step may have renewed it at the same moment."""
        for _ in range(8):
            run = self.get(run_id)
            if run.status not in ACTIVE or attempt not in (None, run.attempt):
                return run
            give_back(self.ctx, run, f"the run is {status}")
            ended = self.repository.changed(run, status=status, reason=reason, finished_at=stamp(self.ctx.deps.clock.now()), **changes)
            also = self._ending(ended)
            try:
                try:
                    saved = self.repository.save(run, ended, self._unlock(run), *also)
                except _NotOurs:  # another run has the site, which cannot be: this one ends all the same and leaves that one its lock
                    logger().error("a run that ended did not hold its site", extra={"run": run.id, "site": run.site_id})
                    saved = self.repository.save(run, ended, *also)
            except Stale:
                continue
            give_back(self.ctx, saved, f"the run is {status}")
            run_ended(saved, self.stages(saved))
            return saved
        raise Stale()

    def _ending(self, ended: Run) -> list[Write]:
        """Off the list of active runs; unless all of it was done, somebody looks later at what its workers left (`leftovers.py`)."""
        ops = self.ctx.deps.ops.name
        inactive = remove(active_key(self.ctx, ended), table=ops)
        if ended.status == "completed":
            return [inactive]
        return [inactive, put(left_key(self.ctx, ended), {"tenant": self.ctx.tenant, "run": ended.id}, table=ops)]

    def _unlock(self, run: Run) -> Write:
        return Write(
            "Delete",
            lock_key(self.ctx, run.site_id),
            condition="attribute_not_exists(pk) OR #r = :run",
            names={"#r": "run"},
            values={":run": run.id},
            table=self.ctx.deps.ops.name,
            on_fail=_NotOurs,
        )

    def reopen(self, run_id: str) -> Run:
        """Have an ended or paused run go on in a new attempt; one that had ended takes its site again in the same transaction.

        Raises: NotFound, RunActive, Conflict when it is still going.
        """
        for _ in range(8):
            run = self.get(run_id)
            if run.status in ("created", "running"):
                raise Conflict("This run is still going; pause it or wait.", status_now=run.status)
            fresh = {"reason": None, "finished_at": None, "paused_at": None, "resumes_at": None, "recoveries": 0, "execution": None}
            again = self.repository.changed(run, status="running", attempt=run.attempt + 1, current_stage=0, **fresh)
            try:
                return self.repository.save(run, again, *([] if run.status in ACTIVE else self._holding(run)))
            except Stale:
                continue
        raise Stale()

    def holder(self, site_id: str) -> Run | None:
        """The run that holds the site, if any. A lock whose run has ended or is gone (a table was restored, say) holds nothing: it goes."""
        key, ops = lock_key(self.ctx, site_id), self.ctx.deps.ops
        lock = ops.get(key)
        run = self.repository.find(lock["run"]) if lock else None
        if lock is None or (run is not None and run.status in ACTIVE):
            return run
        fresh = ops.get(key)  # it may have ended, and freed its site, between the two questions
        if fresh is not None and fresh["run"] == lock["run"]:
            logger().error("a lock without a run was removed", extra={"run": lock["run"], "site": site_id})
            with suppress(Stale):  # somebody else has removed it
                ops.write(Write("Delete", key, condition="#r = :run", names={"#r": "run"}, values={":run": lock["run"]}))
        return None
