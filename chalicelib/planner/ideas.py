"""Content ideas: articles worth writing, each for some keywords of a cluster."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from chalicelib.core.entity import Entity, Filter, SectorRecord, in_sector
from chalicelib.core.service import Service
from chalicelib.planner.clusters import CLUSTER

IdeaStatus = Literal["new", "queued", "completed"]
ContentType = Literal["post", "page", "product", "taxonomy"]
CONTENT_TYPES = ("post", "page", "product", "taxonomy")
Structure = Field("article", min_length=1, max_length=40, pattern=r"^[a-z][a-z0-9_]*$")


class OutlineSection(BaseModel):
    heading: str = Field(min_length=1, max_length=300)
    points: list[str] = Field(default_factory=list, max_length=30)


class Idea(SectorRecord):
    """target_keywords: the texts of the keywords (read-only); keyword_objects: their ids; keyword_cluster: the cluster's id."""

    idea_title: str = Field(min_length=1, max_length=300)
    description: str = Field("", max_length=5000)
    keyword_cluster: str | None = None
    keyword_objects: list[str] = Field(default_factory=list, max_length=200)
    target_keywords: list[str] = Field(default_factory=list, max_length=200)
    primary_keyword: str = Field("", max_length=200)
    content_type: ContentType = "post"
    content_structure: str = Structure
    estimated_word_count: int = Field(1000, ge=100, le=10_000)
    audience: str = Field("", max_length=300)
    tone: str = Field("", max_length=200)
    language: str | None = None
    outline: list[OutlineSection] = Field(default_factory=list, max_length=40)
    brief: str = Field("", max_length=5000)
    cta: str = Field("", max_length=500)
    author_profile: str | None = None
    is_priority: bool = False
    is_assigned: bool = False
    is_review_required: bool = False
    status: IdeaStatus = "new"
    disabled: bool = False
    published_url: str | None = None
    task: str | None = None
    generated_by: str = ""


def pending_ideas(sector_id: str) -> str:
    """Name of the collection of ideas that wait to become tasks."""
    return f"{sector_id}#ideas-new"


_WRITABLE = frozenset(
    {
        "idea_title",
        "description",
        "keyword_cluster",
        "keyword_objects",
        "primary_keyword",
        "content_type",
        "content_structure",
        "estimated_word_count",
        "audience",
        "tone",
        "language",
        "outline",
        "brief",
        "cta",
        "author_profile",
        "is_priority",
        "is_assigned",
        "is_review_required",
        "disabled",
    }
)
IDEA: Entity[Idea] = Entity(
    name="idea",
    plural="ideas",
    model=Idea,
    letter="I",
    place=in_sector("I"),
    index={"n": "idea_title"},
    collection=lambda i: pending_ideas(i.sector_id) if i.status == "new" and not i.disabled else None,
    filters={
        "status": Filter("status", choices=("new", "queued", "completed")),
        "cluster": Filter("keyword_cluster", related=lambda: CLUSTER),
        "cluster_id": Filter("keyword_cluster", related=lambda: CLUSTER),
    },
    orderings={"created_at": "c", "status": "d"},
    search=("idea_title", "description", "target_keywords"),
    create=_WRITABLE,
    patch=_WRITABLE | {"status"},
    counted=("status",),
    ranked=("status", ("new", "queued", "completed")),
)


class Ideas(Service[Idea]):
    entity = IDEA
    related = {"keyword_cluster": CLUSTER}  # noqa: RUF012

    def pending(self, sector_id: str, limit: int | None = None) -> list[Idea]:
        """Enabled ideas of the sector that are no task yet, oldest first."""
        return self.repository.collection(pending_ideas(sector_id), limit)

    def present(self, records: Any) -> list[dict[str, Any]]:
        clusters = self.ctx.repository(CLUSTER).get_many(r.keyword_cluster for r in records if r.keyword_cluster)
        names = {i: c.name for i, c in clusters.items()}
        return [{**r.model_dump(), "cluster_name": names.get(r.keyword_cluster)} for r in records]
