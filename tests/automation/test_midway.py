"""What people change while a run has its items in hand: what they said last is what counts."""

from collections.abc import Callable

import pytest

from chalicelib.auth.sites import Sectors
from chalicelib.automation import control
from chalicelib.core.errors import NotFound, UpstreamUnavailable
from chalicelib.writer.content import CONTENT, Contents
from chalicelib.writer.editing import Editor
from tests.automation.pipeline import FEW, Account, World


def unanswered(then: Callable[[], object]) -> Callable[[], None]:
    """The site does not answer, and while the message waits for its next delivery somebody does this."""

    def effect() -> None:
        then()
        raise UpstreamUnavailable("The site does not answer.")

    return effect


def not_published(account: Account, run_id: str, reason: str) -> None:
    (content,), shown = account.contents(), account.shown(run_id)
    assert (account.published(), shown["status"], content.sync_status) == ([], "completed", "none")
    assert (shown["stages"][6]["skipped"], shown["stages"][6]["failed"]) == (1, 0)
    assert f"Not published: {reason}" in account.log(run_id)
    account.sound()


def test_manual_from_now_on(world: World) -> None:
    account = world.account(FEW)
    run = account.start()
    world.script.at("publish", unanswered(lambda: account.configure(publish_mode="manual")))
    world.work()
    not_published(account, run.id, "Publishing is manual now.")
    assert account.shown(run.id)["waiting_for_review"] == 1


def test_manual_while_it_is_paused(world: World) -> None:
    account = world.account(FEW)
    run = account.start()
    world.script.at("publish", unanswered(lambda: control.pause(account.ctx, run.id)))
    world.work()
    account.configure(publish_mode="manual")
    control.resume(account.ctx, run.id)
    world.work()
    not_published(account, run.id, "Publishing is manual now.")


def test_below_the_gate_by_now(world: World) -> None:
    account = world.account(FEW, publish_mode="gated", gate_score=50)
    run, contents = account.start(), account.ctx.repository(CONTENT)
    world.script.at("publish", unanswered(lambda: contents.patch(account.contents()[0].id, {"score": 49})))
    world.work()
    not_published(account, run.id, "It does not reach the gate of 50 any more.")


def test_rejected_by_an_editor(world: World) -> None:
    account = world.account(FEW)
    run = account.start()
    world.script.at("publish", unanswered(lambda: Editor(account.ctx).reject(account.contents()[0].id, "No.")))
    world.work()
    not_published(account, run.id, "An editor has taken it back.")
    assert account.contents()[0].status == "draft"


def test_deleted_by_an_editor(world: World) -> None:
    account = world.account(FEW)
    run = account.start()
    world.script.at("publish", unanswered(lambda: Contents(account.ctx).delete(account.contents()[0].id)))
    world.work()
    assert (account.published(), account.shown(run.id)["stages"][6]["failed"]) == ([], 1)


@pytest.mark.parametrize("how", ["off", "deleted"])
def test_a_sector_that_goes_costs_nothing_more(world: World, how: str) -> None:
    """What is in hand is done; no stage begins anything more."""
    account = world.account()
    sectors = Sectors(account.ctx)

    def gone() -> object:
        return sectors.delete(account.sector) if how == "deleted" else sectors.patch(account.sector, {"is_active": False})

    world.script.at("text.generate_ideas", gone, item="*")
    shown = account.run()
    assert (shown["status"], [s["done"] for s in shown["stages"]]) == ("completed", [1, 2, 0, 0, 0, 0, 0])
    assert {s["skip_reason"] for s in shown["stages"][2:]} == {"The sectors of this run were switched off."}
    account.sound()


def test_a_sector_switched_off_while_a_worker_is_dead_and_its_work_paid(world: World) -> None:
    account = world.account(FEW)
    run = account.start()
    world.script.at("table.before:RUN#", unanswered(lambda: control.pause(account.ctx, run.id)))
    world.work()
    assert account.shown(run.id)["status"] == "paused"
    Sectors(account.ctx).patch(account.sector, {"is_active": False})
    control.resume(account.ctx, run.id)
    world.work()
    assert account.shown(run.id)["stages"][0]["credits"] > 0
    account.sound()


def test_no_sector_by_an_empty_name(world: World) -> None:
    account = world.account(FEW)
    with pytest.raises(NotFound):
        account.configure(sector_id="")
