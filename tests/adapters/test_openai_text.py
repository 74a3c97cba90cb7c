"""The text adapter against a server that answers as OpenAI does and as its imitators do, with the real client and real sockets."""

import base64
import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel, Field

from chalicelib.adapters.openai_client import OpenAIConnection, Patience
from chalicelib.adapters.openai_images import OpenAIImageModel, size_px
from chalicelib.adapters.openai_text import OpenAITextModel
from chalicelib.adapters.safe_http import HttpAnswer, SafeHttp, UrlRefused
from chalicelib.core.errors import AppError, InvalidAnswer, Moderated, UpstreamRejected, UpstreamUnavailable
from chalicelib.ports import ImageModel, ImageRequest, Repair, TextModel, TextRequest
from tests.adapters.scripted_server import LoopbackServer, Reply, api_error, chat, html_reply, json_reply

KEY = "sk-test-0123456789abcdef"


class Name(BaseModel):
    key: str
    words: int = Field(ge=1)


class Names(BaseModel):
    names: list[Name]


GOOD = '{"names": [{"key": "c1", "words": 2}]}'
REQUEST = TextRequest("auto_cluster", "You name clusters.", "Name these.", Names, max_output_tokens=500, timeout_seconds=10.0)


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now, self.slept = 0.0, list[float]()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def patience(self) -> Patience:
        return Patience(sleep=self.sleep, monotonic=lambda: self.now, jitter=lambda: 1.0)


def model(server: LoopbackServer, name: str = "gpt-6-luna", time: Time | None = None, **options: Any) -> OpenAITextModel:
    http = SafeHttp(allow_loopback=True)
    return OpenAITextModel(KEY, name, server.url + "/v1", http=http, patience=(time or Time()).patience(), **options)


def test_asks_with_the_schema_and_returns_the_text_as_it_came() -> None:
    with LoopbackServer([chat(GOOD)]) as server:
        asker = model(server)
        assert isinstance(asker, TextModel)
        answer = asker.complete(REQUEST)
    assert (answer.text, answer.model, answer.provider, answer.tokens_in, answer.tokens_out) == (GOOD, "gpt-6-luna", "openai", 1000, 200)
    (asked,) = server.asked
    sent = asked.json()
    assert asked.path == "/v1/chat/completions" and asked.headers["authorization"] == f"Bearer {KEY}"
    assert [m["role"] for m in sent["messages"]] == ["system", "user"] and sent["messages"][1]["content"] == "Name these."
    schema = sent["response_format"]["json_schema"]
    assert schema["strict"] is True and schema["schema"]["required"] == ["names"]
    assert "max_tokens" not in sent and "temperature" not in sent and not sent["stream"]


def test_a_repair_is_asked_as_further_turns() -> None:
    with LoopbackServer([chat(GOOD)]) as server:
        model(server).complete(replace(REQUEST, repair=Repair('{"names": []}', ["names: too few", "key c1 is missing"])))
    turns = server.asked[0].json()["messages"]
    assert [t["role"] for t in turns] == ["system", "user", "assistant", "user"]
    assert turns[2]["content"] == '{"names": []}' and "- key c1 is missing" in turns[3]["content"]


@pytest.mark.parametrize(
    ("name", "options", "sent", "not_sent"),
    [
        ("gpt-6-luna", {}, {"reasoning_effort": "low", "max_completion_tokens": 4500}, ["temperature"]),
        ("gpt-6-luna", {"temperature": 0.3}, {"reasoning_effort": "low"}, ["temperature"]),
        ("gpt-6-luna", {"temperature": 0.3, "reasoning_effort": "none"}, {"temperature": 0.3, "max_completion_tokens": 500}, []),
        ("gpt-6.1-terra", {"reasoning_effort": "high"}, {"max_completion_tokens": 32500}, []),
        ("o4-mini", {}, {"reasoning_effort": "low"}, []),
        ("gpt-4.1-mini", {"temperature": 0.3}, {"temperature": 0.3, "max_completion_tokens": 500}, ["reasoning_effort"]),
        ("llama-3.3-70b", {}, {"max_completion_tokens": 500}, ["reasoning_effort", "temperature"]),
    ],
)
def test_parameters_follow_the_model(name: str, options: dict[str, Any], sent: dict[str, Any], not_sent: list[str]) -> None:
    with LoopbackServer([chat(GOOD)]) as server:
        model(server, name, **options).complete(REQUEST)
    body = server.asked[0].json()
    assert {key: body[key] for key in sent} == sent and not set(not_sent) & set(body)


def test_an_optional_parameter_the_server_does_not_know_is_left_out_from_then_on() -> None:
    def refusal(parameter: str) -> Reply:
        return api_error(400, "unsupported_parameter", f"Unsupported parameter: {parameter}", parameter)

    with LoopbackServer([refusal("reasoning_effort"), refusal("max_completion_tokens"), chat(GOOD), chat(GOOD)]) as server:
        asker = model(server)
        asker.complete(REQUEST)
        asker.complete(REQUEST)
    for asked in server.asked[2:]:
        assert asked.json()["max_tokens"] == 500 and "reasoning_effort" not in asked.json()


@pytest.mark.parametrize(
    ("name", "usage", "cost"),
    [
        ("gpt-6-luna", {"prompt_tokens": 1_000_000, "completion_tokens": 0, "total_tokens": 1_000_000}, None),
        ("unheard-of", {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10}, None),
    ],
)
def test_a_cost_that_nobody_knows_is_none(name: str, usage: dict[str, int], cost: None) -> None:
    """A server that is not OpenAI has prices of its own, also for a model of the same name."""
    with LoopbackServer([chat(GOOD, model=name, usage=usage)]) as server:
        assert model(server).complete(REQUEST).cost_usd is cost


def test_the_price_is_the_list_price_with_cached_tokens() -> None:
    connection = OpenAIConnection(KEY, None, None)
    assert connection.price_usd("gpt-6-luna", input_tokens=100_000, output_tokens=10_000) == pytest.approx(0.1 * 0.1 + 0.01 * 0.5)
    assert connection.price_usd("gpt-6-luna", input_tokens=100_000, cache_read_tokens=100_000, output_tokens=0) == pytest.approx(0.1 * 0.01)
    assert connection.price_usd("gpt-9-unknown-model", input_tokens=1, output_tokens=1) is None


FAULTS: list[tuple[Reply, type[AppError], str]] = [
    (api_error(401, "invalid_api_key", f"Incorrect API key provided: {KEY}."), UpstreamRejected, "does not accept the API key"),
    (api_error(403, "unsupported_country_region_territory", "Country not supported"), UpstreamRejected, "may not use"),
    (api_error(404, "model_not_found", "The model does not exist"), UpstreamRejected, "no model gpt-6-luna"),
    (html_reply("<h1>nginx</h1>", 404), UpstreamRejected, "base URL is wrong"),
    (api_error(400, "context_length_exceeded", "maximum context length is 8192"), UpstreamRejected, "longer than the model"),
    (
        api_error(400, None, "request (1912 tokens) exceeds the available context size (1792 tokens)"),
        UpstreamRejected,
        "longer than the model",
    ),
    (api_error(400, None, "Invalid schema"), UpstreamRejected, r"refuses the request \(400\)"),
    (api_error(400, "content_policy_violation", "Your request was rejected"), Moderated, "moderation"),
    (api_error(402, None, "Insufficient credits"), UpstreamRejected, "no quota left"),
    (api_error(422, None, "Unprocessable"), UpstreamRejected, "422"),
    (api_error(429, "insufficient_quota", "You exceeded your current quota"), UpstreamRejected, "no quota left"),
    (Reply(302, b"", {"Location": "http://169.254.169.254/"}), UpstreamRejected, "redirects"),
    (html_reply("<html>hello</html>"), InvalidAnswer, "not JSON"),
    (Reply(200, b'{"choices": [', {"Content-Type": "application/json"}), InvalidAnswer, "not JSON"),
    (json_reply([1, 2]), InvalidAnswer, "OpenAI's form"),
    (json_reply({"choices": []}), InvalidAnswer, "OpenAI's form"),
    (json_reply({"choices": [{"message": None}]}), InvalidAnswer, "empty|form"),
    (json_reply({"error": {"code": 401, "message": "no key"}}), UpstreamRejected, "does not accept the API key"),
    (chat(None), InvalidAnswer, "empty"),
    (chat(""), InvalidAnswer, "empty"),
    (chat(None, refusal="I can't help with that."), InvalidAnswer, "refuses: I can't help"),
    (chat('{"names": [{"key"', "length"), InvalidAnswer, "longer than 500 tokens"),
    (chat("", "content_filter"), InvalidAnswer, "content filter"),
    (chat("Sure! Here are the names."), InvalidAnswer, "form asked for"),
    (chat('{"names": [{"key": "c1", "words": 0}]}'), InvalidAnswer, "names.0.words"),
]


@pytest.mark.parametrize(("reply", "error", "words"), FAULTS)
def test_faults_that_asking_again_cannot_mend(reply: Reply, error: type[AppError], words: str) -> None:
    with LoopbackServer([reply]) as server, pytest.raises(error, match=words) as caught:
        model(server).complete(REQUEST)
    assert type(caught.value) is error and len(server.asked) == 1, "asked once"
    assert KEY not in json.dumps(caught.value.body()) and "sk-" not in str(caught.value)


UNAVAILABLE: list[Reply] = [
    api_error(408, None, "timeout"),
    api_error(409, None, "conflict"),
    api_error(429, "rate_limit_exceeded", "slow down"),
    api_error(500, None, "server error"),
    html_reply("bad gateway", 502),
    api_error(503, "overloaded", "overloaded"),
    json_reply({"error": {"code": 503, "message": "no provider"}}),
    Reply(200, b'{"id": "chatcmpl-1", "choices": []}', cut_after=10),
    Reply(200, b"x", cut_after=0),
]


@pytest.mark.parametrize("reply", UNAVAILABLE)
def test_faults_that_pass_are_asked_again(reply: Reply) -> None:
    time = Time()
    with LoopbackServer([reply, reply, chat(GOOD)]) as server:
        assert model(server, time=time).complete(REQUEST).text == GOOD
    assert len(server.asked) == 3 and time.slept == [0.5, 1.0]


@pytest.mark.parametrize("reply", UNAVAILABLE)
def test_faults_that_stay_are_unavailable_after_four_attempts(reply: Reply) -> None:
    with LoopbackServer([reply] * 5) as server, pytest.raises(UpstreamUnavailable):
        model(server).complete(REQUEST)
    assert len(server.asked) == 4


def test_retry_after_is_kept_when_there_is_time_and_handed_on_when_not() -> None:
    time = Time()
    with LoopbackServer([api_error(429, None, "slow", Retry_After="3"), chat(GOOD)]) as server:
        model(server, time=time).complete(REQUEST)
    assert time.slept == [3.0]
    with LoopbackServer([api_error(429, None, "slow", Retry_After="60"), chat(GOOD)]) as server:
        with pytest.raises(UpstreamUnavailable) as caught:
            model(server, time=Time()).complete(REQUEST)
        assert caught.value.retry_after_seconds == 60 and len(server.asked) == 1


@pytest.mark.parametrize("reply", [Reply(hang=True), Reply(200, b" " * 10_000, drip=True)])
def test_no_server_holds_a_call_longer_than_it_may_take(reply: Reply) -> None:
    with LoopbackServer([reply] * 9) as server, pytest.raises(UpstreamUnavailable, match="did not answer within"):
        OpenAITextModel(KEY, "gpt-6-luna", server.url, http=SafeHttp(allow_loopback=True)).complete(replace(REQUEST, timeout_seconds=0.4))
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (chat('{"names": [{"key": "c1", "words": 0}]}'), '{"names": [{"key": "c1", "words": 0}]}'),
        (chat("Sure!"), "Sure!"),
        (chat('{"names": [', "length"), '{"names": ['),
        (chat(None, refusal="no"), None),
    ],
)
def test_an_unusable_answer_comes_with_the_error_so_that_it_can_be_repaired(reply: Reply, answer: str | None) -> None:
    with LoopbackServer([reply]) as server, pytest.raises(InvalidAnswer) as caught:
        model(server).complete(REQUEST)
    assert caught.value.extra.get("answer") == answer
    assert (caught.value.extra["tokens_in"], caught.value.extra["tokens_out"]) == (1000, 200), "it was paid for"


@pytest.mark.parametrize("key", ["", "  ", "sk-ünï", "sk-a\nb"])
def test_a_key_that_cannot_be_one_is_said_without_calling(key: str) -> None:
    with LoopbackServer([]) as server, pytest.raises(UpstreamRejected, match="API key"):
        OpenAITextModel(key, "gpt-6-luna", server.url, http=SafeHttp(allow_loopback=True)).complete(REQUEST)
    assert server.asked == []


def test_a_base_url_that_leads_inside_is_refused() -> None:
    with LoopbackServer([chat(GOOD)]) as server:
        for url in (server.url, "https://10.0.0.1/v1", "https://169.254.169.254/v1", "http://example.com/v1"):
            with pytest.raises(UrlRefused):
                OpenAITextModel(KEY, "gpt-6-luna", url).complete(REQUEST)
        assert server.asked == []


def test_importing_the_adapters_does_not_import_openai() -> None:
    code = (
        "import sys, chalicelib.adapters.openai_text, chalicelib.adapters.openai_images, chalicelib.adapters.wordpress\n"
        "print([m for m in ('openai', 'httpx2', 'genai_prices', 'numpy', 'boto3') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


# Images

JPEG = b"\xff\xd8\xff\xe0" + b"0" * 50
USAGE = {"input_tokens": 50, "output_tokens": 1000, "total_tokens": 1050, "input_tokens_details": {"text_tokens": 50, "image_tokens": 0}}
DRAWN = {"created": 1, "data": [{"b64_json": base64.b64encode(JPEG).decode()}], "usage": USAGE}


def painter(server: LoopbackServer) -> OpenAIImageModel:
    return OpenAIImageModel(KEY, "gpt-image-2", server.url + "/v1", http=SafeHttp(allow_loopback=True), patience=Time().patience())


def test_draws_an_image() -> None:
    with LoopbackServer([api_error(429, None, "slow"), json_reply(DRAWN)]) as server:
        asker = painter(server)
        assert isinstance(asker, ImageModel)
        answer = asker.draw(ImageRequest("A trail", 1200, 675))
    assert (answer.data, answer.mime, answer.model, answer.cost_usd) == (JPEG, "image/jpeg", "gpt-image-2", None)
    sent = server.asked[1].json()
    assert (sent["size"], sent["model"], sent["output_format"]) == ("1200x688", "gpt-image-2", "jpeg")
    assert "response_format" not in sent, "these models always answer with base64 and refuse to be asked"


def test_an_image_at_openai_has_its_list_price() -> None:
    class Answers:
        def request(self, method: str, url: str, **named: Any) -> HttpAnswer:
            assert url == "https://api.openai.com/v1/images/generations"
            return HttpAnswer(200, {"content-type": "application/json"}, json.dumps(DRAWN).encode())

    answer = OpenAIImageModel(KEY, "gpt-image-2", http=Answers()).draw(ImageRequest("A trail", 1024, 1024))
    assert answer.cost_usd == pytest.approx((50 * 5 + 1000 * 30) / 1e6)


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (api_error(400, "moderation_blocked", "Your request was rejected by the safety system"), Moderated, "moderation"),
        (api_error(401, None, "no"), UpstreamRejected, "API key"),
        (json_reply({"created": 1, "data": [{"url": "https://x.example/1.png"}]}), InvalidAnswer, "not an image"),
        (json_reply({"created": 1, "data": []}), InvalidAnswer, "without an image"),
        (json_reply({"created": 1, "data": [{"b64_json": "%%%"}]}), InvalidAnswer, "damaged"),
        (json_reply({"created": 1, "data": [{"b64_json": "PHN2Zz4="}]}), InvalidAnswer, "not an image"),
        (html_reply("<html></html>"), InvalidAnswer, "not JSON"),
    ],
)
def test_image_faults(reply: Reply, error: type[AppError], words: str) -> None:
    with LoopbackServer([reply]) as server, pytest.raises(error, match=words):
        painter(server).draw(ImageRequest("A trail", 1200, 675))
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("name", "wanted", "size"),
    [
        ("gpt-image-2", (1024, 1024), (1024, 1024)), ("gpt-image-2", (1536, 864), (1536, 864)), ("gpt-image-2", (100, 100), (816, 816)),
        ("gpt-image-1.5", (1200, 675), (1536, 1024)), ("gpt-image-1-mini", (600, 900), (1024, 1536)),
        ("gpt-image-1.5", (500, 500), (1024, 1024)),
    ],
)  # fmt: skip
def test_sizes_are_such_as_the_model_draws(name: str, wanted: tuple[int, int], size: tuple[int, int]) -> None:
    assert size_px(name, *wanted) == size


def test_every_size_keeps_the_models_limits() -> None:
    for width in (1, 16, 333, 1200, 3840, 9999):
        for height in (1, 77, 675, 2160, 12_345):
            w, h = size_px("gpt-image-2", width, height)
            assert w % 16 == 0 and h % 16 == 0 and 655_360 <= w * h <= 3840 * 2160 and max(w, h) <= 3840 and max(w, h) <= 3 * min(w, h)
