"""New ideas do not compete with what the site has or plans: in any sector, imported, planned by another worker at this moment."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.adapters.offline_embedder import TfidfEmbedder
from chalicelib.adapters.offline_text import OfflineTextModel
from chalicelib.ai.engine import Done
from chalicelib.billing.credits import ledger_of
from chalicelib.core.context import Context, Deps
from chalicelib.core.table import Table, Write
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.ideas import Ideas
from chalicelib.planner.subjects import subjects
from chalicelib.ports import TextAnswer, TextRequest
from tests.ai.planning import Plan, Planner, cluster, ideas, imported, plan
from tests.automation.pipeline import new_account
from tests.conftest import Place, make_site


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


GRINDERS = (
    "best coffee grinder",
    "manual coffee grinder for travel",
    "how to clean a burr grinder",
    "grind size for espresso",
    "dosing cup",
)


def test_a_search_that_an_imported_post_of_another_sector_answers_gets_no_idea(owner: Context, places: list[Place], model: Planner) -> None:
    post = imported(owner, places[1], "Top Coffee Grinders")
    done = plan(owner, cluster(owner, places[0], *GRINDERS))
    assert [k["keyword"] for k in model.asked[0].facts["keywords"]] == sorted(set(GRINDERS) - {"best coffee grinder"})
    assert "Top Coffee Grinders" in model.asked[0].facts["taken_titles"]
    assert done.result["rejected"] == [
        {
            "title": "best coffee grinder",
            "keywords": ["best coffee grinder"],
            "reason": 'It competes with "Top Coffee Grinders" (content, similarity 1.00).',
            "similar_to": {"type": "content", "id": post.id, "title": "Top Coffee Grinders", "similarity": 1.0},
        }
    ]
    assert {k for i in ideas(owner, done) for k in i.target_keywords} == set(GRINDERS) - {"best coffee grinder"}
    assert done.credits == 2 * len(done.result["ideas"]) == 2


def test_a_cluster_whose_searches_are_all_answered_costs_nothing_and_waits_no_more(
    owner: Context, places: list[Place], model: Planner
) -> None:
    imported(owner, places[0], "Dog crate sizes")
    home = cluster(owner, places[0], "dog crate size", "sizes of dog crates")
    done = plan(owner, home)
    assert (done.credits, done.skipped, done.result["ideas"], model.asked) == (0, None, [], [])
    assert [r["similar_to"]["title"] for r in done.result["rejected"]] == ["Dog crate sizes"] * 2
    assert (
        owner.repository(CLUSTER).get(home.id).status == "mapped"
        and owner.repository(CLUSTER).collection(f"{home.sector_id}#clusters-new") == []
    )
    assert ledger_of(owner).balance().reserved == 0


def test_ideas_and_their_contents_count_until_they_are_deleted(owner: Context, places: list[Place], model: Planner) -> None:
    first = plan(owner, cluster(owner, places[0], "dog crate size"))
    again = cluster(owner, places[1], "size of a dog crate")
    refused = plan(owner, again)
    assert refused.result["rejected"][0]["similar_to"]["id"] == first.result["ideas"][0]
    Ideas(owner).delete(first.result["ideas"][0])
    done = plan(owner, again, op="again", again=True)
    assert len(done.result["ideas"]) == 1 and done.result["rejected"] == []
    Ideas(owner).patch(done.result["ideas"][0], {"primary_keyword": "puppy pen", "idea_title": "Puppy pens"})
    assert {s.search for s in subjects(owner, again.site_id)} == {"puppy pen"}
    Ideas(owner).restore(first.result["ideas"][0])
    assert {s.search for s in subjects(owner, again.site_id)} == {"puppy pen", "dog crate size"}


def test_another_site_of_the_account_is_another_matter(owner: Context, places: list[Place]) -> None:
    imported(owner, make_site(owner)[0], "Dog crate sizes")
    assert plan(owner, cluster(owner, places[0], "dog crate size")).result["rejected"] == []


def test_a_competing_idea_is_sent_back_once_with_the_reason(owner: Context, places: list[Place], model: Planner) -> None:
    imported(owner, places[1], "Cold Brew Ratio", primary_keyword="cold brew ratio")
    home = cluster(owner, places[0], "iced coffee at home", "nitro tap")

    def better(facts: dict[str, Any], problems: list[str]) -> Plan:
        return [("Iced Coffee in Summer" if problems else "The Cold Brew Ratio", "iced coffee at home")]

    model.plan = better
    done = plan(owner, home)
    assert [len(model.asked), model.asked[1].repair.problems] == [  # type: ignore[union-attr]
        2,
        [
            'The idea "The Cold Brew Ratio" competes with "Cold Brew Ratio" (content, similarity 1.00). '
            "Plan another article: another primary keyword of the list or another question."
        ],
    ]
    assert [i.idea_title for i in ideas(owner, done)] == ["Iced Coffee in Summer"] and done.result["rejected"] == []
    assert ideas(owner, done)[0].provenance.repaired  # type: ignore[union-attr]


def test_what_competes_still_is_dropped_and_not_charged(owner: Context, places: list[Place], model: Planner) -> None:
    post = imported(owner, places[1], "Cold Brew Ratio")
    home = cluster(owner, places[0], "iced coffee at home", "nitro tap", "milk frother wand", "cup sizes", "tamping force")
    model.plan = lambda facts, problems: [("The Cold Brew Ratio", "iced coffee at home"), ("Nitro Taps", "nitro tap")]
    done = plan(owner, home)
    made = ideas(owner, done)
    assert len(model.asked) == 2 and [i.idea_title for i in made] == ["Nitro Taps"] and done.credits == 2
    (line,) = done.result["rejected"]
    assert (line["title"], line["similar_to"]["id"], line["keywords"][0]) == ("The Cold Brew Ratio", post.id, "iced coffee at home")
    assert owner.repository(CLUSTER).get(home.id).ideas_count == 1


def test_a_broken_repair_does_not_lose_what_could_be_stored(owner: Context, places: list[Place], model: Planner) -> None:
    imported(owner, places[1], "Cold Brew Ratio")
    home = cluster(owner, places[0], "iced coffee at home", "nitro tap", "milk frother wand", "cup sizes", "tamping force")
    good: Plan = [("The Cold Brew Ratio", "iced coffee at home"), ("Nitro Taps", "nitro tap")]
    model.plan = lambda facts, problems: [("Invented", "no such keyword")] if problems else good
    assert [i.idea_title for i in ideas(owner, plan(owner, home))] == ["Nitro Taps"]


def test_of_two_ideas_for_one_search_the_first_takes_the_keywords_of_both(owner: Context, places: list[Place], model: Planner) -> None:
    home = cluster(owner, places[0], "dog crate size", "sizes of dog crates", "puppy pen", "dog bed washing", "kennel heating")
    model.plan = lambda facts, problems: [("Crate Sizes Explained", "dog crate size"), ("Which Crate Fits?", "sizes of dog crates")]
    done = plan(owner, home)
    (made,) = ideas(owner, done)
    assert "are one search" in model.asked[1].repair.problems[0]  # type: ignore[union-attr]
    assert (made.primary_keyword, set(made.target_keywords)) == ("dog crate size", {"dog crate size", "sizes of dog crates", "puppy pen",
        "dog bed washing", "kennel heating"})  # fmt: skip
    assert done.result["rejected"][0]["similar_to"] == {"type": "idea", "id": made.id, "title": "Crate Sizes Explained", "similarity": 1.0}


def test_the_offline_writer_is_not_asked_twice(owner: Context, places: list[Place]) -> None:
    """It would say the same again."""
    asked: list[str] = []

    class Offline(OfflineTextModel):
        def complete(self, request: TextRequest) -> TextAnswer:
            asked.append(request.function)
            return super().complete(request)

    offline = replace(owner, deps=replace(owner.deps, text=lambda choice: Offline()))
    home = cluster(owner, places[0], "dog crate size", "sizes of dog crates", "dog crates by size", "crate size dog", "size dog crate")
    done = plan(offline, home)
    assert asked == ["generate_ideas"] and len(done.result["ideas"]) == 1 and len(done.result["rejected"]) == 1


# --- several workers


def test_an_idea_that_another_worker_plans_meanwhile_counts(owner: Context, places: list[Place], model: Planner) -> None:
    one, two = cluster(owner, places[0], "dog crate size", "puppy pen"), cluster(owner, places[1], "sizes of dog crates")
    other: list[Done] = []

    def slowly(facts: dict[str, Any], problems: list[str]) -> Plan:
        if facts["cluster"]["name"] == one.name and not other:
            other.append(plan(owner, two))
        return [(f"On {facts['keywords'][0]['keyword']}", facts["keywords"][0]["keyword"])]

    model.plan = slowly
    done = plan(owner, one)
    assert len(other[0].result["ideas"]) == 1 and done.result["ideas"] == []
    assert done.result["rejected"][0]["similar_to"]["id"] == other[0].result["ideas"][0]


class Interrupted(Table):
    """Lets the test act between an apply's last look and its transaction, once."""

    between: Callable[[], None] | None = None

    def transact(self, actions: Sequence[Write]) -> None:
        act = self.between
        if act is not None and any("#CLAIM" in a.key[0] for a in actions):
            self.between = None
            act()
        super().transact(actions)


def test_two_transactions_at_the_same_moment_make_one_idea(deps: Deps, model: Planner) -> None:
    table = Interrupted(deps.table.client, deps.table.name, lambda seconds: None)
    owner = new_account(replace(deps, table=table, text=lambda choice: model, embedder=lambda choice: TfidfEmbedder()))
    first, second = make_site(owner, 2)
    one, two = cluster(owner, first, "dog crate size"), cluster(owner, second, "sizes of dog crates")
    other: list[Done] = []
    table.between = lambda: other.append(plan(owner, two))
    done = plan(owner, one)
    assert len(other[0].result["ideas"]) == 1 and done.result["ideas"] == [], "the claim failed the second transaction"
    assert done.result["rejected"][0]["similar_to"]["id"] == other[0].result["ideas"][0] and done.credits == 0
    assert len(subjects(owner, first.site_id)) == 1


def test_a_claim_without_its_idea_counts_for_nothing(owner: Context, places: list[Place]) -> None:
    home = cluster(owner, places[0], "dog crate size")
    made = plan(owner, home).result["ideas"][0]
    Ideas(owner).delete(made)
    again = plan(owner, home, op="again", again=True)
    assert len(again.result["ideas"]) == 1 and again.result["ideas"][0] != made
    Ideas(owner).patch(again.result["ideas"][0], {"primary_keyword": "puppy pen", "idea_title": "Puppy pens"})
    assert len(plan(owner, home, op="third", again=True).result["ideas"]) == 1


# --- by hand


def test_an_idea_made_by_hand_is_made_and_warned_of(owner: Context, places: list[Place]) -> None:
    post = imported(owner, places[1], "Top Coffee Grinders")
    body = {"site_id": places[0].site_id, "sector_id": places[0].sector_id}
    made = Ideas(owner).create({**body, "idea_title": "The best coffee grinder"})
    assert made.similar_to is not None and (made.similar_to.type, made.similar_to.id, made.similar_to.similarity) == (
        "content",
        post.id,
        1.0,
    )
    assert Ideas(owner).get(made.id).similar_to == made.similar_to
    assert Ideas(owner).create({**body, "idea_title": "Kettles"}).similar_to is None
