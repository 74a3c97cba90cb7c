"""Tenants' text as data inside a prompt: it cannot close the tag it stands in, hide from a reader, or be longer than its field may be."""

import re

SHOWN_OPEN, SHOWN_CLOSE = "\u2039", "\u203a"  # what a prompt shows instead of angle brackets
CUT = " […]"  # the end of a text that was longer than its field may be in a prompt
# What reads as `<` or `>`: the full-width and small forms, which Unicode's compatibility normalisation turns into them, and the signs
# that look like them and that no language writes with. Quotation marks of French and Chinese texts stay.
_OPENING = "<\uff1c\ufe64\u02c2\u1438\u276e\u2770\u27e8\u2329\u29fc"
_CLOSING = ">\uff1e\ufe65\u02c3\u1433\u276f\u2771\u27e9\u232a\u29fd"
_SHOWN = str.maketrans({**dict.fromkeys(_OPENING, SHOWN_OPEN), **dict.fromkeys(_CLOSING, SHOWN_CLOSE)})
_MEANT = str.maketrans(
    {**dict.fromkeys(_OPENING + SHOWN_OPEN, "<"), **dict.fromkeys(_CLOSING + SHOWN_CLOSE, ">")},
)
_LINE_ENDS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
# Characters that nobody sees: controls, soft hyphen, zero width, marks of writing direction, tags, most variation selectors, fillers.
_HIDDEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_JOINERS = re.compile("[\u200c\u200d]{2,}")
# Joiners belong to Persian, Hindi and emoji; beside ASCII they only hide.
_STRAY_JOINER = re.compile("(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def plain(text: str, limit: int, *, lines: bool = False) -> str:
    """The text as a prompt shows it: visible characters, no angle brackets, at most `limit` characters (the rest becomes `CUT`).

    lines: keep line breaks; without it the text is one line, so that an entry of a list cannot pretend to be two.
    """
    shown = _visible(text).translate(_SHOWN)
    shown = re.sub(r"\n{3,}", "\n\n", shown).strip() if lines else " ".join(shown.split())
    return shown if len(shown) <= limit else shown[: limit - len(CUT)] + CUT


def unplain(text: str) -> str:
    """What texts are compared by: a model that repeats a fact repeats it as it was shown, so both sides lose what `plain` changes."""
    return _visible(text).translate(_MEANT)


def _visible(text: str) -> str:
    text = _LINE_ENDS.sub("\n", _LONE_SURROGATE.sub("\ufffd", text))
    return _STRAY_JOINER.sub("", _JOINERS.sub(lambda found: found.group()[0], _HIDDEN.sub("", text)))
