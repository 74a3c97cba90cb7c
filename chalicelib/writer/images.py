"""Images of a content: one per type and position, which is their primary key. The picture itself lies in the file store."""

from typing import Any, Literal, get_args

from pydantic import Field

from chalicelib.core.context import Context
from chalicelib.core.entity import Entity, Filter, Placement, SectorRecord
from chalicelib.core.errors import NotFound
from chalicelib.core.routing import BASE
from chalicelib.core.service import Service
from chalicelib.core.table import Key
from chalicelib.system.origin import Origin
from chalicelib.writer.content import CONTENT, Content, content_partition
from chalicelib.writer.tasks import TASK

ImageType = Literal["featured", "desktop", "mobile", "in_article"]
IMAGE_TYPES: tuple[str, ...] = get_args(ImageType)
ImageStatus = Literal["pending", "generated", "failed"]
# What is asked of an image model, and what is kept at most of any picture (a model may know other shapes only).
SIZES_PX = {"featured": (1200, 675), "in_article": (1024, 576), "desktop": (1600, 900), "mobile": (720, 1280)}
BOUNDS_PX = {"featured": (1200, 1200), "in_article": (1024, 1024), "desktop": (1600, 1600), "mobile": (1080, 1920)}
FILE_SECONDS = 300  # how long a picture's signed address works
_SHORT = {"featured": "f", "desktop": "d", "mobile": "m", "in_article": "a"}
_LONG = {v: k for k, v in _SHORT.items()}


def _split(public_id: str) -> tuple[str, str, str, int]:
    parts = public_id.split("-")
    if len(parts) != 3 or len(parts[0]) != 10 or parts[2][:1] not in _LONG or not parts[2][1:].isascii() or not parts[2][1:].isdigit():
        raise NotFound()
    return parts[0], parts[1], _LONG[parts[2][0]], int(parts[2][1:])


def image_id(content_id: str, image_type: str, position: int) -> str:
    """The id of a content's (or, for old clients, a task's) image of this type and position."""
    return f"{content_id}-{_SHORT[image_type]}{position}"


def _key(tenant: str, public_id: str) -> Key:
    _, own, image_type, position = _split(public_id)
    return f"{tenant}#P#{own}", f"M#{image_type}#{position:03d}"


class Image(SectorRecord):
    """prompt_provenance: of a prompt and alternative text that AI wrote, provenance: of a picture that it drew. after_heading: the heading
    an in-article image follows. image_path, thumbnail_path: keys in the file store; error: why it failed. alt: what it shows, for who
    cannot see it, in the content's language."""

    content: str | None = None
    task: str | None = None
    image_type: ImageType
    position: int = Field(0, ge=0, le=99)
    prompt: str = Field("", max_length=4000)
    alt: str = Field("", max_length=500)
    after_heading: str | None = None
    image_url: str | None = Field(None, max_length=2000)
    image_path: str | None = None
    thumbnail_path: str | None = None
    mime: str | None = None
    width_px: int | None = None
    height_px: int | None = None
    status: ImageStatus = "pending"
    error: str | None = None
    attempts: int = Field(0, ge=0)
    generated_by: str = ""
    prompt_provenance: Origin | None = None
    provenance: Origin | None = None


IMAGE: Entity[Image] = Entity(
    name="image",
    plural="images",
    model=Image,
    letter="M",
    place=Placement(
        kind="sector",
        key=_key,
        owner=lambda public_id: _split(public_id)[0],
        lists=lambda tenant, owner: f"{tenant}#{owner}#M",
        make_id=lambda owner, tail: tail,
    ),
    index={"v": "position", "n": "id"},
    filters={
        "task_id": Filter("task", related=lambda: TASK),
        "content_id": Filter("content", related=lambda: CONTENT),
        "image_type": Filter("image_type", choices=IMAGE_TYPES),
        "status": Filter("status", choices=("pending", "generated", "failed")),
    },
    orderings={"created_at": "c", "position": "v", "id": "n"},
    create=frozenset({"content", "task", "image_type", "position", "prompt", "alt", "image_url"}),
    patch=frozenset({"prompt", "alt", "image_url", "status"}),
    counted=("status",),
)


class Images(Service[Image]):
    entity = IMAGE

    def of_content(self, content_id: str) -> list[Image]:
        """All live images of a content: featured first, then by position."""
        found = self.repository.under((content_partition(self.ctx.tenant, content_id), "M#"))
        return sorted(found, key=lambda i: (i.image_type != "featured", i.image_type, i.position))

    def present(self, records: Any) -> list[dict[str, Any]]:
        """With the titles of content and task, and where the picture is."""
        contents = {r.content: CONTENT.place.key(self.ctx.tenant, r.content) for r in records if r.content}
        tasks = {r.task: TASK.place.key(self.ctx.tenant, r.task) for r in records if r.task}
        found = self.ctx.deps.table.get_many([*contents.values(), *tasks.values()], consistent=False)
        titles = {i: found[k].get("title") for i, k in {**contents, **tasks}.items() if k in found}
        return [
            {
                **placed(self.ctx, r),
                "content_title": titles.get(r.content),
                "task_title": titles.get(r.task),
            }
            for r in records
        ]


def images_of(ctx: Context, content_id: str) -> list[Image]:
    return Images(ctx).of_content(content_id)


def placed(ctx: Context, image: Image) -> dict[str, Any]:
    """The image with where its picture is: file_url wants the Authorization header; url works by itself for five minutes, so that an
    <img> can show it, or is the address of a picture that lies elsewhere. thumbnail_url: of the same, at most 320 pixels wide."""
    path, small = image.image_path, image.thumbnail_path
    return {
        **image.model_dump(),
        "file_url": f"{BASE}/writer/images/{image.id}/file/" if path else None,
        "url": ctx.deps.files.url(path, FILE_SECONDS) if path else image.image_url,
        "thumbnail_url": ctx.deps.files.url(small, FILE_SECONDS) if small else None,
    }


def grouped(ctx: Context, images: list[Image]) -> dict[str, Any]:
    """A content's images as editors see them: the featured one and those in the article."""
    return {
        "featured": next((placed(ctx, i) for i in images if i.image_type == "featured"), None),
        "in_article": [placed(ctx, i) for i in images if i.image_type == "in_article"],
    }


def review_when_drawn(ctx: Context, content_id: str) -> None:
    """Move a draft none of whose images is pending into review: also one whose images were all there before."""
    pending = sum(1 for i in images_of(ctx, content_id) if i.status == "pending")
    ctx.repository(CONTENT).patch(content_id, lambda content: {"images_open": pending, **when_drawn(content, pending)})


def when_drawn(content: Content, pending: int) -> dict[str, Any]:
    """The changes of a content that has so many pending images now: a draft with none left goes into review, unless an editor holds it."""
    ready = content.status == "draft" and content.prompts_done and not content.held and not pending
    return {"status": "review"} if ready else {}
