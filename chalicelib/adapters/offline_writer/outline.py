"""Which sections an article has, by kind of search; and what a given heading wants to be about."""

import re
from collections.abc import Sequence
from functools import lru_cache
from random import Random

from chalicelib.adapters.offline_writer.grammar import WORD, Phrase
from chalicelib.adapters.offline_writer.phrases import Pen, capitalised, variants

# What makes the article of each kind; the first ones always, the others drawn.
_WANTED = {
    "how_to": (
        "steps mistakes",
        "plan trouble timing upkeep domain check quality safety needs sources",
    ),
    "instructions": (
        "steps trouble",
        "plan mistakes timing domain check explain alternatives upkeep quality",
    ),
    "comparison": (
        "criteria fit",
        "compare needs cost ask alternatives quality domain sources mistakes explain",
    ),
    "best": (
        "criteria",
        "needs quality compare cost mistakes ask check alternatives domain fit sources upkeep",
    ),
    "review": (
        "criteria sources",
        "fit quality cost ask alternatives upkeep domain compare check needs",
    ),
    "question": (
        "explain",
        "domain sources mistakes timing trouble safety check quality alternatives plan criteria",
    ),
    "definition": (
        "explain",
        "fit domain compare mistakes sources criteria quality alternatives ask needs",
    ),
    "cost": (
        "cost criteria",
        "ask compare alternatives mistakes needs timing check quality domain plan",
    ),
    "local": (
        "criteria ask",
        "needs quality cost plan check sources domain mistakes timing safety",
    ),
    "phrase": (
        "",
        "criteria needs domain mistakes quality explain plan check upkeep compare fit timing ask cost",
    ),
}
PURPOSES = {kind: (tuple(must.split()), tuple(may.split())) for kind, (must, may) in _WANTED.items()}
STRUCTURES = {
    "how_to": "guide",
    "instructions": "guide",
    "comparison": "comparison",
    "best": "listicle",
    "review": "review",
    "question": "article",
    "definition": "article",
    "cost": "guide",
    "local": "landing_page",
    "phrase": "article",
}
LISTS = ("criteria", "steps", "mistakes", "check", "ask", "intents")
LONGEST_HEADING = 86
EARLY = ("explain", "needs", "plan", "fit", "intents")
LATE = ("mistakes", "check", "ask", "alternatives", "upkeep", "sources")

# For outlines that others wrote: words that show what a section is about, tried in this order.
SIGNS = (
    ("faq", r"\bfaqs?\b|frequently asked|questions and answers"),
    ("close", r"conclusion|next step|summary|in short|takeaway|wrap|final thoughts"),
    ("check", r"checklist"),
    ("mistakes", r"mistake|pitfall|avoid|myth"),
    ("ask", r"questions to ask|what to ask|ask before"),
    ("steps", r"step|how to|instructions|method|process|tutorial"),
    ("cost", r"\bcost|price|pricing|budget|worth|money|value"),
    ("trouble", r"troubleshoot|problem|wrong|fix|issue|fail"),
    ("safety", r"safe|risk|danger|side effect|warning|limits"),
    ("timing", r"\bwhen\b|how often|how long|timing|frequency|schedule|time"),
    ("upkeep", r"maintain|maintenance|upkeep|care|clean|last"),
    ("criteria", r"compare|criteria|look for|features|factors|key differences|at a glance|table"),
    ("compare", r"versus|\bvs\b|compar|differen"),
    ("alternatives", r"alternativ|other (?:ways|options)|instead"),
    ("quality", r"quality|signs|recogni|good|best"),
    ("fit", r"who |right for you|suit|fits|ideal for|beginner"),
    ("sources", r"review|source|trust|evidence|research|believe"),
    ("plan", r"plan|prepar|before you|get started|getting started|setup|set up"),
    ("needs", r"need|requirement|goals?"),
    ("explain", r"what is|what are|explained|basics|understand|introduction|overview|meaning|works|why"),
)


def compose(
    keywords: Sequence[Phrase], word_count: int, pen: Pen, random: Random, *, title: str = ""
) -> list[tuple[str, str, Phrase | None]]:
    """(purpose, heading, keyword or None) of each section in reading order; the last two are the closing and the FAQ.

    keywords: the article's, the primary first.
    """
    primary, others = keywords[0], keywords[1:]
    room = max(3, min(11, round(word_count / 125)))
    must, may = PURPOSES[primary.kind]
    generic = list(must)
    wanted = max(2, room - len(others) - 1)
    pool = [p for p in may if p not in generic]
    random.shuffle(pool)
    if not must:  # at least one list or table
        generic.append(random.choice([p for p in pool if p in LISTS]))
    generic += [p for p in pool if p not in generic][: max(0, wanted - len(generic))]
    if len(others) >= 3 and random.random() < 0.4 and len(generic) > 2:
        generic[-1] = "intents"
    early, late = [p for p in generic if p in EARLY], [p for p in generic if p in LATE]
    middle = [p for p in generic if p not in early and p not in late]
    told: list[tuple[str, Phrase | None]] = [("keyword", primary)] if primary.kind in {"question", "definition"} else []
    told += [(p, None) for p in early]
    between: list[tuple[str, Phrase | None]] = [("keyword", k) for k in others]
    for purpose in middle:
        between.insert(random.randint(0, len(between)), (purpose, None))
    told += [*between, *((p, None) for p in late), ("close", None), ("faq", None)]
    used = {_key(title)}
    out: list[tuple[str, str, Phrase | None]] = []
    main = next((p for p in must if p != "explain"), "") if primary.kind not in {"question", "definition"} else ""
    main = main or (next((p for p, _ in told if p != "keyword"), "") if primary.kind not in {"question", "definition"} else "")
    for purpose, keyword in told:
        heading = keyword_heading(keyword, pen, main=keyword is primary) if keyword else _unused(f"heading/{purpose}", used, pen)
        named = f"{heading.rstrip('?')}: {primary.heading[0].lower() + primary.heading[1:] if primary.kind == 'how_to' else primary.shown}"
        if (purpose == main and keyword is None and len(named) <= LONGEST_HEADING) or _key(heading) in used:
            heading = named if keyword is None else f"{heading.rstrip('?')}: the details"
        used.add(_key(heading))
        out.append((purpose, heading, keyword))
    return out


def _key(heading: str) -> str:
    return heading.casefold().strip(" ?.:")


def _unused(bank: str, used: set[str], pen: Pen) -> str:
    choices = [h for h in variants(bank) if _key(h) not in used]
    return pen.random.choice(choices or list(variants(bank)))


def keyword_heading(keyword: Phrase, pen: Pen, *, main: bool = False) -> str:
    """The heading of a keyword's own section: the question itself, or the keyword with what is said about it."""
    if main:
        return capitalised(pen.write(pen.random.choice(list(variants("heading/short"))), kw=keyword.heading))
    if keyword.asks:
        return keyword.heading
    bank = f"heading/kw-{keyword.kind}" if keyword.kind in {"best", "review", "cost", "comparison"} else "heading/kw-phrase"
    shown = keyword.shown if len(keyword.shown) <= LONGEST_HEADING else keyword.heading
    return capitalised(pen.write(pen.random.choice(list(variants(bank))), kw=shown, np=keyword.topic))


@lru_cache(maxsize=1)
def _own_headings() -> dict[str, str]:
    names = {p for must, may in PURPOSES.values() for p in (*must, *may)} | {"intents", "close", "faq"}
    return {h.casefold(): name for name in sorted(names) for h in variants(f"heading/{name}")}


def purpose_of(heading: str, keywords: Sequence[Phrase], default: str) -> tuple[str, Phrase | None]:
    """What a given heading is about: a keyword of the article, one of our purposes, or `default`."""
    plain = heading.casefold().strip()
    if own := _own_headings().get(plain) or _own_headings().get(plain.split(": ")[0]) or _own_headings().get(plain.split(": ")[0] + "?"):
        return own, None
    present = set(WORD.findall(heading.casefold()))
    for keyword in sorted(keywords, key=lambda k: -len(k.shown)):
        if keyword.heading.casefold().strip(" ?") in heading.casefold() or set(WORD.findall(keyword.shown.casefold())) <= present:
            return "keyword", keyword
    for purpose, sign in SIGNS:
        if re.search(sign, heading, re.IGNORECASE):
            return purpose, None
    return default, None
