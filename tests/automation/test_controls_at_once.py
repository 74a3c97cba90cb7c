"""Several people press the buttons of one run at the same moment: one of them decides, the site is never left locked or with two runs,
and the run comes to its end with nothing done twice."""

import random
import threading
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.automation import control
from chalicelib.automation.run_record import ACTIVE
from chalicelib.automation.schedule import check_scheduled_automations
from chalicelib.core.errors import AppError, Conflict, RunActive, UpstreamRejected
from tests.automation.accounts import Account
from tests.automation.pipeline import FEW, World


def at_once(*presses: Callable[[], Any]) -> list[Any]:
    """What each answered: its result, or the error it raised."""
    barrier, answers = threading.Barrier(len(presses)), [None] * len(presses)

    def press(n: int) -> None:
        barrier.wait()
        try:
            answers[n] = presses[n]()
        except AppError as error:
            answers[n] = error

    threads = [threading.Thread(target=press, args=(n,)) for n in range(len(presses))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_run_now_by_ten_starts_one(world: World) -> None:
    account = world.account(FEW)
    answers = at_once(*[account.start] * 10)
    begun = [a for a in answers if not isinstance(a, AppError)]
    assert len(begun) == 1 and all(isinstance(a, RunActive) for a in answers if a is not begun[0])
    assert {a.extra["run_id"] for a in answers if isinstance(a, RunActive)} == {begun[0].id}
    world.work()
    assert account.shown(begun[0].id)["status"] == "completed"
    account.sound()


def test_resume_by_five_goes_on_in_one_execution(world: World) -> None:
    account = world.account(FEW)
    run = account.start()
    world.work(until=lambda: account.of("idea"))
    control.pause(account.ctx, run.id)
    world.work()
    answers = at_once(*[lambda: control.resume(account.ctx, run.id)] * 5)
    assert sum(isinstance(a, Conflict) for a in answers) == 4
    world.work()
    assert account.shown(run.id)["status"] == "completed" and account.runs.get(run.id).attempt == 2
    account.sound()


def test_retry_by_five_takes_each_failure_up_once(world: World) -> None:
    account = world.account(FEW)
    world.script.at("publish", UpstreamRejected("The site says no."))
    run = account.run()
    assert run["stages"][6]["failed"] == 1
    answers = at_once(*[lambda: control.retry_failed(account.ctx, run["id"])] * 5)
    assert sum(not isinstance(a, AppError) for a in answers) >= 1
    world.work()
    shown = account.shown(run["id"])
    assert (shown["status"], shown["stages"][6]["failed"], shown["stages"][6]["done"]) == ("completed", 0, 1)
    account.sound()


@pytest.mark.parametrize("seed", range(6))
def test_any_buttons_in_any_order(world: World, seed: int) -> None:
    dice, account = random.Random(seed), world.account(FEW)
    run, buttons = account.start(), (control.pause, control.resume, control.cancel, control.retry_failed)
    for _ in range(4):
        pressed = dice.choices(buttons, weights=(4, 4, 1, 2), k=3)
        at_once(*[lambda b=b: b(account.ctx, run.id) for b in pressed], lambda: check_scheduled_automations(world.deps))
        steps = [dice.randrange(1, 6)]
        world.work(until=lambda left=steps: left.append(0) or len(left) > left[0])
        _held_as_it_should_be(account, run.id)
    if account.runs.get(run.id).status == "paused":
        control.resume(account.ctx, run.id)
    world.work()
    for _ in range(3):  # an execution that was stopped while the run was taken up again
        world.clock.forward(minutes=3)
        check_scheduled_automations(world.deps)
        world.work()
    assert account.shown(run.id)["status"] in ("completed", "cancelled")
    assert account.runs.holder(account.site) is None
    if account.shown(run.id)["status"] == "cancelled":  # what it left is taken up by the next one
        assert account.run()["status"] == "completed"
    account.sound()


def _held_as_it_should_be(account: Account, run_id: str) -> None:
    holder, status = account.runs.holder(account.site), account.runs.get(run_id).status
    assert (holder is not None and holder.id == run_id) == (status in ACTIVE), status
