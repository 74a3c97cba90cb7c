"""Names of clusters and sectors beside their ids, for a whole page in one round trip."""

from collections.abc import Iterable
from typing import Any

from chalicelib.core.context import Context, sector_key
from chalicelib.planner.clusters import CLUSTER

NAMES: dict[str, Any] = {"cluster_name": str | None, "sector_name": str | None}  # what `with_names` adds


def with_names(ctx: Context, records: Iterable[Any], cluster_field: str = "cluster") -> list[dict[str, Any]]:
    """The records as answered, with `cluster_name` and `sector_name` (None for what does not exist any more)."""
    records = list(records)
    clusters = {i: CLUSTER.place.key(ctx.tenant, i) for r in records if (i := getattr(r, cluster_field))}
    sectors = {r.sector_id: sector_key(ctx.tenant, r.sector_id) for r in records}
    found = ctx.deps.table.get_many([*clusters.values(), *sectors.values()], consistent=False)
    names = {i: found[k]["name"] for i, k in {**clusters, **sectors}.items() if k in found and not found[k].get("deleted_at")}
    return [
        {**r.model_dump(), "cluster_name": names.get(getattr(r, cluster_field)), "sector_name": names.get(r.sector_id)} for r in records
    ]
