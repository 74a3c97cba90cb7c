"""Planning with AI over HTTP: limits, refusals before anything is queued, and what the task comes to."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.adapters.offline_embedder import offline_embedder
from chalicelib.billing.credits import Ledger
from chalicelib.core.ids import new_tenant_id
from tests.conftest import Place, make_site
from tests.planner.test_keywords import add, cluster
from tests.rest import Rest

WORDS = ("road bikes", "best road bikes", "cheap road bikes", "coffee grinder", "manual coffee grinder", "best coffee grinder")


def balance(api: Rest) -> Any:
    return Ledger(api.deps.table, api.ctx.tenant, api.deps.clock).balance()


def keywords(api: Rest, place: Place, number: int = 5, **fields: Any) -> list[str]:
    return [add(api, place, word, **fields)["id"] for word in WORDS[:number]]


def test_four_keywords_are_too_few_to_cluster_and_five_enough(api: Rest, place: Place) -> None:
    ids = keywords(api, place, 4)
    where = {"site_id": place.site_id, "sector_id": place.sector_id}
    for body in (where, {**where, "ids": ids}, {"keyword_ids": ids}):
        reply = api.post("planner/keywords/auto_cluster", body)
        assert (reply.status, reply.error["code"]) == (400, "validation_error"), body
    ids.append(add(api, place, WORDS[4])["id"])
    for body in (where, {**where, "ids": ids}, {"keyword_ids": ids}):
        reply = api.post("planner/keywords/auto_cluster", body)
        assert (reply.status, reply.data["accepted"]) == (202, 5), body


def test_clustering_is_refused_without_credits_and_changes_nothing(api: Rest, place: Place) -> None:
    keywords(api, place)
    ledger = Ledger(api.deps.table, api.ctx.tenant, api.deps.clock)
    ledger.grant("spent", 4 - ledger.balance().available, kind="adjustment")
    reply = api.post("planner/keywords/auto_cluster", {"site_id": place.site_id, "sector_id": place.sector_id})
    assert (reply.status, reply.error["code"], reply.error["required"], reply.error["available"]) == (402, "insufficient_credits", 5, 4)
    assert (balance(api).balance, balance(api).reserved, api.deps.jobs.bodies("ai")) == (4, 0, [])  # type: ignore[attr-defined]


def test_clusters_come_with_their_keywords_figures_and_cost_what_was_said(api: Rest, place: Place) -> None:
    api = Rest(api.routers, replace(api.deps, embedder=lambda choice: offline_embedder()), api.scope)
    keywords(api, place, 6, volume=100, difficulty=40)
    before = balance(api).balance
    done = api.finished(api.post("planner/keywords/auto_cluster", {"site_id": place.site_id, "sector_id": place.sector_id}))
    assert done["state"] == "succeeded", done
    clusters = api.get("planner/clusters", sector_id=place.sector_id).results
    assert sum(c["keywords_count"] for c in clusters) == 6 - len(done["result"]["succeeded"][0]["result"]["left"])
    assert all(c["volume"] == 100 * c["keywords_count"] and c["difficulty"] == 40 for c in clusters)
    assert before - balance(api).balance == 5
    first = api.get("planner/keywords", cluster=clusters[0]["id"]).results
    api.patch(f"planner/keywords/{first[0]['id']}", {"cluster": None})
    left = api.get(f"planner/clusters/{clusters[0]['id']}").data
    assert left["keywords_count"] == len(first) - 1 and left["volume"] == (100 * (len(first) - 1) or None)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("keywords/auto_cluster", {"ids": ["x"]}),
        ("clusters/auto_generate_ideas", {"cluster_ids": ["x"]}),
        ("ideas/generate", {"cluster_id": "x"}),
        ("ideas/generate", {"keyword_ids": ["x"]}),
    ],
)
def test_unknown_objects_are_not_found(api: Rest, path: str, body: dict[str, Any]) -> None:
    assert api.post(f"planner/{path}", body).status == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("keywords/auto_cluster", {}),
        ("keywords/auto_cluster", {"ids": []}),
        ("clusters/auto_generate_ideas", {"ids": [f"c{n}" for n in range(101)]}),
        ("ideas/generate", {}),
        ("ideas/generate", {"cluster_id": "x", "keyword_ids": ["y"]}),
        ("ideas/generate", {"cluster_id": "x", "count": 11}),
        ("ideas/generate", {"cluster_id": "x", "count": 0}),
    ],
)
def test_bodies_are_checked(api: Rest, path: str, body: dict[str, Any]) -> None:
    assert api.post(f"planner/{path}", body).status == 400


def test_foreign_keywords_cluster_nothing(api: Rest, place: Place) -> None:
    ids = keywords(api, place)
    assert api.of_tenant(new_tenant_id()).post("planner/keywords/auto_cluster", {"ids": ids}).status == 404
    other = make_site(api.ctx)[0]
    mixed = [*ids[:4], add(api, other, "road bikes")["id"]]
    assert api.post("planner/keywords/auto_cluster", {"ids": mixed}).status == 400
    assert api.post("planner/keywords/auto_cluster", {"ids": ids, "sector_id": other.sector_id}).status == 400
    assert api.as_role("viewer").post("planner/keywords/auto_cluster", {"ids": ids}).status == 403


def test_ideas_for_clusters_count_in_their_cluster(api: Rest, place: Place) -> None:
    home = cluster(api, place)
    for word in ("road bikes", "bike lights for commuting", "how to clean a chain", "tubeless tyres worth it", "saddle height"):
        add(api, place, word, cluster=home)
    done = api.finished(api.post("planner/clusters/auto_generate_ideas", {"cluster_ids": [home]}))
    assert done["state"] == "succeeded", done
    ideas = api.get("planner/ideas", cluster_id=home).results
    shown = api.get(f"planner/clusters/{home}").data
    assert len(ideas) == shown["ideas_count"] > 0 and shown["status"] == "mapped"
    assert ideas[0]["cluster_name"] == "Bicycles" and ideas[0]["taxonomy"] is None
    again = api.finished(api.post("planner/clusters/auto_generate_ideas", {"ids": [home]}))
    assert again["state"] == "succeeded" and again["result"]["succeeded"][0]["outcome"] == "done", (
        "asked for by hand, a cluster gets further ideas"
    )
    assert api.get(f"planner/clusters/{home}").data["ideas_count"] > len(ideas)


def test_ideas_for_chosen_keywords_belong_to_the_cluster_all_are_in(api: Rest, place: Place) -> None:
    home = cluster(api, place)
    ids = [add(api, place, word, cluster=home)["id"] for word in ("road bikes", "saddle height")]
    free = add(api, place, "coffee grinder")["id"]
    done = api.finished(api.post("planner/ideas/generate", {"keyword_ids": ids, "count": 2}))
    assert done["state"] == "succeeded", done
    assert {i["keyword_cluster"] for i in api.get("planner/ideas", sector_id=place.sector_id).results} == {home}
    assert api.get(f"planner/clusters/{home}").data["ideas_count"] == 2
    before = balance(api).balance
    done = api.finished(api.post("planner/ideas/generate", {"keyword_ids": [free], "count": 3}))
    assert done["state"] == "succeeded", done
    made = api.get(f"planner/ideas/{done['result']['succeeded'][0]['result']['ideas'][0]}").data
    assert (made["keyword_cluster"], made["keyword_objects"], before - balance(api).balance) == (None, [free], 2)
