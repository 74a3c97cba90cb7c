"""Deleting and restoring contents: their images go and come with them, figures follow, the published post stays where it is."""

from typing import Any

from chalicelib.core.context import Context
from chalicelib.core.errors import PreconditionFailed
from chalicelib.core.ids import stamp
from chalicelib.core.rewrite import in_turn
from chalicelib.core.table import Query, Write
from chalicelib.planner.cluster_figures import content_deltas, figure_writes
from chalicelib.writer.content import CONTENT, Content, content_partition
from chalicelib.writer.images import IMAGE, Image
from chalicelib.writer.terms import count_writes

MAX_IMAGES = 80  # changed in the transaction of their content


def delete_content(ctx: Context, content_id: str, *, if_match: int | None = None) -> Content:
    """Raises: NotFound, PreconditionFailed."""

    def step() -> Content:
        content = ctx.repository(CONTENT).get(content_id)
        if if_match is not None and content.version != if_match:
            raise PreconditionFailed()
        at = stamp(ctx.deps.clock.now())
        return _save(ctx, content, [i for i in _images(ctx, content) if not i.deleted_at], at)

    return in_turn(step)


def restore_content(ctx: Context, content_id: str) -> Content:
    """Bring a content back with the images that were deleted together with it. Raises: NotFound."""

    def step() -> Content:
        content = ctx.repository(CONTENT).get(content_id, deleted=True)
        if not content.deleted_at:
            return content
        return _save(ctx, content, [i for i in _images(ctx, content) if i.deleted_at == content.deleted_at], None)

    return in_turn(step)


def _save(ctx: Context, content: Content, images: list[Image], deleted_at: str | None) -> Content:
    contents, pictures = ctx.repository(CONTENT), ctx.repository(IMAGE)
    new = contents.changed(content, deleted_at=deleted_at)
    pairs = [(i, pictures.changed(i, deleted_at=deleted_at)) for i in images[:MAX_IMAGES]]
    beside: list[Write] = [w for old, image in pairs for w in pictures.changing(old, image, counted=False)]
    beside += [*pictures.counting(pairs), *figure_writes(ctx, content_deltas([(content, new)])), *count_writes(ctx, content, new)]
    return contents.save(content, new, *beside)


def _images(ctx: Context, content: Content) -> list[Image]:
    """All of the content's images, deleted ones too."""
    key = content_partition(ctx.tenant, content.id)
    items: list[dict[str, Any]] = ctx.deps.table.query_all(
        Query(key, condition="begins_with(sk, :m)", values={":m": "M#"}, consistent=True)
    )
    return [IMAGE.from_item(i) for i in items if i.get("content") == content.id]


def kept_online(content: Content) -> str:
    """What to say of the published post of a deleted content; '' when there is none."""
    return f"Deleted here; the published post stays at {content.external_url or content.external_id}." if content.external_id else ""
