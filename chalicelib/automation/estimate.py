"""What a run would cost: what is pending and what it will become, at the price table's prices."""

from collections.abc import Sequence
from typing import Any

from chalicelib.ai.affordable import cost
from chalicelib.ai.clustering import group
from chalicelib.ai.functions.auto_cluster import MAX_KEYWORDS, MIN_KEYWORDS
from chalicelib.ai.functions.generate_ideas import ideas_wanted
from chalicelib.auth.sites import Site, get_site
from chalicelib.automation.config import config_of
from chalicelib.billing.credits import ledger_of
from chalicelib.core.context import Context, ProviderChoice
from chalicelib.planner.clusters import Clusters
from chalicelib.planner.ideas import Ideas
from chalicelib.planner.keywords import Keywords
from chalicelib.writer.content import Contents
from chalicelib.writer.tasks import Tasks

BY_WORDS = ProviderChoice("offline", "tfidf")
TFIDF = "tfidf-second-order"
THRESHOLD = 0.93  # at which grouping by words comes to about as many clusters as clustering by meaning does,
SHARE = 0.96  # and the rest of the difference; tests/automation/test_estimate.py holds both to what is then charged
BLOCK = 1_500  # keywords grouped at once
WORDS_PER_IDEA = 950  # what ideas ask for on average, in the same tests
MARGIN_PERCENT = 120


def estimate(ctx: Context, site_id: str, sectors: list[str]) -> dict[str, Any]:
    """{stages: [{number, items, credits}], total, required, balance} for the sectors of a site. required = total x 1.2, rounded up.
    A stage takes no more items than the settings' `max_items_per_stage`."""
    ctx = ctx.remembering()
    site, cap = get_site(ctx, site_id), config_of(ctx, site_id).max_items_per_stage
    texts = [block for s in sectors for block in _blocks([k.keyword for k in Keywords(ctx).pending(s)])][:cap]
    blocks = [len(block) for block in texts]
    found = [ideas_wanted(site, c.keywords_count) for s in sectors for c in Clusters(ctx).pending(s)]
    coming, ideas_coming = expected(site, [size for block in texts for size in cluster_sizes(ctx, block)])
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
        (1, sum(blocks), cost(ctx, "clustering", blocks)),
        (2, taken, cost(ctx, "idea", [1] * new_ideas)),
        (3, len(ideas), 0),
        (4, len(tasks), cost(ctx, "content", tasks)),
        (5, len(prompts), cost(ctx, "image_prompts", [1] * len(prompts))),
        (6, len(drawing), cost(ctx, "image", [1] * sum(drawing))),
        (7, len(review), 0),
    ]
    total = sum(credits for _, _, credits in rows)
    balance = ledger_of(ctx).balance().available
    return {
        "stages": [{"number": n, "items": items, "credits": credits} for n, items, credits in rows],
        "total": total,
        "required": -(-total * MARGIN_PERCENT // 100),
        "balance": balance,
    }


def cluster_sizes(ctx: Context, keywords: Sequence[str]) -> list[int]:
    """How many keywords the clusters of these will have, about: they are grouped by their words, which takes no model and a second or
    two for thousands. Measured on the keyword files of the tests, these clusters are nearly as many as those by meaning."""
    embedder = ctx.deps.embedder(BY_WORDS)
    threshold = THRESHOLD if embedder.model == TFIDF else embedder.threshold
    return [len(places) for places in group(keywords, embedder.embed(keywords), threshold, block=BLOCK).new]


def expected(site: Site, sizes: Sequence[int]) -> tuple[int, int]:
    """How many clusters there will be, and how many ideas those get on this site. sizes: see `cluster_sizes`."""
    if not sizes:
        return 0, 0
    return max(1, round(SHARE * len(sizes))), max(1, round(SHARE * sum(ideas_wanted(site, size) for size in sizes)))


def _blocks(keywords: Sequence[str]) -> list[Sequence[str]]:
    """The calls that cluster so many keywords of one sector; none when they are too few."""
    return [keywords[at : at + MAX_KEYWORDS] for at in range(0, len(keywords), MAX_KEYWORDS)] if len(keywords) >= MIN_KEYWORDS else []
