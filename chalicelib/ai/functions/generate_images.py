"""Draws one image of a content from its prompt."""

import hashlib
from typing import Any

from chalicelib.ai.function import AIFunction, Embed, Loaded, Options, Outcome, Provenance, Skip
from chalicelib.ai.prompts import prompt_for
from chalicelib.auth.sites import get_site
from chalicelib.billing.plans import use
from chalicelib.core.context import Context
from chalicelib.core.errors import InvalidAnswer, NotFound
from chalicelib.ports import ImageRequest
from chalicelib.writer.content import CONTENT, Content
from chalicelib.writer.images import IMAGE, SIZES_PX, Image, when_drawn

SUFFIXES = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


def load(ctx: Context, image: str, options: Options, embed: Embed) -> Loaded:
    """item: an image's id. Raises: Skip when it is drawn already; NotFound."""
    record = ctx.repository(IMAGE).get(image)
    if record.status == "generated":
        raise Skip("This image is drawn already.")
    if not record.prompt:
        raise NotFound("This image has no prompt to be drawn from.")
    content = ctx.repository(CONTENT).get(record.content) if record.content else None
    width, height = SIZES_PX[record.image_type]
    title = content.title if content else record.alt
    facts = {"prompt": record.prompt, "style": get_site(ctx, record.site_id).image_style, "title": title}
    text, _, _ = prompt_for(ctx, "generate_images", facts)
    request = ImageRequest(text, width, height, title=record.after_heading or title)
    return Loaded(facts, {"image": record, "content": content}, 1, record.site_id, request)


def apply(ctx: Context, loaded: Loaded, answer: Any, provenance: Provenance) -> Outcome:
    """The file first, then its record: a record never points to a file that is not there."""
    if answer.mime not in SUFFIXES or not answer.data:
        raise InvalidAnswer(f"The image model answered with {answer.mime or 'nothing'}, not a picture.")
    old: Image = loaded.state["image"]
    width, height = _size(answer.data)
    path = f"{ctx.tenant}/images/{old.id}/{hashlib.sha256(answer.data).hexdigest()[:16]}.{SUFFIXES[answer.mime]}"
    ctx.deps.files.put(path, answer.data, answer.mime)
    images = ctx.repository(IMAGE)
    new = images.changed(
        old,
        status="generated",
        image_path=path,
        image_url=None,
        mime=answer.mime,
        width_px=width,
        height_px=height,
        error=None,
        attempts=old.attempts + 1,
        generated_by=provenance.provider,
    )
    writes = [*images.changing(old, new), *_content_writes(ctx, loaded.state["content"], old), *use(ctx, images=1, ai_requests=1)]
    return Outcome(writes, 1, {"image": new.id, "path": path})


def _content_writes(ctx: Context, content: Content | None, image: Image) -> list[Any]:
    """The content knows how many of its images are open; with the last one a draft goes into review."""
    if image.status != "pending" or content is None:
        return []
    contents = ctx.repository(CONTENT)
    left = max(0, content.images_open - 1)
    return contents.changing(content, contents.changed(content, images_open=left, **when_drawn(content, left)))


def _size(data: bytes) -> tuple[int, int]:
    import io

    from PIL import Image as Picture
    from PIL import UnidentifiedImageError

    try:
        with Picture.open(io.BytesIO(data)) as picture:
            return picture.size
    except (UnidentifiedImageError, Picture.DecompressionBombError, OSError):
        raise InvalidAnswer("What the image model sent is not a picture.") from None


def give_up(ctx: Context, image_id: str, reason: str) -> None:
    """Mark a pending image as failed, so that its content does not wait for it for ever; one that had a picture before keeps that.

    Raises: NotFound, Stale.
    """
    images = ctx.repository(IMAGE)
    old = images.get(image_id)
    if old.status != "pending":
        return
    content = ctx.repository(CONTENT).get(old.content) if old.content else None
    new = images.changed(old, status="generated" if old.image_path else "failed", error=reason[:500], attempts=old.attempts + 1)
    ctx.transact(*images.changing(old, new), *_content_writes(ctx, content, old))


FUNCTION = AIFunction("generate_images", "image", "image", None, load, apply)
