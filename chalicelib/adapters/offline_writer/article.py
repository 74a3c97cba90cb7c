"""Composes an article from its facts: sections with paragraphs, tables, lists and an FAQ, to the length asked for."""

import json
from typing import Any

from chalicelib.adapters.offline_writer.blocks import plain
from chalicelib.adapters.offline_writer.grammar import Phrase, read, shortened
from chalicelib.adapters.offline_writer.ideas import make_title, points_of
from chalicelib.adapters.offline_writer.naming import in_text
from chalicelib.adapters.offline_writer.outline import LISTS, PURPOSES, compose, purpose_of
from chalicelib.adapters.offline_writer.phrases import Pen, capitalised, seeded, sentences
from chalicelib.adapters.offline_writer.sections import Writer
from chalicelib.adapters.offline_writer.subjects import domain_of

DEFAULT_WORDS, LEAST_WORDS = 900, 200
MOST_SECTIONS, WORDS_PER_SECTION = 12, 100
INTRODUCTION = "(introduction)"  # what a plan has instead of a heading above the first section
# What an article is about, whichever part of it is asked for.
ABOUT = frozenset({
    "title", "description", "content_type", "content_structure", "primary_keyword", "keywords", "outline", "brief", "cta", "word_count",
    "audience", "tone", "language", "market", "cluster", "cluster_keywords", "site", "author", "strategy", "links", "instructions",
    "present_text",
})  # fmt: skip
TOO_LONG = 1.15  # of the words asked for: then everything that can be shorter is tried shorter


def write_article(facts: dict[str, Any], seed: str) -> dict[str, Any]:
    """Answer of `generate_content`: 90 to 120 % of `facts["word_count"]` from 400 words up, unless the outline alone needs more.

    `facts["part"]` names the part that is wanted of an article that is written in parts.
    """
    part = facts.get("part")
    return written_part(facts, str(part)) if part else _answer(facts, composed(facts, seed))


def composed(
    facts: dict[str, Any],
    seed: str,
    plan: list[dict[str, Any]] | None = None,
    *,
    room: int = MOST_SECTIONS,
    said: frozenset[str] = frozenset(),
) -> Writer:
    """The whole article, as long as it was asked for. plan: its sections with their words and keywords, where that was planned; room:
    the most sections, where none are given; said: sentences that it is not to use."""
    asked = max(LEAST_WORDS, int(facts.get("word_count") or DEFAULT_WORDS))
    keywords = phrases(facts)
    drafts = []
    for brevity in range(4):
        drafts.append(_written(facts, seed, keywords, asked, brevity, plan, room, said))
        if drafts[-1].words <= TOO_LONG * asked:
            break
    return min(drafts, key=lambda d: abs(d.words - asked))


def phrases(facts: dict[str, Any]) -> list[Phrase]:
    """The article's keywords, the primary first, each once."""
    named = {name.casefold().strip(): name for name in reversed([facts["primary_keyword"], *facts.get("keywords", ())])}
    named.pop(facts["primary_keyword"].casefold().strip())
    return [read(facts["primary_keyword"]), *(read(name) for name in reversed(named.values()))]


def _written(
    facts: dict[str, Any],
    seed: str,
    keywords: list[Phrase],
    asked: int,
    brevity: int,
    plan: list[dict[str, Any]] | None,
    room: int,
    said: frozenset[str],
) -> Writer:
    primary = keywords[0]
    subject = in_text(plain((facts.get("cluster") or {}).get("name"))) or primary.topic
    siblings = sorted({k["keyword"] for k in facts.get("cluster_keywords", ())} | {primary.keyword})
    domain = domain_of(primary.shown, [k.shown for k in keywords], subject)
    pen = Pen(seed, subject, siblings.index(primary.keyword) / len(siblings), {}, domain)
    pen.said = said
    writer = Writer(pen, facts, keywords, subject, domain, brevity)
    sections = _outline(facts, keywords, min(asked, WORDS_PER_SECTION * room), pen, seed)
    writer.open_with_intro()
    for purpose, heading, keyword in sections:
        writer.begin(purpose, heading, keyword)
    if not any(s.purpose in LISTS for s in writer.sections):
        writer.add_list_somewhere()
    writer.link()
    if plan is None:
        writer.cover_all()
        writer.fill(asked)
    else:
        writer.cover({plain(s["heading"]): s.get("keywords") or [] for s in plan})
        writer.fill_to({"" if s["heading"] == INTRODUCTION else plain(s["heading"]): int(s["words"]) for s in plan})
    return writer


def _outline(facts: dict[str, Any], keywords: list[Phrase], asked: int, pen: Pen, seed: str) -> list[tuple[str, str, Phrase | None]]:
    """The outline given, with what an article must have added: a section per question, a closing, an FAQ at the end."""
    given = [heading for section in facts.get("outline") or () if (heading := plain(section.get("heading")))]
    if not given:
        return compose(keywords, asked, pen, seeded("outline", seed), title=plain(facts.get("title")))
    pool = [p for group in PURPOSES[keywords[0].kind] for p in group if p not in LISTS]
    found = [
        (*purpose_of(heading, keywords, pool[at % len(pool)]), heading) for at, heading in enumerate(given) if heading not in given[:at]
    ]
    endings = {"close": "Where to go from here", "faq": "Frequently asked questions"}
    last = {purpose: heading for purpose, _, heading in found if purpose in endings}
    body = []
    for at, (purpose, keyword, heading) in enumerate(found):
        if purpose in endings and last[purpose] != heading:  # "In short: how much does it cost?" sounds like a closing and is none
            purpose, keyword = purpose_of(heading.partition(": ")[2] or heading, keywords, pool[at % len(pool)])
            purpose = pool[at % len(pool)] if purpose in endings else purpose
        if last.get(purpose) != heading:
            body.append((purpose, heading, keyword))
    covered = {keyword.keyword for _, _, keyword in body if keyword}
    headings = {heading.casefold() for heading in given}
    for keyword in keywords[1:]:
        if keyword.asks and keyword.keyword not in covered and keyword.heading.casefold() not in headings:
            body.append(("keyword", keyword.heading, keyword))
    return [*body, *((end, last.get(end, endings[end]), None) for end in endings)]


def _answer(facts: dict[str, Any], writer: Writer) -> dict[str, Any]:
    return {**_fields(facts, writer), "html": "\n".join(section.html for section in writer.sections)}


def _fields(facts: dict[str, Any], writer: Writer) -> dict[str, Any]:
    primary, pen = writer.primary, writer.pen
    title = shortened(" ".join(str(facts.get("title") or "").split()), 158) or make_title(primary, pen, set())
    category = plain((facts.get("cluster") or {}).get("name")) or capitalised(primary.shown)
    return {
        "title": title if len(title) >= 5 else f"About {title}",
        "excerpt": shortened(pen.say("excerpt", topic=primary.topic), 300),
        "meta_title": meta_title(title, primary),
        "meta_description": meta_description(primary, pen),
        "primary_keyword": facts["primary_keyword"],
        "secondary_keywords": [k.keyword for k in writer.keywords[1:]][:60],
        "tags": list(dict.fromkeys(shortened(k.shown, 60) for k in writer.keywords))[:6],
        "categories": [shortened(category, 70)],
        "faq": [{"question": question, "answer": answer} for question, answer in writer.faq],
    }


def written_part(facts: dict[str, Any], part: str) -> dict[str, Any]:
    """The outline, one section, the rest or the FAQ of the article that these facts make, the same article whichever part is wanted."""
    about = {name: value for name, value in facts.items() if name in ABOUT}
    if part == "outline":
        return _planned(about, int(facts["sections_most"]))
    planned = [{"heading": s["heading"], "points": s.get("points") or []} for s in facts["plan"] if s["heading"] != INTRODUCTION]
    asked_for = [s for s in about.get("outline") or () if purpose_of(plain(s.get("heading")), (), "")[0] == "faq"]
    whole = {**about, "outline": [*planned, *asked_for[-1:]]}
    writer = composed(whole, _seed(whole), facts["plan"], said=_said(facts))
    if part == "section":
        section = writer.sections[0]
        if facts["section_heading"] != INTRODUCTION:
            section = next((s for s in writer.sections if s.heading == plain(facts["section_heading"])), section)
        body = "\n".join(block.html for block in section.blocks)
        said = next((b.text for b in section.blocks if b.text), section.heading)
        return {"html": body, "summary": shortened(f"About {section.heading or writer.primary.topic}: {said}", 400)}
    if part == "rest":
        writer.ask_more(int(facts["faq_count"]))
    fields = _fields(whole, writer)
    if part == "faq":
        return {"faq": fields["faq"]}
    return {**fields, "faq_heading": next(s.heading for s in writer.sections if s.purpose == "faq")}


def _planned(about: dict[str, Any], most: int) -> dict[str, Any]:
    """The outline of the article: its headings with the words that their sections have and the keywords they deal with."""
    given = {plain(s.get("heading")): s.get("points") or [] for s in about.get("outline") or ()}
    writer = composed(about, _seed(about), room=most)
    own = [s for s in writer.sections if s.heading and s.purpose != "faq"]
    homes: dict[str, list[str]] = {s.heading: [s.keyword.keyword] if s.keyword else [] for s in own}
    for phrase in writer.keywords:
        if not any(phrase.keyword in found for found in homes.values()):
            stems = {w[:4] for w in plain(phrase.keyword).casefold().split()}
            best = max(own, key=lambda s: sum(stem in f"{s.heading} {s.html}".casefold() for stem in stems))
            homes[best.heading].append(phrase.keyword)
    return {
        "sections": [
            {
                "heading": s.heading,
                "points": [str(p) for p in given.get(s.heading, [])][:12] or points_of(s.purpose, writer.pen),
                "words": s.words,
                "keywords": homes[s.heading],
            }
            for s in own
        ]
    }


def _said(facts: dict[str, Any]) -> frozenset[str]:
    """Of an article that is finished but for this section: the sentences it has elsewhere."""
    texts = facts.get("written_text", ()) if facts.get("section_present") else ()
    return frozenset(one.strip().casefold() for text in texts for line in text.split("\n") for one in sentences(line))


def _seed(facts: dict[str, Any]) -> str:
    return json.dumps(facts, sort_keys=True, ensure_ascii=False, default=str)


def meta_title(title: str, primary: Phrase) -> str:
    """20 to 60 characters: the title, its part before the colon or question mark, or the keyword as a title with an addition."""
    parts = [title, title.split(": ")[0], title.split("? ")[0] + "?" if "? " in title else title, primary.title]
    for choice in parts:
        if 20 <= len(choice) <= 60:
            return choice
    short = next((part for part in parts if len(part) < 20), shortened(primary.title, 60))
    if len(short) >= 20:
        return short
    return f"{short} What to Know" if short.endswith("?") else f"{short}: A Practical Guide"


def meta_description(primary: Phrase, pen: Pen) -> str:
    """120 to 155 characters with the primary keyword."""
    says_all = all(word[:4] in primary.topic.casefold() for word in primary.shown.casefold().split() if len(word) > 3)
    about = primary.topic if says_all and not primary.asks else f"\u201c{primary.heading}\u201d"
    about = primary.shown if primary.sides else about
    templates = [pen.draw("meta"), pen.draw("meta"), pen.draw("meta")]
    tries = [capitalised(pen.write(template, meta=shortened(about, 66))) for _ in range(14) for template in templates]
    fitting = [text for text in tries if 120 <= len(text) <= 155]
    if fitting:
        return fitting[0]
    longer = min((text for text in tries if len(text) > 155), key=len, default="")
    return f"{shortened(longer, 154)}." if longer else f"{max(tries, key=len)} In plain words, without hype."
