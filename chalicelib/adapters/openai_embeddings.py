"""Keyword vectors from OpenAI or a server that speaks its API."""

import json
from collections.abc import Sequence
from typing import Any

from chalicelib.adapters.openai_client import OpenAIConnection, Patience
from chalicelib.adapters.safe_http import Transport
from chalicelib.core.errors import InvalidAnswer

# Source: OpenAI API reference, embeddings: at most 2,048 inputs and 300,000 tokens in one request; a keyword has about 5 tokens.
BATCH = 1_000
LONGEST_CHARACTERS = 2_000  # of one input, far below the model's 8,192 tokens; a keyword is never that long
TIMEOUT_SECONDS = 60.0  # of one batch, retries included


class OpenAIEmbedder:
    """The `Embedder` of platform and tenant keys.

    threshold: that of the measured offline model, as centring on the list's mean makes cosines of different models comparable; for
    text-embedding-3-small itself it has not been measured.
    """

    provider = "openai"
    threshold = 0.86

    def __init__(
        self,
        api_key: str,
        model: str = "text-embedding-3-small",
        base_url: str | None = None,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        http: Transport | None = None,
        patience: Patience | None = None,
    ) -> None:
        """base_url: of an OpenAI-compatible server, None for OpenAI. timeout_seconds: of one batch of 1,000, retries included."""
        self.model = model
        self._connection = OpenAIConnection(api_key, base_url, http)
        self._timeout_seconds = timeout_seconds
        self._patience = patience or Patience()

    def embed(self, texts: Sequence[str]) -> Any:
        """texts: n keywords -> float32 (n, d), rows of length one (zero where the model gave zeros).

        Raises: UpstreamUnavailable, UpstreamRejected, InvalidAnswer (vectors missing, of different widths or not finite).
        """
        import numpy as np

        if not texts:
            return np.zeros((0, 1), np.float32)
        rows: list[Any] = []
        for start in range(0, len(texts), BATCH):
            part = [text[:LONGEST_CHARACTERS].strip() or "-" for text in texts[start : start + BATCH]]  # an empty input is an error
            rows += self._patience.call(lambda seconds, part=part: self._ask(part, seconds), self._timeout_seconds)  # type: ignore[misc]
        try:
            vectors = np.asarray(rows, np.float32)
        except (TypeError, ValueError) as error:
            raise InvalidAnswer(f"{self.model} answers with vectors of different widths or not of numbers.") from error
        if vectors.ndim != 2 or not vectors.shape[1] or not np.isfinite(vectors).all():
            raise InvalidAnswer(f"{self.model} answers with vectors that are empty or not finite.")
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-9))

    def sentences(self, texts: Sequence[str]) -> Any:
        """The same: this model's space is one for all calls, and for whole phrases."""
        return self.embed(texts)

    def _ask(self, texts: list[str], seconds: float) -> list[Any]:
        """One request. Returns a list of numbers per text, in their order."""
        import openai

        try:
            # `float`: compatible servers often do not know the client's default, base64.
            raw = self._connection.client().embeddings.with_raw_response.create(
                model=self.model, input=texts, encoding_format="float", timeout=max(0.1, seconds)
            )
        except openai.APIError as error:
            raise self._connection.translated(error, self.model) from None  # its own text may repeat the key
        try:
            body = json.loads(raw.text)
        except ValueError as error:
            raise InvalidAnswer("The model's server answers with something that is not JSON: is the base URL right?") from error
        if isinstance(body, dict) and isinstance(body.get("error"), dict):
            raise self._connection.of_error_object(body["error"], self.model)
        try:
            found = {int(one["index"]): one["embedding"] for one in body["data"]}
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidAnswer("The model's server does not answer in OpenAI's form.") from error
        if sorted(found) != list(range(len(texts))):
            raise InvalidAnswer(f"{self.model} answers with {len(found)} vectors for {len(texts)} keywords.")
        return [found[at] for at in range(len(texts))]
