"""Wrappers of everything that is not HTTP: stage Lambdas, queue workers and schedules, with logging, metrics and one error rule each.

They wrap at declaration, because AWS calls these functions by `module.name` without ever importing `app.py`.
"""

import json
import math
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chalice import Blueprint

from chalicelib.core import deadline
from chalicelib.core.context import Deps
from chalicelib.core.errors import AppError
from chalicelib.core.observability import logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

MAX_RECEIVES = 5  # the queues' maxReceiveCount (infra/resources/queues.yaml; a test compares them)
LONGEST_WAIT_SECONDS = 6 * 3600  # of a message that comes again; SQS knows at most 12 hours since it was received
DepsFactory = Callable[[], Deps]


def handlers(module: str) -> Blueprint:
    """The collection of a module's functions, which `app.py` registers."""
    return Blueprint(module)


def lambda_function(bp: Blueprint, name: str, deps: DepsFactory) -> Callable[[Callable[[Deps, dict[str, Any], Any], Any]], Any]:
    """Declare a Lambda for Step Functions: event in, JSON out. An exception's class name becomes the error name there."""

    def declare(function: Callable[[Deps, dict[str, Any], Any], Any]) -> Any:
        def run(event: dict[str, Any], context: Any) -> Any:
            logger().append_keys(function=name, run=event.get("run"), item=event.get("item"))
            try:
                with deadline.of_lambda(context):
                    return function(deps(), event, context)
            except AppError as error:
                logger().warning("failed", extra={"error": type(error).__name__, "detail": error.message})
                raise
            except Exception:
                logger().exception("crashed")
                raise

        run.__name__ = name
        run.__module__ = function.__module__
        run.__doc__ = function.__doc__
        return bp.lambda_function(name=name)(run)

    return declare


def queue_worker(
    bp: Blueprint, name: str, queue: str, deps: DepsFactory, *, batch_size: int
) -> Callable[[Callable[[Deps, dict[str, Any], "Delivery"], None]], Any]:
    """Declare an SQS worker that answers with partial batch failures. The function gets one message's body; when it returns, the
    message is done with, also where it recorded a failure; whatever it raises makes SQS deliver the message again, sooner than its
    visibility timeout, and after `MAX_RECEIVES` deliveries hand it to the dead letters."""

    def declare(function: Callable[[Deps, dict[str, Any], Delivery], None]) -> Any:
        def run(event: Any, context: Any) -> Any:
            # loaded by workers alone: a tenth of a second that the API's cold start does not need
            from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

            def one(record: "SQSRecord") -> None:
                delivery = Delivery(record)
                logger().append_keys(function=name, message=record.message_id)
                try:
                    body = json.loads(record.body)
                    if not isinstance(body, dict):
                        raise ValueError("the message is not a JSON object")
                    with deadline.of_lambda(context):
                        function(deps(), body, delivery)
                except Exception as error:
                    logger().exception("message failed", extra={"receives": delivery.receives})
                    deps().jobs.again(queue, record.receipt_handle, _wait_seconds(error, delivery.receives))
                    raise

            processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
            return process_partial_response(event=event, record_handler=one, processor=processor, context=context)

        run.__name__ = name
        run.__module__ = function.__module__
        run.__doc__ = function.__doc__
        return bp.on_sqs_message(queue=queue, name=name, batch_size=batch_size)(_raw(run))

    return declare


def _wait_seconds(error: Exception, receives: int) -> int:
    """When to deliver again: not before the other side asked to be asked, else after a wait that grows. With jitter."""
    asked: float | None = getattr(error, "retry_after_seconds", None)
    if asked is not None:
        return min(LONGEST_WAIT_SECONDS, math.ceil(asked * random.uniform(1.0, 1.2)))
    wait = min(600, 2**receives)
    return int(random.uniform(wait / 2, wait))


class Delivery:
    """receives: how often SQS has delivered this message, this time included; last: after this one it goes to the dead letters."""

    def __init__(self, record: "SQSRecord") -> None:
        self.message_id = record.message_id
        self.receives = int(record.attributes.approximate_receive_count or 1)
        self.last = self.receives >= MAX_RECEIVES


def _raw(run: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """Chalice gives an SQSEvent of its own; powertools wants the raw event."""

    def view(event: Any) -> Any:
        return run(event.to_dict(), event.context)

    view.__name__, view.__module__, view.__doc__ = run.__name__, run.__module__, run.__doc__
    return view


def schedule(bp: Blueprint, name: str, rate: str, deps: DepsFactory) -> Callable[[Callable[[Deps], Any]], Any]:
    """Declare a scheduled Lambda; rate: `rate(5 minutes)` or `cron(…)`. An error is raised so that Lambda tries again and alarms see it."""

    def declare(function: Callable[[Deps], Any]) -> Any:
        def view(event: Any) -> Any:
            logger().append_keys(function=name)
            try:
                with deadline.of_lambda(event.context):
                    return function(deps())
            except Exception:
                logger().exception("crashed")
                raise

        view.__name__, view.__module__, view.__doc__ = name, function.__module__, function.__doc__
        return bp.schedule(rate, name=name)(view)

    return declare
