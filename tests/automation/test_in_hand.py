"""What a run works on at this moment is shown with it, and forgotten when it is done."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from chalicelib.automation.in_hand import STALE, Reporter, in_hand, items_in_hand
from chalicelib.automation.run_record import RUN
from chalicelib.core.errors import TableBusy
from chalicelib.core.ids import random_id
from chalicelib.core.table import Query, Table, Write
from tests.automation.pipeline import FEW, World
from tests.conftest import ContextFactory
from tests.fakes import FixedClock


def test_the_item_in_hand_is_shown_while_it_is_worked_on(world: World) -> None:
    account, seen = world.account(FEW), dict[str, list[dict[str, Any]]]()

    def look(name: str) -> Any:
        def effect() -> None:
            (run,) = account.runs.repository.under((f"{account.ctx.tenant}#{account.site}#R", ""))
            seen.setdefault(name, account.shown(run.id)["in_hand"])

        return effect

    for name in ("text.auto_cluster", "text.generate_ideas", "text.generate_content", "image", "publish"):
        world.script.always(name, look(name))
    run = account.run()
    assert run["status"] == "completed" and run["in_hand"] == []
    stages = {name: [i["stage"] for i in found] for name, found in seen.items()}
    assert stages == {"text.auto_cluster": [1], "text.generate_ideas": [2], "text.generate_content": [4], "image": [6], "publish": [7]}
    assert [i["item"] for i in seen["text.auto_cluster"]] == [account.sector]
    assert seen["text.generate_content"][0]["item"] == account.of("task")[0]["id"]
    assert all(0 <= i["percentage"] < 100 and i["phase"] for found in seen.values() for i in found)
    left = Query(f"{account.ctx.tenant}#INHAND#{run['id']}", consistent=True)
    assert account.ctx.deps.ops.query_all(left) == []


def test_it_is_written_once_a_second_and_only_rises(ctx: ContextFactory, clock: FixedClock) -> None:
    owner, site = ctx(), random_id(6)
    run = replace_status(owner.repository(RUN).new(site, "r1"), "running")
    reporter = Reporter(owner, run.id, 4, "item")
    for percentage, seconds in ((30, 0.0), (50, 0.2), (60, 2), (20, 2)):
        clock.forward(seconds)
        reporter("AI_CALL", percentage, f"at {percentage}")
    (shown,) = items_in_hand(owner, run)
    assert (shown["stage"], shown["item"], shown["percentage"], shown["message"]) == (4, "item", 60, "at 20")
    with in_hand(owner, run, 5, "other") as report:
        report("SAVE", 80)
        assert [i["item"] for i in items_in_hand(owner, run)] == ["item", "other"]
    assert [i["item"] for i in items_in_hand(owner, run)] == ["item"]
    assert items_in_hand(owner, replace_status(run, "paused")) == []
    clock.forward((STALE + timedelta(seconds=1)).total_seconds())
    assert items_in_hand(owner, run) == [], "left by a worker that died"


def replace_status(run: Any, status: str) -> Any:
    return run.model_copy(update={"status": status})


class Busy(Table):
    def write(self, action: Write) -> None:
        raise TableBusy()


def test_work_goes_on_when_it_cannot_be_shown(ctx: ContextFactory) -> None:
    owner = ctx()
    run = owner.repository(RUN).new(random_id(6), "r1")
    busy = replace(owner, deps=replace(owner.deps, ops=Busy(owner.deps.ops.client, owner.deps.ops.name)))
    with in_hand(busy, run, 4, "item") as report:
        report("SAVE", 80)
