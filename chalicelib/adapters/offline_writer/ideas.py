"""Plans articles for a cluster: a different primary keyword each, the other keywords spread, a structure by what the search wants."""

from collections.abc import Sequence
from typing import Any

from chalicelib.adapters.offline_writer.grammar import WORD, Phrase, read, shortened, title_case
from chalicelib.adapters.offline_writer.naming import in_text
from chalicelib.adapters.offline_writer.outline import STRUCTURES, compose
from chalicelib.adapters.offline_writer.phrases import Pen, banks, seeded, words
from chalicelib.adapters.offline_writer.subjects import domain_of

# Kinds whose search is clearest come first as primary keywords, so that a cluster's ideas differ in structure.
PRIORITY = {
    "how_to": 3,
    "best": 3,
    "comparison": 3,
    "question": 2,
    "cost": 2,
    "review": 2,
    "local": 2,
    "definition": 2,
    "instructions": 2,
    "phrase": 1,
}
SHORTEST_TITLE, LONGEST_TITLE = 5, 72


def plan_ideas(facts: dict[str, Any], seed: str) -> dict[str, Any]:
    """Answer of `generate_ideas`."""
    listed = {k["keyword"].casefold().strip(): k for k in reversed(facts["keywords"])}
    given = [k for k in facts["keywords"] if listed[k["keyword"].casefold().strip()] is k]
    count = max(1, min(int(facts["count"]), len(given)))
    phrases = {k["keyword"]: read(k["keyword"]) for k in given}
    primaries = _primaries(given, phrases, count)
    groups = _spread([k["keyword"] for k in given], primaries)
    taken = {t.casefold() for t in facts.get("taken_titles", ())}
    ideas = []
    for number, primary in enumerate(primaries):
        idea = _idea(facts, [phrases[k] for k in groups[primary]], taken, seed, number / len(primaries))
        taken.add(idea["title"].casefold())
        ideas.append(idea)
    return {"ideas": ideas}


def _primaries(given: Sequence[dict[str, Any]], phrases: dict[str, Phrase], count: int) -> list[str]:
    """Greedily the clearest, most searched keyword whose kind and words are least used so far."""
    chosen: list[str] = []
    left = [k["keyword"] for k in given]
    volume = {k["keyword"]: k.get("volume") or 0 for k in given}
    highest = max(volume.values(), default=0) or 1

    def worth(keyword: str) -> tuple[float, str]:
        kind = phrases[keyword].kind
        same = sum(phrases[c].kind == kind for c in chosen)
        near = max((_likeness(keyword, c) for c in chosen), default=0.0)
        return (PRIORITY[kind] / (1 + same) + volume[keyword] / highest - 1.5 * near, keyword)

    while len(chosen) < count:
        best = max(left, key=worth)
        chosen.append(best)
        left.remove(best)
    return chosen


def _content_words(keyword: str) -> set[str]:
    return {w[:6] for w in WORD.findall(keyword.casefold()) if w not in words("frame")}


def _likeness(one: str, other: str) -> float:
    a, b = _content_words(one), _content_words(other)
    return len(a & b) / len(a | b) if a | b else 0.0


def _spread(keywords: Sequence[str], primaries: Sequence[str]) -> dict[str, list[str]]:
    """Each keyword to the idea it is most like, none much larger than the others; the primary first."""
    groups = {p: [p] for p in primaries}
    most = -(-len(keywords) // len(primaries)) + 1
    for keyword in keywords:
        if keyword not in groups:
            free = [p for p in primaries if len(groups[p]) < most] or list(primaries)
            groups[max(free, key=lambda p: (_likeness(keyword, p), -len(groups[p])))].append(keyword)
    return groups


def _idea(facts: dict[str, Any], keywords: list[Phrase], taken: set[str], seed: str, place: float) -> dict[str, Any]:
    primary = keywords[0]
    subject = in_text(facts["cluster"]["name"]) or primary.topic
    site = (facts.get("site") or {}).get("name") or "our site"
    intents = {k["keyword"]: k.get("intent") for k in facts["keywords"]}
    pen = Pen(
        f"{seed}{primary.keyword}", seed, place,
        {"topic": primary.topic, "subject": subject, "search": primary.quoted, "site": site, "aims": _aim(intents.get(primary.keyword))},
    )  # fmt: skip
    random = seeded("idea", seed, primary.keyword)
    title = make_title(primary, pen, taken)
    words = min(1500, 560 + 90 * len(keywords) + 20 * random.randint(0, 7))
    sections = compose(keywords, words, pen, random, title=title)
    structure = STRUCTURES[primary.kind]
    if primary.kind == "phrase" and intents.get(primary.keyword) == "transactional":
        structure = "landing_page"
    elif primary.kind == "phrase" and domain_of(primary.shown, (k.shown for k in keywords), subject) in {"care", "skill", "food"}:
        structure = "guide"
    audience = facts.get("audience") or "readers"
    return {
        "title": title,
        "description": pen.say("description"),
        "content_type": "page" if structure == "landing_page" else "post",
        "content_structure": structure,
        "primary_keyword": primary.keyword,
        "keywords": [k.keyword for k in keywords],
        "audience": shortened(audience, 290),
        "tone": shortened(facts.get("tone") or "clear and practical", 190),
        "outline": [{"heading": shortened(h, 180), "points": points_of(p, pen)} for p, h, _ in sections],
        "brief": pen.say("brief"),
        "estimated_word_count": words,
        "cta": shortened(pen.say("cta"), 290),
    }


def _aim(intent: str | None) -> str:
    return {"commercial": "help with choosing", "transactional": "a good place to buy or book", "navigational": "the official source"}.get(
        intent or "", "a clear explanation"
    )


def points_of(purpose: str, pen: Pen) -> list[str]:
    """What a section of this purpose says, as an outline names it."""
    name = f"point/{purpose}" if f"point/{purpose}" in banks() else "point/keyword"
    return [pen.write(line) for line in banks()[name]]


def make_title(primary: Phrase, pen: Pen, taken: set[str]) -> str:
    """A natural title around the keyword that is not taken; a number is added only when every form is."""
    base = primary.title if len(primary.title) >= SHORTEST_TITLE else f"About {primary.quoted}"
    kind = primary.kind
    if kind == "how_to" and not primary.heading.lower().startswith("how to"):
        kind = "phrase"
    templates = list(banks()[f"title/{kind}"])
    if kind not in {"how_to", "question", "definition"} or len(templates) > 1:
        templates = [*templates[1:], templates[0]] if pen.random.random() < 0.5 else templates
    base = base if len(base) <= 100 else shortened(base, 100)
    open_end = base if base.endswith("?") else f"{base}:"
    for _ in range(8):
        for template in templates:
            plain = template == "<Kw>"
            title = pen.write(template, kw=base if plain or template.startswith(("<Kw>:", "<Kw> {Without")) else open_end)
            title = title.replace("?:", "?")
            if title.casefold() not in taken and (plain or len(title) <= LONGEST_TITLE):
                return title
    for template in templates:
        title = pen.write(template, kw=base).replace("?:", "?")
        if title.casefold() not in taken:
            return shortened(title, 150)
    number = 2
    while f"{base} ({number})".casefold() in taken:
        number += 1
    return title_case(f"{base} ({number})")
