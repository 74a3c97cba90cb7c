"""AI work asked for by hand: a task id at once, the work by a queue worker, its progress by task id."""

from typing import Any

from chalicelib.ai import registry
from chalicelib.ai.engine import run
from chalicelib.ai.function import Options
from chalicelib.ai.functions.generate_images import give_up
from chalicelib.core.context import Context
from chalicelib.core.errors import AppError, Retryable
from chalicelib.system import progress


def submit(ctx: Context, function: str, items: list[str], *, ids: list[str] | None = None) -> dict[str, Any]:
    """Queue the function for these items and answer {task_id, accepted}. ids: a part of the item (keywords of a sector).

    Raises: KeyError for an unknown function, UpstreamUnavailable when the queue takes nothing (the task then says so).
    """
    registry.get(function)
    task_id = progress.open_task(ctx, function, len(items))
    body = {"tenant": ctx.tenant, "user": ctx.scope.user_id, "task_id": task_id, "function": function, "items": items, "ids": ids or []}
    try:
        ctx.deps.jobs.send("images" if function == "generate_images" else "ai", body)
    except AppError as error:
        progress.close(ctx, task_id, "failed", error.message, error=error.body())
        raise
    return {"task_id": task_id, "accepted": len(ids) if ids else len(items)}


def work(ctx: Context, body: dict[str, Any], *, last: bool) -> None:
    """Do a queued task. Items that are done stay done when the message comes again; a transient failure makes it come again,
    unless this is the last delivery.

    Raises: Retryable.
    """
    function, task_id, items = registry.get(body["function"]), body["task_id"], body["items"]
    results, failed = [], []
    for n, item in enumerate(items):
        share = 100 // len(items)

        def show(phase: str, percentage: int, n: int = n, share: int = share) -> None:
            progress.report(ctx, task_id, percentage=n * share + percentage * share // 100, phase=phase, message=f"{n + 1} of {len(items)}")

        try:
            done = run(ctx, function, item, op=f"task.{task_id}.{item}", options=Options(ids=tuple(body.get("ids", []))), report=show)
        except Retryable:
            if not last:
                raise
            failed.append({"id": item, "code": "upstream_unavailable", "message": "Given up after several tries."})
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
            progress.step(ctx, task_id, {"item": item, "outcome": outcome, "credits": done.credits})
            continue
        if function.name == "generate_images":
            give_up(ctx, item, failed[-1]["message"])
        progress.step(ctx, task_id, {"item": item, "outcome": "failed", "message": failed[-1]["message"]})
    outcome = {"succeeded": results, "failed": failed}
    if failed and not results:
        progress.close(
            ctx, task_id, "failed", failed[0]["message"], result=outcome, error={"code": failed[0]["code"], "message": failed[0]["message"]}
        )
    else:
        progress.close(ctx, task_id, "succeeded", f"{len(results)} done, {len(failed)} failed.", result=outcome)
