"""What becomes of an item that could not be done: its credits released, its reason in figures, log and object. An item whose work
was done all the same (its worker died before it could say so) is recorded as done."""

import json
from typing import Any

from chalicelib.ai.operations import release
from chalicelib.automation.run_items import Outcome
from chalicelib.automation.run_record import Run, operation
from chalicelib.automation.runs import Runs
from chalicelib.automation.stages import stage
from chalicelib.core.context import Context
from chalicelib.core.observability import count
from chalicelib.planner.ideas import IDEA
from chalicelib.writer.content import CONTENT
from chalicelib.writer.images import images_of
from chalicelib.writer.tasks import writing_failed

_SILENCE = {"States.Timeout", "States.HeartbeatTimeout"}


def item_failed(ctx: Context, number: int, event: dict[str, Any]) -> dict[str, Any]:
    """Record that an item failed for good in this run, as the state machine says."""
    error = event.get("error", {})
    return record_failure(ctx, Runs(ctx).get(event["run"]), number, event["item"], error.get("Error", "Error"), cause(error))


def record_failure(ctx: Context, run: Run, number: int, item: str, error: str, why: str) -> dict[str, Any]:
    runs, here = Runs(ctx), stage(number)
    if here.queue and error in _SILENCE:
        why = f"No worker answered within {here.timeout_seconds} seconds; look for its message in the dead-letter queue."
    reason = f"{error}: {why}" if why else error
    credits, result = released(ctx, run, number, item, reason)
    if result is not None:
        runs.record(run, number, item, "done", credits, made=here.makes(item, result))
        return {"failed": False}
    if runs.record(run, number, item, "failed", credits, reason):
        count("ItemsFailed", Stage=str(number))
        runs.log(run, f"{here.name}: one item failed: {why or error}", stage=number, level="error", item=item, error=error)
        if number == 4:
            writing_failed(ctx, item, reason)
    return {"failed": True}


def released(ctx: Context, run: Run, number: int, item: str, reason: str) -> tuple[int, dict[str, Any] | None]:
    """What the item was charged in this run, nothing of it being reserved any more; and its result if it was done."""
    if number == 6:
        used = [release(ctx, operation(run.id, 6, image.id), reason)[0] for image in images_of(ctx, item)]
        content = ctx.repository(CONTENT).find(item)
        return sum(used), {} if content and content.status != "draft" else None
    if number == 7:
        content = ctx.repository(CONTENT).find(item)
        online = content is not None and content.status == "published" and content.sync_status == "synced"
        return 0, {} if online or (content is not None and content.publish_at) else None  # or it is on the site's schedule
    if number == 3:
        idea = ctx.repository(IDEA).find(item)
        return 0, {"task": idea.task} if idea and idea.task else None
    return release(ctx, operation(run.id, number, item), reason)


def settle(ctx: Context, run: Run, number: int, item: str, why: str) -> None:
    """Record an item that nobody is to work on any more where it was charged; what it has reserved is given back."""
    credits, result = released(ctx, run, number, item, why)
    if credits:
        made = stage(number).makes(item, result) if result is not None else []
        outcome: Outcome = "skipped" if result is None else "done"
        Runs(ctx).record(run, number, item, outcome, credits, f"{why} while this was worked on." if result is None else "", made)


def cause(error: dict[str, Any]) -> str:
    """The message inside a Lambda's error, which Step Functions hands over as JSON text."""
    text = str(error.get("Cause", ""))
    try:
        parsed = json.loads(text)
    except ValueError:
        return text[:1000]
    return str(parsed.get("errorMessage", text))[:1000] if isinstance(parsed, dict) else text[:1000]
