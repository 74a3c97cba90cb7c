"""Clusters and ideas, by hand and by the functions that make them."""

from typing import Any

from tests.e2e.blackbox.client import Api
from tests.e2e.blackbox.making import cluster, crud, keywords, made, name

ALL = "put patch delete restore"
WORDS = ("espresso grinder", "best espresso grinder", "cheap espresso grinder", "espresso grinder for home", "manual espresso grinder")


def test_clusters_are_made_changed_deleted_and_restored(owner: Api, where: dict[str, Any]) -> None:
    crud(
        owner,
        "planner/clusters/",
        {**where, "name": name("Cluster")},
        {"description": "About"},
        put={"name": name("Other"), "description": "About"},
        verbs=ALL,
    )


def test_names_of_clusters_in_a_sector(owner: Api, where: dict[str, Any]) -> None:
    first = cluster(owner, where, "Hand Grinders")
    cluster(owner, where, "Electric Grinders")
    for same in ("Hand Grinders", "hand  GRINDERS", " hand grinders "):
        assert owner.post("planner/clusters/", {**where, "name": same}, status=409).error["code"] == "duplicate"
    owner.delete(f"planner/clusters/{first}/")
    cluster(owner, where, "hand grinders")


def test_four_keywords_are_too_few_and_five_are_enough(owner: Api, where: dict[str, Any]) -> None:
    ids = keywords(owner, where, *WORDS[:4])
    for body in ({"keyword_ids": ids}, {**where}, {**where, "ids": ids}):
        assert owner.post("planner/keywords/auto_cluster/", body, status=400).error["code"] == "validation_error"
    keywords(owner, where, *WORDS)
    done = owner.done("planner/keywords/auto_cluster/", where)
    assert done["accepted"] == 5 and done["percentage"] == 100 and done["steps"]
    clusters = owner.every("planner/clusters/", **where, ordering="-keywords_count")
    assert sum(row["keywords_count"] for row in clusters) + len(owner.every("planner/keywords/", **where, status="new")) == 5
    assert clusters[0]["volume"] > 0


def _idea(owner: Api, where: dict[str, Any], **more: Any) -> dict[str, Any]:
    return made(owner, "planner/ideas/", **where, idea_title=name("Idea"), **{"keyword_cluster": None, **more})


def test_ideas_are_made_changed_deleted_and_restored(owner: Api, where: dict[str, Any]) -> None:
    home = cluster(owner, where)
    body = {**where, "idea_title": name("Idea"), "keyword_cluster": home, "content_type": "post", "content_structure": "guide"}
    crud(owner, "planner/ideas/", body, {"tone": "warm"}, verbs=ALL)
    assert len(owner.every("planner/ideas/", **where, cluster=home)) == 1


def test_ideas_in_bulk(owner: Api, where: dict[str, Any]) -> None:
    ids = [_idea(owner, where)["id"] for _ in range(2)]
    assert owner.post("planner/ideas/bulk_update/", {"ids": ids, "status": "queued"}).data["succeeded"] == ids
    assert {row["status"] for row in owner.every("planner/ideas/", **where)} == {"queued"}
    assert owner.post("planner/ideas/bulk_delete/", {"ids": ids}).data["succeeded"] == ids


def test_ideas_come_from_clusters_and_keywords(owner: Api, where: dict[str, Any]) -> None:
    ids, home = keywords(owner, where, *WORDS), cluster(owner, where)
    apart = keywords(owner, where, "sourdough starter feeding", "sourdough starter jar")
    for one in ids[:3]:
        owner.patch(f"planner/keywords/{one}/", {"cluster": home})
    owner.done("planner/clusters/auto_generate_ideas/", {"cluster_ids": [home]})
    found = owner.every("planner/ideas/", **where, cluster=home)
    assert found and owner.get(f"planner/clusters/{home}/").data["ideas_count"] == len(found)
    more = owner.done("planner/ideas/generate/", {"cluster_id": home, "count": 1})
    others = owner.done("planner/ideas/generate/", {"keyword_ids": apart, "count": 1})
    made = len(owner.every("planner/ideas/", **where)) - len(found)
    assert made >= 1, "keywords of their own have an idea"
    for row in [
        r for task in (more, others) for r in task["result"].get("rejected", [])
    ]:  # what would compete is not planned, and says why
        assert row["reason"] and row["similar_to"]


def test_an_idea_becomes_one_task(owner: Api, where: dict[str, Any]) -> None:
    one = _idea(
        owner, where, keyword_cluster=cluster(owner, where), content_type="post", content_structure="guide", primary_keyword="espresso"
    )["id"]
    first = owner.post("planner/ideas/bulk_queue_to_writer/", {"ids": [one]}).data
    assert first["succeeded"] == [one]
    again = owner.post("planner/ideas/bulk_queue_to_writer/", {"ids": [one]}).data
    assert again["task_ids"] in ([], first["task_ids"])
    assert [row["id"] for row in owner.every("writer/tasks/", **where)] == first["task_ids"]
    assert owner.get(f"planner/ideas/{one}/").data["status"] == "queued"
