"""Keywords: one by one, in bulk, from seeds, and how they are found."""

from typing import Any

from tests.e2e.blackbox.client import Api
from tests.e2e.blackbox.making import cluster, crud, keywords, made, name


def test_keywords_are_made_changed_deleted_and_restored(owner: Api, where: dict[str, Any]) -> None:
    body = {**where, "keyword": "flat white", "volume": 90, "difficulty": 12, "intent": "informational", "country": "us"}
    change = {"volume_override": 95}
    one = crud(owner, "planner/keywords/", body, change, put={**change, "difficulty_override": 3}, verbs="put patch delete restore")
    read = owner.get(f"planner/keywords/{one}/").data
    assert (read["keyword"], read["volume"], read["difficulty"], read["status"]) == ("flat white", 95, 12, "new")
    owner.post("planner/keywords/", {**where, "keyword": "Flat  White", "country": "us"}, status=409)
    owner.delete(f"planner/keywords/{one}/")
    again = made(owner, "planner/keywords/", **where, keyword="flat white", country="us", volume=7)
    assert (again["id"], again["volume"]) == (one, 7)


def test_a_keyword_joins_a_cluster_and_leaves_it(owner: Api, where: dict[str, Any]) -> None:
    one, home = keywords(owner, where, "cortado")[0], cluster(owner, where)
    assert owner.patch(f"planner/keywords/{one}/", {"cluster": home}).data["status"] == "mapped"
    assert [row["id"] for row in owner.every("planner/keywords/", cluster=home)] == [one]
    assert owner.every("planner/keywords/", cluster_id=home) == owner.every("planner/keywords/", cluster=home)
    assert owner.get(f"planner/clusters/{home}/").data["keywords_count"] == 1
    owner.delete(f"planner/clusters/{home}/")
    freed = owner.get(f"planner/keywords/{one}/").data
    assert (freed["cluster"], freed["status"]) == (None, "new")


def test_both_names_of_a_bulk_action_answer_alike(owner: Api, where: dict[str, Any]) -> None:
    ids = keywords(owner, where, "ristretto", "lungo")
    answers = []
    for path in ("bulk_update", "bulk_update_status"):
        for field in ("ids", "keyword_ids"):
            answers.append(owner.post(f"planner/keywords/{path}/", {field: [*ids, "unknown"], "status": "mapped"}).data)
            wrong = owner.post(f"planner/keywords/{path}/", {field: ids, "status": "red"}, status=400)
            assert wrong.error["fields"].keys() == {"status"}
    assert answers[0]["succeeded"] == ids and [row["id"] for row in answers[0]["failed"]] == ["unknown"]
    assert all(answer == answers[0] for answer in answers)
    gone = owner.post("planner/keywords/bulk_delete/", {"keyword_ids": ids}).data
    assert gone == {"succeeded": ids, "failed": []}
    assert owner.every("planner/keywords/", **where) == []


def _seeds(developer: Api, industry_sector: str, *volumes: int) -> list[dict[str, Any]]:
    made_seeds = [
        made(developer, "auth/seed-keywords/", industry_sector=industry_sector, keyword=name("seed"), volume=v, difficulty=v // 10)
        for v in volumes
    ]
    return made_seeds


def test_an_override_goes_before_the_seed(owner: Api, developer: Api, where: dict[str, Any]) -> None:
    seeds = _seeds(developer, "coffee.espresso-machines", 100, 200, 300)
    ids = [made(owner, "planner/keywords/", **where, seed_keyword_id=seed["id"])["id"] for seed in seeds]
    owner.patch(f"planner/keywords/{ids[0]}/", {"volume_override": 900, "difficulty_override": 90})
    found = owner.every("planner/keywords/", **where, volume_min=250, ordering="-volume")
    assert [(row["id"], row["volume"]) for row in found] == [(ids[0], 900), (ids[2], 300)]
    assert [row["id"] for row in owner.every("planner/keywords/", **where, volume_max=250)] == [ids[1]]
    assert [row["id"] for row in owner.every("planner/keywords/", **where, ordering="difficulty")] == [ids[1], ids[2], ids[0]]
    assert [row["id"] for row in owner.every("planner/keywords/", **where, difficulty_min=25, difficulty_max=50)] == [ids[2]]
    assert [row["id"] for row in owner.every("planner/keywords/", **where, seed_keyword_id=seeds[1]["id"])] == [ids[1]]
    assert [row["id"] for row in owner.every("planner/keywords/", **where, search=seeds[2]["keyword"])] == [ids[2]]
    back = owner.patch(f"planner/keywords/{ids[0]}/", {"volume_override": None})
    assert back.data["volume"] == 100
    for seed in seeds:
        developer.delete(f"auth/seed-keywords/{seed['id']}/")


def test_seeds_of_the_sector_are_added(owner: Api, developer: Api, where: dict[str, Any]) -> None:
    (fits,), (foreign,) = _seeds(developer, "coffee.espresso-machines", 10), _seeds(developer, "coffee.brewing", 20)
    ids = [fits["id"], foreign["id"], "unknown"]
    added = owner.post("planner/keywords/bulk_add_from_seed/", {**where, "ids": ids}).data
    assert added["succeeded"] == [fits["id"]] and len(added["keyword_ids"]) == 1
    assert {row["id"] for row in added["failed"]} == {foreign["id"], "unknown"}
    again = owner.post("planner/keywords/bulk_add_from_seed/", {**where, "seed_ids": [fits["id"]]}).data
    assert [row["code"] for row in again["failed"]] == ["duplicate"]
    for seed in (fits, foreign):
        developer.delete(f"auth/seed-keywords/{seed['id']}/")
