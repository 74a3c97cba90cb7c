"""Runs: one pass of a site through the seven stages, its figures, its log, and the rule that a site has one at a time.

A run's items are recorded once each in the operations table (`RUN#<run>` / `<stage>#<item>`), in the same transaction that adds to the
stage's figures, so that retries and redeliveries never count twice. `attempt` is the fence: an execution of an older attempt stops.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Literal

from pydantic import Field

from chalicelib.core.context import Context
from chalicelib.core.entity import Entity, Filter, SiteRecord, in_site
from chalicelib.core.errors import Conflict, NotFound, RunActive, Stale
from chalicelib.core.ids import parse_stamp, random_id, stamp, ulid
from chalicelib.core.service import Service
from chalicelib.core.table import Item, Key, Query, Write, put, put_new, remove, update

RunStatus = Literal["created", "running", "paused", "completed", "failed", "cancelled"]
ACTIVE = frozenset({"created", "running", "paused"})
STAGES = range(1, 8)
KEEP = timedelta(days=90)
STAGE_NAMES = {
    1: "Keywords to clusters",
    2: "Clusters to ideas",
    3: "Ideas to tasks",
    4: "Tasks to content",
    5: "Content to image prompts",
    6: "Image prompts to images",
    7: "Review and publish",
}


class Run(SiteRecord):
    """sectors: ids of the sectors it works on; attempt: counts executions; reason: why it is paused, failed or cancelled;
    credits: charged so far; waiting_for_review: contents left for an editor at the end."""

    sector_id: str | None = None
    sectors: list[str] = Field(default_factory=list)
    status: RunStatus = "created"
    reason: str | None = None
    trigger: Literal["manual", "scheduled"] = "manual"
    current_stage: int = 0
    attempt: int = 1
    execution: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    paused_at: str | None = None
    waiting_for_review: int = 0
    estimated_credits: int = 0
    started_by: str = ""


RUN: Entity[Run] = Entity(
    name="run",
    plural="runs",
    model=Run,
    letter="R",
    place=in_site("R"),
    soft_delete=False,
    filters={"status": Filter("status", choices=("created", "running", "paused", "completed", "failed", "cancelled"))},
)


def stage_key(ctx: Context, run: Run, number: int) -> Key:
    return f"{ctx.tenant}#{run.site_id}#RS", f"{run.id}#S{number}"


def items_partition(ctx: Context, run_id: str) -> str:
    return f"{ctx.tenant}#RUN#{run_id}"


ACTIVE_RUNS = "G#RUNS"  # partition of the operations table with one item for each active run of the deployment


def active_key(ctx: Context, run: Run) -> Key:
    return ACTIVE_RUNS, f"{ctx.tenant}#{run.id}"


def lock_key(ctx: Context, site_id: str) -> Key:
    return f"{ctx.tenant}#LOCK", site_id


class Runs(Service[Run]):
    entity = RUN

    def present(self, records: Iterable[Run]) -> list[dict[str, Any]]:
        return [self.shown(r) for r in records]

    def shown(self, run: Run) -> dict[str, Any]:
        """A run with its seven stages, in the shape of the contract."""
        stages = self.stages(run)
        return {
            **run.model_dump(exclude={"sectors", "execution", "attempt"}),
            "task_id": run.id,
            "stages": stages,
            "credits": sum(s["credits"] for s in stages),
        }

    def stages(self, run: Run) -> list[dict[str, Any]]:
        q = Query(f"{self.ctx.tenant}#{run.site_id}#RS", condition="begins_with(sk, :run)", values={":run": f"{run.id}#S"}, consistent=True)
        return [self._stage(i) for i in sorted(self.ctx.deps.table.query_all(q), key=lambda i: i["number"])]

    def _stage(self, item: Item) -> dict[str, Any]:
        started, finished = item.get("started_at"), item.get("finished_at")
        end = parse_stamp(finished) if finished else self.ctx.deps.clock.now()
        return {
            "number": item["number"],
            "name": item["name"],
            "state": item["state"],
            "items_in": item.get("items_in", 0),
            "done": item.get("done", 0),
            "failed": item.get("failed", 0),
            "skipped": item.get("skipped", 0),
            "skip_reason": item.get("skip_reason"),
            "credits": item.get("credits", 0),
            "seconds": round((end - parse_stamp(started)).total_seconds(), 1) if started else 0,
        }

    # -- life
    def begin(self, site_id: str, sectors: list[str], *, sector_id: str | None, trigger: str, estimated_credits: int) -> Run:
        """Create the run under the site's lock. Raises: RunActive naming the run that holds it."""
        now = self.ctx.deps.clock.now()
        run = self.repository.new(
            site_id,
            ulid(now),
            sector_id=sector_id,
            sectors=sectors,
            trigger=trigger,
            estimated_credits=estimated_credits,
            started_by=self.ctx.scope.user_id,
        )
        stages = [put(stage_key(self.ctx, run, n), {"number": n, "name": STAGE_NAMES[n], "state": "pending"}) for n in STAGES]
        lock = put_new(
            lock_key(self.ctx, site_id),
            {"run": run.id, "at": stamp(now)},
            table=self.ctx.deps.ops.name,
            on_fail=lambda old: RunActive(run_id=old["run"] if old else None),
        )
        self.ctx.transact(lock, self._listed(run), *self.repository.creating(run), *stages)
        return run

    def _listed(self, run: Run) -> Write:
        return put(active_key(self.ctx, run), {"tenant": self.ctx.tenant, "run": run.id}, table=self.ctx.deps.ops.name)

    def change(self, run_id: str, allowed: Iterable[str], **changes: Any) -> Run:
        """Change a run that is in one of these states. Raises: Conflict when it is not."""
        states = frozenset(allowed)

        def wanted(run: Run) -> dict[str, Any]:
            if run.status not in states:
                raise Conflict(f"This run is {run.status}.", status_now=run.status)
            return changes

        return self.repository.patch(run_id, wanted)

    def finish(self, run_id: str, status: RunStatus, reason: str | None, **changes: Any) -> Run:
        """End a run and free its site, together. A run that has ended already is left as it is."""
        for _ in range(8):
            run = self.get(run_id)
            if run.status not in ACTIVE:
                return run
            ended = self.repository.changed(run, status=status, reason=reason, finished_at=stamp(self.ctx.deps.clock.now()), **changes)
            try:
                return self.repository.save(run, ended, self._unlock(run), remove(active_key(self.ctx, run), table=self.ctx.deps.ops.name))
            except Stale:
                continue
        raise Stale()

    def _unlock(self, run: Run) -> Write:
        return Write(
            "Delete",
            lock_key(self.ctx, run.site_id),
            condition="attribute_not_exists(pk) OR #r = :run",
            names={"#r": "run"},
            values={":run": run.id},
            table=self.ctx.deps.ops.name,
        )

    def lock_again(self, run: Run) -> None:
        """Take the site's lock for a run that had ended. Raises: RunActive."""
        row = {"run": run.id, "at": stamp(self.ctx.deps.clock.now())}
        taken = put_new(
            lock_key(self.ctx, run.site_id),
            row,
            table=self.ctx.deps.ops.name,
            on_fail=lambda old: RunActive(run_id=old["run"] if old else None),
        )
        self.ctx.deps.ops.transact([taken, self._listed(run)])

    def reopen_stages(self, run: Run) -> None:
        """Have every stage look for work again, its figures kept."""
        for number in STAGES:
            self.stage_set(run, number, state="pending", finished_at=None, skip_reason=None)

    def holder(self, site_id: str) -> Run | None:
        """The run that holds the site, if any."""
        lock = self.ctx.deps.ops.get(lock_key(self.ctx, site_id))
        return self.repository.find(lock["run"]) if lock else None

    # -- figures
    def stage_set(self, run: Run, number: int, **fields: Any) -> None:
        names = {f"#f{n}": name for n, name in enumerate(fields)}
        expression = "SET " + ", ".join(f"#f{n} = :f{n}" for n in range(len(fields)))
        self.ctx.deps.table.write(
            update(stage_key(self.ctx, run, number), expression, names=names, **{f"f{n}": v for n, v in enumerate(fields.values())})
        )

    def stage_item(self, run: Run, number: int) -> Item:
        return self.ctx.deps.table.get(stage_key(self.ctx, run, number)) or {}

    def record(
        self, run: Run, number: int, item: str, outcome: Literal["done", "failed", "skipped"], credits: int, detail: str = "", made: int = 0
    ) -> bool:
        """Record an item's outcome and add it to the stage's figures, once: False when it was recorded before."""
        now = self.ctx.deps.clock.now()
        row = {
            "outcome": outcome,
            "item": item,
            "stage": number,
            "credits": credits,
            "detail": detail[:1000],
            "at": stamp(now),
            "ttl": int((now + KEEP).timestamp()),
        }
        marker = put_new(
            (items_partition(self.ctx, run.id), f"{number}#{item}"), row, table=self.ctx.deps.ops.name, on_fail=lambda old: Conflict()
        )
        figures = update(
            stage_key(self.ctx, run, number),
            "ADD #o :one, credits :credits, made :made",
            names={"#o": outcome},
            one=1,
            credits=credits,
            made=made,
        )
        try:
            self.ctx.transact(marker, figures)
        except Conflict as conflict:
            if isinstance(conflict, Stale):
                raise
            return False
        return True

    def recorded(self, run: Run, number: int, items: Iterable[str]) -> set[str]:
        """Those of the items whose outcome in this stage is recorded."""
        partition = items_partition(self.ctx, run.id)
        found = self.ctx.deps.ops.get_many((partition, f"{number}#{i}") for i in items)
        return {i["item"] for i in found.values()}

    def failures(self, run: Run) -> list[Item]:
        """The run's failed items: stage, item, detail, at."""
        items = self.ctx.deps.ops.query_all(Query(items_partition(self.ctx, run.id)))
        return [{k: i[k] for k in ("stage", "item", "detail", "at")} for i in items if i["outcome"] == "failed"]

    def forget_failures(self, run: Run) -> int:
        """Take failed items back into the run: their records go, their figures with them. Returns how many."""
        taken = 0
        for failure in self.failures(run):
            key = (items_partition(self.ctx, run.id), f"{failure['stage']}#{failure['item']}")
            gone = remove(key, "outcome = :failed", table=self.ctx.deps.ops.name, failed="failed", on_fail=lambda old: Conflict())
            less = update(
                stage_key(self.ctx, run, failure["stage"]),
                "ADD #o :less SET #s = :pending",
                names={"#o": "failed", "#s": "state"},
                less=-1,
                pending="pending",
            )
            try:
                self.ctx.transact(gone, less)
            except Stale:
                raise
            except Conflict:
                continue
            taken += 1
        return taken

    # -- log
    def log(self, run: Run, message: str, *, stage: int | None = None, level: str = "info", **facts: Any) -> None:
        """Add a line to the run's log, kept for 90 days."""
        now = self.ctx.deps.clock.now()
        row = {
            "at": stamp(now),
            "level": level,
            "message": message[:2000],
            "stage": stage,
            "facts": facts,
            "ttl": int((now + KEEP).timestamp()),
        }
        self.ctx.deps.ops.write(put((f"{self.ctx.tenant}#LOG#{run.id}", f"{stamp(now)}#{random_id(6)}"), row))

    def logs(self, run_id: str, limit: int = 200, start: str | None = None) -> list[dict[str, Any]]:
        """Log lines, newest first. start: `at` and id of the last line seen. Raises: NotFound."""
        run = self.get(run_id)
        begin = {"pk": f"{self.ctx.tenant}#LOG#{run.id}", "sk": start} if start else None
        page = self.ctx.deps.ops.query(Query(f"{self.ctx.tenant}#LOG#{run.id}", forward=False, limit=limit, start=begin))
        return [{"id": i["sk"], **{k: i.get(k) for k in ("at", "level", "stage", "message", "facts")}} for i in page.items]


def find_run(ctx: Context, run_id: str) -> Run:
    """Raises: NotFound."""
    run = ctx.repository(RUN).find(run_id)
    if run is None:
        raise NotFound("There is no such run.")
    return run
