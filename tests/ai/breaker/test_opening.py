"""The circuit breaker: when it opens, for how long, who probes, and what it says."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.ai.breaker import through
from chalicelib.core.errors import InvalidAnswer, Moderated, UpstreamRejected, UpstreamUnavailable, ValidationFailed
from chalicelib.system.circuits import FAILURES_TO_OPEN, Circuit
from tests.ai.breaker.bench import OUT, Server, blocked, fail
from tests.fakes import FixedClock


def test_three_failures_in_a_row_open_it_for_every_lambda(lambdas: Any, of: Circuit, clock: FixedClock) -> None:
    first, second = lambdas(), lambdas()
    assert fail(first, of, 1) is OUT, "the first failures are just that"
    opening = fail(second, of, 2)
    assert opening.extra["reason"] == "circuit_open" and OUT.message in opening.message
    error = blocked(lambdas(), of)
    assert isinstance(error, UpstreamUnavailable) and error.retry_after_seconds == 60
    assert (
        error.message == "The model server llm.example.com (luna) has not answered since 12:00:00 UTC; it is asked again at 12:01:00 UTC."
    )
    assert error.extra == {"reason": "circuit_open", "provider": of.server, "until": "2026-11-20T12:01:00.000Z"}


def test_an_answer_between_them_begins_the_row_anew(lambdas: Any, of: Circuit, clock: FixedClock) -> None:
    circuits = lambdas()
    for error in (None, InvalidAnswer("cut off"), Moderated("no"), UpstreamRejected("too long", reason="too_long")):
        fail(circuits, of, FAILURES_TO_OPEN - 1)
        if error is None:
            assert through(circuits, of, Server()) == "answer"
        else:
            with pytest.raises(type(error)):
                through(circuits, of, Server(error))
    fail(circuits, of, 2)
    clock.forward(61 * 60)
    assert fail(circuits, of, 2) is OUT, "failures an hour apart are not in a row"


def test_half_open_lets_one_through_and_its_answer_closes_it(lambdas: Any, of: Circuit, clock: FixedClock) -> None:
    fail(lambdas(), of)
    clock.forward(61)
    prober, other = lambdas(), lambdas()

    def while_probing() -> str:
        assert blocked(other, of).extra["until"] == "2026-11-20T12:03:01.000Z"
        return "answer"

    assert through(prober, of, while_probing) == "answer"
    assert through(lambdas(), of, Server()) == "answer"
    assert fail(lambdas(), of, 1) is OUT, "it begins to count anew"


def test_a_probe_that_fails_opens_it_for_twice_as_long_up_to_an_end(lambdas: Any, of: Circuit, clock: FixedClock) -> None:
    circuits = lambdas()
    waits = [fail(circuits, of).retry_after_seconds]
    for _ in range(5):
        clock.forward(waits[-1] + 1)
        waits.append(fail(circuits, of, 1).retry_after_seconds)
    assert waits == [60, 120, 240, 480, 900, 900]
    clock.forward(901)
    with pytest.raises(InvalidAnswer):
        through(circuits, of, Server(InvalidAnswer("it refuses")))
    assert fail(circuits, of, 1) is OUT, "also a useless answer is one"
    assert fail(circuits, of, 2).retry_after_seconds == 60


def test_a_prober_that_dies_or_never_asks_gives_its_turn_back(lambdas: Any, of: Circuit, clock: FixedClock) -> None:
    circuits = lambdas()
    fail(circuits, of)
    clock.forward(61)
    with pytest.raises(ZeroDivisionError):
        through(circuits, of, Server(ZeroDivisionError()))
    blocked(lambdas(), of)
    clock.forward(121)
    for error in (UpstreamUnavailable("over", reason="no_time"), ValidationFailed("no key")):
        with pytest.raises(type(error)):
            through(lambdas(), of, Server(error))
    assert through(lambdas(), of, Server()) == "answer"


@pytest.mark.parametrize(("asked", "kept"), [(5.0, 60), (300.0, 300), (86_400.0, 3600)])
def test_retry_after_is_kept_up_to_an_hour(lambdas: Any, of: Circuit, asked: float, kept: float) -> None:
    slow = UpstreamUnavailable("slow down", retry_after_seconds=asked)
    assert fail(lambdas(), of, error=slow).retry_after_seconds == kept


@pytest.mark.parametrize("reason", ["key_refused", "no_quota"])
def test_a_key_that_is_refused_is_not_sent_by_every_item(lambdas: Any, of: Circuit, clock: FixedClock, reason: str) -> None:
    refusal = UpstreamRejected("Top it up.", reason=reason)
    with pytest.raises(UpstreamRejected):
        through(lambdas(), of, Server(refusal))
    error = blocked(lambdas(), of)
    assert type(error) is UpstreamRejected and error.message == "Top it up."
    assert (error.extra["reason"], error.extra["until"]) == (reason, "2026-11-20T12:01:00.000Z")
    assert type(blocked(lambdas(), replace(of, model="terra"))) is UpstreamRejected, "whatever the model"
    clock.forward(60)
    assert through(lambdas(), of, Server()) == "answer"
    assert through(lambdas(), of, Server()) == "answer"


def test_what_is_wrong_with_the_worker_or_one_text_opens_nothing(lambdas: Any, of: Circuit) -> None:
    harmless = [
        UpstreamUnavailable("This worker's time is over.", reason="no_time"),
        Moderated("no"),
        UpstreamRejected("no model", reason="model_gone"),
        UpstreamRejected("forbidden", reason="not_allowed"),
        ValidationFailed("no key"),
    ]
    circuits = lambdas()
    for error in harmless * FAILURES_TO_OPEN:
        with pytest.raises(type(error)):
            through(circuits, of, Server(error))
    assert through(circuits, of, Server()) == "answer"


def test_a_failure_of_a_call_that_began_before_does_not_lengthen_it(lambdas: Any, of: Circuit, clock: FixedClock) -> None:
    slow = lambdas()

    def late() -> str:
        fail(lambdas(), of)
        clock.forward(30)
        raise OUT

    with pytest.raises(UpstreamUnavailable):
        through(slow, of, late)
    assert blocked(lambdas(), of).extra["until"] == "2026-11-20T12:01:00.000Z"
