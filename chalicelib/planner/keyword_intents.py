"""Search intents as keyword tools write them: words, number codes, letters, or one true/false column each."""

import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, get_args

from chalicelib.planner.keyword_file_names import INTENT_WORDS

Intent = Literal["informational", "commercial", "transactional", "navigational"]
INTENTS: tuple[str, ...] = get_args(Intent)
# One keyword stores one intent; the one closest to a purchase decides. Our policy.
PRIMARY_ORDER = ("transactional", "commercial", "informational", "navigational")

_CODES = {"0": "commercial", "1": "informational", "2": "navigational", "3": "transactional"}  # Source: Semrush API documentation
_LETTERS = {"i": "informational", "c": "commercial", "t": "transactional", "n": "navigational"}
_WORDS = {word: intent for intent, words in INTENT_WORDS.items() for word in words}
_FLAGS = {"branded": ("branded", True), "non-branded": ("branded", False), "local": ("local", True), "non-local": ("local", False)}
_NOTHING = frozenset(("", "-", "\u2013", "\u2014", "n/a", "na", "none", "null", "unknown", "nan"))
_SPLIT = re.compile(r"[,;|/&+\n\u3001\uff0c\uff1b]| and | und | et | y ")
_TRUE = frozenset(("true", "1", "yes", "y", "x", "✓", "✔", "wahr", "vrai", "verdadero", "vero", "ja", "oui", "sí", "si"))


class IntentCell(NamedTuple):
    """intents: of INTENTS, words in the order of the cell, codes in the order of the codes. branded, local: None when not said.
    other: parts that name no intent."""

    intents: tuple[str, ...] = ()
    branded: bool | None = None
    local: bool | None = None
    other: tuple[str, ...] = ()


def read_intents(cell: str) -> IntentCell:
    """Read a cell such as `Commercial, Informational`, `1,0`, `I, T` or `Informational,Non-branded,Non-local`."""
    text = cell.strip().strip("[](){}").casefold()
    if text in _NOTHING:
        return IntentCell()
    parts = [part.strip().strip("'\"").replace("_", "-").removesuffix(" intent") for part in _SPLIT.split(text)]
    parts = [part.removesuffix(".0") for part in parts if part]
    if all(part in _CODES for part in parts):
        return IntentCell(tuple(_CODES[code] for code in sorted(set(parts))))
    if len(parts) == 1 and " " in parts[0] and all(word in _LETTERS or word in _CODES or word in INTENTS for word in parts[0].split()):
        parts = parts[0].split()  # badges copied from a page: `I C`
    intents: dict[str, None] = {}
    flags: dict[str, bool] = {}
    other: dict[str, None] = {}
    for part in parts:
        if found := (_WORDS.get(part) or _LETTERS.get(part) or _CODES.get(part)):
            intents[found] = None
        elif part in _FLAGS:
            flags[_FLAGS[part][0]] = _FLAGS[part][1]
        elif part not in _NOTHING:
            other[part] = None
    return IntentCell(tuple(intents), flags.get("branded"), flags.get("local"), tuple(other))


def is_true(cell: str) -> bool:
    """A true/false cell in any case: `true`, `TRUE`, `1`, `yes`, `x`."""
    return cell.strip().casefold() in _TRUE


def intents_of_flags(cells: Mapping[str, str]) -> tuple[str, ...]:
    """cells: intent -> its true/false cell. Returns the true ones in the order of INTENTS."""
    return tuple(intent for intent in INTENTS if is_true(cells.get(intent, "")))


def primary_intent(intents: Sequence[str]) -> str | None:
    """The one intent to store: transactional before commercial before informational before navigational; None when there is none."""
    return next((intent for intent in PRIMARY_ORDER if intent in intents), None)
