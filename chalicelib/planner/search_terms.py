"""What a search asks for, read from its words alone: two searches in other words, another order or another form can be one search."""

import re
from functools import lru_cache

from chalicelib.writer.html import WORD
from chalicelib.writer.languages import FUNCTION_WORDS, language_code, stem

Terms = frozenset[str]


def _words(text: str) -> Terms:
    return frozenset(text.split())


# English words that change nothing about what is searched. Question words that do are not among them: when, where, why, how long.
_EMPTY = _words(
    """a an the and or of in on at to for from with by as is are was be do does did can could should would will i you we it its my your
    our this that these those there what which who how into about get got have has just than then if"""
)
# English words that searchers use for each other; the first stands for all.
_ALIKE = (
    "best top greatest",
    "cheap cheapest affordable inexpensive",
    "cost costs price prices pricing",
    "vs versus compare compared comparison",
    "remove rid",
    "fix repair",
    "buy purchase",
    "alternative alternatives",
)
# English words about the form of an article, not about what it answers: for a likeness they do not count.
_FRAME = _words(
    """guide guides tips tip step steps explained explain meaning definition tutorial introduction basics picks choices complete
    ultimate"""
)
_HOW_MUCH = re.compile(r"\bhow much (?=(?:is|are|does|do|will|should)\b)", re.IGNORECASE)
_YEAR = re.compile(r"(?:19|20)\d\d")
LIKE = 0.6  # measured: tests/ai/test_cannibalisation.py


@lru_cache(1)
def _synonyms() -> dict[str, str]:
    return {stem(word, "en"): stem(group.split()[0], "en") for group in _ALIKE for word in group.split()}


@lru_cache(1)
def _frame() -> Terms:
    return frozenset(stem(word, "en") for word in _FRAME)


@lru_cache(16_384)
def terms(text: str, language: str = "en") -> Terms:
    """The stems of what is searched, without order, function words and years; synonyms of English are one. Empty for no words."""
    code = language_code(language)
    if code != "en":
        every = [word for word in WORD.findall(text.casefold()) if not _YEAR.fullmatch(word)]
        kept = [word for word in every if word not in FUNCTION_WORDS.get(code, frozenset())]
        return frozenset(stem(word, code) for word in kept or every)
    every = [word for word in WORD.findall(_HOW_MUCH.sub("cost ", text.casefold())) if not _YEAR.fullmatch(word)]
    kept = [word for word in every if word not in _EMPTY]
    stems = [stem(word, code) for word in kept or every]
    return frozenset(_synonyms().get(one, one) for one in stems)


def likeness(one: Terms, other: Terms) -> float:
    """The share of their terms that both have, 0 to 1; words about an article's form do not count where there are others."""
    a, b = one - _frame() or one, other - _frame() or other
    return len(a & b) / len(a | b) if a and b else 0.0


def contradict(one: Terms, other: Terms) -> bool:
    """Both name numbers, and other ones: under 500 is not under 1000, whatever else is alike."""
    a, b = ({term for term in side if any(c.isdigit() for c in term)} for side in (one, other))
    return bool(a and b) and a != b
