"""HTTP of writing and drawing with AI. Always asynchronous: 202 and a task to ask for; what cannot be done or paid is said at once."""

from typing import Any

from pydantic import Field

from chalicelib.ai.affordable import need_credits
from chalicelib.ai.regeneration import words_wanted
from chalicelib.ai.tasks import submit
from chalicelib.core.bulk import MAX_IMAGE_IDS, MAX_PAID_IDS, Accepted, Body, Ids, ids_field
from chalicelib.core.context import Context
from chalicelib.core.entity import Entity, M
from chalicelib.core.errors import Conflict, NotFound, OutOfCredits, ValidationFailed
from chalicelib.core.routing import Call, Router
from chalicelib.writer.content import CONTENT, body_html
from chalicelib.writer.image_editing import ImageEditor
from chalicelib.writer.images import IMAGE, Image, images_of
from chalicelib.writer.tasks import TASK

router = Router("writer", tag="Writer", throttle="ai")
drawing = Router("writer", tag="Writer", throttle="images")
_ERRORS = (NotFound, ValidationFailed, OutOfCredits)


def _found(ctx: Context, entity: Entity[M], ids: list[str]) -> list[M]:
    """All of the objects. Raises: NotFound when one does not exist."""
    found = ctx.repository(entity).get_many(ids)
    if len(found) < len(ids):
        raise NotFound(f"There is no such {entity.name}.")
    return list(found.values())


class TasksToWrite(Body):
    ids: Ids = ids_field("task_ids", most=MAX_PAID_IDS)


@router.post("tasks/auto_generate_content", summary="Write articles", body=TasksToWrite, answer=Accepted, status=202, errors=_ERRORS)
def auto_generate_content(call: Call) -> Any:
    """At most 10 tasks. Those that are written already are skipped."""
    tasks = [t for t in _found(call.ctx, TASK, call.body.ids) if t.status == "queued"]
    if not tasks:
        raise ValidationFailed.field("ids", "all of these tasks are written; regenerate their contents instead.")
    need_credits(call.ctx, "content", [t.word_count for t in tasks])
    return submit(call.ctx, "generate_content", [t.id for t in tasks])


class ContentsToDescribe(Body):
    ids: Ids = ids_field("content_ids", most=MAX_PAID_IDS)


@router.post(
    "content/generate_image_prompts", summary="Describe images", body=ContentsToDescribe, answer=Accepted, status=202, errors=_ERRORS
)
def generate_image_prompts(call: Call) -> Any:
    """At most 10 contents. Those that have their prompts are skipped."""
    return _describe(call.ctx, call.body.ids)


@router.post("content/{id}/generate_image_prompts", summary="Describe a content's images", answer=Accepted, status=202, errors=_ERRORS)
def generate_image_prompts_of_one(call: Call) -> Any:
    return _describe(call.ctx, [call.id])


def _describe(ctx: Context, ids: list[str]) -> dict[str, Any]:
    wanted = [c for c in _found(ctx, CONTENT, ids) if not c.prompts_done]
    if not wanted:
        raise ValidationFailed.field("ids", "all of these contents have their image prompts.")
    need_credits(ctx, "image_prompts", [1] * len(wanted))
    return submit(ctx, "generate_image_prompts", [c.id for c in wanted])


class Regeneration(Body):
    """section: text of the h2 whose section alone is written anew. instructions: what the editor wants."""

    section: str = Field("", max_length=300)
    instructions: str = Field("", max_length=2000)


@router.post(
    "content/{id}/regenerate",
    summary="Write a content anew as a new revision",
    body=Regeneration,
    answer=Accepted,
    status=202,
    errors=(*_ERRORS, Conflict),
)
def regenerate_content(call: Call) -> Any:
    ctx, wanted = call.ctx, call.body
    content = ctx.repository(CONTENT).get(call.id)
    html = body_html(ctx, content)
    if not html:
        raise Conflict("This content has no text yet.")
    need_credits(ctx, "content", [words_wanted(ctx, content, html, wanted.section)])
    return submit(ctx, "generate_content", [content.id], options={"regenerate": True, **wanted.model_dump()})


# -- drawing
class ImagesOfContents(Body):
    ids: Ids = ids_field("content_ids", most=MAX_PAID_IDS)


class ImagesOfTasks(Body):
    """Older clients name tasks: the images of their contents. content_ids instead of tasks, or image_ids."""

    ids: Ids | None = ids_field("task_ids", most=MAX_PAID_IDS, optional=True)
    content_ids: Ids | None = Field(None, min_length=1, max_length=MAX_PAID_IDS)
    image_ids: Ids | None = Field(None, min_length=1, max_length=MAX_IMAGE_IDS)


class ImagesByIds(Body):
    """content_id: all of this content's images that are to be drawn, when no image is named."""

    ids: Ids | None = ids_field("image_ids", most=MAX_IMAGE_IDS, optional=True)
    content_id: str | None = None


@drawing.post(
    "content/auto_generate_images", summary="Draw contents' images", body=ImagesOfContents, answer=Accepted, status=202, errors=_ERRORS
)
def of_contents(call: Call) -> Any:
    """All pending and failed images of at most 10 contents."""
    return _draw(call.ctx, _of_contents(call.ctx, call.body.ids))


@drawing.post(
    "images/auto_generate_images",
    "tasks/generate_images",
    summary="Draw the images of tasks",
    body=ImagesOfTasks,
    answer=Accepted,
    status=202,
    errors=_ERRORS,
)
def of_tasks(call: Call) -> Any:
    """All pending and failed images of at most 10 tasks or contents, or at most 50 images by id."""
    ctx, wanted = call.ctx, call.body
    if sum(given is not None for given in (wanted.ids, wanted.content_ids, wanted.image_ids)) != 1:
        raise ValidationFailed.field("task_ids", "give one of task_ids, content_ids and image_ids.")
    if wanted.image_ids is not None:
        return _draw(ctx, _found(ctx, IMAGE, wanted.image_ids))
    if wanted.content_ids is not None:
        return _draw(ctx, _of_contents(ctx, wanted.content_ids))
    tasks = _found(ctx, TASK, wanted.ids)
    images = {i.id: i for t in tasks for i in images_of(ctx, t.content or t.id)}
    return _draw(ctx, list(images.values()))


@drawing.post("images/generate_images", summary="Draw images", body=ImagesByIds, answer=Accepted, status=202, errors=_ERRORS)
def by_ids(call: Call) -> Any:
    """At most 50 images."""
    ctx, wanted = call.ctx, call.body
    if wanted.ids is None:
        if wanted.content_id is None:
            raise ValidationFailed.field("image_ids", "give image_ids or content_id.")
        return _draw(ctx, _of_contents(ctx, [wanted.content_id]))
    images = _found(ctx, IMAGE, wanted.ids)
    if wanted.content_id is not None and any(i.content != wanted.content_id for i in images):
        raise NotFound("There is no such image in this content.")
    return _draw(ctx, images)


def _of_contents(ctx: Context, ids: list[str]) -> list[Image]:
    """The contents' images. Raises: NotFound; ValidationFailed when none of the contents has prompts yet."""
    contents = _found(ctx, CONTENT, ids)
    images = [i for c in contents for i in images_of(ctx, c.id)]
    if not images:
        raise ValidationFailed.field("ids", "these contents have no images yet; generate their image prompts first.")
    return images


def _draw(ctx: Context, images: list[Image]) -> dict[str, Any]:
    wanted = [i.id for i in images if i.status != "generated" and i.prompt]
    if not wanted:
        raise ValidationFailed.field("ids", "none of these images waits to be drawn; regenerate the ones you want anew.")
    if len(wanted) > MAX_IMAGE_IDS:
        raise ValidationFailed.field("ids", f"these are {len(wanted)} images; at most {MAX_IMAGE_IDS} are drawn at once.")
    need_credits(ctx, "image", [1] * len(wanted))
    return submit(ctx, "generate_images", wanted)


class Redrawing(Body):
    """prompt: a new one; the present one when left out."""

    prompt: str | None = Field(None, min_length=1, max_length=4000)


@drawing.post(
    "images/{id}/regenerate", summary="Draw an image anew", body=Redrawing, answer=Accepted, status=202, errors=(*_ERRORS, Conflict)
)
def redraw(call: Call) -> Any:
    """The picture there is stays until the new one is drawn, and if drawing fails."""
    ctx, prompt = call.ctx, call.body.prompt
    image = ctx.repository(IMAGE).get(call.id)
    if not (prompt or image.prompt):
        raise Conflict("This image has no prompt to be drawn from; give one.")
    need_credits(ctx, "image", [1])
    ImageEditor(ctx).patch(image.id, {"status": "pending", **({"prompt": prompt} if prompt else {})})
    return submit(ctx, "generate_images", [image.id])
