"""Whose voice an answer has: chosen per task or idea, else automation config, else site, else account, else built in.

A sector's own strategy stands between the automation config's and the site's. What a site or an account says of tone and language is
its house style, which an author chosen there may have another way of.
"""

from collections.abc import Iterable
from typing import Any

from chalicelib.auth.accounts import own_account
from chalicelib.auth.sites import get_site
from chalicelib.core.context import Context
from chalicelib.system.authors import find_author
from chalicelib.system.automation_voice import automation_voice
from chalicelib.system.strategies import strategy_for

BUILT_IN = {"language": "en", "market": "international", "tone": "clear and friendly", "audience": "people who search for this topic"}


def voice(ctx: Context, site_id: str, *nearest: Any, sector_id: str = "", function: str = "", structure: str = "") -> dict[str, Any]:
    """language, market, tone, audience, author, site and strategy as facts. nearest: records that may name them, most specific first.

    sector_id, function, structure: which strategy counts, and what of it concerns this AI function and this content structure.
    """
    site, account = get_site(ctx, site_id), own_account(ctx)
    chosen = [*nearest, automation_voice(ctx, site_id)]
    levels = [*chosen, site, account]
    facts: dict[str, Any] = {name: _first(levels, name) or default for name, default in BUILT_IN.items()}
    author_id = _first(chosen, "author_profile") or site.default_author or account.default_author
    author = find_author(ctx, author_id) if author_id else None
    if author is not None:  # authors speak in their own way, unless the level that chose them, or a nearer one, says otherwise
        before = nearest if _first(nearest, "author_profile") else chosen
        facts["tone"] = _first(before, "tone") or author.tone or facts["tone"]
        facts["language"] = _first(before, "language") or author.language or facts["language"]
    nearer = [getattr(level, "strategy", None) for level in chosen]
    strategy = strategy_for(ctx, sector_id, nearer=nearer, farther=[site.strategy, account.strategy])
    return {
        **facts,
        "author": author.as_facts() if author else None,
        "site": {"name": site.name, "domain": site.domain or ""},
        "strategy": strategy.as_facts(function, structure) if strategy else None,
    }


def _first(levels: Iterable[Any], name: str) -> str | None:
    return next((value for level in levels if (value := getattr(level, name, None))), None)
