"""Runs in which Lambdas die, and what becomes of them: single deaths at every point, and pairs of deaths at random."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from chalicelib.automation import control
from chalicelib.automation.run_record import ACTIVE
from chalicelib.core.context import Context
from chalicelib.core.scope import Scope
from tests.automation.accounts import KEYWORDS, Account, open_account
from tests.automation.chaos.judge import Verdict, end_state, judge
from tests.automation.chaos.lives import Fate, Life, Lives, Plan, Point, Stalled, nobody
from tests.automation.chaos.memory_tables import MemoryClient
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


def undisturbed(start: Beginning) -> Undisturbed:
    with continued(start, 0) as (world, account):
        run = _to_its_end(world, account)[0]
        verdict = judge(account, run)
        assert verdict.well, verdict.lines()
        return Undisturbed(end_state(account, run), tuple(dict.fromkeys(world.lives.points)))


def disturbed(start: Beginning, seed: int, plan: Plan, expected: Sequence[str]) -> Outcome:
    """One run with deaths, and everything that gets it to its end by itself: retries, deliveries, the scheduler."""
    return _outcome(start, seed, Lives(plan), expected)


def stalled(start: Beginning, seed: int, point: Point, wakes_after: int, expected: Sequence[str], **about: Any) -> Outcome:
    """One run in which somebody is given up there, and wakes so many effects later. about: the world."""
    lives = Lives(at(point, "stalls"), wakes_after, (point.invocation, point.nth))
    return _outcome(start, seed, lives, expected, **about)


def _outcome(start: Beginning, seed: int, lives: Lives, expected: Sequence[str], **about: Any) -> Outcome:
    with continued(start, seed, lives=lives, **about) as (world, account):
        run, ticks = _to_its_end(world, account)
        lives.plan = nobody
        return Outcome(seed, lives.deaths, judge(account, run, list(expected)), ticks, account.log(run))


def _to_its_end(world: SmallWorld, account: Account) -> tuple[str, int]:
    """Ask for a run (again when the API died before there was one), and work until it has ended. Returns its id, and how many ticks."""
    run = None
    for ticks in range(TICKS):
        if run is None and (run := account.runs.holder(account.site)) is None:
            try:
                run = world.lives.live("run_now", {}, lambda: control.start(account.ctx, account.site))
            except (LambdaDied, Stalled):
                run = account.runs.holder(account.site)
        world.work()
        if run is not None and account.runs.get(run.id).status not in ACTIVE:
            if world.lives.wake_all():
                world.work()
            return run.id, ticks
        world.tick()
    assert run is not None
    return run.id, TICKS


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
    dice, cells = random.Random(seed), sorted({(p.place, p.stage) for p in points})
    chosen = []
    for n in range(count):
        place, stage = cells[n % len(cells)]
        first = dice.choice([p for p in points if (p.place, p.stage) == (place, stage)])
        gap = dice.choice((0, 1, 2, 3, dice.randrange(GAP_MAX), dice.randrange(len(points))))
        chosen.append((dice.randrange(10**6), first, gap))
    return chosen
