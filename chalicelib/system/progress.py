"""Progress of asynchronous work: what `task_progress` answers, kept for a week in the operations table."""

from datetime import timedelta
from typing import Any

from chalicelib.core.context import Context
from chalicelib.core.errors import NotFound
from chalicelib.core.ids import stamp, ulid
from chalicelib.core.table import Key, put, update

KEEP = timedelta(days=7)
REPORT_SECONDS = 3600  # how long a report's signed address works


def progress_key(ctx: Context, task_id: str) -> Key:
    return f"{ctx.tenant}#TASK", task_id


def open_task(ctx: Context, function: str, items: int) -> str:
    """A new task id whose progress can be asked for at once."""
    now = ctx.deps.clock.now()
    task_id = ulid(now)
    row = {
        "state": "pending",
        "percentage": 0,
        "phase": "INIT",
        "message": "Waiting to begin.",
        "steps": [],
        "function": function,
        "items": items,
        "at": stamp(now),
        "user": ctx.scope.user_id,
        "ttl": int((now + KEEP).timestamp()),
    }
    ctx.deps.ops.write(put(progress_key(ctx, task_id), row))
    return task_id


def report(ctx: Context, task_id: str, *, state: str = "running", percentage: int = 0, phase: str = "", message: str = "") -> None:
    """Replace what is shown now."""
    names = {"#s": "state", "#p": "percentage", "#h": "phase", "#m": "message"}
    expression = "SET #s = :state, #p = :percentage, #h = :phase, #m = :message"
    ctx.deps.ops.write(
        update(progress_key(ctx, task_id), expression, names=names, state=state, percentage=percentage, phase=phase, message=message)
    )


def step(ctx: Context, task_id: str, line: dict[str, Any]) -> None:
    """Add a line on one item: {item, outcome, credits?, message?}."""
    ctx.deps.ops.write(
        update(progress_key(ctx, task_id), "SET steps = list_append(steps, :line)", line=[{**line, "at": stamp(ctx.deps.clock.now())}])
    )


def close(
    ctx: Context, task_id: str, state: str, message: str, *, result: dict[str, Any] | None = None, error: dict[str, Any] | None = None
) -> None:
    names = {"#s": "state", "#p": "percentage", "#h": "phase", "#m": "message", "#r": "result", "#e": "error"}
    expression = "SET #s = :state, #p = :percentage, #h = :phase, #m = :message, #r = :result, #e = :error"
    ctx.deps.ops.write(
        update(
            progress_key(ctx, task_id),
            expression,
            names=names,
            state=state,
            percentage=100,
            phase="DONE",
            message=message,
            result=result,
            error=error,
        )
    )


def progress(ctx: Context, task_id: str) -> dict[str, Any]:
    """{state, percentage, phase, message, steps, result?, error?}. A result that names a file as its `report` has its address, signed
    now, as `report_url`. Raises: NotFound, also for another tenant's task.
    """
    item = ctx.deps.ops.get(progress_key(ctx, task_id))
    if item is None:
        raise NotFound("There is no such task.")
    shown = {k: item[k] for k in ("state", "percentage", "phase", "message", "steps")}
    if result := item.get("result"):
        path = result.pop("report", None)
        shown["result"] = {**result, "report_url": ctx.deps.files.url(path, REPORT_SECONDS)} if path else result
    return {"task_id": task_id, **shown, **({"error": item["error"]} if item.get("error") is not None else {})}
