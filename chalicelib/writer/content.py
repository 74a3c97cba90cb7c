"""Contents: the articles. The meta record lists and sorts; the HTML body lies beside it, one item per revision, in S3 when large."""

import gzip
import hashlib
from typing import Any, Literal

from pydantic import BaseModel, Field

from chalicelib.core.context import Context
from chalicelib.core.entity import Entity, Filter, SectorRecord, in_sector
from chalicelib.core.errors import NotFound
from chalicelib.core.service import Service
from chalicelib.core.table import Key, Query, Write, put
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.ideas import CONTENT_TYPES, ContentType, Structure
from chalicelib.planner.names import with_names
from chalicelib.planner.subjects import beside_content

ContentStatus = Literal["draft", "review", "published"]
SyncStatus = Literal["none", "queued", "publishing", "synced", "failed"]
INLINE_MAX_BYTES = 8_192  # compressed; above, S3 is cheaper to write and lists stay lean (docs/data-model)


class Faq(BaseModel):
    question: str
    answer: str


class Finding(BaseModel):
    code: str
    severity: str
    message: str


class Content(SectorRecord):
    """revision: number of the current body. prompts_done: image prompts were made; images_total, images_open: image records and
    those still pending; score, findings: the content check; sync_*: the state of publishing; external_*: the remote post.

    approved: an editor said yes to just this version. held: an editor took it back (rejected, unpublished), so automation leaves it
    alone until it is put into review again. note: what the editor last said. optimistic: shown as published while that is under way.
    publish_at: when it goes online by itself; publish_place: which place of the site's slots it has then.
    author: the name of who signs it, '' for the site itself.
    """

    title: str = Field(min_length=1, max_length=300)
    slug: str = Field("", max_length=200)
    excerpt: str = Field("", max_length=2000)
    word_count: int = Field(0, ge=0)
    meta_title: str | None = Field(None, max_length=300)
    meta_description: str | None = Field(None, max_length=500)
    primary_keyword: str | None = Field(None, max_length=200)
    secondary_keywords: list[str] = Field(default_factory=list, max_length=100)
    cluster: str | None = None  # imported ones may have none
    task: str | None = None
    content_type: ContentType = "post"
    content_structure: str = Structure
    language: str = "en"
    categories: list[str] = Field(default_factory=list, max_length=20)
    tags: list[str] = Field(default_factory=list, max_length=50)
    taxonomy_terms: list[str] = Field(default_factory=list, max_length=100)
    faq: list[Faq] = Field(default_factory=list, max_length=30)
    author: str = Field("", max_length=120)
    revision: int = Field(0, ge=0)
    status: ContentStatus = "draft"
    source: Literal["igny8", "wordpress"] = "igny8"
    prompts_done: bool = False
    images_total: int = Field(0, ge=0)
    images_open: int = Field(0, ge=0)
    score: int | None = None
    findings: list[Finding] = Field(default_factory=list)
    blockers: int = Field(0, ge=0)
    sync_status: SyncStatus = "none"
    sync_reason: str | None = None
    external_id: str | None = None
    external_url: str | None = None
    external_type: str | None = None
    external_metadata: dict[str, Any] = Field(default_factory=dict)
    published_at: str | None = None
    publish_at: str | None = None
    publish_place: str | None = None
    note: str | None = Field(None, max_length=2000)
    approved: bool = False
    approved_by: str | None = None
    approved_at: str | None = None
    held: bool = False
    optimistic: bool = False
    generated_by: str = ""

    @property
    def own_id(self) -> str:
        """The part of the id that names the content's own partition."""
        return self.id.partition("-")[2]

    @property
    def keywords(self) -> list[str]:
        """The primary one first, if it has one."""
        return [k for k in [self.primary_keyword, *self.secondary_keywords] if k]


def waiting_contents(sector_id: str, step: str) -> str:
    """Name of the collection of contents that wait for a step: prompts | images | review."""
    return f"{sector_id}#content-{step}"


def published_contents(cluster_id: str) -> str:
    """Name of the collection of a cluster's published contents: what its articles may link to."""
    return f"P#{cluster_id}"


def published_without_cluster(sector_id: str) -> str:
    """Name of the collection of a sector's published contents of no cluster: imported ones may be so."""
    return f"{sector_id}#content-published"


def _collection(content: Content) -> str | None:
    if content.status == "published":
        return published_contents(content.cluster) if content.cluster else published_without_cluster(content.sector_id)
    if content.source != "igny8" or content.held:
        return None
    if content.status == "review" and content.publish_at:
        return None  # its time is set
    if content.status == "review":
        return waiting_contents(content.sector_id, "review")
    return waiting_contents(content.sector_id, "images" if content.prompts_done else "prompts")


def _score_in_review(content: Content) -> int | None:
    """What orders the review queue: of contents that wait in it alone, so that reading the queue reads nothing else."""
    waits = content.status == "review" and not content.deleted_at and _collection(content) == waiting_contents(content.sector_id, "review")
    return (content.score or 0) if waits else None


_WRITABLE = frozenset(
    {
        "title",
        "slug",
        "excerpt",
        "meta_title",
        "meta_description",
        "primary_keyword",
        "secondary_keywords",
        "cluster",
        "content_type",
        "content_structure",
        "language",
        "categories",
        "tags",
        "taxonomy_terms",
    }
)
CONTENT: Entity[Content] = Entity(
    name="content",
    plural="contents",
    model=Content,
    letter="P",
    place=in_sector("P"),
    index={"n": "title", "v": _score_in_review},
    collection=_collection,
    filters={
        "status": Filter("status", choices=("draft", "review", "published")),
        "cluster": Filter("cluster", related=lambda: CLUSTER),
        "cluster_id": Filter("cluster", related=lambda: CLUSTER),
        "content_type": Filter("content_type", choices=CONTENT_TYPES),
        "content_structure": Filter("content_structure"),
        "source": Filter("source", choices=("igny8", "wordpress")),
        "approved": Filter("approved", kind="boolean"),
        "sync_status": Filter("sync_status", choices=("none", "queued", "publishing", "synced", "failed")),
    },
    orderings={"created_at": "c", "title": "n", "status": "d"},
    search=("title",),
    create=_WRITABLE,
    patch=_WRITABLE | {"author"},
    counted=("status",),
    ranked=("status", ("draft", "review", "published")),
    beside=beside_content,
)


def content_partition(tenant: str, content_id: str) -> str:
    """Partition of what belongs to one content: its bodies, images, publish records, sketch."""
    return f"{tenant}#P#{content_id.partition('-')[2]}"


def body_key(tenant: str, content_id: str, revision: int) -> Key:
    return content_partition(tenant, content_id), f"B#{revision:06d}"


def body_write(ctx: Context, content_id: str, revision: int, html: str, **about: Any) -> Write:
    """The write that stores a revision's HTML: compressed in the item, or in S3 (stored here and now, referenced by the write).
    about: what is known of the revision (note, author, provenance)."""
    packed = gzip.compress(html.encode(), mtime=0)
    item: dict[str, Any] = {"revision": revision, **about}
    if len(packed) <= INLINE_MAX_BYTES:
        item["gz"] = packed
    else:
        # named by what it holds: of two editors at once, the one who loses must not have written over the other's text
        item["file"] = f"{ctx.tenant}/content/{content_id}/{revision:06d}-{hashlib.sha256(packed).hexdigest()[:12]}.html.gz"
        ctx.deps.files.put(item["file"], packed, "application/gzip")
    return put(body_key(ctx.tenant, content_id, revision), item)


def body_html(ctx: Context, content: Content, revision: int | None = None) -> str:
    """The current HTML body, or that of a revision; '' when none was written yet. Raises: NotFound when there is no such body."""
    number = content.revision if revision is None else revision
    if number == 0:
        return ""
    item = ctx.deps.table.get(body_key(ctx.tenant, content.id, number))
    if item is None:
        raise NotFound("There is no such revision of this content.")
    packed = item["gz"] if "gz" in item else ctx.deps.files.get(item["file"])
    return gzip.decompress(packed).decode()


def revisions(ctx: Context, content: Content) -> list[dict[str, Any]]:
    """What is known of each revision, newest first, without the texts."""
    pk, _ = body_key(ctx.tenant, content.id, 0)
    items = ctx.deps.table.query_all(Query(pk, condition="begins_with(sk, :b)", values={":b": "B#"}, forward=False, consistent=True))
    known = {"created_by": "", "note": "", "words": None, "provenance": None}
    hidden = {"pk", "sk", "gz", "file"}
    return [{**known, **{k: v for k, v in i.items() if k not in hidden}, "current": i["revision"] == content.revision} for i in items]


class Contents(Service[Content]):
    entity = CONTENT
    related = {"cluster": CLUSTER}  # noqa: RUF012

    def waiting(self, sector_id: str, step: str, limit: int | None = None) -> list[Content]:
        """Contents of the sector that wait for `prompts`, `images` or `review`, oldest first."""
        return self.repository.collection(waiting_contents(sector_id, step), limit)

    def present(self, records: Any) -> list[dict[str, Any]]:
        return [
            {
                **shown,
                "status": "published" if shown["optimistic"] and shown["sync_status"] in ("queued", "publishing") else shown["status"],
                "has_images": shown["images_total"] > 0,
                "images_ready": shown["images_total"] > 0 and shown["images_open"] == 0,
                "wp_post_id": shown["external_id"],
            }
            for shown in with_names(self.ctx, records)
        ]
