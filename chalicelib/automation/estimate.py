"""What a run would cost: what is pending and what it will become, at the price table's prices."""

from typing import Any

from chalicelib.ai.functions.auto_cluster import MIN_KEYWORDS
from chalicelib.ai.functions.generate_ideas import KEYWORDS_PER_IDEA
from chalicelib.auth.sites import Site, get_site
from chalicelib.billing.credits import Ledger
from chalicelib.billing.prices import price_of
from chalicelib.core.context import Context
from chalicelib.planner.clusters import Clusters
from chalicelib.planner.ideas import Ideas
from chalicelib.planner.keywords import Keywords
from chalicelib.system.settings import provider_for
from chalicelib.writer.content import Contents
from chalicelib.writer.tasks import Tasks

KEYWORDS_PER_CLUSTER = 5.5  # mean over the labelled keyword lists, clustered by the shipped embedder (tests/automation/test_estimate)
WORDS_PER_IDEA = 900  # what ideas ask for on average before they exist
MARGIN_PERCENT = 120


def estimate(ctx: Context, site_id: str, sectors: list[str]) -> dict[str, Any]:
    """{stages: [{number, items, credits}], total, required, balance} for the sectors of a site. required = total x 1.2, rounded up."""
    site, own = get_site(ctx, site_id), provider_for(ctx, "text").own_key
    keywords = [len(Keywords(ctx).pending(s)) for s in sectors]
    keywords = [n for n in keywords if n >= MIN_KEYWORDS]
    found = [c for s in sectors for c in Clusters(ctx).pending(s)]
    coming = sum(max(1, round(n / KEYWORDS_PER_CLUSTER)) for n in keywords)
    new_ideas = sum(ideas_of(site, c.keywords_count) for c in found) + coming * ideas_of(site, round(KEYWORDS_PER_CLUSTER))
    ideas = [i.estimated_word_count for s in sectors for i in Ideas(ctx).pending(s)] + [WORDS_PER_IDEA] * new_ideas
    tasks = [t.word_count for s in sectors for t in Tasks(ctx).pending(s)] + ideas
    prompts = sum(len(Contents(ctx).waiting(s, "prompts")) for s in sectors) + len(tasks)
    drawing = [c.images_open for s in sectors for c in Contents(ctx).waiting(s, "images")]
    pictures = sum(drawing) + prompts * (1 + site.in_article_images)
    review = sum(len(Contents(ctx).waiting(s, "review")) for s in sectors) + len(drawing) + prompts

    def cost(operation: str, units: list[int]) -> int:
        own_key = provider_for(ctx, "image").own_key if operation == "image" else own
        return sum(price_of(operation, own_key=own_key).charge(n) for n in units)

    rows = [
        (1, sum(keywords), cost("clustering", keywords)),
        (2, len(found) + coming, cost("idea", [1] * new_ideas)),
        (3, len(ideas), 0),
        (4, len(tasks), cost("content", tasks)),
        (5, prompts, cost("image_prompts", [1] * prompts)),
        (6, len(drawing) + prompts, cost("image", [1] * pictures)),
        (7, review, 0),
    ]
    total = sum(credits for _, _, credits in rows)
    balance = Ledger(ctx.deps.table, ctx.tenant, ctx.deps.clock).balance().available
    return {
        "stages": [{"number": n, "items": items, "credits": credits} for n, items, credits in rows],
        "total": total,
        "required": -(-total * MARGIN_PERCENT // 100),
        "balance": balance,
    }


def ideas_of(site: Site, keywords: int) -> int:
    """How many ideas a cluster of so many keywords gets."""
    return max(1, min(site.ideas_per_cluster, keywords, -(-keywords // KEYWORDS_PER_IDEA)))
