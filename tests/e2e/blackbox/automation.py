"""Automation: settings, estimate, a run from keywords to published pages, and what can be done with a run."""

import time
from typing import Any

from tests.e2e.blackbox.client import DONE_SECONDS, Api
from tests.e2e.blackbox.making import content, keywords, made, name

WORDS = ("pour over kettle", "gooseneck kettle", "pour over kettle price", "best pour over kettle", "electric gooseneck kettle")


def _place(owner: Api, **connection: Any) -> dict[str, Any]:
    site = made(owner, "auth/sites/", name=name("Site"), slug=name("site"), in_article_images=0, ideas_per_cluster=1)["id"]
    made(owner, "integration/connections/", site_id=site, name="Target", **(connection or {"target": "static"}))
    return {"site_id": site, "sector_id": made(owner, "auth/sectors/", site_id=site, name="General", slug="general")["id"]}


def _until(owner: Api, run: str, *statuses: str) -> dict[str, Any]:
    deadline = time.monotonic() + DONE_SECONDS
    while True:
        shown: dict[str, Any] = owner.get(f"automation/runs/{run}/").data
        if shown["status"] in statuses:
            return shown
        assert time.monotonic() < deadline and shown["status"] not in ("failed", "cancelled", "completed"), shown
        time.sleep(0.05)


def test_both_names_of_the_settings_answer_alike(owner: Api, site: str) -> None:
    path = "automation/config/"
    at: dict[str, Any] = {"site_id": site}
    assert owner.get(path, **at).data["publish_mode"] == "manual"
    answers = []
    for name_ in (path, "automation/update_config/"):
        saved = owner.put(name_, {"gate_score": 70, "time_zone": "Europe/Berlin"}, params=at).data
        answers.append({k: v for k, v in saved.items() if k not in ("version", "updated_at")})
        wrong = owner.put(name_, {"time_zone": "Mars"}, params=at, status=400).error
        assert wrong["fields"].keys() == {"time_zone"}
    assert answers[0] == answers[1] and answers[0]["gate_score"] == 70


def test_a_run_makes_published_pages_of_keywords(owner: Api, other: Api) -> None:
    where = _place(owner)
    at: dict[str, Any] = {"site_id": where["site_id"]}
    keywords(owner, where, *WORDS)
    owner.put("automation/config/", {"publish_mode": "auto", "between_stage_delay_seconds": 0}, params=at)
    estimate = owner.get("automation/estimate/", **at).data
    assert estimate["required"] >= estimate["total"] > 0 and len(estimate["stages"]) == 7
    assert owner.get("automation/pipeline_overview/", **at).data["stages"][0]["pending"] == len(WORDS)
    assert owner.get("automation/current_run/", **at).data is None
    run = owner.post("automation/run_now/", at, status=202).data["id"]
    assert owner.post("automation/run_now/", at, status=409).error["code"] == "run_active"
    shown = _until(owner, run, "completed")
    assert (shown["waiting_for_review"], len(shown["stages"])) == (0, 7) and shown["stages"][6]["done"] > 0
    pages = owner.every("writer/content/", **where)
    assert pages and {page["status"] for page in pages} == {"published"}
    assert len(owner.every("writer/tasks/", **where)) == len(pages)
    assert owner.get(f"automation/runs/{run}/logs/").data and owner.get(f"automation/runs/{run}/failures/").data == []
    assert [row["id"] for row in owner.get("automation/history/", **at).data] == [run]
    assert [row["id"] for row in owner.every("automation/runs/", **at)] == [run]
    other.get(f"automation/runs/{run}/", status=404)
    owner.delete(f"auth/sites/{where['site_id']}/")


def test_a_run_is_paused_resumed_and_cancelled(owner: Api) -> None:
    where = _place(owner)
    at: dict[str, Any] = {"site_id": where["site_id"]}
    keywords(owner, where, *WORDS)
    owner.put("automation/config/", {"between_stage_delay_seconds": 3600}, params=at)
    run = owner.post("automation/run_now/", at, status=202).data["id"]
    assert owner.get("automation/current_run/", **at).data["id"] == run
    owner.post(f"automation/runs/{run}/pause/")
    _until(owner, run, "paused")
    owner.post(f"automation/runs/{run}/resume/")
    _until(owner, run, "running")
    owner.post(f"automation/runs/{run}/cancel/")
    assert _until(owner, run, "cancelled")["finished_at"]
    assert owner.get("automation/current_run/", **at).data is None
    owner.post(f"automation/runs/{run}/resume/", status=409)
    owner.delete(f"auth/sites/{where['site_id']}/")


def test_what_failed_is_tried_again(owner: Api) -> None:
    where = _place(owner, target="wordpress", url="https://10.0.0.1", username="editor", app_password="abcd efgh")
    at: dict[str, Any] = {"site_id": where["site_id"]}
    one = content(owner, where)["id"]
    owner.post("writer/content/bulk_update/", {"ids": [one], "status": "review"})
    owner.put("automation/config/", {"publish_mode": "auto", "between_stage_delay_seconds": 0}, params=at)
    run = owner.post("automation/run_now/", at, status=202).data["id"]
    _until(owner, run, "completed", "failed")
    assert one in str(owner.get(f"automation/runs/{run}/failures/").data)
    again = owner.post(f"automation/runs/{run}/retry_failed/").data
    assert again["id"] == run
    assert _until(owner, run, "completed", "failed")["stages"][6]["failed"] == 1
    owner.delete(f"auth/sites/{where['site_id']}/")


def test_what_waits_for_an_editor(owner: Api, other: Api) -> None:
    where = _place(owner)
    at: dict[str, Any] = {"site_id": where["site_id"]}
    contents = [content(owner, where)["id"] for _ in range(3)]
    owner.post("writer/content/bulk_update/", {"ids": contents, "status": "review"})
    queue = owner.every("automation/review_queue/", **at, ordering="created_at")
    assert [row["id"] for row in queue] == contents and not any(row["passes"] for row in queue)
    by_score = [row["score"] for row in owner.every("automation/review_queue/", **at, ordering="-score", page_size=1)]
    assert by_score == sorted(by_score, reverse=True) and len(by_score) == 3
    other.get("automation/review_queue/", status=404, **at)
    owner.post(f"writer/content/{contents[0]}/approve/", {})
    assert [row["id"] for row in owner.every("automation/review_queue/", **at, approved="true")] == contents[:1]
    owner.post(f"writer/content/{contents[1]}/reject/", {"note": "Not this one."})
    owner.post("writer/content/bulk_update/", {"ids": contents[2:], "status": "draft"})
    assert [row["id"] for row in owner.every("automation/review_queue/", **at)] == contents[:1]
    owner.delete(f"auth/sites/{where['site_id']}/")
