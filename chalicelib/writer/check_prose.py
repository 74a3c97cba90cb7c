"""Checks of an article's text: a model's leftovers, completeness, language, repetition, readability, likeness to other articles."""

import re
from collections import Counter
from collections.abc import Iterator

from chalicelib.writer.draft import Draft
from chalicelib.writer.findings import Finding
from chalicelib.writer.html import WORD
from chalicelib.writer.languages import FUNCTION_WORDS, other_language
from chalicelib.writer.readability import flesch, similarity, sketch


def _any(*patterns: str, flags: int = re.IGNORECASE) -> re.Pattern[str]:
    return re.compile("|".join(patterns), flags)


_REFUSAL = _any(
    r"\bas an? (?:ai|artificial intelligence)\b(?: language)?(?: model| assistant| chatbot)?,? (?:i|my)\b",
    r"\bas an ai language model\b",
    r"\bi(?:['\u2019]m| am) sorry,? but i (?:can|am)",
    r"\bi (?:can(?:not|['\u2019]t)|am unable to|won['\u2019]t be able to) (?:assist|comply|fulfil+|help) with (?:that|this|your)",
    r"\bi(?:['\u2019]m| am) unable to (?:generate|write|create|produce)\b",
    r"\bi(?:['\u2019]m| am) (?:just )?an ai\b",
    r"\bmy (?:knowledge cut-?off|training data)",
    r"\bas of my last (?:knowledge )?update",
)
_PLACEHOLDERS = (
    _any(r"\blorem ipsum\b", r"\bdolor sit amet\b", r"\byour (?:company|brand|business|product) name\b"),
    _any(r"\bplaceholder text\b", r"\b(?:content|text) goes here\b", r"<(?:insert|your|add)\b[^>]*>"),
    _any(
        r"\[(?:insert|your|add|placeholder|company|brand|name|link|image|photo|todo|tbd|keyword|city|product|date|author|source|citation)\b[^\]]*\]"
    ),
    _any(
        r"\{\{.*?\}\}", r"\{%.*?%\}", r"\$\{\w+\}", r"%[A-Z_]{4,}%", r"\{(?:title|\w*keyword|name|city|brand|topic|company|year)\}", flags=0
    ),
    _any(r"\bTODO\b(?!,? (?:app|list))", r"\bTBD\b", r"\bFIXME\b", r"\bXXX+\b", flags=0),
)
_CHAT_START = _any(
    r"(?:sure|certainly|of course|absolutely)[!,.]+ ",
    r"here(?:['\u2019]s| is) (?:the|your) (?:[\w-]+ ){0,5}?(?:article|draft|html|content|post|version)\b",
)
_CHAT_END = _any(
    r"let me know if you(?:['\u2019]d| would)? (?:like|want|need) (?:me|any)",
    r"would you like me to",
    r"i hope this (?:article|helps|meets)",
    r"feel free to ask me",
    r"this article (?:meets|fulfils|follows) (?:the|your) (?:brief|requirements)",
    r"\bword count: ?\d+",
)
_MARKDOWN = _any(
    r"^\s*#{1,6} \S",
    r"\*\*[^*\n]{1,120}\*\*",
    r"(?<!\w)__[^_\n]{1,80}__(?!\w)",
    r"\[[^\]\n]{1,80}\]\((?:https?:|/|#)",
    r"^\s*[-*] \S",
    r"^\|.*\|\s*$",
    r"^\s*(?:-{3,}|\*{3,})\s*$",
    flags=re.MULTILINE,
)
_JSON = _any(
    r'"(?:html|content|meta_title|meta_description|title|faq|outline|excerpt)"\s*:', r'\A\s*[{\[]\s*"', r'"\s*[}\]]\s*,?\s*\Z', flags=0
)
_ESCAPED_BREAK = _any(r"\\n\s*\\n", r"\\n(?=[A-Z<#])", r"\\u00[0-9a-f]{2}", r"\\\"", flags=0)
_ESCAPED_MARKUP = _any(
    r"</?(?:p|h[1-6]|strong|em|b|i|div|span|ul|ol|li|a|br|table|img)\b[^<>]*>", r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{2,5}|#x[0-9a-f]{2,4});"
)
_MOJIBAKE = _any(  # UTF-8 that was read as Windows-1252, and the replacement character
    r"\u00c3[\u0080-\u00bf\u0192\u2026\u2030]",
    r"\u00e2\u20ac[\u2122\u0153\u201c\u201d\u009d\u00a6\u02dc]",
    r"\u00c2[\u00a0\u00b0\u00a3\u00bb\u00ab]",
    r"\ufffd",
    flags=0,
)
_END = re.compile("[.!?:\u2026\u3002\uff01\uff1f\u061f\u0964)\"'\u201d\u2019\u00bb\u300d\\]]$")
_DANGLING = FUNCTION_WORDS["en"] - frozenset(
    {"it", "this", "that", "you", "too", "so", "not", "have", "do", "can", "will", "there", "more"}
)
_STOCK = _any(
    r"in today['\u2019]s (?:fast-paced|digital|modern|ever)",
    r"\bdelv(?:e|ing) (?:in|deep)",
    r"\bunlock(?:ing)? the (?:power|potential|secrets?|full)",
    r"\bgame[- ]changer\b",
    r"\blook no further\b",
    r"\bever-evolving\b",
    r"\bin the realm of\b",
    r"\bnavigat(?:e|ing) the (?:complex|world|landscape)",
    r"\bit['\u2019]s important to note that\b",
    r"\btapestry\b",
)
_LONG_SENTENCE_WORDS = 28


def leftovers(draft: Draft) -> Iterator[Finding]:
    text, html = draft.reading.text, draft.reading.html
    whole = "\n".join((draft.title, draft.meta_title, draft.meta_description, text))
    if found := _REFUSAL.search(whole):
        yield Finding("refusal_text", "blocker", f"The model speaks of itself or refuses: {found.group(0)!r}.")
    prose = "\n".join((draft.title, draft.meta_title, draft.meta_description, *(block.text for block in draft.reading.blocks)))
    if holder := next((match for pattern in _PLACEHOLDERS if (match := pattern.search(prose))), None):
        yield Finding("placeholder_text", "blocker", f"A placeholder was not filled in: {holder.group(0)[:60]!r}.")
    if (chat := _CHAT_START.match(text)) or (chat := _CHAT_END.search(text[-400:])):
        yield Finding("chat_text", "blocker", f"The model talks to whoever asked: {chat.group(0)!r}.")
    if "```" in html:
        yield Finding("code_fence", "blocker", "The text contains a Markdown code fence.")
    body = "\n".join(block.text for block in draft.reading.blocks)
    if found := _MARKDOWN.search(body):
        yield Finding("markdown_leftover", "warning", f"Markdown in the text: {found.group(0).strip()[:60]!r}.")
    if found := _JSON.search(body):
        yield Finding("json_leftover", "blocker", f"JSON in the text: {found.group(0).strip()[:60]!r}.")
    if found := _ESCAPED_BREAK.search(body):
        yield Finding("escape_leftover", "warning", f"An escape sequence in the text: {found.group(0)[:20]!r}.")
    if found := _ESCAPED_MARKUP.search(body):
        yield Finding("escaped_markup", "warning", f"Markup or an entity was escaped twice and would be shown: {found.group(0)[:40]!r}.")
    if found := _MOJIBAKE.search(whole):
        yield Finding("mojibake", "warning", f"Wrongly decoded characters: {found.group(0)!r}.")


def ending(draft: Draft) -> Iterator[Finding]:
    blocks = draft.reading.blocks
    if draft.reading.cut_inside_tag:
        yield Finding("truncated", "blocker", "The HTML ends inside a tag.")
        return
    if not blocks:
        return
    last = blocks[-1]
    words = WORD.findall(last.text.lower())
    tail = repr(last.text[-50:])
    if last.level:
        yield Finding("truncated", "blocker", f"The article ends with a heading: {tail}.")
    elif _END.search(last.text) or last.kind == "figcaption":
        return
    elif last.text.endswith((",", ";", "-", "\u2013")) or (words and words[-1] in _DANGLING and draft.language == "en"):
        yield Finding("truncated", "blocker", f"The article ends in mid-sentence: {tail}.")
    elif last.kind in ("p", "text") and len(words) > 4 and last.linked < len(last.text) * 0.6:
        yield Finding("truncated", "blocker", f"The last sentence is not closed: {tail}.")


def language(draft: Draft) -> Iterator[Finding]:
    if other := other_language(draft.reading.text, draft.language):
        yield Finding("wrong_language", "blocker", f"The text is in {other!r}; {draft.language!r} was asked for.")
        return
    for block in draft.reading.paragraphs:
        if block.words >= 20 and (other := other_language(block.text, draft.language)):
            yield Finding("mixed_language", "warning", f"A paragraph is in {other!r}: {block.text[:50]!r}.")
            return


def repetition(draft: Draft) -> Iterator[Finding]:
    counts = Counter(" ".join(words) for one in draft.reading.sentences if len(words := [word.lower() for word in WORD.findall(one)]) >= 6)
    again = {sentence: count for sentence, count in counts.items() if count > 1}
    if again:
        extra, worst = sum(again.values()) - len(again), max(again, key=lambda one: again[one])
        heavy = (extra > 0.1 * counts.total() and extra >= 3) or again[worst] >= 4
        code, severity = ("repetition", "blocker") if heavy else ("repeated_sentence", "warning")
        yield Finding(code, "blocker" if severity == "blocker" else "warning", f"A sentence occurs {again[worst]} times: {worst[:60]!r}.")
    paragraphs = Counter(" ".join(block.text.lower().split()) for block in draft.reading.paragraphs if block.words >= 12)
    if any(count > 1 for count in paragraphs.values()):
        yield Finding("repeated_paragraph", "warning", "A paragraph occurs more than once.")
    doubled = re.findall(r"\b([a-z]{2,}) \1\b", draft.reading.prose.lower())
    if draft.language == "en" and (slips := [word for word in doubled if word in FUNCTION_WORDS["en"] - {"that", "had", "is"}]):
        yield Finding("doubled_word", "info", f"A word stands twice in a row: {slips[0]!r}.")
    subject = Counter(stem for stem in draft.stems if len(stem) > 3 and stem not in FUNCTION_WORDS.get(draft.language, frozenset()))
    if subject and draft.reading.words >= 150:
        word, count = subject.most_common(1)[0]
        if count > 0.09 * draft.reading.words:
            yield Finding("overused_word", "warning", f"{word!r} is {count / draft.reading.words:.0%} of all words.")


def readability(draft: Draft) -> Iterator[Finding]:
    reading = draft.reading
    if reading.words < 100:
        return
    lengths = [len(WORD.findall(one)) for one in reading.sentences]
    lengths = [length for length in lengths if length > 2]
    if lengths and sum(lengths) / len(lengths) > _LONG_SENTENCE_WORDS:
        yield Finding("long_sentences", "warning", f"Sentences have {sum(lengths) / len(lengths):.0f} words on average.")
    if draft.language == "en":
        ease = flesch(reading.prose)
        if ease < 25:
            yield Finding("hard_to_read", "warning", f"Flesch reading ease {ease:.0f}: for specialists.")
        elif ease < 40:
            yield Finding("rather_hard_to_read", "info", f"Flesch reading ease {ease:.0f}: for readers with patience.")
        if found := _STOCK.findall(reading.text):
            yield Finding("stock_phrases", "info", f"Worn phrases: {found[0]!r}.")
    if reading.text.count("!") > max(4, reading.words / 80):
        yield Finding("exclamations", "info", f"{reading.text.count('!')} exclamation marks.")
    if re.search(r"\b[A-Z]{4,}(?:\s+[A-Z]{3,}){2,}\b", reading.prose):
        yield Finding("shouting", "warning", "Several words in a row are all capitals.")


def likeness(draft: Draft) -> Iterator[Finding]:
    if not draft.others:
        return
    own = sketch(draft.reading.html, draft.language)
    closest = max(similarity(own, other) for other in draft.others)
    if closest >= 0.5:
        yield Finding("near_duplicate", "blocker", f"Nearly the same as another article of the site ({closest:.0%} in common).")
    elif closest >= 0.3:
        yield Finding("similar_to_other", "warning", f"Close to another article of the site ({closest:.0%} in common).")


RULES = (leftovers, ending, language, repetition, readability, likeness)
