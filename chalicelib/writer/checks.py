"""What is wrong with an article, without asking a model: more than a hundred findings, a score of 0-100, and what must not be published."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from chalicelib.writer import check_leftovers, check_links, check_prose, check_search, check_structure
from chalicelib.writer.article_reading import Reading
from chalicelib.writer.draft import Draft, ImageFact
from chalicelib.writer.findings import ArticleCheck, Finding, Severity, judged
from chalicelib.writer.languages import language_code

__all__ = ["ArticleCheck", "Finding", "ImageFact", "Severity", "check_article"]

_Rule = Callable[[Draft], Iterator[Finding]]
_RULES: tuple[_Rule, ...] = (
    *check_structure.RULES,
    *check_links.RULES,
    *check_leftovers.RULES,
    *check_prose.RULES,
    *check_search.RULES,
)


def check_article(
    html: str,
    *,
    title: str,
    primary_keyword: str,
    keywords: Sequence[str],
    word_count: int | None,
    meta_title: str,
    meta_description: str,
    images: Iterable[ImageFact] = (),
    language: str = "en",
    others: Iterable[Sequence[int]] = (),
    faq: Iterable[str] = (),
    year: int | None = None,
) -> ArticleCheck:
    """Check one article.

    html: the body before or after cleaning; unsafe markup is only seen before. keywords: all it should deal with; primary_keyword:
    empty when it has none. word_count: of its brief, None when there is no brief. images: its image records. language: a code or a
    name. others: `readability.sketch` of the site's other articles. faq: the questions that are given to search engines as the article's.
    year: the present one, for titles that say an earlier one.
    """
    reading = Reading(html)
    draft = Draft(
        reading=reading,
        title=title.strip(),
        primary_keyword=primary_keyword.strip(),
        keywords=tuple(dict.fromkeys(one.strip() for one in keywords if one.strip())),
        word_count=word_count or 0,
        meta_title=meta_title.strip(),
        meta_description=meta_description.strip(),
        images=tuple(images),
        language=language_code(language),
        others=tuple(others),
        faq=tuple(faq),
        year=year,
    )
    if not reading.words and not reading.pictures:
        return judged([Finding("empty_article", "blocker", "The article has no text."), *check_structure.unsafe_html(draft)])
    return judged(chain.from_iterable(rule(draft) for rule in _RULES))
