"""The queue workers of stages 6 and 7: pictures and publishing. A message of a run carries a task token that is answered when the
item is done or given up; a message without one was asked for by hand."""

from collections.abc import Callable
from typing import Any

from chalicelib import deps as wiring
from chalicelib.ai import registry, tasks
from chalicelib.ai.engine import run as ai_run
from chalicelib.ai.function import Options
from chalicelib.ai.functions.generate_images import give_up
from chalicelib.automation import steps
from chalicelib.automation.runs import Run, Runs
from chalicelib.core.context import Context, Deps
from chalicelib.core.entry import Delivery, handlers, queue_worker
from chalicelib.core.errors import AlreadyPublished, AppError, OutOfCredits
from chalicelib.core.scope import Scope
from chalicelib.integration import publishing
from chalicelib.writer.images import images_of, review_when_drawn

bp = handlers(__name__)
DoItem = Callable[[Context, Run, str], int]  # does an item of a run, returns the credits it took


@queue_worker(bp, "image_worker", "images", wiring.current, batch_size=1)
def image_worker(deps: Deps, body: dict[str, Any], delivery: Delivery) -> None:
    """Of a run: {token, stage, tenant, site, run, attempt, item: content id}. By hand: an AI task on image ids."""
    if "token" in body:
        _of_run(deps, body, delivery, _draw)
    else:
        tasks.work(Context(Scope.worker(body["tenant"], body["user"]), deps), body, last=delivery.last)


@queue_worker(bp, "publish_worker", "publish", wiring.current, batch_size=1)
def publish_worker(deps: Deps, body: dict[str, Any], delivery: Delivery) -> None:
    """Of a run: {token, stage, tenant, site, run, attempt, item: content id}. By hand: {tenant, user, content}."""
    if "token" in body:
        _of_run(deps, body, delivery, _publish)
        return
    ctx = Context(Scope.worker(body["tenant"], body["user"]), deps)
    try:
        publishing.publish(ctx, body["content"])
    except AlreadyPublished:
        return
    except AppError as error:
        if error.retryable and not delivery.last:
            raise
        publishing.give_up(ctx, body["content"], error.message)


def _of_run(deps: Deps, body: dict[str, Any], delivery: Delivery, do: DoItem) -> None:
    ctx, item, number = steps.context(deps, body), body["item"], int(body["stage"])
    run = steps.current(ctx, body)
    if run is None:
        deps.workflow.succeed(body["token"], {"halted": True})
        return
    try:
        if not Runs(ctx).recorded(run, number, [item]):
            credits = do(ctx, run, item)
            Runs(ctx).record(run, number, item, "done", credits)
    except OutOfCredits as error:
        steps.pause(ctx, run.id, "credits", error.message)
        deps.workflow.succeed(body["token"], {"halted": True})
        return
    except Exception as error:
        final = isinstance(error, AppError) and not error.retryable
        if not final and not delivery.last:
            raise
        _give_up(ctx, number, item, error)
        if not final:  # SQS moves the message to the dead letters when we fail it once more
            Runs(ctx).log(
                run,
                f"A message was given up after {delivery.receives} deliveries and lies in the dead-letter queue.",
                stage=number,
                level="error",
                item=item,
            )
        deps.workflow.fail(body["token"], type(error).__name__, str(error))
        if not final:
            raise
        return
    deps.workflow.succeed(body["token"], {"item": item})


def _give_up(ctx: Context, number: int, item: str, error: Exception) -> None:
    """Leave the item in a clear state: pictures that could not be drawn are failed, a content that could not be published says why."""
    reason = error.message if isinstance(error, AppError) else f"{type(error).__name__}; see the log."
    if number == 6:
        for image in images_of(ctx, item):
            if image.status == "pending":
                give_up(ctx, image.id, reason)
    else:
        publishing.give_up(ctx, item, reason)


def _draw(ctx: Context, run: Run, content_id: str) -> int:
    """Draw the content's open pictures one after the other; one that cannot be drawn does not stop the others."""
    credits = 0
    for image in images_of(ctx, content_id):
        op = steps.operation(run.id, 6, image.id)
        if image.status == "failed":
            continue
        try:
            credits += ai_run(ctx, registry.get("generate_images"), image.id, op=op, options=Options(run_id=run.id)).credits
        except OutOfCredits:
            raise
        except AppError as error:
            if error.retryable:
                raise
            give_up(ctx, image.id, error.message)
            Runs(ctx).log(run, f"A picture could not be drawn: {error.message}", stage=6, level="error", item=image.id)
    review_when_drawn(ctx, content_id)
    return credits


def _publish(ctx: Context, run: Run, content_id: str) -> int:
    try:
        publishing.publish(ctx, content_id)
    except AlreadyPublished:
        return 0
    return 0
