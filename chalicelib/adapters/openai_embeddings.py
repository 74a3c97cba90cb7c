"""Keyword vectors from OpenAI or a server that speaks its API."""

from collections.abc import Sequence
from typing import Any

from chalicelib.core.errors import AppError, InvalidAnswer, UpstreamRejected, UpstreamUnavailable

# Source: OpenAI API reference, embeddings: at most 2,048 inputs and 300,000 tokens in one request; a keyword has about 5 tokens.
_BATCH = 1_000
_LONGEST = 2_000  # characters of one input, far below the model's 8,192 tokens; a keyword is never that long
_EXHAUSTED = ("insufficient_quota", "billing_hard_limit_reached")


class OpenAIEmbedder:
    """The `Embedder` of platform and tenant keys.

    threshold: that of the measured models, as centring on the list's mean makes cosines of different models comparable; for
    text-embedding-3-small itself it is not measured.
    """

    provider = "openai"
    threshold = 0.87

    def __init__(
        self, api_key: str, model: str = "text-embedding-3-small", base_url: str = "", *, timeout_seconds: float = 60.0, client: Any = None
    ) -> None:
        """base_url: of an OpenAI-compatible server, empty for OpenAI. client: an `openai.OpenAI` to use instead of an own one."""
        self.model = model
        self._api_key = api_key
        self._base_url = base_url
        self._timeout_seconds = timeout_seconds
        self._client = client

    def embed(self, texts: Sequence[str]) -> Any:
        """texts: n keywords -> float32 (n, d), rows of length one, in requests of up to 1,000.

        Raises: UpstreamUnavailable, UpstreamRejected, InvalidAnswer (vectors missing, of different width or not finite).
        """
        import numpy as np

        if not texts:
            return np.zeros((0, 1), np.float32)
        rows: list[list[float]] = []
        for start in range(0, len(texts), _BATCH):
            rows += self._ask([text[:_LONGEST] or " " for text in texts[start : start + _BATCH]])
        if len({len(row) for row in rows}) != 1:
            raise InvalidAnswer(f"{self.model} answered with vectors of different widths.")
        vectors = np.asarray(rows, np.float32)
        if not np.isfinite(vectors).all():
            raise InvalidAnswer(f"{self.model} answered with a vector that is not finite.")
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-9))

    def _ask(self, texts: list[str]) -> list[list[float]]:
        import json

        import openai

        if self._client is None:
            # No retries of the client's own: it would obey a Retry-After longer than a Lambda lives, and retry an empty account.
            self._client = openai.OpenAI(
                api_key=self._api_key, base_url=self._base_url or None, max_retries=0, timeout=self._timeout_seconds
            )
        try:
            # `float`: compatible servers often do not know the client's default, base64.
            answer = self._client.embeddings.create(model=self.model, input=texts, encoding_format="float")
            found = {one.index: list(one.embedding) for one in answer.data}
        except openai.APIError as error:
            raise _translated(error, self.model) from error
        except (json.JSONDecodeError, AttributeError, TypeError) as error:  # a 200 with a page of HTML, or without data
            raise InvalidAnswer(f"{self.model}: the answer is not an embeddings object.") from error
        if sorted(found) != list(range(len(texts))):
            raise InvalidAnswer(f"{self.model} answered with {len(found)} vectors for {len(texts)} keywords.")
        return [found[at] for at in range(len(texts))]


def _translated(error: Any, model: str) -> AppError:
    """Our error for one of the client's."""
    import openai

    if isinstance(error, openai.APIConnectionError):  # timeouts included
        return UpstreamUnavailable("The embeddings server cannot be reached or did not answer in time.")
    code = getattr(error, "code", None)
    status = getattr(error, "status_code", None)
    if code in _EXHAUSTED:
        return UpstreamRejected("The provider account has no quota left.")
    if status in (408, 409, 429) or (isinstance(status, int) and status >= 500):
        return UpstreamUnavailable(f"The embeddings server answered {status}.", retry_after_seconds=_retry_after(error))
    if status in (401, 403):
        return UpstreamRejected("The provider refused the API key.")
    if status == 404:
        return UpstreamRejected(f"The provider does not know the model {model}.")
    return UpstreamRejected(f"The provider refused the request ({status or 'no status'}: {code or type(error).__name__}).")


def _retry_after(error: Any) -> float | None:
    """Seconds of a numeric Retry-After header; a date or anything else is no advice."""
    value = error.response.headers.get("retry-after") if getattr(error, "response", None) is not None else None
    try:
        return max(0.0, float(value)) if value is not None else None
    except ValueError:
        return None
