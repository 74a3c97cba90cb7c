"""Checks for what a model, a prompt, a template or a program left behind in an article's text."""

import re
from collections.abc import Iterator

from chalicelib.writer import leftover_phrases as phrases
from chalicelib.writer.draft import Draft
from chalicelib.writer.findings import Finding

_OPENING_CHARS, _CLOSING_CHARS = 300, 400
_MARK = re.compile(r"\[(\d{1,2})\]")
_SOURCES = re.compile(
    r"\b(?:references|sources|footnotes|citations|further reading|quellen|literatur|fußnoten|références|fuentes|referencias|fontes"
    r"|referências|bronnen|fonti|källor|źródła)\b",
    re.IGNORECASE,
)
_UNFILLED_TAG = re.compile(r"<(?:insert|your|placeholder)\b[^>]*>", re.IGNORECASE)
_UNTITLED = re.compile(
    r"untitled\b.*|(?:article|post|your|page|blog) title(?: here)?|title (?:goes )?here|new (?:post|article)", re.IGNORECASE
)
# Zero-width spaces, marks of direction, private use. Not: joiners, which Persian, Hindi and emoji need, and the soft hyphen.
_INVISIBLE = re.compile(r"[\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069\ue000-\uf8ff]")
_RIGHT_TO_LEFT = frozenset({"ar", "he", "fa", "ur", "yi", "ps"})


def _facts(draft: Draft) -> str:
    """Title and meta texts, a line each."""
    return "\n".join((draft.title, draft.meta_title, draft.meta_description))


def _topic(draft: Draft) -> str:
    return f"{draft.title}\n{draft.primary_keyword}".casefold()


def refusal(draft: Draft) -> Iterator[Finding]:
    """In an article about language models a line that begins so; elsewhere it may also stand within one."""
    text = f"{_facts(draft)}\n{draft.reading.own_text}"
    mentioned = phrases.ABOUT_AI.search(_topic(draft)) is not None
    found = next((match for match in phrases.REFUSAL.finditer(text) if not mentioned or text[: match.start()].endswith("\n")), None)
    if found:
        yield Finding("refusal_text", "blocker", f"The model speaks of itself or refuses: {found.group(0)[:80]!r}.")


def placeholders(draft: Draft) -> Iterator[Finding]:
    """A word that the article is about is no placeholder; the body of one about templates may show what is to be filled in."""
    topic = _topic(draft)
    shown = bool(phrases.ABOUT_TEMPLATES.search(topic))
    for text, brackets_allowed in ((_facts(draft), False), (draft.reading.own_text, shown)):
        for held in (match.group(0) for pattern in phrases.PLACEHOLDERS for match in pattern.finditer(text)):
            subject = " ".join(re.findall(r"\w+", held.casefold())[:2])
            if (held.strip()[:1] in "[{$%<" and brackets_allowed) or (subject in topic and not set(held) & set("[{")):
                continue
            yield Finding("placeholder_text", "blocker", f"A placeholder was not filled in: {held.strip()[:60]!r}.")
            return
    if _UNTITLED.fullmatch(draft.title):
        yield Finding("placeholder_text", "blocker", f"The title was not filled in: {draft.title[:60]!r}.")
    elif found := _UNFILLED_TAG.search(draft.reading.html):
        yield Finding("placeholder_text", "blocker", f"A placeholder was not filled in: {found.group(0)[:60]!r}.")


def talk(draft: Draft) -> Iterator[Finding]:
    text = draft.reading.own_text.strip()
    first_lines = text[:_OPENING_CHARS].split("\n")
    opening = next((match for one in first_lines if (match := phrases.CHAT_START.match(one.strip()))), None)
    if found := opening or phrases.CHAT_END.search(text[-_CLOSING_CHARS:]):
        yield Finding("chat_text", "blocker", f"The model talks to whoever asked: {found.group(0)[:80]!r}.")


def prompt(draft: Draft) -> Iterator[Finding]:
    text = draft.reading.own_text
    found = phrases.PROMPT.search(text)
    if not found and not phrases.ABOUT_WRITING.search(_topic(draft)):
        found = phrases.BRIEF.search(text)
    if found:
        yield Finding("prompt_text", "blocker", f"A part of the prompt or the brief: {found.group(0).strip()[:80]!r}.")


def sources(draft: Draft) -> Iterator[Finding]:
    reading = draft.reading
    marks = set(_MARK.findall(reading.own_text))
    if marks and not any(_SOURCES.search(one.text) or _MARK.match(one.text) for one in reading.blocks):
        yield Finding("citation_without_source", "warning", f"The mark [{min(marks)}] has no source in the text.")
    if not phrases.ABOUT_TEMPLATES.search(_topic(draft)) and (found := phrases.CONTACT.search(reading.own_text)):
        yield Finding("placeholder_contact", "warning", f"An address or number that nobody has: {found.group(0)!r}.")


def machine(draft: Draft) -> Iterator[Finding]:
    text, body, topic = draft.reading.own_text, draft.reading.body, _topic(draft)
    if "```" in body:
        yield Finding("code_fence", "blocker", "The text contains a Markdown code fence.")
    if not phrases.ABOUT_JSON.search(topic) and (found := phrases.JSON.search(body)):
        yield Finding("json_leftover", "blocker", f"JSON in the text: {found.group(0).strip()[:60]!r}.")
    if found := phrases.MACHINE_CITATION.search(text):
        yield Finding("citation_leftover", "blocker", f"A model's mark of a source: {found.group(0)[:60]!r}.")
    if (found := phrases.PROGRAM.search(text)) and found.group(0).casefold() not in topic:
        yield Finding("program_text", "blocker", f"Output of a program: {found.group(0)[:60]!r}.")
    if found := phrases.SECRET.search(draft.reading.html):
        yield Finding("secret_in_text", "blocker", f"A key or token: {found.group(0)[:6]}….")


def markup(draft: Draft) -> Iterator[Finding]:
    text, tags, topic = draft.reading.own_text, draft.reading.tags, _topic(draft)
    if not phrases.ABOUT_MARKDOWN.search(topic) and (found := phrases.MARKDOWN.search(text)):
        yield Finding("markdown_leftover", "warning", f"Markdown in the text: {found.group(0).strip()[:60]!r}.")
    if found := phrases.ESCAPED_BREAK.search(draft.reading.body):
        yield Finding("escape_leftover", "warning", f"An escape sequence in the text: {found.group(0)[:20]!r}.")
    speaks_of_it = tags["code"] + tags["pre"] > 0 or phrases.ABOUT_HTML.search(topic)
    if not speaks_of_it and (found := phrases.ESCAPED_MARKUP.search(text)):
        yield Finding("escaped_markup", "warning", f"Markup or an entity was escaped twice and would be shown: {found.group(0)[:40]!r}.")


def characters(draft: Draft) -> Iterator[Finding]:
    whole = f"{_facts(draft)}\n{draft.reading.text}"
    if found := phrases.MOJIBAKE.search(whole):
        yield Finding("mojibake", "warning", f"Wrongly decoded characters: {found.group(0)!r}.")
    if draft.language not in _RIGHT_TO_LEFT and (found := _INVISIBLE.search(whole)):
        yield Finding("invisible_characters", "warning", f"Characters that nobody sees: U+{ord(found.group(0)):04X}.")


RULES = (refusal, placeholders, talk, prompt, sources, machine, markup, characters)
