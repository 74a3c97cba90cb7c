"""The article under check with everything that is known about it; what every check function takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from chalicelib.writer.article_reading import Reading
from chalicelib.writer.languages import stems, subject_stems


@dataclass(frozen=True)
class ImageFact:
    """An image record of the article. image_type: featured | in_article | desktop | mobile."""

    alt: str
    image_type: str = "in_article"


@dataclass(frozen=True)
class Draft:
    """word_count: the brief's, 0 when there is none. language: a code. others: sketches of the site's other articles. faq: questions.
    year: the present one, None when it does not matter."""

    reading: Reading
    title: str
    primary_keyword: str
    keywords: tuple[str, ...]
    word_count: int
    meta_title: str
    meta_description: str
    images: tuple[ImageFact, ...]
    language: str
    others: tuple[Sequence[int], ...]
    faq: tuple[str, ...] = ()
    year: int | None = None

    @cached_property
    def stems(self) -> list[str]:
        """Of every word of the text, in order."""
        return stems(self.reading.text, self.language)

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        return frozenset(self.stems)

    def deals_with(self, keyword: str, text: str | None = None) -> bool:
        """Whether every subject word of `keyword` occurs, in any order and inflection, in `text` (the whole article for None)."""
        found = self.vocabulary if text is None else frozenset(stems(text, self.language))
        return all(stem in found for stem in subject_stems(keyword, self.language))

    def occurrences(self, keyword: str, text: str | None = None) -> int:
        """How often `keyword` stands in `text` (the whole article for None) word for word, inflected or not."""
        phrase = stems(keyword, self.language)
        if not phrase:
            return 0
        size, all_stems = len(phrase), self.stems if text is None else stems(text, self.language)
        return sum(1 for at, one in enumerate(all_stems) if one == phrase[0] and all_stems[at : at + size] == phrase)
