"""Writing tasks over HTTP: what they need, one per idea, bulk actions, writing them."""

from typing import Any

import pytest

from chalicelib.billing.credits import Ledger
from chalicelib.core.ids import new_tenant_id
from tests.conftest import make_site
from tests.writer.conftest import Desk


@pytest.mark.parametrize("missing", ["title", "cluster", "content_type", "content_structure", "site_id", "sector_id"])
def test_a_task_needs_a_subject_a_cluster_and_a_kind(desk: Desk, missing: str) -> None:
    body = {**desk.where, "title": "Bikes", "cluster": desk.cluster, "content_type": "post", "content_structure": "guide"}
    del body[missing]
    reply = desk.api.post("writer/tasks", body)
    assert (reply.status, list(reply.error["fields"])) == (400, [missing])


def test_a_task_is_queued_and_named(desk: Desk) -> None:
    task = desk.task()
    assert (task["status"], task["cluster_name"], task["sector_name"]) == ("queued", "Bicycles", "Sector 0")
    assert [t["id"] for t in desk.api.get("writer/tasks", search="best road", cluster_id=desk.cluster).results] == [task["id"]]


def test_a_task_of_an_idea_takes_what_is_left_out_from_it(desk: Desk) -> None:
    shape = {**desk.where, "idea_title": "How to choose", "keyword_cluster": desk.cluster, "tone": "dry", "estimated_word_count": 700}
    idea = desk.api.post("planner/ideas", shape).data["id"]
    task = desk.made("tasks", **desk.where, idea=idea, tone="warm")
    assert (task["title"], task["tone"], task["word_count"], task["cluster"]) == ("How to choose", "warm", 700, desk.cluster)
    assert desk.api.get(f"planner/ideas/{idea}").data["task"] == task["id"]
    assert desk.api.post("writer/tasks", {**desk.where, "idea": idea}).status == 409
    other = make_site(desk.api.ctx)[0]
    assert desk.api.post("writer/tasks", {"site_id": other.site_id, "sector_id": other.sector_id, "idea": idea}).status == 400


@pytest.mark.parametrize("field", ["author_profile", "strategy", "taxonomy_term", "cluster"])
def test_what_a_task_points_to_has_to_be_there_whatever_it_is_made_from(desk: Desk, field: str) -> None:
    idea = desk.api.post("planner/ideas", {**desk.where, "idea_title": "How", "keyword_cluster": desk.cluster}).data["id"]
    assert desk.api.post("writer/tasks", {**desk.where, "idea": idea, field: "nothing"}).status == 404
    assert desk.api.patch(f"writer/tasks/{desk.task()['id']}", {field: "nothing"}).status == 404


def test_bulk_actions_answer_task_by_task(desk: Desk) -> None:
    ids = [desk.task(f"Task {n}")["id"] for n in range(3)]
    done = desk.api.post("writer/tasks/bulk_update", {"task_ids": [*ids, "nothing"], "status": "completed"}).data
    assert (done["succeeded"], [f["code"] for f in done["failed"]]) == (ids, ["not_found"])
    assert desk.api.post("writer/tasks/bulk_update", {"ids": ids, "status": "queued"}).data["succeeded"] == ids
    assert desk.api.post("writer/tasks/bulk_delete", {"ids": ids}).data == {"succeeded": ids, "failed": []}
    assert desk.api.get("writer/tasks", sector_id=desk.place.sector_id).results == []
    assert desk.api.post("writer/tasks/bulk_update", {"ids": ids, "status": "failed"}).status == 400


def test_ten_tasks_are_written_at_once_and_not_eleven(desk: Desk) -> None:
    ids = [desk.task(f"Task {n}")["id"] for n in range(11)]
    assert desk.api.post("writer/tasks/auto_generate_content", {"ids": ids}).status == 400
    reply = desk.api.post("writer/tasks/auto_generate_content", {"task_ids": ids[:10]})
    assert (reply.status, reply.data["accepted"]) == (202, 10)


def test_unknown_tasks_and_empty_purses_are_told_at_once(desk: Desk) -> None:
    task = desk.task()["id"]
    assert desk.api.post("writer/tasks/auto_generate_content", {"ids": [task, "nothing"]}).status == 404
    assert desk.api.of_tenant(new_tenant_id()).post("writer/tasks/auto_generate_content", {"ids": [task]}).status == 404
    assert desk.api.as_role("viewer").post("writer/tasks/auto_generate_content", {"ids": [task]}).status == 403
    ledger = Ledger(desk.api.deps.table, desk.api.ctx.tenant, desk.api.deps.clock)
    ledger.grant("spent", 4 - ledger.balance().available, kind="adjustment")
    reply = desk.api.post("writer/tasks/auto_generate_content", {"ids": [task]})
    assert (reply.status, reply.error["required"], reply.error["available"]) == (402, 5, 4)
    assert (ledger.balance().balance, ledger.balance().reserved) == (4, 0)


def test_a_written_task_is_completed_once_and_for_all(desk: Desk) -> None:
    content = desk.written()
    task = desk.api.get(f"writer/tasks/{content['task']}").data
    assert (task["status"], task["content"], content["revision"], content["status"]) == ("completed", content["id"], 1, "draft")
    assert desk.api.get(f"planner/clusters/{desk.cluster}").data["content_count"] == 1
    assert desk.api.post("writer/tasks/auto_generate_content", {"ids": [task["id"]]}).status == 400
    refused: dict[str, Any] = desk.api.post("writer/tasks/bulk_update", {"ids": [task["id"]], "status": "queued"}).data
    assert [f["code"] for f in refused["failed"]] == ["validation_error"]
