"""What waits for a stage, and how much of its price it may take at most."""

from dataclasses import dataclass

from chalicelib.ai.functions.generate_ideas import KEYWORDS_PER_IDEA
from chalicelib.auth.sites import Site


@dataclass(frozen=True)
class Waiting:
    """id: of the stage's item. units: the most it may be charged for, in units of the stage's price."""

    id: str
    units: int = 0


def ideas_of(site: Site, keywords: int) -> int:
    """How many ideas a cluster of so many keywords gets, the rule of `generate_ideas`."""
    return max(1, min(site.ideas_per_cluster, keywords, -(-keywords // KEYWORDS_PER_IDEA)))
