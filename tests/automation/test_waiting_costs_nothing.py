"""Delays are states of the machine: nothing runs or asks while a run waits. And a look at a run costs the same however long the run is."""

import ast
import time
from typing import Any

import pytest

from chalicelib.automation import control
from chalicelib.automation.in_hand import Reporter
from chalicelib.automation.routes import router
from chalicelib.automation.runs import Runs
from chalicelib.automation.state_machine import definition
from chalicelib.core.context import Context
from chalicelib.core.scope import Scope
from infra.local import gateway
from infra.local.lambdas import invoker
from tests.architecture.source import python, tree
from tests.automation.pipeline import FEW, Account, World
from tests.conftest import ContextFactory, Place, Tables
from tests.rest import Rest


def test_every_delay_is_a_wait_state() -> None:
    states = definition()["States"]
    for n in range(1, 8):
        for name in (f"Within{n}", f"Between{n}"):
            assert states[name]["Type"] == "Wait" and states[name]["SecondsPath"] == "$.work.wait_seconds"
        assert states[f"Each{n}"]["Next"] == f"Within{n}" and states[f"Within{n}"]["Next"] == f"Next{n}"
        done = [c["Next"] for c in states[f"Choose{n}"]["Choices"] if c["StringEquals"] == "done"]
        assert done == [f"Between{n}"]
        assert states[f"Between{n}"]["Next"] == (f"Next{n + 1}" if n < 7 else "Finish")


def test_no_lambda_of_automation_sleeps() -> None:
    for path in python("chalicelib/automation"):
        calls = [node.func for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
        assert not [f for f in calls if (f.attr if isinstance(f, ast.Attribute) else getattr(f, "id", "")) == "sleep"], path


def _entered(account: Account, run: str, state: str) -> Any:
    return lambda: state in account.path(run)


@pytest.mark.parametrize(
    ("delays", "state"),
    [({"between_stage_delay_seconds": 3600}, "Between1"), ({"within_stage_delay_seconds": 3600, "batch_size_2": 1}, "Within1")],
)
def test_nothing_happens_while_a_run_waits(world: World, delays: dict[str, int], state: str) -> None:
    account = world.account(FEW, **delays)
    run = account.start()
    world.work(until=_entered(account, run.id, state))
    before, path = gateway.calls(), account.path(run.id)
    counted = {k: v for k, v in before.items() if not k.startswith("states.")}  # asking for the path asks Step Functions
    time.sleep(0.3)  # of an hour: whatever would poll or run meanwhile shows
    assert invoker.running == 0 and world.stack.pollers.poll_once() == 0
    assert {k: v for k, v in gateway.calls().items() if not k.startswith("states.")} == counted
    assert account.path(run.id) == path and path[-1] == state
    control.cancel(account.ctx, run.id)
    world.work()
    account.sound()


def _polled(tables: Tables, api: Rest, path: str, **parameters: Any) -> tuple[int, int]:
    """One look: how often it asks the tables, and how many characters they answer."""
    found: list[int] = []

    def answered(parsed: dict[str, Any], **event: Any) -> None:
        items = parsed.get("Items", [parsed["Item"]] if "Item" in parsed else [])
        found.append(sum(len(str(i)) for i in items))

    events = tables.client.meta.events
    for operation in ("GetItem", "Query", "BatchGetItem"):
        events.register(f"after-call.dynamodb.{operation}", answered)
    try:
        assert api.get(path, **parameters).status == 200
    finally:
        for operation in ("GetItem", "Query", "BatchGetItem"):
            events.unregister(f"after-call.dynamodb.{operation}", answered)
    return len(found), sum(found)


def test_looking_at_a_run_each_second_stays_cheap(ctx: ContextFactory, place: Place, tables: Tables) -> None:
    context = ctx()
    api, runs = Rest([router], context.deps, context.scope), Runs(context)
    run = runs.begin(place.site_id, [place.sector_id])
    runs.repository.patch(run.id, {"status": "running"})
    worker = Context(Scope.worker(context.tenant, f"run:{run.id}"), context.deps)
    for n in range(5):
        Reporter(worker, run.id, 4, f"hand{n}")("AI_CALL", 10)
    one, current = f"automation/runs/{run.id}", "automation/current_run"
    small, small_current = _polled(tables, api, one), _polled(tables, api, current, site_id=place.site_id)
    for n in range(300):
        runs.record(run, 4, f"item{n}", "failed" if n % 10 == 0 else "done", 8, "why" * 100)
        runs.log(run, f"line {n}", stage=4)
    assert small[0] == 3, "the run, its stages, what it has in hand"
    assert small_current[0] == 5, "besides: the site and who holds it"
    after, after_current = _polled(tables, api, one), _polled(tables, api, current, site_id=place.site_id)
    assert after[0] == small[0] and after_current[0] == small_current[0]
    assert after[1] < small[1] + 200 and after_current[1] < small_current[1] + 200, "some digits more"
    assert len(api.get(f"{one}/failures").data) == 30
