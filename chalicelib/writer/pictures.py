"""Pictures as they are stored: what a person uploads or a model draws is decoded within bounds and encoded anew, so that it stands upright,
is no larger than its place needs, carries no metadata (where it was taken, by whom) and no byte that is not picture."""

import hashlib
import io
import struct
import zlib
from dataclasses import dataclass
from typing import Any

from chalicelib.core.errors import InvalidAnswer, TooLarge, UnsupportedMediaType, ValidationFailed

UPLOAD_BYTES = 4_000_000  # what still fits a Lambda request (6 MB) after base64
DRAWN_BYTES = 30_000_000  # of an image model's answer
MAX_SIDE_PX = 8_000
MAX_PIXELS = 40_000_000  # 160 MB while it is decoded
THUMBNAIL_PX = (320, 320)
_QUALITY, _THUMBNAIL_QUALITY = 82, 75
_FORMATS = ("PNG", "JPEG", "WEBP")
_LOSSLESS = frozenset({"PNG", "WEBP"})
_SUFFIXES = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
_TURNED = frozenset({5, 6, 7, 8})  # EXIF orientations that lie on their side
_ORIENTATION = 0x0112
# What Pillow's readers raise on files that are cut off or forged, besides its own UnidentifiedImageError.
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError, struct.error, zlib.error)


@dataclass(frozen=True)
class PictureFile:
    """A picture that may be stored and shown. thumbnail: a JPEG within THUMBNAIL_PX."""

    data: bytes
    mime: str
    width_px: int
    height_px: int
    thumbnail: bytes

    @property
    def suffix(self) -> str:
        return _SUFFIXES[self.mime]

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()[:16]


def picture_file(data: bytes, bounds_px: tuple[int, int], *, most_bytes: int = UPLOAD_BYTES) -> PictureFile:
    """The picture, at most `bounds_px` (width, height) large and never enlarged, in sRGB.

    A photograph becomes a progressive JPEG, which every target takes (a WordPress server may lack WebP). A drawing stays PNG where that is
    smaller. A transparent picture stays PNG, or becomes WebP where that halves it.

    Raises: TooLarge; UnsupportedMediaType (neither PNG, JPEG nor WebP); ValidationFailed (damaged, animated).
    """
    if len(data) > most_bytes:
        raise TooLarge(f"The picture has {len(data):,} bytes; at most {most_bytes:,} are stored.")
    picture, lossless = _decoded(data, bounds_px)
    shown, mime = _encoded(picture, lossless=lossless)
    width, height = picture.size
    return PictureFile(shown, mime, width, height, _thumbnail(picture))


def drawn_picture(data: bytes, bounds_px: tuple[int, int]) -> PictureFile:
    """What an image model sent, whatever it says it is, as it is stored. Raises: InvalidAnswer."""
    try:
        return picture_file(data, bounds_px, most_bytes=DRAWN_BYTES)
    except (TooLarge, UnsupportedMediaType, ValidationFailed) as error:
        raise InvalidAnswer(f"What the image model sent cannot be used: {error.message}") from None


def _decoded(data: bytes, bounds_px: tuple[int, int]) -> tuple[Any, bool]:
    """The picture in RGB or RGBA, and whether it came without losses."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
            width, height = opened.size
            if max(width, height) > MAX_SIDE_PX or width * height > MAX_PIXELS:
                raise TooLarge(f"The picture has {width} x {height} pixels; at most {MAX_SIDE_PX:,} a side are stored.")
            kind = opened.format or ""
            if kind in _LOSSLESS and getattr(opened, "is_animated", False):
                raise ValidationFailed.field("file", "the picture is animated; send a still.")
            bounds = bounds_px[::-1] if opened.getexif().get(_ORIENTATION) in _TURNED else bounds_px
            opened.draft("RGB", (bounds[0] * 2, bounds[1] * 2))  # a large JPEG is decoded at a fraction of its size
            picture = _with_full_colours(opened)
            picture.thumbnail(bounds, Image.Resampling.LANCZOS, reducing_gap=3.0)
            return _in_srgb(ImageOps.exif_transpose(picture), opened.info.get("icc_profile")), kind in _LOSSLESS
    except UnidentifiedImageError:
        raise UnsupportedMediaType("This is no PNG, JPEG or WebP picture.") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise TooLarge("The picture has too many pixels.") from None
    except _DAMAGED:
        raise ValidationFailed.field("file", "the picture is damaged.") from None


def _with_full_colours(picture: Any) -> Any:
    """All of the picture, decoded, in a mode that can be made smaller without steps."""
    picture.load()  # a file that ends too early is no picture
    if picture.mode.startswith("I"):  # 16 bits a channel; converting would cut off, not scale
        return picture.convert("I").point(lambda value: value / 257).convert("L")
    if picture.mode in ("P", "PA", "LA", "La", "RGBa") or "transparency" in picture.info:
        return picture.convert("RGBA")
    return picture.convert("L") if picture.mode == "1" else picture.copy()


def _in_srgb(picture: Any, profile: bytes | None) -> Any:
    """RGB, or RGBA where something shines through, without metadata. profile: the picture's ICC profile; one that fits neither the
    picture nor the standard is left out, as browsers do."""
    from PIL import ImageCms

    alpha = picture.getchannel("A") if picture.mode == "RGBA" else None
    if alpha is not None and alpha.getextrema() == (255, 255):
        alpha = None
    colours = picture.convert("RGB") if picture.mode == "RGBA" else picture
    if profile:
        try:
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            colours = ImageCms.profileToProfile(colours, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            colours = colours.convert("RGB")
    colours = colours.convert("RGB")
    if alpha is not None:
        colours.putalpha(alpha)
    colours.info.clear()  # PNG and WebP would keep profile and comments, JPEG its comment
    return colours


def _encoded(picture: Any, *, lossless: bool) -> tuple[bytes, str]:
    if picture.mode == "RGBA":
        png, webp = _saved(picture, "PNG"), _saved(picture, "WEBP", quality=_QUALITY, method=4)
        return (webp, "image/webp") if len(webp) * 2 < len(png) else (png, "image/png")
    jpeg = _saved(picture, "JPEG", quality=_QUALITY, progressive=True, optimize=True)
    if lossless and len(png := _saved(picture, "PNG")) <= len(jpeg):
        return png, "image/png"
    return jpeg, "image/jpeg"


def _thumbnail(picture: Any) -> bytes:
    from PIL import Image

    small = picture.copy()
    small.thumbnail(THUMBNAIL_PX, Image.Resampling.LANCZOS)
    if small.mode == "RGBA":
        ground = Image.new("RGB", small.size, "white")
        ground.paste(small, mask=small.getchannel("A"))
        small = ground
    return _saved(small, "JPEG", quality=_THUMBNAIL_QUALITY, progressive=True, optimize=True)


def _saved(picture: Any, kind: str, **how: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **how)
    return out.getvalue()
