"""AI work asked for by hand: a task id at once, the work by a queue worker, its progress by task id."""

from typing import Any

from chalicelib.ai import registry
from chalicelib.ai.engine import Done, run
from chalicelib.ai.function import AIFunction, Options
from chalicelib.ai.functions.generate_images import give_up
from chalicelib.core.context import Context
from chalicelib.core.errors import AppError, NotFound, Retryable, Stale
from chalicelib.core.observability import logger
from chalicelib.system import progress
from chalicelib.writer.tasks import writing_failed


def submit(
    ctx: Context, function: str, items: list[str], *, ids: list[str] | None = None, options: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Queue the function for these items and answer {task_id, accepted}. ids: a part of the item (keywords of a sector); options:
    what else the function's `load` takes (`Options.extra`).

    Raises: KeyError for an unknown function, UpstreamUnavailable when the queue takes nothing (the task then says so).
    """
    registry.get(function)
    task_id = progress.open_task(ctx, function, items)
    body: dict[str, Any] = {"tenant": ctx.tenant, "user": ctx.scope.user_id, "task_id": task_id, "function": function, "items": items}
    body |= {"ids": ids or [], "options": options or {}}
    with progress.failing(ctx, task_id):
        ctx.deps.jobs.send("images" if function == "generate_images" else "ai", body)
    return {"task_id": task_id, "accepted": len(ids) if ids else len(items)}


def work(ctx: Context, body: dict[str, Any], *, last: bool) -> None:
    """Do a queued task. Items that are done stay done when the message comes again, and a task that is closed stays closed; a transient
    failure, or one of ours, makes it come again, unless this is the last delivery: then the task says that it failed.

    Raises: Retryable, Stale; after the last delivery only what no delivery can mend, so that the message goes to the dead letters.
    """
    task_id = body["task_id"]
    try:
        known = progress.progress(ctx, task_id)
    except NotFound:
        logger().warning("a task was forgotten before its message came", extra={"task": task_id})
        return
    if known["state"] in progress.CLOSED:
        return
    reporter = progress.Reporter(ctx, task_id)
    try:
        try:
            results, failed = _items(ctx, body, reporter, last=last)
        finally:
            reporter.flush()
    except AppError:
        raise
    except Exception as error:
        if last:
            message = f"An unexpected error ({type(error).__name__}); the message lies in the dead-letter queue."
            progress.close(ctx, task_id, "failed", message, error={"code": AppError.code, "message": message})
        raise
    outcome = {"succeeded": results, "failed": failed}
    if failed and not results:
        error_body = {"code": failed[0]["code"], "message": failed[0]["message"]}
        progress.close(ctx, task_id, "failed", failed[0]["message"], result=outcome, error=error_body)
    else:
        progress.close(ctx, task_id, "succeeded", f"{len(results)} done, {len(failed)} failed.", result=outcome)


def _items(
    ctx: Context, body: dict[str, Any], reporter: progress.Reporter, *, last: bool
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Do the items. Returns what succeeded and what failed."""
    function = registry.get(body["function"])
    results, failed = [], []
    for item in body["items"]:
        try:
            done = _item(ctx, function, body, item, reporter)
        except (Retryable, Stale) as error:
            if not last:
                raise
            failed.append({"id": item, "code": error.code, "message": f"Given up after several tries: {error.message}"})
        except AppError as error:
            failed.append({"id": item, "code": error.code, "message": error.message})
        else:
            outcome = "skipped" if done.skipped else "done"
            results.append(
                {
                    "id": item,
                    "outcome": outcome,
                    "credits": done.credits,
                    **({"reason": done.skipped} if done.skipped else {}),
                    "result": done.result,
                }
            )
            reporter.ended(item, outcome, done.credits, done.skipped or "")
            continue
        if function.name == "generate_images":
            give_up(ctx, item, failed[-1]["message"])
        elif function.name == "generate_content" and not body.get("options", {}).get("regenerate"):
            writing_failed(ctx, item, failed[-1]["message"])
        reporter.ended(item, "failed", message=failed[-1]["message"], code=failed[-1]["code"])
    return results, failed


def _item(ctx: Context, function: AIFunction, body: dict[str, Any], item: str, reporter: progress.Reporter) -> Done:
    def show(phase: str, percentage: int, message: str = "") -> None:
        reporter.show(item, phase, percentage, message)

    return run(
        ctx,
        function,
        item,
        op=f"task.{body['task_id']}.{item}",
        options=Options(ids=tuple(body.get("ids", [])), extra=body.get("options", {})),
        report=show,
    )
