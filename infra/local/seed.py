"""What the local stack begins with: plans and catalogue, two accounts, their users and sites, and a system account.

Refuses to run anywhere else.
"""

import os

from chalicelib.auth.onboarding import create_account, create_user
from chalicelib.auth.sites import SECTOR, SITE, Sectors, Sites
from chalicelib.auth.users import USER, email_key
from chalicelib.core.context import Context, Deps
from chalicelib.core.scope import Scope
from chalicelib.core.table import Query
from chalicelib.integration.connections import Connections
from infra import catalogue

DEMO_PLAN = "agency"  # 10 000 credits a month
EMAILS = ("owner@demo.test", "editor@demo.test", "viewer@demo.test", "owner@other.test", "developer@igny8.test")


def password() -> str:
    """`$DEMO_PASSWORD`, the password of every seeded user."""
    return os.environ.get("DEMO_PASSWORD") or "Demo-pass-1!"


def seed(deps: Deps) -> bool:
    """Fill an empty local stack. Returns False when it was filled before. Raises: RuntimeError on any other stage."""
    if not deps.config.is_local:
        raise RuntimeError(f"Seeding is for the local stack; this is {deps.config.stage}.")
    if deps.table.get(email_key(EMAILS[-1])) is not None:
        return False
    catalogue.install(deps)
    demo, _ = create_account(deps, name="Demo", slug="demo", email=EMAILS[0], password=password(), status="active", plan=DEMO_PLAN)
    ctx = Context(Scope.worker(demo.id), deps)
    site_id = _site(ctx, "Demo Site", "demo-site")
    Connections(ctx).create({"site_id": site_id, "name": "Static site", "target": "static"})
    for email, role in ((EMAILS[1], "editor"), (EMAILS[2], "viewer")):
        create_user(ctx, email=email, password=password(), role=role, sites=[site_id])
    other, _ = create_account(deps, name="Other", slug="other", email=EMAILS[3], password=password(), status="active", plan=DEMO_PLAN)
    _site(Context(Scope.worker(other.id), deps), "Other Site", "other-site")
    operator = password()
    create_account(
        deps, name="IGNY8", slug="igny8", email=EMAILS[4], password=operator, role="developer", status="active", plan="system", system=True
    )
    return True


def _site(ctx: Context, name: str, slug: str) -> str:
    site = Sites(ctx).create({"name": name, "slug": slug, "industry": catalogue.FIRST_INDUSTRY.lower()})
    Sectors(ctx).create({"site_id": site.id, "name": "General", "slug": "general", "industry_sector": catalogue.FIRST_SECTOR_ID})
    return site.id


def demo_context(deps: Deps) -> tuple[Context, str, str]:
    """The demo owner's context, its site id and its sector id."""
    pointer = deps.table.get(email_key(EMAILS[0]))
    if pointer is None:
        raise RuntimeError("The demo account is missing; start with FRESH=1.")
    ctx = Context(Scope(tenant=pointer["tenant"], user_id=pointer["user"], role="owner"), deps)
    assert ctx.repository(USER).find(pointer["user"]) is not None
    sites = ctx.deps.table.query_all(Query(f"{ctx.tenant}#A", condition="begins_with(sk, :w)", values={":w": "W#"}))
    site = next(SITE.from_item(i) for i in sites if i["kind"] == "site" and i["slug"] == "demo-site")
    sector = next(iter(ctx.repository(SECTOR).under((f"{ctx.tenant}#A", f"W#{site.id}#S#"))))
    return ctx, site.id, sector.id
