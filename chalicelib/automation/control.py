"""Starting, pausing, resuming, cancelling and ending runs."""

from typing import Any

from chalicelib.auth.sites import active_sectors
from chalicelib.automation.config import config_of
from chalicelib.automation.estimate import estimate
from chalicelib.automation.runs import ACTIVE, Run, Runs
from chalicelib.billing.credits import Ledger
from chalicelib.core.context import Context
from chalicelib.core.errors import AppError, Conflict, OutOfCredits, ValidationFailed
from chalicelib.core.ids import stamp
from chalicelib.writer.content import Contents


def start(ctx: Context, site_id: str, sector_id: str | None = None, *, trigger: str = "manual") -> Run:
    """Start a run of the site, or of one sector of it.

    Raises: NotFound, ValidationFailed (no active sector), OutOfCredits, RunActive.
    """
    config = config_of(ctx, site_id)
    sector_id = sector_id or config.sector_id
    if sector_id:
        ctx.sector(site_id, sector_id)
    sectors = [sector_id] if sector_id else [s.id for s in active_sectors(ctx, site_id)]
    if not sectors:
        raise ValidationFailed.field("site_id", "this site has no active sector.")
    runs = Runs(ctx)
    holder = runs.holder(site_id)
    if holder is None:
        needed = estimate(ctx, site_id, sectors)
        available = Ledger(ctx.deps.table, ctx.tenant, ctx.deps.clock).balance().available
        if needed["required"] > available:
            raise OutOfCredits(needed["required"], available)
    else:
        needed = {"total": 0}
    run = runs.begin(site_id, sectors, sector_id=sector_id, trigger=trigger, estimated_credits=needed["total"])
    runs.log(run, f"Run created ({trigger}).", estimated_credits=needed["total"])
    return launch(ctx, run)


def launch(ctx: Context, run: Run) -> Run:
    """Start the execution of the run's present attempt; a run whose execution cannot be started fails and frees its site."""
    runs = Runs(ctx)
    event = {"tenant": ctx.tenant, "site": run.site_id, "run": run.id, "attempt": run.attempt}
    try:
        arn = ctx.deps.workflow.start(f"{ctx.tenant}-{run.id}-{run.attempt}", event)
    except AppError as error:
        runs.finish(run.id, "failed", f"The run could not be started: {error.message}")
        raise
    return runs.repository.patch(run.id, {"execution": arn})


def begin(ctx: Context, run_id: str, attempt: int) -> None:
    """The execution's first step."""
    runs = Runs(ctx)

    def changes(run: Run) -> dict[str, Any]:
        if run.attempt != attempt or run.status != "created":
            return {}
        return {"status": "running", "started_at": stamp(ctx.deps.clock.now())}

    run = runs.repository.patch(run_id, changes)
    runs.log(run, f"Execution {attempt} begins.")


def pause(ctx: Context, run_id: str) -> Run:
    """Takes effect after the items in hand. Raises: NotFound, Conflict."""
    runs = Runs(ctx)
    run = runs.change(run_id, ("created", "running"), status="paused", reason="user", paused_at=stamp(ctx.deps.clock.now()))
    runs.log(run, "Paused.")
    return run


def resume(ctx: Context, run_id: str) -> Run:
    """Go on with the items that are not done, in a new execution. Raises: NotFound, Conflict, UpstreamUnavailable."""
    runs = Runs(ctx)

    def changes(run: Run) -> dict[str, Any]:
        if run.status != "paused":
            raise Conflict(f"This run is {run.status}, not paused.")
        return {
            "status": "running",
            "reason": None,
            "paused_at": None,
            "attempt": run.attempt + 1,
            "started_at": run.started_at or stamp(ctx.deps.clock.now()),
        }

    run = runs.repository.patch(run_id, changes)
    runs.log(run, "Resumed.")
    return launch(ctx, run)


def cancel(ctx: Context, run_id: str) -> Run:
    """End a run, stop its execution and free the site. Raises: NotFound, Conflict."""
    runs = Runs(ctx)
    run = runs.get(run_id)
    if run.status not in ACTIVE:
        raise Conflict(f"This run is {run.status}.")
    ended = runs.finish(run_id, "cancelled", "user")
    if run.execution:
        ctx.deps.workflow.stop(run.execution, "cancelled by a user")
    runs.log(ended, "Cancelled.")
    return ended


def retry_failed(ctx: Context, run_id: str) -> Run:
    """Take the failed items of an ended or paused run up again. Raises: NotFound, Conflict, RunActive."""
    runs = Runs(ctx)
    run = runs.get(run_id)
    if run.status in ("created", "running"):
        raise Conflict("This run is still going; pause it or wait.")
    if not runs.failures(run):
        raise Conflict("This run has no failed items.")
    if run.status != "paused":
        runs.lock_again(run)
    taken = runs.forget_failures(run)
    run = runs.repository.patch(
        run_id,
        lambda r: {
            "status": "running",
            "reason": None,
            "finished_at": None,
            "paused_at": None,
            "attempt": r.attempt + 1,
            "current_stage": 0,
        },
    )
    runs.reopen_stages(run)
    runs.log(run, f"{taken} failed items are tried again.")
    return launch(ctx, run)


def go_on(ctx: Context, run_id: str, attempt: int) -> None:
    """Continue the run in a new execution, before the history of this one is full."""
    runs = Runs(ctx)

    def changes(run: Run) -> dict[str, Any]:
        return {"attempt": attempt + 1} if run.attempt == attempt and run.status == "running" else {}

    run = runs.repository.patch(run_id, changes)
    if run.attempt == attempt + 1 and run.status == "running":
        launch(ctx, run)


def finish(ctx: Context, run_id: str) -> None:
    """All stages are through: count what waits for review, and end the run. It failed when a stage did and nothing of it succeeded."""
    runs = Runs(ctx)
    run = runs.get(run_id)
    waiting = sum(len(Contents(ctx).waiting(s, "review")) for s in run.sectors)
    lost = [s for s in runs.stages(run) if s["failed"] and not s["done"]]
    reason = None
    if lost:
        first = runs.failures(run)[0]["detail"]
        reason = f"All {lost[0]['failed']} items of stage {lost[0]['number']} failed: {first}"[:500]
    ended = runs.finish(run_id, "failed" if lost else "completed", reason, waiting_for_review=waiting)
    runs.log(ended, f"Run {ended.status}.", waiting_for_review=waiting)


def broken(ctx: Context, run_id: str, error: str, cause: str) -> None:
    """The execution itself failed: the run says so and frees its site."""
    ended = Runs(ctx).finish(run_id, "failed", f"{error}: {cause}"[:500])
    Runs(ctx).log(ended, f"Run failed: {error}: {cause}", level="error")
