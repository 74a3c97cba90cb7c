"""Names and describes clusters of keywords: the words a cluster shares and its neighbours do not."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from chalicelib.adapters.offline_writer.grammar import MARKUP, WORD, capitalised, shortened, title_case, with_capitals
from chalicelib.adapters.offline_writer.phrases import Pen, words

# Words that say what kind of search it is, not what it is about.
FRAME = frozenset(
    """best top cheap cheapest good better review reviews vs versus how to what is are why when where which who can do does should much many long often near me
    my your you i it that this with without for from in on at of the a an and or by under over after before near into worth really actually get make use using
    online guide tips ideas free 2024 2025 2026 2027 tiny compared comparison""".split()
)


def name_clusters(facts: dict[str, Any], seed: str) -> dict[str, Any]:
    """Answer of `auto_cluster`."""
    clusters = facts["clusters"]
    spread: Counter[str] = Counter()  # in how many clusters a candidate occurs
    candidates = {c["key"]: _candidates(k["keyword"] for k in c["keywords"]) for c in clusters}
    for found in candidates.values():
        spread.update(found.keys())
    taken = {name.casefold() for name in facts.get("taken_names", ())}
    named: dict[str, dict[str, str]] = {}
    for cluster in sorted(clusters, key=lambda c: (-len(c["keywords"]), c["key"])):
        keywords = [k["keyword"] for k in cluster["keywords"]]
        name = _name(candidates[cluster["key"]], spread, len(clusters), keywords, taken)
        taken.add(name.casefold())
        named[cluster["key"]] = {"key": cluster["key"], "name": name, "description": _description(name, cluster, seed)}
    return {"clusters": [named[c["key"]] for c in clusters]}


def _tokens(keyword: str) -> list[str]:
    return [w for w in WORD.findall(with_capitals(MARKUP.sub(" ", keyword)))][:20]


def _candidates(keywords: Iterable[str]) -> dict[str, float]:
    """Phrases of one to three words without frame words at either end -> in how many keywords they occur, longer ones counting more."""
    found: dict[str, float] = {}
    for keyword in keywords:
        tokens = _tokens(keyword)
        spans = {" ".join(tokens[i : i + n]) for n in (1, 2, 3) for i in range(len(tokens) - n + 1) if _nameable(tokens[i : i + n])}
        for span in spans:
            key = _singular(span)
            found[key] = found.get(key, 0.0) + 1.0
    return found


def _nameable(tokens: list[str]) -> bool:
    edges = (tokens[0].lower(), tokens[-1].lower())
    return not any(e in FRAME or e.isdigit() or len(e) < 2 for e in edges) and edges[-1] not in words("small")


def _singular(span: str) -> str:
    head, _, last = span.rpartition(" ")
    low = last.lower()
    if low.endswith("s") and not low.endswith(("ss", "us", "is", "ies", "es")) and len(low) > 3:
        last = last[:-1]
    return f"{head} {last}".strip()


def _name(found: dict[str, float], spread: Counter[str], clusters: int, keywords: list[str], taken: set[str]) -> str:
    size = len(keywords)

    def worth(candidate: str) -> tuple[float, int, str]:
        share = found[candidate] / size
        distinct = 1.0 / spread[candidate] if clusters > 1 else 1.0
        length = (1.0, 1.55, 1.6)[candidate.count(" ")]
        return (share * length * (0.25 + distinct), -len(candidate), candidate)

    ranked = sorted(found, key=worth, reverse=True)
    shared = [c for c in ranked if found[c] > 1 or size == 1]
    for candidate in shared or ranked:
        name = title_case(_as_written(candidate, keywords))
        if name.casefold() not in taken:
            other = next((c for c in shared[:12] if found[c] >= 0.25 * size and not _overlap(c, candidate) and spread[c] < clusters), "")
            joint = f"{name} and {title_case(_as_written(other, keywords))}" if other and found[candidate] < 0.6 * size else name
            return joint if joint.casefold() not in taken and len(joint.split()) <= 4 else name
    base = title_case(shortened(with_capitals(MARKUP.sub(" ", keywords[0]).strip()), 50)) or "Searches"
    name, count = base, 1
    while name.casefold() in taken:
        count += 1
        name = f"{base}, Part {count}"
    return capitalised(name) if len(name) > 1 else f"{name} Searches"


def _overlap(one: str, other: str) -> bool:
    return bool({w[:5].lower() for w in one.split()} & {w[:5].lower() for w in other.split()})


def _as_written(candidate: str, keywords: list[str]) -> str:
    """The plural when the keywords use it at least as often."""
    plural = f"{candidate}s"
    text = " | ".join(" ".join(_tokens(k)) for k in keywords)
    return plural if text.count(plural) * 2 >= text.count(candidate) > 0 else candidate


def _description(name: str, cluster: dict[str, Any], seed: str) -> str:
    intents = Counter(k.get("intent") or "informational" for k in cluster["keywords"]).most_common(2)
    example = max((k["keyword"] for k in cluster["keywords"]), key=lambda k: (len(k.split()) in range(2, 7), -len(k)))
    pen = Pen(seed, seed, 0.0, {})
    pen.random.seed(f"{seed}{cluster['key']}")
    aims = " and ".join(dict.fromkeys(pen.say(f"aim/{i}") if f"aim/{i}" in _aims() else "practical know-how" for i, _ in intents))
    slots = {"subject": in_text(name), "example": shortened(with_capitals(MARKUP.sub(" ", example)), 80), "aims": aims[:1].lower() + aims[1:]}
    order = Pen(f"{seed}{cluster['key']}", f"{seed}{cluster['key']}", 0.0, slots)
    return order.say("cluster")


def _aims() -> set[str]:
    return {"aim/informational", "aim/commercial", "aim/transactional", "aim/navigational"}


def in_text(name: str) -> str:
    """A cluster's name in running text: `Coffee Grinders` -> `coffee grinders`, names and abbreviations kept."""
    lower = " ".join(w if w.isupper() and len(w) > 1 else w.lower() for w in MARKUP.sub(" ", name).split())
    return with_capitals(lower) if lower == lower.lower() else " ".join(with_capitals(w) for w in lower.split())
