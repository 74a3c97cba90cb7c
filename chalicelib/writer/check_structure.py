"""Checks of an article's form: markup, headings, sections, length, numbered lists, questions."""

import re
from collections.abc import Iterator
from itertools import pairwise

from chalicelib.writer.article_reading import Block
from chalicelib.writer.draft import Draft
from chalicelib.writer.findings import Finding
from chalicelib.writer.html import WORD

_SHORT, _TOO_SHORT, _LONG = 0.8, 0.5, 1.5  # shares of the brief's words
_LEAST_WORDS = 100  # without a brief
_SLACK = 60  # words that are never too few or too many
_WALL_WORDS, _SECTION_WORDS, _TITLE_LIKE_CHARS = 150, 450, 90
_FAQ = re.compile(
    r"\bfaqs?\b|frequently asked|common questions|your questions|questions? (?:and|&) answers|häufig|fragen|questions fréquentes|foire aux"
    r"|preguntas|domande|perguntas|veelgestelde|vanliga frågor|spørgsmål|pytania|sorular",
    re.IGNORECASE,
)
_ASKS = ("?", "\u061f", "\uff1f")
_NUMBERED = re.compile(
    r"(?:#|no\.? ?|step |tip |schritt |tipp |étape |paso |passo |stap )?(\d{1,2})(?:[.):]| -| \u2013| \u2014)\s", re.IGNORECASE
)
# "7 Ways to ...", "The 10 Best ...", not "5 Minute Recipes"
_PROMISED = re.compile(
    r"(?:the |top |die |les |los |las |os |as |de |i )*(?:best )?(\d{1,2}) (?!(?:steps? |minute|hour|day|week|month|year|percent))"
    r"(?=[^\W\d_])",
    re.IGNORECASE,
)


def unsafe_html(draft: Draft) -> Iterator[Finding]:
    reading = draft.reading
    if reading.unsafe:
        yield Finding("unsafe_html", "blocker", f"Active content: {', '.join(sorted(set(reading.unsafe))[:5])}.")
    if reading.hidden:
        yield Finding("hidden_text", "blocker", f"{reading.hidden} elements are hidden from readers; search engines punish that.")
    if reading.foreign:
        yield Finding("foreign_markup", "warning", f"Elements an article does not need: {', '.join(reading.foreign)}.")
    if reading.styled:
        yield Finding("inline_style", "info", f"{reading.styled} elements carry their own style; the theme's is lost.")
    if reading.page:
        yield Finding("page_markup", "warning", f"A body must not contain a page's {', '.join(reading.page)}.")
    if reading.unbalanced:
        yield Finding("unbalanced_markup", "warning", f"Opened and closed a different number of times: {', '.join(reading.unbalanced)}.")


def length(draft: Draft) -> Iterator[Finding]:
    words, wanted = draft.reading.words, draft.word_count
    if words < (wanted * _TOO_SHORT if wanted else _LEAST_WORDS):
        yield Finding("too_short", "blocker", f"{words} words; " + (f"{wanted} were asked for." if wanted else f"at least {_LEAST_WORDS}."))
    elif wanted and words < wanted * _SHORT:
        yield Finding("short", "warning", f"{words} words; {wanted} were asked for.")
    elif wanted and words > wanted * _LONG + 100:
        yield Finding("too_long", "warning", f"{words} words; {wanted} were asked for.")
    elif wanted and not min(wanted * 0.9, wanted - _SLACK) <= words <= max(wanted * 1.2, wanted + _SLACK):
        yield Finding("off_length", "info", f"{words} words; {wanted} were asked for, 90 to 120 % of them are meant by that.")


def headings(draft: Draft) -> Iterator[Finding]:
    reading = draft.reading
    found = reading.headings
    if any(one.level == 1 for one in found):
        yield Finding("h1_in_body", "warning", "The body contains an h1; the page's title is one already.")
    second = sum(1 for one in found if one.level == 2 and one.text)
    if reading.words >= 250 and second == 0:
        yield Finding("missing_h2", "warning", "The text is not divided: it has no h2.")
    elif reading.words >= 500 and second == 1:
        yield Finding("few_h2", "warning", "The text is hardly divided: it has one h2.")
    levels = [1, *(one.level for one in found)]
    if any(after - before > 1 for before, after in pairwise(levels)):
        yield Finding("heading_order", "warning", "A heading skips a level.")
    if any(not one.text for one in found):
        yield Finding("empty_heading", "warning", "A heading is empty.")
    if double := _twice(found):
        yield Finding("duplicate_heading", "warning", f"A heading occurs more than once: {double!r}.")
    if draft.title and draft.title.casefold() in {_bare(one) for one in found}:
        yield Finding("heading_repeats_title", "warning", "A heading repeats the title.")
    if long := [one.text for one in found if len(one.text) > _TITLE_LIKE_CHARS]:
        yield Finding("long_heading", "warning", f"A heading of {len(long[0])} characters is a sentence: {long[0][:60]!r}.")
    shouted = [one.text for one in found if len(one.text) > 12 and one.text.isupper() and " " in one.text]
    if shouted:
        yield Finding("heading_all_caps", "warning", f"A heading is all capitals: {shouted[0][:60]!r}.")


def _bare(heading: Block) -> str:
    return heading.text.casefold().strip(" :.!?")


def _twice(headings: list[Block]) -> str | None:
    """A heading that occurs again under the same parent: each of several products may have its "Pros"."""
    seen: set[tuple[str, ...]] = set()
    above: dict[int, str] = {}
    for one in headings:
        name = _bare(one)
        above = {level: text for level, text in above.items() if level < one.level}
        path = (*above.values(), name)
        if name and path in seen:
            return name
        seen.add(path)
        above[one.level] = name
    return None


def sections(draft: Draft) -> Iterator[Finding]:
    found = draft.reading.sections
    if not any(block.kind in ("p", "li") for block in draft.reading.blocks):
        yield Finding("no_paragraphs", "blocker", "There is no paragraph.")
    if not found[0].blocks and draft.reading.headings:
        yield Finding("no_introduction", "info", "The text starts with a heading; an introduction is missing.")
    for at, one in enumerate(found):
        following = found[at + 1].heading if at + 1 < len(found) else None
        # A heading may stand directly above its own first subheading; above an equal one or at the end it has nothing to say.
        if one.heading and not one.blocks and not (following and following.level > one.heading.level):
            yield Finding("empty_section", "warning", f"Nothing stands under the heading {one.heading.text[:60]!r}.")
            break
    if any(one.words > _SECTION_WORDS for one in found):
        yield Finding("long_section", "warning", f"A section of more than {_SECTION_WORDS} words has no subheading.")
    if any(one.words > _WALL_WORDS for one in draft.reading.paragraphs):
        yield Finding("wall_of_text", "warning", f"A paragraph has more than {_WALL_WORDS} words.")
    tags = draft.reading.tags
    if draft.reading.words >= 800 and not tags["ul"] + tags["ol"] + tags["table"]:
        yield Finding("no_list", "info", "No list or table in a long text.")
    if tags["table"] and tags["td"] == 0:
        yield Finding("empty_table", "warning", "A table has no cells.")


def listicle(draft: Draft) -> Iterator[Finding]:
    """A title that counts ("7 Ways to …") against what there is, and numbered headings against each other."""
    names = [one.text for one in draft.reading.headings]
    numbers = [int(found[1]) for one in names if (found := _NUMBERED.match(one))]
    promised = _PROMISED.match(draft.title)
    wanted = int(promised[1]) if promised else 0
    if len(numbers) >= 3 and numbers not in ([*range(1, len(numbers) + 1)], [*range(len(numbers), 0, -1)]):
        yield Finding("heading_numbers", "warning", f"The headings are numbered {', '.join(map(str, numbers[:12]))}.")
    if 3 <= wanted <= 60:
        tags = draft.reading.tags
        there = len(numbers) if len(numbers) >= 3 else max(tags["h2"], tags["h3"], tags["li"], tags["tr"])
        if (len(numbers) >= 3 and there != wanted) or there < wanted:
            yield Finding("list_count", "warning", f"The title promises {wanted}; there are {there}.")


def questions(draft: Draft) -> Iterator[Finding]:
    """The part that answers readers' questions."""
    reading = draft.reading
    names = [one.text for one in reading.headings]
    at = next((n for n, one in enumerate(reading.sections) if one.heading and _FAQ.search(one.heading.text)), None)
    if at is None:
        if reading.words >= 600 and sum(one.endswith(_ASKS) for one in names) < 3:
            yield Finding("missing_faq", "info", "No section answers the readers' questions.")
    else:
        level = reading.sections[at].heading.level  # type: ignore[union-attr]
        below = reading.sections[at : at + 1]
        for one in reading.sections[at + 1 :]:
            if one.heading is None or one.heading.level <= level:
                break
            below.append(one)
        texts = [block.text for one in below for block in ([one.heading] if one.heading else []) + one.blocks]
        if not any(mark in text for text in texts for mark in _ASKS):
            yield Finding("faq_without_questions", "warning", "The section of questions asks none.")
    said = " ".join(WORD.findall(reading.text.casefold()))
    missing = [one for one in draft.faq if " ".join(WORD.findall(one.casefold())) not in said]
    if missing:
        yield Finding("faq_not_in_text", "warning", f"A question of the FAQ is not in the text: {missing[0][:60]!r}.")


RULES = (unsafe_html, length, headings, sections, listicle, questions)
