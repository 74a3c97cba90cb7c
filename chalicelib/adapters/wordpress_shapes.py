"""The shapes of what WordPress sends: a site (its plugins, its owner) may answer anything, so what is read has its shape from here."""

from typing import Any

ID_MAX = 2**63 - 1
TEXT_CHARACTERS = 4_000  # of a title, an address, a status: far more than WordPress's own columns hold
_TEXTS = frozenset({"slug", "link", "status", "type", "source_url", "alt_text", "name", "modified_gmt", "date_gmt", "source_id"})
_IDS = frozenset({"categories", "tags"})
_NUMBERS = frozenset({"featured_media", "parent"})
_BODIES = frozenset({"title", "content", "excerpt"})


def sound(found: dict[str, Any]) -> dict[str, Any] | None:
    """The object with its id and parts as WordPress documents them, parts of another shape emptied; None for one without an id."""
    number = identity(found.get("id"))
    return {**{name: _part(name, value) for name, value in found.items()}, "id": number} if number else None


def identity(value: Any) -> int:
    """An object's id, 0 for what is none."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= ID_MAX else 0


def whole(value: Any) -> Any:
    """Decoded JSON without halves of characters (`\\ud83d` of a title that was cut within an emoji), which nothing can store."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [whole(v) for v in value]
    return {whole(k): whole(v) for k, v in value.items()} if isinstance(value, dict) else value


def _part(name: str, value: Any) -> Any:
    if name in _TEXTS:
        return value[:TEXT_CHARACTERS] if isinstance(value, str) else ""
    if name in _IDS:
        return [n for n in map(identity, value) if n] if isinstance(value, list) else []
    if name in _NUMBERS:
        return identity(value)
    if name == "meta":
        return value if isinstance(value, dict) else {}
    if name in _BODIES:
        parts = value if isinstance(value, dict) else {"raw": value}
        return {k: v if name == "content" else v[:TEXT_CHARACTERS] for k, v in parts.items() if isinstance(v, str)}
    return value
