"""Stage 7: what each publish mode lets through, with findings that forbid it and with slots that put it off."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.automation.config import AutomationConfig
from chalicelib.automation.failures import record_failure
from chalicelib.automation.stages import passes
from chalicelib.core.ids import parse_stamp
from chalicelib.integration import drip
from chalicelib.integration.slots import Slots
from chalicelib.writer.content import CONTENT, Content
from chalicelib.writer.editing import Editor
from tests.automation.pipeline import FEW, Account, World

SYSTEM = {"id": "x", "site_id": "x", "sector_id": "x", "created_at": "", "updated_at": "", "title": "x", "status": "review"}


@pytest.mark.parametrize(
    ("mode", "score", "blockers", "through"),
    [
        ("manual", 100, 0, False),
        ("gated", 80, 0, True),
        ("gated", 79, 0, False),
        ("gated", None, 0, False),
        ("gated", 100, 1, False),
        ("auto", 0, 1, True),
        ("auto", None, 0, True),
    ],
)
def test_what_passes(mode: str, score: int | None, blockers: int, through: bool) -> None:
    config = AutomationConfig(**{**SYSTEM, "publish_mode": mode, "gate_score": 80})
    assert passes(Content(**{**SYSTEM, "score": score, "blockers": blockers}), config) is through


def reviewed(account: Account) -> list[Content]:
    """Two articles that wait for review."""
    assert account.run()["waiting_for_review"] == 2
    return account.contents()


def slotted(account: Account, **more: Any) -> None:
    Slots(account.ctx).put(account.site, {"enabled": True, "times": ["09:00"], "max_per_day": 1, **more})


def online(account: Account) -> None:
    """The next look of the scheduler, and the work that it queues."""
    drip.publish_due(account.ctx.deps)
    account.world.work()


def test_with_slots_automation_fills_the_schedule(world: World) -> None:
    account = world.account()
    slotted(account)
    run = account.run()
    assert (run["status"], run["waiting_for_review"], run["stages"][6]["done"]) == ("completed", 0, 2)
    assert account.published() == []
    times = sorted(c.publish_at or "" for c in account.contents())
    assert parse_stamp(times[1]) - parse_stamp(times[0]) == timedelta(days=1) and parse_stamp(times[0]) > world.clock.now()
    again = account.run()
    assert again["stages"][6]["skip_reason"] == "No content waits for review."
    assert sorted(c.publish_at or "" for c in account.contents()) == times
    for expected in (1, 2):
        world.clock.forward(hours=24)
        online(account)
        assert len(account.published()) == expected
    account.sound()


def test_gated_with_slots_puts_off_what_passes_and_leaves_the_rest(world: World) -> None:
    account = world.account(publish_mode="manual")
    good, poor = reviewed(account)
    account.ctx.repository(CONTENT).patch(good.id, {"score": 90, "blockers": 0})
    account.ctx.repository(CONTENT).patch(poor.id, {"score": 49, "blockers": 1})
    slotted(account)
    account.configure(publish_mode="gated", gate_score=50)
    run = account.run()
    assert (run["waiting_for_review"], run["stages"][6]["done"]) == (1, 1)
    after = {c.id: c for c in account.contents()}
    assert after[good.id].publish_at and not after[poor.id].publish_at and account.published() == []
    world.clock.forward(hours=24)
    online(account)
    assert account.published() == [good.id]
    account.sound()


@pytest.mark.parametrize("mode", ["gated", "auto"])
def test_what_an_editor_has_rejected_is_published_by_no_mode(world: World, mode: str) -> None:
    account = world.account(publish_mode="manual")
    liked, disliked = reviewed(account)
    for content in (liked, disliked):
        account.ctx.repository(CONTENT).patch(content.id, {"score": 100, "blockers": 0})
    Editor(account.ctx).reject(disliked.id, "No.")
    account.configure(publish_mode=mode)
    run = account.run()
    assert (account.published(), run["waiting_for_review"]) == ([liked.id], 0)
    account.sound()


def test_approval_publishes_nothing_by_itself(world: World) -> None:
    """Manual means manual: an approved content waits for the editor's publish, and is counted until then."""
    account = world.account(FEW, publish_mode="manual")
    run = account.run()
    (content,) = account.contents()
    Editor(account.ctx).approve(content.id)
    assert (run["waiting_for_review"], account.run()["waiting_for_review"], account.published()) == (1, 1, [])


def test_a_mode_changed_while_the_run_goes_on_is_the_one_that_counts(world: World) -> None:
    account = world.account(FEW, publish_mode="auto")
    world.script.at("image", lambda: account.configure(publish_mode="manual"))
    run = account.run()
    assert (run["waiting_for_review"], run["stages"][6]["state"], account.published()) == (1, "skipped", [])


def test_a_content_on_the_schedule_is_done_though_its_worker_never_said_so(world: World) -> None:
    account = world.account(FEW, publish_mode="manual")
    run = account.runs.get(account.run()["id"])
    (content,) = account.contents()
    slotted(account)
    drip.schedule(account.ctx, content.id)
    assert record_failure(account.ctx, run, 7, content.id, "States.Timeout", "") == {"failed": False}
    assert account.shown(run.id)["stages"][6]["done"] == 1
