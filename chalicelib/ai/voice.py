"""Whose voice an answer has: chosen per task or idea, else automation config, else site, else account, else built in."""

from collections.abc import Iterable
from typing import Any

from chalicelib.auth.accounts import own_account
from chalicelib.auth.sites import get_site
from chalicelib.core.context import Context
from chalicelib.system.authors import find_author

BUILT_IN = {"language": "en", "market": "international", "tone": "clear and friendly", "audience": "people who search for this topic"}


def voice(ctx: Context, site_id: str, *nearest: Any) -> dict[str, Any]:
    """language, market, tone, audience, author and site as facts. nearest: records that may name them, most specific first."""
    site, account = get_site(ctx, site_id), own_account(ctx)
    levels = [*nearest, site, account]
    facts: dict[str, Any] = {name: _first(levels, name) or default for name, default in BUILT_IN.items()}
    author_id = _first(levels, "author_profile") or site.default_author
    author = find_author(ctx, author_id) if author_id else None
    if author is not None:
        facts["tone"] = _first(nearest, "tone") or author.tone or facts["tone"]
        facts["language"] = _first(nearest, "language") or author.language or facts["language"]
    return {**facts, "author": author.as_facts() if author else None, "site": {"name": site.name, "domain": site.domain or ""}}


def _first(levels: Iterable[Any], name: str) -> str | None:
    return next((value for level in levels if (value := getattr(level, name, None))), None)
