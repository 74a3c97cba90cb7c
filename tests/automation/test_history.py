"""That what an execution is said to need of its history is what it needs at most."""

from collections import Counter
from typing import Any

from chalicelib.automation.history import EVENTS_AT_START, EVENTS_MAX, EVENTS_PER_ITEM, EVENTS_PER_ROUND, items_that_fit
from chalicelib.automation.state_machine import definition
from chalicelib.core.errors import UpstreamUnavailable
from tests.automation.faults import LambdaDied
from tests.automation.pipeline import FEW, World

QUOTA = 25_000  # Source: Step Functions quotas: events in one execution's history
PER_TRY = 3  # TaskScheduled, TaskStarted, and how it ended; a waiting task has TaskSubmitted besides


def most(state: dict[str, Any]) -> int:
    """The most events of one state of the definition, every retry used up."""
    if state["Type"] != "Task":
        return {"Map": 4}.get(state["Type"], 2)  # entered and exited; of a Map also started and ended
    tries = 1 + sum(retry["MaxAttempts"] for retry in state.get("Retry", []))
    return 2 + tries * (PER_TRY + ("waitForTaskToken" in state["Resource"]))


def test_the_allowances_cover_the_generated_machine() -> None:
    states = definition()["States"]
    assert 1 + most(states["Begin"]) + most(states["Prepare"]) <= EVENTS_AT_START
    for n in range(1, 8):
        inside = states[f"Each{n}"]["ItemProcessor"]["States"]
        assert 2 + sum(most(s) for s in inside.values()) <= EVENTS_PER_ITEM
        assert sum(most(states[f"{name}{n}"]) for name in ("Next", "Choose", "Each", "Within")) <= EVENTS_PER_ROUND
    ending = sum(most(states[name]) for name in ("Finish", "Broken")) + 10 * EVENTS_PER_ROUND
    assert EVENTS_MAX + ending <= QUOTA


def test_items_that_fit() -> None:
    assert items_that_fit(EVENTS_MAX, EVENTS_MAX) == 0 and items_that_fit(EVENTS_MAX + 1, EVENTS_MAX) == 0
    assert items_that_fit(EVENTS_MAX - EVENTS_PER_ITEM, EVENTS_MAX) == 1
    assert items_that_fit(0, EVENTS_MAX) >= 100, "the largest batch fits a new execution"


def test_an_item_that_uses_up_every_retry(world: World) -> None:
    account = world.account(FEW)
    world.script.at("text.generate_ideas", *[UpstreamUnavailable("busy")] * 5, *[LambdaDied("again")] * 3, UpstreamUnavailable("busy"))
    run = account.run()
    history = account.history(run["id"])
    assert run["status"] == "failed" and Counter(account.path(run["id"]))["Failed2"] == 1
    begin = next(i for i, e in enumerate(history) if e.get("stateEnteredEventDetails", {}).get("name") == "Each2")
    end = next(i for i, e in enumerate(history) if e.get("stateExitedEventDetails", {}).get("name") == "Each2")
    assert 9 * PER_TRY < end - begin <= EVENTS_PER_ITEM
    rounds = Counter(account.path(run["id"]))
    accounted = EVENTS_AT_START + 2 * EVENTS_PER_ITEM + EVENTS_PER_ROUND * sum(rounds[f"Next{n}"] for n in range(1, 8))
    assert len(history) <= accounted
    account.sound()
