"""The offline embedders keep the port's promise and cluster labelled keywords at least as well as measured."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from chalicelib.adapters.keyword_terms import core_words
from chalicelib.adapters.offline_embedder import MiniLMEmbedder, TfidfEmbedder, offline_embedder
from chalicelib.ai.clustering import group
from chalicelib.core.errors import UpstreamRejected
from chalicelib.ports import Embedder
from infra.bench_clustering import adjusted_rand_index, grouped, labelled

needs_minilm = pytest.mark.skipif(not MiniLMEmbedder.installed(), reason="the offline extra is not installed")
EMBEDDERS = [pytest.param(MiniLMEmbedder, marks=needs_minilm), TfidfEmbedder]


def test_the_index_itself() -> None:
    assert adjusted_rand_index([1, 1, 2, 2], ["a", "a", "b", "b"]) == 1
    assert adjusted_rand_index([1, 1, 2, 2], [1, 2, 1, 2]) == pytest.approx(-0.5)


@needs_minilm
def test_minilm_clusters_labelled_keywords() -> None:
    keywords, topics = labelled()
    assert adjusted_rand_index(topics, grouped(MiniLMEmbedder(), keywords)) >= 0.62


def test_tfidf_clusters_labelled_keywords() -> None:
    keywords, topics = labelled()
    assert adjusted_rand_index(topics, grouped(TfidfEmbedder(), keywords)) >= 0.47


@needs_minilm
def test_clusters_are_as_good_on_any_part_of_the_keywords() -> None:
    """A threshold that fits one list only would fall apart on parts of it."""
    keywords, topics = labelled()
    vectors, random = MiniLMEmbedder().embed(keywords), np.random.default_rng(0)
    found = []
    for _ in range(12):
        part = sorted(random.choice(len(keywords), len(keywords) * 2 // 3, replace=False).tolist())
        groups = group([keywords[at] for at in part], vectors[part], MiniLMEmbedder.threshold).new
        number = {at: n for n, members in enumerate(groups) for at in members}
        found.append(adjusted_rand_index([topics[at] for at in part], [number[n] for n in range(len(part))]))
    assert np.mean(found) >= 0.6 and min(found) >= 0.5


@needs_minilm
@pytest.mark.parametrize("seed", [0, 1])
def test_keywords_of_a_second_import_join_the_clusters_of_the_first(seed: int) -> None:
    keywords, topics = labelled()
    embedder, order = MiniLMEmbedder(), np.random.default_rng(seed).permutation(len(keywords)).tolist()
    first, second = order[:88], order[88:]
    vectors = embedder.embed(keywords)
    groups = group([keywords[at] for at in first], vectors[first], embedder.threshold).new
    home = {f"c{n}": [first[at] for at in members] for n, members in enumerate(groups)}
    later = group([keywords[at] for at in second], vectors[second], embedder.threshold, [(n, vectors[m]) for n, m in home.items()])
    right = sum(
        topics[second[at]] == Counter(topics[member] for member in home[name]).most_common(1)[0][0]
        for name, members in later.joined.items()
        for at in members
    )
    joined = sum(len(members) for members in later.joined.values())
    assert joined >= 0.8 * len(second) and right >= 0.7 * joined
    cluster_of = {at: name for name, members in home.items() for at in members}
    cluster_of |= {second[at]: name for name, members in later.joined.items() for at in members}
    cluster_of |= {second[at]: f"new {n}" for n, members in enumerate(later.new) for at in members}
    assert adjusted_rand_index(topics, [cluster_of[at] for at in range(len(keywords))]) >= 0.55


@pytest.mark.parametrize("make", EMBEDDERS)
def test_the_ports_promise(make: type[MiniLMEmbedder] | type[TfidfEmbedder]) -> None:
    embedder = make()
    assert isinstance(embedder, Embedder)
    assert embedder.provider == "offline"
    texts = ["cold brew ratio", "how to make cold brew", "best dog food", "cold brew ratio", "Überraschung für Größe", "コーヒー 豆"]
    vectors = embedder.embed(texts)
    assert vectors.shape[0] == 6 and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.allclose(vectors[0], vectors[3], atol=1e-6)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    assert np.allclose(vectors, embedder.embed(texts))
    assert len(embedder.embed([])) == 0
    assert np.isfinite(embedder.embed(["", "???", "a"])).all()


@needs_minilm
def test_a_vector_of_minilm_does_not_depend_on_its_neighbours() -> None:
    embedder = MiniLMEmbedder()
    alone = embedder.embed(["pour over kettle"])
    among = embedder.embed(["a much longer keyword about something else entirely, with many words", "pour over kettle"])
    assert np.allclose(alone[0], among[1], atol=0.02)  # int8 activations are scaled by the batch


@needs_minilm
def test_other_weights_are_refused(tmp_path: Path) -> None:
    fake = tmp_path / "model.onnx"
    fake.write_bytes(b"not the model")
    with pytest.raises(UpstreamRejected, match="sha256"):
        MiniLMEmbedder(fake).embed(["a"])


def test_tfidf_sees_what_shares_neighbours_only() -> None:
    vectors = TfidfEmbedder().embed(["v60 recipe", "v60 pour over", "pour over kettle", "dog food", "dog lead"])
    assert vectors[0] @ vectors[2] > 0.05 > vectors[0] @ vectors[3]


def test_a_vocabulary_wider_than_the_space_is_projected() -> None:
    texts = [f"alpha{n} beta{n}" for n in range(1_500)] + ["alpha7 beta7"]
    vectors = TfidfEmbedder().embed(texts)
    assert vectors.shape == (1_501, 4_096)
    assert vectors[7] @ vectors[1_500] > 0.99
    assert abs(float(vectors[7] @ vectors[8])) < 0.2


def test_the_best_installed_embedder_is_chosen() -> None:
    assert isinstance(offline_embedder(), MiniLMEmbedder if MiniLMEmbedder.installed() else TfidfEmbedder)


def test_importing_loads_no_numpy_and_no_onnxruntime() -> None:
    code = (
        "import sys, chalicelib.adapters.offline_embedder, chalicelib.adapters.offline_image, chalicelib.adapters.openai_embeddings, "
        "chalicelib.ai.clustering; print([n for n in ('numpy', 'onnxruntime', 'openai', 'PIL') if n in sys.modules])"
    )
    root = Path(__file__).parent.parent.parent
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root).stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("keyword", "words"),
    [
        ("best espresso machine under 500 2026", ["espresso", "machine", "under", "500"]),
        ("how to descale a keurig", ["descale", "keurig"]),
        ("how to compare prices", ["compare", "prices"]),
        ("what is it", ["what", "is", "it"]),
        ("chemex vs v60", ["chemex", "v60"]),
    ],
)
def test_the_subject_of_a_keyword(keyword: str, words: list[str]) -> None:
    assert core_words(keyword) == words
