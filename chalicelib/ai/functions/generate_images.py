"""Draws one image of a content from its prompt."""

from functools import partial
from typing import Any

from chalicelib.ai.function import AIFunction, Embed, Loaded, Options, Outcome, Skip
from chalicelib.ai.prompts import prompt_for
from chalicelib.auth.sites import get_site
from chalicelib.billing.plans import use
from chalicelib.core.context import Context
from chalicelib.core.errors import NotFound
from chalicelib.ports import ImageRequest
from chalicelib.system.origin import Origin
from chalicelib.writer.content import CONTENT, Content
from chalicelib.writer.images import BOUNDS_PX, IMAGE, SIZES_PX, Image, when_drawn
from chalicelib.writer.picture_files import remove_replaced, stored_picture
from chalicelib.writer.pictures import drawn_picture


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
    text, *prompt = prompt_for(ctx, "generate_images", facts)
    request = ImageRequest(text, width, height, title=record.after_heading or title)
    state = {"image": record, "content": content}
    return Loaded(facts, state, 1, record.site_id, request, prompt=(prompt[0], prompt[1]))


def apply(ctx: Context, loaded: Loaded, answer: Any, provenance: Origin) -> Outcome:
    """The file first, then its record: a record never points to a file that is not there. The file it replaces goes last."""
    old: Image = loaded.state["image"]
    picture = drawn_picture(answer.data, BOUNDS_PX[old.image_type])
    images = ctx.repository(IMAGE)
    drawn = stored_picture(ctx, old.id, old.version, picture, by=provenance.provider)
    new = images.changed(old, **drawn, provenance=provenance.as_json(), attempts=old.attempts + 1)
    writes = [*images.changing(old, new), *_content_writes(ctx, loaded.state["content"], old), *use(ctx, images=1, ai_requests=1)]
    return Outcome(writes, 1, {"image": new.id, "path": new.image_path}, saved=partial(remove_replaced, ctx, new))


def _content_writes(ctx: Context, content: Content | None, image: Image) -> list[Any]:
    """The content knows how many of its images are open; with the last one a draft goes into review."""
    if image.status != "pending" or content is None:
        return []
    contents = ctx.repository(CONTENT)
    left = max(0, content.images_open - 1)
    return contents.changing(content, contents.changed(content, images_open=left, **when_drawn(content, left)))


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
