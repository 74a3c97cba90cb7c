"""The answers about articles, whole or in parts, and what can be wrong with them.

An article is as long as its brief asks: 90 to 120 % of the words. What misses that is repaired once, with what is missing told; after
the repair 70 to 140 % are stored, with a finding of the content check, and what is beyond fails. In short texts a few words are many
per cent, so that a difference of SLACK words is always allowed, and after the repair LONGER words more.
"""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from chalicelib.ai import prose
from chalicelib.ai.answer_fields import Answer, Chars, Entries, Keyword, doubled, folded, listed, once

LENGTH, TOLERATED = (0.9, 1.2), (0.7, 1.4)  # of the words asked for: wanted, and stored after a repair
SECTION_LENGTH, SECTION_TOLERATED = (0.8, 1.3), (0.5, 1.7)  # of a section's share; the sections that follow make up for it
SLACK, LONGER = 60, 150  # words
INTRODUCTION = "(introduction)"  # what stands in a plan instead of a heading above the first h2
REPEATED_SHARE = 0.25  # of a section's runs of words that an earlier section has too
FAQ_MOST_WORDS = 1.8  # of the words planned for the FAQ, at most


class FaqEntry(Answer):
    question: Annotated[str, Chars(300, "A question as a reader would ask it.", 5)]
    answer: Annotated[str, Chars(1500, "Its answer, plain text.", 10)]


class ArticleFields(Answer):
    """What an article has besides its body."""

    title: Annotated[str, Chars(160, "The article's title.", 5)]
    excerpt: Annotated[str, Chars(500, "One or two sentences for lists of articles.", 20)]
    meta_title: Annotated[str, Chars(90, "Best under 60 characters.", 5)]
    meta_description: Annotated[str, Chars(240, "Best 120 to 155 characters.", 20)]
    primary_keyword: Keyword
    secondary_keywords: Annotated[list[Keyword], Entries(0, 60)]
    tags: Annotated[list[Annotated[str, Chars(80, "A tag.")]], Entries(0, 20)]
    categories: Annotated[list[Annotated[str, Chars(80, "A category.")]], Entries(0, 5)]
    faq: Annotated[list[FaqEntry], Entries(1, 15)]


class ArticleDraft(ArticleFields):
    """Answer of `generate_content`. html: the body without h1; its last h2 section is the FAQ that `faq` lists too."""

    html: Annotated[str, Chars(150_000, "The body: h2, h3, p, ul, ol, table; no h1.", 50)]


class PlannedSection(Answer):
    heading: Annotated[str, Chars(200, "Heading of an h2 section, without markup.", 2)]
    points: Annotated[list[Annotated[str, Chars(400, "What the section says.")]], Entries(1, 12)]
    words: Annotated[int, Field(description="How many words the section gets.")]
    keywords: Annotated[list[Keyword], Entries(0, 60)]


class ArticleOutline(Answer):
    """Answer to the first question of a long article: its h2 sections in order, without introduction and FAQ."""

    sections: Annotated[list[PlannedSection], Entries(2, 60)]


class ArticleSection(Answer):
    """One section of an article. html: what stands under its heading; summary: for those who write the other sections."""

    html: Annotated[str, Chars(100_000, "What stands under the heading: p, h3, ul, ol, table; no h1, no h2.", 20)]
    summary: Annotated[str, Chars(800, "One or two sentences: what the section says.", 10)]


class ArticleRest(ArticleFields):
    """Answer to the last question of a long article: all but its sections. faq_heading: of the section that shows the FAQ."""

    faq_heading: Annotated[str, Chars(120, "Heading of the FAQ section, in the article's language.", 2)]


class FaqSection(Answer):
    """Answer when an article's FAQ alone is written anew."""

    faq: Annotated[list[FaqEntry], Entries(1, 15)]


def problems(answer: BaseModel, facts: dict[str, Any], *, tolerant: bool) -> tuple[list[str], str]:
    """What is wrong with an answer about an article, and the text that shows its language. tolerant: after the repair."""
    if isinstance(answer, ArticleDraft):
        return article_problems(answer, facts, tolerant=tolerant), prose.visible_text(answer.html)
    if isinstance(answer, ArticleOutline):
        said = " ".join(f"{s.heading}. {' '.join(s.points)}" for s in answer.sections)
        return outline_problems(answer, facts, tolerant=tolerant), said
    if isinstance(answer, ArticleSection):
        return section_problems(answer, facts, tolerant=tolerant), prose.visible_text(answer.html)
    if isinstance(answer, ArticleRest):
        return rest_problems(answer, facts, tolerant=tolerant), f"{answer.excerpt} {_faq_text(answer.faq)}"
    if isinstance(answer, FaqSection):
        return faq_problems(answer.faq, facts), _faq_text(answer.faq)
    raise TypeError(f"no checks for {type(answer).__name__}")


def article_problems(answer: ArticleDraft, facts: dict[str, Any], *, tolerant: bool = False) -> list[str]:
    """Safe and complete HTML of about the length asked, about the keywords asked, with no address of its own invention."""
    text = prose.visible_text(answer.html)
    found = prose.html_problems(answer.html)
    found += length_problems(answer.html, int(facts["word_count"]), *(TOLERATED if tolerant else LENGTH))
    found += _field_problems(answer, facts)
    found += listed("Keywords the body does not cover", [k for k in once(_given(facts)) if not prose.covers(text, k)])
    found += listed("Links that were not given", prose.foreign_links(answer.html, _addresses(facts)))
    return found + listed("FAQ questions missing from the body", [e.question for e in answer.faq if not prose.contains(text, e.question)])


def outline_problems(answer: ArticleOutline, facts: dict[str, Any], *, tolerant: bool = False) -> list[str]:
    """About as many sections as asked for, headings that differ, the given headings kept, and every keyword with a section of its own."""
    headings = [s.heading for s in answer.sections]
    own = [h for h in headings if not prose.is_faq_heading(h)]
    found = listed("Headings used twice", doubled(headings))
    found += listed("Headings that repeat the title", [h for h in headings if folded(h) == folded(facts["title"])])
    found += listed("Headings with markup", [h for h in headings if prose.has_markup(h) and not any(k in h for k in _given(facts))])
    if not tolerant:
        least, most = int(facts["sections_least"]), int(facts["sections_most"])
        if not least <= len(own) <= most:
            found.append(f"The outline has {len(own)} sections besides the FAQ; {least} to {most} were asked for.")
        wanted = [s["heading"] for s in facts["outline"] if not prose.is_faq_heading(s["heading"])]
        found += listed("Headings of the given outline that are missing", [h for h in wanted if folded(h) not in set(map(folded, own))])
    used = [k for s in answer.sections for k in s.keywords]
    known = {folded(k) for k in _given(facts)}
    found += listed("Keywords that were not given", once(k for k in used if folded(k) not in known))
    reached = {folded(k) for k in used}
    return found + listed("Keywords without a section", [k for k in once(_given(facts)) if folded(k) not in reached])


def section_problems(answer: ArticleSection, facts: dict[str, Any], *, tolerant: bool = False) -> list[str]:
    """The body of this section alone, of about its length, about its keywords, and nothing that an earlier section says already."""
    html = prose.without_heading(answer.html, facts["section_heading"])
    text = prose.visible_text(html)
    found = prose.html_problems(html, part=True)
    found += length_problems(html, int(facts["section_words"]), *(SECTION_TOLERATED if tolerant else SECTION_LENGTH))
    found += listed("Links that were not given", prose.foreign_links(html, _addresses(facts)))
    if not tolerant:  # the FAQ covers what is left over
        read = f"{facts['section_heading']}\n{text}"
        found += listed("Keywords the section does not cover", [k for k in facts["section_keywords"] if not prose.covers(read, k)])
    said = prose.repeated(text, facts["written_text"])
    found += listed("Sentences that an earlier section has already", said)
    if not said and prose.shared_share(text, facts["written_text"]) > REPEATED_SHARE:
        found.append("Much of this section repeats earlier ones word for word; say what only this section has to say.")
    return found


def rest_problems(answer: ArticleRest, facts: dict[str, Any], *, tolerant: bool = False) -> list[str]:
    """Fields about the keywords asked, and an FAQ that covers what the sections have not."""
    found = _field_problems(answer, facts) + faq_problems(answer.faq, facts)
    said = _faq_text(answer.faq)
    found += listed("Keywords that neither the sections nor the FAQ cover", [k for k in facts["uncovered"] if not prose.covers(said, k)])
    most = max(FAQ_MOST_WORDS * int(facts["faq_words"]), int(facts["faq_words"]) + SLACK)
    if not tolerant and (words := prose.word_count(said)) > most:
        found.append(f"The FAQ has {words} words; about {facts['faq_words']} were asked for. Shorten its answers.")
    return found


def faq_problems(faq: list[FaqEntry], facts: dict[str, Any]) -> list[str]:
    """Questions that differ, in plain text."""
    found = listed("FAQ questions asked twice", doubled([e.question for e in faq]))
    given = _given(facts)
    marked = [t for e in faq for t in (e.question, e.answer) if prose.has_markup(t) and not any(k in t for k in given)]
    return found + listed("FAQ texts with markup", marked)


def length_problems(html: str, asked: int, least: float, most: float) -> list[str]:
    """Nothing, or by how many words the body misses what was asked for, and in which of its sections that is to be mended."""
    words = prose.word_count(prose.visible_text(html))
    low, high = min(least * asked, asked - SLACK), max(most * asked, asked + (LONGER if most == TOLERATED[1] else SLACK))
    if low <= words <= high:
        return []
    short = words < low
    found = f"The text has {words} words; about {asked} were asked for ({max(1, round(low))} to {round(high)}). "
    found += f"{'Add' if short else 'Take out'} about {abs(asked - words)} words"
    parts = sorted(prose.section_lengths(html), key=lambda part: part[1], reverse=not short)[:3]
    if len(parts) > 1:
        where = ", ".join(f'"{heading[:60]}" ({length})' for heading, length in parts)
        found += f", first of all in its {'shortest' if short else 'longest'} sections: {where}"
    return [f"{found}. Keep everything else as it is."]


def _field_problems(answer: ArticleFields, facts: dict[str, Any]) -> list[str]:
    found, given = [], _given(facts)
    if folded(answer.primary_keyword) != folded(facts["primary_keyword"]):
        found.append(f'primary_keyword must be "{facts["primary_keyword"]}".')
    known = {folded(k) for k in [*given, *(k["keyword"] for k in facts.get("cluster_keywords", ()))]}
    found += listed("Secondary keywords that were not given", [k for k in answer.secondary_keywords if folded(k) not in known])
    found += listed("FAQ questions asked twice", doubled([e.question for e in answer.faq])) if isinstance(answer, ArticleDraft) else []
    for name in ("title", "meta_title", "meta_description", "excerpt"):
        value = getattr(answer, name)
        if prose.has_markup(value) and not any(k in value for k in given):
            found.append(f"{name} must be plain text without HTML.")
    return found


def _given(facts: dict[str, Any]) -> list[str]:
    return [facts["primary_keyword"], *facts["keywords"]]


def _addresses(facts: dict[str, Any]) -> list[str]:
    return [link["url"] for link in facts.get("links", ())]


def _faq_text(faq: list[FaqEntry]) -> str:
    return " ".join(f"{e.question} {e.answer}" for e in faq)
