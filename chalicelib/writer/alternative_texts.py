"""Alternative texts of images: short enough to be read out, and no two of a content alike."""

from collections.abc import Iterable

LONGEST = 125  # characters; screen readers cut or split what is longer


def alternative_text(wanted: str, taken: Iterable[str]) -> str:
    """`wanted` in one line of at most LONGEST characters, with a number where another image has the same. taken: the others' texts."""
    others = {" ".join(one.casefold().split()) for one in taken}
    text, number = _cut(" ".join(wanted.split()), LONGEST), 1
    shown = text
    while shown.casefold() in others:
        number += 1
        ending = f" ({number})"
        shown = _cut(text, LONGEST - len(ending)) + ending
    return shown


def _cut(text: str, longest: int) -> str:
    """The text, or as many of its whole words as fit."""
    if len(text) <= longest:
        return text
    head, _, _ = text[: longest + 1].rpartition(" ")
    return (head or text[:longest]).rstrip(" ,;:-\u2013\u2014")
