"""Frees the keywords of a cluster that is about to be deleted: they wait for a cluster again."""

from chalicelib.core.context import Context
from chalicelib.core.rewrite import in_turn
from chalicelib.core.table import Write
from chalicelib.planner.cluster_figures import figure_writes, keyword_deltas
from chalicelib.planner.keywords import KEYWORD, Keywords

BATCH = 90  # keywords a transaction, beside their counter and the cluster


def free_keywords(ctx: Context, cluster_id: str) -> int:
    """Take all keywords out of the cluster, batch by batch, its figures with them. Returns how many."""
    members = [k.id for k in Keywords(ctx).of_cluster(cluster_id)]
    return sum(_free(ctx, cluster_id, members[at : at + BATCH]) for at in range(0, len(members), BATCH))


def _free(ctx: Context, cluster_id: str, ids: list[str]) -> int:
    repository = ctx.repository(KEYWORD)

    def step() -> int:
        members = [k for k in repository.get_many(ids).values() if k.cluster == cluster_id]
        pairs = [(k, repository.changed(k, cluster=None, status="new")) for k in members]
        writes: list[Write] = [w for old, new in pairs for w in repository.changing(old, new, counted=False)]
        if writes:
            ctx.transact(*writes, *repository.counting(pairs), *figure_writes(ctx, keyword_deltas(pairs)))
        return len(pairs)

    return in_turn(step)
