"""Checks of an article's links and pictures."""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from chalicelib.writer.alternative_texts import LONGEST
from chalicelib.writer.draft import Draft
from chalicelib.writer.findings import Finding

_DOMAIN = re.compile(r"(?:www\.|[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|org|net|io|co|de|uk|fr|eu|info)(?:/|$))", re.IGNORECASE)
_EXAMPLE = re.compile(
    r"(?:^|\.)(?:example\.\w{2,3}(?:\.\w{2})?|your-?(?:domain|site|website|web-?page|company|brand|shop|store|link|url|blog|business)[\w-]*\.\w+"
    r"|my-?(?:domain|site|website)\.\w+|(?:domain|website|placeholder|link|url|sample|company|websitename)\.com)$|\.(?:example|invalid|test)$"
)
_UNFILLED = re.compile(
    r"(?:insert|your)[-_ ](?:link|url|page|site|website)\b|^/?(?:url|link|todo|tbd|xxx+|placeholder|link-here|insert[\w-]*)/?$"
    r"|\{[^}]*\}|\[[a-z][^\]]*\]|<[^>]*>|%7B|%5B",
    re.IGNORECASE,
)
_UNFILLED_ADDRESS = re.compile(
    r"^(?:mailto:)(?:(?:your|my|e?-?mail|name|user|info|you)[\w.-]*@)?(?:example|domain|your[\w-]*|email|company)\.\w+", re.IGNORECASE
)
_MACHINE_LINK = re.compile(r"utm_source=(?:chatgpt|openai|copilot|perplexity|gemini)", re.IGNORECASE)
_VAGUE_LINK = re.compile(r"(?:click )?here|this|link|read more|learn more|more", re.IGNORECASE)
_POOR_ALT = re.compile(
    r"(?:an? )?(?:image|picture|photo|img|graphic|untitled|alt text|placeholder)[\s\d_-]*|\S+\.(?:png|jpe?g|gif|webp|svg)", re.IGNORECASE
)


def links(draft: Draft) -> Iterator[Finding]:
    broken, examples, machine = [], [], []
    for one in draft.reading.links:
        href = (one.href or "").strip()
        if not href or href == "#":
            yield Finding("empty_link", "warning", f"The link {one.text.strip()[:60]!r} leads nowhere.")
        elif not one.text.strip() and not one.image:
            yield Finding("link_without_text", "warning", f"The link to {href[:80]} has no text.")
        elif _VAGUE_LINK.fullmatch(one.text.strip()):
            yield Finding("vague_link", "info", f"The link text {one.text.strip()!r} does not say where it leads.")
        if _MACHINE_LINK.search(href):
            machine.append(href)
        if href != "#" and (_UNFILLED.search(href) or _UNFILLED_ADDRESS.match(href)):
            examples.append(href)
        elif href.startswith("#") and href != "#":
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
    if machine:
        yield Finding("machine_link", "warning", f"An address that a chatbot has marked: {machine[0][:80]}.")
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
        return "broken" if " " in href or not _public(host) else ""
    if parts.scheme:
        return "broken"
    return "broken" if _DOMAIN.match(href) or " " in href else ""


def _public(host: str) -> bool:
    """Whether a host can be reached from the internet, as far as its name tells."""
    try:
        return ip_address(host).is_global
    except ValueError:
        return "." in host.strip(".") and not host.endswith((".local", ".localhost", ".internal", ".lan"))


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
        if stuffed := [alt for alt in given if draft.occurrences(draft.primary_keyword, alt) > 1]:
            yield Finding("stuffed_alt", "warning", f"An alternative text repeats the keyword: {stuffed[0][:60]!r}.")
        if any(len(alt) > LONGEST for alt in given):
            yield Finding("long_alt", "info", f"An alternative text has more than {LONGEST} characters.")
    if not shown and not draft.images:
        yield Finding("no_images", "info", "The article has no image.")
    elif draft.images and not any(one.image_type == "featured" for one in draft.images):
        yield Finding("no_featured_image", "info", "The article has no featured image.")


RULES = (links, pictures)
