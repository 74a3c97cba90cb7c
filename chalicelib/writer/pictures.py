"""Pictures that people upload: what they are is read from the file itself, never from what the sender says."""

import hashlib
import io
import warnings
from dataclasses import dataclass

from chalicelib.core.errors import TooLarge, UnsupportedMediaType, ValidationFailed

MAX_BYTES = 4_000_000  # what still fits a Lambda request (6 MB) after base64
MAX_SIDE_PX = 8_000
MAX_PIXELS = 40_000_000
_FORMATS = {"PNG": ("image/png", "png"), "JPEG": ("image/jpeg", "jpg"), "WEBP": ("image/webp", "webp")}


@dataclass(frozen=True)
class Picture:
    mime: str
    suffix: str
    width_px: int
    height_px: int
    digest: str


def read_picture(data: bytes) -> Picture:
    """Raises: TooLarge; UnsupportedMediaType (neither PNG, JPEG nor WebP); ValidationFailed (damaged)."""
    from PIL import Image, UnidentifiedImageError

    if len(data) > MAX_BYTES:
        raise TooLarge(f"The picture has {len(data):,} bytes; at most {MAX_BYTES:,} are stored.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=tuple(_FORMATS)) as picture:
                width, height, kind = *picture.size, picture.format or ""
                if max(width, height) > MAX_SIDE_PX or width * height > MAX_PIXELS:
                    raise TooLarge(f"The picture has {width} x {height} pixels; at most {MAX_SIDE_PX:,} a side are stored.")
                picture.load()  # all of it: a file that ends too early is no picture
    except UnidentifiedImageError:
        raise UnsupportedMediaType("This is no PNG, JPEG or WebP picture.") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise TooLarge("The picture has too many pixels.") from None
    except (OSError, SyntaxError, ValueError):
        raise ValidationFailed.field("file", "the picture is damaged.") from None
    mime, suffix = _FORMATS[kind]
    return Picture(mime, suffix, width, height, hashlib.sha256(data).hexdigest()[:16])


def stored_path(tenant: str, public_id: str, picture: Picture) -> str:
    """Key in the file store: another picture has another key, so that no reader sees half of either."""
    return f"{tenant}/images/{public_id}/{picture.digest}.{picture.suffix}"
