"""What the estimate promises against what is then charged: three keyword files in examples/ and a large one of another niche, sites of
odd settings, plans of other prices, and an account's own key.

Stages 1 and 2 run as they are (the installed embedder, the offline planner); what follows is priced from what they made, one content
of its idea's words, its prompts and its pictures each, which is what the runs of the other tests here charge for.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chalicelib.adapters.offline_embedder import MiniLMEmbedder, TfidfEmbedder, offline_embedder
from chalicelib.adapters.offline_text import OfflineTextModel
from chalicelib.ai import registry
from chalicelib.ai.engine import run as ai_run
from chalicelib.ai.functions.generate_ideas import ideas_wanted
from chalicelib.auth.accounts import ACCOUNT
from chalicelib.auth.sites import Sites, get_site
from chalicelib.automation import control
from chalicelib.automation.estimate import BY_WORDS, SHARE, cluster_sizes, estimate, expected
from chalicelib.automation.schedule import save_config
from chalicelib.billing.credits import Ledger
from chalicelib.billing.plans import PLAN
from chalicelib.core.context import Context, Deps, ProviderChoice
from chalicelib.core.scope import Scope
from chalicelib.planner.clusters import Clusters
from chalicelib.planner.ideas import Ideas
from chalicelib.planner.keyword_files import read_keyword_file
from chalicelib.planner.keyword_import import store
from chalicelib.system.provider_choice import price_for
from chalicelib.system.settings import Settings
from tests.automation.garden_keywords import keywords
from tests.automation.pipeline import Account, World, new_account
from tests.conftest import Place, make_site

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.csv"))
FILES: dict[str, bytes] = {
    **{file.name: file.read_bytes() for file in EXAMPLES},
    "garden, 720 keywords": ("keyword\n" + "\n".join(keywords())).encode(),
}
needs_minilm = pytest.mark.skipif(not MiniLMEmbedder.installed(), reason="what is charged was compared with the MiniLM extra")


class EachOnce:
    """An embedder of single texts that embeds each text once, whoever asks."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.known = inner, dict[str, Any]()
        self.provider, self.model, self.threshold = inner.provider, inner.model, inner.threshold

    def embed(self, texts: Sequence[str]) -> Any:
        import numpy as np

        if new := [t for t in dict.fromkeys(texts) if t not in self.known]:
            self.known.update(zip(new, self.inner.embed(new), strict=True))
        return np.array([self.known[t] for t in texts], dtype=np.float32)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@pytest.fixture(scope="module")
def by_meaning() -> Any:
    return EachOnce(offline_embedder()) if MiniLMEmbedder.installed() else offline_embedder()


@pytest.fixture
def owner(deps: Deps, by_meaning: Any) -> Context:
    def embedder(choice: ProviderChoice) -> Any:
        return TfidfEmbedder() if choice == BY_WORDS else by_meaning

    return new_account(replace(deps, text=lambda choice: OfflineTextModel(), embedder=embedder))


@pytest.fixture
def place(owner: Context) -> Place:
    return make_site(owner)[0]


def imported(context: Context, place: Place, file: str) -> None:
    store(context, place.site_id, place.sector_id, read_keyword_file(FILES[file], filename="keywords.csv"), dry_run=False)


def charged(context: Context, place: Place) -> int:
    """Do stages 1 and 2, and price what they come to."""
    total = ai_run(context, registry.get("auto_cluster"), place.sector_id, op=f"cluster.{place.sector_id}").credits
    for cluster in Clusters(context).pending(place.sector_id):
        total += ai_run(context, registry.get("generate_ideas"), cluster.id, op=f"ideas.{cluster.id}").credits
    pictures = 1 + get_site(context, place.site_id).in_article_images
    content, prompts, image = (price_for(context, name) for name in ("content", "image_prompts", "image"))
    for idea in Ideas(context).pending(place.sector_id):
        total += content.charge(idea.estimated_word_count) + prompts.charge(1) + image.charge(1) * pictures
    return total


def within_a_fifth(context: Context, place: Place, file: str, **site: int) -> None:
    Sites(context).patch(place.site_id, site)
    Ledger(context.deps.table, context.tenant, context.deps.clock).grant("enough", 50_000)
    imported(context, place, file)
    promised = estimate(context, place.site_id, [place.sector_id])
    assert promised["required"] == -(-promised["total"] * 120 // 100) and promised["total"] == sum(s["credits"] for s in promised["stages"])
    real = charged(context, place)
    assert 0.8 * real <= promised["total"] <= 1.2 * real, f"promised {promised['total']}, charged {real}"


@needs_minilm
@pytest.mark.parametrize("file", FILES)
def test_the_estimate_is_within_a_fifth_of_what_is_charged(owner: Context, place: Place, file: str) -> None:
    within_a_fifth(owner, place, file)


@needs_minilm
@pytest.mark.parametrize(
    "site",
    [
        {"in_article_images": 0},
        {"in_article_images": 6, "ideas_per_cluster": 5},
        {"ideas_per_cluster": 1},
        {"ideas_per_cluster": 10, "in_article_images": 0},
    ],
    ids=str,
)
@pytest.mark.parametrize("file", [EXAMPLES[0].name, EXAMPLES[1].name])
def test_so_it_is_on_sites_of_other_settings(owner: Context, place: Place, file: str, site: dict[str, int]) -> None:
    within_a_fifth(owner, place, file, **site)


@needs_minilm
@pytest.mark.parametrize(
    "overrides", [{"content": {"credits": 3, "per": 250, "minimum": 20}, "image": 1}, {"idea": 40, "content": 0, "image": 0}]
)
def test_so_it_is_at_the_prices_of_another_plan(owner: Context, place: Place, overrides: dict[str, Any]) -> None:
    plan_of_its_own(owner, overrides)
    within_a_fifth(owner, place, EXAMPLES[0].name)


@needs_minilm
@pytest.mark.parametrize("percent", [0, 40])
def test_so_it_is_with_an_own_key(owner: Context, place: Place, percent: int) -> None:
    """The account pays its text provider itself; the pictures are the platform's."""
    plan_of_its_own(owner, {"own_key_percent": percent})
    Settings(owner).save("openai", {"api_key": "sk-own-key-of-the-account", "model": "gpt-own"})
    assert price_for(owner, "content").percent == percent and price_for(owner, "image").percent == 100
    within_a_fifth(owner, place, EXAMPLES[0].name)


def plan_of_its_own(context: Context, overrides: dict[str, Any]) -> None:
    plans, slug = Context(Scope.worker("system00"), context.deps).repository(PLAN), f"p{context.tenant}"
    plans.create(plans.new("", slug, slug=slug, name="Other prices", price_overrides=overrides))
    context.repository(ACCOUNT).patch(context.tenant, {"plan": slug})


def test_nothing_is_expected_of_nothing(owner: Context, place: Place) -> None:
    site = get_site(owner, place.site_id)
    assert expected(site, []) == (0, 0) and expected(site, [1]) == (1, 1)
    sizes = [1, 5, 9, 25] * 10
    assert expected(site, sizes) == (round(SHARE * 40), round(SHARE * sum(ideas_wanted(site, size) for size in sizes)))
    assert sorted(cluster_sizes(owner, ["green tea cups", "green tea cup", "sun dial", "sun dials"])) == [2, 2]
    empty = estimate(owner, place.site_id, [place.sector_id])
    assert empty["total"] == empty["required"] == 0 and [s["items"] for s in empty["stages"]] == [0] * 7


def test_a_cap_on_items_is_estimated_too(owner: Context, place: Place) -> None:
    imported(owner, place, EXAMPLES[0].name)
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
