"""What goes out to a text model: many clusters by batches, answers as long as the work, the call to action, the voice of automation."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from chalicelib.adapters.offline_embedder import TfidfEmbedder
from chalicelib.ai import registry
from chalicelib.ai.answers import ClusterName, ClusterNames
from chalicelib.ai.engine import Done, run
from chalicelib.ai.function import AIFunction, Loaded, Options, Outcome
from chalicelib.ai.functions.auto_cluster import NAMED_AT_ONCE, question
from chalicelib.auth.sites import SITE
from chalicelib.automation.schedule import save_config
from chalicelib.core.context import Context, Deps
from chalicelib.core.errors import InvalidAnswer
from chalicelib.core.ids import random_id
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.ideas import IDEA, Idea
from chalicelib.planner.keyword_identity import keyword_id
from chalicelib.planner.keywords import KEYWORD
from chalicelib.ports import TextAnswer, TextRequest
from chalicelib.system.authors import AUTHOR
from chalicelib.system.origin import Origin
from chalicelib.writer.tasks import queue_idea
from tests.automation.pipeline import new_account
from tests.conftest import Place, make_site

FUNCTIONS = ("auto_cluster", "generate_ideas", "generate_content", "generate_image_prompts")


@dataclass
class Namer:
    """Names whatever clusters it is asked for, each by its key. spoilt: call number -> the name it gives its first cluster."""

    provider: str = "scripted"
    model: str = "scripted-1"
    spoilt: dict[int, str] = field(default_factory=dict)
    asked: list[TextRequest] = field(default_factory=list)

    def complete(self, request: TextRequest) -> TextAnswer:
        self.asked.append(request)
        if request.function != "auto_cluster":
            return TextAnswer("{}", self.model, self.provider, 1, 1, 0.0)
        names = [
            {"key": c["key"], "name": f"Name {c['key']}", "description": "What the searchers want."} for c in request.facts["clusters"]
        ]
        if len(self.asked) in self.spoilt:
            names[0]["name"] = self.spoilt[len(self.asked)]
        return TextAnswer(json.dumps({"clusters": names}), self.model, self.provider, 100, 200, 0.5)


@pytest.fixture
def model() -> Namer:
    return Namer()


@pytest.fixture
def owner(deps: Deps, model: Namer) -> Context:
    return new_account(replace(deps, text=lambda choice: model))


@pytest.fixture
def place(owner: Context) -> Place:
    return make_site(owner)[0]


@dataclass
class Sector:
    """The naming of so many clusters, whose grouping and storing are left out."""

    clusters: int
    answer: Any = None
    provenance: Origin | None = None

    def function(self) -> AIFunction:
        return replace(registry.get("auto_cluster"), load=self.load, apply=self.apply)

    def load(self, ctx: Context, item: str, options: Options, embed: Any) -> Loaded:
        keywords = [{"keyword": "a keyword", "volume": 1, "intent": "informational"}]
        clusters = [{"key": f"c{n}", "keywords": keywords} for n in range(self.clusters)]
        facts = {"language": "en", "market": "us", "clusters": clusters, "taken_names": ["Old Name"]}
        return Loaded(facts, None, 5, item[:6], ask=bool(clusters))

    def apply(self, ctx: Context, loaded: Loaded, answer: Any, provenance: Origin) -> Outcome:
        self.answer, self.provenance = answer, provenance
        return Outcome([], 0, {})


def do(owner: Context, place: Place, clusters: int) -> Sector:
    sector = Sector(clusters)
    run(owner, sector.function(), place.sector_id, op=f"name.{clusters}")
    return sector


def test_nine_hundred_clusters_are_named_by_batches(owner: Context, place: Place, model: Namer) -> None:
    named = do(owner, place, 900)
    assert [c.key for c in named.answer.clusters] == [f"c{n}" for n in range(900)]
    assert [len(r.facts["clusters"]) for r in model.asked] == [NAMED_AT_ONCE] * 15 == [60] * 15
    assert model.asked[0].facts["taken_names"] == ["Old Name"]
    assert model.asked[14].facts["taken_names"] == ["Old Name", *(f"Name c{n}" for n in range(840))], "names given before are taken"
    assert "- Name c839" in model.asked[14].prompt and "c839;" not in model.asked[14].prompt
    assert all(r.max_output_tokens >= 150 * 60 for r in model.asked)
    spent = named.provenance
    assert spent and (spent.tokens_in, spent.tokens_out, spent.cost_usd, spent.repaired) == (1500, 3000, 7.5, False)


def test_each_batch_is_repaired_once(owner: Context, place: Place, model: Namer) -> None:
    model.spoilt = {2: "Name c7", 4: "old name"}
    named = do(owner, place, 130)
    assert [(len(r.facts["clusters"]), r.repair is not None) for r in model.asked] == [
        (60, False), (60, False), (60, True), (10, False), (10, True),
    ]  # fmt: skip
    repair = model.asked[2].repair
    assert repair and "taken already: 'Name c7'" in repair.problems[0]
    assert len({c.name for c in named.answer.clusters}) == 130
    assert named.provenance and named.provenance.repaired and named.provenance.tokens_out == 1000


def test_a_batch_that_stays_wrong_fails_the_work(owner: Context, place: Place, model: Namer) -> None:
    model.spoilt = {2: "Name c7", 3: "Name c7"}
    with pytest.raises(InvalidAnswer, match="taken already"):
        do(owner, place, 130)
    assert len(model.asked) == 3


def test_nothing_to_name_asks_nothing(owner: Context, place: Place, model: Namer) -> None:
    assert do(owner, place, 0).answer is None and model.asked == []
    assert question({"clusters": [], "taken_names": []}, []) is None


@pytest.mark.parametrize("size", [1, 60, 61, 120])
def test_batches_end_where_the_clusters_do(size: int) -> None:
    facts: dict[str, Any] = {"clusters": [{"key": f"c{n}"} for n in range(size)], "taken_names": []}
    answers: list[ClusterNames] = []
    while (asked := question(facts, answers)) is not None:
        assert 1 <= len(asked["clusters"]) <= NAMED_AT_ONCE
        one = [ClusterName(key=c["key"], name="Some Name", description="What they want.") for c in asked["clusters"]]
        answers.append(ClusterNames(clusters=one))
    assert [c.key for a in answers for c in a.clusters] == [c["key"] for c in facts["clusters"]]


def test_a_long_answer_may_be_long() -> None:
    content, ideas = registry.get("generate_content").output_tokens, registry.get("generate_ideas").output_tokens
    assert (content({"word_count": 5_000}), content({"word_count": 10_000})) == (15_500, 28_000)
    assert ideas({"count": 10}) == 16_000
    small = {"word_count": 100, "count": 1, "clusters": [{}]}
    assert {registry.get(name).output_tokens(small) for name in FUNCTIONS} == {8_000}


def idea_of(owner: Context, place: Place, **fields: Any) -> Idea:
    clusters, ideas = owner.repository(CLUSTER), owner.repository(IDEA)
    home = clusters.create(clusters.new(place.sector_id, name=f"Bikes {random_id(8)}"))
    shape = {"idea_title": "Road Bikes", "keyword_cluster": home.id, "target_keywords": ["road bikes"], "primary_keyword": "road bikes"}
    return ideas.create(ideas.new(place.sector_id, **{**shape, **fields}))


def asked_for_article(owner: Context, model: Namer, idea: Idea) -> TextRequest:
    """The question that goes out; its answer is refused."""
    with pytest.raises(InvalidAnswer):
        run(owner, registry.get("generate_content"), queue_idea(owner, idea.id).id, op=f"write.{idea.id}")
    return model.asked[-2]


def test_an_article_is_asked_for_with_its_call_to_action_and_length(owner: Context, place: Place, model: Namer) -> None:
    asked = asked_for_article(owner, model, idea_of(owner, place, cta="Book a fitting.", estimated_word_count=6_000))
    assert asked.facts["cta"] == "Book a fitting." and "<cta>\nBook a fitting.\n</cta>" in asked.prompt
    assert asked.facts["part"] == "outline" and asked.max_output_tokens == 8_000, "a long article is asked for in parts"
    without = asked_for_article(owner, model, idea_of(owner, place))
    assert "<cta>\n(none)\n</cta>" in without.prompt and (without.max_output_tokens, without.timeout_seconds) == (8_000, 120)


def asked_for_ideas(owner: Context, place: Place, model: Namer) -> TextRequest:
    keywords, clusters = owner.repository(KEYWORD), owner.repository(CLUSTER)
    text = f"keyword {len(model.asked)}"
    home = clusters.create(clusters.new(place.sector_id, name=text.title()))
    keywords.create(keywords.new(place.sector_id, keyword_id(text, None, ""), keyword=text, cluster=home.id))
    with pytest.raises(InvalidAnswer):
        run(owner, registry.get("generate_ideas"), home.id, op=home.id)
    return model.asked[-1]


def test_the_automation_settings_speak_before_the_site_and_after_the_idea(owner: Context, place: Place, model: Namer) -> None:
    owner.repository(SITE).patch(place.site_id, {"tone": "of the site", "language": "fr"})
    assert "Tone of voice: <tone>of the site</tone>" in asked_for_ideas(owner, place, model).prompt
    save_config(owner, place.site_id, {"tone": "of automation", "language": "de"})
    asked = asked_for_ideas(owner, place, model)
    assert "Tone of voice: <tone>of automation</tone>" in asked.prompt and asked.facts["language"] == "de"
    own = asked_for_article(owner, model, idea_of(owner, place, tone="of the idea", language="en"))
    assert "Tone of voice: <tone>of the idea</tone>" in own.prompt and "Language: en (the whole answer)" in own.prompt
    assert "Tone of voice: <tone>of automation</tone>" in asked_for_article(owner, model, idea_of(owner, place)).prompt
    other = make_site(owner)[0]
    assert "of automation" not in asked_for_ideas(owner, other, model).prompt


def test_an_author_speaks_where_no_nearer_level_does(owner: Context, place: Place, model: Namer) -> None:
    authors = owner.repository(AUTHOR)
    ada, bob = (authors.create(authors.new("", name=name, tone=f"as {name}", language="it")) for name in ("Ada", "Bob"))
    save_config(owner, place.site_id, {"author_profile": ada.id})
    asked = asked_for_article(owner, model, idea_of(owner, place))
    assert (asked.facts["author"]["name"], asked.facts["tone"], asked.facts["language"]) == ("Ada", "as Ada", "it")
    save_config(owner, place.site_id, {"tone": "of automation"})
    assert asked_for_article(owner, model, idea_of(owner, place)).facts["tone"] == "of automation"
    nearer = asked_for_article(owner, model, idea_of(owner, place, author_profile=bob.id))
    assert (nearer.facts["author"]["name"], nearer.facts["tone"]) == ("Bob", "as Bob")
    save_config(owner, place.site_id, {"author_profile": None})
    owner.repository(SITE).patch(place.site_id, {"default_author": bob.id})
    assert asked_for_article(owner, model, idea_of(owner, place)).facts["tone"] == "of automation", "nearer than the site's author"


ANGLED = ("bikes < 8 kg", "bikes <b>light</b>", "road bikes", "gravel bikes", "bike bags")


@dataclass
class Echo:
    """Plans ideas with keywords as the prompt spells them, in capitals: what a model does that reads nothing else."""

    provider: str = "scripted"
    model: str = "scripted-1"

    def complete(self, request: TextRequest) -> TextAnswer:
        shown = request.prompt.split("<keywords>\n")[1].split("\n</keywords>")[0]
        keywords = [line.removeprefix("- keyword: ").split("; ")[0].title() for line in shown.splitlines()]
        count = request.facts["count"]
        ideas = [
            {
                "title": f"All about {primary}",
                "description": "What the reader gets of it.",
                "content_type": "post",
                "content_structure": "guide",
                "primary_keyword": primary,
                "keywords": keywords if not n else [primary],
                "audience": "riders",
                "tone": "plain",
                "outline": [{"heading": "One", "points": ["a"]}, {"heading": "Two", "points": ["b"]}],
                "brief": "Say it plainly and with care.",
                "estimated_word_count": 900,
                "cta": "Ride on.",
            }
            for n, primary in enumerate(keywords[:count])
        ]
        return TextAnswer(json.dumps({"ideas": ideas}), self.model, self.provider, 1, 1, 0.0)


def test_a_keyword_with_angle_brackets_is_known_as_the_prompt_shows_it(deps: Deps) -> None:
    owner = new_account(replace(deps, text=lambda choice: Echo(), embedder=lambda choice: TfidfEmbedder()))
    place = make_site(owner)[0]
    keywords, clusters = owner.repository(KEYWORD), owner.repository(CLUSTER)
    home = clusters.create(clusters.new(place.sector_id, name="Bikes"))
    for text in ANGLED:
        keywords.create(keywords.new(place.sector_id, keyword_id(text, None, ""), keyword=text, cluster=home.id))
    done: Done = run(owner, registry.get("generate_ideas"), home.id, op="ideas")
    made = list(owner.repository(IDEA).get_many(done.result["ideas"]).values())
    assert {i.primary_keyword for i in made} <= set(ANGLED) and "bikes < 8 kg" in {i.primary_keyword for i in made}
    assert {k for i in made for k in i.target_keywords} == set(ANGLED), "stored as they were given"
