"""Runs in which a Lambda dies, once in each place of each stage: they end as the undisturbed run. `make chaos` does hundreds."""

import random
from collections import Counter

import pytest

from tests.automation.chaos.lives import PLACES, STAGES, Point
from tests.automation.chaos.mutants import MUTANTS, search
from tests.automation.chaos.runs import Beginning, Undisturbed, at, beginning, disturbed, pairs, stalled, twice_disturbed, undisturbed
from tests.automation.chaos.scenarios import SCENARIOS, Scenario


@pytest.fixture(scope="module")
def start() -> Beginning:
    return beginning()


@pytest.fixture(scope="module")
def base(start: Beginning) -> Undisturbed:
    return undisturbed(start)


def one_of(base: Undisturbed, place: str, stage: str) -> Point:
    return random.Random(f"{place} {stage}").choice([p for p in base.points if (p.place, p.part) == (place, stage)])


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("place", PLACES)
def test_one_death(start: Beginning, base: Undisturbed, place: str, stage: str) -> None:
    outcome = disturbed(start, 1, at(one_of(base, place, stage)), base.end)
    assert [(d.place, d.part) for d in outcome.deaths] == [(place, stage)]
    assert outcome.verdict.lines() == [], outcome.log


@pytest.mark.parametrize("stage", ["3", "4", "6", "7"])
def test_who_was_given_up_and_wakes_changes_nothing(start: Beginning, base: Undisturbed, stage: str) -> None:
    dice = random.Random(stage)
    point = dice.choice([p for p in base.points if p.part == stage])
    outcome = stalled(start, 1, point, dice.randrange(20), base.end)
    assert outcome.deaths and outcome.verdict.lines() == [], outcome.log


def test_two_deaths(start: Beginning, base: Undisturbed) -> None:
    for seed, first, gap in pairs(base.points, 4, 1):
        outcome = twice_disturbed(start, seed, first, gap, base.end)
        assert len(outcome.deaths) == 2 and outcome.verdict.lines() == [], (outcome.deaths, outcome.log)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_what_else_happens_to_a_run(start: Beginning, base: Undisturbed, scenario: Scenario) -> None:
    """It comes to the objects of the undisturbed run; also when somebody dies who begins, continues, ends or takes up the run."""
    own = undisturbed(start, scenario)
    assert not Counter(own.end) - Counter(base.end)
    point = random.Random(scenario.name).choice([p for p in own.points if p.part not in STAGES])
    outcome = disturbed(start, 1, at(point), own.end, scenario)
    assert outcome.deaths and outcome.verdict.lines() == [], (outcome.deaths, outcome.log)


def test_the_same_seed_shows_the_same_run(start: Beginning, base: Undisturbed) -> None:
    (task,) = pairs(base.points, 1, 7)
    first, again = (twice_disturbed(start, task[0], task[1], task[2], base.end) for _ in range(2))
    assert (first.deaths, first.ticks, first.log) == (again.deaths, again.ticks, again.log)


@pytest.mark.parametrize(
    "mutant", [m for m in MUTANTS if (m.stage, m.kind) in ((3, "work"), (4, "work"), (5, "record"))], ids=lambda m: m.name
)
def test_without_a_conditional_write_something_is_wrong(start: Beginning, base: Undisturbed, mutant: object) -> None:
    assert search(mutant, start, base).by, "nothing shows it"  # type: ignore[arg-type]
