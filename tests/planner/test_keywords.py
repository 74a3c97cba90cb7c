"""Keywords over HTTP: making them, their figures and status, bulk actions, deleting and restoring."""

from typing import Any

import pytest

from chalicelib.core.ids import new_tenant_id
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.keywords import KEYWORD
from tests.conftest import ContextFactory, Place, make_site
from tests.rest import Rest


def add(api: Rest, place: Place, keyword: str, **fields: Any) -> dict[str, Any]:
    reply = api.post("planner/keywords", {"site_id": place.site_id, "sector_id": place.sector_id, "keyword": keyword, **fields})
    assert reply.status == 201, reply.body
    made: dict[str, Any] = reply.data
    return made


def cluster(api: Rest, place: Place, name: str = "Bicycles") -> str:
    reply = api.post("planner/clusters", {"site_id": place.site_id, "sector_id": place.sector_id, "name": name})
    assert reply.status == 201, reply.body
    return str(reply.data["id"])


def figures(api: Rest, cluster_id: str) -> tuple[int, int | None, int | None]:
    shown = api.get(f"planner/clusters/{cluster_id}").data
    return shown["keywords_count"], shown["volume"], shown["difficulty"]


def test_a_keyword_of_ones_own_has_the_figures_given(api: Rest, place: Place) -> None:
    made = add(api, place, "  Road   bikes ", volume=900, difficulty=31, intent="commercial", country="Germany")
    assert (made["keyword"], made["volume"], made["difficulty"], made["intent"], made["country"]) == (
        "Road bikes",
        900,
        31,
        "commercial",
        "de",
    )
    assert (made["status"], made["cluster"], made["cluster_name"], made["sector_name"]) == ("new", None, None, "Sector 0")
    assert api.get(f"planner/keywords/{made['id']}").data == made
    assert api.get("planner/keywords", site_id=place.site_id, volume_min=900).results == [made]


def test_the_same_keyword_of_a_sector_is_a_duplicate_whatever_its_case(api: Rest, place: Place) -> None:
    add(api, place, "road bikes")
    reply = api.post("planner/keywords", {"site_id": place.site_id, "sector_id": place.sector_id, "keyword": "ROAD  bikes"})
    assert (reply.status, reply.error["code"]) == (409, "duplicate")
    assert add(api, place, "road bikes", country="us")["country"] == "us", "another market is another keyword"
    second = make_site(api.ctx)[0]
    assert add(api, second, "road bikes")["sector_id"] == second.sector_id, "and so is another sector"


def test_a_deleted_keyword_made_again_comes_back_with_the_new_values(api: Rest, place: Place) -> None:
    old = add(api, place, "road bikes", volume=900, difficulty=31)
    assert api.delete(f"planner/keywords/{old['id']}").data == {"id": old["id"]}
    assert api.get(f"planner/keywords/{old['id']}").status == 404
    again = add(api, place, "road bikes", volume=5)
    assert again["id"] == old["id"] and again["deleted_at"] is None
    assert (again["volume"], again["difficulty"], again["created_at"]) == (5, None, old["created_at"])
    assert api.get("planner/keywords", sector_id=place.sector_id).body["count"] == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "keyword"),
        ({"keyword": "a", "seed_keyword_id": "b"}, "keyword"),
        ({"keyword": "\u200b"}, "keyword"),
        ({"keyword": "a", "volume": -1}, "volume"),
        ({"keyword": "a", "difficulty": 101}, "difficulty"),
        ({"keyword": "a", "intent": "curious"}, "intent"),
        ({"keyword": "a", "colour": "red"}, "colour"),
        ({"keyword": "a", "cluster": "nothing"}, "cluster"),
    ],
)
def test_what_is_wrong_with_a_new_keyword_is_named(api: Rest, place: Place, body: dict[str, Any], field: str) -> None:
    reply = api.post("planner/keywords", {"site_id": place.site_id, "sector_id": place.sector_id, **body})
    assert reply.status in (400, 404) and (reply.status == 404 or field in reply.error["fields"]), reply.body


def test_the_seed_of_a_keyword_never_changes(api: Rest, place: Place) -> None:
    made = add(api, place, "road bikes")
    reply = api.patch(f"planner/keywords/{made['id']}", {"keyword": "gravel bikes", "seed_keyword_id": "x", "volume_override": 3})
    assert reply.status == 200
    assert (reply.data["keyword"], reply.data["seed_keyword_id"], reply.data["volume"]) == ("road bikes", None, 3)


def test_assigning_a_cluster_maps_the_keyword_and_moves_the_figures(api: Rest, place: Place) -> None:
    first, second = cluster(api, place), cluster(api, place, "Wheels")
    one = add(api, place, "road bikes", volume=900, difficulty=30, cluster=first)
    two = add(api, place, "gravel bikes", volume=100)
    assert (one["status"], one["cluster_name"], two["status"]) == ("mapped", "Bicycles", "new")
    assert figures(api, first) == (1, 900, 30)
    assert api.patch(f"planner/keywords/{two['id']}", {"cluster": first}).data["status"] == "mapped"
    assert figures(api, first) == (2, 1000, 30)
    api.patch(f"planner/keywords/{two['id']}", {"difficulty_override": 51, "volume_override": None})
    assert figures(api, first) == (2, 900, 40)
    api.patch(f"planner/keywords/{one['id']}", {"cluster": second})
    assert (figures(api, first), figures(api, second)) == ((1, None, 51), (1, 900, 30))
    freed = api.patch(f"planner/keywords/{one['id']}", {"cluster": None}).data
    assert (freed["cluster"], freed["status"], figures(api, second)) == (None, "new", (0, None, None))
    assert [c["id"] for c in api.get("planner/clusters", ordering="-keywords_count", sector_id=place.sector_id).results] == [first, second]


def test_deleting_and_restoring_a_keyword_changes_its_clusters_figures(api: Rest, place: Place) -> None:
    home = cluster(api, place)
    made = add(api, place, "road bikes", volume=900, difficulty=30, cluster=home)
    api.delete(f"planner/keywords/{made['id']}")
    assert figures(api, home) == (0, None, None)
    assert api.post(f"planner/keywords/{made['id']}/restore").data["cluster"] == home
    assert figures(api, home) == (1, 900, 30)


def test_a_cluster_of_another_sector_is_refused(api: Rest, place: Place) -> None:
    other = make_site(api.ctx, 2)[1]
    foreign = cluster(api, other)
    made = add(api, place, "road bikes")
    reply = api.patch(f"planner/keywords/{made['id']}", {"cluster": foreign})
    assert reply.status in (400, 404) and "Bicycles" not in str(reply.body)
    assert figures(api, foreign) == (0, None, None)


def test_a_keyword_set_to_new_leaves_its_cluster(api: Rest, place: Place) -> None:
    home = cluster(api, place)
    made = add(api, place, "road bikes", cluster=home)
    assert api.patch(f"planner/keywords/{made['id']}", {"status": "new", "cluster": home}).status == 400
    shown = api.patch(f"planner/keywords/{made['id']}", {"status": "new"}).data
    assert (shown["cluster"], shown["status"], figures(api, home)[0]) == (None, "new", 0)


def test_filters_take_the_override_before_the_seeds_figure(api: Rest, place: Place) -> None:
    repository = api.ctx.repository(KEYWORD)
    seeded = repository.create(repository.new(place.sector_id, "seed0000000000aa", keyword="seeded", seed_volume=10, volume_override=500))
    add(api, place, "small", volume=20)
    shown = api.get("planner/keywords", sector_id=place.sector_id, volume_min=100).results
    assert [k["id"] for k in shown] == [seeded.id]
    assert [k["keyword"] for k in api.get("planner/keywords", ordering="-volume", sector_id=place.sector_id).results] == ["seeded", "small"]


@pytest.mark.parametrize("path", ["bulk_update", "bulk_update_status"])
def test_bulk_update_answers_id_by_id(api: Rest, place: Place, path: str) -> None:
    ids = [add(api, place, f"{path} {n}")["id"] for n in range(3)]
    reply = api.post(f"planner/keywords/{path}", {"ids": [*ids, "no-such", ids[0]], "status": "mapped"})
    assert reply.status == 200
    assert reply.data["succeeded"] == ids
    assert [(f["id"], f["code"]) for f in reply.data["failed"]] == [("no-such", "not_found")]
    assert all(api.get(f"planner/keywords/{i}").data["status"] == "mapped" for i in ids)


def test_bulk_delete_takes_its_ids_by_either_name(api: Rest, place: Place) -> None:
    ids = [add(api, place, f"keyword {n}")["id"] for n in range(3)]
    assert api.post("planner/keywords/bulk_delete", {"keyword_ids": ids[:2]}).data == {"succeeded": ids[:2], "failed": []}
    assert api.post("planner/keywords/bulk_delete", {"ids": ids}).data["succeeded"] == ids[2:]
    assert api.get("planner/keywords", sector_id=place.sector_id, deleted="true").body["count"] == 3


@pytest.mark.parametrize("ids", [[], ["x"] * 0, [f"id-{n}" for n in range(101)], "abc", [1], [""]])
def test_id_lists_are_checked(api: Rest, ids: Any) -> None:
    assert api.post("planner/keywords/bulk_delete", {"ids": ids}).status == 400
    assert api.post("planner/keywords/bulk_update", {"ids": ["a"], "status": "used"}).status == 400


def test_another_accounts_keywords_are_not_found_anywhere(api: Rest, place: Place, ctx: ContextFactory) -> None:
    made = add(api, place, "road bikes")
    other = api.of_tenant(new_tenant_id())
    for reply in (
        other.get(f"planner/keywords/{made['id']}"),
        other.patch(f"planner/keywords/{made['id']}", {"disabled": True}),
        other.delete(f"planner/keywords/{made['id']}"),
        other.get("planner/keywords", sector_id=place.sector_id),
        other.post("planner/keywords", {"site_id": place.site_id, "sector_id": place.sector_id, "keyword": "x"}),
        other.get("planner/keywords/export", ids=made["id"]),
    ):
        assert reply.status == 404 and "road" not in str(reply.body)
    reply = other.post("planner/keywords/bulk_delete", {"ids": [made["id"]]})
    assert reply.data == {"succeeded": [], "failed": [{"id": made["id"], "code": "not_found", "message": "There is no such object."}]}


def test_viewers_read_and_editors_see_their_sites_alone(api: Rest, place: Place) -> None:
    made = add(api, place, "road bikes")
    viewer, stranger = api.as_role("viewer", {place.site_id}), api.as_role("editor", set())
    assert viewer.get("planner/keywords").results == [made]
    body = {"site_id": place.site_id, "sector_id": place.sector_id, "keyword": "x"}
    assert viewer.post("planner/keywords", body).status == 403
    assert viewer.post("planner/keywords/bulk_delete", {"ids": [made["id"]]}).status == 403
    assert stranger.get("planner/keywords").results == []
    assert stranger.post("planner/keywords", body).status == 404
    assert api.as_role("editor", {place.site_id}).post("planner/keywords", body).status == 201


def test_a_cluster_that_loses_keywords_to_two_hands_at_once_counts_right(api: Rest, place: Place) -> None:
    """The cluster's figures move on between our read and our write: the write is done again on what is there."""
    home = cluster(api, place)
    ids = [add(api, place, f"keyword {n}", volume=10, cluster=home)["id"] for n in range(4)]
    clusters = api.ctx.repository(CLUSTER)
    before = clusters.get(home)
    api.patch(f"planner/keywords/{ids[0]}", {"cluster": None})
    assert clusters.get(home).version > before.version
    api.post("planner/keywords/bulk_delete", {"ids": ids[1:3]})
    assert figures(api, home) == (1, 10, None)
