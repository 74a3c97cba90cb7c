"""Which articles compete, measured on pairs of searches that a person has judged, for each way of comparing them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from chalicelib.adapters.offline_embedder import MiniLMEmbedder, TfidfEmbedder
from chalicelib.adapters.openai_embeddings import OpenAIEmbedder
from chalicelib.ai.meaning import pack, unpacked
from chalicelib.ai.similarity import Search, SiteSubjects
from chalicelib.ai.similarity_scale import DIFFERENT, SAME, same_from
from chalicelib.planner.search_terms import contradict, terms
from chalicelib.planner.subjects import Subject
from chalicelib.ports import SentenceEmbedder
from infra.bench_clustering import competing, search_pairs

needs_minilm = pytest.mark.skipif(not MiniLMEmbedder.installed(), reason="the offline extra is not installed")
Sentences = Callable[[Sequence[str]], Any]


def measured(name: str, sentences: Sentences | None) -> tuple[float, float, float | None]:
    precision, recall, same = competing(name, sentences)
    print(f"{name}: precision {precision:.2f}, recall {recall:.2f}, same from {same and round(same, 3)}")
    return precision, recall, same


def test_the_pairs_are_enough_and_none_is_of_the_scale() -> None:
    labels = [row["intent"] for row in search_pairs()]
    assert len(labels) >= 40 and min(labels.count("same"), labels.count("different")) >= 30
    scale = {text for pair in (*SAME, *DIFFERENT) for text in pair}
    assert not scale & {text.lower() for row in search_pairs() for text in row.values()}


@needs_minilm
def test_minilm() -> None:
    precision, recall, _ = measured("minilm", MiniLMEmbedder().sentences)
    assert precision >= 0.95 and recall >= 0.85


@needs_minilm
@pytest.mark.parametrize(("name", "common"), [("wide, as text-embedding-3-small", 0.0), ("wide, all cosines high, as ada-002", 1.0)])
def test_models_of_another_width_and_scale(name: str, common: float) -> None:
    """The scale is measured on the model, so that neither its width nor where its cosines lie is a setting."""
    random = np.random.default_rng(1)
    turned = random.standard_normal((384, 1536)).astype(np.float32) / np.sqrt(1536)
    middle = random.standard_normal(1536).astype(np.float32)
    middle *= common / np.linalg.norm(middle)
    minilm = MiniLMEmbedder()

    def sentences(texts: Sequence[str]) -> Any:
        rows = minilm.sentences(texts) @ turned + middle
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    precision, recall, same = measured(name, sentences)
    assert precision >= 0.95 and recall >= 0.8
    assert same is not None and (same > 0.87) == bool(common)


def test_words_alone() -> None:
    precision, recall, _ = measured("words", None)
    assert precision >= 0.9 and recall >= 0.65


def test_a_model_that_cannot_tell_decides_nothing() -> None:
    def lengths(texts: Sequence[str]) -> Any:
        rows = np.array([[len(text) % 7 + 1, len(text) % 3] for text in texts], np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    assert same_from("by length", lengths) is None
    assert same_from("all alike", lambda texts: np.ones((len(texts), 2), np.float32) / np.sqrt(2)) is None


def test_which_embedders_have_a_space_that_lasts() -> None:
    assert isinstance(MiniLMEmbedder(), SentenceEmbedder) and isinstance(OpenAIEmbedder("key"), SentenceEmbedder)
    assert not isinstance(TfidfEmbedder(), SentenceEmbedder), "its space is that of one list"


def test_packed_vectors_keep_their_cosines() -> None:
    rows = np.random.default_rng(2).standard_normal((40, 384)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    packed = [pack(row) for row in rows]
    assert {len(one) for one in packed} == {384}
    again = unpacked(packed)
    assert np.abs(rows @ rows.T - again @ again.T).max() < 0.01
    assert unpacked([pack(np.zeros(4))]).tolist() == [[0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("best coffee grinder", "Top Coffee Grinders"),
        ("coffee grinder best", "best coffee grinder 2026"),
        ("how much is travel insurance", "travel insurance cost"),
        ("brevo vs mailchimp", "mailchimp versus brevo"),
        ("how to get rid of aphids", "removing aphids"),
        ("what is dkim", "DKIM"),
    ],
)
def test_one_search_by_its_terms(one: str, other: str) -> None:
    assert terms(one) == terms(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("coffee grinder", "coffee machine"),
        ("when to plant tomatoes", "where to plant tomatoes"),
        ("how long to boil eggs", "how to boil eggs"),
        ("is travel insurance worth it", "travel insurance"),
        ("coffee without sugar", "coffee with sugar"),
    ],
)
def test_other_searches_by_their_terms(one: str, other: str) -> None:
    assert terms(one) != terms(other)


def test_terms_of_other_languages_and_of_nothing() -> None:
    assert terms("die besten Kaffeemühlen", "de") == terms("beste Kaffeemühle", "de")
    assert terms("wann tomaten pflanzen", "de-AT") != terms("tomaten pflanzen", "de-AT")
    assert terms("コーヒー 豆", "ja") and terms("", "en") == terms("?!", "en") == frozenset()


def test_other_numbers_are_other_searches() -> None:
    site = SiteSubjects([Subject("idea", "x-1", "Retire at 60 with 500k", "can i retire at 60 with 500k")], "en", lambda: None)
    assert site.rivals([Search("can i retire at 55 with 500k"), Search("can i retire at 60 with 500k")])[0] is None
    assert contradict(terms("machine under 500"), terms("machine under 1000")) and not contradict(terms("under 500"), terms("cheap"))


def test_of_equals_the_first_is_named_and_the_nearest_come_first() -> None:
    known = [Subject("content", "x-1", "Top coffee grinders"), Subject("idea", "x-2", "Best coffee grinder", "best coffee grinder")]
    known += [Subject("idea", f"x-{n}", f"Title {n}", f"other subject {n}") for n in range(3, 9)]
    site = SiteSubjects(known, "en", lambda: None)
    rival = site.rivals([Search("coffee grinders best")])[0]
    assert rival is not None and (rival.type, rival.id, rival.similarity) == ("content", "x-1", 1.0)
    assert str(rival) == 'competes with "Top coffee grinders" (content, similarity 1.00)'
    assert set(site.nearest(["coffee grinder"], 2)) == {"Top coffee grinders", "Best coffee grinder"}
    assert len(site.nearest(["coffee grinder"], 50)) == 8 and site.rivals([]) == []
