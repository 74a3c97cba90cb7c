"""Which clusters a content or task serves besides its own, and how: the map behind hub pages and internal links."""

from typing import Any, Literal

from pydantic import Field

from chalicelib.core.entity import Entity, Filter, SectorRecord, Unique, in_sector
from chalicelib.core.errors import ValidationFailed
from chalicelib.core.rewrite import parsed
from chalicelib.core.service import Service
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.names import with_names
from chalicelib.writer.content import CONTENT, Content
from chalicelib.writer.tasks import TASK, Task

Role = Literal["hub", "supporting", "attribute"]
Source = Literal["blueprint", "manual", "import"]


class ClusterMap(SectorRecord):
    """content or task: what is mapped. role: what it is to the cluster. keywords, slugs: what links to it may say and where they go."""

    content: str | None = None
    task: str | None = None
    cluster: str
    role: Role = "supporting"
    source: Source = "manual"
    keywords: list[str] = Field(default_factory=list, max_length=100)
    slugs: list[str] = Field(default_factory=list, max_length=100)


CLUSTER_MAP: Entity[ClusterMap] = Entity(
    name="cluster_map",
    plural="cluster maps",
    model=ClusterMap,
    letter="Y",
    place=in_sector("Y"),
    filters={
        "content": Filter("content", related=lambda: CONTENT),
        "content_id": Filter("content", related=lambda: CONTENT),
        "task": Filter("task", related=lambda: TASK),
        "task_id": Filter("task", related=lambda: TASK),
        "cluster": Filter("cluster", related=lambda: CLUSTER),
        "cluster_id": Filter("cluster", related=lambda: CLUSTER),
        "role": Filter("role", choices=("hub", "supporting", "attribute")),
        "source": Filter("source", choices=("blueprint", "manual", "import")),
    },
    unique=(Unique(("content", "cluster", "role")), Unique(("task", "cluster", "role"))),
    create=frozenset({"content", "task", "cluster", "role", "source", "keywords", "slugs"}),
    patch=frozenset({"role", "source", "keywords", "slugs"}),
    soft_delete=False,
)
NewClusterMap = CLUSTER_MAP.create_shape(set())  # either content or task; the sector is theirs


class ClusterMaps(Service[ClusterMap]):
    entity = CLUSTER_MAP
    related = {"content": CONTENT, "task": TASK, "cluster": CLUSTER}  # noqa: RUF012

    def create(self, body: dict[str, Any]) -> ClusterMap:
        """Raises: ValidationFailed, Duplicate."""
        wanted = parsed(NewClusterMap, body).model_dump()
        if (wanted["content"] is None) == (wanted["task"] is None):
            raise ValidationFailed.field("content", "give either content or task.")
        subject: Content | Task | None
        if wanted["content"] is not None:
            name, subject = "content", self.ctx.repository(CONTENT).find(wanted["content"])
        else:
            name, subject = "task", self.ctx.repository(TASK).find(wanted["task"])
        if subject is None:
            raise ValidationFailed.field(name, f"there is no such {name}.")
        record = self.repository.new(subject.sector_id, **wanted)
        self.check_related(record)
        return self.repository.create(record)

    def present(self, records: Any) -> list[dict[str, Any]]:
        return with_names(self.ctx, records)
