"""Checks of an article's text: whole, in its language, without repetition, readable, unlike the site's other articles."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from chalicelib.writer.article_reading import LONG_PARAGRAPH_WORDS, Block
from chalicelib.writer.draft import Draft
from chalicelib.writer.findings import Finding
from chalicelib.writer.html import WORD
from chalicelib.writer.languages import DANGLING, DOUBLED, FUNCTION_WORDS, other_language
from chalicelib.writer.readability import flesch, similarity, sketch

_END = re.compile("[.!?:\u2026\u3002\uff01\uff1f\u061f\u0964)\"'\u201c\u201d\u2019\u00bb\u00ab\u300d\\]]$")
_ELLIPSIS = re.compile(r"(?:\u2026|\.{3,})$")
_MID_SENTENCE = (",", ";", "-", "\u2013", "\u2014", "(")
_CUT_WORDS = 9  # a last line of so many words without an end is no call to action but a sentence that was cut off
_SIGNATURE = re.compile(r"<p[^<>]*>\s*<(em|i|strong|b|small)>[^<]*</\1>\s*</p>\Z", re.IGNORECASE)  # a line all in italics or bold
_LABEL = re.compile(r"[^\s:.!?]+(?: [^\s:.!?]+){0,3}: |\u00a9")
_STOCK = re.compile(
    r"in today['\u2019]s (?:fast-paced|digital|modern|ever)|\bdelv(?:e|ing) (?:in|deep)"
    r"|\bunlock(?:ing)? the (?:power|potential|secrets?|full)|\bgame[- ]changer\b|\blook no further\b|\bever-evolving\b"
    r"|\bin the realm of\b|\bnavigat(?:e|ing) the (?:complex|world|landscape)"
    r"|\bit['\u2019]s important to note that\b|\btapestry\b",
    re.IGNORECASE,
)
_LONG_SENTENCE_WORDS, _LONG_SENTENCE_WORDS_ELSEWHERE, _RUN_ON_WORDS = 28, 32, 75
_EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u26ff\u2728\u2764\u27a1\u2b50]")  # not: check marks and arrows, which tables use
_ALIKE = 0.75  # share of words that two paragraphs of one article have in common
_ALIKE_WORDS, _ALIKE_MOST = 20, 120  # the paragraphs that are compared: of so many words, at most so many


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
    dangles = bool(words) and words[-1] in DANGLING.get(draft.language, frozenset())
    if last.level:
        yield Finding("truncated", "blocker", f"The article ends with a heading: {tail}.")
    elif _ELLIPSIS.search(last.text):
        severe = dangles or draft.reading.ends_open
        yield Finding("truncated" if severe else "trails_off", "blocker" if severe else "warning", f"The article trails off: {tail}.")
    elif not last.text or _END.search(last.text) or last.kind == "figcaption" or last.text.startswith("```"):
        return
    elif last.text.endswith(_MID_SENTENCE) or dangles or draft.reading.ends_open:
        yield Finding("truncated", "blocker", f"The article ends in mid-sentence: {tail}.")
    elif last.kind in ("p", "text") and len(words) > 4 and last.linked < len(last.text) * 0.6:
        if _SIGNATURE.search(draft.reading.html.rstrip()) or _LABEL.match(last.text):
            return
        cut = len(words) >= _CUT_WORDS or re.search(r"[.!?,;]\s", last.text)
        message = f"The last sentence is not closed: {tail}."
        yield Finding("truncated", "blocker", message) if cut else Finding("unfinished_paragraph", "info", message)


def paragraphs(draft: Draft) -> Iterator[Finding]:
    """Paragraphs before the last one that stop in mid-sentence."""
    blocks, dangling = draft.reading.blocks, DANGLING.get(draft.language, frozenset())
    for one, following in pairwise(blocks):
        words = WORD.findall(one.text.lower())
        if one.kind != "p" or len(words) < 5 or _END.search(one.text) or following.kind in ("li", "pre", "img"):
            continue
        if words[-1] in dangling or one.text.endswith((",", ";", "(")):
            yield Finding("unfinished_paragraph", "warning", f"A paragraph ends in mid-sentence: {one.text[-50:]!r}.")
            return


def language(draft: Draft) -> Iterator[Finding]:
    if other := other_language(draft.reading.text, draft.language):
        yield Finding("wrong_language", "blocker", f"The text is in {other!r}; {draft.language!r} was asked for.")
        return
    for block in draft.reading.paragraphs:
        if block.words >= 12 and not block.quoted and (other := other_language(block.text, draft.language, fewest=5, lead=2.5, own=True)):
            yield Finding("mixed_language", "warning", f"A paragraph is in {other!r}: {block.text[:50]!r}.")
            break
    else:
        headings = ". ".join(block.text for block in draft.reading.headings)
        if other := other_language(headings, draft.language, fewest=6, lead=2.5, own=True):
            yield Finding("mixed_language", "warning", f"The headings are in {other!r}.")
    if other := other_language(draft.meta_description, draft.language, fewest=4, lead=2.5, own=True):
        yield Finding("meta_description_language", "warning", f"The meta description is in {other!r}.")
    alts = ". ".join([*(one.alt or "" for one in draft.reading.pictures), *(one.alt for one in draft.images)])
    if other := other_language(alts, draft.language, fewest=5, lead=2.5, own=True):
        yield Finding("alt_language", "warning", f"The alternative texts are in {other!r}.")


def repetition(draft: Draft) -> Iterator[Finding]:
    reading = draft.reading
    said = [WORD.findall(one.lower()) for one in reading.own_sentences]
    counts = Counter(" ".join(words) for words in said if len(words) >= 6)
    again = {sentence: count for sentence, count in counts.items() if count > 1}
    own = [block for block in reading.paragraphs if not block.quoted]
    texts = Counter(" ".join(block.text.lower().split()) for block in own if block.words >= LONG_PARAGRAPH_WORDS)
    more = texts.total() - len(texts)
    if again:
        extra, worst = sum(again.values()) - len(again), max(again, key=lambda one: again[one])
        heavy = (extra > 0.1 * counts.total() and extra >= 3) or again[worst] >= 4
        message = f"A sentence occurs {again[worst]} times: {worst[:60]!r}."
        yield Finding("repetition", "blocker", message) if heavy else Finding("repeated_sentence", "warning", message)
    elif run := next((a for a, b, c in zip(said, said[1:], said[2:], strict=False) if a == b == c and len(a) > 1), None):
        yield Finding("repeated_sentence", "warning", f"A sentence occurs three times in a row: {' '.join(run)!r}.")
    if more >= 3:
        yield Finding("repetition", "blocker", f"{more} paragraphs are repeated.")
    elif more:
        yield Finding("repeated_paragraph", "warning", "A paragraph occurs more than once.")
    elif pair := _alike(own):
        yield Finding("similar_paragraphs", "warning", f"Two paragraphs say nearly the same: {pair.text[:60]!r}.")
    if slip := _doubled(draft):
        yield Finding("doubled_word", "info", f"A word stands twice in a row: {slip!r}.")
    function_words = FUNCTION_WORDS.get(draft.language, frozenset())
    subject = Counter(stem for stem in draft.stems if len(stem) > 3 and stem not in function_words)
    if subject and reading.words >= 150:
        word, count = subject.most_common(1)[0]
        if count > 0.09 * reading.words:
            yield Finding("overused_word", "warning", f"{word!r} is {count / reading.words:.0%} of all words.")


def _alike(paragraphs: list[Block]) -> Block | None:
    """A paragraph that has nearly all its words in common with an earlier one."""
    seen: list[frozenset[str]] = []
    for block in [one for one in paragraphs if one.words >= _ALIKE_WORDS][:_ALIKE_MOST]:
        words = frozenset(WORD.findall(block.text.lower()))
        if any(len(words & other) > _ALIKE * len(words | other) for other in seen):
            return block
        seen.append(words)
    return None


def _doubled(draft: Draft) -> str | None:
    """A word that stands twice, where its language does not allow that, or any word that stands three times in a row."""
    wrong = DOUBLED.get(draft.language, frozenset())
    for one in draft.reading.own_sentences:
        words = re.findall(r"\w+(?:['\u2019-]\w+)*|[^\w\s]", one.lower())
        for at, (first, second) in enumerate(pairwise(words)):
            if first == second and (first in wrong or (first.isalpha() and words[at + 2 : at + 3] == [first])):
                return first
    return None


def readability(draft: Draft) -> Iterator[Finding]:
    reading = draft.reading
    if reading.words < 100:
        return
    lengths = [len(WORD.findall(one)) for one in reading.sentences]
    lengths = [length for length in lengths if length > 2]
    most = _LONG_SENTENCE_WORDS if draft.language == "en" else _LONG_SENTENCE_WORDS_ELSEWHERE
    if lengths and sum(lengths) / len(lengths) > most:
        yield Finding("long_sentences", "warning", f"Sentences have {sum(lengths) / len(lengths):.0f} words on average.")
    elif lengths and max(lengths) > _RUN_ON_WORDS:
        yield Finding("run_on_sentence", "info", f"A sentence has {max(lengths)} words.")
    if draft.language == "en":
        ease = flesch(reading.prose)
        if ease < 25:
            yield Finding("hard_to_read", "warning", f"Flesch reading ease {ease:.0f}: for specialists.")
        elif ease < 40:
            yield Finding("rather_hard_to_read", "info", f"Flesch reading ease {ease:.0f}: for readers with patience.")
        if found := _STOCK.findall(reading.own_text):
            yield Finding("stock_phrases", "info", f"Worn phrases: {found[0]!r}.")


def tone(draft: Draft) -> Iterator[Finding]:
    text, words = draft.reading.own_text, draft.reading.words
    if text.count("!") > max(5, words / 60) or "!!" in text:
        yield Finding("exclamations", "warning", f"{text.count('!')} exclamation marks.")
    if shouted := next((line for line in text.split("\n") if _shouts(line)), None):
        yield Finding("shouting", "warning", f"Several words in a row are all capitals: {shouted[:60]!r}.")
    emoji = len(_EMOJI.findall(f"{draft.title}\n{text}"))
    if emoji > max(5, words / 100):
        yield Finding("emoji_spam", "warning", f"{emoji} emoji.")


def _shouts(line: str) -> bool:
    """Four words in a row in capitals, one of them longer than an acronym."""
    run, longest = 0, 0
    for word in re.findall(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*|[^\w\s]", line):
        if not word.isupper():
            run, longest = 0, 0
            continue
        run, longest = run + 1, max(longest, len(word))
        if run >= 4 and longest >= 5:
            return True
    return False


def likeness(draft: Draft) -> Iterator[Finding]:
    if not draft.others:
        return
    own = sketch(draft.reading.html, draft.language)
    closest = max(similarity(own, other) for other in draft.others)
    if closest >= 0.5:
        yield Finding("near_duplicate", "blocker", f"Nearly the same as another article of the site ({closest:.0%} in common).")
    elif closest >= 0.3:
        yield Finding("similar_to_other", "warning", f"Close to another article of the site ({closest:.0%} in common).")


RULES = (ending, paragraphs, language, repetition, readability, tone, likeness)
