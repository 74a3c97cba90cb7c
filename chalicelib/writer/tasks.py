"""Writing tasks: one article to write each, made from an idea or by hand."""

from typing import Any, Literal

from pydantic import Field

from chalicelib.core.bulk import Body
from chalicelib.core.context import Context
from chalicelib.core.entity import Entity, Filter, SectorRecord, in_sector
from chalicelib.core.errors import Conflict, NotFound, ValidationFailed
from chalicelib.core.rewrite import in_turn, parsed
from chalicelib.core.service import Service
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.ideas import CONTENT_TYPES, IDEA, ContentType, Idea, Structure
from chalicelib.planner.names import with_names
from chalicelib.system.authors import AUTHOR
from chalicelib.system.strategies import STRATEGY
from chalicelib.writer.taxonomies import TAXONOMY

TaskStatus = Literal["queued", "completed"]
GenerationState = Literal["idle", "running", "failed", "done"]


class Task(SectorRecord):
    """keywords: comma-separated text. content: the article's id once it is written. last_error: why the last try failed."""

    title: str = Field(min_length=1, max_length=300)
    description: str = Field("", max_length=5000)
    cluster: str
    idea: str | None = None
    content: str | None = None
    content_type: ContentType = "post"
    content_structure: str = Structure
    taxonomy_term: str | None = None
    keywords: str = Field("", max_length=5000)
    primary_keyword: str = Field("", max_length=200)
    word_count: int = Field(1000, ge=100, le=10_000)
    audience: str = Field("", max_length=300)
    tone: str = Field("", max_length=200)
    language: str | None = None
    market: str = Field("", max_length=60)
    author_profile: str | None = None
    strategy: str | None = None
    status: TaskStatus = "queued"
    generation_state: GenerationState = "idle"
    attempts: int = Field(0, ge=0)
    last_error: str | None = None

    @property
    def keyword_list(self) -> list[str]:
        return [k.strip() for k in self.keywords.split(",") if k.strip()]


def queued_tasks(sector_id: str) -> str:
    """Name of the collection of tasks that wait to be written."""
    return f"{sector_id}#tasks-queued"


_WRITABLE = frozenset(
    {
        "title",
        "description",
        "cluster",
        "idea",
        "content_type",
        "content_structure",
        "taxonomy_term",
        "keywords",
        "primary_keyword",
        "word_count",
        "audience",
        "tone",
        "language",
        "market",
        "author_profile",
        "strategy",
    }
)
TASK: Entity[Task] = Entity(
    name="task",
    plural="tasks",
    model=Task,
    letter="T",
    place=in_sector("T"),
    index={"n": "title", "v": "word_count"},
    collection=lambda t: queued_tasks(t.sector_id) if t.status == "queued" else None,
    filters={
        "status": Filter("status", choices=("queued", "completed")),
        "cluster": Filter("cluster", related=lambda: CLUSTER),
        "cluster_id": Filter("cluster", related=lambda: CLUSTER),
        "content_type": Filter("content_type", choices=CONTENT_TYPES),
        "content_structure": Filter("content_structure"),
    },
    orderings={"title": "n", "created_at": "c", "status": "d", "word_count": "v"},
    search=("title", "keywords"),
    create=_WRITABLE,
    patch=_WRITABLE - {"idea"} | {"status"},
    counted=("status",),
    ranked=("status", ("queued", "completed")),
)


class NewTask(Body):
    """With `idea` what is left out comes from the idea; without it title, cluster, content_type and content_structure are needed."""

    site_id: str
    sector_id: str
    title: str | None = Field(None, min_length=1, max_length=300)
    description: str | None = Field(None, max_length=5000)
    cluster: str | None = None
    idea: str | None = None
    content_type: ContentType | None = None
    content_structure: str | None = Field(None, min_length=1, max_length=40, pattern=r"^[a-z][a-z0-9_]*$")
    taxonomy_term: str | None = None
    keywords: str | None = Field(None, max_length=5000)
    primary_keyword: str | None = Field(None, max_length=200)
    word_count: int | None = Field(None, ge=100, le=10_000)
    audience: str | None = Field(None, max_length=300)
    tone: str | None = Field(None, max_length=200)
    language: str | None = None
    market: str | None = Field(None, max_length=60)
    author_profile: str | None = None
    strategy: str | None = None


class Tasks(Service[Task]):
    entity = TASK
    related = {  # noqa: RUF012
        "cluster": CLUSTER,
        "idea": IDEA,
        "author_profile": AUTHOR,
        "strategy": STRATEGY,
        "taxonomy_term": TAXONOMY,
    }

    def create(self, body: dict[str, Any]) -> Task:
        """Raises: ValidationFailed, NotFound, Conflict when the idea has a task."""
        wanted = parsed(NewTask, body)
        owner = self.owner(body)
        fields = wanted.model_dump(exclude={"site_id", "sector_id", "idea"}, exclude_none=True)
        if wanted.idea is not None:
            idea = self.ctx.repository(IDEA).find(wanted.idea)
            if idea is None or idea.sector_id != owner:
                raise ValidationFailed.field("idea", "there is no such idea in this sector.")
            if named := [name for name in self.related if name in fields]:
                self.check_related(self.repository.new(owner, **{**_from_idea(idea), **fields}), named)
            return queue_idea(self.ctx, wanted.idea, **fields)
        for name in ("title", "cluster", "content_type", "content_structure"):
            if name not in fields:
                raise ValidationFailed.field(name, "is required.")
        record = self.repository.new(owner, **fields)
        self.check_related(record)
        return self.repository.create(record)

    def changes(self, present: Task, changes: dict[str, Any]) -> dict[str, Any]:
        """A task whose article was written stays completed: that article is regenerated instead. Raises: ValidationFailed."""
        if changes.get("status") == "queued" and present.content is not None:
            raise ValidationFailed.field("status", "its article was written; regenerate or restore that.")
        return changes

    def pending(self, sector_id: str, limit: int | None = None) -> list[Task]:
        """Queued tasks of the sector, oldest first."""
        return self.repository.collection(queued_tasks(sector_id), limit)

    def present(self, records: Any) -> list[dict[str, Any]]:
        return with_names(self.ctx, records)


def queue_idea(ctx: Context, idea_id: str, **fields: Any) -> Task:
    """Make the one task of a new idea; fields: what differs from the idea. The task's id comes from the idea's, so that doing it
    twice finds the first; a task that was deleted comes back with the new values.

    Raises: NotFound; Conflict when the idea is no longer new or has no cluster.
    """
    ideas, tasks = ctx.repository(IDEA), ctx.repository(TASK)

    def step() -> Task:
        idea = ideas.get(idea_id)
        if idea.task or idea.status != "new":
            raise Conflict(f"This idea is {idea.status}, not new.")
        wanted = {**_from_idea(idea), **fields}
        if not wanted["cluster"]:
            raise Conflict("This idea has no cluster; a task needs one.")
        if ctx.repository(CLUSTER).find(wanted["cluster"]) is None:
            raise Conflict("This idea's cluster was deleted; choose another first.")
        task = tasks.new(idea.sector_id, idea.id.partition("-")[2], **wanted)
        old = tasks.find(task.id, deleted=True)
        if old is None:
            writes = tasks.creating(task)
        elif old.deleted_at and old.content is None:
            task = tasks.changed(old, **wanted, status="queued", deleted_at=None, last_error=None)
            writes = tasks.changing(old, task)
        else:
            raise Conflict("This idea's task was written or is there already.")
        queued = ideas.changed(idea, status="queued", task=task.id, is_assigned=True)
        ctx.transact(*writes, *ideas.changing(idea, queued))
        return task

    return in_turn(step)


def writing_failed(ctx: Context, task_id: str, reason: str) -> None:
    """Note on a queued task why its article could not be written. One that was written or deleted meanwhile is left alone."""
    try:
        ctx.repository(TASK).patch(
            task_id,
            lambda t: (
                {"generation_state": "failed", "last_error": reason[:500], "attempts": t.attempts + 1} if t.status == "queued" else {}
            ),
        )
    except NotFound:
        return  # deleted while it was written: nothing is left to mark


def _from_idea(idea: Idea) -> dict[str, Any]:
    return {
        "title": idea.idea_title,
        "description": idea.description,
        "cluster": idea.keyword_cluster,
        "idea": idea.id,
        "content_type": idea.content_type,
        "content_structure": idea.content_structure,
        "keywords": ", ".join(idea.target_keywords),
        "primary_keyword": idea.primary_keyword,
        "word_count": idea.estimated_word_count,
        "audience": idea.audience,
        "tone": idea.tone,
        "language": idea.language,
        "market": idea.market,
        "author_profile": idea.author_profile,
        "strategy": idea.strategy,
    }
