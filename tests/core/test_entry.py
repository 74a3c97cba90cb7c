"""The wrappers of Lambdas and queue workers: the time they have, and when what failed is delivered again."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core import deadline
from chalicelib.core.context import Deps
from chalicelib.core.entry import LONGEST_WAIT_SECONDS, Delivery, handlers, lambda_function, queue_worker
from chalicelib.core.errors import UpstreamUnavailable
from tests.fakes import RecordingJobs


class Invocation:
    """What Lambda tells a handler. seconds: left to it."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return round(self.seconds * 1000)


@pytest.mark.parametrize(("seconds", "usable"), [(900, 885), (300, 285), (60, 54), (10, 9)])
def test_a_part_of_the_time_is_kept_for_saving(seconds: float, usable: float) -> None:
    with deadline.of_lambda(Invocation(seconds)):
        left = deadline.seconds_left()
        assert left is not None and usable - 5 < left <= usable
        with deadline.of_lambda(None):
            assert deadline.seconds_left() is None
        assert deadline.seconds_left() is not None
    assert deadline.seconds_left() is None


def test_each_thread_has_its_own_deadline() -> None:
    found: list[float | None] = []
    with deadline.of_lambda(Invocation(60)):
        thread = threading.Thread(target=lambda: found.append(deadline.seconds_left()))
        thread.start()
        thread.join()
    assert found == [None]


def declared(deps: Deps, function: Callable[[Deps, dict[str, Any], Any], Any]) -> Any:
    return lambda_function(handlers("tests.core"), "a_stage", lambda: deps)(function)


def test_a_lambda_works_under_its_deadline_and_leaves_none_behind(deps: Deps) -> None:
    def work(deps: Deps, event: dict[str, Any], context: Any) -> float | None:
        if event["fail"]:
            raise UpstreamUnavailable()
        return deadline.seconds_left()

    handler = declared(deps, work)
    assert 800 < handler({"fail": False}, Invocation(900)) <= 885
    with pytest.raises(UpstreamUnavailable):
        handler({"fail": True}, Invocation(900))
    assert deadline.seconds_left() is None
    assert handler({"fail": False}, None) is None


def deliver(deps: Deps, error: Exception | None, receives: int = 1) -> tuple[int, list[float | None]]:
    """How many messages were handed back, and what time the worker had."""
    seen: list[float | None] = []

    def work(deps: Deps, body: dict[str, Any], delivery: Delivery) -> None:
        seen.append(deadline.seconds_left())
        assert delivery.receives == receives
        if error is not None:
            raise error

    handler = queue_worker(handlers("tests.core"), "a_worker", "images", lambda: deps, batch_size=1)(work)
    record = {
        "messageId": "m1", "receiptHandle": "r1", "body": "{}", "attributes": {"ApproximateReceiveCount": str(receives)},
        "messageAttributes": {}, "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:1:q", "awsRegion": "us-east-1",
    }  # fmt: skip
    answer = handler({"Records": [record]}, Invocation(300))
    return len(answer["batchItemFailures"]), seen


def test_a_queue_worker_works_under_its_deadline(deps: Deps) -> None:
    failed, (left,) = deliver(deps, None)
    assert failed == 0 and left is not None and 280 < left <= 285


@pytest.mark.parametrize(
    ("error", "receives", "least", "most"),
    [
        (UpstreamUnavailable("429", retry_after_seconds=90.0), 1, 90, 108),
        (UpstreamUnavailable("429", retry_after_seconds=1e6), 1, LONGEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS),
        (UpstreamUnavailable("500"), 3, 4, 8),
        (ZeroDivisionError("a bug"), 2, 2, 4),
    ],
)
def test_nothing_is_delivered_again_before_the_other_side_wants_it(
    deps: Deps, error: Exception, receives: int, least: int, most: int
) -> None:
    jobs = RecordingJobs()
    assert deliver(replace(deps, jobs=jobs), error, receives)[0] == 1
    ((queue, receipt, seconds),) = jobs.postponed
    assert (queue, receipt) == ("images", "r1") and least <= seconds <= most
