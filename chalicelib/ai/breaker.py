"""The circuit breaker around a call of a model: an outage, or a key that is refused, is noticed once and not by every item anew."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from chalicelib.core import deadline
from chalicelib.core.errors import AppError, UpstreamRejected, UpstreamUnavailable
from chalicelib.core.observability import count, logger
from chalicelib.system.circuits import PLATFORM, Circuit, Circuits, State, moment

Answer = TypeVar("Answer")

REFUSED = frozenset({"key_refused", "no_quota"})  # reasons of an error that every call with this key would meet
LEAST_WAIT_SECONDS = 1.0
CALL_SECONDS = 60.0  # kept for a call of one's own when waiting for another's


def through(circuits: Circuits, circuit: Circuit, call: Callable[[], Answer]) -> Answer:
    """The call's answer, if the circuit lets it through. docs/providers.md says when it opens and closes.

    Raises: UpstreamUnavailable with `reason` "circuit_open", `provider` and `until` in `extra` while it is open, and when this call opens
    it; UpstreamRejected as the server said it while the key is refused; and what the call raises.
    """
    seen, probe = circuits.state(circuit), False
    match seen.standing(circuit, circuits.now()):
        case "open":
            raise _open(circuits, circuit, seen)
        case "refused":
            raise UpstreamRejected(seen.why, reason=seen.why_reason, provider=circuit.server, until=moment(seen.refused_until))
        case "half_open":
            turn = circuits.claim(circuit)
            if turn == "wait":
                _wait(circuits, circuit)
            probe = turn == "probe"
    try:
        answer = call()
    except UpstreamUnavailable as error:
        if error.extra.get("reason") == "no_time":
            if probe:
                circuits.give_back(circuit)
            raise
        count("ProviderErrors", Key=_whose(circuit))
        raise _after(error, circuits, circuit, probe=probe) from error
    except UpstreamRejected as error:  # an answer too
        if error.extra.get("reason") in REFUSED:
            count("ProviderErrors", Key=_whose(circuit))
            circuits.refuse(circuit, error.message, error.extra["reason"])
        else:
            circuits.answered(circuit, seen)
        raise
    except AppError:  # nobody was asked: a setting is missing
        if probe:
            circuits.give_back(circuit)
        raise
    circuits.answered(circuit, seen)
    return answer


def _whose(circuit: Circuit) -> str:
    """Whose key it is, for metrics: an account's own trouble with its key wakes nobody."""
    return "platform" if circuit.key[0] == PLATFORM else "own"


def _wait(circuits: Circuits, circuit: Circuit) -> None:
    """Wait for the probe of another, who is likely to close the circuit: as long as this worker then has time for a call of its own.

    Raises: UpstreamUnavailable when the circuit is not closed then.
    """
    left = deadline.seconds_left()
    closed = left is not None and left > CALL_SECONDS and circuits.closes(circuit, left - CALL_SECONDS)
    if not closed:
        raise _open(circuits, circuit, circuits.state(circuit))


def _after(error: UpstreamUnavailable, circuits: Circuits, circuit: Circuit, *, probe: bool) -> UpstreamUnavailable:
    """What to raise for a call that came to no answer: that error, or with when to ask again if the circuit is open now."""
    state = circuits.failed(circuit, probe=probe, retry_after_seconds=error.retry_after_seconds)
    if state.standing(circuit, circuits.now()) != "open":
        return error
    count("CircuitsOpened", Key=_whose(circuit))
    until = moment(state.outage(circuit).blocked_until)
    logger().warning("circuit open", extra={"server": circuit.name, "until": until, "detail": error.message})
    return _open(circuits, circuit, state, error.message)


def _open(circuits: Circuits, circuit: Circuit, state: State, why: str = "") -> UpstreamUnavailable:
    outage = state.outage(circuit)
    until, since = outage.blocked_until, _clock_time(outage.since)
    message = f"{circuit.name} has not answered since {since}; it is asked again at {_clock_time(until)}. {why}".rstrip()
    wait = max(LEAST_WAIT_SECONDS, (until - circuits.now()) / 1000)
    return UpstreamUnavailable(message, retry_after_seconds=wait, reason="circuit_open", provider=circuit.server, until=moment(until))


def _clock_time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M:%S UTC")
