"""The offline embedders keep the port's promise and cluster labelled keywords at least as well as measured."""

import csv
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from chalicelib.adapters.keyword_terms import cluster_name, core_words
from chalicelib.adapters.offline_embedder import MiniLMEmbedder, TfidfEmbedder, offline_embedder
from chalicelib.ai.clustering import group
from chalicelib.core.errors import UpstreamRejected
from chalicelib.ports import Embedder

LABELLED = Path(__file__).parent.parent / "data" / "keywords_labelled.csv"
needs_minilm = pytest.mark.skipif(not MiniLMEmbedder.installed(), reason="the offline extra is not installed")
EMBEDDERS = [pytest.param(MiniLMEmbedder, marks=needs_minilm), TfidfEmbedder]


def labelled() -> tuple[list[str], list[str]]:
    """Keywords and their topics: 131 of one niche, in 12 topics."""
    with LABELLED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["keyword"] for row in rows], [f"{row['niche']} {row['cluster']}" for row in rows]


def adjusted_rand_index(one: Sequence[object], two: Sequence[object]) -> float:
    """1 for the same partition, about 0 for a random one. Source: Hubert and Arabie, Comparing partitions, 1985."""

    def pairs(counts: Counter[object]) -> float:
        return sum(count * (count - 1) / 2 for count in counts.values())

    both, first, second = pairs(Counter(zip(one, two, strict=True))), pairs(Counter(one)), pairs(Counter(two))
    expected = first * second / (len(one) * (len(one) - 1) / 2)
    return (both - expected) / ((first + second) / 2 - expected)


def clustered(embedder: Embedder, keywords: list[str]) -> list[int]:
    found = [0] * len(keywords)
    for number, members in enumerate(group(keywords, embedder.embed(keywords), embedder.threshold).new):
        for at in members:
            found[at] = number
    return found


def test_the_index_itself() -> None:
    assert adjusted_rand_index([1, 1, 2, 2], ["a", "a", "b", "b"]) == 1
    assert adjusted_rand_index([1, 1, 2, 2], [1, 2, 1, 2]) == pytest.approx(-0.5)


@needs_minilm
def test_minilm_clusters_labelled_keywords() -> None:
    keywords, topics = labelled()
    assert adjusted_rand_index(topics, clustered(MiniLMEmbedder(), keywords)) >= 0.62


def test_tfidf_clusters_labelled_keywords() -> None:
    keywords, topics = labelled()
    assert adjusted_rand_index(topics, clustered(TfidfEmbedder(), keywords)) >= 0.47


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


@pytest.mark.parametrize(
    ("keywords", "name"),
    [
        (["cold brew ratio", "how long does cold brew last", "nitro cold brew", "overnight coffee"], "Cold Brew"),
        (["best pet insurance", "pet insurance cost", "puppy insurance uk"], "Pet Insurance"),
        (["how to set up dkim"], "Set Up Dkim"),
        (["softshell vs hardshell", "lifestraw review"], "Softshell vs Hardshell"),
        (["コーヒー"], "コーヒー"),
    ],
)
def test_a_cluster_is_named_by_what_its_keywords_share(keywords: list[str], name: str) -> None:
    assert cluster_name(keywords) == name


def test_names_avoid_what_other_clusters_share_and_what_is_taken() -> None:
    keywords = ["dog food brands", "dog food for puppies", "dog kibble", "kibble for puppies"]
    others = ["dog lead", "dog bed", "dog crate", "dog food bowl", "dog food storage"] * 3
    assert cluster_name(keywords, others) == "Kibble"
    assert cluster_name(keywords, others, taken=["KIBBLE"]) != "Kibble"
    assert cluster_name(["tea"], taken=["Tea", "tea 2"]) == "Tea 3"
    with pytest.raises(ValueError, match="without keywords"):
        cluster_name([])
