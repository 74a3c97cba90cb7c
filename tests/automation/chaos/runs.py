"""Runs in which Lambdas die, and what becomes of them: single deaths at every point, and pairs of deaths at random."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from chalicelib.automation import control
from chalicelib.core.context import Context
from chalicelib.core.errors import Conflict
from chalicelib.core.scope import Scope
from tests.automation.accounts import KEYWORDS, Account, open_account
from tests.automation.chaos.judge import Verdict, all_runs, end_state, judge
from tests.automation.chaos.lives import Fate, Life, Lives, Plan, Point, Stalled, nobody
from tests.automation.chaos.memory_tables import MemoryClient
from tests.automation.chaos.scenarios import STRAIGHT, Scenario, Step
from tests.automation.chaos.small_world import SmallWorld, small_world
from tests.automation.faults import LambdaDied

TICKS = 12  # an hour of the scheduler
GAP_MAX = 60  # effects between the two deaths of a pair


@dataclass(frozen=True)
class Beginning:
    """An account with keywords, before its first run: what every run starts from. tables, files: contents of the world's."""

    tables: dict[str, Any]
    files: dict[str, tuple[bytes, str]]
    tenant: str
    site: str
    sector: str


@dataclass(frozen=True)
class Undisturbed:
    """What a run comes to when nobody dies, and where its Lambdas could."""

    end: list[str]
    points: tuple[Point, ...]


@dataclass
class Outcome:
    """Of one run. deaths: those that took place."""

    seed: int
    deaths: list[Point]
    verdict: Verdict
    ticks: int = 0
    log: list[str] = field(default_factory=list)


def beginning(keywords: Sequence[str] = KEYWORDS) -> Beginning:
    with small_world() as world:
        account = open_account(world, tuple(keywords))
        return Beginning(world.client.tables, world.files.stored, account.ctx.tenant, account.site, account.sector)


@contextmanager
def continued(start: Beginning, seed: int, **about: Any) -> Iterator[tuple[SmallWorld, Account]]:
    """A world of its own in which the account is."""
    client = MemoryClient()
    client.tables = {name: {pk: dict(part) for pk, part in table.items()} for name, table in start.tables.items()}
    with small_world(seed, client=client, **about) as world:
        world.files.stored.update(start.files)
        yield world, Account(world, Context(Scope.worker(start.tenant), world.deps), start.site, start.sector)


def undisturbed(start: Beginning, scenario: Scenario = STRAIGHT) -> Undisturbed:
    """Nobody dies. Raises: AssertionError when it does not end well all the same."""
    with continued(start, 0) as (world, account):
        run = _to_its_end(world, account, scenario)[0]
        verdict = judge(account, run)
        assert verdict.well, (scenario.name, verdict.lines(), account.log(run))
        return Undisturbed(end_state(account, run, figures=scenario.figures), tuple(dict.fromkeys(world.lives.points)))


def disturbed(start: Beginning, seed: int, plan: Plan, expected: Sequence[str], scenario: Scenario = STRAIGHT) -> Outcome:
    """One run with deaths, and everything that gets it to its end by itself: retries, deliveries, the scheduler."""
    return _outcome(start, seed, Lives(plan), expected, scenario)


def twice_disturbed(start: Beginning, seed: int, first: Point, gap: int, expected: Sequence[str]) -> Outcome:
    """One run with two deaths: a second one that would come after the run's end comes earlier."""
    while True:
        outcome = disturbed(start, seed, pair(first, gap), expected)
        if len(outcome.deaths) == 2 or not gap or not outcome.verdict.well:
            return outcome
        gap //= 2


def stalled(
    start: Beginning, seed: int, point: Point, wakes_after: int, expected: Sequence[str], scenario: Scenario = STRAIGHT, **about: Any
) -> Outcome:
    """One run in which somebody is given up there, and wakes so many effects later. about: the world."""
    lives = Lives(at(point, "stalls"), wakes_after, (point.invocation, point.nth))
    return _outcome(start, seed, lives, expected, scenario, **about)


def _outcome(start: Beginning, seed: int, lives: Lives, expected: Sequence[str], scenario: Scenario, **about: Any) -> Outcome:
    with continued(start, seed, lives=lives, **about) as (world, account):
        run, ticks = _to_its_end(world, account, scenario)
        lives.plan = nobody
        return Outcome(seed, lives.deaths, judge(account, run, list(expected), figures=scenario.figures), ticks, account.log(run))


def _to_its_end(world: SmallWorld, account: Account, scenario: Scenario) -> tuple[str, int]:
    """Ask for a run (again when the API died before there was one), and work until it has ended and the scenario is through. Returns the
    newest run's id, and how often the scheduler was needed."""
    scenario.before(world)
    if scenario.settings:
        account.configure(**scenario.settings)
    ticks = 0
    for step in (*scenario.steps, None):
        ticks += _to_rest(world, account, scenario, step)
        if step is not None:
            _take(world, account, step)
    if world.lives.wake_all():
        world.work()
    return all_runs(account)[-1], ticks


def _take(world: SmallWorld, account: Account, step: Step) -> None:
    """Who gets no answer asks again; who is refused (somebody who was given up has done it meanwhile) does not."""
    run = all_runs(account)[0]
    if not step.name:
        step.do(world, account, run)
        return
    for _ in range(2):
        with suppress(LambdaDied, Stalled):
            with suppress(Conflict):
                world.lives.live(step.name, {}, lambda: step.do(world, account, run))
            return


def _to_rest(world: SmallWorld, account: Account, scenario: Scenario, step: Step | None) -> int:
    """Work until it is time for the step, or the run has ended or is paused. Returns how often the scheduler was needed."""
    for ticks in range(TICKS):
        if not (runs := all_runs(account)):
            with suppress(LambdaDied, Stalled, Conflict):
                world.lives.live("run_now", {}, lambda: control.start(account.ctx, account.site, **scenario.options))
            runs = all_runs(account)
        if runs:
            first = runs[0]
            world.work(lambda: step is not None and step.when(world, account, first))  # noqa: B023 - used at once
            if step is not None and step.when(world, account, first):
                return ticks
            if account.runs.get(runs[-1]).status not in ("created", "running"):
                return ticks
        world.tick()
    return TICKS


# -- plans
def at(point: Point, fate: Fate = "dies") -> Plan:
    """Die or stall there, once."""

    def plan(lives: Lives, life: Life) -> Fate:
        there = not lives.deaths and (life.name, life.nth, life.step) == (point.invocation, point.nth, point.step)
        return fate if there else "lives"

    return plan


def pair(first: Point, gap: int) -> Plan:
    """Die there, and again when so many more effects could have happened, whoever that hits."""
    there, seen = at(first), [0]

    def plan(lives: Lives, life: Life) -> Fate:
        if not lives.deaths:
            return there(lives, life)
        seen[0] += 1
        return "dies" if len(lives.deaths) == 1 and seen[0] > gap else "lives"

    return plan


def pairs(points: Sequence[Point], count: int, seed: int) -> list[tuple[int, Point, int]]:
    """(seed, first point, gap) of so many pairs, each place of each stage equally often the first."""
    dice, cells = random.Random(seed), sorted({(p.place, p.part) for p in points})
    chosen = []
    for n in range(count):
        first = dice.choice([p for p in points if (p.place, p.part) == cells[n % len(cells)]])
        gap = dice.choice((0, 1, 2, 3, dice.randrange(GAP_MAX), dice.randrange(len(points))))
        chosen.append((dice.randrange(10**6), first, gap))
    return chosen
