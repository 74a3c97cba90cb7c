"""When a site's articles go online by themselves: days, times of day and how many a day; and which place of a day is still free."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from chalicelib.core.context import Context
from chalicelib.core.entity import Entity, SiteRecord, in_site
from chalicelib.core.errors import Duplicate
from chalicelib.core.service import Service
from chalicelib.core.table import Key
from chalicelib.core.zones import zone_name

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)
TIME = r"^([01]\d|2[0-3]):[0-5]\d$"
LOOK_AHEAD_DAYS = 366
TAIL = "slots"


class PublishSlots(SiteRecord):
    """Times in the site's IANA zone. A day has max_per_day places: at its first times when there are more times than places, else evenly
    over its times."""

    enabled: bool = False
    days: list[Day] = Field(default_factory=lambda: list(DAYS), min_length=1, max_length=7)
    times: list[str] = Field(default_factory=lambda: ["09:00"], min_length=1, max_length=24)
    time_zone: str = "UTC"
    max_per_day: int = Field(1, ge=1, le=50)

    @field_validator("days")
    @classmethod
    def _in_order(cls, value: list[Day]) -> list[Day]:
        return [day for day in DAYS if day in value]

    @field_validator("times")
    @classmethod
    def _sorted(cls, value: list[str]) -> list[str]:
        if not all(isinstance(t, str) and re.match(TIME, t) for t in value):
            raise ValueError("must be times of day such as 09:30")
        return sorted(set(value))

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        return zone_name(value)

    def places(self, day: date) -> list[datetime]:
        """The day's places in order, UTC. A local time that a spring gap leaves out is taken an hour later."""
        if DAYS[day.weekday()] not in self.days:
            return []
        zone, n = ZoneInfo(self.time_zone), self.max_per_day
        chosen = self.times[:n] if n <= len(self.times) else [self.times[k * len(self.times) // n] for k in range(n)]
        clock = [(int(t[:2]), int(t[3:])) for t in chosen]
        return [datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).astimezone(UTC) for hour, minute in clock]


_WRITABLE = frozenset({"enabled", "days", "times", "time_zone", "max_per_day"})
SLOTS: Entity[PublishSlots] = Entity(
    name="publish_slots",
    plural="publish slots",
    model=PublishSlots,
    letter="SL",
    place=in_site("SL"),
    create=_WRITABLE,
    patch=_WRITABLE,
    soft_delete=False,
)


class Slots(Service[PublishSlots]):
    entity = SLOTS

    def of_site(self, site_id: str) -> PublishSlots:
        """The site's slots, made with the defaults, switched off, when there are none. Raises: NotFound for an unknown site."""
        self.ctx.site(site_id)
        found = self.repository.find(f"{site_id}-{TAIL}")
        if found is not None:
            return found
        try:
            return self.repository.create(self.repository.new(site_id, TAIL))
        except Duplicate:
            return self.repository.get(f"{site_id}-{TAIL}")

    def put(self, site_id: str, body: dict[str, Any], *, if_match: int | None = None) -> PublishSlots:
        """Raises: ValidationFailed, NotFound, PreconditionFailed."""
        slots = self.of_site(site_id)
        return self.repository.patch(slots.id, {k: v for k, v in body.items() if k in self.entity.patch}, if_match=if_match)


def in_use(ctx: Context, site_id: str) -> PublishSlots | None:
    """The site's slots where they are switched on. Makes none."""
    found = ctx.repository(SLOTS).find(f"{site_id}-{TAIL}")
    return found if found is not None and found.enabled else None


def places_after(slots: PublishSlots, after: datetime) -> Iterator[tuple[datetime, str]]:
    """Every place later than `after`, in order, with its name, for a year."""
    first = after.astimezone(ZoneInfo(slots.time_zone)).date()
    for offset in range(LOOK_AHEAD_DAYS):
        day = first + timedelta(days=offset)
        for number, moment in enumerate(slots.places(day)):
            if moment > after:
                yield moment, f"{day.isoformat()}#{number:02d}"


def place_key(ctx: Context, site_id: str, name: str) -> Key:
    """Of the row that says that a place is taken."""
    return ctx.key(f"{site_id}#SLOT", name)
