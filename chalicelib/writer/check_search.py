"""Checks of what a search engine and its users see: title, meta texts, keywords."""

import re
from collections.abc import Iterator

from chalicelib.writer.draft import Draft
from chalicelib.writer.findings import Finding
from chalicelib.writer.html import WORD
from chalicelib.writer.languages import stems

# Characters a result page shows are about 60 of a title and 155 of a description; the limits leave a little room.
_TITLE_CHARS, _META_TITLE_CHARS, _META_DESCRIPTION_CHARS = (12, 75), (20, 65), (70, 165)
_INTRO_WORDS = 120
_DENSITY_ONE_WORD, _DENSITY_PHRASE = 0.06, 0.045  # share of the text's words that are the keyword's
_PREFIX = re.compile(
    r"^(?:(?:seo |page )?title(?: tag)?|headline|meta[- ]?title|meta[- ]?description|description|h1|titel|überschrift|beschreibung"
    r"|titre|título|titolo)\s*:",
    re.IGNORECASE,
)
# An article about the past names its year too; one that wants to be up to date says so.
_LATEST = re.compile(
    r"\b(?:best|top|guide|review|latest|new|trends?|prices?|cost|beste[nr]?|test|vergleich|ratgeber|guía|mejores|meilleure?s?|melhores|migliori|guida"
    r"|gids|update)\b",
    re.IGNORECASE,
)
_LOCAL_SHARE, _LOCAL_TIMES = 0.15, 4  # of one paragraph's words; how often the keyword stands in it


def title(draft: Draft) -> Iterator[Finding]:
    text = draft.title
    least, most = _TITLE_CHARS
    if not text:
        yield Finding("empty_title", "blocker", "The title is empty.")
        return
    if len(text) > most:
        yield Finding("title_too_long", "warning", f"The title has {len(text)} characters; {most} are enough.")
    elif len(text) < least:
        yield Finding("title_too_short", "info", f"The title has {len(text)} characters.")
    letters = [c for c in text if c.isalpha() and c.lower() != c.upper()]
    if len(letters) >= 8 and sum(c.isupper() for c in letters) > 0.8 * len(letters):
        yield Finding("title_all_caps", "warning", "The title is all capitals.")
    if _PREFIX.match(text) or re.search(r"[<>*#`{}]|^[\"\u201c].*[\"\u201d]$", text):
        yield Finding("title_leftover", "warning", "The title carries markup, quotes around it or a label.")
    if text.endswith((",", ":", ";", "-", "\u2026", "...")):
        yield Finding("title_cut", "warning", "The title is cut off.")
    if (
        draft.year
        and (past := [y for y in re.findall(r"\b20\d\d\b", f"{text} {draft.meta_title}") if int(y) < draft.year])
        and (past[0] not in draft.primary_keyword and _LATEST.search(text))
    ):
        yield Finding("stale_year", "warning", f"The title speaks of {past[0]}.")


def meta(draft: Draft) -> Iterator[Finding]:
    for code, name, text, (least, most) in (
        ("meta_title", "meta title", draft.meta_title, _META_TITLE_CHARS),
        ("meta_description", "meta description", draft.meta_description, _META_DESCRIPTION_CHARS),
    ):
        if not text:
            yield Finding(f"{code}_missing", "warning", f"The {name} is missing.")
            continue
        if len(text) > most:
            yield Finding(f"{code}_too_long", "warning", f"The {name} has {len(text)} characters; results show about {most}.")
        elif len(text) < least:
            yield Finding(f"{code}_too_short", "warning", f"The {name} has {len(text)} characters; {least} or more say something.")
        if _PREFIX.match(text) or re.search(r"[<>*#`{}]", text):
            yield Finding(f"{code}_leftover", "warning", f"The {name} carries markup or a label.")
    same = draft.meta_description.casefold()
    if same and same in (draft.title.casefold(), draft.meta_title.casefold()):
        yield Finding("meta_description_repeats_title", "warning", "The meta description only repeats the title.")


def primary_keyword(draft: Draft) -> Iterator[Finding]:
    keyword = draft.primary_keyword
    if not keyword:
        return
    if not draft.deals_with(keyword):
        yield Finding("keyword_missing", "warning", f"The text does not deal with its primary keyword {keyword!r}.")
    else:
        start = " ".join(WORD.findall(" ".join(block.text for block in draft.reading.blocks if not block.level))[:_INTRO_WORDS])
        if not draft.deals_with(keyword, start):
            yield Finding("keyword_not_in_intro", "warning", f"{keyword!r} does not occur in the first {_INTRO_WORDS} words.")
        if draft.reading.headings and not any(draft.deals_with(keyword, one.text) for one in draft.reading.headings):
            yield Finding("keyword_not_in_headings", "info", f"No heading takes up {keyword!r}.")
    if draft.title and not draft.deals_with(keyword, draft.title):
        yield Finding("keyword_not_in_title", "warning", f"{keyword!r} is not in the title.")
    if draft.meta_description and not draft.deals_with(keyword, draft.meta_description):
        yield Finding("keyword_not_in_meta_description", "info", f"{keyword!r} is not in the meta description.")


def stuffing(draft: Draft) -> Iterator[Finding]:
    words = draft.reading.words
    for keyword in dict.fromkeys((draft.primary_keyword, *draft.keywords)):
        size = len(stems(keyword, draft.language))
        if not size:
            continue
        count = draft.occurrences(keyword)
        share = count * size / max(1, words)
        if count >= 5 and share > (_DENSITY_ONE_WORD if size == 1 else _DENSITY_PHRASE):
            yield Finding("keyword_stuffing", "warning", f"{keyword!r} occurs {count} times, {share:.1%} of all words.")
            break
    else:
        if crowded := next((one for one in draft.reading.paragraphs if _crowded(draft, one.text)), None):
            yield Finding("keyword_stuffing", "warning", f"A paragraph repeats {draft.primary_keyword!r}: {crowded.text[:60]!r}.")
    primary, headings = draft.primary_keyword, draft.reading.headings
    in_meta = max(draft.occurrences(primary, draft.title), draft.occurrences(primary, draft.meta_description) - 1)
    if in_meta > 1 and len(stems(primary, draft.language)) > 1:
        yield Finding("stuffed_meta", "warning", f"Title or meta description repeat {primary!r}.")
    if draft.primary_keyword and len(headings) >= 5:
        phrase = " ".join(stems(draft.primary_keyword, draft.language))
        named = sum(1 for one in headings if phrase and f" {phrase} " in f" {' '.join(stems(one.text, draft.language))} ")
        if named > 0.7 * len(headings):
            yield Finding("stuffed_headings", "warning", f"{named} of {len(headings)} headings repeat {draft.primary_keyword!r}.")


def _crowded(draft: Draft, paragraph: str) -> bool:
    size, count = len(stems(draft.primary_keyword, draft.language)), draft.occurrences(draft.primary_keyword, paragraph)
    return count >= _LOCAL_TIMES and count * size > _LOCAL_SHARE * len(WORD.findall(paragraph))


def coverage(draft: Draft) -> Iterator[Finding]:
    if not draft.keywords:
        return
    missing = [one for one in draft.keywords if not draft.deals_with(one)]
    if len(missing) > len(draft.keywords) / 2:
        share = f"{len(missing)} of {len(draft.keywords)}"
        yield Finding("keyword_coverage_low", "warning", f"{share} keywords are not dealt with: {', '.join(missing[:5])}.")
    elif missing:
        yield Finding("keyword_not_covered", "info", f"Not dealt with: {', '.join(missing[:5])}.")


RULES = (title, meta, primary_keyword, stuffing, coverage)
