"""Vectors of what articles are about, by the embedding model of an account, and how near two must be to be one search."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from chalicelib.ai.providers import Chain
from chalicelib.ai.similarity_scale import same_from
from chalicelib.core.context import Context
from chalicelib.core.errors import UpstreamRejected, UpstreamUnavailable, ValidationFailed
from chalicelib.core.observability import logger
from chalicelib.planner.subjects import Subject, remember
from chalicelib.ports import Embedder, SentenceEmbedder
from chalicelib.system.provider_choice import provider_for

_STEPS = 127  # of an int8


Sentences = Callable[[Sequence[str]], Any]


class Meaning:
    """model: the embedding model's name; same: the least cosine of one search. Texts are embedded once in the life of this object."""

    def __init__(self, model: str, same: float, sentences: Sentences) -> None:
        self.model, self.same, self._sentences = model, same, sentences
        self._known: dict[str, Any] = {}

    def vectors(self, texts: Sequence[str]) -> Any:
        """Unit vectors of 1 or more texts, float32 (n, d). Raises: UpstreamUnavailable, UpstreamRejected."""
        import numpy as np

        missing = [text for text in dict.fromkeys(texts) if text not in self._known]
        if missing:
            self._known |= dict(zip(missing, self._sentences(missing), strict=True))
        return np.stack([self._known[text] for text in texts])

    def with_vectors(self, ctx: Context, subjects: Sequence[Subject]) -> list[Subject]:
        """The subjects, each with this model's vector; those that nobody has made yet are made and kept.

        Raises: UpstreamUnavailable, UpstreamRejected.
        """
        stale = [at for at, s in enumerate(subjects) if s.model != self.model or not s.vector]
        widths = {len(s.vector) for at, s in enumerate(subjects) if at not in set(stale)}
        if stale:
            made = self.vectors([subjects[at].search for at in stale])
            widths.add(made.shape[1])
        if len(widths) > 1:  # a server that has given another model the same name
            stale = list(range(len(subjects)))
            made = self.vectors([s.search for s in subjects])
        if not stale:
            return list(subjects)
        found = list(subjects)
        for row, at in enumerate(stale):
            found[at] = replace(subjects[at], model=self.model, vector=pack(made[row]))
        remember(ctx, [found[at] for at in stale])
        return found


def meaning(ctx: Context) -> Meaning | None:
    """Of the account's embedding model; None when it has none that can tell searches apart, so that words have to decide.

    Raises: UpstreamUnavailable.
    """
    chain: Chain[Embedder] = Chain(ctx, provider_for(ctx, "embedding"), ctx.deps.embedder)
    try:
        first = chain.current
        if not isinstance(first, SentenceEmbedder):
            return None
        name = first.model

        def sentences(texts: Sequence[str]) -> Any:
            return chain.ask(lambda embedder: _of_one_space(embedder, name, texts))

        same = same_from(name, sentences)
    except (UpstreamRejected, ValidationFailed) as error:  # a text provider without embeddings, or without a key for them
        logger().warning("searches are compared by words alone", extra={"detail": error.message})
        return None
    return None if same is None else Meaning(name, same, sentences)


def _of_one_space(embedder: Embedder, name: str, texts: Sequence[str]) -> Any:
    """Raises: UpstreamUnavailable for a fallback, whose vectors cannot be compared with those of the model itself."""
    if embedder.model != name or not isinstance(embedder, SentenceEmbedder):
        raise UpstreamUnavailable(f"The embedding model {name} does not answer.")
    return embedder.sentences(texts)


def pack(vector: Any) -> bytes:
    """A vector's direction in a byte for each number: cosines keep two decimals."""
    import numpy as np

    highest = max(float(np.abs(vector).max(initial=0.0)), 1e-9)
    packed: bytes = np.round(np.asarray(vector, np.float32) / highest * _STEPS).astype(np.int8).tobytes()
    return packed


def unpacked(vectors: Sequence[bytes]) -> Any:
    """Unit vectors of what `pack` made, float32 (n, d); all of one width."""
    import numpy as np

    rows = np.frombuffer(b"".join(vectors), np.int8).reshape(len(vectors), -1).astype(np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-9))
