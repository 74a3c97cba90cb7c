"""The queue workers of stages 6 and 7: pictures and publishing. A message of a run carries a task token that is answered when the
item is done or given up; a message without one was asked for by hand."""

from collections.abc import Callable
from typing import Any

from chalicelib import deps as wiring
from chalicelib.ai import registry, tasks
from chalicelib.ai.engine import Done
from chalicelib.ai.engine import run as ai_run
from chalicelib.ai.function import Report
from chalicelib.ai.functions.generate_images import give_up
from chalicelib.ai.operations import release
from chalicelib.automation import steps
from chalicelib.automation.config import config_of
from chalicelib.automation.in_hand import in_hand
from chalicelib.automation.run_caps import run_options
from chalicelib.automation.run_record import operation
from chalicelib.automation.runs import Run, Runs
from chalicelib.automation.stages import not_wanted, stage
from chalicelib.core.context import Context, Deps
from chalicelib.core.entry import Delivery, handlers, queue_worker
from chalicelib.core.errors import AlreadyPublished, AppError, InvalidAnswer, Moderated, OutOfCredits, UpstreamUnavailable
from chalicelib.core.ids import site_of
from chalicelib.core.scope import Scope
from chalicelib.integration import drip, publish_requests, publishing, remote_jobs, slots
from chalicelib.writer.content import CONTENT
from chalicelib.writer.images import images_of, review_when_drawn

bp = handlers(__name__)
DoItem = Callable[[Context, Run, str, Report], Done]  # does an item of a run


@queue_worker(bp, "image_worker", "images", wiring.current, batch_size=1)
def image_worker(deps: Deps, body: dict[str, Any], delivery: Delivery) -> None:
    """Of a run: {token, stage, tenant, site, run, attempt, item: content id}. By hand: an AI task on image ids."""
    if "token" in body:
        _of_run(deps, body, delivery, _draw)
    else:
        tasks.work(Context(Scope.worker(body["tenant"], body["user"]), deps), body, last=delivery.last)


@queue_worker(bp, "publish_worker", "publish", wiring.current, batch_size=1)
def publish_worker(deps: Deps, body: dict[str, Any], delivery: Delivery) -> None:
    """Of a run: {token, stage, tenant, site, run, attempt, item: content id}. By hand: {tenant, user, content, task_id}. To pull from a
    target: {work: sync | import, tenant, user, connection, task_id, cursor, counts}."""
    if "token" in body:
        _of_run(deps, body, delivery, _publish)
        return
    ctx = Context(Scope.worker(body["tenant"], body["user"]), deps)
    if "work" in body:
        remote_jobs.work(ctx, body, last=delivery.last)
    else:
        publish_requests.work(ctx, body, last=delivery.last)


def _of_run(deps: Deps, body: dict[str, Any], delivery: Delivery, do: DoItem) -> None:
    """Do the item and answer the token. What may pass is left to the next delivery; of the last delivery the message is handed to the
    dead letters, and the run's log says so, whatever it was that the message could not be worked for."""
    ctx = steps.context(deps, body)
    run = steps.current(ctx, body)
    if run is None:  # paused, ended, or driven by a newer execution
        _after_its_run(ctx, body, do)
        deps.workflow.succeed(body["token"], {"halted": True})
        return
    try:
        item, number = body["item"], int(body["stage"])
        if not Runs(ctx).recorded(run, number, [item]):
            with in_hand(ctx, run, number, item) as report:
                done = do(ctx, run, item, report)
            if done.skipped is not None:
                Runs(ctx).record(run, number, item, "skipped", done.credits, done.skipped)
            else:
                Runs(ctx).record(run, number, item, "done", done.credits, made=stage(number).makes(item, {}))
    except OutOfCredits as error:
        steps.pause_for(ctx, run, error)
        deps.workflow.succeed(body["token"], {"halted": True})
        return
    except Exception as error:
        if isinstance(error, UpstreamUnavailable) and steps.paused_by_outage(ctx, run, error):
            deps.workflow.succeed(body["token"], {"halted": True})
            return
        final = isinstance(error, AppError) and not error.retryable
        if not final and not delivery.last:
            raise
        try:
            if do is _publish and "item" in body:
                publishing.give_up(ctx, body["item"], error.message if isinstance(error, AppError) else type(error).__name__)
            if not final:
                facts = {"message": delivery.message_id, "item": body.get("item"), "error": type(error).__name__}
                text = f"A message was given up after {delivery.receives} deliveries and lies in the dead-letter queue: {error}"
                Runs(ctx).log(run, text, stage=6 if do is _draw else 7, level="error", **facts)
        finally:  # the execution waits for this answer, whatever else goes wrong
            deps.workflow.fail(body["token"], type(error).__name__, str(error))
        if not final:
            raise  # once more, and SQS moves the message to the dead letters
        return
    deps.workflow.succeed(body["token"], {"item": item})


def _after_its_run(ctx: Context, body: dict[str, Any], do: DoItem) -> None:
    """An item that failed in a run which has ended, and whose message comes once more (`make replay`), is done all the same. Nothing is
    done of a run that was cancelled, and nothing that somebody has taken in hand since. Raises: what the work raises."""
    runs = Runs(ctx)
    run, item, number = runs.repository.find(str(body.get("run"))), str(body.get("item")), int(body.get("stage", 0))
    if run is None or run.status not in ("completed", "failed") or runs.recorded(run, number, [item]).get(item) != "failed":
        return
    content = ctx.repository(CONTENT).find(item)
    if content is None or content.held or content.status != ("draft" if do is _draw else "review"):
        return
    done = do(ctx, run, item, lambda phase, percentage, message="": None)
    if done.skipped is None and runs.record(run, number, item, "done", done.credits, made=stage(number).makes(item, {})):
        runs.log(run, "An item that had failed was done when its message came again.", stage=number, item=item)


def _draw(ctx: Context, run: Run, content_id: str, report: Report) -> Done:
    """Draw the content's open pictures one after the other; one that cannot be drawn does not stop the others. What stands in the way
    of every picture (no quota, a wrong key) ends the item instead, and its pictures stay open for another try."""
    credits = 0
    images = images_of(ctx, content_id)
    for n, image in enumerate(images):
        report("AI_CALL", 100 * n // len(images), f"Draws picture {n + 1} of {len(images)}.")
        op = operation(run.id, 6, image.id)
        if image.status == "failed":
            credits += release(ctx, op, "the picture was given up")[0]
            continue
        try:
            credits += ai_run(ctx, registry.get("generate_images"), image.id, op=op, options=run_options(ctx, run.id)).credits
        except (Moderated, InvalidAnswer) as error:  # of this picture alone; another may well be drawn
            give_up(ctx, image.id, error.message)
            Runs(ctx).log(run, f"A picture could not be drawn: {error.message}", stage=6, level="error", item=image.id)
    review_when_drawn(ctx, content_id)
    return Done(credits=credits)


def _publish(ctx: Context, run: Run, content_id: str, report: Report) -> Done:
    """Put the content online, or on the site's schedule where it has slots, if that is still wanted: its message may have waited for
    half an hour, and a paused run for weeks."""
    content = ctx.repository(CONTENT).get(content_id)
    if content.status == "published" or content.publish_at:  # by an earlier try, or by hand
        return Done()
    if (reason := not_wanted(content, config_of(ctx, run.site_id))) is not None:
        publishing.not_any_more(ctx, content_id)
        Runs(ctx).log(run, f"Not published: {reason}", stage=7, item=content_id)
        return Done(skipped=reason)
    report("SAVE", 50, "Publishes.")
    try:
        if slots.in_use(ctx, site_of(content_id)) is not None:
            drip.schedule(ctx, content_id)
        else:
            publishing.publish(ctx, content_id)
    except AlreadyPublished:
        return Done()
    return Done()
