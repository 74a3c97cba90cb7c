"""What every deployment begins with: the default plans, and an industry with sectors and seed keywords."""

from pathlib import Path

from chalicelib.auth.catalogue import INDUSTRY, INDUSTRY_SECTOR, Industries, IndustrySectors
from chalicelib.auth.catalogue_import import import_seeds
from chalicelib.billing.plans import install_plans
from chalicelib.core.context import Context, Deps
from chalicelib.core.scope import Scope

SEED_KEYWORDS = Path(__file__).parent / "seed_keywords.csv"
FIRST_INDUSTRY = "Coffee"
SECTORS = ("Espresso Machines", "Coffee Grinders", "Brewing", "Beans and Roasting")
FIRST_SECTOR_ID = "coffee.espresso-machines"


def install(deps: Deps) -> dict[str, int]:
    """Store what is missing of the plans and the catalogue; again changes nothing. Returns how much was stored of each."""
    ctx = Context(Scope(tenant="operator", user_id="install", role="system_bot"), deps)
    made = {"plans": install_plans(ctx), "industries": 0, "sectors": 0}
    if ctx.repository(INDUSTRY).find(FIRST_INDUSTRY.lower()) is None:
        Industries(ctx).create({"name": FIRST_INDUSTRY})
        made["industries"] = 1
    for name in SECTORS:
        slug = name.lower().replace(" ", "-")
        if ctx.repository(INDUSTRY_SECTOR).find(f"{FIRST_INDUSTRY.lower()}.{slug}") is None:
            IndustrySectors(ctx).create({"name": name, "slug": slug, "industry": FIRST_INDUSTRY.lower()})
            made["sectors"] += 1
    return {**made, "seed_keywords": import_seeds(ctx, SEED_KEYWORDS.read_bytes(), SEED_KEYWORDS.name)["created"]}
