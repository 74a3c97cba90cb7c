"""What the estimate promises against what is then charged, on the three keyword files in examples/.

Stages 1 and 2 run as they are (the installed embedder, the offline planner); what follows is priced from what they made, one content
of its idea's words, its prompts and its pictures each, which is what the runs of the other tests here charge for.
"""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.adapters.offline_embedder import MiniLMEmbedder, offline_embedder
from chalicelib.adapters.offline_text import OfflineTextModel
from chalicelib.ai import registry
from chalicelib.ai.engine import run as ai_run
from chalicelib.auth.sites import get_site
from chalicelib.automation import control
from chalicelib.automation.estimate import CLUSTER_SIZES, estimate, expected
from chalicelib.automation.schedule import save_config
from chalicelib.automation.waiting import ideas_of
from chalicelib.billing.prices import price
from chalicelib.core.context import Context, Deps
from chalicelib.planner.clusters import CLUSTER, Clusters
from chalicelib.planner.ideas import Ideas
from chalicelib.planner.keyword_files import read_keyword_file
from chalicelib.planner.keyword_import import store
from tests.automation.pipeline import Account, World, new_account
from tests.conftest import Place, make_site

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.csv"))
needs_minilm = pytest.mark.skipif(not MiniLMEmbedder.installed(), reason="CLUSTER_SIZES was measured with the MiniLM extra")


@pytest.fixture
def owner(deps: Deps) -> Context:
    embedder = offline_embedder()
    return new_account(replace(deps, text=lambda choice: OfflineTextModel(), embedder=lambda choice: embedder))


@pytest.fixture
def place(owner: Context) -> Place:
    return make_site(owner)[0]


def imported(context: Context, place: Place, file: Path) -> None:
    store(context, place.site_id, place.sector_id, read_keyword_file(file.read_bytes(), filename=file.name), dry_run=False)


def charged(context: Context, place: Place) -> int:
    """Do stages 1 and 2, and price what they come to."""
    total = ai_run(context, registry.get("auto_cluster"), place.sector_id, op=f"cluster.{place.sector_id}").credits
    for cluster in Clusters(context).pending(place.sector_id):
        total += ai_run(context, registry.get("generate_ideas"), cluster.id, op=f"ideas.{cluster.id}").credits
    pictures = 1 + get_site(context, place.site_id).in_article_images
    for idea in Ideas(context).pending(place.sector_id):
        total += price("content", idea.estimated_word_count) + price("image_prompts", 1) + price("image", pictures)
    return total


@needs_minilm
def test_the_estimate_is_within_a_fifth_of_what_is_charged(owner: Context) -> None:
    sizes: Counter[int] = Counter()
    found: dict[str, tuple[int, int]] = {}
    for file in EXAMPLES:
        place = make_site(owner)[0]
        imported(owner, place, file)
        promised = estimate(owner, place.site_id, [place.sector_id])
        assert promised["required"] == -(-promised["total"] * 120 // 100)
        found[file.name] = (promised["total"], charged(owner, place))
        clusters = owner.repository(CLUSTER).get_many({i.keyword_cluster or "" for i in Ideas(owner).pending(place.sector_id)})
        sizes.update(c.keywords_count for c in clusters.values())
    assert all(0.8 * real <= promised <= 1.2 * real for promised, real in found.values()), found
    assert dict(sizes) == CLUSTER_SIZES, "the table in automation/estimate.py is this measurement"


def test_nothing_is_expected_of_nothing(owner: Context, place: Place) -> None:
    site = get_site(owner, place.site_id)
    assert expected(site, 0) == (0, 0) and expected(site, 5)[0] == 1
    measured = sum(size * count for size, count in CLUSTER_SIZES.items())
    assert expected(site, measured) == (
        sum(CLUSTER_SIZES.values()),
        sum(ideas_of(site, size) * count for size, count in CLUSTER_SIZES.items()),
    )
    empty = estimate(owner, place.site_id, [place.sector_id])
    assert empty["total"] == empty["required"] == 0 and [s["items"] for s in empty["stages"]] == [0] * 7


def test_a_cap_on_items_is_estimated_too(owner: Context, place: Place) -> None:
    imported(owner, place, EXAMPLES[0])
    everything = estimate(owner, place.site_id, [place.sector_id])
    save_config(owner, place.site_id, {"max_items_per_stage": 2})
    capped = estimate(owner, place.site_id, [place.sector_id])
    assert everything["stages"][3]["items"] > 10
    assert [s["items"] for s in capped["stages"][1:]] == [2] * 6
    assert capped["total"] < everything["total"] // 4


def test_what_waits_half_done_is_estimated_exactly(world: World, account: Account) -> None:
    """After stage 3 the words and, after stage 5, the pictures are known: the estimate of the rest is what the rest charges."""
    account.configure(max_credits_per_run=10)
    first = account.run()
    assert first["status"] == "paused" and first["stages"][2]["done"] == 2
    rest = estimate(account.ctx, account.site, [account.sector])
    account.configure(max_credits_per_run=None)
    control.resume(account.ctx, first["id"])
    world.work()
    assert account.shown(first["id"])["credits"] - first["credits"] == rest["total"]
