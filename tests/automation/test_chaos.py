"""Runs in which a Lambda dies, once in each place of each stage: they end as the undisturbed run. `make chaos` does hundreds."""

import random

import pytest

from tests.automation.chaos.lives import PLACES, Point
from tests.automation.chaos.mutants import MUTANTS, search
from tests.automation.chaos.runs import Beginning, Undisturbed, at, beginning, disturbed, pair, pairs, stalled, undisturbed

STAGES = range(8)  # 0: what begins, ends and takes up a run


@pytest.fixture(scope="module")
def start() -> Beginning:
    return beginning()


@pytest.fixture(scope="module")
def base(start: Beginning) -> Undisturbed:
    return undisturbed(start)


def one_of(base: Undisturbed, place: str, stage: int) -> Point | None:
    there = [p for p in base.points if (p.place, p.stage) == (place, stage)]
    return random.Random(f"{place} {stage}").choice(there) if there else None


def test_every_place_of_every_stage_can_be_died_in(base: Undisturbed) -> None:
    missing = [(place, stage) for stage in range(1, 8) for place in PLACES if one_of(base, place, stage) is None]
    assert missing == []


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("place", PLACES)
def test_one_death(start: Beginning, base: Undisturbed, place: str, stage: int) -> None:
    point = one_of(base, place, stage)
    if point is None:
        assert stage == 0, "the run itself has no items"
        return
    outcome = disturbed(start, 1, at(point), base.end)
    assert [(d.place, d.stage) for d in outcome.deaths] == [(place, stage)]
    assert outcome.verdict.lines() == [], outcome.log


@pytest.mark.parametrize("stage", STAGES)
def test_who_was_given_up_and_wakes_changes_nothing(start: Beginning, base: Undisturbed, stage: int) -> None:
    dice = random.Random(stage)
    point = dice.choice([p for p in base.points if p.stage == stage])
    outcome = stalled(start, 1, point, dice.randrange(20), base.end)
    assert outcome.deaths and outcome.verdict.lines() == [], outcome.log


def test_two_deaths(start: Beginning, base: Undisturbed) -> None:
    for seed, first, gap in pairs(base.points, 6, 1):
        outcome = disturbed(start, seed, pair(first, gap), base.end)
        assert outcome.deaths and outcome.verdict.lines() == [], (outcome.deaths, outcome.log)


@pytest.mark.parametrize(
    "mutant", [m for m in MUTANTS if (m.stage, m.kind) in ((3, "work"), (4, "work"), (5, "record"))], ids=lambda m: m.name
)
def test_without_a_conditional_write_something_is_wrong(start: Beginning, base: Undisturbed, mutant: object) -> None:
    found = search(mutant, start, base)  # type: ignore[arg-type]
    assert found.by, "nothing shows it"
