"""The stage Lambdas, the run's control Lambda and the scheduler, as Step Functions and EventBridge call them."""

from typing import Any

from chalicelib import deps as wiring
from chalicelib.automation import control, failures, steps
from chalicelib.automation.leftovers import settle_leftovers
from chalicelib.automation.schedule import check_scheduled_automations
from chalicelib.core.context import Deps
from chalicelib.core.entry import handlers, lambda_function, schedule
from chalicelib.integration import drip

bp = handlers(__name__)


def _stage(number: int, deps: Deps, event: dict[str, Any]) -> dict[str, Any]:
    ctx = steps.context(deps, event)
    match event["action"]:
        case "next":
            return steps.next_items(ctx, number, event)
        case "run":
            return steps.run_item(ctx, number, event)
        case "failed":
            return failures.item_failed(ctx, number, event)
    raise ValueError(f"unknown action {event['action']!r}")


# One by one, because each packaged function needs a handler of its own name in this module.
@lambda_function(bp, "stage_1", wiring.current)
def stage_1(deps: Deps, event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Keywords to clusters."""
    return _stage(1, deps, event)


@lambda_function(bp, "stage_2", wiring.current)
def stage_2(deps: Deps, event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Clusters to ideas."""
    return _stage(2, deps, event)


@lambda_function(bp, "stage_3", wiring.current)
def stage_3(deps: Deps, event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Ideas to tasks."""
    return _stage(3, deps, event)


@lambda_function(bp, "stage_4", wiring.current)
def stage_4(deps: Deps, event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Tasks to content."""
    return _stage(4, deps, event)


@lambda_function(bp, "stage_5", wiring.current)
def stage_5(deps: Deps, event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Content to image prompts."""
    return _stage(5, deps, event)


@lambda_function(bp, "stage_6", wiring.current)
def stage_6(deps: Deps, event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Image prompts to images: the pictures themselves are drawn by the image worker."""
    return _stage(6, deps, event)


@lambda_function(bp, "stage_7", wiring.current)
def stage_7(deps: Deps, event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Review and publish: publishing itself is done by the publish worker."""
    return _stage(7, deps, event)


@lambda_function(bp, "run_control", wiring.current)
def run_control(deps: Deps, event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Begin, finish, continue and break a run."""
    ctx = steps.context(deps, event)
    match event["action"]:
        case "begin":
            control.begin(ctx, event["run"], event["attempt"], event.get("execution"))  # a machine of an older version does not say
        case "finish":
            control.finish(ctx, event["run"], event["attempt"])
        case "continue":
            control.go_on(ctx, event["run"], event["attempt"])
        case "broken":
            control.broken(ctx, event["run"], event["attempt"], event["error"].get("Error", ""), failures.cause(event["error"]))
        case other:
            raise ValueError(f"unknown action {other!r}")
    return {}


@schedule(bp, "scheduler", "rate(5 minutes)", wiring.current)
def scheduler(deps: Deps) -> dict[str, int]:
    """Starts due automations, takes up runs whose execution has died, settles what ended ones left, and hands on contents whose time to go
    online has come."""
    published, looked = drip.publish_due(deps), check_scheduled_automations(deps)
    return {"published": published, **looked, "settled": settle_leftovers(deps, deps.clock.now())}
