"""What a keyword is about, without a model: its words minus function words and intent modifiers."""

import re
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


def core_words(keyword: str) -> list[str]:
    """The subject's words, in order; all that is left if a keyword consists of nothing else (`how to compare prices` -> prices)."""
    every = _WORD.findall(keyword.lower())
    meaning = [word for word in every if word not in FUNCTION_WORDS]
    subject = [word for word in meaning if word not in INTENT_MODIFIERS and not _YEAR.fullmatch(word)]
    return subject or meaning or every


@lru_cache(16_384)
def stem(word: str) -> str:
    """The English stem of a word in lower case."""
    import snowballstemmer

    stemmed: str = snowballstemmer.stemmer("english").stemWord(word)
    return stemmed
