"""`make chaos`: single deaths at every point, pairs at random, runs without one stage's protection, and the served stack killed.

RUNS=300 pairs of deaths, KILLS=20 kills of the served stack, SEED= (printed; the same seed shows the same runs), JOBS=2 processes,
ONLY=deaths|mutants|kills for a part. Ends with status 1 when anything is not as it should be.
"""

import logging
import os
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.automation.chaos.kills import killed_rounds
from tests.automation.chaos.lives import PLACES, Point
from tests.automation.chaos.mutants import MUTANTS, Found, search
from tests.automation.chaos.runs import Beginning, Outcome, Undisturbed, at, beginning, disturbed, pair, pairs, undisturbed

console = Console(highlight=False, width=int(os.environ.get("COLUMNS") or 150))
COLUMNS = (*range(1, 8), 0)
SHOWN = 10  # runs that went wrong, with what was wrong
_here: list[tuple[Beginning, Undisturbed]] = []


def _begin(start: Beginning, base: Undisturbed) -> None:
    """What each process does first."""
    logging.disable(logging.CRITICAL)
    _here[:] = [(start, base)]


def _single(task: tuple[int, Point]) -> Outcome:
    seed, point = task
    start, base = _here[0]
    return disturbed(start, seed, at(point), base.end)


def _pair(task: tuple[int, Point, int]) -> Outcome:
    seed, first, gap = task
    start, base = _here[0]
    return disturbed(start, seed, pair(first, gap), base.end, deaths_wanted=2)


def _mutant(number: int) -> Found:
    return search(MUTANTS[number], *_here[0])


def _tables(title: str, outcomes: list[Outcome]) -> bool:
    """Print how many runs died in each place of each stage, and how they ended. Returns whether all ended well."""
    table = Table(title=title, caption="runs that died there / ended as the undisturbed run / doubled something / wrong ledger / stuck")
    table.add_column("a Lambda died …")
    for stage in COLUMNS:
        table.add_column(f"stage {stage}" if stage else "the run itself", justify="right")
    for place in PLACES:
        cells = []
        for stage in COLUMNS:
            there = [o for o in outcomes if any((d.place, d.stage) == (place, stage) for d in o.deaths)]
            recovered = sum(not o.verdict.state and not o.verdict.stuck for o in there)
            bad = [sum(bool(getattr(o.verdict, name)) for o in there) for name in ("doubled", "ledger", "stuck")]
            cells.append("/".join(map(str, (len(there), recovered, *bad))) if there else "-")
        table.add_row(place, *cells)
    console.print(table)
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
    singles = list(pool.map(_single, [(dice.randrange(10**6), p) for p in base.points], chunksize=4))
    well = _tables("One death at each point where a Lambda does something to the world outside", singles)
    return _tables("Two deaths", list(pool.map(_pair, pairs(base.points, runs, seed), chunksize=4))) and well


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
    for name in ("kill", "after s", "in stage", "the run then", "articles", "doubled", "ledger", "s to the end"):
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
    began, results = time.monotonic(), {}
    console.print(f"SEED={seed} RUNS={runs} KILLS={kills} JOBS={jobs}")
    parts: dict[str, Callable[[], bool]] = {"kills": lambda: _kills(kills, seed, jobs)} if kills else {}
    start = beginning()
    base = undisturbed(start)
    initializer: Any = _begin
    with ProcessPoolExecutor(jobs, initializer=initializer, initargs=(start, base)) as pool:
        parts = {"deaths": lambda: _deaths(pool, base, runs, seed), "mutants": lambda: _mutants(pool), **parts}
        for name, part in parts.items():
            if only in ("", name):
                at_first = time.monotonic()
                results[name] = part()
                console.print(f"{name}: {'well' if results[name] else 'NOT well'}, {time.monotonic() - at_first:.0f} s\n")
    console.print(f"{time.monotonic() - began:.0f} s, SEED={seed}: {'all well' if all(results.values()) else 'NOT all well'}")
    return 0 if all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
