"""What a stage Lambda does: say what is next, do one item, record a failure. Shared by the Lambdas, the queue workers and the tests."""

import json
from typing import Any, Literal

from chalicelib.automation.config import AutomationConfig, config_of
from chalicelib.automation.runs import Run, Runs
from chalicelib.automation.stages import Stage, stage
from chalicelib.billing.credits import Ledger
from chalicelib.core.context import Context, Deps
from chalicelib.core.errors import NotFound, OutOfCredits, Stale
from chalicelib.core.ids import stamp
from chalicelib.core.scope import Scope
from chalicelib.writer.tasks import TASK

# Source: Step Functions quotas, 25,000 history events an execution. One item costs up to 12 events with its retries and failure
# record (measured on the generated machine, see docs/data-model.md); the run goes on in a new execution well before.
EVENTS_MAX = 20_000
EVENTS_PER_ITEM = 14
EVENTS_PER_ROUND = 12

Go = Literal["items", "done", "halt", "continue"]


def context(deps: Deps, event: dict[str, Any]) -> Context:
    """The scope of a run's work: the tenant its own record was made under."""
    return Context(Scope.worker(event["tenant"], user_id=f"run:{event['run']}"), deps)


def current(ctx: Context, event: dict[str, Any]) -> Run | None:
    """The run, if this execution is the one that drives it: running, and of the newest attempt."""
    run = Runs(ctx).repository.find(event["run"])
    if run is None or run.status != "running" or run.attempt != event["attempt"]:
        return None
    return run


def operation(run_id: str, number: int, item: str) -> str:
    """The key of an item's work in the ledger: the same for every try."""
    return f"run.{run_id}.{number}.{item}"


def next_items(ctx: Context, number: int, event: dict[str, Any]) -> dict[str, Any]:
    """What the stage does next: {go, items, wait_seconds, events}."""
    events = int(event.get("events") or 0) + EVENTS_PER_ROUND
    run, runs, here = current(ctx, event), Runs(ctx), stage(number)
    if run is None:
        return _go("halt", events)
    config = config_of(ctx, run.site_id)
    item = runs.stage_item(run, number)
    if item.get("state") in ("completed", "skipped"):
        return _go("done", events)
    waiting = _waiting(ctx, here, run, config)
    taken = sum(int(item.get(k, 0)) for k in ("done", "failed", "skipped"))
    if item.get("state") != "running":
        reason = None if waiting or taken else (here.skip(ctx, run.site_id, run.sectors, config) or "Nothing waits for this stage.")
        if reason:
            runs.stage_set(run, number, state="skipped", skip_reason=reason)
            runs.log(run, reason, stage=number)
            return _go("done", events)
        runs.repository.patch(run.id, {"current_stage": number})
        if not item.get("started_at"):
            runs.stage_set(run, number, state="running", started_at=stamp(ctx.deps.clock.now()))
            runs.log(run, f"{here.name} begins.", stage=number)
        else:
            runs.stage_set(run, number, state="running")
    cap = config.max_items_per_stage
    if cap is not None:
        waiting = waiting[: max(0, cap - taken)]
    runs.stage_set(run, number, items_in=taken + len(waiting))
    if not waiting:
        runs.stage_set(run, number, state="completed", finished_at=stamp(ctx.deps.clock.now()))
        figures = runs.stage_item(run, number)
        runs.log(
            run,
            f"{here.name}: {figures.get('done', 0)} done, {figures.get('failed', 0)} failed.",
            stage=number,
            credits=figures.get("credits", 0),
        )
        return _go("done", events, config.between_stage_delay_seconds)
    if (over := _over_budget(ctx, run, config)) is not None:
        pause(ctx, run.id, "budget", over)
        return _go("halt", events)
    batch = waiting[: config.batch_size(number) if number != 1 else len(waiting)]
    if events + len(batch) * EVENTS_PER_ITEM > EVENTS_MAX:
        return _go("continue", events)
    return _go("items", events + len(batch) * EVENTS_PER_ITEM, config.within_stage_delay_seconds, batch)


def _go(go: Go, events: int, wait_seconds: int = 0, items: list[str] | None = None) -> dict[str, Any]:
    return {"go": go, "items": items or [], "wait_seconds": wait_seconds, "events": events}


def _waiting(ctx: Context, here: Stage, run: Run, config: AutomationConfig) -> list[str]:
    """Pending items without a recorded outcome in this run: what failed is not tried again until somebody says so."""
    found = here.pending(ctx, run.sectors, config)
    recorded = Runs(ctx).recorded(run, here.number, found)
    return [i for i in found if i not in recorded]


def _over_budget(ctx: Context, run: Run, config: AutomationConfig) -> str | None:
    if config.max_credits_per_run is None:
        return None
    spent = sum(s["credits"] for s in Runs(ctx).stages(run))
    if spent >= config.max_credits_per_run:
        return f"{spent} credits are spent; the cap of a run is {config.max_credits_per_run}."
    return None


def run_item(ctx: Context, number: int, event: dict[str, Any]) -> dict[str, Any]:
    """Do one item of a stage without a queue, and record it. Raises what the work raises; the state machine retries or records it."""
    run, here, item = current(ctx, event), stage(number), event["item"]
    if run is None:
        return {"halted": True}
    if Runs(ctx).recorded(run, number, [item]):
        return {"recorded": True}
    assert here.run is not None, f"stage {number} works through a queue"
    try:
        done = here.run(ctx, item, operation(run.id, number, item), run.id)
    except OutOfCredits as error:
        pause(ctx, run.id, "credits", error.message)
        return {"halted": True}
    if done.skipped is not None:
        Runs(ctx).record(run, number, item, "skipped", done.credits, done.skipped)
    else:
        Runs(ctx).record(run, number, item, "done", done.credits, made=_made(done.result))
    return {"credits": done.credits}


def _made(result: dict[str, Any]) -> int:
    """Objects an item came to: the longest list in its result, else one."""
    return max((len(v) for v in result.values() if isinstance(v, list)), default=1)


def pause(ctx: Context, run_id: str, reason: str, detail: str) -> None:
    """Pause a run from inside, once."""
    runs = Runs(ctx)
    run = runs.get(run_id)
    if run.status != "running":
        return
    try:
        runs.repository.save(run, runs.repository.changed(run, status="paused", reason=reason, paused_at=stamp(ctx.deps.clock.now())))
    except Stale:
        return  # somebody paused, cancelled or advanced it at the same moment; the next step looks again
    runs.log(run, f"Paused: {detail}", level="warning", reason=reason)


def item_failed(ctx: Context, number: int, event: dict[str, Any]) -> dict[str, Any]:
    """Record that an item failed for good in this run: its credits released, its reason in figures, log and object."""
    run = Runs(ctx).get(event["run"])
    error, why = event.get("error", {}).get("Error", "Error"), cause(event.get("error", {}))
    return record_failure(ctx, run, number, event["item"], error, why)


def record_failure(ctx: Context, run: Run, number: int, item: str, error: str, cause: str) -> dict[str, Any]:
    ledger = Ledger(ctx.deps.table, ctx.tenant, ctx.deps.clock)
    op, credits = operation(run.id, number, item), 0
    hold = ledger.find(op)
    if hold is not None:  # a worker that died has not released it; parts it saved are charged
        credits = ledger.void(op, f"{error}: {cause}"[:500]).used
    runs = Runs(ctx)
    if runs.record(run, number, item, "failed", credits, f"{error}: {cause}"):
        runs.log(run, f"{stage(number).name}: one item failed: {cause}", stage=number, level="error", item=item, error=error)
    if number == 4:
        _task_failed(ctx, item, f"{error}: {cause}")
    return {"failed": True}


def _task_failed(ctx: Context, task_id: str, reason: str) -> None:
    try:
        ctx.repository(TASK).patch(
            task_id,
            lambda t: (
                {"generation_state": "failed", "last_error": reason[:500], "attempts": t.attempts + 1} if t.status == "queued" else {}
            ),
        )
    except NotFound:
        return  # deleted while it was written: nothing is left to mark


def cause(error: dict[str, Any]) -> str:
    """The message inside a Lambda's error, which Step Functions hands over as JSON text."""
    text = str(error.get("Cause", ""))
    try:
        parsed = json.loads(text)
    except ValueError:
        return text[:1000]
    return str(parsed.get("errorMessage", text))[:1000] if isinstance(parsed, dict) else text[:1000]
