"""What a run that was cancelled in the middle of its work had been charged gets into its figures, and what it had reserved is free."""

import pytest

from chalicelib.automation import control
from chalicelib.automation.leftovers import NOBODY_AT_WORK, settle_leftovers
from chalicelib.automation.run_record import LEFT
from chalicelib.core.table import Query
from tests.automation.chaos.lives import BEFORE, BETWEEN, Fate, Life, Lives, Stalled
from tests.automation.chaos.runs import Beginning, beginning, continued
from tests.automation.chaos.scenarios import cancel, retry

CHARGED = ("1", "2", "4", "5", "6")


@pytest.fixture(scope="module")
def start() -> Beginning:
    return beginning()


def dies_once(stage: str, place: str) -> Lives:
    def plan(lives: Lives, life: Life) -> Fate:
        return "dies" if not lives.deaths and (lives.points[-1].part, lives.points[-1].place) == (stage, place) else "lives"

    return Lives(plan)


@pytest.mark.parametrize("stage", CHARGED)
def test_an_item_that_was_done_and_not_recorded(start: Beginning, stage: str) -> None:
    with continued(start, 1, lives=dies_once(stage, BETWEEN)) as (world, account):
        run = control.start(account.ctx, account.site).id
        world.work(lambda: bool(world.lives.deaths))
        cancel(world, account, run)
        assert settle_leftovers(world.deps, world.clock.now()) == 0, "somebody may still be at work"
        world.work()
        before, charged = account.shown(run), account.ledger.balance()
        world.clock.forward(seconds=NOBODY_AT_WORK.total_seconds() + 1)
        assert settle_leftovers(world.deps, world.clock.now()) == 1
        after = account.shown(run)
        assert after["credits"] > before["credits"] and account.ledger.balance().available >= charged.available
        assert after["status"] == "cancelled" and not account.runs.failures(account.runs.get(run))
        assert settle_leftovers(world.deps, world.clock.now()) == 0
        assert account.ctx.deps.ops.query_all(Query(LEFT, consistent=True)) == []
        account.sound()


def test_what_was_only_begun_is_given_back_and_not_counted(start: Beginning) -> None:
    with continued(start, 1, lives=dies_once("4", BEFORE)) as (world, account):
        run = control.start(account.ctx, account.site).id
        world.work(lambda: bool(world.lives.deaths))
        cancel(world, account, run)
        world.work()
        before = account.shown(run)
        world.clock.forward(seconds=NOBODY_AT_WORK.total_seconds() + 1)
        assert settle_leftovers(world.deps, world.clock.now()) == 1
        assert account.shown(run)["stages"] == before["stages"]
        account.sound()


def test_a_run_that_goes_on_again_looks_itself(start: Beginning) -> None:
    """A run that failed is tried again within the time: its items are no leftovers."""
    with continued(start, 1) as (world, account):
        world.script.at("text.auto_cluster", "no json", "no json")
        run = control.start(account.ctx, account.site).id
        world.work()
        assert account.shown(run)["status"] == "failed"
        world.clock.forward(seconds=NOBODY_AT_WORK.total_seconds() + 1)
        retry(world, account, run)
        world.work(lambda: world.machine.entered("Each4") > 0)
        assert settle_leftovers(world.deps, world.clock.now()) == 1
        world.work()
        assert account.shown(run)["status"] == "completed" and [s["done"] for s in account.shown(run)["stages"]] == [1, *[2] * 6]
        account.sound()


def test_a_run_that_is_cancelled_before_its_credits_are_set_aside(start: Beginning) -> None:
    """Whoever asked for it has made its record and stands still; somebody sees and cancels it; then the first goes on."""
    asking = Lives(lambda lives, life: "stalls" if not lives.deaths and (life.name, life.step) == ("run_now", 1) else "lives")
    asking.wakes_after, asking.stalls = 1_000, ("run_now", 1)
    with continued(start, 1, lives=asking) as (world, account):
        with pytest.raises(Stalled):
            asking.live("run_now", {}, lambda: control.start(account.ctx, account.site))
        run = account.runs.holder(account.site)
        assert run is not None and control.cancel(account.ctx, run.id).status == "cancelled"
        asking.wake_all()
        world.work()
        assert account.shown(run.id)["credits"] == 0 and account.published() == []
        account.sound()
