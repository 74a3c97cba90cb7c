"""Whole runs through the engine's Step Functions, event sources and functions: finished, paused and resumed, failed and replayed."""

import json
import subprocess
import sys
from typing import Any

import boto3
import pytest

from chalicelib import deps
from chalicelib.billing.audit import audit_account
from infra.derive import ROOT
from tests.adapters.fake_wordpress import FakeWordPress
from tests.adapters.scripted_server import Reply
from tests.e2e.blackbox.client import Api
from tests.e2e.blackbox.making import content, keywords
from tests.parity.conftest import Place
from tests.parity.waiting import until, until_run

WORDS = ("pour over kettle", "gooseneck kettle", "pour over kettle price", "best pour over kettle", "electric gooseneck kettle")


def _start(api: Api, site: str) -> str:
    run: str = api.post("automation/run_now/", {"site_id": site}, status=202).data["id"]
    return run


def _published(api: Api, where: Place, wordpress: FakeWordPress) -> list[dict[str, Any]]:
    """The site's articles, each of which must be one post there."""
    pages = api.every("writer/content/", **where)
    assert pages and {page["status"] for page in pages} == {"published"}
    posts = {str(number): post for number, post in wordpress.posts.items()}
    assert {page["external_id"] for page in pages} == set(posts) and {post["status"] for post in posts.values()} == {"publish"}
    return pages


def _ledger_adds_up(api: Api) -> None:
    tenant = api.get("auth/account/").data["id"]
    assert audit_account(deps.current().table, tenant, at_rest=False) == []


def test_a_run_makes_articles_with_pictures_on_a_wordpress(owner: Api, where: Place, wordpress: FakeWordPress) -> None:
    keywords(owner, where, *WORDS)
    run = _start(owner, where["site_id"])
    shown = until_run(owner, run, "completed")
    assert [row["failed"] for row in shown["stages"]] == [0] * 7 and all(row["done"] for row in shown["stages"]), shown["stages"]
    pages = _published(owner, where, wordpress)
    images = owner.every("writer/images/", **where)
    assert len(images) == 2 * len(pages) and {image["status"] for image in images} == {"generated"}
    assert len(wordpress.media) == len(images)
    _ledger_adds_up(owner)


def test_a_run_is_paused_in_the_middle_and_goes_on(owner: Api, where: Place, wordpress: FakeWordPress, outputs: dict[str, str]) -> None:
    owner.put("automation/config/", {"between_stage_delay_seconds": 3}, params={"site_id": where["site_id"]})
    keywords(owner, where, *WORDS)
    run = _start(owner, where["site_id"])
    until(lambda: owner.every("planner/ideas/", **where), bool)  # two stages are over
    owner.post(f"automation/runs/{run}/pause/")
    until_run(owner, run, "paused")
    states = boto3.client("stepfunctions")

    def running() -> list[Any]:
        found = states.list_executions(stateMachineArn=outputs["StateMachineArn"], statusFilter="RUNNING")["executions"]
        return [execution for execution in found if run in execution["name"]]

    until(running, lambda found: not found)
    tasks = len(owner.every("writer/tasks/", **where))
    assert owner.get(f"automation/runs/{run}/").data["status"] == "paused" and wordpress.posts == {}
    owner.post(f"automation/runs/{run}/resume/")
    until_run(owner, run, "completed")
    pages = _published(owner, where, wordpress)
    assert len(owner.every("writer/tasks/", **where)) == len(pages) >= tasks
    _ledger_adds_up(owner)


@pytest.mark.timeout(300)
def test_what_fails_for_good_is_a_dead_letter_and_is_replayed(
    owner: Api, where: Place, wordpress: FakeWordPress, outputs: dict[str, str]
) -> None:
    one = content(owner, where)["id"]
    owner.post("writer/content/bulk_update/", {"ids": [one], "status": "review"})
    wordpress.before = lambda asked: Reply(503, b"closed", {"Retry-After": "1"})
    run = _start(owner, where["site_id"])
    shown = until_run(owner, run, "completed", "failed")
    assert shown["stages"][6]["failed"] == 1 and one in str(owner.get(f"automation/runs/{run}/failures/").data)
    sqs, dead = boto3.client("sqs"), outputs["PublishDeadLettersUrl"]

    def letters() -> int:
        said = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
        return int(said["ApproximateNumberOfMessages"])

    until(letters, lambda count: count == 1)
    assert "dead-letter queue" in json.dumps(owner.get(f"automation/runs/{run}/logs/").data)
    page = owner.get(f"writer/content/{one}/").data
    assert (page["status"], page["sync_status"]) == ("review", "failed")
    wordpress.before = lambda asked: None
    command = [sys.executable, "-m", "infra.replay", "--stage", "local", "--queue", "publish", "--move"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert "1 found, 1 moved." in done.stdout, done
    until(lambda: owner.get(f"writer/content/{one}/").data["status"], lambda status: status == "published")
    assert letters() == 0 and len(wordpress.posts) == 1
    until(lambda: owner.get(f"automation/runs/{run}/").data["stages"][6], lambda row: (row["done"], row["failed"]) == (1, 0))
