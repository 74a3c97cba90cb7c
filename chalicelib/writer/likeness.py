"""Sketches of a sector's articles, kept beside their bodies: what a new article is compared with, without reading the others."""

from chalicelib.core.context import Context
from chalicelib.core.table import Query, Write, put
from chalicelib.writer.content import content_partition
from chalicelib.writer.languages import language_code
from chalicelib.writer.readability import sketch

COMPARED = 300  # the latest articles of the sector; a sketch has some 800 bytes
_BYTES = 6  # of one hash


def _collection(ctx: Context, sector_id: str) -> str:
    return f"{ctx.tenant}#{sector_id}#sketches"


def sketch_write(ctx: Context, content_id: str, html: str, language: str) -> Write:
    """The write that keeps the sketch of a content's body; a later revision replaces it."""
    sector_id, _, own_id = content_id.partition("-")
    packed = b"".join(number.to_bytes(_BYTES, "big") for number in sketch(html, language_code(language)))
    item = {"sketch": packed, "cl": _collection(ctx, sector_id), "of": content_id}
    return put((content_partition(ctx.tenant, content_id), f"SKETCH#{own_id}"), item)  # the index orders by sort key: by creation


def sketches(ctx: Context, sector_id: str, *, without: str = "") -> tuple[tuple[int, ...], ...]:
    """Sketches of the sector's latest articles. without: id of a content that is not to be compared with itself."""
    q = Query(_collection(ctx, sector_id), index="byCL", hash_name="cl", forward=False, limit=COMPARED)
    found = [i["sketch"] for i in ctx.deps.table.query(q).items if i["of"] != without]
    return tuple(tuple(int.from_bytes(s[at : at + _BYTES], "big") for at in range(0, len(s), _BYTES)) for s in map(bytes, found))
