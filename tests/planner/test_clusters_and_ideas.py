"""Clusters and ideas over HTTP: names, deleting and restoring, what becomes of keywords, status rules, queueing to the writer."""

from typing import Any

import pytest

from chalicelib.core.ids import new_tenant_id
from chalicelib.planner.ideas import IDEA
from chalicelib.writer.tasks import TASK
from tests.conftest import Place, make_site
from tests.planner.test_keywords import add, cluster, figures
from tests.rest import Rest


def idea(api: Rest, place: Place, title: str = "How to choose a road bike", **fields: Any) -> dict[str, Any]:
    reply = api.post("planner/ideas", {"site_id": place.site_id, "sector_id": place.sector_id, "idea_title": title, **fields})
    assert reply.status == 201, reply.body
    made: dict[str, Any] = reply.data
    return made


def test_a_name_is_taken_in_its_sector_until_its_cluster_is_deleted(api: Rest, place: Place) -> None:
    first = cluster(api, place, "Road Bikes")
    assert cluster(api, place, "Gravel Bikes") != first
    where = {"site_id": place.site_id, "sector_id": place.sector_id}
    assert api.post("planner/clusters", {**where, "name": " road  BIKES"}).status == 409
    assert cluster(api, make_site(api.ctx)[0], "Road Bikes"), "another sector has names of its own"
    api.delete(f"planner/clusters/{first}")
    second = cluster(api, place, "road bikes")
    assert api.post(f"planner/clusters/{first}/restore").status == 409
    api.delete(f"planner/clusters/{second}")
    assert api.post(f"planner/clusters/{first}/restore").data["name"] == "Road Bikes"


def test_deleting_a_cluster_frees_its_keywords(api: Rest, place: Place) -> None:
    home = cluster(api, place)
    made = [add(api, place, f"bike {n}", volume=1, cluster=home)["id"] for n in range(95)]
    assert figures(api, home) == (95, 95, None)
    assert api.delete(f"planner/clusters/{home}").data == {"id": home}
    shown = api.get("planner/keywords", sector_id=place.sector_id, status="new", page_size=100)
    assert (shown.body["count"], {k["cluster"] for k in shown.results}) == (95, {None})
    assert api.post(f"planner/clusters/{home}/restore").data["keywords_count"] == 0
    assert api.patch(f"planner/keywords/{made[0]}", {"cluster": home}).status == 200
    assert figures(api, home) == (1, 1, None)


def test_a_delete_names_the_version_it_means(api: Rest, place: Place) -> None:
    home = cluster(api, place)
    add(api, place, "bike", cluster=home)
    version = api.get(f"planner/clusters/{home}").data["version"]
    assert api.delete(f"planner/clusters/{home}", headers={"if-match": f'"{version - 1}"'}).status == 412
    assert figures(api, home)[0] == 1
    assert api.delete(f"planner/clusters/{home}", headers={"if-match": f'"{version}"'}).status == 200


def test_ideas_of_a_deleted_cluster_stay_and_wait_for_another(api: Rest, place: Place) -> None:
    home = cluster(api, place)
    made = idea(api, place, keyword_cluster=home)
    api.delete(f"planner/clusters/{home}")
    assert api.get(f"planner/ideas/{made['id']}").data["cluster_name"] is None
    reply = api.post("planner/ideas/bulk_queue_to_writer", {"ids": [made["id"]]})
    assert [f["code"] for f in reply.data["failed"]] == ["conflict"]
    api.patch(f"planner/ideas/{made['id']}", {"keyword_cluster": cluster(api, place, "Wheels")})
    assert api.post("planner/ideas/bulk_queue_to_writer", {"ids": [made["id"]]}).data["succeeded"] == [made["id"]]


def test_an_idea_takes_its_words_from_its_keywords(api: Rest, place: Place) -> None:
    ids = [add(api, place, word)["id"] for word in ("road bikes", "race bikes")]
    made = idea(api, place, keyword_objects=ids, target_keywords=["ignored"], brief="Short")
    assert (made["target_keywords"], made["primary_keyword"], made["brief"]) == (["road bikes", "race bikes"], "road bikes", "Short")
    changed = api.patch(f"planner/ideas/{made['id']}", {"keyword_objects": ids[1:], "primary_keyword": "race bikes"}).data
    assert (changed["target_keywords"], changed["primary_keyword"]) == (["race bikes"], "race bikes")
    foreign = add(api, make_site(api.ctx)[0], "other")["id"]
    for wrong in (["nothing"], [foreign], "text", [1]):
        assert api.patch(f"planner/ideas/{made['id']}", {"keyword_objects": wrong}).status == 400
    assert [i["id"] for i in api.get("planner/ideas", search="race").results] == [made["id"]]


def test_ideas_count_in_their_cluster_wherever_they_go(api: Rest, place: Place) -> None:
    first, second = cluster(api, place), cluster(api, place, "Wheels")

    def counts() -> tuple[int, int]:
        one, two = (api.get(f"planner/clusters/{c}").data["ideas_count"] for c in (first, second))
        return one, two

    made = [idea(api, place, f"Idea {n}", keyword_cluster=first)["id"] for n in range(3)]
    assert counts() == (3, 0) and api.get(f"planner/clusters/{first}").data["status"] == "mapped"
    api.patch(f"planner/ideas/{made[0]}", {"keyword_cluster": second})
    assert counts() == (2, 1)
    api.post("planner/ideas/bulk_delete", {"ids": made[:2]})
    assert counts() == (1, 0)
    api.post(f"planner/ideas/{made[0]}/restore")
    assert counts() == (1, 1)
    api.delete(f"planner/clusters/{second}")
    api.delete(f"planner/ideas/{made[0]}")
    assert api.post(f"planner/clusters/{second}/restore").data["ideas_count"] == 0


def test_queueing_an_idea_makes_one_task_however_often(api: Rest, place: Place) -> None:
    home = cluster(api, place)
    made = idea(api, place, keyword_cluster=home, estimated_word_count=800, tone="dry")
    free = idea(api, place, "Without a cluster")
    reply = api.post("planner/ideas/bulk_queue_to_writer", {"ids": [made["id"], free["id"], "nothing"]})
    assert (reply.data["succeeded"], [f["code"] for f in reply.data["failed"]]) == ([made["id"]], ["conflict", "not_found"])
    again = api.post("planner/ideas/bulk_queue_to_writer", {"idea_ids": [made["id"]]})
    assert [f["code"] for f in again.data["failed"]] == ["conflict"]
    tasks = api.ctx.repository(TASK).ranked(place.sector_id, "queued")
    assert [(t.id, t.title, t.word_count, t.tone) for t in tasks] == [(reply.data["task_ids"][0], made["idea_title"], 800, "dry")]
    shown = api.get(f"planner/ideas/{made['id']}").data
    assert (shown["status"], shown["task"], shown["is_assigned"]) == ("queued", tasks[0].id, True)


def test_an_idea_becomes_new_again_when_its_task_is_gone(api: Rest, place: Place) -> None:
    made = idea(api, place, keyword_cluster=cluster(api, place))["id"]
    task = api.post("planner/ideas/bulk_queue_to_writer", {"ids": [made]}).data["task_ids"][0]
    refused = api.post("planner/ideas/bulk_update", {"ids": [made], "status": "new"})
    assert [f["code"] for f in refused.data["failed"]] == ["validation_error"]
    api.ctx.repository(TASK).delete(task)
    assert api.post("planner/ideas/bulk_update", {"ids": [made], "status": "new"}).data["succeeded"] == [made]
    api.patch(f"planner/ideas/{made}", {"idea_title": "Better"})
    assert api.post("planner/ideas/bulk_queue_to_writer", {"ids": [made]}).data["task_ids"] == [task]
    assert api.ctx.repository(TASK).get(task).title == "Better"


def test_bulk_update_sets_status_and_refuses_others(api: Rest, place: Place) -> None:
    ids = [idea(api, place, f"Idea {n}")["id"] for n in range(2)]
    assert api.post("planner/ideas/bulk_update", {"ids": ids, "status": "completed"}).data["succeeded"] == ids
    assert {i["status"] for i in api.get("planner/ideas", status="completed").results} == {"completed"}
    assert api.post("planner/ideas/bulk_update", {"ids": ids, "status": "approved"}).status == 400
    assert api.ctx.repository(IDEA).count([place.sector_id], {"status": "completed"}) == 2


@pytest.mark.parametrize(
    "fields", [{"idea_title": ""}, {"content_type": "tweet"}, {"estimated_word_count": 5}, {"keyword_cluster": "x"}, {"colour": 1}]
)
def test_what_is_wrong_with_an_idea_is_named(api: Rest, place: Place, fields: dict[str, Any]) -> None:
    body = {"site_id": place.site_id, "sector_id": place.sector_id, "idea_title": "Title", **fields}
    assert api.post("planner/ideas", body).status in (400, 404)


def test_another_account_reaches_no_idea_and_no_cluster(api: Rest, place: Place) -> None:
    home = cluster(api, place)
    made = idea(api, place, keyword_cluster=home)["id"]
    other = api.of_tenant(new_tenant_id())
    for reply in (
        other.get(f"planner/ideas/{made}"),
        other.delete(f"planner/clusters/{home}"),
        other.post(f"planner/clusters/{home}/restore"),
        other.get("planner/ideas", cluster_id=home),
    ):
        assert reply.status == 404
    assert other.post("planner/ideas/bulk_queue_to_writer", {"ids": [made]}).data["failed"][0]["code"] == "not_found"
    assert api.get(f"planner/ideas/{made}").data["status"] == "new"


def test_a_put_that_names_no_status_leaves_it(api: Rest, place: Place) -> None:
    home = cluster(api, place)
    made = idea(api, place, keyword_cluster=home, tone="dry")["id"]
    api.post("planner/ideas/bulk_queue_to_writer", {"ids": [made]})
    put = api.put(f"planner/ideas/{made}", {"idea_title": "New title", "keyword_cluster": home}).data
    assert (put["idea_title"], put["tone"], put["status"], put["task"] is not None) == ("New title", "", "queued", True)
    assert api.put(f"planner/clusters/{home}", {"name": "Other"}).data["status"] == "mapped"
    word = add(api, place, "road bikes", cluster=home)["id"]
    assert api.put(f"planner/keywords/{word}", {"cluster": home, "volume_override": 4}).data["status"] == "mapped"
    assert api.put(f"planner/keywords/{word}", {}).data["cluster"] is None
