"""EventBridge's `rate(...)` and `cron(...)` expressions: when is the next time."""

import re
from datetime import UTC, datetime, timedelta

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")
_MONTHS = ["", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DAYS = ["", "SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]  # Source: EventBridge: day 1 is Sunday


def _values(field: str, low: int, high: int, names: list[str] | None = None) -> set[int]:
    """The numbers a cron field allows: `*`, `?`, lists, ranges, steps and names."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        if span in ("*", "?"):
            first, last = low, high
        else:
            ends = [names.index(end.upper()) if names and end.upper() in names else int(end) for end in span.split("-")]
            first, last = ends[0], ends[-1] if len(ends) > 1 or not step else high
        if not (low <= first <= high and low <= last <= high):
            raise ValueError(f"{field!r} is outside {low}-{high}")
        found.update(range(first, last + 1, int(step or 1)))
    return found


def next_after(expression: str, after: datetime) -> datetime:
    """The first time strictly after `after` (UTC). Raises: ValueError for an expression that is neither rate nor cron (no L, W, #)."""
    if match := _RATE.fullmatch(expression.strip()):
        return after + timedelta(**{match[2] + "s": int(match[1])})
    match = _CRON.fullmatch(expression.strip())
    if match is None:
        raise ValueError(f"not a schedule expression: {expression!r}")
    minutes, hours = _values(match[1], 0, 59), _values(match[2], 0, 23)
    days, months = _values(match[3], 1, 31), _values(match[4], 1, 12, _MONTHS)
    weekdays, years = _values(match[5], 1, 7, _DAYS), _values(match[6], 1970, 2199)
    time = after.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    while time.year <= max(years):
        weekday = time.isoweekday() % 7 + 1
        if time.year not in years or time.month not in months or time.day not in days or weekday not in weekdays:
            time = time.replace(hour=0, minute=0) + timedelta(days=1)
        elif time.hour not in hours:
            time = time.replace(minute=0) + timedelta(hours=1)
        elif time.minute not in minutes:
            time += timedelta(minutes=1)
        else:
            return time
    raise ValueError(f"{expression!r} never comes again")
