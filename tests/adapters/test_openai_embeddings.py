"""The OpenAI embedder sends batches, keeps the order and translates every failure, with the real client and real sockets."""

from typing import Any

import numpy as np
import pytest

from chalicelib.adapters.openai_client import Patience
from chalicelib.adapters.openai_embeddings import OpenAIEmbedder
from chalicelib.adapters.safe_http import SafeHttp
from chalicelib.core.errors import InvalidAnswer, UpstreamRejected, UpstreamUnavailable
from chalicelib.ports import Embedder
from tests.adapters.scripted_server import Asked, LoopbackServer, Reply, api_error, html_reply, json_reply

KEY = "sk-test-0123456789abcdef"


def embedder(server: LoopbackServer, attempts: int = 1) -> OpenAIEmbedder:
    patience = Patience(attempts=attempts, sleep=lambda seconds: None, monotonic=lambda: 0.0, jitter=lambda: 1.0)
    return OpenAIEmbedder(KEY, base_url=server.url + "/v1", http=SafeHttp(allow_loopback=True), patience=patience)


def vectors(asked: Asked) -> Reply:
    """Two numbers per text, in reverse order, as the API does not promise one."""
    data = [{"object": "embedding", "index": at, "embedding": [len(text), 1.0]} for at, text in enumerate(asked.json()["input"])]
    return json_reply({"object": "list", "data": data[::-1], "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}})


def rows(*embeddings: Any) -> Reply:
    return json_reply({"object": "list", "data": [{"index": at, "embedding": one} for at, one in enumerate(embeddings)]})


def test_batches_keep_the_order() -> None:
    texts = ["x" * (at % 50 + 1) for at in range(1_005)]
    with LoopbackServer(vectors) as server:
        asker = embedder(server)
        assert isinstance(asker, Embedder)
        found = asker.embed(texts)
    assert found.shape == (1_005, 2) and found.dtype == np.float32
    assert np.allclose(found[:, 0] / found[:, 1], [len(text) for text in texts], rtol=1e-4)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert [len(one.json()["input"]) for one in server.asked] == [1_000, 5]
    first = server.asked[0]
    assert (first.path, first.headers["authorization"]) == ("/v1/embeddings", f"Bearer {KEY}")
    assert (first.json()["model"], first.json()["encoding_format"]) == ("text-embedding-3-small", "float")


def test_nothing_is_asked_for_nothing_and_no_empty_or_endless_input_is_sent() -> None:
    with LoopbackServer(vectors) as server:
        assert len(embedder(server).embed([])) == 0
        assert server.asked == []
        embedder(server).embed(["", " tea ", "x" * 9_000])
    assert [len(text) for text in server.asked[0].json()["input"]] == [1, 3, 2_000]


@pytest.mark.parametrize(
    ("reply", "error", "text"),
    [
        (api_error(429, "rate_limit_exceeded", "Slow down"), UpstreamUnavailable, "429"),
        (api_error(500, None, "Oops"), UpstreamUnavailable, "500"),
        (api_error(429, "insufficient_quota", "No money"), UpstreamRejected, "quota"),
        (api_error(401, "invalid_api_key", "Incorrect key sk-te"), UpstreamRejected, "key"),
        (api_error(404, "model_not_found", "Unknown"), UpstreamRejected, "text-embedding-3-small"),
        (api_error(400, "invalid", "Bad input"), UpstreamRejected, "Bad input"),
        (html_reply("<html>login</html>"), InvalidAnswer, "not JSON"),
        (Reply(200, b"{broken", {"Content-Type": "application/json"}), InvalidAnswer, "not JSON"),
        (json_reply({"error": {"code": 503, "message": "overloaded"}}), UpstreamUnavailable, "503"),
        (json_reply({"data": None}), InvalidAnswer, "form"),
        (json_reply([1, 2]), InvalidAnswer, "form"),
        (json_reply({"data": []}), InvalidAnswer, "0 vectors for 2"),
        (rows([1, 2]), InvalidAnswer, "1 vectors for 2"),
        (rows([1], [1, 2]), InvalidAnswer, "widths"),
        (rows(["a"], ["b"]), InvalidAnswer, "not of numbers"),
        (rows([], []), InvalidAnswer, "empty"),
        (rows(1, 2), InvalidAnswer, "empty"),
        (rows([float("nan")], [1]), InvalidAnswer, "not finite"),
    ],
)
def test_failures_are_translated(reply: Reply, error: type[Exception], text: str) -> None:
    with LoopbackServer([reply]) as server, pytest.raises(error) as caught:
        embedder(server).embed(["a", "b"])
    assert type(caught.value) is error
    assert text in str(caught.value) and KEY not in str(caught.value)
    assert len(server.asked) == 1


def test_a_batch_is_asked_again_while_that_may_help() -> None:
    with LoopbackServer([api_error(503, None, "Oops"), api_error(429, None, "Slow", retry_after="2"), rows([3, 4])]) as server:
        found = embedder(server, attempts=4).embed(["a"])
    assert found.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)]]
    assert len(server.asked) == 3


def test_private_addresses_are_not_called() -> None:
    with LoopbackServer(vectors) as server, pytest.raises((UpstreamRejected, UpstreamUnavailable)):
        OpenAIEmbedder(KEY, base_url=server.url + "/v1", patience=Patience(attempts=1)).embed(["a"])
    assert server.asked == []
