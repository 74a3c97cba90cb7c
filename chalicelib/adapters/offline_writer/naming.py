"""Names and describes clusters of keywords: the words a cluster shares and its neighbours do not."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from chalicelib.adapters.offline_writer.grammar import MARKUP, WORD, gerund, is_plural, shortened, title_case, with_capitals
from chalicelib.adapters.offline_writer.phrases import Pen, banks, capitalised, words

STEM = 5  # letters that decide whether two words belong together: froth, frother, frothing


def name_clusters(facts: dict[str, Any], seed: str) -> dict[str, Any]:
    """Answer of `auto_cluster`."""
    clusters = {c["key"]: [k["keyword"] for k in c["keywords"]] for c in facts["clusters"]}
    found = {key: _candidates(keywords) for key, keywords in clusters.items()}
    spread = Counter(candidate for counts in found.values() for candidate in counts)
    common = {c for c, n in spread.items() if " " not in c and len(clusters) >= 4 and n >= max(3, 0.4 * len(clusters))}
    taken = {name.casefold() for name in facts.get("taken_names", ())}
    named: dict[str, dict[str, str]] = {}
    for cluster in sorted(facts["clusters"], key=lambda c: (-len(c["keywords"]), c["key"])):
        key = cluster["key"]
        name = _name(clusters[key], found[key], spread, common, taken)
        taken.add(name.casefold())
        named[key] = {"key": key, "name": name, "description": _description(name, cluster, seed)}
    return {"clusters": [named[key] for key in clusters]}


def _tokens(keyword: str) -> list[str]:
    return WORD.findall(with_capitals(MARKUP.sub(" ", keyword)))[:20]


def _stems(text: str) -> str:
    return " ".join((w[:-1] if len(w) > 3 and w.endswith("s") and not w.endswith("ss") else w)[:STEM] for w in text.casefold().split())


def _candidates(keywords: Sequence[str]) -> Counter[str]:
    """Phrases of one to three words, each word cut to its stem, without frame words at either end -> in how many keywords they occur."""
    found: Counter[str] = Counter()
    for keyword in keywords:
        tokens = _tokens(keyword)
        spans = [tokens[i : i + n] for n in (1, 2, 3) for i in range(len(tokens) - n + 1)]
        found.update({_stems(" ".join(span)) for span in spans if _nameable(span)})
    return found


def _nameable(span: Sequence[str]) -> bool:
    edges = {span[0].lower(), span[-1].lower()}
    return not any(e in words("frame") or e in words("small") or e.isdigit() or (len(e) < 2 and e.isascii()) for e in edges)


def _name(keywords: Sequence[str], found: Counter[str], spread: Counter[str], common: set[str], taken: set[str]) -> str:
    size = len(keywords)

    def worth(candidate: str) -> tuple[float, int, str]:
        own = [s for s in candidate.split() if s not in common]
        known = 1.0 if own else 0.35 if " " in candidate else 0.1
        length = (1.0, 1.5, 1.55)[candidate.count(" ")]
        return (found[candidate] / size * length * known * (0.3 + 1 / spread[candidate]), -len(candidate), candidate)

    shared = sorted((c for c in found if found[c] > 1 or size == 1), key=worth, reverse=True)
    for main in [*shared[:25], *sorted(found, key=worth, reverse=True)[:25]]:
        longer = [c for c in shared if main in c.split() and " " in c and found[c] >= max(2, 0.4 * found[main])]
        name = title_case(_written(longer[0] if longer and " " not in main else main, keywords))
        own = set(_stems(name).split())
        choices = [name]
        if found[main] < 0.6 * size or " " not in main or not own - common or name.casefold() in taken:
            single = [c for c in shared[:30] if " " not in c and c not in common and c not in own and found[c] >= 0.2 * size]
            sides = [_joint(name, title_case(_written(c, keywords)), _forms(c, keywords), everywhere=not own - common) for c in single[:2]]
            theme = _theme(keywords, found)
            choices = [theme, *sides, name] if theme else [*sides, name]
        for choice in choices:
            if choice.casefold() not in taken and 1 < len(choice) <= 60 and len(choice.split()) <= 4:
                return choice
    base = title_case(shortened(with_capitals(MARKUP.sub(" ", keywords[0]).strip()), 50)) or "Searches"
    base = base if len(base) > 1 else f"{base} Searches"
    number, name = 1, base
    while name.casefold() in taken:
        number += 1
        name = f"{base}, Part {number}"
    return name


def _theme(keywords: Sequence[str], found: Counter[str]) -> str:
    """Coffee keywords about storing, freezing and containers -> Coffee Storage; empty without a clear theme."""
    for line in banks()["theme"]:
        theme, _, signs = line.partition(" :: ")
        marks = {_stems(sign) for sign in signs.split()}
        if sum(bool(marks & set(_stems(k).split())) for k in keywords) >= max(2, 0.5 * len(keywords)):
            heads = [c for c in found if not marks & set(c.split()) and found[c] >= max(2, 0.25 * len(keywords))]
            if heads:
                head = max(heads, key=lambda c: (found[c] * (1, 1.5, 1.2)[c.count(" ")], -len(c), c))
                name = _singular(title_case(_written(head, keywords)))
                return f"{name} and {theme}" if theme == "Health" else f"{name} {theme}"
    return ""


def _singular(name: str) -> str:
    return name[:-1] if is_plural(name) and name.casefold().split()[-1].removesuffix("s") in words("countable") else name


def _forms(stem: str, keywords: Sequence[str]) -> set[str]:
    return {w.casefold() for k in keywords for w in _tokens(k) if _stems(w) == stem}


def _joint(name: str, side: str, forms: set[str], *, everywhere: bool) -> str:
    """`Milk` with froth, frother -> Milk Frothing; `Pet Insurance` (in every cluster) with claim -> Pet Insurance Claims; else `and`."""
    base = side.casefold()
    verb = _verb(base)
    if verb and (len(forms) > 2 or base not in words("countable") | words("mass")) and side == capitalised(base):
        return f"{_singular(name)} {capitalised(gerund(verb))}"
    if (own := _verb(name.casefold())) and name.casefold() not in words("countable") | words("mass"):
        return f"{_singular(side)} {capitalised(gerund(own))}"
    return f"{name} {side}" if everywhere else f"{name} and {side}"


def _verb(word: str) -> str:
    shorter = word.removesuffix("s")
    bare = shorter.removesuffix("ing") if shorter.endswith("ing") else shorter.removesuffix("er")
    return next((form for form in (word, shorter, bare, f"{bare}e") if form in words("verbs")), "")


def _written(candidate: str, keywords: Sequence[str]) -> str:
    """A candidate's stems as the keywords write them most often; a countable thing in the plural."""
    size = candidate.count(" ") + 1
    forms: Counter[str] = Counter()
    for keyword in keywords:
        tokens = _tokens(keyword)
        forms.update(t for i in range(len(tokens) - size + 1) if _stems(t := " ".join(tokens[i : i + size])) == candidate)
    form = max(forms, key=lambda f: (forms[f], -len(f), f))
    last = form.split()[-1]
    if last.islower() and last in words("countable") and not is_plural(form):
        return (
            f"{form}es"
            if last.endswith(("s", "x", "ch", "sh"))
            else f"{form[:-1]}ies"
            if last[-2:] in {"cy", "ry", "ty", "ny"}
            else f"{form}s"
        )
    return form


def _description(name: str, cluster: dict[str, Any], seed: str) -> str:
    intents = Counter(k.get("intent") or "" for k in cluster["keywords"]).most_common(2)
    example = min((k["keyword"] for k in cluster["keywords"]), key=lambda k: (not 2 <= len(k.split()) <= 7, len(k), k))
    shown = shortened(with_capitals(MARKUP.sub(" ", example)), 80)
    pen = Pen(f"{seed}{cluster['key']}", f"{seed}{cluster['key']}", 0.0, {"subject": in_text(name), "example": shown})
    aims = [pen.write(pen.draw(f"aim/{intent}" if f"aim/{intent}" in banks() else "aim/informational")) for intent, _ in intents]
    return pen.say("cluster", aims=" and ".join(dict.fromkeys(aims)))


def in_text(name: str) -> str:
    """A cluster's name in running text: `Coffee Grinders` -> `coffee grinders`, names and abbreviations kept."""
    return " ".join(with_capitals(w if w.isupper() and len(w) > 1 else w.lower()) for w in MARKUP.sub(" ", name).split())
