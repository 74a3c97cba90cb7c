"""How a text reads: sentences, syllables, Flesch; and how alike two texts are, by shingles."""

import hashlib
import heapq
import re
from collections.abc import Collection, Sequence

from chalicelib.writer.html import WORD, plain_text
from chalicelib.writer.languages import stems

_SENTENCE = re.compile(r"(?<=[.!?\u2026\u3002\uff01\uff1f\u0964])[\"'\u201d\u2019)]*\s+|\n+")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|vs|etc|approx|mr|mrs|dr|no|fig|oz|lb|lbs|in|ft|st)\.$", re.IGNORECASE)
SKETCH_SIZE = 128
_SHINGLE = 5  # words


def sentences(text: str) -> list[str]:
    """The sentences of plain text; a line's end ends one too (headings, list items)."""
    found: list[str] = []
    for part in _SENTENCE.split(text):
        piece = part.strip()
        if found and _ABBREVIATION.search(found[-1]) and piece[:1].islower():
            found[-1] += f" {piece}"
        elif piece:
            found.append(piece)
    return found


def syllables(word: str) -> int:
    """Syllables of an English word, estimated: groups of vowels, without a silent ending."""
    letters = re.sub(r"[^a-z]", "", word.lower())
    if len(letters) <= 3:
        return 1
    letters = re.sub(r"(?:[^laeiouy]es|ed|[^laeiouy]e)$", "", letters).removeprefix("y")
    return max(1, len(re.findall(r"[aeiouy]{1,2}", letters)))


def flesch(text: str) -> float:
    """Flesch reading ease of English plain text: about 100 very easy, 60 plain, below 30 for graduates.

    Source: R. Flesch, A new readability yardstick, 1948.
    """
    words = WORD.findall(text)
    if not words:
        return 0.0
    count = max(1, sum(1 for sentence in sentences(text) if WORD.search(sentence)))
    return 206.835 - 1.015 * len(words) / count - 84.6 * sum(map(syllables, words)) / len(words)


def sketch(html: str, code: str = "en") -> tuple[int, ...]:
    """The `SKETCH_SIZE` smallest 48-bit hashes of the text's stemmed 5-word shingles: what to keep of an article so that later ones
    can be compared with it without its body. Empty for a text of fewer than 5 words.

    Source: A. Broder, On the resemblance and containment of documents, 1997 (bottom-k sketch).
    """
    words = stems(plain_text(html), code)
    shingles = {" ".join(words[at : at + _SHINGLE]) for at in range(len(words) - _SHINGLE + 1)}
    hashes = (int.from_bytes(hashlib.blake2b(one.encode(), digest_size=6).digest(), "big") for one in shingles)
    return tuple(heapq.nsmallest(SKETCH_SIZE, hashes))


def similarity(one: Collection[int], two: Sequence[int]) -> float:
    """Estimated Jaccard similarity of two sketches, 0 to 1; above 0.3 is a near-duplicate in practice."""
    a, b = set(one), set(two)
    smallest = heapq.nsmallest(SKETCH_SIZE, a | b)
    return sum(1 for h in smallest if h in a and h in b) / len(smallest) if smallest else 0.0
