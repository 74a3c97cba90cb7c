"""Starting, pausing, resuming, cancelling and ending runs."""

from typing import Any

from chalicelib.auth.accounts import why_shut
from chalicelib.auth.sites import active_sectors
from chalicelib.automation.config import config_of
from chalicelib.automation.estimate import estimate
from chalicelib.automation.history import EVENTS_MAX
from chalicelib.automation.run_caps import give_back, set_aside
from chalicelib.automation.runs import ACTIVE, Run, Runs
from chalicelib.billing.credits import ledger_of
from chalicelib.core.context import Context
from chalicelib.core.errors import AppError, Conflict, OutOfCredits, Retryable, RunActive, ValidationFailed
from chalicelib.core.ids import stamp
from chalicelib.core.observability import count
from chalicelib.writer.content import Contents


def start(
    ctx: Context,
    site_id: str,
    sector_id: str | None = None,
    *,
    trigger: str = "manual",
    events_max: int = EVENTS_MAX,
    tail: str | None = None,
) -> Run:
    """Start a run of the site, or of one sector of it. events_max: history events of one execution of it. tail: of its id.

    Raises: NotFound, Conflict (the site is switched off), ValidationFailed (no active sector), OutOfCredits, RunActive,
    UpstreamUnavailable, Duplicate (the id is taken).
    """
    config = config_of(ctx, site_id)
    sector_id = sector_id or config.sector_id
    if sector_id:
        ctx.sector(site_id, sector_id)
    if shut := why_shut(ctx, site_id):
        raise Conflict(shut)
    sectors = [s.id for s in active_sectors(ctx, site_id) if sector_id in (None, s.id)]
    if not sectors and sector_id:
        raise ValidationFailed.field("sector_id", "this sector is switched off.")
    if not sectors:
        raise ValidationFailed.field("site_id", "this site has no active sector.")
    runs = Runs(ctx)
    if (holder := runs.holder(site_id)) is not None:
        raise RunActive(run_id=holder.id)
    needed = estimate(ctx, site_id, sectors)
    available = ledger_of(ctx).balance().available
    if needed["required"] > available:
        raise OutOfCredits(needed["required"], available)
    run = runs.begin(
        site_id,
        sectors,
        tail=tail,
        sector_id=sector_id,
        trigger=trigger,
        estimated_credits=needed["total"],
        time_zone=config.time_zone,
        events_max=events_max,
    )
    runs.log(run, f"Run created ({trigger}).", estimated_credits=needed["total"])
    try:
        set_aside(ctx, run, needed["required"])
        launched = launch(ctx, run)
        if launched.status not in ("created", "running"):  # somebody paused or cancelled it before its credits were set aside
            give_back(ctx, launched, f"the run is {launched.status}")
        return launched
    except AppError as error:
        if trigger == "scheduled" and isinstance(error, Retryable):  # nobody waits for an answer: the scheduler takes it up
            runs.log(run, f"The run could not be started yet: {error.message}", level="warning")
            return run
        runs.finish(run.id, "failed", f"The run could not be started: {error.message}")
        raise


def launch(ctx: Context, run: Run) -> Run:
    """Start the execution of the run's present attempt; asked again for the same attempt, nothing more starts.

    Raises: UpstreamUnavailable.
    """
    event = {"tenant": ctx.tenant, "site": run.site_id, "run": run.id, "attempt": run.attempt}
    arn = ctx.deps.workflow.start(f"{ctx.tenant}-{run.id}-{run.attempt}", event)
    return _driven_by(ctx, run.id, run.attempt, arn)


def _driven_by(ctx: Context, run_id: str, attempt: int, execution: str) -> Run:
    return Runs(ctx).repository.patch(run_id, lambda r: {"execution": execution} if r.attempt == attempt else {})


def begin(ctx: Context, run_id: str, attempt: int, execution: str | None) -> None:
    """The execution's first step. It names itself, in case whoever started it died before noting it; None: of a machine that does not."""
    runs = Runs(ctx)

    def changes(run: Run) -> dict[str, Any]:
        if run.attempt != attempt or run.status != "created":
            return {}
        return {"status": "running", "started_at": stamp(ctx.deps.clock.now())}

    runs.repository.patch(run_id, changes)
    run = _driven_by(ctx, run_id, attempt, execution) if execution else runs.get(run_id)
    runs.log(run, f"Execution {attempt} begins.")


def pause(ctx: Context, run_id: str) -> Run:
    """Takes effect after the items in hand. Raises: NotFound, Conflict."""
    runs = Runs(ctx)
    if (going := runs.get(run_id)).status in ("created", "running"):
        give_back(ctx, going, "the run is paused")  # first: whoever dies between leaves a run that reserves as it goes
    run = runs.change(run_id, ("created", "running"), status="paused", reason="user", paused_at=stamp(ctx.deps.clock.now()))
    runs.log(run, "Paused.")
    give_back(ctx, run, "the run is paused")
    return run


def resume(ctx: Context, run_id: str) -> Run:
    """Go on with the items that are not done, in a new execution. Raises: NotFound, Conflict, UpstreamUnavailable."""
    runs = Runs(ctx)
    if shut := why_shut(ctx, runs.get(run_id).site_id):
        raise Conflict(shut)

    def changes(run: Run) -> dict[str, Any]:
        if run.status != "paused":
            raise Conflict(f"This run is {run.status}, not paused.", status_now=run.status)
        return {
            "status": "running",
            "reason": None,
            "paused_at": None,
            "resumes_at": None,
            "attempt": run.attempt + 1,
            "execution": None,
            "recoveries": 0,
            "started_at": run.started_at or stamp(ctx.deps.clock.now()),
        }

    run = runs.repository.patch(run_id, changes)
    runs.log(run, "Resumed.")
    return _launch_or_pause(ctx, run)


def _launch_or_pause(ctx: Context, run: Run) -> Run:
    try:
        return launch(ctx, run)
    except AppError:
        now = stamp(ctx.deps.clock.now())
        paused = {"status": "paused", "reason": "not_started", "paused_at": now, "resumes_at": now}  # by the scheduler, if by nobody before
        Runs(ctx).repository.patch(run.id, lambda r: paused if r.status == "running" and r.attempt == run.attempt else {})
        raise


def cancel(ctx: Context, run_id: str) -> Run:
    """End a run, stop its execution and free the site. Raises: NotFound, Conflict, UpstreamUnavailable (it has ended all the same)."""
    runs = Runs(ctx)
    run = runs.get(run_id)
    if run.status not in ACTIVE:
        raise Conflict(f"This run is {run.status}.", status_now=run.status)
    ended = runs.finish(run_id, "cancelled", "user")
    if ended.status != "cancelled":
        raise Conflict(f"This run is {ended.status}.", status_now=ended.status)
    runs.log(ended, "Cancelled.")
    if ended.execution:
        ctx.deps.workflow.stop(ended.execution, "cancelled by a user")
    return ended


def retry_failed(ctx: Context, run_id: str) -> Run:
    """Take the failed items of an ended or paused run up again. Raises: NotFound, Conflict, RunActive, UpstreamUnavailable."""
    runs = Runs(ctx)
    if not runs.failures(runs.get(run_id)):
        raise Conflict("This run has no failed items.")
    run = runs.reopen(run_id)
    runs.reopen_stages(run)  # before the failures are forgotten, or whoever dies between leaves items that no stage looks for
    taken = runs.forget_failures(run)
    runs.log(run, f"{taken} failed items are tried again.")
    return _launch_or_pause(ctx, run)


def go_on(ctx: Context, run_id: str, attempt: int) -> None:
    """Continue the run in a new execution, before the history of this one is full. Raises: UpstreamUnavailable."""
    runs = Runs(ctx)

    def changes(run: Run) -> dict[str, Any]:
        return {"attempt": attempt + 1, "execution": None} if run.attempt == attempt and run.status == "running" else {}

    run = runs.repository.patch(run_id, changes)
    if run.attempt == attempt + 1 and run.status == "running":
        launch(ctx, run)


def finish(ctx: Context, run_id: str, attempt: int) -> None:
    """All stages are through: count what waits for review, and end the run. It failed when a stage did and nothing of it succeeded."""
    runs = Runs(ctx)
    run = runs.get(run_id)
    if run.status != "running" or run.attempt != attempt:
        return
    waiting = sum(len(Contents(ctx).waiting(s, "review")) for s in run.sectors)
    lost = next((s for s in runs.stages(run) if s["failed"] and not s["done"]), None)
    reason = None
    if lost:
        first = next((f["detail"] for f in runs.failures(run) if f["stage"] == lost["number"]), "see the log")
        items = "The only item" if lost["failed"] == 1 else f"All {lost['failed']} items"
        reason = f"{items} of stage {lost['number']} failed: {first}"[:500]
    ended = runs.finish(run_id, "failed" if lost else "completed", reason, attempt=attempt, waiting_for_review=waiting)
    runs.log(ended, f"Run {ended.status}." + (f" {reason}" if reason else ""), waiting_for_review=waiting)


def broken(ctx: Context, run_id: str, attempt: int, error: str, cause: str) -> None:
    """The execution itself failed: the run says so and frees its site."""
    runs = Runs(ctx)
    run = runs.get(run_id)
    if run.status not in ("created", "running") or run.attempt != attempt:
        return
    ended = runs.finish(run_id, "failed", f"{error}: {cause}"[:500], attempt=attempt)
    runs.log(ended, f"Run failed: {error}: {cause}", level="error")


def recover(ctx: Context, run: Run, most: int) -> bool:
    """Go on with a run whose execution has died, in a new one; a run that dies again and again fails.

    Raises: Stale, UpstreamUnavailable."""
    runs = Runs(ctx)
    if run.recoveries >= most:
        ended = runs.finish(run.id, "failed", f"Its execution ended early {run.recoveries + 1} times; see the log.", attempt=run.attempt)
        runs.log(ended, f"Run {ended.status}: {ended.reason}", level="error")
        return False
    again = runs.repository.changed(run, attempt=run.attempt + 1, execution=None, recoveries=run.recoveries + 1)
    runs.repository.save(run, again)
    runs.log(again, "The execution had ended early; the run goes on in a new one.", level="warning")
    count("RunsRecovered")
    launch(ctx, again)
    return True
