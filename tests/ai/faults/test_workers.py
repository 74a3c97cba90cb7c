"""Faults as the queue workers and the stage Lambdas meet them: what is delivered again, what is told, and what is left behind."""

from collections.abc import Callable, Iterator

import pytest

from chalicelib import deps as wiring
from chalicelib.core.entry import MAX_RECEIVES
from chalicelib.writer.images import images_of
from tests.adapters.scripted_server import api_error
from tests.ai.faults.bench import Bench
from tests.ai.faults.lambdas import Running, asked_by_hand, shown, task_of
from tests.ai.faults.pictures import REFUSED
from tests.ai.faults.row import Row
from tests.ai.faults.wire import CHAT, IMAGES, RUNWARE
from tests.ai.faults.works import CONTENT, PICTURE

Line = Callable[[Row], None]
BUSY = api_error(503, "overloaded", "The engine is currently overloaded")
NO_KEY = api_error(401, "invalid_api_key", "Incorrect API key provided")


@pytest.fixture
def wired(bench: Bench) -> Iterator[Bench]:
    """The bench, whose account the Lambdas work for."""
    wiring.use(bench.ctx.deps)
    yield bench
    bench.sound()
    wiring.use(None)


def row(bench: Bench, fault: str, where: str, outcome: str, calls: int, state: str) -> Row:
    return Row(fault, where, outcome, calls, f"100 -> {bench.credits}, {bench.ledger.balance().reserved} held", state)


def test_an_outage_is_waited_out_and_given_up_at_the_last_delivery(wired: Bench, line: Line) -> None:
    queue, task = asked_by_hand(wired, "generate_content", wired.made.a_task())
    wired.wire.always(CHAT, BUSY)
    for receives in range(1, MAX_RECEIVES):
        assert not queue.deliver() and shown(wired, task)["state"] == "running", receives
        wired.later(queue.postponed[-1])
    assert queue.deliver(), "the task says so itself; no dead letter"
    told = shown(wired, task)
    assert told["state"] == "failed" and told["error"]["code"] == "upstream_unavailable"
    assert told["error"]["message"].startswith("Given up after several tries: ") and "127.0.0.1" in told["error"]["message"]
    assert (CONTENT.state(wired.made), wired.credits) == ("task queued, failed", 100)
    assert task_of(wired).last_error == told["error"]["message"]
    line(row(wired, "503 at each delivery", "ai_worker", told["error"]["message"], wired.wire.calls(CHAT), "task queued, failed"))


def test_an_outage_that_passes(wired: Bench, line: Line) -> None:
    queue, task = asked_by_hand(wired, "generate_content", wired.made.a_task())
    wired.wire.then(CHAT, BUSY, BUSY, BUSY, BUSY)
    assert not queue.deliver()
    assert queue.deliver() and shown(wired, task)["state"] == "succeeded"
    calls = wired.wire.calls(CHAT)
    assert queue.deliver() and wired.wire.calls(CHAT) == calls, "delivered once more, it is not done again"
    assert (CONTENT.state(wired.made), wired.credits) == (CONTENT.done, 100 - CONTENT.credits)
    line(row(wired, "503, then good", "ai_worker", "succeeded at the second delivery", calls, CONTENT.done))


def test_a_wait_that_the_provider_asks_for_is_the_queues(wired: Bench, line: Line) -> None:
    queue, _ = asked_by_hand(wired, "generate_content", wired.made.a_task())
    wired.wire.always(CHAT, api_error(429, "rate_limit_exceeded", "Slow down", retry_after="600"))
    assert not queue.deliver() and wired.wire.calls(CHAT) == 1
    assert 600 <= queue.postponed[-1] <= 900 and wired.time.slept == []
    line(row(wired, "429 retry-after 600", "ai_worker", "delivered again after 10 to 15 minutes", 1, CONTENT.state(wired.made)))


def test_a_refused_key_ends_the_task_at_once(wired: Bench, line: Line) -> None:
    queue, task = asked_by_hand(wired, "generate_content", wired.made.a_task())
    wired.wire.always(CHAT, NO_KEY)
    assert queue.deliver()
    told = shown(wired, task)
    assert told["state"] == "failed" and told["error"]["message"] == "The provider does not accept the API key."
    assert (CONTENT.state(wired.made), wired.credits, wired.wire.calls(CHAT)) == ("task queued, failed", 100, 1)
    assert task_of(wired).last_error == "The provider does not accept the API key."
    line(row(wired, "401 key", "ai_worker", told["error"]["message"], 1, "task queued, failed"))
    wired.an_hour_later()
    wiring.use(wired.ctx.deps)
    again, _ = asked_by_hand(wired, "generate_content", wired.made.task)
    assert again.deliver() and CONTENT.state(wired.made) == CONTENT.done and wired.credits == 100 - CONTENT.credits
    assert task_of(wired).last_error is None


def test_a_lambda_that_ends_soon_asks_nobody(wired: Bench, line: Line) -> None:
    queue, task = asked_by_hand(wired, "generate_content", wired.made.a_task())
    assert not queue.deliver(seconds=5) and wired.wire.calls(CHAT) == 0
    assert queue.deliver() and shown(wired, task)["state"] == "succeeded" and wired.credits == 100 - CONTENT.credits
    line(row(wired, "5 s are left", "ai_worker", "no_time, then succeeded", wired.wire.calls(CHAT), CONTENT.state(wired.made)))


def test_a_picture_asked_for_by_hand_that_moderation_refuses(wired: Bench, line: Line) -> None:
    queue, task = asked_by_hand(wired, "generate_images", wired.made.an_image())
    wired.wire.always(IMAGES, REFUSED[IMAGES])
    assert queue.deliver()
    (image,) = images_of(wired.ctx, wired.made.content)
    told = shown(wired, task)
    assert told["state"] == "failed" and told["error"]["message"] == image.error and "moderation" in str(image.error)
    assert (PICTURE.state(wired.made), wired.credits) == ("image failed, content review", 100), "the article does not wait for it"
    line(row(wired, "400 moderation", "image_worker", told["error"]["message"], 1, PICTURE.state(wired.made)))


# A run's pictures, through the image queue


@pytest.mark.parametrize(("drawing", "endpoint"), [("openai", IMAGES), ("runware", RUNWARE)])
def test_some_pictures_of_an_article(new_bench: Callable[..., Bench], line: Line, drawing: str, endpoint: str) -> None:
    """The middle one is refused: the others are drawn and charged, and the article goes on to review."""
    bench = new_bench(image_provider=drawing)
    wiring.use(bench.ctx.deps)
    try:
        bench.made.some_images(3)
        running = Running.of(bench)
        bench.wire.then(endpoint, None, REFUSED[endpoint], None)
        queue = running.message(bench.made.content)
        assert queue.deliver() and running.told == [{"item": bench.made.content}]
        state = bench.made.image_state()
        assert sorted(state.partition(",")[0].removeprefix("image ").split("/")) == ["failed", "generated", "generated"]
        assert state.endswith("content review") and (bench.taken, bench.wire.calls(endpoint)) == (8, 3)
        assert any("could not be drawn" in text for text in running.log())
        assert queue.deliver() and bench.wire.calls(endpoint) == 3 and running.shown()["credits"] == 8, "not once more"
        running.ends()
    finally:
        wiring.use(None)
    line(row(bench, "2 of 3 pictures", f"image_worker {drawing}", "done, one picture failed", 3, state))


def test_an_outage_between_pictures(wired: Bench, line: Line) -> None:
    """What is drawn stays and is charged; the next delivery draws the rest."""
    wired.made.some_images(3)
    running = Running.of(wired)
    wired.wire.then(IMAGES, None, *[BUSY] * 4)
    queue = running.message(wired.made.content)
    assert not queue.deliver() and running.told == [] and wired.taken == 4
    assert wired.made.image_state().count("generated") == 1
    assert queue.deliver() and running.told == [{"item": wired.made.content}]
    assert wired.taken == 12 and wired.wire.calls(IMAGES) == 5 + 2
    running.ends()
    line(row(wired, "503 after 1 of 3", "image_worker", "done at the second delivery", 7, wired.made.image_state()))


def test_a_refused_key_fails_the_item_and_leaves_its_pictures_open(wired: Bench, line: Line) -> None:
    wired.made.some_images(3)
    running = Running.of(wired)
    wired.wire.always(IMAGES, NO_KEY)
    assert running.message(wired.made.content).deliver() and wired.wire.calls(IMAGES) == 1
    assert running.told == [("UpstreamRejected", "The provider does not accept the API key.")] and wired.taken == 0
    state = wired.made.image_state()
    assert state == "image pending/pending/pending, content draft"
    running.ends()
    line(row(wired, "401 key", "image_worker", running.told[0][1], 1, state))


# A run's articles, through the stage's Lambda


def test_an_article_that_fails_in_a_run_says_why_and_is_written_later(wired: Bench, line: Line) -> None:
    item = wired.made.a_task()
    running = Running.of(wired)
    wired.wire.always(CHAT, NO_KEY)
    failure = running.fails(4, item)
    task = task_of(wired)
    assert (task.status, task.generation_state, task.attempts) == ("queued", "failed", 1)
    assert task.last_error == f"UpstreamRejected: {failure.message}"
    assert (wired.taken, wired.wire.calls(CHAT)) == (0, 1) and any(failure.message in text for text in running.log())
    running.ends()
    line(row(wired, "401 key", "stage_4", task.last_error, 1, wired.made.task_state()))
    wired.an_hour_later()
    wiring.use(wired.ctx.deps)
    again = Running.of(wired)
    assert again.stage(4, "run", item=item) == {"credits": CONTENT.credits}
    assert again.stage(4, "run", item=item) == {"recorded": True}
    assert wired.made.task_state() == CONTENT.done and wired.taken == CONTENT.credits
    again.ends()


def test_an_open_circuit_pauses_the_run(wired: Bench, line: Line) -> None:
    """Three calls without an answer: the fourth item is not tried, the run waits, and nothing is lost."""
    item = wired.made.a_task()
    running = Running.of(wired)
    wired.wire.always(CHAT, BUSY)
    for _ in range(2):
        with pytest.raises(Exception, match="503"):
            running.stage(4, "run", item=item)
    assert running.stage(4, "run", item=item) == {"halted": True} and running.shown()["status"] == "paused"
    calls = wired.wire.calls(CHAT)
    told = running.shown()
    assert calls == 12 and told["reason"] == "provider" and told["resumes_at"] > told["paused_at"]
    assert (wired.made.task_state(), wired.taken) == (CONTENT.waiting, 0)
    running.ends()
    line(row(wired, "503 for each item", "stage_4", "run paused until the provider is asked again", calls, CONTENT.waiting))
