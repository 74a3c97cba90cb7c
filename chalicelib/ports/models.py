"""Models that write, draw and compare."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel


@dataclass(frozen=True)
class TextRequest:
    """One question to a text model.

    function: name of the AI function that asks. prompt: the whole prompt. schema: pydantic model of the answer.
    facts: the data the prompt was rendered from (JSON types); a model that reads prose ignores it, `offline` composes from it.
    repair: set on the second try: the first answer's text and what was wrong with it.
    timeout_seconds: the longest this call may take, retries of the transport included. tight: makes a JSON schema that says more of the
    answer than `schema` may say to OpenAI, for servers that decode by a grammar.
    """

    function: str
    system: str
    prompt: str
    schema: type[BaseModel]
    facts: dict[str, Any] = field(default_factory=dict)
    max_output_tokens: int = 8000
    timeout_seconds: float = 120.0
    repair: "Repair | None" = None
    tight: Callable[[], dict[str, Any]] | None = None


@dataclass(frozen=True)
class Repair:
    answer: str
    problems: list[str]


@dataclass(frozen=True)
class TextAnswer:
    """text: the JSON as it came. tokens_in/tokens_out: None when the provider does not say. cost_usd: None when unknown, never 0
    for unknown; 0 is right for `offline`."""

    text: str
    model: str
    provider: str
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None


@runtime_checkable
class TextModel(Protocol):
    provider: str
    model: str

    def complete(self, request: TextRequest) -> TextAnswer:
        """Ask once (no repair of its own) and return the answer's text, which claims to be JSON of `request.schema`.

        Raises: UpstreamUnavailable, UpstreamRejected, InvalidAnswer (refused, cut off, not JSON at all).
        """
        ...


@runtime_checkable
class ModelList(Protocol):
    """A text model whose server can say which models it has."""

    def offered(self, timeout_seconds: float) -> dict[str, str | None]:
        """The server's models -> the date (ISO) on which each is shut down, None when no date is announced.

        Raises: UpstreamUnavailable, UpstreamRejected, InvalidAnswer (the server has no such list).
        """
        ...


@runtime_checkable
class Embedder(Protocol):
    provider: str
    model: str
    threshold: float  # cosine distance at which average linkage is cut, measured for this model (design/ai)

    def embed(self, texts: Sequence[str]) -> Any:
        """texts: n strings -> numpy float32 array (n, d), rows of length one, same order. Raises: UpstreamUnavailable, UpstreamRejected."""
        ...


@runtime_checkable
class SentenceEmbedder(Embedder, Protocol):
    """An Embedder that also has a space for whole phrases which all its calls share, so that vectors can be kept and compared later."""

    def sentences(self, texts: Sequence[str]) -> Any:
        """texts: n strings, every word of which counts -> as `embed`. Raises: UpstreamUnavailable, UpstreamRejected."""
        ...


@dataclass(frozen=True)
class ImageRequest:
    """title: text an offline drawing may show. width_px, height_px: the size wanted."""

    prompt: str
    width_px: int
    height_px: int
    title: str = ""
    timeout_seconds: float = 120.0


@dataclass(frozen=True)
class ImageAnswer:
    data: bytes
    mime: str
    model: str
    provider: str
    cost_usd: float | None = None


@runtime_checkable
class ImageModel(Protocol):
    provider: str
    model: str

    def draw(self, request: ImageRequest) -> ImageAnswer:
        """Raises: UpstreamUnavailable, UpstreamRejected (moderation included), InvalidAnswer (not an image)."""
        ...
