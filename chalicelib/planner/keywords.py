"""Keywords: what people search for, of one sector. A keyword's id is a hash of its text, market and industry sector, so that being
unique in its sector is its primary key."""

from typing import Any, Literal

from pydantic import Field, model_validator

from chalicelib.core.entity import Entity, Filter, SectorRecord, in_sector
from chalicelib.core.service import Service
from chalicelib.planner.clusters import CLUSTER

Intent = Literal["informational", "commercial", "transactional", "navigational"]
INTENTS = ("informational", "commercial", "transactional", "navigational")
KeywordStatus = Literal["new", "mapped"]
Volume = Field(None, ge=0, le=10**12)
Difficulty = Field(None, ge=0, le=100)


class Keyword(SectorRecord):
    """seed_*: what the (shared or private) seed says; *_override: what the tenant set; volume, difficulty and intent are the
    effective values, override first, None when unknown."""

    keyword: str = Field(min_length=1, max_length=200)
    seed_keyword_id: str | None = None
    country: str | None = Field(None, max_length=8)
    seed_volume: int | None = Volume
    seed_difficulty: int | None = Difficulty
    seed_intent: Intent | None = None
    volume_override: int | None = Volume
    difficulty_override: int | None = Difficulty
    intent_override: Intent | None = None
    volume: int | None = Volume
    difficulty: int | None = Difficulty
    intent: Intent | None = None
    attribute_values: dict[str, Any] = Field(default_factory=dict)
    cluster: str | None = None
    status: KeywordStatus = "new"
    disabled: bool = False

    @model_validator(mode="before")
    @classmethod
    def _effective(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data

        def first(name: str) -> Any:
            override = data.get(f"{name}_override")
            return data.get(f"seed_{name}") if override is None else override

        return {**data, **{name: first(name) for name in ("volume", "difficulty", "intent")}}


def pending_keywords(sector_id: str) -> str:
    """Name of the collection of keywords that wait for a cluster."""
    return f"{sector_id}#keywords-pending"


def _collection(keyword: Keyword) -> str | None:
    if keyword.cluster:
        return f"K#{keyword.cluster}"
    return pending_keywords(keyword.sector_id) if keyword.status == "new" and not keyword.disabled else None


KEYWORD: Entity[Keyword] = Entity(
    name="keyword",
    plural="keywords",
    model=Keyword,
    letter="K",
    place=in_sector("K"),
    index={"n": "keyword", "v": "volume", "d": "difficulty"},
    collection=_collection,
    filters={
        "status": Filter("status", choices=("new", "mapped")),
        "cluster": Filter("cluster", related=lambda: CLUSTER),
        "cluster_id": Filter("cluster", related=lambda: CLUSTER),
        "intent": Filter("intent", choices=INTENTS),
        "seed_keyword_id": Filter("seed_keyword_id"),
        "difficulty_min": Filter("difficulty", "ge", "integer"),
        "difficulty_max": Filter("difficulty", "le", "integer"),
        "volume_min": Filter("volume", "ge", "integer"),
        "volume_max": Filter("volume", "le", "integer"),
    },
    orderings={"created_at": "c", "volume": "v", "difficulty": "d"},
    search=("keyword",),
    create=frozenset(
        {
            "keyword",
            "seed_keyword_id",
            "volume_override",
            "difficulty_override",
            "intent_override",
            "country",
            "attribute_values",
            "cluster",
        }
    ),
    patch=frozenset({"volume_override", "difficulty_override", "intent_override", "attribute_values", "cluster", "status", "disabled"}),
    counted=("status",),
)


class Keywords(Service[Keyword]):
    entity = KEYWORD
    related = {"cluster": CLUSTER}  # noqa: RUF012

    def pending(self, sector_id: str, limit: int | None = None) -> list[Keyword]:
        """Enabled keywords of the sector that have no cluster yet, in id order."""
        return self.repository.collection(pending_keywords(sector_id), limit)

    def of_cluster(self, cluster_id: str) -> list[Keyword]:
        return self.repository.collection(f"K#{cluster_id}")

    def present(self, records: Any) -> list[dict[str, Any]]:
        clusters = self.ctx.repository(CLUSTER).get_many(r.cluster for r in records if r.cluster)
        return [{**r.model_dump(), "cluster_name": clusters[r.cluster].name if r.cluster in clusters else None} for r in records]
