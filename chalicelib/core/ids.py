"""Ids and times: sortable random ids, short tenant ids, fixed-width UTC stamps and the creation order used by indexes."""

import hashlib
import itertools
import secrets
from datetime import UTC, datetime, timedelta

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base32, lower case: no i, l, o, u
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_counter = itertools.count(secrets.randbelow(1 << 16))


def random_id(length: int) -> str:
    """`length` random characters, 5 bits each."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _base32(number: int, length: int) -> str:
    return "".join(ALPHABET[(number >> (5 * i)) & 31] for i in reversed(range(length)))


def ulid(now: datetime) -> str:
    """26 characters: 48 bits of milliseconds, 80 random bits. Source: the ULID specification, lower-cased."""
    return _base32(milliseconds(now), 10) + _base32(secrets.randbits(80), 16)


def ulid_for(now: datetime, what: str) -> str:
    """The same, but for one moment and thing always one id, so that making it twice is noticed."""
    return _base32(milliseconds(now), 10) + _base32(int.from_bytes(hashlib.sha256(what.encode()).digest()[:10]), 16)


def milliseconds(moment: datetime) -> int:
    """Whole milliseconds since the epoch, exactly (a float of seconds is off by one now and then)."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def stamp(moment: datetime) -> str:
    """UTC ISO-8601 with milliseconds and `Z`: fixed width, so that text order is time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def parse_stamp(text: str) -> datetime:
    return datetime.fromisoformat(text)


def creation_order(created_at: str) -> str:
    """Index value that orders by creation: 11 hex digits of milliseconds, then a process-wide counter for what is made in one
    millisecond (an imported file keeps its row order)."""
    return f"{milliseconds(parse_stamp(created_at)):011x}{next(_counter) % (1 << 20):05x}"


def new_tenant_id() -> str:
    return random_id(8)


def new_user_id() -> str:
    return random_id(10)


SITE_ID_LENGTH = 6


def new_site_id() -> str:
    return random_id(SITE_ID_LENGTH)


def site_of(owner_id: str) -> str:
    """The site id that a site's or sector's id begins with, so that any object id tells its site without a look-up."""
    return owner_id[:SITE_ID_LENGTH]


def moment_of(public_id: str) -> datetime:
    """When a ULID was made, to the millisecond. Raises: ValueError for text that is none."""
    if len(public_id) != 26 or public_id[0] > "7" or any(c not in ALPHABET for c in public_id):
        raise ValueError(f"not a ULID: {public_id!r}")
    number = 0
    for character in public_id[:10]:
        number = number << 5 | ALPHABET.index(character)
    return _EPOCH + timedelta(milliseconds=number)
