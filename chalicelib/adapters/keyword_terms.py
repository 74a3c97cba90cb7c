"""What a keyword is about, without a model: its words minus function words and intent modifiers, and a cluster's name made of them."""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+(?:['\u2019&+.-][^\W_]+)*")
_YEAR = re.compile(r"(?:19|20)\d\d")


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTION_WORDS = _set(
    """a an the and or of in on at to for from with without by as is are was be do does did can could should would will how what when
    where which who why my your i you it its if this that these those there not no than then into up out about after before during
    per vs versus & much many long often get got have has need worth really actually one"""
)
# They say what the searcher wants to do (compare, buy, learn), which is the search intent, not the subject.
INTENT_MODIFIERS = _set(
    """best top cheap cheapest good better review reviews compare compared comparison free online near buy price prices pricing cost
    costs guide tips tutorial ideas example examples template list chart checklist beginners beginner amazon uk usa alternatives
    meaning explained definition"""
)
_SMALL = _set("a an the and or of in on at to for from with without by vs as")
_LENGTH_COUNTS = 0.7  # a phrase two thirds of the keywords share is a better name than the one word of it that all share
_LONGEST_NAME = 6  # words of a keyword that has to serve as a name


def words(keyword: str) -> list[str]:
    return _WORD.findall(keyword.lower())


def core_words(keyword: str) -> list[str]:
    """The subject's words, in order; all that is left if a keyword consists of nothing else (`how to compare prices` -> prices)."""
    every = words(keyword)
    meaning = [word for word in every if word not in FUNCTION_WORDS]
    subject = [word for word in meaning if word not in INTENT_MODIFIERS and not _YEAR.fullmatch(word)]
    return subject or meaning or every


@lru_cache(16_384)
def stem(word: str) -> str:
    """The English stem of a word in lower case."""
    import snowballstemmer

    stemmed: str = snowballstemmer.stemmer("english").stemWord(word)
    return stemmed


def cluster_name(keywords: Sequence[str], others: Iterable[str] = (), taken: Collection[str] = ()) -> str:
    """A name for a cluster: the phrase most of its keywords share and the other clusters' keywords do not.

    keywords: 1 or more, the most important first. others: keywords of the other clusters. taken: names in use, compared without
    case. Deterministic; falls back to the first keyword's subject when nothing is shared. Raises: ValueError without keywords.
    """
    if not keywords:
        raise ValueError("a cluster without keywords has no name")
    used = {name.casefold() for name in taken}
    inside: Counter[tuple[str, ...]] = Counter()
    spelled: dict[tuple[str, ...], Counter[str]] = {}
    for keyword in keywords:
        for stems, spelling in _phrases(keyword).items():
            inside[stems] += 1
            spelled.setdefault(stems, Counter())[spelling] += 1
    outside: Counter[tuple[str, ...]] = Counter()
    for keyword in others:
        outside.update(_phrases(keyword).keys())

    def score(stems: tuple[str, ...]) -> float:
        share = inside[stems] / len(keywords)
        special = inside[stems] / (inside[stems] + outside[stems])
        return share * special * math.pow(len(stems), _LENGTH_COUNTS)

    shared = [stems for stems in inside if inside[stems] >= min(2, len(keywords))]
    ranked = sorted(shared, key=lambda stems: (-score(stems), -len(stems), stems))
    names = [_title(min(spelled[stems].items(), key=lambda item: (-item[1], item[0]))[0]) for stems in ranked]
    names += [_title(_subject_span(keyword) or keyword) for keyword in keywords]
    for name in names:
        if name.casefold() not in used:
            return name
    number = 2
    while f"{names[0]} {number}".casefold() in used:
        number += 1
    return f"{names[0]} {number}"


def _subject_span(keyword: str) -> str:
    """The keyword from its first to its last subject word (`how to set up dkim` -> set up dkim)."""
    every, subject = words(keyword), set(core_words(keyword))
    places = [at for at, word in enumerate(every) if word in subject][:_LONGEST_NAME]
    return " ".join(every[places[0] : places[-1] + 1]) if places else ""


def _phrases(keyword: str) -> dict[tuple[str, ...], str]:
    """Stems of 1 to 3 neighbouring words that begin and end with a subject word -> how they are spelled there."""
    every = words(keyword)
    subject = set(core_words(keyword))
    found: dict[tuple[str, ...], str] = {}
    for start in range(len(every)):
        for end in range(start + 1, min(start + 3, len(every)) + 1):
            part = every[start:end]
            if part[0] in subject and part[-1] in subject and not INTENT_MODIFIERS.intersection(part[1:-1]):
                found.setdefault(tuple(stem(word) for word in part), " ".join(part))
    return found


def _title(phrase: str) -> str:
    parts = phrase.split()
    return " ".join(word if at and word in _SMALL else word[:1].upper() + word[1:] for at, word in enumerate(parts))
