"""The editor's work on images: adding and describing them, their status, pictures of one's own; the content's counts with them."""

from collections.abc import Callable, Iterable
from typing import Any

from pydantic import Field, field_validator

from chalicelib.auth.sites import active_sectors
from chalicelib.auth.users import USER
from chalicelib.core.bulk import Body
from chalicelib.core.context import Context
from chalicelib.core.errors import Duplicate, ValidationFailed
from chalicelib.core.ids import site_of, ulid
from chalicelib.core.rewrite import gone, in_turn, parsed, rewrite
from chalicelib.core.table import Write
from chalicelib.writer.alternative_texts import alternative_text
from chalicelib.writer.content import CONTENT, Content, body_html
from chalicelib.writer.images import BOUNDS_PX, IMAGE, Image, Images, ImageType, image_id, images_of, when_drawn
from chalicelib.writer.picture_files import remove_replaced, stored_picture
from chalicelib.writer.pictures import PictureFile, picture_file
from chalicelib.writer.scoring import as_fields, check
from chalicelib.writer.tasks import TASK

MAX_POSITION = 99


class NewImage(Body):
    """Of a content (also content_id), else of a task (task_id), else of a sector: the one named, or the first of the caller's active
    site. position: the first free one of its type when left out."""

    content: str | None = None
    content_id: str | None = None
    task: str | None = None
    task_id: str | None = None
    site_id: str | None = None
    sector_id: str | None = None
    image_type: ImageType
    position: int | None = Field(None, ge=0, le=MAX_POSITION)
    prompt: str = Field("", max_length=4000)
    alt: str = Field("", max_length=500)
    image_url: str | None = Field(None, max_length=2000)

    @field_validator("image_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value and not value.startswith("https://"):
            raise ValueError("must begin with https://")
        return value


class ImageEditor(Images):
    def create(self, body: dict[str, Any]) -> Image:
        """An image that waits to be drawn, or one that lies elsewhere. Raises: ValidationFailed, Duplicate."""
        wanted = parsed(NewImage, body)
        status = "generated" if wanted.image_url else "pending"
        return self.add(wanted, status=status, prompt=wanted.prompt, alt=wanted.alt, image_url=wanted.image_url)

    def add(self, wanted: NewImage, *, data: bytes | None = None, **fields: Any) -> Image:
        """Store a new image; data: its picture. Raises: ValidationFailed, NotFound, Duplicate (the position is taken)."""
        sector_id, own, content, task = self._place(wanted)
        position = self._free(own, wanted.image_type) if wanted.position is None else wanted.position
        public_id = image_id(f"{sector_id}-{own}", wanted.image_type, position)
        picture = None if data is None else picture_file(data, BOUNDS_PX[wanted.image_type])
        shape = {"content": content, "task": task, "image_type": wanted.image_type, "position": position, **fields}
        shape["alt"] = shape["alt"] or self._alt(own, content, task)

        def step() -> Image:
            old = self.repository.find(public_id, deleted=True)
            if old is not None and not old.deleted_at:
                raise Duplicate(existing_id=old.id)
            drawn = {} if picture is None else self._stored(public_id, old.version if old else 0, picture)
            if old is not None:  # the place of a deleted image is free
                image = self.repository.changed(old, **{**_FRESH, **shape, **drawn}, deleted_at=None)
                return self.repository.save(old, image, *content_writes(self.ctx, [(old, image)]))
            image = self.repository.new(sector_id, public_id, **shape, **drawn)
            return self.repository.create(image, *content_writes(self.ctx, [(None, image)]))

        image = in_turn(step)
        if picture is not None:
            remove_replaced(self.ctx, image)
        return image

    def patch(self, public_id: str, body: dict[str, Any], *, if_match: int | None = None) -> Image:
        changes = {k: v for k, v in body.items() if k in IMAGE.patch}
        if changes.get("image_url") and not str(changes["image_url"]).startswith("https://"):
            raise ValidationFailed.field("image_url", "must begin with https://.")
        return self._rewrite(public_id, lambda old: self.changes(old, changes), if_match=if_match)

    def changes(self, present: Image, changes: dict[str, Any]) -> dict[str, Any]:
        """Only what has a picture is generated; an image that is to be drawn (again) is pending. Raises: ValidationFailed."""
        if changes.get("status") == "generated" and not (present.image_path or changes.get("image_url", present.image_url)):
            raise ValidationFailed.field("status", "this image has no picture yet.")
        if changes.get("prompt", present.prompt) != present.prompt:  # these are an editor's words now
            changes = {**changes, "prompt_provenance": None}
        if changes.get("image_url") and changes["image_url"] != present.image_url:
            changes = {**changes, "provenance": None}
        return {**changes, "error": None} if changes.get("status") in ("pending", "generated") else changes

    def put_picture(self, public_id: str, data: bytes) -> Image:
        """Use a picture of one's own. Raises: NotFound, ValidationFailed, TooLarge, UnsupportedMediaType."""
        picture = picture_file(data, BOUNDS_PX[self.get(public_id).image_type])
        image = self._rewrite(public_id, lambda old: self._stored(old.id, old.version, picture))
        remove_replaced(self.ctx, image)
        return image

    def delete(self, public_id: str, *, if_match: int | None = None) -> Image:
        return self._rewrite(public_id, lambda old: gone(self.repository), if_match=if_match)

    def restore(self, public_id: str) -> Image:
        return self._rewrite(public_id, lambda old: {"deleted_at": None}, deleted=True)

    def _rewrite(
        self, public_id: str, changes: Callable[[Image], dict[str, Any]], *, if_match: int | None = None, deleted: bool = False
    ) -> Image:
        def also(old: Image, new: Image) -> list[Write]:
            return content_writes(self.ctx, [(old, new)])

        return rewrite(self.repository, public_id, changes, also, if_match=if_match, deleted=deleted)

    def _stored(self, public_id: str, seen_version: int, picture: PictureFile) -> dict[str, Any]:
        """The file first, then its record: a record never points to a file that is not there."""
        return {**stored_picture(self.ctx, public_id, seen_version, picture, by="upload"), "provenance": None}

    def _alt(self, own: str, content_id: str | None, task_id: str | None) -> str:
        """What stands for an alternative text that nobody has written: the title of what the image belongs to, which is in its
        language; '' without one."""
        content = self.ctx.repository(CONTENT).find(content_id) if content_id else None
        task = self.ctx.repository(TASK).find(task_id) if task_id and content is None else None
        title = content.title if content else task.title if task else ""
        return alternative_text(title, (i.alt for i in self.of_content(f"-{own}"))) if title else ""

    def _free(self, own: str, image_type: str) -> int:
        taken = {i.position for i in self.of_content(f"-{own}") if i.image_type == image_type}
        free = next((n for n in range(MAX_POSITION + 1) if n not in taken), None)
        if free is None:
            raise ValidationFailed.field("position", "all positions of this type are taken.")
        return free

    def _place(self, wanted: NewImage) -> tuple[str, str, str | None, str | None]:
        """Sector, the id's own part, content and task of a new image. Raises: ValidationFailed, NotFound."""
        content_id, task_id = wanted.content or wanted.content_id, wanted.task or wanted.task_id
        content = self.ctx.repository(CONTENT).find(content_id) if content_id else None
        task = self.ctx.repository(TASK).find(task_id) if task_id else None
        for name, given, found in (("content", content_id, content), ("task", task_id, task)):
            if given and found is None:
                raise ValidationFailed.field(name, f"there is no such {name}.")
        if content is None and task is not None and task.content:
            content = self.ctx.repository(CONTENT).find(task.content)
        sector_id = content.sector_id if content else task.sector_id if task else self._sector(wanted)
        if wanted.sector_id not in (None, sector_id) or wanted.site_id not in (None, site_of(sector_id)):
            raise ValidationFailed.field("sector_id", "is not where the content or task is.")
        own = content.own_id if content else task.id.partition("-")[2] if task else ulid(self.ctx.deps.clock.now())
        return sector_id, own, content.id if content else None, task.id if task else None

    def _sector(self, wanted: NewImage) -> str:
        """The sector named, else the oldest active one of the site named or of the user's active site (ruling C32)."""
        site_id = wanted.site_id
        if wanted.sector_id:
            if not site_id:
                raise ValidationFailed.field("site_id", "is required with sector_id.")
            self.ctx.sector(site_id, wanted.sector_id)
            return wanted.sector_id
        if site_id is None:
            user = self.ctx.repository(USER).find(self.ctx.scope.user_id)
            site_id = user.active_site if user else None
        if not site_id:
            raise ValidationFailed.field("content", "name a content or task, or site_id and sector_id; you have no active site.")
        self.ctx.site(site_id)
        sectors = active_sectors(self.ctx, site_id)
        if not sectors:
            raise ValidationFailed.field("sector_id", "this site has no active sector.")
        return sectors[0].id


_FILE = ("image_path", "thumbnail_path", "image_url", "mime", "width_px", "height_px")
_MADE_BY = ("generated_by", "prompt_provenance", "provenance")
_FRESH = {name: IMAGE.model.model_fields[name].get_default() for name in ("after_heading", *_FILE, "error", "attempts", *_MADE_BY)}


def content_writes(ctx: Context, pairs: Iterable[tuple[Image | None, Image | None]]) -> list[Write]:
    """The writes that keep the contents' counts of all and of pending images, and their checks, for the transaction that changes images
    so; with the last pending one a draft goes into review. Condition error: Stale."""
    totals: dict[str, list[int]] = {}
    changed = list(pairs)
    for before, after in changed:
        for image, step in ((before, -1), (after, 1)):
            if image is not None and not image.deleted_at and image.content:
                counts = totals.setdefault(image.content, [0, 0])
                counts[0] += step
                counts[1] += step * (image.status == "pending")
    repository, writes = ctx.repository(CONTENT), []
    for content_id, (more, more_open) in totals.items():
        content = repository.find(content_id, deleted=True)
        if content is None:
            continue
        judged = _judged(ctx, content, changed)
        if not more and not more_open and not judged:
            continue
        still = max(0, content.images_open + more_open)
        values = {"images_total": max(0, content.images_total + more), "images_open": still}
        moved = when_drawn(content, still) if more_open < 0 else {}
        writes += repository.changing(content, repository.changed(content, **values, **moved, **judged))
    return writes


def _judged(ctx: Context, content: Content, changed: list[tuple[Image | None, Image | None]]) -> dict[str, Any]:
    """The content's check anew when its images have other texts or others are there; nothing when that is as before."""

    def live(image: Image | None) -> bool:
        return image is not None and not image.deleted_at and image.content == content.id

    seen = [[(i.id, i.alt) for i in side if i is not None and live(i)] for side in zip(*changed, strict=True)]
    if seen[0] == seen[1] or not content.revision or content.deleted_at:
        return {}
    images = {i.id: i for i in images_of(ctx, content.id)}
    for before, after in changed:
        images = {known: image for known, image in images.items() if known not in {i.id for i in (before, after) if i}}
        if after is not None and live(after):
            images[after.id] = after
    return as_fields(check(ctx, content, body_html(ctx, content), images.values()))
