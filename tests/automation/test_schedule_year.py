"""A year of the scheduler in some seconds: 500 automations in 20 zones, with outages, looks that come twice or die halfway, and settings
that change meanwhile. Each due time starts one run; of those that an outage hides, the first does."""

import random
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chalicelib.auth.accounts import ACCOUNT
from chalicelib.automation.config import AutomationConfig, config_of
from chalicelib.automation.run_record import RUN
from chalicelib.automation.schedule import DUE, check_scheduled_automations, next_due, save_config
from chalicelib.core.config import Config
from chalicelib.core.context import Context, Deps, site_key
from chalicelib.core.errors import OutOfCredits, TableBusy
from chalicelib.core.ids import moment_of, parse_stamp, stamp
from chalicelib.core.scope import Scope
from chalicelib.core.table import Query, Table, put
from tests.automation.chaos.memory_tables import MemoryClient
from tests.automation.faults import LambdaDied
from tests.fakes import FixedClock

BEGIN, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2027, 3, 1, tzinfo=UTC)
ZONES = (
    "UTC", "Europe/Berlin", "Europe/London", "America/New_York", "America/St_Johns", "America/Sao_Paulo", "America/Santiago",
    "America/Asuncion", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Beirut", "Asia/Tehran", "Asia/Tokyo", "Africa/Cairo", "Africa/Casablanca",
    "Australia/Sydney", "Australia/Lord_Howe", "Pacific/Auckland", "Pacific/Chatham", "Pacific/Apia",
)  # fmt: skip
TIMES = ("00:00", "00:30", "02:00", "02:30", "03:15", "23:45")
FREQUENCIES = ("monthly", "weekly") * 12 + ("daily",)
CONFIGS, HOURLY = 500, 2
CHANGES = 400


# -- what is due when, found another way than the product finds it
@cache
def due_times(frequency: str, at: str, zone_name: str) -> list[datetime]:
    """All due times (UTC) around the year."""
    zone = ZoneInfo(zone_name)
    if frequency == "hourly":
        minute, found, step = int(at[3:]), [], timedelta(minutes=15)
        moment = BEGIN - timedelta(days=2)
        while moment < END + timedelta(days=9):
            for n in range(15):
                there = moment + timedelta(minutes=n)
                if there.astimezone(zone).minute == minute:
                    found.append(there)
            moment += step
        return found
    days = [BEGIN.date() + timedelta(days=n) for n in range(-3, 430)]
    wanted = {"daily": lambda d: True, "weekly": lambda d: d.isoweekday() == 1, "monthly": lambda d: d.day == 1}[frequency]
    return [instant(d, time.fromisoformat(at), zone) for d in days if wanted(d)]


def instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """When the zone's clocks first show this; in a gap, when they would have, had they not been put forward."""
    wall = datetime.combine(day, at)
    around = [wall.replace(tzinfo=UTC) + timedelta(hours=h) for h in (-30, 30)]
    offsets = [moment.astimezone(zone).utcoffset() or timedelta() for moment in around]
    shown = [m for o in offsets if (m := (wall - o).replace(tzinfo=UTC)).astimezone(zone).replace(tzinfo=None) == wall]
    return min(shown) if shown else (wall - offsets[0]).replace(tzinfo=UTC)


def following(config: AutomationConfig, after: datetime) -> datetime:
    return next(d for d in _later(due_times(config.frequency, config.time, config.time_zone), after))


def _later(found: list[datetime], after: datetime) -> Iterator[datetime]:
    yield from found[bisect_right(found, after) :]


@pytest.mark.parametrize("zone", ZONES)
def test_due_times_are_those_of_the_clocks_on_the_wall(zone: str) -> None:
    fixed: dict[str, Any] = {"id": "s-automation", "site_id": "s", "created_at": stamp(BEGIN), "updated_at": stamp(BEGIN)}
    for frequency in ("daily", "weekly", "monthly"):
        for at in TIMES:
            config = AutomationConfig(**fixed, frequency=frequency, time=at, time_zone=zone)
            moment = BEGIN
            for due in _later(due_times(frequency, at, zone), BEGIN):
                if due > END:
                    break
                moment = next_due(config, moment)
                assert moment == due, (config, moment, due)
    config, moment = AutomationConfig(**fixed, frequency="hourly", time="00:30", time_zone=zone), datetime(2026, 3, 27, tzinfo=UTC)
    for _ in range(24 * 12):
        before, moment = moment, next_due(config, moment)
        assert moment.astimezone(ZoneInfo(zone)).minute == 30 and timedelta() < moment - before <= timedelta(hours=1, minutes=30)


# -- the year
@dataclass
class Year:
    """expects: site -> the due time that starts its next run; the product's own is in the settings. fired: (site, due time)."""

    deps: Deps
    clock: FixedClock
    dice: random.Random
    ctx: Context
    sites: list[str]
    expects: dict[str, datetime | None]
    fired: list[tuple[str, datetime]]
    trouble: dict[str, BaseException]

    def start(self, ctx: Context, site: str, *, trigger: str, tail: str) -> None:
        """`control.start`, or the trouble that this site has just now."""
        trouble = self.trouble.get(site)
        if isinstance(trouble, Exception):
            raise trouble
        assert trigger == "scheduled"
        self.fired.append((site, moment_of(tail)))
        runs = ctx.repository(RUN)
        runs.create(runs.new(site, tail, sectors=[]))
        if trouble is not None:
            raise self.trouble.pop(site)

    def look(self) -> list[tuple[str, datetime]]:
        """The scheduler looks. Returns what it ought to have started."""
        now, ought = self.clock.now(), []
        for site, due in self.expects.items():
            trouble = self.trouble.get(site)
            if due is None or due > now or isinstance(trouble, TableBusy):
                continue
            if not isinstance(trouble, OutOfCredits):
                ought.append((site, due))
            self.expects[site] = following(self.config(site), now)
        while True:
            try:
                check_scheduled_automations(self.deps, start=self.start)
                return ought
            except LambdaDied:  # what it had begun is there; the next look does the rest
                continue

    def config(self, site: str) -> AutomationConfig:
        return config_of(self.ctx, site)

    def change(self, site: str, **settings: Any) -> None:
        before, now = self.config(site), self.clock.now()
        after = save_config(self.ctx, site, settings)
        due = self.expects[site]
        has_come = before.enabled and due is not None and due <= now
        self.expects[site] = None if not after.enabled else due if has_come else following(after, now)


@pytest.fixture
def year() -> Year:
    client, clock, dice = MemoryClient(), FixedClock(BEGIN), random.Random(2026)
    absent: dict[str, Any] = dict.fromkeys(("files", "jobs", "workflow", "secrets", "user_pool", "cursors", "text", "image", "embedder"))
    tables = {name: Table(client, name, sleep=lambda seconds: None) for name in ("app", "ops")}
    deps = Deps(Config(stage="local"), tables["app"], tables["ops"], clock, **absent, publisher=None)  # type: ignore[arg-type]
    ctx = Context(Scope.worker("tenant00"), deps)
    accounts = ctx.repository(ACCOUNT)
    accounts.create(accounts.new("", "tenant00", name="A", slug="a"))
    sites = [f"s{n:05d}" for n in range(CONFIGS)]
    for site in sites:
        tables["app"].write(put(site_key("tenant00", site), {"id": site}))
    made = Year(deps, clock, dice, ctx, sites, dict.fromkeys(sites), [], {})
    for n, site in enumerate(sites):
        frequency = "hourly" if n < HOURLY else FREQUENCIES[n % len(FREQUENCIES)]
        zone = ("Asia/Kathmandu", "Australia/Lord_Howe")[n] if n < HOURLY else ZONES[n % len(ZONES)]
        made.change(site, enabled=True, frequency=frequency, time=TIMES[n % len(TIMES)], time_zone=zone)
    return made


def looks(dice: random.Random) -> Iterator[datetime]:
    """When the scheduler comes: on the half hour or a little later, sometimes not for hours or days."""
    moment = BEGIN
    while moment < END:
        moment += timedelta(minutes=30)
        if dice.random() < 0.002:
            moment += timedelta(hours=dice.randrange(1, 72))
        yield moment + timedelta(seconds=dice.randrange(120))


def test_a_year_of_schedules(year: Year) -> None:
    dice, ought, per_site = year.dice, [], defaultdict(list)
    changes = sorted(BEGIN + (END - BEGIN) * dice.random() for _ in range(CHANGES))
    for moment in looks(dice):
        while changes and changes[0] < moment:
            year.clock.time = changes.pop(0)
            _change_something(year, dice)
        year.clock.time = moment
        if dice.random() < 0.02:
            year.trouble = {s: trouble() for s in year.sites if dice.random() < 0.3 for trouble in [dice.choice(TROUBLES)]}
        ought += year.look()
        year.trouble = {}
        if dice.random() < 0.05:
            ought += year.look()  # it comes twice: what had trouble is started, nothing else
    early, missing = set(year.fired) - set(ought), set(ought) - set(year.fired)
    assert (sorted(early)[:9], sorted(missing)[:9]) == ([], [])
    assert len(set(year.fired)) == len(year.fired)
    for site, due in year.fired:
        per_site[site].append(due)
    assert len(per_site) == CONFIGS and len(year.fired) > 25_000
    enabled = [s for s in year.sites if year.config(s).enabled]
    rows = year.deps.ops.query_all(Query(DUE, consistent=True))
    assert sorted(r["site"] for r in rows) == sorted(enabled), "the list holds one row for each automation that is on, and no other"
    assert {r["site"]: parse_stamp(r["due"]) for r in rows} == {s: year.expects[s] for s in enabled}


TROUBLES = (TableBusy, lambda: OutOfCredits(10, 0), lambda: LambdaDied("halfway"))


def _change_something(year: Year, dice: random.Random) -> None:
    site = dice.choice(year.sites[HOURLY:])
    kind = dice.randrange(4)
    if kind == 0:
        year.change(site, enabled=not year.config(site).enabled)
    elif kind == 1:
        year.change(site, time=dice.choice(TIMES), time_zone=dice.choice(ZONES))
    elif kind == 2:
        year.change(site, frequency=dice.choice(("weekly", "monthly")))
    else:
        year.change(site, gate_score=dice.randrange(100))


def test_settings_saved_after_a_due_time_do_not_lose_it(year: Year) -> None:
    site = year.sites[9]
    due = year.expects[site]
    assert due is not None
    year.clock.time = due + timedelta(minutes=1)
    year.change(site, gate_score=50)
    year.change(site, time="12:34")
    assert year.look()[-1:] and (site, due) in year.fired
    assert year.config(site).next_run_at == stamp(following(replace_time(year.config(site)), year.clock.now()))


def replace_time(config: AutomationConfig) -> AutomationConfig:
    return config.model_copy(update={"time": "12:34"})
