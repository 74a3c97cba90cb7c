"""What a run would cost: what is pending and what it will become, at the price table's prices."""

from collections.abc import Iterable
from typing import Any

from chalicelib.ai.functions.auto_cluster import MAX_KEYWORDS, MIN_KEYWORDS
from chalicelib.auth.sites import Site, get_site
from chalicelib.automation.config import config_of
from chalicelib.automation.waiting import ideas_of
from chalicelib.billing.credits import Ledger
from chalicelib.core.context import Context
from chalicelib.planner.clusters import Clusters
from chalicelib.planner.ideas import Ideas
from chalicelib.planner.keywords import Keywords
from chalicelib.system.provider_choice import price_for
from chalicelib.writer.content import Contents
from chalicelib.writer.tasks import Tasks

# How many keywords the clusters of the three keyword files in examples/ have, clustered by the MiniLM embedder (size -> clusters).
# From it follows how many clusters, and by the site's settings how many ideas, keywords come to before they are clustered.
# tests/automation/test_estimate.py measures it again and holds the estimate to what runs then charge.
CLUSTER_SIZES = {1: 4, 2: 4, 3: 8, 4: 6, 5: 8, 6: 9, 7: 1, 9: 4, 11: 2, 12: 2, 13: 1}
WORDS_PER_IDEA = 950  # what ideas of those clusters ask for on average
MARGIN_PERCENT = 120


def estimate(ctx: Context, site_id: str, sectors: list[str]) -> dict[str, Any]:
    """{stages: [{number, items, credits}], total, required, balance} for the sectors of a site. required = total x 1.2, rounded up.
    A stage takes no more items than the settings' `max_items_per_stage`."""
    ctx = ctx.remembering()
    site, cap = get_site(ctx, site_id), config_of(ctx, site_id).max_items_per_stage
    blocks = [size for n in (len(Keywords(ctx).pending(s)) for s in sectors) if n >= MIN_KEYWORDS for size in _blocks(n)][:cap]
    found = [ideas_of(site, c.keywords_count) for s in sectors for c in Clusters(ctx).pending(s)]
    coming, ideas_coming = expected(site, sum(blocks))
    taken = len(found) + coming if cap is None else min(cap, len(found) + coming)
    per_cluster = ideas_coming / coming if coming else 0
    new_ideas = sum(found[:taken]) + round(max(0, taken - len(found)) * per_cluster)
    ideas = ([i.estimated_word_count for s in sectors for i in Ideas(ctx).pending(s)] + [WORDS_PER_IDEA] * new_ideas)[:cap]
    tasks = ([t.word_count for s in sectors for t in Tasks(ctx).pending(s)] + ideas)[:cap]
    prompts = ([0 for s in sectors for _ in Contents(ctx).waiting(s, "prompts")] + tasks)[:cap]
    drawing = [c.images_open for s in sectors for c in Contents(ctx).waiting(s, "images")]
    drawing = (drawing + [1 + site.in_article_images for _ in prompts])[:cap]
    review = ([0 for s in sectors for _ in Contents(ctx).waiting(s, "review")] + drawing)[:cap]
    rows = [
        (1, sum(blocks), _cost(ctx, "clustering", blocks)),
        (2, taken, _cost(ctx, "idea", [1] * new_ideas)),
        (3, len(ideas), 0),
        (4, len(tasks), _cost(ctx, "content", tasks)),
        (5, len(prompts), _cost(ctx, "image_prompts", [1] * len(prompts))),
        (6, len(drawing), _cost(ctx, "image", [1] * sum(drawing))),
        (7, len(review), 0),
    ]
    total = sum(credits for _, _, credits in rows)
    balance = Ledger(ctx.deps.table, ctx.tenant, ctx.deps.clock).balance().available
    return {
        "stages": [{"number": n, "items": items, "credits": credits} for n, items, credits in rows],
        "total": total,
        "required": -(-total * MARGIN_PERCENT // 100),
        "balance": balance,
    }


def expected(site: Site, keywords: int) -> tuple[int, int]:
    """How many clusters so many keywords come to, and how many ideas those get on this site."""
    if not keywords:
        return 0, 0
    measured = sum(size * count for size, count in CLUSTER_SIZES.items())
    clusters = sum(CLUSTER_SIZES.values()) * keywords / measured
    ideas = sum(ideas_of(site, size) * count for size, count in CLUSTER_SIZES.items()) * keywords / measured
    return max(1, round(clusters)), max(1, round(ideas))


def _blocks(keywords: int) -> Iterable[int]:
    """The calls that cluster so many keywords of one sector."""
    return [min(MAX_KEYWORDS, keywords - at) for at in range(0, keywords, MAX_KEYWORDS)]


def _cost(ctx: Context, operation: str, units: Iterable[int]) -> int:
    price = price_for(ctx, operation)
    return sum(price.charge(n) for n in units)
