"""Whose voice an article has: level by level, each nearer one winning, in the facts, in the prompt and in what is written."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.adapters.offline_text import OfflineTextModel
from chalicelib.ai.engine import run
from chalicelib.ai.function import Options
from chalicelib.ai.functions.generate_content import FUNCTION
from chalicelib.ai.prompts import prompt_for
from chalicelib.ai.voice import BUILT_IN
from chalicelib.auth.accounts import ACCOUNT
from chalicelib.auth.sites import SITE, Sites
from chalicelib.automation.schedule import save_config
from chalicelib.core.context import Context, Deps
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.ideas import IDEA
from chalicelib.system.authors import AUTHOR
from chalicelib.system.strategies import STRATEGY
from chalicelib.writer.content import CONTENT, body_html
from chalicelib.writer.html import plain_text
from chalicelib.writer.tasks import TASK, queue_idea
from tests.automation.pipeline import new_account
from tests.conftest import Place, make_site

LEVELS = ("account", "site", "automation", "idea", "task")  # from far to near


@pytest.fixture
def owner(deps: Deps) -> Context:
    return new_account(replace(deps, text=lambda choice: OfflineTextModel()))


@pytest.fixture
def place(owner: Context) -> Place:
    return make_site(owner)[0]


@pytest.fixture
def task(owner: Context, place: Place) -> str:
    clusters, ideas = owner.repository(CLUSTER), owner.repository(IDEA)
    home = clusters.create(clusters.new(place.sector_id, name="Road Bikes"))
    idea = ideas.new(
        place.sector_id, idea_title="The road bike", keyword_cluster=home.id, target_keywords=["road bike"], primary_keyword="road bike"
    )
    return queue_idea(owner, ideas.create(idea).id).id


def say(owner: Context, place: Place, task: str, level: str, **fields: Any) -> None:
    if level == "account":
        owner.repository(ACCOUNT).patch(owner.tenant, fields)
    elif level == "site":
        owner.repository(SITE).patch(place.site_id, fields)
    elif level == "automation":
        save_config(owner, place.site_id, fields)
    elif level == "idea":
        idea = owner.repository(TASK).get(task).idea or ""
        owner.repository(IDEA).patch(idea, fields)
    else:
        owner.repository(TASK).patch(task, fields)


def facts_of(owner: Context, task: str) -> dict[str, Any]:
    return FUNCTION.load(owner, task, Options(), lambda texts: (None, 0.5)).facts


@pytest.mark.parametrize(
    ("name", "levels", "line"),
    [
        ("tone", LEVELS, "Tone of voice: {}"),
        ("market", LEVELS, "Market: {}"),
        ("language", LEVELS, "Language: {}"),
        ("audience", ("site", "idea", "task"), "Audience: {}"),
    ],
)
def test_the_nearest_level_that_says_something_counts(
    owner: Context, place: Place, task: str, name: str, levels: tuple[str, ...], line: str
) -> None:
    values = dict(zip(levels, ("de", "fr", "it", "es", "nl"), strict=False))
    if name == "language":  # a site always has a language: its account's, unless it says otherwise
        say(owner, place, task, "account", language="de")
        assert Sites(owner).create({"name": "New", "slug": "new"}).language == "de"
        assert Sites(owner).create({"name": "Other", "slug": "other", "language": "pl"}).language == "pl"
    else:
        assert facts_of(owner, task)[name] == BUILT_IN[name]
    for level in levels:
        say(owner, place, task, level, **{name: values[level]})
        if (name, level) == ("language", "account"):
            continue
        facts = facts_of(owner, task)
        assert facts[name] == values[level], level
        prompt, _, _ = prompt_for(owner, "generate_content", facts)
        assert line.format(values[level]) in prompt


def test_the_author_and_the_strategy_of_the_nearest_level_count(owner: Context, place: Place, task: str) -> None:
    authors, strategies = owner.repository(AUTHOR), owner.repository(STRATEGY)
    assert facts_of(owner, task)["author"] is None and facts_of(owner, task)["strategy"] is None
    for level in LEVELS:
        author = authors.create(authors.new("", name=f"Writer of the {level}", description="Rides to work.", tone=f"as the {level}"))
        strategy = strategies.create(strategies.new("", name=f"Way of the {level}", section_logic={"article": f"First the {level}."}))
        named = "default_author" if level in ("account", "site") else "author_profile"
        say(owner, place, task, level, strategy=strategy.id, **{named: author.id})
        facts = facts_of(owner, task)
        assert (facts["author"]["name"], facts["tone"]) == (f"Writer of the {level}", f"as the {level}")
        assert (facts["strategy"]["name"], facts["strategy"]["sections"]) == (f"Way of the {level}", [f"article: First the {level}."])
        prompt, _, _ = prompt_for(owner, "generate_content", facts)
        assert f"Writer of the {level}" in prompt and f"First the {level}." in prompt
        if level == "site":
            own = strategies.create(strategies.new("", name="Way of the sector", sector=place.sector_id))
            assert facts_of(owner, task)["strategy"]["name"] == "Way of the sector", "nearer than the site's"
            strategies.patch(own.id, {"is_active": False})
    newest = strategies.find(owner.repository(TASK).get(task).strategy or "")
    assert newest is not None
    strategies.patch(newest.id, {"is_active": False})
    assert facts_of(owner, task)["strategy"]["name"] == "Way of the idea", "one that is switched off is passed over"


def test_two_sites_of_an_account_do_not_share_a_voice(owner: Context, place: Place, task: str) -> None:
    say(owner, place, task, "automation", tone="of one client")
    other = make_site(owner)[0]
    home = owner.repository(CLUSTER).create(owner.repository(CLUSTER).new(other.sector_id, name="Bikes"))
    tasks = owner.repository(TASK)
    theirs = tasks.create(tasks.new(other.sector_id, title="Bikes", cluster=home.id))
    assert facts_of(owner, task)["tone"] == "of one client" and facts_of(owner, theirs.id)["tone"] == BUILT_IN["tone"]


@pytest.mark.parametrize("words", [700, 1_400])
def test_what_the_offline_writer_writes_shows_the_voice(owner: Context, place: Place, task: str, words: int) -> None:
    authors = owner.repository(AUTHOR)
    ada = authors.create(authors.new("", name="Ada Byron"))
    idea = owner.repository(TASK).get(task).idea or ""
    outline = [
        {"heading": "Frames", "points": ["Steel springs, carbon does not"]},
        {"heading": "Wheels", "points": []},
        {"heading": "FAQ", "points": ["Ask Ada"]},
    ]
    owner.repository(IDEA).patch(idea, {"outline": outline, "cta": "Come and ride with us"})
    owner.repository(TASK).patch(task, {"language": "fr", "author_profile": ada.id, "word_count": words})
    done = run(owner, FUNCTION, task, op="voice")
    content = owner.repository(CONTENT).get(done.result["content"])
    text = plain_text(body_html(owner, content))
    assert (content.author, content.language, content.generated_by) == ("Ada Byron", "fr", "offline")
    assert text.startswith("Offline draft in English about") and "Steel springs, carbon does not" in text
    assert "Come and ride with us." in text and "Ask Ada" not in text
    assert text.index("Frames") < text.index("Wheels") < text.index("FAQ")
