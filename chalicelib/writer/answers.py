"""What the writer answers: its records with names and addresses, revisions, terms, and images by content."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from chalicelib.core.answers import answer_model
from chalicelib.planner.names import NAMES
from chalicelib.system.origin import Origin
from chalicelib.writer.cluster_map import CLUSTER_MAP
from chalicelib.writer.content import CONTENT, ContentStatus
from chalicelib.writer.images import IMAGE
from chalicelib.writer.tasks import TASK
from chalicelib.writer.taxonomies import TAXONOMY

TaxonomyType = Literal["category", "tag"]
TaskAnswer = answer_model(TASK.model, **NAMES)
ClusterMapAnswer = answer_model(CLUSTER_MAP.model, **NAMES)
TaxonomyAnswer = answer_model(TAXONOMY.model)


class Term(BaseModel):
    id: str
    name: str
    taxonomy_type: TaxonomyType


_DERIVED: dict[str, Any] = {"has_images": bool, "images_ready": bool, "wp_post_id": str | None, **NAMES}
ContentAnswer = answer_model(CONTENT.model, **_DERIVED)
ContentWithHtml = answer_model(CONTENT.model, **_DERIVED, called="ContentWithHtml", html=str, terms=list[Term], json_ld=dict[str, Any])
UnpublishedContent = answer_model(CONTENT.model, **_DERIVED, called="UnpublishedContent", html=str)

_PLACED: dict[str, Any] = {"file_url": str | None, "url": str | None, "thumbnail_url": str | None}
ImageAnswer = answer_model(IMAGE.model, **_PLACED, content_title=str | None, task_title=str | None)
PlacedImage = answer_model(IMAGE.model, **_PLACED, called="PlacedImage")


class ImagesByPlace(BaseModel):
    """featured: null when there is none."""

    content: str
    title: str
    featured: PlacedImage | None  # type: ignore[valid-type]
    in_article: list[PlacedImage]  # type: ignore[valid-type]


class ImageGroup(ImagesByPlace):
    status: ContentStatus
    images_total: int
    images_open: int


class Revision(BaseModel):
    """provenance: of a body that AI wrote: prompt, model, tokens, cost. current: what is shown and published."""

    revision: int
    created_at: str
    created_by: str
    words: int | None
    note: str
    provenance: Origin | None
    current: bool


class RevisionWithHtml(Revision):
    html: str


class MappedTerm(Term):
    external_id: str | None


class TargetFields(BaseModel):
    title: str
    slug: str
    excerpt: str
    meta_title: str
    meta_description: str
    focus_keyword: str | None
    keywords: list[str]
    language: str
    content_type: str


class MappedMetadata(BaseModel):
    """What a target will be given. role: of the content in its cluster; both null for an imported content without one."""

    content: str
    taxonomy_terms: list[MappedTerm]
    cluster: str | None
    role: Literal["hub", "supporting"] | None
    metadata: TargetFields = Field(description="The content's fields by their names at the target.")
