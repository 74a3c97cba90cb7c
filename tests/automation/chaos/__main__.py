"""`make chaos`: deaths at every point of a run, pairs of them, runs that are interfered with besides, runs without one stage's protection,
and the served stack killed.

RUNS=300 pairs of deaths, KILLS=20 kills of the served stack, SEED= (printed; the same seed shows the same runs), JOBS=2 processes,
ONLY=deaths|scenarios|mutants|kills for a part. Ends with status 1 when anything is not as it should be.
"""

import logging
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.automation.chaos.judge import Verdict
from tests.automation.chaos.kills import killed_rounds
from tests.automation.chaos.lives import PARTS, PLACES, STAGES, Fate, Point
from tests.automation.chaos.mutants import MUTANTS, Found, search
from tests.automation.chaos.runs import (
    Beginning,
    Outcome,
    Undisturbed,
    at,
    beginning,
    disturbed,
    pairs,
    stalled,
    twice_disturbed,
    undisturbed,
)
from tests.automation.chaos.scenarios import BY_NAME, SCENARIOS, STRAIGHT

console = Console(highlight=False, width=int(os.environ.get("COLUMNS") or 130))
SHOWN = 10  # runs that went wrong, with what was wrong
SLEEP_MAX = 80  # effects of others until who was given up wakes
ONLY = ("deaths", "scenarios", "mutants", "kills")
FIGURES = ("doubled", "ledger", "stuck")
_here: list[tuple[Beginning, dict[str, Undisturbed]]] = []


@dataclass(frozen=True)
class Task:
    """One run. gap: effects until the second death, or until who was given up wakes; twice: two deaths."""

    seed: int
    point: Point
    fate: Fate = "dies"
    gap: int = 0
    twice: bool = False
    scenario: str = STRAIGHT.name


def _begin(start: Beginning, bases: dict[str, Undisturbed]) -> None:
    """What each process does first."""
    logging.disable(logging.CRITICAL)
    _here[:] = [(start, bases)]


def _run(task: Task) -> Outcome:
    try:
        return _outcome(task)
    except Exception as error:  # the others are shown all the same, and this one as what it is
        return Outcome(task.seed, [task.point], Verdict(stuck=[f"{type(error).__name__}: {error}"]))


def _outcome(task: Task) -> Outcome:
    start, bases = _here[0]
    end, scenario = bases[task.scenario].end, BY_NAME[task.scenario]
    if task.twice:
        return twice_disturbed(start, task.seed, task.point, task.gap, end)
    if task.fate == "stalls":
        return stalled(start, task.seed, task.point, task.gap, end, scenario)
    return disturbed(start, task.seed, at(task.point), end, scenario)


def _mutant(number: int) -> Found:
    start, bases = _here[0]
    return search(MUTANTS[number], start, bases[STRAIGHT.name])


def _cell(outcomes: Sequence[Outcome]) -> str:
    recovered = sum(not o.verdict.state and not o.verdict.stuck for o in outcomes)
    bad = [sum(bool(getattr(o.verdict, name)) for o in outcomes) for name in FIGURES]
    return " / ".join(map(str, (len(outcomes), recovered, *bad))) if outcomes else "-"


def _table(title: str, outcomes: list[Outcome]) -> bool:
    """Print how many runs died in each place of each part, and how they ended. Returns whether all ended well."""
    table = Table(title=title, caption="runs that died there / came to the undisturbed end / doubled something / wrong ledger / stuck")
    table.add_column("part of the run")
    for place in PLACES:
        table.add_column(place, justify="right")
    for part in PARTS:
        cells = [_cell([o for o in outcomes if any((d.place, d.part) == (place, part) for d in o.deaths)]) for place in PLACES]
        if set(cells) != {"-"}:
            table.add_row(f"stage {part}" if part in STAGES else part, *cells)
    console.print(table)
    return _summary(outcomes)


def _summary(outcomes: list[Outcome]) -> bool:
    wrong = [o for o in outcomes if not o.verdict.well]
    deaths, ticks = sum(len(o.deaths) for o in outcomes), sum(bool(o.ticks) for o in outcomes)
    well = len(outcomes) - len(wrong)
    console.print(f"{len(outcomes)} runs, {deaths} deaths, {well} ended as the undisturbed run; {ticks} needed the scheduler.")
    for outcome in wrong[:SHOWN]:
        died = [(d.invocation, d.nth, d.step) for d in outcome.deaths]
        console.print(f"  seed {outcome.seed}, died at {died}", style="red", markup=False)
        for line in outcome.verdict.lines()[:5]:
            console.print(f"    {line[:300]}", markup=False)
    return not wrong


def _deaths(pool: ProcessPoolExecutor, base: Undisturbed, runs: int, seed: int) -> bool:
    dice = random.Random(seed)
    singles = [Task(dice.randrange(10**6), p) for p in base.points]
    sleepers = [Task(dice.randrange(10**6), p, "stalls", dice.randrange(SLEEP_MAX)) for p in base.points]
    twos = [Task(own, first, gap=gap, twice=True) for own, first, gap in pairs(base.points, runs, seed)]
    return all(
        [
            _table(
                "One death at each point where a Lambda does something to the world outside", list(pool.map(_run, singles, chunksize=4))
            ),
            _table("Given up at each point, and awake again beside its successor", list(pool.map(_run, sleepers, chunksize=4))),
            _table(f"Two deaths, {runs} pairs at random", list(pool.map(_run, twos, chunksize=4))),
        ]
    )


def _scenarios(pool: ProcessPoolExecutor, bases: dict[str, Undisturbed], seed: int) -> bool:
    """Every point of what begins, continues, ends and takes up runs and of what people ask for, and some of the stages'."""
    dice, tasks = random.Random(seed), []
    for scenario in SCENARIOS:
        points = bases[scenario.name].points
        own, stages = [p for p in points if p.part not in STAGES], [p for p in points if p.part in scenario.stages]
        for point in (*own, *dice.sample(stages, scenario.sample)):
            tasks.append(Task(dice.randrange(10**6), point, scenario=scenario.name))
            tasks.append(Task(dice.randrange(10**6), point, "stalls", dice.randrange(SLEEP_MAX), scenario=scenario.name))
    outcomes = list(pool.map(_run, tasks, chunksize=4))
    table = Table(title="What else happens to a run, with one death or one who is given up", caption="as above")
    for name in ("scenario", "deaths", "given up and awake again"):
        table.add_column(name, justify="left" if name == "scenario" else "right")
    for scenario in SCENARIOS:
        own_runs = [(t, o) for t, o in zip(tasks, outcomes, strict=True) if t.scenario == scenario.name]
        table.add_row(scenario.name, *(_cell([o for t, o in own_runs if t.fate == fate]) for fate in ("dies", "stalls")))
    console.print(table)
    return _table("The same, by what died", outcomes)


def _mutants(pool: ProcessPoolExecutor) -> bool:
    table = Table(title="Without a stage's protection: the same deaths find it")
    for name in ("stage", "taken out", "found by", "runs", "what was wrong"):
        table.add_column(name)
    found = list(pool.map(_mutant, range(len(MUTANTS))))
    for mutant, death in zip(MUTANTS, found, strict=True):
        table.add_row(str(mutant.stage or "-"), mutant.name, death.by or "[red]nothing", str(death.runs), death.wrong[:90])
    console.print(table)
    console.print(f"{sum(bool(f.by) for f in found)} of {len(MUTANTS)} found.")
    return all(f.by for f in found)


def _kills(kills: int, seed: int, jobs: int) -> bool:
    table = Table(title="The served stack, ended by SIGKILL in the middle of a run and started again on its data")
    for name in ("kill", "after s", "in stage", "where it", "the run then", "articles", "doubled", "ledger", "s to the end"):
        table.add_column(name, justify="right")
    rounds = killed_rounds(kills, seed, jobs)
    for n, one in enumerate(rounds, 1):
        table.add_row(str(n), *one.row())
    console.print(table)
    console.print(f"{sum(r.well for r in rounds)} of {len(rounds)} runs came to the undisturbed end.")
    for one in rounds:
        for line in one.wrong:
            console.print(f"  {line[:300]}", style="red", markup=False)
    return all(r.well for r in rounds)


def _number(name: str, usual: int) -> int:
    return int(os.environ.get(name) or usual)


def main() -> int:
    logging.disable(logging.CRITICAL)
    seed, only = _number("SEED", random.SystemRandom().randrange(10**6)), os.environ.get("ONLY", "")
    runs, kills, jobs = _number("RUNS", 300), _number("KILLS", 20), _number("JOBS", 2)
    if only not in ("", *ONLY):
        console.print(f"ONLY= knows {', '.join(ONLY)}.", style="red")
        return 2
    began, results = time.monotonic(), {}
    console.print(f"SEED={seed} RUNS={runs} KILLS={kills} JOBS={jobs}")
    start = beginning()
    bases = {name: undisturbed(start, scenario) for name, scenario in BY_NAME.items()}
    initializer: Any = _begin
    with ProcessPoolExecutor(jobs, initializer=initializer, initargs=(start, bases)) as pool:
        parts: tuple[Callable[[], bool], ...] = (
            lambda: _deaths(pool, bases[STRAIGHT.name], runs, seed),
            lambda: _scenarios(pool, bases, seed),
            lambda: _mutants(pool),
            lambda: _kills(kills, seed, jobs),
        )
        for name, part in zip(ONLY, parts, strict=True):
            if only in ("", name):
                at_first = time.monotonic()
                results[name] = part()
                console.print(f"{name}: {'well' if results[name] else 'NOT well'}, {time.monotonic() - at_first:.0f} s\n")
    console.print(f"{time.monotonic() - began:.0f} s, SEED={seed}: {'all well' if all(results.values()) else 'NOT all well'}")
    return 0 if all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
