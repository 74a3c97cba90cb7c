"""Where pictures lie in the file store: one file and one thumbnail for each image, none that a record still points to ever removed."""

import re
from typing import Any

from chalicelib.core.context import Context
from chalicelib.core.errors import UpstreamUnavailable
from chalicelib.core.observability import logger
from chalicelib.writer.images import Image
from chalicelib.writer.pictures import PictureFile

_NUMBER = re.compile(r"-v(\d+)(?:-small)?\.\w+\Z")


def stored_picture(ctx: Context, image_id: str, seen_version: int, picture: PictureFile, *, by: str) -> dict[str, Any]:
    """Store the files now; returns the fields of the record that is to point to them.

    A file's name carries what it holds (no reader sees half of another picture) and the version of the record that its writer has seen.
    A record is replaced only in that version, so once it has moved on, nothing can come to point to a file with this number.
    """
    stem = f"{_folder(ctx, image_id)}{picture.digest}-v{seen_version}"
    path, small = f"{stem}.{picture.suffix}", f"{stem}-small.jpg"
    ctx.deps.files.put(path, picture.data, picture.mime)
    ctx.deps.files.put(small, picture.thumbnail, "image/jpeg")
    return {
        "status": "generated",
        "image_path": path,
        "thumbnail_path": small,
        "image_url": None,
        "mime": picture.mime,
        "width_px": picture.width_px,
        "height_px": picture.height_px,
        "error": None,
        "generated_by": by,
    }


def remove_replaced(ctx: Context, image: Image) -> None:
    """Remove the files that `image`, as it was just stored, has replaced, and those of writers who lost or died before it.

    Files of later writers have its version or a higher one and stay.
    """
    kept = {image.image_path, image.thumbnail_path}
    try:
        for path in ctx.deps.files.list(_folder(ctx, image.id)):
            number = _NUMBER.search(path)
            if path not in kept and (number is None or int(number[1]) < image.version):
                ctx.deps.files.delete(path)
    except UpstreamUnavailable as error:  # the picture is stored; the next one that takes its place removes what is left
        logger().warning("replaced pictures were not removed", extra={"image": image.id, "reason": error.message})


def _folder(ctx: Context, image_id: str) -> str:
    return f"{ctx.tenant}/images/{image_id}/"
