"""What the OpenAI adapters share, at its edges: patience within the worker's time, reasons of refusals, the list of models."""

from typing import Any

import pytest

from chalicelib import deps
from chalicelib.adapters.openai_client import LEAST_WORKER_SECONDS, Patience
from chalicelib.adapters.openai_images import OpenAIImageModel
from chalicelib.adapters.openai_text import OpenAITextModel
from chalicelib.adapters.safe_http import SafeHttp
from chalicelib.core import deadline
from chalicelib.core.config import Config
from chalicelib.core.context import ProviderChoice
from chalicelib.core.errors import AppError, InvalidAnswer, UpstreamRejected, UpstreamUnavailable, ValidationFailed
from chalicelib.ports import ImageRequest, ModelList
from tests.adapters.scripted_server import LoopbackServer, Reply, api_error, chat, html_reply, json_reply
from tests.adapters.test_openai_text import GOOD, KEY, REQUEST
from tests.adapters.test_openai_text import model as text_model


class Worker:
    """A clock that only sleeping and asking move, and a worker with an end. seconds: what each question takes."""

    def __init__(self, left: float | None, seconds: float = 0.0) -> None:
        self.now, self.end, self.seconds = 100.0, None if left is None else 100.0 + left, seconds
        self.given: list[float] = []
        self.slept: list[float] = []

    def patience(self) -> Patience:
        return Patience(sleep=self.sleep, monotonic=lambda: self.now, jitter=lambda: 1.0, left=self.left)

    def left(self) -> float | None:
        return None if self.end is None else self.end - self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def ask(self, error: Exception | None = None) -> Any:
        def question(seconds: float) -> str:
            self.given.append(seconds)
            self.now += min(self.seconds, seconds)
            if error is not None:
                raise error
            return "answer"

        return question


OUT = UpstreamUnavailable("500")


@pytest.mark.parametrize(("left", "given"), [(None, 60.0), (500.0, 60.0), (25.0, 25.0)])
def test_a_call_ends_with_the_worker(left: float | None, given: float) -> None:
    worker = Worker(left)
    assert worker.patience().call(worker.ask(), 60.0) == "answer" and worker.given == [given]


@pytest.mark.parametrize(("left", "timeout", "asked"), [(9.0, 60.0, 0), (-5.0, 60.0, 0), (9.0, 5.0, 1), (4.0, 5.0, 0), (10.0, 60.0, 1)])
def test_without_time_for_an_answer_nothing_is_asked(left: float, timeout: float, asked: int) -> None:
    worker = Worker(left)
    if asked:
        worker.patience().call(worker.ask(), timeout)
    else:
        with pytest.raises(UpstreamUnavailable) as caught:
            worker.patience().call(worker.ask(), timeout)
        assert (caught.value.extra["reason"], caught.value.retry_after_seconds) == ("no_time", 1)
    assert len(worker.given) == asked and LEAST_WORKER_SECONDS == 10.0


def test_an_answer_that_the_workers_end_cut_off_is_not_the_providers_fault() -> None:
    worker = Worker(25.0, seconds=60.0)
    with pytest.raises(UpstreamUnavailable) as caught:
        worker.patience().call(worker.ask(UpstreamUnavailable("late")), 60.0)
    assert caught.value.extra["reason"] == "no_time" and worker.now == 125.0
    worker = Worker(500.0, seconds=60.0)
    with pytest.raises(UpstreamUnavailable) as caught:
        worker.patience().call(worker.ask(UpstreamUnavailable("late")), 60.0)
    assert "reason" not in caught.value.extra, "the whole of the call's own time was not enough"


def test_a_wait_beyond_the_workers_end_is_left_to_the_queue() -> None:
    worker = Worker(25.0)
    with pytest.raises(UpstreamUnavailable) as caught:
        worker.patience().call(worker.ask(UpstreamUnavailable("429", retry_after_seconds=40.0)), 60.0)
    assert (caught.value.retry_after_seconds, worker.slept, len(worker.given)) == (40.0, [], 1)
    assert "reason" not in caught.value.extra
    worker = Worker(None)
    with pytest.raises(UpstreamUnavailable):
        worker.patience().call(worker.ask(UpstreamUnavailable("429", retry_after_seconds=5.0)), 60.0)
    assert worker.slept == [5.0] * 3, "with time, the wait is kept"


def test_a_worker_near_its_end_asks_as_often_as_fits() -> None:
    worker = Worker(11.5, seconds=5.0)
    with pytest.raises(UpstreamUnavailable) as caught:
        worker.patience().call(worker.ask(OUT), 60.0)
    assert worker.given == [11.5, 6.0] and worker.now <= 111.5
    assert "reason" not in caught.value.extra, "the provider did answer, with a 500"


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (api_error(401, "invalid_api_key", "Incorrect"), "key_refused"),
        (api_error(429, "insufficient_quota", "Quota"), "no_quota"),
        (api_error(402, None, "Pay"), "no_quota"),
        (api_error(403, None, "Country"), "not_allowed"),
        (api_error(404, "model_not_found", "The model `gpt-6-luna` does not exist"), "model_gone"),
        (api_error(404, None, 'model "gpt-6-luna" not found, try pulling it first'), "model_gone"),
        (api_error(410, None, "Retired"), "model_gone"),
        (api_error(400, "model_not_found", "No such model"), "model_gone"),
        (json_reply({"error": {"code": 404, "message": "No endpoints for the model"}}), "model_gone"),
        (html_reply("<h1>nginx</h1>", 404), None),
        (api_error(400, "context_length_exceeded", "Too long"), "too_long"),
        (api_error(400, None, "Invalid schema"), None),
    ],
)
def test_a_refusal_says_its_reason(reply: Reply, reason: str | None) -> None:
    with LoopbackServer([reply]) as server, pytest.raises(UpstreamRejected) as caught:
        text_model(server).complete(REQUEST)
    assert caught.value.extra.get("reason") == reason


def test_the_server_says_which_models_end() -> None:
    listed = [
        {"id": "gpt-6-luna", "object": "model", "created": 1, "owned_by": "openai", "shutdown_date": None},
        {"id": "gpt-4o", "object": "model", "created": 1, "owned_by": "openai", "shutdown_date": "2027-01-14"},
        {"id": "gpt-5", "object": "model", "created": 1, "owned_by": "openai", "shutdown_date": "2026-12-11T00:00:00Z"},
        {"id": "llama", "shutdown_date": "some day"},
    ]
    with LoopbackServer([json_reply({"object": "list", "data": listed})]) as server:
        asker = text_model(server)
        assert isinstance(asker, ModelList)
        assert asker.offered(5.0) == {"gpt-6-luna": None, "gpt-4o": "2027-01-14", "gpt-5": "2026-12-11", "llama": None}
    assert (server.asked[0].method, server.asked[0].path) == ("GET", "/v1/models")


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (html_reply("<html></html>"), InvalidAnswer),
        (json_reply([1]), InvalidAnswer),
        (json_reply({"data": [{"name": "x"}]}), InvalidAnswer),
        (json_reply({"data": None}), InvalidAnswer),
        (api_error(404, None, "Not here"), UpstreamRejected),
        (api_error(401, None, "no"), UpstreamRejected),
    ],
)
def test_a_server_without_such_a_list_says_so(reply: Reply, error: type[AppError]) -> None:
    with LoopbackServer([reply]) as server, pytest.raises(error) as caught:
        text_model(server).offered(5.0)
    assert type(caught.value) is error


def test_an_error_with_status_200_instead_of_an_image_is_an_error() -> None:
    busy = json_reply({"error": {"code": 503, "message": "no capacity"}})
    with LoopbackServer([busy]) as server, pytest.raises(UpstreamUnavailable):
        http, once = SafeHttp(allow_loopback=True), Patience(attempts=1)
        OpenAIImageModel(KEY, "gpt-image-2", server.url, http=http, patience=once).draw(ImageRequest("A bike", 1024, 1024))


# --- as the deployment wires them -------------------------------------------------------------------------------------------------


def test_an_own_key_never_goes_to_the_platforms_server() -> None:
    """A stand-in for the platform's server gets the platform's requests, and none with an account's key."""
    with LoopbackServer(lambda asked: chat(GOOD)) as server:
        config = Config(openai_base_url=server.url, openai_api_key="sk-platform-0123456789")
        assert deps.text_model(config, ProviderChoice("openai")).complete(REQUEST).text == GOOD
        own = deps.text_model(config, ProviderChoice("openai", "m", "sk-own-0123456789", server.url))
        assert own.complete(REQUEST).text == GOOD
        elsewhere = deps.text_model(config, ProviderChoice("openai", "m", "sk-own-0123456789"))
    assert isinstance(elsewhere, OpenAITextModel) and elsewhere._connection.base_url == "https://api.openai.com/v1"
    assert [asked.headers["authorization"] for asked in server.asked] == ["Bearer sk-platform-0123456789", "Bearer sk-own-0123456789"]


def test_the_platforms_runware_draws() -> None:
    import base64

    picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 20).decode()
    with LoopbackServer(lambda asked: json_reply({"data": [{"imageBase64Data": picture}]})) as server:
        config = Config(runware_api_key="rw-1", runware_model="flux", runware_base_url=server.url)
        drawn = deps.image_model(config, ProviderChoice("runware")).draw(ImageRequest("A bike", 512, 512))
    assert drawn.model == "flux" and server.asked[0].json()[0]["model"] == "flux"
    assert server.asked[0].headers["authorization"] == "Bearer rw-1"
    with pytest.raises(ValidationFailed):
        deps.image_model(Config(), ProviderChoice("runware"))


def test_wired_models_know_the_end_of_their_lambda() -> None:
    class Short:
        def get_remaining_time_in_millis(self) -> int:
            return 9_000

    with LoopbackServer(lambda asked: chat(GOOD)) as server:
        model = deps.text_model(Config(openai_base_url=server.url, openai_api_key=KEY), ProviderChoice("openai"))
        with deadline.of_lambda(Short()), pytest.raises(UpstreamUnavailable) as caught:
            model.complete(REQUEST)
        assert caught.value.extra["reason"] == "no_time" and server.asked == []
        assert model.complete(REQUEST).text == GOOD, "outside of it there is no end"
