"""Clusters: groups of a sector's keywords that one set of articles can answer."""

from typing import Any, Literal

from pydantic import Field

from chalicelib.billing.plans import use
from chalicelib.core.entity import Entity, Filter, SectorRecord, Unique, in_sector
from chalicelib.core.errors import PreconditionFailed
from chalicelib.core.service import Service
from chalicelib.system.origin import Origin

ClusterStatus = Literal["new", "mapped"]


class Cluster(SectorRecord):
    """keywords_count, volume (sum) and difficulty (mean, rounded) are over its live keywords with a value; ideas_count and
    content_count over what was made from it; mapped_pages: its published contents. keywords_with_*, difficulty_total: what the
    sum and the mean are made of, so that one keyword more or less needs no look at the others."""

    name: str = Field(min_length=1, max_length=120)
    description: str = Field("", max_length=2000)
    keywords_count: int = Field(0, ge=0)
    volume: int | None = Field(None, ge=0)
    difficulty: int | None = Field(None, ge=0, le=100)
    keywords_with_volume: int = Field(0, ge=0)
    keywords_with_difficulty: int = Field(0, ge=0)
    difficulty_total: int = Field(0, ge=0)
    ideas_count: int = Field(0, ge=0)
    content_count: int = Field(0, ge=0)
    mapped_pages: int = Field(0, ge=0)
    status: ClusterStatus = "new"
    disabled: bool = False
    generated_by: str = ""
    provenance: Origin | None = None


def pending_clusters(sector_id: str) -> str:
    """Name of the collection of clusters that wait for ideas."""
    return f"{sector_id}#clusters-new"


CLUSTER: Entity[Cluster] = Entity(
    name="cluster",
    plural="clusters",
    model=Cluster,
    letter="C",
    place=in_sector("C"),
    index={"n": "name", "v": "volume", "d": "difficulty", "k": "keywords_count"},
    collection=lambda c: pending_clusters(c.sector_id) if c.status == "new" and not c.disabled else None,
    filters={"status": Filter("status", choices=("new", "mapped"))},
    orderings={"created_at": "c", "name": "n", "keywords_count": "k", "volume": "v", "difficulty": "d"},
    search=("name",),
    unique=(Unique(("name",)),),
    create=frozenset({"name", "description", "disabled"}),
    patch=frozenset({"name", "description", "status", "disabled"}),
    counted=("status",),
)


class Clusters(Service[Cluster]):
    entity = CLUSTER

    def create(self, body: dict[str, Any]) -> Cluster:
        """Raises: ValidationFailed, NotFound, Duplicate (the name), PlanLimit."""
        fields = {k: v for k, v in body.items() if k in self.entity.create}
        return self.repository.create(self.repository.new(self.owner(body), **fields), *use(self.ctx, clusters=1))

    def delete(self, public_id: str, *, if_match: int | None = None) -> Cluster:
        """Free its keywords, then delete it (docs/adr, soft delete). Doing it again finishes what was cut off.

        Raises: NotFound, PreconditionFailed.
        """
        from chalicelib.planner.cluster_removal import free_keywords  # which knows keywords, and they know clusters

        if if_match is not None and self.get(public_id).version != if_match:
            raise PreconditionFailed()
        free_keywords(self.ctx, public_id)
        return self.repository.delete(public_id)

    def pending(self, sector_id: str, limit: int | None = None) -> list[Cluster]:
        """Enabled clusters of the sector that have no ideas yet, oldest first."""
        return self.repository.collection(pending_clusters(sector_id), limit)


def summary(volumes: list[int | None], difficulties: list[int | None]) -> dict[str, int | None]:
    """The keyword figures of a cluster: sum of known volumes and rounded mean of known difficulties, None when none is known."""
    v, d = [x for x in volumes if x is not None], [x for x in difficulties if x is not None]
    return {
        "keywords_count": len(volumes),
        "volume": sum(v) if v else None,
        "keywords_with_volume": len(v),
        "difficulty": mean(sum(d), len(d)),
        "difficulty_total": sum(d),
        "keywords_with_difficulty": len(d),
    }


def mean(total: int, count: int) -> int | None:
    return round(total / count) if count else None
