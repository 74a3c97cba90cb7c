"""Content ideas: articles worth writing, each for some keywords of a cluster."""

from typing import Any, Literal, get_args

from pydantic import BaseModel, Field

from chalicelib.auth.sites import get_site
from chalicelib.billing.plans import use
from chalicelib.core.entity import Entity, Filter, SectorRecord, in_sector
from chalicelib.core.errors import ValidationFailed
from chalicelib.core.rewrite import gone, in_turn, parsed, rewrite
from chalicelib.core.service import Service
from chalicelib.core.table import Write
from chalicelib.planner.cluster_figures import figure_writes, idea_deltas
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.keywords import KEYWORD
from chalicelib.planner.names import with_names
from chalicelib.planner.subjects import beside_idea, most_alike
from chalicelib.system.authors import AUTHOR
from chalicelib.system.origin import Origin
from chalicelib.system.strategies import STRATEGY

IdeaStatus = Literal["new", "queued", "completed"]
ContentType = Literal["post", "page", "product", "taxonomy"]
CONTENT_TYPES: tuple[str, ...] = get_args(ContentType)
Structure = Field("article", min_length=1, max_length=40, pattern=r"^[a-z][a-z0-9_]*$")


class OutlineSection(BaseModel):
    heading: str = Field(min_length=1, max_length=300)
    points: list[str] = Field(default_factory=list, max_length=30)


class SimilarTo(BaseModel):
    """type: idea or content; similarity: 0 to 1."""

    type: str
    id: str
    title: str
    similarity: float


class Idea(SectorRecord):
    """target_keywords: the texts of the keywords (read-only); keyword_objects: their ids; keyword_cluster: the cluster's id. similar_to:
    what of the site an idea made by hand would compete with, as a warning (ideas that AI plans do not compete)."""

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
    market: str = Field("", max_length=60)
    author_profile: str | None = None
    strategy: str | None = None
    is_priority: bool = False
    is_assigned: bool = False
    is_review_required: bool = False
    status: IdeaStatus = "new"
    disabled: bool = False
    published_url: str | None = None
    task: str | None = None
    similar_to: SimilarTo | None = None
    generated_by: str = ""
    provenance: Origin | None = None


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
        "market",
        "author_profile",
        "strategy",
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
    beside=beside_idea,
)
NewIdea = IDEA.create_shape({"site_id", "sector_id"})


class Ideas(Service[Idea]):
    entity = IDEA
    related = {"keyword_cluster": CLUSTER, "author_profile": AUTHOR, "strategy": STRATEGY}  # noqa: RUF012

    def create(self, body: dict[str, Any]) -> Idea:
        """An idea that competes with another, or with a content, is made all the same and says so. Raises: ValidationFailed, NotFound."""
        wanted = parsed(NewIdea, body).model_dump(exclude={"site_id", "sector_id"})
        owner = self.owner(body)
        record = self.repository.new(owner, **{**wanted, **self._keywords(owner, wanted)})
        self.check_related(record)
        language = record.language or get_site(self.ctx, record.site_id).language
        similar = most_alike(self.ctx, record.site_id, record.primary_keyword, record.idea_title, language)
        record = record.model_copy(update={"similar_to": SimilarTo(**similar) if similar else None})
        return in_turn(lambda: self.repository.create(record, *self._figures(None, record), *use(self.ctx, ideas=1)))

    def patch(self, public_id: str, body: dict[str, Any], *, if_match: int | None = None) -> Idea:
        """Raises: NotFound, ValidationFailed, PreconditionFailed."""
        changes = {k: v for k, v in body.items() if k in self.entity.patch}
        present = self.get(public_id)
        named = {name: changes[name] for name in self.related if changes.get(name) is not None}
        for name, value in named.items():
            if not isinstance(value, str):
                raise ValidationFailed.field(name, "must be an id.")
        self.check_related(present.model_copy(update=named), named)
        if "keyword_objects" in changes:
            changes |= self._keywords(present.sector_id, changes)
        return rewrite(self.repository, public_id, lambda old: self.changes(old, changes), self._figures, if_match=if_match)

    def delete(self, public_id: str, *, if_match: int | None = None) -> Idea:
        """Its task, if it has one, stays."""
        return rewrite(self.repository, public_id, lambda old: gone(self.repository), self._figures, if_match=if_match)

    def restore(self, public_id: str) -> Idea:
        return rewrite(self.repository, public_id, lambda old: {"deleted_at": None}, self._figures, deleted=True)

    def changes(self, present: Idea, changes: dict[str, Any]) -> dict[str, Any]:
        """An idea becomes `new` again only when its task is gone. Raises: ValidationFailed."""
        if changes.get("status") != "new" or present.status == "new":
            return changes
        from chalicelib.writer.tasks import TASK  # which knows ideas

        if present.task and self.ctx.repository(TASK).find(present.task) is not None:
            raise ValidationFailed.field("status", "this idea has a task; delete that first.")
        return {**changes, "task": None, "is_assigned": False}

    def _keywords(self, sector_id: str, body: dict[str, Any]) -> dict[str, Any]:
        """keyword_objects checked, and what follows from them. Raises: ValidationFailed."""
        ids = body["keyword_objects"]
        if not isinstance(ids, list) or not all(isinstance(i, str) for i in ids):
            raise ValidationFailed.field("keyword_objects", "must be a list of ids.")
        found = self.ctx.repository(KEYWORD).get_many(ids)
        if len(found) < len(set(ids)) or any(k.sector_id != sector_id for k in found.values()):
            raise ValidationFailed.field("keyword_objects", "holds an id that is no keyword of this sector.")
        texts = [k.keyword for k in found.values()]
        first = {"primary_keyword": texts[0]} if texts and not body.get("primary_keyword") else {}
        return {"keyword_objects": list(found), "target_keywords": texts, **first}

    def _figures(self, old: Idea | None, new: Idea) -> list[Write]:
        joins = new.keyword_cluster is not None and (old is None or old.keyword_cluster != new.keyword_cluster)
        needed = [new.keyword_cluster] if joins and new.keyword_cluster else []
        return figure_writes(self.ctx, idea_deltas([(old, new)]), needed=needed, mapped=True)

    def pending(self, sector_id: str, limit: int | None = None) -> list[Idea]:
        """Enabled ideas of the sector that are no task yet, oldest first."""
        return self.repository.collection(pending_ideas(sector_id), limit)

    def present(self, records: Any) -> list[dict[str, Any]]:
        """With the names of cluster and sector; `taxonomy` is an older field without meaning (ruling G3)."""
        return [{**shown, "taxonomy": None} for shown in with_names(self.ctx, records, "keyword_cluster")]
