"""When automations are due, that each due time starts one run, and that runs whose execution died go on."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.auth.accounts import ACCOUNT
from chalicelib.auth.sites import Sectors, Sites
from chalicelib.automation import control
from chalicelib.automation.config import AutomationConfig, Configs, config_of
from chalicelib.automation.schedule import RECOVERIES, START_SECONDS, check_scheduled_automations, next_due, save_config
from chalicelib.core import deadline
from chalicelib.core.errors import AppError, Conflict, UpstreamUnavailable, ValidationFailed
from chalicelib.core.ids import parse_stamp
from chalicelib.core.table import update
from tests.automation.accounts import Account
from tests.automation.pipeline import FEW, World
from tests.conftest import ContextFactory, Place


def config(**settings: Any) -> AutomationConfig:
    fixed = {"id": "s-automation", "site_id": "s", "created_at": "2026-01-01T00:00:00.000Z", "updated_at": "2026-01-01T00:00:00.000Z"}
    return AutomationConfig(**{**fixed, "time_zone": "Europe/Berlin", **settings})


@pytest.mark.parametrize(
    ("settings", "after", "due"),
    [
        ({"time": "02:00"}, "2026-11-20T12:00Z", "2026-11-21T01:00Z"),
        ({"time": "02:00"}, "2026-11-21T00:59Z", "2026-11-21T01:00Z"),
        ({"time": "02:00"}, "2026-11-21T01:00Z", "2026-11-22T01:00Z"),  # later than, never the same time again
        ({"time": "02:30"}, "2026-03-28T12:00Z", "2026-03-29T01:30Z"),  # does not exist that night: 03:30 summer time
        ({"time": "02:30"}, "2026-03-29T01:30Z", "2026-03-30T00:30Z"),
        ({"time": "02:30"}, "2026-10-24T12:00Z", "2026-10-25T00:30Z"),  # exists twice that night: the first
        ({"time": "02:30"}, "2026-10-25T00:30Z", "2026-10-26T01:30Z"),  # and not the second
        ({"time": "06:00", "frequency": "weekly"}, "2026-11-20T12:00Z", "2026-11-23T05:00Z"),
        ({"time": "06:00", "frequency": "monthly"}, "2026-12-01T05:00Z", "2027-01-01T05:00Z"),
        ({"time": "00:15", "frequency": "hourly"}, "2026-10-25T00:20Z", "2026-10-25T01:15Z"),
        ({"time": "23:30", "time_zone": "Pacific/Auckland"}, "2026-11-20T12:00Z", "2026-11-21T10:30Z"),
    ],
)
def test_due_times(settings: dict[str, str], after: str, due: str) -> None:
    assert next_due(config(**settings), datetime.fromisoformat(after)) == datetime.fromisoformat(due).astimezone(UTC)


@pytest.mark.parametrize("sector_id", [[None], {}, 7])
def test_a_sector_that_is_no_id_is_refused(ctx: ContextFactory, place: Place, sector_id: object) -> None:
    with pytest.raises(ValidationFailed, match="sector_id"):
        save_config(ctx(), place.site_id, {"sector_id": sector_id})


def test_two_ticks_start_one_run(world: World) -> None:
    account = world.account((), enabled=True, time="02:00", time_zone="Europe/Berlin")
    due = config_of(account.ctx, account.site).next_run_at
    assert due is not None
    assert check_scheduled_automations(world.deps)["started"] == 0
    world.clock.ahead += parse_stamp(due) - world.clock.now()
    started: list[int] = []
    ticks = [threading.Thread(target=lambda: started.append(check_scheduled_automations(world.deps)["started"])) for _ in range(3)]
    for tick in ticks:
        tick.start()
    for tick in ticks:
        tick.join()
    world.work()
    assert sorted(started) == [0, 0, 1]
    runs = account.runs.repository.under((f"{account.ctx.tenant}#{account.site}#R", ""))
    assert [(r.status, r.trigger) for r in runs] == [("completed", "scheduled")]
    moved = config_of(account.ctx, account.site).next_run_at
    assert moved is not None and parse_stamp(moved) - parse_stamp(due) == timedelta(days=1)
    account.configure(enabled=False)
    world.clock.forward(days=2)
    assert check_scheduled_automations(world.deps)["due"] == 0


def test_what_cannot_start_hinders_nobody(world: World) -> None:
    """A site without credits and one whose run is still active are left for their next time; the third one starts."""
    poor, busy, fine = world.account(FEW, enabled=True), world.account((), enabled=True), world.account((), enabled=True)
    poor.credit(0)
    held = busy.runs.begin(busy.site, [busy.sector])
    control.pause(busy.ctx, held.id)
    world.clock.forward(days=1, hours=1)
    assert check_scheduled_automations(world.deps)["started"] == 1
    world.work()
    assert fine.runs.repository.under((f"{fine.ctx.tenant}#{fine.site}#R", ""))[0].status == "completed"
    assert check_scheduled_automations(world.deps)["due"] == 0
    assert "credits" in str(not_started(poor)) and "run" in str(not_started(busy)) and not_started(fine) is None
    control.cancel(busy.ctx, held.id)
    for account in (poor, busy, fine):
        account.configure(enabled=False)


def not_started(account: Account) -> str | None:
    return config_of(account.ctx, account.site).not_started_reason


def suspend(account: Account, status: str = "suspended") -> None:
    account.ctx.repository(ACCOUNT).patch(account.ctx.tenant, {"status": status})


def test_nothing_begins_for_an_account_that_is_suspended(world: World) -> None:
    account = world.account(FEW, enabled=True)
    suspend(account)
    world.clock.forward(days=1, hours=1)
    assert check_scheduled_automations(world.deps)["started"] == 0
    assert account.runs.holder(account.site) is None
    assert not_started(account) == "The account is suspended."
    with pytest.raises(Conflict, match="suspended"):
        account.start()
    suspend(account, "active")
    world.clock.forward(days=1)
    assert check_scheduled_automations(world.deps)["started"] == 1
    assert not_started(account) is None
    world.work()
    account.configure(enabled=False)


def test_a_site_that_is_switched_off_or_deleted_keeps_its_schedule_and_starts_nothing(world: World) -> None:
    account = world.account(FEW, enabled=True)
    for close, why in (
        (lambda: Sites(account.ctx).patch(account.site, {"is_active": False}), "The site is switched off."),
        (lambda: Sites(account.ctx).delete(account.site), "The site is deleted."),
    ):
        close()
        world.clock.forward(days=1, hours=1)
        ticked = check_scheduled_automations(world.deps)
        assert (ticked["due"], ticked["started"]) == (1, 0)
        stored = Configs(account.ctx).stored(account.site)
        assert stored is not None and stored.not_started_reason == why
        with pytest.raises(AppError):
            account.start()
    Sites(account.ctx).restore(account.site)
    Sites(account.ctx).patch(account.site, {"is_active": True})
    world.clock.forward(days=1)
    assert check_scheduled_automations(world.deps)["started"] == 1
    world.work()
    account.configure(enabled=False)


def test_a_sector_that_is_switched_off_is_not_automated_alone(world: World) -> None:
    account = world.account(FEW)
    Sectors(account.ctx).create({"site_id": account.site, "name": "Other", "slug": "other"})
    Sectors(account.ctx).patch(account.sector, {"is_active": False})
    with pytest.raises(ValidationFailed, match="sector_id"):
        account.start(sector_id=account.sector)


@pytest.mark.parametrize("closed", ["account", "site"])
def test_a_run_stands_still_while_its_account_or_site_is_shut(world: World, closed: str) -> None:
    account = world.account(FEW)
    run = account.start()
    world.work(until=lambda: account.of("idea"))
    if closed == "account":
        suspend(account)
    else:
        Sites(account.ctx).patch(account.site, {"is_active": False})
    world.work()
    shown = account.shown(run.id)
    assert (shown["status"], shown["reason"]) == ("paused", "shut") and account.of("content") == []
    assert check_scheduled_automations(world.deps)["resumed"] == 0
    with pytest.raises(Conflict):
        control.resume(account.ctx, run.id)
    if closed == "account":
        suspend(account, "active")
    else:
        Sites(account.ctx).patch(account.site, {"is_active": True})
    assert check_scheduled_automations(world.deps)["resumed"] == 1
    world.work()
    assert account.shown(run.id)["status"] == "completed"
    account.sound()


def test_a_run_whose_execution_died_goes_on(world: World) -> None:
    account = world.account(FEW)
    run = account.start()
    world.deps.workflow.stop(account.runs.get(run.id).execution or "", "the region went down")
    world.work()
    assert account.shown(run.id)["status"] in ("created", "running")
    assert check_scheduled_automations(world.deps)["recovered"] == 1
    world.work()
    shown = account.shown(run.id)
    assert shown["status"] == "completed" and account.runs.get(run.id).attempt == 2 and account.runs.get(run.id).recoveries == 0
    assert "The execution had ended early; the run goes on in a new one." in account.log(run.id)
    assert check_scheduled_automations(world.deps)["recovered"] == 0
    account.sound()


def test_an_execution_that_was_never_started_is_started(world: World) -> None:
    """Whoever made the run died before starting its execution."""
    account = world.account(())
    run = account.runs.begin(account.site, [account.sector])
    assert check_scheduled_automations(world.deps)["recovered"] == 0, "it may still be on its way"
    world.clock.forward(minutes=3)
    assert check_scheduled_automations(world.deps)["recovered"] == 1
    world.work()
    assert account.shown(run.id)["status"] == "completed"


def test_a_due_run_that_cannot_be_started_yet_is_started_by_the_next_look(world: World) -> None:
    account = world.account(FEW, enabled=True)
    world.clock.forward(days=1, hours=1)
    world.script.at("workflow.start", UpstreamUnavailable("Step Functions does not answer."))
    assert check_scheduled_automations(world.deps)["started"] == 1
    held = account.runs.holder(account.site)
    assert held is not None and held.status == "created" and held.execution is None
    world.clock.forward(minutes=5)
    ticked = check_scheduled_automations(world.deps)
    assert (ticked["due"], ticked["recovered"]) == (0, 1)
    world.work()
    assert account.shown(held.id)["status"] == "completed"
    account.configure(enabled=False)
    account.sound()


def test_an_execution_that_dies_again_and_again_fails_its_run(world: World) -> None:
    account = world.account(())
    run = account.runs.begin(account.site, [account.sector])
    account.runs.repository.patch(run.id, {"execution": "arn:gone", "recoveries": RECOVERIES})
    world.script.at("workflow.status", "FAILED")
    assert check_scheduled_automations(world.deps)["recovered"] == 0
    shown = account.shown(run.id)
    assert shown["status"] == "failed" and shown["reason"] == f"Its execution ended early {RECOVERIES + 1} times; see the log."
    assert account.runs.holder(account.site) is None


def test_a_days_cap_pauses_until_tomorrow(world: World) -> None:
    account = world.account(FEW, max_credits_per_day=12, time_zone="Pacific/Auckland")
    run = account.run()
    assert (run["status"], run["reason"]) == ("paused", "budget") and run["credits"] <= 12
    assert run["resumes_at"] is not None and parse_stamp(run["resumes_at"]) > world.clock.now()
    assert check_scheduled_automations(world.deps)["resumed"] == 0
    world.clock.ahead += parse_stamp(run["resumes_at"]) - world.clock.now()
    assert check_scheduled_automations(world.deps)["resumed"] == 1
    world.work()
    second = account.shown(run["id"])
    assert second["status"] == "paused" and run["credits"] < second["credits"] <= run["credits"] + 12
    account.configure(max_credits_per_day=None)
    control.resume(account.ctx, run["id"])
    world.work()
    assert account.shown(run["id"])["status"] == "completed"
    account.sound()


class Remaining:
    """A Lambda's context that has so long left."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


def test_a_look_that_runs_out_of_time_leaves_the_rest_to_the_next_one(world: World) -> None:
    account = world.account((), enabled=True)
    world.clock.forward(days=1, hours=1)
    with deadline.of_lambda(Remaining(START_SECONDS)):
        ticked = check_scheduled_automations(world.deps)
    assert (ticked["started"], ticked["left"]) == (0, 1)
    with deadline.of_lambda(Remaining(240)):
        ticked = check_scheduled_automations(world.deps)
    assert (ticked["started"], ticked["left"]) == (1, 0)
    world.work()
    account.configure(enabled=False)


def test_broken_data_of_one_site_hold_up_nobody(world: World) -> None:
    broken, fine = world.account((), enabled=True), world.account((), enabled=True)
    config = config_of(broken.ctx, broken.site)
    key = Configs(broken.ctx).repository.key(config.id)
    world.deps.table.write(update(key, "SET time_zone = :zone", zone="Mars/Olympus_Mons"))
    world.clock.forward(days=1, hours=1)
    assert check_scheduled_automations(world.deps)["started"] == 1
    world.work()
    assert fine.runs.repository.under((f"{fine.ctx.tenant}#{fine.site}#R", "")) != []
    world.deps.table.write(update(key, "SET time_zone = :zone", zone="UTC"))
    for account in (broken, fine):
        account.configure(enabled=False)
