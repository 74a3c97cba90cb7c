"""Cursors: a place in a list as opaque text that cannot be forged and fits one tenant and one query only."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from chalicelib.core.errors import ValidationFailed

_SIGNATURE_BYTES = 16
LOOK_AGAIN_SECONDS = 60.0


class Cursors:
    """key: the deployment's signing secret, or what fetches the secrets that hold: the one that signs, then such as were rotated away and
    still read. They are fetched with the first cursor, since most functions need none, and again, but not more often than once a minute,
    for a cursor that none of them has signed: another process may know a newer one."""

    def __init__(self, key: bytes | Callable[[], Sequence[bytes]], now: Callable[[], float] = time.monotonic) -> None:
        self._fetch = None if isinstance(key, bytes) else key
        self._known: Sequence[bytes] = [key] if isinstance(key, bytes) else ()
        self._now, self._fetched = now, 0.0

    def _keys(self) -> Sequence[bytes]:
        return self._known or self._fresh()

    def _fresh(self) -> Sequence[bytes]:
        if self._fetch is not None:
            self._known, self._fetched = self._fetch(), self._now()
        return self._known

    def _signed(self, signature: bytes, data: bytes) -> bool:
        def by_one(keys: Sequence[bytes]) -> bool:
            return any([hmac.compare_digest(signature, _sign(key, data)) for key in keys])

        if by_one(self._keys()):
            return True
        return self._fetch is not None and self._now() - self._fetched >= LOOK_AGAIN_SECONDS and by_one(self._fresh())

    def encode(self, place: dict[str, Any], bound_to: str) -> str:
        data = json.dumps({**place, "b": bound_to}, separators=(",", ":"), ensure_ascii=False).encode()
        return base64.urlsafe_b64encode(_sign(self._keys()[0], data) + data).decode().rstrip("=")

    def decode(self, text: str, bound_to: str) -> dict[str, Any]:
        """Raises: ValidationFailed for a forged, damaged or foreign cursor, always in the same words."""
        bad = ValidationFailed.field("cursor", "is not a cursor of this list.")
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except ValueError:
            raise bad from None
        signature, data = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not self._signed(signature, data):
            raise bad
        place: dict[str, Any] = json.loads(data)
        if place.pop("b", None) != bound_to:
            raise bad
        return place


def _sign(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()[:_SIGNATURE_BYTES]


def binding(*parts: Any) -> str:
    """A short hash of the tenant and the query."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]
