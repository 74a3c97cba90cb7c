"""AI work asked for by hand: the same message twice, failures that pass, failures that do not, and what the task says then."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.adapters.offline_text import OfflineTextModel
from chalicelib.ai import tasks
from chalicelib.billing.audit import audit_account
from chalicelib.core.context import Context, Deps
from chalicelib.core.errors import UpstreamRejected, UpstreamUnavailable
from chalicelib.planner.keyword_identity import keyword_id
from chalicelib.planner.keywords import KEYWORD
from chalicelib.system.progress import progress
from tests.automation.faults import ByFirstWord, Script, ScriptedText
from tests.automation.pipeline import KEYWORDS, new_account
from tests.conftest import make_site
from tests.fakes import RecordingJobs


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def owner(deps: Deps, script: Script) -> Context:
    return new_account(replace(deps, text=lambda choice: ScriptedText(OfflineTextModel(), script), embedder=lambda choice: ByFirstWord()))


@pytest.fixture
def body(owner: Context) -> dict[str, Any]:
    """The queued message of clustering two sectors, of which the first has keywords."""
    place, empty = make_site(owner, sectors=2)
    keywords = owner.repository(KEYWORD)
    for text in KEYWORDS:
        keywords.create(keywords.new(place.sector_id, keyword_id(text, None, ""), keyword=text))
    assert tasks.submit(owner, "auto_cluster", [place.sector_id, empty.sector_id])["accepted"] == 2
    assert isinstance(owner.deps.jobs, RecordingJobs)
    return owner.deps.jobs.bodies("ai")[-1]


def test_a_message_that_comes_twice_is_worked_once(owner: Context, script: Script, body: dict[str, Any]) -> None:
    tasks.work(owner, body, last=False)
    first = progress(owner, body["task_id"])
    assert first["state"] == "succeeded" and [s["outcome"] for s in first["steps"]] == ["done", "skipped"]
    tasks.work(owner, body, last=False)
    assert progress(owner, body["task_id"]) == first and script.total("text.auto_cluster") == 1
    assert audit_account(owner.deps.table, owner.tenant, at_rest=True) == []


def test_what_passes_is_left_to_the_next_delivery(owner: Context, script: Script, body: dict[str, Any]) -> None:
    script.at("text.auto_cluster", UpstreamUnavailable("429"))
    with pytest.raises(UpstreamUnavailable):
        tasks.work(owner, body, last=False)
    assert progress(owner, body["task_id"])["state"] == "running"
    tasks.work(owner, body, last=False)
    assert progress(owner, body["task_id"])["state"] == "succeeded"


def test_the_last_delivery_gives_up_with_the_reason(owner: Context, script: Script, body: dict[str, Any]) -> None:
    script.always("text.auto_cluster", UpstreamUnavailable("429"))
    tasks.work(owner, body, last=True)
    shown = progress(owner, body["task_id"])
    assert shown["state"] == "succeeded" and shown["result"]["failed"][0]["message"] == "Given up after several tries: 429"
    assert audit_account(owner.deps.table, owner.tenant, at_rest=True) == []


def test_a_refusal_is_final(owner: Context, script: Script, body: dict[str, Any]) -> None:
    script.always("text.auto_cluster", UpstreamRejected("The provider does not accept the API key."))
    tasks.work(owner, {**body, "items": body["items"][:1]}, last=False)
    shown = progress(owner, body["task_id"])
    assert shown["state"] == "failed" and shown["error"]["message"] == "The provider does not accept the API key."
    assert script.total("text.auto_cluster") == 1


def test_a_bug_does_not_leave_the_task_running(owner: Context, script: Script, body: dict[str, Any]) -> None:
    script.always("text.auto_cluster", ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError):
        tasks.work(owner, body, last=False)
    assert progress(owner, body["task_id"])["state"] == "running"
    with pytest.raises(ZeroDivisionError):
        tasks.work(owner, body, last=True)
    shown = progress(owner, body["task_id"])
    assert shown["state"] == "failed" and "ZeroDivisionError" in shown["error"]["message"]
    assert audit_account(owner.deps.table, owner.tenant, at_rest=True) == []


def test_a_task_that_is_forgotten_by_now_is_left_alone(owner: Context, script: Script, body: dict[str, Any]) -> None:
    tasks.work(owner, {**body, "task_id": "01jd0000000000000000000000"}, last=False)
    assert script.total("text.auto_cluster") == 0
