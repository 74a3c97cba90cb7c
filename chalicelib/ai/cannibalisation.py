"""Keeps the ideas of one answer from competing with what the site has, with each other, and with what another worker plans just now."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from chalicelib.ai.answers import Idea as PlannedIdea
from chalicelib.ai.similarity import Rival, Search, SiteSubjects
from chalicelib.core.context import Context
from chalicelib.core.table import Key, Write, put
from chalicelib.planner.ideas import IDEA
from chalicelib.planner.search_terms import terms

CLAIM = timedelta(days=1)


@dataclass
class Planned:
    """An idea to be made. id: of the record; keywords: those of the answer, and those of ideas of the same answer that it competes with."""

    id: str
    idea: PlannedIdea
    keywords: list[str] = field(default_factory=list)

    @property
    def search(self) -> Search:
        return Search(self.idea.primary_keyword, self.idea.title)


def covered(site: SiteSubjects, keywords: Sequence[Any]) -> list[tuple[Any, Rival | None]]:
    """Each keyword with what answers its search already, None where nothing does."""
    return list(zip(keywords, site.rivals([Search(k.keyword) for k in keywords]), strict=True))


def objections(site: SiteSubjects, ideas: Sequence[PlannedIdea]) -> list[str]:
    """What a model is told of ideas that compete, so that it plans others."""
    searches = [Search(idea.primary_keyword, idea.title) for idea in ideas]
    found = [
        f'The idea "{idea.title}" {rival}. Plan another article: another primary keyword of the list or another question.'
        for idea, rival in zip(ideas, site.rivals(searches), strict=True)
        if rival
    ]
    for at, one in enumerate(searches):
        twin = next((other for other in searches[:at] if site.alike(one, other) is not None), None)
        if twin is not None:
            found.append(
                f'The ideas "{twin.title}" and "{one.title}" compete: "{twin.keyword}" and "{one.keyword}" are one search. '
                "Give one of them another primary keyword."
            )
    return found


def chosen(site: SiteSubjects, planned: Sequence[Planned]) -> tuple[list[Planned], list[dict[str, Any]]]:
    """The ideas that compete with nothing, and the others as `rejected` lists them.

    Keywords of an idea that competes with another of the same answer go to that one. Those of an idea that competes with something
    else stay in their cluster without an idea: what answers them is there already.
    """
    kept: list[Planned] = []
    refused: list[dict[str, Any]] = []
    for one, rival in zip(planned, site.rivals([p.search for p in planned]), strict=True):
        if rival is not None:
            refused.append(rejected(one.idea.title, one.keywords, rival))
            continue
        for other in kept:
            likeness = site.alike(one.search, other.search)
            if likeness is not None:
                other.keywords += one.keywords
                refused.append(rejected(one.idea.title, one.keywords, Rival("idea", other.id, other.idea.title, likeness)))
                break
        else:
            kept.append(one)
    return kept, refused


def rejected(title: str, keywords: Sequence[str], rival: Rival) -> dict[str, Any]:
    """One line of a result's `rejected`: {title, keywords, reason, similar_to: {type, id, title, similarity}}."""
    return {"title": title, "keywords": list(keywords), "reason": f"It {rival}.", "similar_to": asdict(rival)}


def claimed(
    ctx: Context, site_id: str, language: str, planned: Sequence[Planned]
) -> tuple[list[Planned], list[dict[str, Any]], list[Write]]:
    """The ideas whose search nobody else claims, the others as rejected, and the writes that claim the search for the former.

    Of two workers that plan the same search at the same moment, neither sees the other's idea; the claim lets the second one's
    transaction fail (Stale), so that it looks again. A claim whose idea is gone, or about something else by now, counts for nothing.
    """
    keys = {p.id: _claim_key(ctx, site_id, p.idea.primary_keyword, language) for p in planned}
    there = ctx.deps.ops.get_many(keys.values())
    ideas = ctx.repository(IDEA).get_many(item["idea"] for item in there.values())
    kept, refused, writes = [], [], []
    for one in planned:
        key = keys[one.id]
        claim = there.get(key)
        holder = ideas.get(claim["idea"]) if claim else None
        if holder is not None and _claim_key(ctx, site_id, holder.primary_keyword, language) == key:
            refused.append(rejected(one.idea.title, one.keywords, Rival("idea", holder.id, holder.idea_title, 1.0)))
            continue
        kept.append(one)
        row = {"idea": one.id, "ttl": int((ctx.deps.clock.now() + CLAIM).timestamp())}
        if claim:
            writes.append(put(key, row, "idea = :seen", seen=claim["idea"], table=ctx.deps.ops.name))
        else:
            writes.append(put(key, row, "attribute_not_exists(pk)", table=ctx.deps.ops.name))
    return kept, refused, writes


def _claim_key(ctx: Context, site_id: str, keyword: str, language: str) -> Key:
    search = " ".join(sorted(terms(keyword, language))) or keyword.casefold()
    return ctx.key("CLAIM", f"{site_id}#{hashlib.sha256(search.encode()).hexdigest()[:32]}")
