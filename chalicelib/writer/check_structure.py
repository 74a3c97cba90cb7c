"""Checks of an article's form: markup, headings, sections, length, links, pictures."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import urlsplit

from chalicelib.writer.draft import Draft
from chalicelib.writer.findings import Finding

_SHORT, _TOO_SHORT, _LONG = 0.8, 0.5, 1.5  # shares of the brief's words
_LEAST_WORDS = 100  # without a brief
_WALL_WORDS, _SECTION_WORDS, _TITLE_LIKE_CHARS = 150, 450, 90
_DOMAIN = re.compile(r"(?:www\.|[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|org|net|io|co|de|uk|fr|eu|info)(?:/|$))", re.IGNORECASE)
_EXAMPLE = re.compile(r"(?:^|\.)(?:example\.(?:com|org|net)|your(?:domain|site|website)\.\w+|domain\.com)$|\.(?:example|invalid|test)$")
_VAGUE_LINK = re.compile(r"(?:click )?here|this|link|read more|learn more|more", re.IGNORECASE)
_POOR_ALT = re.compile(
    r"(?:an? )?(?:image|picture|photo|img|graphic|untitled|alt text|placeholder)[\s\d_-]*|\S+\.(?:png|jpe?g|gif|webp|svg)", re.IGNORECASE
)
_FAQ = re.compile(
    r"\bfaqs?\b|frequently asked|common questions|your questions|questions? (?:and|&) answers|häufig|fragen|questions fréquentes|foire aux"
    r"|preguntas|domande|perguntas|veelgestelde|vanliga frågor|spørgsmål|pytania|sorular",
    re.IGNORECASE,
)


def unsafe_html(draft: Draft) -> Iterator[Finding]:
    reading = draft.reading
    if reading.unsafe:
        yield Finding("unsafe_html", "blocker", f"Active content: {', '.join(sorted(set(reading.unsafe))[:5])}.")
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


def headings(draft: Draft) -> Iterator[Finding]:
    reading = draft.reading
    found = reading.headings
    if any(one.level == 1 for one in found):
        yield Finding("h1_in_body", "warning", "The body contains an h1; the page's title is one already.")
    second = sum(1 for one in found if one.level == 2)
    if reading.words >= 250 and second == 0:
        yield Finding("missing_h2", "warning", "The text is not divided: it has no h2.")
    elif reading.words >= 500 and second == 1:
        yield Finding("few_h2", "warning", "The text is hardly divided: it has one h2.")
    levels = [1, *(one.level for one in found)]
    if any(after - before > 1 for before, after in pairwise(levels)):
        yield Finding("heading_order", "warning", "A heading skips a level.")
    if any(not one.text for one in found):
        yield Finding("empty_heading", "warning", "A heading is empty.")
    names = Counter(one.text.casefold().strip(" :.!?") for one in found if one.text)
    if double := [name for name, count in names.items() if count > 1]:
        yield Finding("duplicate_heading", "warning", f"A heading occurs more than once: {double[0]!r}.")
    if draft.title and draft.title.casefold() in names:
        yield Finding("heading_repeats_title", "warning", "A heading repeats the title.")
    if long := [one.text for one in found if len(one.text) > _TITLE_LIKE_CHARS]:
        yield Finding("long_heading", "warning", f"A heading of {len(long[0])} characters is a sentence: {long[0][:60]!r}.")
    shouted = [one.text for one in found if len(one.text) > 12 and one.text.isupper()]
    if shouted:
        yield Finding("heading_all_caps", "warning", f"A heading is all capitals: {shouted[0][:60]!r}.")


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
    names = [one.text for one in draft.reading.headings]
    if draft.reading.words >= 600 and not any(_FAQ.search(one) for one in names) and sum(one.endswith("?") for one in names) < 3:
        yield Finding("missing_faq", "info", "No section answers the readers' questions.")


def links(draft: Draft) -> Iterator[Finding]:
    broken, examples = [], []
    for one in draft.reading.links:
        href = (one.href or "").strip()
        if not href or href == "#":
            yield Finding("empty_link", "warning", f"The link {one.text.strip()[:60]!r} leads nowhere.")
        elif not one.text.strip() and not one.image:
            yield Finding("link_without_text", "warning", f"The link to {href[:80]} has no text.")
        elif _VAGUE_LINK.fullmatch(one.text.strip()):
            yield Finding("vague_link", "info", f"The link text {one.text.strip()!r} does not say where it leads.")
        if href.startswith("#") and href != "#":
            broken.append(href)  # ids do not survive cleaning
        elif href and not re.match(r"(?:mailto|tel):", href, re.IGNORECASE):
            problem = _address_problem(href)
            if problem == "example":
                examples.append(href)
            elif problem:
                broken.append(href)
    if broken:
        yield Finding("broken_link", "warning", f"Not an address: {broken[0][:80]}.")
    if examples:
        yield Finding("placeholder_link", "warning", f"An example's address: {examples[0][:80]}.")
    if len(draft.reading.links) > max(8, draft.reading.words / 40):
        yield Finding("too_many_links", "info", f"{len(draft.reading.links)} links in {draft.reading.words} words.")


def _address_problem(href: str) -> str:
    """`example`, `broken` or nothing."""
    try:
        parts = urlsplit(href)
        host = parts.hostname or ""
    except ValueError:
        return "broken"
    if parts.scheme in ("http", "https"):
        if _EXAMPLE.search(host):
            return "example"
        return "" if "." in host.strip(".") and " " not in href and not host.startswith(("127.", "10.", "192.168.")) else "broken"
    if parts.scheme:
        return "broken"
    return "broken" if _DOMAIN.match(href) or " " in href else ""


def pictures(draft: Draft) -> Iterator[Finding]:
    shown = draft.reading.pictures
    if any(not one.src for one in shown):
        yield Finding("image_without_source", "warning", "An image has no address.")
    for alts in ([one.alt or "" for one in shown], [one.alt for one in draft.images]):
        given = [" ".join(alt.split()) for alt in alts]
        if not all(given):
            yield Finding("missing_alt", "warning", f"{given.count('')} of {len(given)} images have no alternative text.")
        if len(set(given) - {""}) < len([alt for alt in given if alt]):
            yield Finding("duplicate_alt", "warning", "Two images have the same alternative text.")
        if poor := [alt for alt in given if _POOR_ALT.fullmatch(alt)]:
            yield Finding("poor_alt", "warning", f"An alternative text says nothing: {poor[0]!r}.")
        if any(len(alt) > 160 for alt in given):
            yield Finding("long_alt", "info", "An alternative text has more than 160 characters.")
    if not shown and not draft.images:
        yield Finding("no_images", "info", "The article has no image.")
    elif draft.images and not any(one.image_type == "featured" for one in draft.images):
        yield Finding("no_featured_image", "info", "The article has no featured image.")


RULES = (unsafe_html, length, headings, sections, links, pictures)
