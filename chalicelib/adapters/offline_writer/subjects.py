"""What kind of subject a cluster is about (a product, a recipe, an insurance ...), which decides the advice that makes sense."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chalicelib.adapters.offline_writer.phrases import banks, seeded, words

DOMAINS = ("care", "subscription", "finance", "software", "health", "service", "skill", "food", "product")


@dataclass(frozen=True)
class Card:
    """A point to compare: its name, and templates of why it matters and how to check it."""

    name: str
    why: str
    check: str


def domain_of(primary: str, others: Iterable[str] = (), about: str = "") -> str:
    """The domain whose words occur most, the primary keyword counting five times; `general` when none does."""
    scores: dict[str, float] = {}
    for text, weight in [(primary, 5.0), (about, 2.0), *((o, 1.0) for o in others)]:
        found = set(text.lower().replace("-", " ").split())
        for domain in DOMAINS:
            scores[domain] = scores.get(domain, 0.0) + weight * len(found & words(f"words/{domain}"))
    best = max(DOMAINS, key=lambda d: (scores[d], -DOMAINS.index(d)))
    return best if scores[best] > 0 else "general"


def cards(domain: str, seed: Sequence[str]) -> list[Card]:
    """All points to compare of a domain, in an order of the article's own."""
    found = [Card(*line.split(" :: ")) for line in banks()[f"card/{domain}"]]
    seeded("cards", *seed).shuffle(found)
    return found


def option_names(domain: str) -> tuple[str, str, str]:
    """(singular, plural, verb): what one chooses between in this domain."""
    one, many, verb = banks()[f"name/{domain}"][0].split(" :: ")
    return one, many, verb
