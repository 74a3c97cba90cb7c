"""Composes an article from its facts: sections with paragraphs, tables, lists and an FAQ, to the length asked for."""

import html
from typing import Any

from chalicelib.adapters.offline_writer.grammar import WORD, Phrase, capitalised, read, shortened
from chalicelib.adapters.offline_writer.ideas import make_title
from chalicelib.adapters.offline_writer.naming import in_text
from chalicelib.adapters.offline_writer.outline import LISTS, PURPOSES, compose, purpose_of
from chalicelib.adapters.offline_writer.phrases import Pen, seeded
from chalicelib.adapters.offline_writer.sections import Section, Writer
from chalicelib.adapters.offline_writer.subjects import domain_of

DEFAULT_WORDS = 900


def write_article(facts: dict[str, Any], seed: str) -> dict[str, Any]:
    """Answer of `generate_content`. The length is 90 to 120 % of `facts["word_count"]` unless the outline alone is longer."""
    asked = max(200, int(facts.get("word_count") or DEFAULT_WORDS))
    primary = read(facts["primary_keyword"])
    names = dict.fromkeys([facts["primary_keyword"], *facts.get("keywords", ())])
    folded = {n.casefold().strip(): n for n in reversed(names)}
    keywords = [primary, *(read(n) for n in names if folded[n.casefold().strip()] == n and n.casefold() != facts["primary_keyword"].casefold())]
    best: tuple[int, Writer] | None = None
    for brevity in range(4):
        writer = _written(facts, seed, keywords, asked, brevity)
        miss = abs(writer.words - asked)
        if best is None or miss < best[0]:
            best = (miss, writer)
        if writer.words <= 1.15 * asked:
            break
    assert best is not None
    return _answer(facts, keywords, best[1])


def _written(facts: dict[str, Any], seed: str, keywords: list[Phrase], asked: int, brevity: int) -> "Writer":
    primary = keywords[0]
    cluster = facts.get("cluster") or {}
    subject = in_text(cluster.get("name") or "") or primary.topic
    siblings = sorted({k["keyword"] for k in facts.get("cluster_keywords", ())} | {primary.keyword})
    place = siblings.index(primary.keyword) / len(siblings)
    domain = domain_of(primary.shown, [k.shown for k in keywords], subject)
    pen = Pen(seed, subject, place, {})
    writer = Writer(pen, facts, keywords, subject, domain, seed, brevity)
    sections = _outline(facts, keywords, asked, pen, seed)
    writer.open_with(primary)
    for purpose, heading, keyword in sections:
        writer.begin(purpose, heading, keyword)
    if not any(s.purpose in LISTS for s in writer.sections):
        writer.add_list_somewhere()
    writer.link()
    writer.cover_all()
    writer.fill(asked)
    return writer


def _outline(facts: dict[str, Any], keywords: list[Phrase], asked: int, pen: Pen, seed: str) -> list[tuple[str, str, Phrase | None]]:
    """The outline given, with what an article must have added: a section per question, a closing, an FAQ at the end."""
    random = seeded("outline", seed)
    given = [s["heading"].strip() for s in facts.get("outline") or () if s.get("heading", "").strip()]
    if not given:
        return compose(keywords, asked, pen, random, title=facts.get("title") or "")
    pool = [p for group in PURPOSES[keywords[0].kind] for p in group if p not in LISTS] or ["explain", "needs"]
    out: list[tuple[str, str, Phrase | None]] = []
    seen: set[str] = set()
    for number, heading in enumerate(given):
        if heading.casefold() in seen:
            continue
        seen.add(heading.casefold())
        purpose, keyword = purpose_of(heading, keywords, pool[number % len(pool)])
        out.append((purpose, heading, keyword))
    faq = [s for s in out if s[0] == "faq"][:1] or [("faq", "Frequently asked questions", None)]
    close = [s for s in out if s[0] == "close"][:1]
    body = [s for s in out if s[0] not in {"faq", "close"}]
    covered = {k.keyword for _, _, k in body if k}
    for keyword in keywords[1:]:
        if keyword.asks and keyword.keyword not in covered and keyword.heading.casefold() not in seen:
            body.append(("keyword", keyword.heading, keyword))
    return [*body, *(close or [("close", _closing(seen, pen), None)]), *faq]


def _closing(seen: set[str], pen: Pen) -> str:
    return next((h for h in ("The next step", "Where to go from here", "Putting it together") if h.casefold() not in seen), "To close")


def _answer(facts: dict[str, Any], keywords: list[Phrase], writer: "Writer") -> dict[str, Any]:
    primary = keywords[0]
    pen = writer.pen
    title = shortened(" ".join((facts.get("title") or "").split()), 158) or make_title(primary, pen, set())
    if len(title) < 5:
        title = f"About {title}"
    body = "\n".join(section.html for section in writer.sections)
    cluster = facts.get("cluster") or {}
    category = " ".join((cluster.get("name") or "").split()) or capitalised(shortened(primary.shown, 60))
    return {
        "title": title,
        "html": body,
        "excerpt": shortened(pen.say("excerpt"), 300),
        "meta_title": meta_title(title, primary),
        "meta_description": meta_description(primary, pen),
        "primary_keyword": facts["primary_keyword"],
        "secondary_keywords": [k.keyword for k in keywords[1:]],
        "tags": list(dict.fromkeys(shortened(k.shown, 60) for k in keywords))[:6],
        "categories": [shortened(category, 70)],
        "faq": [{"question": q, "answer": a} for q, a in writer.faq],
    }


def meta_title(title: str, primary: Phrase) -> str:
    """At most 60 characters: the title, its part before the colon, or the keyword as a title."""
    choices = [title, title.split(": ")[0], title.split("? ")[0] + "?" if "? " in title else title, primary.title]
    fitting = [c for c in choices if 20 <= len(c) <= 60]
    if fitting:
        return fitting[0]
    short = next((c for c in choices if len(c) <= 60), "")
    if short:
        return next((f"{short}{end}" for end in (": A Practical Guide", ": What to Know", ": Guide") if len(short) + len(end) <= 60), short)
    return shortened(primary.title, 60)


def meta_description(primary: Phrase, pen: Pen) -> str:
    """120 to 155 characters about the primary keyword."""
    topic = shortened(primary.topic, 70)
    tries: list[str] = []
    templates = pen.draw("meta"), pen.draw("meta"), pen.draw("meta")
    for _ in range(14):
        tries += [capitalised(pen.write(t, meta=topic)) for t in templates]
    fitting = [t for t in tries if 120 <= len(t) <= 155]
    if fitting:
        return fitting[0]
    longer = min((t for t in tries if len(t) > 155), key=len, default="")
    if longer:
        return shortened(longer, 154) + "."
    text = max(tries, key=len)
    return f"{text} In plain words and without hype." if len(text) <= 118 else text


def escaped(text: str) -> str:
    return html.escape(text, quote=False)


def word_count(text: str) -> int:
    return len(WORD.findall(text))


__all__ = ["Section", "write_article"]
