"""Names of time zones that people may enter."""

from functools import cache
from zoneinfo import ZoneInfo, available_timezones


@cache
def _known() -> frozenset[str]:
    """All names, found once: looking for them walks the whole time zone database."""
    return frozenset(available_timezones())


def zone_name(value: str) -> str:
    """The name as the database has it. Raises: ValueError for what is none."""
    if value not in _known():
        raise ValueError("must be an IANA time zone such as Europe/Berlin")
    return ZoneInfo(value).key
