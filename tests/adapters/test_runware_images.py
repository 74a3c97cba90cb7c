"""The Runware adapter against a real server on loopback: what is asked, and what becomes of every kind of answer."""

import base64
from typing import Any

import pytest

from chalicelib.adapters.openai_client import Patience
from chalicelib.adapters.runware_images import DEFAULT_MODEL, RunwareImageModel, edge_px
from chalicelib.adapters.safe_http import SafeHttp
from chalicelib.core.errors import AppError, InvalidAnswer, Moderated, UpstreamRejected, UpstreamUnavailable
from chalicelib.ports import ImageModel, ImageRequest
from tests.adapters.scripted_server import Asked, LoopbackServer, Reply, html_reply, json_reply

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
REQUEST = ImageRequest("A red bike", 1200, 675)
DRAWN = json_reply({"data": [{"imageBase64Data": base64.b64encode(PNG).decode(), "cost": 0.0013, "NSFWContent": False}]})


def model(server: LoopbackServer) -> RunwareImageModel:
    return RunwareImageModel("key-1", url=server.url, http=SafeHttp(allow_loopback=True), patience=Patience(sleep=lambda seconds: None))


def test_a_picture_is_asked_for_and_read() -> None:
    with LoopbackServer([DRAWN]) as server:
        drawing = model(server)
        answer = drawing.draw(REQUEST)
        asked = server.asked[0]
    assert isinstance(drawing, ImageModel)
    assert (answer.data, answer.mime, answer.model, answer.provider, answer.cost_usd) == (
        PNG,
        "image/png",
        DEFAULT_MODEL,
        "runware",
        0.0013,
    )
    task = asked.json()[0]
    assert asked.headers["authorization"] == "Bearer key-1"
    assert (task["taskType"], task["positivePrompt"], task["width"], task["height"]) == ("imageInference", "A red bike", 1216, 704)


def test_an_unknown_cost_stays_unknown() -> None:
    with LoopbackServer([json_reply({"data": [{"imageBase64Data": base64.b64encode(PNG).decode()}]})]) as server:
        assert model(server).draw(REQUEST).cost_usd is None


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (json_reply({"errors": [{"code": "invalidApiKey", "message": "Invalid key key-1."}]}, 401), UpstreamRejected),
        (json_reply({"errors": [{"code": "invalidModel", "message": "No such model."}]}, 400), UpstreamRejected),
        (json_reply({"errors": [{"code": "providerContentModerated", "message": "No."}]}, 400), Moderated),
        (json_reply({"data": [], "errors": [{"code": "x", "message": "Half of it."}]}), UpstreamRejected),
        (json_reply({"data": [{"imageBase64Data": "!!", "cost": 1}]}), InvalidAnswer),
        (json_reply({"data": [{"imageBase64Data": base64.b64encode(b"<svg/>").decode()}]}), InvalidAnswer),
        (json_reply({"data": [{"imageURL": "https://x.test/a.png"}]}), InvalidAnswer),
        (json_reply({"data": [{"NSFWContent": True, "imageBase64Data": ""}]}), Moderated),
        (json_reply({}), InvalidAnswer),
        (json_reply([1]), InvalidAnswer),
        (html_reply("<h1>hello</h1>"), InvalidAnswer),
        (json_reply({}, 404), UpstreamRejected),
    ],
)
def test_what_cannot_be_mended_is_refused_at_once(reply: Reply, error: type[AppError]) -> None:
    with LoopbackServer([reply]) as server:
        with pytest.raises(error) as caught:
            model(server).draw(REQUEST)
        assert len(server.asked) == 1 and "key-1" not in caught.value.message


@pytest.mark.parametrize(
    "busy", [json_reply({"errors": [{"message": "Slow down."}]}, 429), html_reply("gateway", 502), json_reply({}, 500)]
)
def test_what_may_pass_is_asked_again(busy: Reply) -> None:
    with LoopbackServer([busy, DRAWN]) as server:
        assert model(server).draw(REQUEST).data == PNG
    script: list[Any] = [busy] * 10
    with LoopbackServer(script) as server, pytest.raises(UpstreamUnavailable):
        model(server).draw(REQUEST)


def test_a_key_that_is_none_asks_nobody() -> None:
    for key in ("", "  ", "sch\u00fcssel", "a\nb"):
        with pytest.raises(UpstreamRejected):
            RunwareImageModel(key).draw(REQUEST)


@pytest.mark.parametrize(("wanted", "drawn"), [(1200, 1216), (675, 704), (64, 128), (5000, 2048), (1024, 1024)])
def test_edges_are_what_runware_draws(wanted: int, drawn: int) -> None:
    assert edge_px(wanted) == drawn


def entry(**named: Any) -> dict[str, Any]:
    return {"imageBase64Data": base64.b64encode(PNG).decode(), "cost": 0.001, **named}


def test_a_picture_beside_an_error_is_a_picture_and_an_error_beside_anothers_picture_is_an_error() -> None:
    """Partial success is normal: each entry belongs to the task it names."""

    def partly(mine: str, theirs: str) -> Any:
        def answer(asked: Asked) -> Reply:
            uuid = asked.json()[0]["taskUUID"]
            found = {"data": [], "errors": []}
            found[mine].append(entry(taskUUID=uuid) if mine == "data" else {"taskUUID": uuid, "code": "x", "message": "Mine."})
            found[theirs].append(entry(taskUUID="other") if theirs == "data" else {"taskUUID": "other", "code": "x", "message": "Theirs."})
            return json_reply(found)

        return answer

    with LoopbackServer(partly("data", "errors")) as server:
        assert model(server).draw(REQUEST).data == PNG
    with LoopbackServer(partly("errors", "data")) as server, pytest.raises(UpstreamRejected, match="Mine"):
        model(server).draw(REQUEST)


@pytest.mark.parametrize(
    ("status", "error", "kind", "reason"),
    [
        (401, {"code": "invalidApiKey", "message": "Invalid key key-1."}, UpstreamRejected, "key_refused"),
        (400, {"code": "invalidApiKey", "message": "Invalid key."}, UpstreamRejected, "key_refused"),
        (402, {"message": "Pay."}, UpstreamRejected, "no_quota"),
        (400, {"code": "insufficientCredits", "message": "Top up."}, UpstreamRejected, "no_quota"),
        (403, {"code": "forbidden", "message": "Not from here."}, UpstreamRejected, "not_allowed"),
        (400, {"code": "invalidModel", "message": "No such model.", "parameter": "model"}, UpstreamRejected, "model_gone"),
        (404, {"code": "x", "message": "No such model.", "parameter": "model"}, UpstreamRejected, "model_gone"),
        (400, {"code": "invalidWidth", "message": "Too wide.", "parameter": "width"}, UpstreamRejected, None),
        (200, {"code": "timeoutProvider", "message": "The provider timed out."}, UpstreamUnavailable, None),
        (400, {"code": "providerRateLimitExceeded", "message": "Slow down."}, UpstreamUnavailable, None),
        (400, {"code": "invalidTimeout", "message": "No such timeout."}, UpstreamRejected, None),
    ],
)
def test_reasons_are_those_of_the_other_adapters(status: int, error: dict[str, Any], kind: type[AppError], reason: str | None) -> None:
    with LoopbackServer(lambda asked: json_reply({"errors": [error]}, status)) as server, pytest.raises(kind) as caught:
        model(server).draw(REQUEST)
    assert type(caught.value) is kind and caught.value.extra.get("reason") == reason and "key-1" not in caught.value.message
