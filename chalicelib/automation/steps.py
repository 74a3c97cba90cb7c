"""What a stage Lambda does: say what is next, do one item, record a failure. Shared by the Lambdas, the queue workers and the tests."""

from typing import Any, Literal

from chalicelib.auth.accounts import why_shut
from chalicelib.automation.budget import affordable
from chalicelib.automation.config import AutomationConfig, config_of
from chalicelib.automation.failures import settle
from chalicelib.automation.history import EVENTS_PER_ITEM, EVENTS_PER_ROUND, items_that_fit
from chalicelib.automation.in_hand import in_hand
from chalicelib.automation.run_caps import freed_at, give_back, keep_aside
from chalicelib.automation.run_metrics import stage_completed
from chalicelib.automation.run_record import Run, operation
from chalicelib.automation.runs import Runs
from chalicelib.automation.sectors import sector_of, sectors_on
from chalicelib.automation.stages import Stage, stage
from chalicelib.automation.waiting import Waiting
from chalicelib.billing.caps import CapReached
from chalicelib.core.context import Context, Deps
from chalicelib.core.errors import OutOfCredits, Stale, UpstreamUnavailable
from chalicelib.core.ids import stamp
from chalicelib.core.observability import count
from chalicelib.core.scope import Scope

NO_SECTOR = "The sectors of this run were switched off."
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


def next_items(ctx: Context, number: int, event: dict[str, Any]) -> dict[str, Any]:
    """What the stage does next: {go, items, wait_seconds, events}. Raises: Stale when another step has moved the stage on meanwhile."""
    events = int(event.get("events") or 0) + EVENTS_PER_ROUND
    run, runs, here = current(ctx, event), Runs(ctx), stage(number)
    if run is None:
        return _go("halt", events)
    if shut := why_shut(ctx, run.site_id):
        pause(ctx, run, "shut", shut, resumes_at=stamp(ctx.deps.clock.now()))  # the scheduler resumes it when it may go on
        return _go("halt", events)
    config = config_of(ctx, run.site_id)
    item = runs.stage_item(run, number)
    if item.get("state") in ("completed", "skipped"):
        return _go("done", events)
    sectors = sectors_on(ctx, run)
    size = config.batch_size(number) if number != 1 else max(1, len(sectors))
    waiting = _waiting(ctx, here, run, sectors, config, size)
    taken = sum(int(item.get(k, 0)) for k in ("done", "failed", "skipped"))
    if item.get("state") != "running":
        reason = None if taken else here.skip(ctx, run.site_id, sectors, config, len(waiting)) if sectors else NO_SECTOR
        if not reason and not waiting and not taken:
            reason = "Nothing waits for this stage."
        if reason:
            runs.stage_set(run, number, being=("pending",), state="skipped", skip_reason=reason)
            runs.log(run, reason, stage=number)
            return _go("done", events)
        runs.repository.patch(run.id, lambda r: {"current_stage": number} if r.status == "running" and r.attempt == run.attempt else {})
        begun = {} if item.get("started_at") else {"started_at": stamp(ctx.deps.clock.now())}
        runs.stage_set(run, number, being=("pending", "running"), state="running", **begun)
        if begun:
            runs.log(run, f"{here.name} begins.", stage=number)
    if config.max_items_per_stage is not None:
        waiting = waiting[: max(0, config.max_items_per_stage - taken)]
    runs.stage_set(run, number, being=("running",), items_in=taken + len(waiting))
    if not waiting:
        return _completed(ctx, here, run, config, events)
    keep_aside(ctx, run)
    if current(ctx, event) is None:  # paused or ended at this moment: what is set aside must not outlive that
        give_back(ctx, run, "the run stands still")
        return _go("halt", events)
    batch, reached = affordable(ctx, run, here, waiting[:size], config)
    if reached is not None:
        pause_for(ctx, run, reached)
        return _go("halt", events)
    fit = items_that_fit(events, run.events_max)
    if not fit:
        return _go("continue", events)
    batch = batch[:fit]
    runs.hand_out(run, number, [w.id for w in batch])
    return _go("items", events + len(batch) * EVENTS_PER_ITEM, config.within_stage_delay_seconds, [w.id for w in batch])


def _completed(ctx: Context, here: Stage, run: Run, config: AutomationConfig, events: int) -> dict[str, Any]:
    runs = Runs(ctx)
    runs.stage_set(run, here.number, being=("running",), state="completed", finished_at=stamp(ctx.deps.clock.now()))
    figures = runs.stage_item(run, here.number)
    stage_completed(here.number, figures)
    text = f"{here.name}: {figures.get('done', 0)} done, {figures.get('failed', 0)} failed."
    runs.log(run, text, stage=here.number, credits=figures.get("credits", 0))
    if run.recoveries:
        runs.repository.patch(run.id, {"recoveries": 0})
    return _go("done", events, config.between_stage_delay_seconds)


def _go(go: Go, events: int, wait_seconds: int = 0, items: list[str] | None = None) -> dict[str, Any]:
    return {"go": go, "items": items or [], "wait_seconds": wait_seconds, "events": events}


def _waiting(ctx: Context, here: Stage, run: Run, sectors: list[str], config: AutomationConfig, size: int) -> list[Waiting]:
    """Pending items of these sectors without a recorded outcome in this run: what failed is not tried again until somebody says so.

    What was handed out and has no outcome comes first: its worker died, maybe after the work was done, when nothing else shows it any more.
    What waits is found by an index, which may lag behind: before a stage runs dry, what the stage before it made is looked at itself.
    """
    runs = Runs(ctx)
    found = here.pending(ctx, sectors, config)
    listed, handed = {w.id for w in found}, runs.handed_out(run, here.number)
    recorded = runs.recorded(run, here.number, [*listed, *handed])
    for item in (i for i in handed if i not in recorded and sector_of(i) not in sectors):
        settle(ctx, run, here.number, item, "The sector was switched off")
    waiting = [Waiting(i) for i in handed if i not in listed and i not in recorded]
    waiting += [w for w in found if w.id not in recorded]
    if len(waiting) < size:
        waiting += here.further(ctx, run)
        known = {*listed, *(w.id for w in waiting)}
        made = [i for i in runs.made(run, here.number - 1) if i not in known] if here.number > 1 else []
        done = runs.recorded(run, here.number, made)
        waiting += here.made(ctx, [i for i in made if i not in done], config)
    return [w for w in waiting if sector_of(w.id) in sectors]


def run_item(ctx: Context, number: int, event: dict[str, Any]) -> dict[str, Any]:
    """Do one item of a stage without a queue, and record it. Raises what the work raises; the state machine retries or records it."""
    run, here, item = current(ctx, event), stage(number), event["item"]
    if run is None:
        return {"halted": True}
    if Runs(ctx).recorded(run, number, [item]):
        return {"recorded": True}
    assert here.run is not None, f"stage {number} works through a queue"
    try:
        with in_hand(ctx, run, number, item) as report:
            done = here.run(ctx, item, operation(run.id, number, item), run.id, report)
    except OutOfCredits as error:
        pause_for(ctx, run, error)
        return {"halted": True}
    except UpstreamUnavailable as error:
        if not paused_by_outage(ctx, run, error):
            raise
        return {"halted": True}
    if done.skipped is not None:
        Runs(ctx).record(run, number, item, "skipped", done.credits, done.skipped)
    elif Runs(ctx).record(run, number, item, "done", done.credits, made=here.makes(item, done.result)):
        for line in done.result.get("rejected", []):  # ideas that would have competed with what the site has
            Runs(ctx).log(run, f'Not planned: "{line["title"]}". {line["reason"]}', stage=number, similar_to=line["similar_to"]["id"])
    return {"credits": done.credits}


def paused_by_outage(ctx: Context, run: Run, error: UpstreamUnavailable) -> bool:
    """Pause a run whose provider is known not to answer, until it is asked again: every item would fail. False for any other error."""
    if error.extra.get("reason") != "circuit_open":
        return False
    pause(ctx, run, "provider", error.message, resumes_at=error.extra["until"])
    return True


def pause_for(ctx: Context, run: Run, error: OutOfCredits) -> None:
    """Pause a run that may not or cannot pay for its next item; a cap of a day or month that is reached has it go on when that is over."""
    if isinstance(error, CapReached):
        until = freed_at(ctx, run, error)
        pause(ctx, run, "budget", error.message, resumes_at=stamp(until) if until else None)
    else:
        pause(ctx, run, "credits", error.message)


def pause(ctx: Context, run: Run, reason: str, detail: str, *, resumes_at: str | None = None) -> None:
    """Pause a run from inside its own attempt, once."""
    runs = Runs(ctx)
    for _ in range(8):
        now = runs.get(run.id)
        if now.status != "running" or now.attempt != run.attempt:
            return  # somebody paused, cancelled or resumed it at the same moment
        give_back(ctx, run, f"the run is paused: {reason}")
        paused = runs.repository.changed(now, status="paused", reason=reason, paused_at=stamp(ctx.deps.clock.now()), resumes_at=resumes_at)
        try:
            runs.repository.save(now, paused)
        except Stale:
            continue
        runs.log(run, f"Paused: {detail}", level="warning", reason=reason)
        count("RunsPaused", Reason=reason)
        give_back(ctx, run, f"the run is paused: {reason}")  # what a step has set aside anew between the two
        return
    raise Stale()
