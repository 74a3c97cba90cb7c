"""The AI functions with the offline writer: what each stores, what it checks, and what it leaves alone."""

import json
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.adapters.offline_text import OfflineTextModel
from chalicelib.ai import registry
from chalicelib.ai.engine import Done, run
from chalicelib.core.context import Context, Deps
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.ideas import IDEA
from chalicelib.planner.keyword_identity import keyword_id
from chalicelib.planner.keywords import KEYWORD, Keywords
from chalicelib.ports import TextAnswer, TextRequest
from chalicelib.writer.content import CONTENT, body_html
from chalicelib.writer.likeness import sketch_write, sketches
from chalicelib.writer.tasks import queue_idea
from tests.automation.faults import ByFirstWord
from tests.automation.pipeline import new_account
from tests.conftest import Place, make_site

KEYWORDS = tuple(f"{kind} {thing}" for kind in ("espresso", "tea") for thing in ("machine", "beans", "cups", "recipes", "gifts"))


class Editing(OfflineTextModel):
    """The offline writer; `edit` changes the JSON of its answers."""

    def __init__(self) -> None:
        self.edit: Any = None
        self.asked: list[str] = []

    def complete(self, request: TextRequest) -> TextAnswer:
        self.asked.append(request.function)
        answer = super().complete(request)
        return replace(answer, text=self.edit(request, answer.text)) if self.edit else answer


@pytest.fixture
def model() -> Editing:
    return Editing()


@pytest.fixture
def owner(deps: Deps, model: Editing) -> Context:
    return new_account(replace(deps, text=lambda choice: model, embedder=lambda choice: ByFirstWord()))


@pytest.fixture
def place(owner: Context) -> Place:
    return make_site(owner)[0]


def add(owner: Context, place: Place, *texts: str) -> None:
    keywords = owner.repository(KEYWORD)
    for text in texts:
        keywords.create(keywords.new(place.sector_id, keyword_id(text, None, ""), keyword=text))


def do(owner: Context, name: str, item: str) -> Done:
    return run(owner, registry.get(name), item, op=f"{name}.{item}.{len(item)}")


def written(owner: Context, place: Place, count: int = 1) -> list[str]:
    """Ids of that many written contents."""
    add(owner, place, *KEYWORDS)
    clusters = do(owner, "auto_cluster", place.sector_id).result["clusters"]
    ideas = [i for c in clusters for i in do(owner, "generate_ideas", c).result["ideas"]]
    tasks = [queue_idea(owner, i).id for i in ideas[:count]]
    return [do(owner, "generate_content", t).result["content"] for t in tasks]


def test_clusters_hold_all_keywords_and_have_names_of_their_own(owner: Context, place: Place) -> None:
    add(owner, place, *KEYWORDS)
    done = do(owner, "auto_cluster", place.sector_id)
    clusters = owner.repository(CLUSTER).get_many(done.result["clusters"])
    assert done.credits == 5 and done.result["keywords"] == 10 and [c.keywords_count for c in clusters.values()] == [5, 5]
    assert len({c.name.casefold() for c in clusters.values()}) == 2 and Keywords(owner).pending(place.sector_id) == []


def test_keywords_that_all_fit_clusters_there_are_need_no_model(owner: Context, place: Place, model: Editing) -> None:
    add(owner, place, *KEYWORDS)
    first = do(owner, "auto_cluster", place.sector_id)
    add(owner, place, *(f"tea {word}" for word in ("kettle", "pot", "infuser", "strainer", "tray")))
    done = run(owner, registry.get("auto_cluster"), place.sector_id, op="second")
    assert (done.result["clusters"], len(done.result["clusters_filled"]), done.result["keywords"]) == ([], 1, 5)
    assert model.asked == ["auto_cluster"] and done.credits == 5
    assert sorted(c.keywords_count for c in owner.repository(CLUSTER).get_many(first.result["clusters"]).values()) == [5, 10]


def test_a_disabled_clusters_name_is_taken(owner: Context, place: Place) -> None:
    add(owner, place, *KEYWORDS)
    first = owner.repository(CLUSTER).get_many(do(owner, "auto_cluster", place.sector_id).result["clusters"])
    for cluster in first.values():
        owner.repository(CLUSTER).patch(cluster.id, {"disabled": True})
    for keyword in owner.repository(KEYWORD).get_many(f"{place.sector_id}-{keyword_id(t, None, '')}" for t in KEYWORDS).values():
        owner.repository(KEYWORD).patch(keyword.id, {"cluster": None, "status": "new"})
    again = run(owner, registry.get("auto_cluster"), place.sector_id, op="again")
    assert len(again.result["clusters"]) == 2


def test_ideas_cover_keywords_of_their_cluster(owner: Context, place: Place) -> None:
    add(owner, place, *KEYWORDS)
    cluster = do(owner, "auto_cluster", place.sector_id).result["clusters"][0]
    done = do(owner, "generate_ideas", cluster)
    ideas = list(owner.repository(IDEA).get_many(done.result["ideas"]).values())
    known = {k.keyword for k in Keywords(owner).of_cluster(cluster)}
    assert done.credits == 2 * len(ideas) == 4 and all(set(i.target_keywords) <= known for i in ideas)
    assert len({i.primary_keyword for i in ideas}) == 2
    assert do(owner, "generate_ideas", cluster) == done
    assert run(owner, registry.get("generate_ideas"), cluster, op="other").skipped == "This cluster has ideas already."


def test_the_check_sees_the_article_as_it_came(owner: Context, place: Place, model: Editing) -> None:
    """What is wrong with the markup is found before it is cleaned away, and what is stored is clean."""
    model.edit = lambda request, text: text.replace("<p>", "<p style='color:red'>") if request.function == "generate_content" else text
    content = owner.repository(CONTENT).get(written(owner, place)[0])
    assert "style" not in body_html(owner, content) and content.word_count > 300
    assert "inline_style" in {f.code for f in content.findings}


def test_unsafe_html_is_refused_and_repaired(owner: Context, place: Place, model: Editing) -> None:
    def with_handler(request: TextRequest, text: str) -> str:
        return text.replace("<p>", "<p onclick='x()'>") if request.function == "generate_content" and not request.repair else text

    model.edit = with_handler
    content = owner.repository(CONTENT).get(written(owner, place)[0])
    assert model.asked.count("generate_content") == 2 and "onclick" not in body_html(owner, content) and content.blockers == 0


def test_an_article_is_compared_with_the_others_of_its_sector(owner: Context, place: Place, model: Editing) -> None:
    one = written(owner, place)[0]
    assert len(sketches(owner, place.sector_id)) == 1 and sketches(owner, place.sector_id, without=one) == ()
    assert "sketch" not in owner.deps.table.get(owner.repository(CONTENT).key(one)), "lists do not carry it"

    def alike(request: TextRequest, text: str) -> str:
        """By the time this article comes, the sector has one just like it."""
        if request.function == "generate_content":
            owner.deps.table.write(sketch_write(owner, one, json.loads(text)["html"], "en"))
        return text

    model.edit = alike
    idea = owner.repository(IDEA).collection(f"{place.sector_id}#ideas-new")[0]
    twin = owner.repository(CONTENT).get(do(owner, "generate_content", queue_idea(owner, idea.id).id).result["content"])
    assert "near_duplicate" in {f.code for f in twin.findings} and twin.blockers >= 1 and (twin.score or 0) < 50
    assert len(sketches(owner, place.sector_id)) == 2


def test_articles_of_other_subjects_are_not_alike(owner: Context, place: Place) -> None:
    found = owner.repository(CONTENT).get_many(written(owner, place, 4)).values()
    assert len(found) == 4 and not [f.message for c in found for f in c.findings if f.code in ("near_duplicate", "similar_to_other")]


def test_pictures_of_an_article(owner: Context, place: Place) -> None:
    content = written(owner, place)[0]
    done = do(owner, "generate_image_prompts", content)
    assert done.credits == 2 and [i.rpartition("-")[2] for i in done.result["images"]] == ["f0", "a0"]
    after = owner.repository(CONTENT).get(content)
    assert (after.prompts_done, after.images_total, after.images_open) == (True, 2, 2)
    assert run(owner, registry.get("generate_image_prompts"), content, op="other").skipped == "This content has its image prompts already."
