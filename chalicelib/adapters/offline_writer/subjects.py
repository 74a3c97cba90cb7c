"""What kind of subject a cluster is about (a product, a recipe, an insurance ...), which decides the advice that makes sense."""

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from chalicelib.adapters.offline_writer.phrases import banks, templates, words

DOMAINS = ("care", "subscription", "finance", "software", "health", "service", "skill", "food", "product")


@dataclass(frozen=True)
class Card:
    """A point to compare: its name, and templates of why it matters and how to check it."""

    name: str
    why: str
    check: str


def domain_of(primary: str, others: Iterable[str] = (), about: str = "") -> str:
    """The domain whose words occur most, the primary keyword counting five times; `general` when none does.

    A product that runs on power is `product device`: the domain's name and a tag.
    """
    scores: dict[str, float] = {}
    for text, weight in [(primary, 5.0), (about, 2.0), *((o, 1.0) for o in others)]:
        found = _words(text)
        for domain in DOMAINS:
            scores[domain] = scores.get(domain, 0.0) + weight * len(found & words(f"words/{domain}"))
    best = max(DOMAINS, key=lambda d: (scores[d], -DOMAINS.index(d)))
    if scores[best] == 0:
        return "general"
    powered = best == "product" and (_words(primary) | _words(about)) & words("powered")
    return "product device" if powered else best


def cards(domain: str, random: Random) -> list[Card]:
    """All points to compare of a domain, in an order of the article's own."""
    found = [Card(*line.split(" :: ")) for line in templates(f"card/{domain.split()[0]}", domain)]
    random.shuffle(found)
    return found


def notes(keyword: str, subject: str, domain: str) -> list[str]:
    """Templates that say what a word of the keyword asks for (`quiet`, `for travel`, `ratio`), words the subject lacks first."""
    present, shared = _words(keyword), _words(subject)
    found: list[tuple[bool, int, str]] = []
    for at, line in enumerate(banks()["modifier"]):
        signs, text = line.split(" :: ", 1)
        wanted = [sign for sign in signs.split() if sign[0] not in "!@"]
        domains = {sign[1:] for sign in signs.split() if sign[0] == "@"}
        if {sign[1:] for sign in signs.split() if sign[0] == "!"} & present or (domains and domain not in domains):
            continue
        hit = next((sign for sign in wanted if set(sign.split("+")) <= present), None)
        if hit:
            found.append((set(hit.split("+")) <= shared, at, text))
    return [text for _, _, text in sorted(found)]


def _words(text: str) -> set[str]:
    return set(text.lower().replace("-", " ").split())


def option_names(domain: str) -> tuple[str, str, str]:
    """(singular, plural, verb): what one chooses between in this domain."""
    one, many, verb = banks()[f"name/{domain}"][0].split(" :: ")
    return one, many, verb
