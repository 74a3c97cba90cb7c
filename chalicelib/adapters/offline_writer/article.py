"""Composes an article from its facts: sections with paragraphs, tables, lists and an FAQ, to the length asked for."""

from typing import Any

from chalicelib.adapters.offline_writer.grammar import Phrase, read, shortened
from chalicelib.adapters.offline_writer.ideas import make_title
from chalicelib.adapters.offline_writer.naming import in_text
from chalicelib.adapters.offline_writer.outline import LISTS, PURPOSES, compose, purpose_of
from chalicelib.adapters.offline_writer.phrases import Pen, capitalised, seeded
from chalicelib.adapters.offline_writer.sections import Writer, plain
from chalicelib.adapters.offline_writer.subjects import domain_of

DEFAULT_WORDS, LEAST_WORDS = 900, 200
TOO_LONG = 1.15  # of the words asked for: then everything that can be shorter is tried shorter


def write_article(facts: dict[str, Any], seed: str) -> dict[str, Any]:
    """Answer of `generate_content`: 90 to 120 % of `facts["word_count"]` from 400 words up, unless the outline alone needs more."""
    asked = max(LEAST_WORDS, int(facts.get("word_count") or DEFAULT_WORDS))
    named = {name.casefold().strip(): name for name in reversed([facts["primary_keyword"], *facts.get("keywords", ())])}
    named.pop(facts["primary_keyword"].casefold().strip())
    keywords = [read(facts["primary_keyword"]), *(read(name) for name in reversed(named.values()))]
    drafts = []
    for brevity in range(4):
        drafts.append(_written(facts, seed, keywords, asked, brevity))
        if drafts[-1].words <= TOO_LONG * asked:
            break
    return _answer(facts, min(drafts, key=lambda d: abs(d.words - asked)))


def _written(facts: dict[str, Any], seed: str, keywords: list[Phrase], asked: int, brevity: int) -> Writer:
    primary = keywords[0]
    subject = in_text(plain((facts.get("cluster") or {}).get("name"))) or primary.topic
    siblings = sorted({k["keyword"] for k in facts.get("cluster_keywords", ())} | {primary.keyword})
    domain = domain_of(primary.shown, [k.shown for k in keywords], subject)
    pen = Pen(seed, subject, siblings.index(primary.keyword) / len(siblings), {}, domain)
    writer = Writer(pen, facts, keywords, subject, domain, brevity)
    sections = _outline(facts, keywords, asked, pen, seed)
    writer.open_with_intro()
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
    given = [heading for section in facts.get("outline") or () if (heading := plain(section.get("heading")))]
    if not given:
        return compose(keywords, asked, pen, seeded("outline", seed), title=plain(facts.get("title")))
    pool = [p for group in PURPOSES[keywords[0].kind] for p in group if p not in LISTS]
    found = [
        (*purpose_of(heading, keywords, pool[at % len(pool)]), heading) for at, heading in enumerate(given) if heading not in given[:at]
    ]
    body = [(purpose, heading, keyword) for purpose, keyword, heading in found if purpose not in {"faq", "close"}]
    covered = {keyword.keyword for _, _, keyword in body if keyword}
    headings = {heading.casefold() for heading in given}
    for keyword in keywords[1:]:
        if keyword.asks and keyword.keyword not in covered and keyword.heading.casefold() not in headings:
            body.append(("keyword", keyword.heading, keyword))
    endings = {"close": "Where to go from here", "faq": "Frequently asked questions"}
    ends = [(end, next((heading for purpose, _, heading in found if purpose == end), endings[end]), None) for end in endings]
    return [*body, *ends]


def _answer(facts: dict[str, Any], writer: Writer) -> dict[str, Any]:
    primary, pen = writer.primary, writer.pen
    title = shortened(" ".join(str(facts.get("title") or "").split()), 158) or make_title(primary, pen, set())
    category = plain((facts.get("cluster") or {}).get("name")) or capitalised(primary.shown)
    return {
        "title": title if len(title) >= 5 else f"About {title}",
        "html": "\n".join(section.html for section in writer.sections),
        "excerpt": shortened(pen.say("excerpt", topic=primary.topic), 300),
        "meta_title": meta_title(title, primary),
        "meta_description": meta_description(primary, pen),
        "primary_keyword": facts["primary_keyword"],
        "secondary_keywords": [k.keyword for k in writer.keywords[1:]][:60],
        "tags": list(dict.fromkeys(shortened(k.shown, 60) for k in writer.keywords))[:6],
        "categories": [shortened(category, 70)],
        "faq": [{"question": question, "answer": answer} for question, answer in writer.faq],
    }


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
