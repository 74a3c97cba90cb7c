"""HTTP of planning with AI: grouping keywords, finding ideas. Always asynchronous: 202 and a task to ask for."""

from typing import Any

from pydantic import Field

from chalicelib.ai.affordable import need_credits
from chalicelib.ai.functions.auto_cluster import MAX_KEYWORDS, MIN_KEYWORDS
from chalicelib.ai.functions.generate_ideas import ideas_wanted
from chalicelib.ai.tasks import submit
from chalicelib.auth.sites import get_site
from chalicelib.core.bulk import MAX_IDS, Accepted, Body, Ids, ids_field
from chalicelib.core.errors import NotFound, OutOfCredits, ValidationFailed
from chalicelib.core.routing import Call, Router
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.keywords import KEYWORD, Keyword, Keywords

router = Router("planner", tag="Planner", throttle="ai")
MAX_IDEAS = 10
_ERRORS = (NotFound, ValidationFailed, OutOfCredits)


class AutoCluster(Body):
    """Without ids: all pending keywords of the sector. With ids alone, site and sector are those of the keywords."""

    site_id: str | None = None
    sector_id: str | None = None
    ids: Ids | None = ids_field("keyword_ids", most=MAX_KEYWORDS, optional=True)


@router.post("keywords/auto_cluster", summary="Group keywords", body=AutoCluster, answer=Accepted, status=202, errors=_ERRORS)
def auto_cluster(call: Call) -> Any:
    """At least 5 keywords that wait for a cluster."""
    ctx, wanted = call.ctx, call.body
    if wanted.ids is None:
        for name in ("site_id", "sector_id"):
            if getattr(wanted, name) is None:
                raise ValidationFailed.field(name, "is required.")
        sector_id, chosen = wanted.sector_id, None
        ctx.sector(wanted.site_id, sector_id)
        pending = len(Keywords(ctx).pending(sector_id, MAX_KEYWORDS))
    else:
        keywords = _keywords(call, wanted.ids)
        sector_id = keywords[0].sector_id
        if wanted.sector_id not in (None, sector_id) or wanted.site_id not in (None, keywords[0].site_id):
            raise ValidationFailed.field("ids", "are keywords of another sector.")
        chosen = [k.id for k in keywords if not k.cluster and not k.disabled]
        pending = len(chosen)
    if pending < MIN_KEYWORDS:
        raise ValidationFailed.field("ids", f"at least {MIN_KEYWORDS} keywords without a cluster are needed; there are {pending}.")
    need_credits(ctx, "clustering", [pending])
    return {**submit(ctx, "auto_cluster", [sector_id], ids=chosen), "accepted": pending}


def _keywords(call: Call, ids: list[str]) -> list[Keyword]:
    """The keywords of one sector. Raises: NotFound when one of them does not exist; ValidationFailed."""
    found = call.ctx.repository(KEYWORD).get_many(ids)
    if len(found) < len(ids):
        raise NotFound("There is no such keyword.")
    if len({k.sector_id for k in found.values()}) > 1:
        raise ValidationFailed.field("ids", "must be keywords of one sector.")
    return list(found.values())


class ClusterIds(Body):
    ids: Ids = ids_field("cluster_ids", most=MAX_IDS)


@router.post(
    "clusters/auto_generate_ideas", summary="Find ideas for clusters", body=ClusterIds, answer=Accepted, status=202, errors=_ERRORS
)
def auto_generate_ideas(call: Call) -> Any:
    """Clusters that have ideas get further ones."""
    ctx, ids = call.ctx, call.body.ids
    clusters = ctx.repository(CLUSTER).get_many(ids)
    if len(clusters) < len(ids):
        raise NotFound("There is no such cluster.")
    if empty := [c.name for c in clusters.values() if not c.keywords_count]:
        raise ValidationFailed.field("ids", f"the cluster {empty[0]} has no keywords.")
    sites = {site_id: get_site(ctx, site_id) for site_id in {c.site_id for c in clusters.values()}}
    need_credits(ctx, "idea", [ideas_wanted(sites[c.site_id], c.keywords_count) for c in clusters.values()])
    return submit(ctx, "generate_ideas", ids, options={"again": True})


class GenerateIdeas(Body):
    """Either the keywords or the cluster. count: how many ideas, at most one for each keyword."""

    keyword_ids: Ids | None = Field(None, min_length=1, max_length=MAX_IDS)
    cluster_id: str | None = None
    count: int = Field(1, ge=1, le=MAX_IDEAS)


@router.post(
    "ideas/generate", summary="Find ideas for keywords or a cluster", body=GenerateIdeas, answer=Accepted, status=202, errors=_ERRORS
)
def generate_ideas(call: Call) -> Any:
    ctx, wanted = call.ctx, call.body
    if (wanted.keyword_ids is None) == (wanted.cluster_id is None):
        raise ValidationFailed.field("keyword_ids", "give either keyword_ids or cluster_id.")
    options = {"again": True, "count": wanted.count}
    if wanted.cluster_id is not None:
        keywords_count = ctx.repository(CLUSTER).get(wanted.cluster_id).keywords_count
        if not keywords_count:
            raise ValidationFailed.field("cluster_id", "this cluster has no keywords.")
        need_credits(ctx, "idea", [min(wanted.count, keywords_count)])
        return submit(ctx, "generate_ideas", [wanted.cluster_id], options=options)
    keywords = _keywords(call, wanted.keyword_ids)
    need_credits(ctx, "idea", [min(wanted.count, len(keywords))])
    return submit(ctx, "generate_ideas", [keywords[0].sector_id], ids=[k.id for k in keywords], options=options)
