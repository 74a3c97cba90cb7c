"""Cursors: a place in a list as opaque text that cannot be forged and fits one tenant and one query only."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

from chalicelib.core.errors import ValidationFailed

_SIGNATURE_BYTES = 16


class Cursors:
    """key: the deployment's signing secret, or what fetches it; it is fetched with the first cursor, since most functions need none."""

    def __init__(self, key: bytes | Callable[[], bytes]) -> None:
        self._key = key

    def _sign(self, data: bytes) -> bytes:
        if not isinstance(self._key, bytes):
            self._key = self._key()
        return hmac.new(self._key, data, hashlib.sha256).digest()[:_SIGNATURE_BYTES]

    def encode(self, place: dict[str, Any], bound_to: str) -> str:
        data = json.dumps({**place, "b": bound_to}, separators=(",", ":"), ensure_ascii=False).encode()
        return base64.urlsafe_b64encode(self._sign(data) + data).decode().rstrip("=")

    def decode(self, text: str, bound_to: str) -> dict[str, Any]:
        """Raises: ValidationFailed for a forged, damaged or foreign cursor, always in the same words."""
        bad = ValidationFailed.field("cursor", "is not a cursor of this list.")
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except ValueError:
            raise bad from None
        signature, data = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(data)):
            raise bad
        place: dict[str, Any] = json.loads(data)
        if place.pop("b", None) != bound_to:
            raise bad
        return place


def binding(*parts: Any) -> str:
    """A short hash of the tenant and the query."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]
