"""Models that stand in, circuits that open, and keys that are nobody else's business (docs/providers.md)."""

from collections.abc import Callable

import pytest

from chalicelib.core.errors import AppError, UpstreamRejected, UpstreamUnavailable
from chalicelib.system.settings import Settings
from tests.adapters.scripted_server import Reply, api_error
from tests.ai.faults.bench import Bench
from tests.ai.faults.row import Row
from tests.ai.faults.wire import CHAT, EMBEDDINGS, IMAGES, RUNWARE, of_model, said
from tests.ai.faults.works import EMBED, IDEAS, PICTURE

Line = Callable[[Row], None]
New = Callable[..., Bench]
FIRST, SECOND = "gpt-6-luna", "gpt-6.1-terra"
BUSY = api_error(503, "overloaded", "The engine is currently overloaded")
GONE = api_error(404, "model_not_found", f"The model `{FIRST}` does not exist or you do not have access to it.", "model")
NO_KEY = api_error(401, "invalid_api_key", "Incorrect API key provided")
NO_QUOTA = api_error(429, "insufficient_quota", "You exceeded your current quota")
FLAGGED = api_error(400, "content_policy_violation", "Your request was rejected")


def row(bench: Bench, fault: str, where: str, outcome: str, calls: int, state: str) -> Row:
    return Row(fault, where, outcome, calls, f"100 -> {bench.credits}, {bench.ledger.balance().reserved} held", state)


@pytest.mark.parametrize(("name", "fault", "calls"), [("503", BUSY, 4), ("404 model", GONE, 1)])
def test_another_model_stands_in(new_bench: New, line: Line, name: str, fault: Reply, calls: int) -> None:
    bench = new_bench(settings={"openai_fallback_models": SECOND})
    item = IDEAS.setup(bench.made)
    bench.wire.always(CHAT, of_model(FIRST, fault))
    assert bench.run("generate_ideas", item).credits == IDEAS.credits
    assert bench.wire.models_asked(CHAT) == [*[FIRST] * calls, SECOND]
    bench.charged_once(IDEAS, item, 100)
    assert bench.hold("generate_ideas", item).details["model"] == SECOND, "who really answered"
    line(row(bench, f"{name} of the first model", "fallback", f"{SECOND} answers", calls + 1, IDEAS.state(bench.made)))


@pytest.mark.parametrize(
    ("name", "fault", "calls"),
    [("401 key", NO_KEY, 1), ("insufficient_quota", NO_QUOTA, 1), ("moderation", FLAGGED, 1), ("wrong schema twice", None, 2)],
)
def test_no_other_model_is_asked_to_get_round_a_refusal(new_bench: New, line: Line, name: str, fault: Reply | None, calls: int) -> None:
    bench = new_bench(settings={"openai_fallback_models": SECOND})
    item = IDEAS.setup(bench.made)
    bench.wire.always(CHAT, fault or said(lambda answer: {"answer": 1}))
    failure = bench.fails(IDEAS, item)
    assert bench.wire.models_asked(CHAT) == [FIRST] * calls
    line(row(bench, name, "no fallback", f"{type(failure).__name__}: {failure.message}", calls, IDEAS.state(bench.made)))


def test_when_nobody_answers_the_error_names_them_all(new_bench: New, line: Line) -> None:
    bench = new_bench(settings={"openai_fallback_models": SECOND})
    item = IDEAS.setup(bench.made)
    bench.wire.always(CHAT, BUSY)
    failure = bench.fails(IDEAS, item)
    assert type(failure) is UpstreamUnavailable and "Also asked" in failure.message and SECOND in failure.message
    assert bench.wire.models_asked(CHAT) == [FIRST] * 4 + [SECOND] * 4
    line(row(bench, "503 of both models", "fallback", failure.message, 8, IDEAS.state(bench.made)))


def test_another_provider_draws(new_bench: New, line: Line) -> None:
    bench = new_bench(settings={"image_fallbacks": "runware=runware:100@1"})
    item = PICTURE.setup(bench.made)
    bench.wire.always(IMAGES, BUSY)
    assert bench.run("generate_images", item).credits == PICTURE.credits
    assert (bench.wire.calls(IMAGES), bench.wire.calls(RUNWARE)) == (4, 1)
    bench.charged_once(PICTURE, item, 100)
    usage = bench.hold("generate_images", item).details
    assert (usage["provider"], usage["model"], usage["cost_usd"]) == ("runware", "runware:100@1", 0.0013)
    line(row(bench, "503 of openai", "fallback", "runware draws", 5, PICTURE.state(bench.made)))


def test_vectors_of_another_model_are_no_vectors(new_bench: New, line: Line) -> None:
    bench = new_bench(settings={"openai_fallback_models": SECOND})
    item = EMBED.setup(bench.made)
    bench.wire.always(EMBEDDINGS, BUSY)
    failure = bench.fails(EMBED, item)
    assert set(bench.wire.models_asked(EMBEDDINGS)) == {"text-embedding-3-small"} and bench.wire.calls() == 4
    line(row(bench, "503 of the embedder", "no fallback", failure.message, 4, EMBED.state(bench.made)))


def fails(bench: Bench, item: str) -> AppError:
    """The work's failure, and no requests before it."""
    bench.wire.asked.clear()
    return bench.fails(IDEAS, item)


def test_a_circuit_opens_is_probed_and_closes(bench: Bench, line: Line) -> None:
    item = IDEAS.setup(bench.made)
    bench.wire.always(CHAT, BUSY)
    for _ in range(3):
        failure = fails(bench, item)
        assert bench.wire.calls(CHAT) == 4
    assert failure.extra["reason"] == "circuit_open", "the third says when it is asked again"
    failure = fails(bench, item)
    assert bench.wire.calls() == 0 and isinstance(failure, UpstreamUnavailable) and 0 < (failure.retry_after_seconds or 0) <= 60
    line(row(bench, "503 for three calls", "circuit", f"open: {failure.message}", 0, IDEAS.state(bench.made)))
    bench.later(61)
    failure = fails(bench, item)
    assert bench.wire.calls(CHAT) == 4 and 60 < (failure.retry_after_seconds or 0) <= 120, "a failed probe opens it for longer"
    line(row(bench, "503 of the probe", "circuit", f"half open, open: {failure.message}", 4, IDEAS.state(bench.made)))
    bench.later(61)
    fails(bench, item)
    assert bench.wire.calls() == 0
    bench.later(60)
    bench.wire.heal()
    bench.works(IDEAS, item)
    line(row(bench, "the next probe is answered", "circuit", "closed", bench.wire.calls(CHAT), IDEAS.state(bench.made)))


def test_a_refused_key_is_not_sent_for_a_minute(bench: Bench, line: Line) -> None:
    item = IDEAS.setup(bench.made)
    bench.wire.always(CHAT, NO_KEY)
    said_first = fails(bench, item).message
    assert bench.wire.calls() == 1
    assert fails(bench, item).message == said_first and bench.wire.calls() == 0
    bench.later(61)
    assert fails(bench, item).message == said_first and bench.wire.calls() == 1
    line(row(bench, "401 key, again within a minute", "circuit", f"refused: {said_first}", 0, IDEAS.state(bench.made)))


# An account's own key


def with_own_key(bench: Bench, key: str) -> None:
    Settings(bench.ctx).save("openai", {"api_key": key, "base_url": f"{bench.url}/v1", "model": FIRST})


def sent_keys(bench: Bench) -> set[str]:
    return {one.headers["authorization"].removeprefix("Bearer ") for one in bench.wire.asked[CHAT]}


def test_an_own_key_is_used_and_costs_no_credits(bench: Bench, line: Line) -> None:
    item = IDEAS.setup(bench.made)
    with_own_key(bench, "sk-own-0123456789")
    bench.wire.with_key(bench.key, NO_KEY)
    assert bench.run("generate_ideas", item).credits == 0
    assert sent_keys(bench) == {"sk-own-0123456789"} and bench.credits == 100
    assert bench.hold("generate_ideas", item).details["own_key"] is True
    bench.sound()
    line(row(bench, "the platform's key is refused", "own key", "the own key's model answers", 1, IDEAS.state(bench.made)))


def test_an_own_key_that_is_refused_is_not_made_good_by_the_platforms(new_bench: New, line: Line) -> None:
    bench = new_bench(settings={"openai_fallback_models": SECOND})
    item = IDEAS.setup(bench.made)
    with_own_key(bench, "sk-own-0123456789")
    bench.wire.with_key("sk-own-0123456789", NO_KEY)
    failure = bench.fails(IDEAS, item)
    assert type(failure) is UpstreamRejected and sent_keys(bench) == {"sk-own-0123456789"} and bench.wire.calls() == 1
    line(row(bench, "401 of the own key", "own key", failure.message, 1, IDEAS.state(bench.made)))


def test_an_own_keys_outage_is_no_other_accounts(bench: Bench, new_bench: New, line: Line) -> None:
    """The same server and even the same key: another account's circuit is its own."""
    item = IDEAS.setup(bench.made)
    with_own_key(bench, "sk-shared-0123456789")
    bench.wire.always(CHAT, BUSY)
    for _ in range(4):
        fails(bench, item)
    assert bench.wire.calls() == 0, "open"
    other = new_bench()
    theirs = IDEAS.setup(other.made)
    with_own_key(other, "sk-shared-0123456789")
    assert other.run("generate_ideas", theirs).credits == 0 and other.wire.calls(CHAT) == 1
    line(row(other, "another account's circuit is open", "own key", "answered", 1, IDEAS.state(other.made)))
