"""What a site has is embedded once and compared for ever after: the vectors are kept, and made anew when title or model change."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from chalicelib.adapters.offline_embedder import MiniLMEmbedder, TfidfEmbedder
from chalicelib.billing.credits import ledger_of
from chalicelib.core.context import Context, Deps
from chalicelib.core.errors import UpstreamRejected, UpstreamUnavailable
from chalicelib.core.table import Query, Write
from chalicelib.planner.subjects import partition, subjects
from chalicelib.writer.content import CONTENT
from tests.ai.planning import Planner, cluster, ideas, imported, plan
from tests.automation.pipeline import new_account
from tests.conftest import Place, make_site


class Counting:
    """MiniLM under a name of the test's, keeping what it is asked. error: raised instead of an answer."""

    provider, model, threshold = "scripted", "counting-1", 0.5

    def __init__(self, model: str = "counting-1") -> None:
        self.model, self.inner = model, MiniLMEmbedder()
        self.asked: list[str] = []
        self.error: Exception | None = None

    def embed(self, texts: Sequence[str]) -> Any:
        raise AssertionError("the guard compares sentences")

    def sentences(self, texts: Sequence[str]) -> Any:
        if self.error is not None:
            raise self.error
        self.asked += texts
        return np.asarray(self.inner.sentences(texts), np.float32)


@pytest.fixture
def model() -> Planner:
    return Planner()


@pytest.fixture
def owner(deps: Deps, model: Planner) -> Context:
    return new_account(replace(deps, text=lambda choice: model, embedder=lambda choice: TfidfEmbedder()))


@pytest.fixture
def places(owner: Context) -> list[Place]:
    """Two sectors of one site."""
    return make_site(owner, 2)


@pytest.fixture
def embedder() -> Counting:
    if not MiniLMEmbedder.installed():
        pytest.skip("the offline extra is not installed")
    return Counting()


@pytest.fixture
def meaning(owner: Context, embedder: Counting) -> Context:
    return replace(owner, deps=replace(owner.deps, embedder=lambda choice: embedder))


def test_what_the_site_has_is_embedded_once(meaning: Context, places: list[Place], embedder: Counting) -> None:
    posts = [imported(meaning, places[0], f"{word} for beginners") for word in ("Pottery", "Sailing", "Chess", "Baking", "Archery")]
    home = cluster(meaning, places[1], "throwing clay on a wheel", "kiln temperature")
    plan(meaning, home)
    titles = [p.title for p in posts]
    assert [embedder.asked.count(t) for t in titles] == [1] * 5
    stored = subjects(meaning, home.site_id)
    assert {len(s.vector) for s in stored if s.type == "content"} == {384} and {s.model for s in stored if s.type == "content"} == {
        "counting-1"
    }
    plan(meaning, cluster(meaning, places[0], "knots for boats"))
    assert [embedder.asked.count(t) for t in titles] == [1] * 5, "kept"

    meaning.repository(CONTENT).patch(posts[0].id, {"title": "Ceramics for beginners"})
    plan(meaning, cluster(meaning, places[0], "rook endings"))
    assert embedder.asked.count("Ceramics for beginners") == 1 and embedder.asked.count("Sailing for beginners") == 1
    meaning.repository(CONTENT).delete(posts[1].id)
    assert "Sailing for beginners" not in {s.title for s in subjects(meaning, home.site_id)}

    newer = Counting("counting-2")
    later = replace(meaning, deps=replace(meaning.deps, embedder=lambda choice: newer))
    plan(later, cluster(meaning, places[0], "sourdough starter"))
    assert newer.asked.count("Chess for beginners") == 1 and {s.model for s in subjects(meaning, home.site_id)} <= {"counting-2", ""}


def test_one_search_in_other_words(meaning: Context, places: list[Place], model: Planner) -> None:
    imported(meaning, places[0], "How long does cold brew last?")
    texts = ("cold brew shelf life", "cold brew with oat milk")
    done = plan(meaning, cluster(meaning, places[1], *texts))
    (line,) = done.result["rejected"]
    assert line["keywords"] == ["cold brew shelf life"] and 0.8 < line["similar_to"]["similarity"] < 1
    assert [i.primary_keyword for i in ideas(meaning, done)] == ["cold brew with oat milk"]


def test_objects_older_than_the_index_are_found(meaning: Context, places: list[Place]) -> None:
    imported(meaning, places[0], "Dog crate sizes")
    table, pk = meaning.deps.table, partition(meaning.tenant, places[0].site_id)
    for item in table.query_all(Query(pk)):
        table.write(Write("Delete", (pk, item["sk"])))
    done = plan(meaning, cluster(meaning, places[1], "dog crate size"))
    assert done.result["rejected"] and len(subjects(meaning, places[0].site_id)) == 1


def test_an_embedding_provider_that_is_out_fails_the_try_and_one_that_refuses_leaves_it_to_words(
    meaning: Context, places: list[Place], embedder: Counting, model: Planner
) -> None:
    imported(meaning, places[0], "How long does cold brew last?")
    home = cluster(meaning, places[1], "cold brew shelf life")
    embedder.model, embedder.error = "not measured yet", UpstreamUnavailable("out")
    with pytest.raises(UpstreamUnavailable):
        plan(meaning, home)
    assert (ledger_of(meaning).balance().reserved, model.asked) == (0, [])
    embedder.error = UpstreamRejected("this server has no embeddings")
    assert len(plan(meaning, home).result["ideas"]) == 1, "their words alone are too few"
