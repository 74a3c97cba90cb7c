"""Pictures before they are stored: decoded within bounds, upright, without metadata, small; whatever is sent, the answer is a picture or a
clear refusal."""

import io
import subprocess
import sys
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageDraw, PngImagePlugin

from chalicelib.core.errors import AppError, TooLarge, UnsupportedMediaType, ValidationFailed
from chalicelib.writer.pictures import PictureFile, picture_file

BOUNDS = (1200, 1200)


def encoded(picture: Image.Image, kind: str, **how: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **how)
    return out.getvalue()


def photograph(width: int = 900, height: int = 600) -> Image.Image:
    """Colours that change from pixel to pixel, as in a photograph."""
    noise = [Image.effect_noise((width // 3, height // 3), 60 + 20 * n).resize((width, height)) for n in range(3)]
    return Image.merge("RGB", noise)


def drawing(width: int = 900, height: int = 600, mode: str = "RGB") -> Image.Image:
    picture = Image.new(mode, (width, height), "white" if mode == "RGB" else (0, 0, 0, 0))
    pen = ImageDraw.Draw(picture)
    for n in range(8):
        pen.rectangle((n * 90, n * 40, n * 90 + 60, n * 40 + 200), fill=(30 * n, 200 - 20 * n, 90))
    return picture


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def shown(file: PictureFile) -> Image.Image:
    return opened(file.data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_photograph_becomes_a_progressive_jpeg_within_its_bounds(kind: str) -> None:
    file = picture_file(encoded(photograph(1800, 900), kind), BOUNDS)
    assert (file.mime, file.suffix, file.width_px, file.height_px) == ("image/jpeg", "jpg", 1200, 600)
    assert shown(file).size == (1200, 600) and shown(file).info.get("progressive")
    small = opened(file.thumbnail)
    assert (small.format, small.size) == ("JPEG", (320, 160)) and len(file.thumbnail) < len(file.data)


def test_a_small_picture_is_not_enlarged() -> None:
    file = picture_file(encoded(photograph(300, 200), "JPEG"), BOUNDS)
    assert (file.width_px, file.height_px) == (300, 200)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_drawing_stays_png_where_that_is_smaller(kind: str) -> None:
    file = picture_file(encoded(drawing(), kind, **({"lossless": True} if kind == "WEBP" else {})), BOUNDS)
    assert file.mime == "image/png"
    assert len(file.data) < len(encoded(drawing(), "JPEG", quality=82))
    assert shown(file).convert("RGB").tobytes() == drawing().tobytes(), "without losses"


def test_what_shines_through_goes_on_shining_through() -> None:
    file = picture_file(encoded(drawing(mode="RGBA"), "PNG"), BOUNDS)
    assert file.mime == "image/png" and shown(file).getpixel((899, 0))[3] == 0  # type: ignore[index]
    assert opened(file.thumbnail).getpixel((319, 0)) == (255, 255, 255), "a thumbnail has a white ground"
    cloud = photograph()
    cloud.putalpha(Image.linear_gradient("L").resize(cloud.size))
    blurred = picture_file(encoded(cloud, "PNG"), BOUNDS)
    assert blurred.mime == "image/webp" and shown(blurred).mode == "RGBA"
    cloud.putalpha(255)
    assert picture_file(encoded(cloud, "PNG"), BOUNDS).mime == "image/jpeg", "an alpha channel that hides nothing is left out"


@pytest.mark.parametrize(("orientation", "top_left"), [(1, "red"), (3, "blue"), (6, "lime"), (8, "yellow")])
def test_a_photograph_stands_upright_and_says_nothing_of_where_it_was_taken(orientation: int, top_left: str) -> None:
    quarters = Image.new("RGB", (1600, 800))
    for colour, place in (("red", (0, 0)), ("yellow", (800, 0)), ("lime", (0, 400)), ("blue", (800, 400))):
        quarters.paste(colour, (*place, place[0] + 800, place[1] + 400))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "Camera of the demo"
    exif.get_ifd(0x8825)[2] = (48.0, 8.0, 0.0)
    file = picture_file(encoded(quarters, "JPEG", exif=exif, comment=b"taken at home", quality=95), BOUNDS)
    upright = shown(file)
    assert upright.size == ((600, 1200) if orientation in (6, 8) else (1200, 600)), "the bound is that of the upright picture"
    red, green, blue = upright.convert("RGB").getpixel((40, 40))  # type: ignore[misc]
    expected = {"red": (255, 0, 0), "blue": (0, 0, 255), "lime": (0, 255, 0), "yellow": (255, 255, 0)}[top_left]
    assert max(abs(red - expected[0]), abs(green - expected[1]), abs(blue - expected[2])) < 12
    for data in (file.data, file.thumbnail):
        assert not opened(data).getexif() and b"Exif" not in data and b"Camera" not in data and b"taken at home" not in data


def test_nothing_that_is_not_picture_survives() -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", "<script>alert(1)</script>")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = (
        encoded(drawing(), "PNG", pnginfo=notes, icc_profile=profile, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0") + b"PK\x03\x04<?php ?>"
    )
    file = picture_file(data, BOUNDS)
    assert not any(mark in file.data for mark in (b"script", b"iCCP", b"eXIf", b"PK\x03\x04", b"<?php"))


def test_colours_of_every_mode_arrive() -> None:
    for picture, kind in (
        (Image.new("CMYK", (50, 40), (0, 255, 255, 0)), "JPEG"),
        (Image.new("RGB", (50, 40), "red").convert("P"), "PNG"),
        (Image.new("RGBA", (50, 40), "red"), "WEBP"),
    ):
        red, green, blue = shown(picture_file(encoded(picture, kind), BOUNDS)).convert("RGB").getpixel((20, 20))  # type: ignore[misc]
        assert red > 200 and green < 60 and blue < 60, picture.mode
    for picture in (Image.new("1", (9, 9), 1), Image.new("LA", (9, 9), (255, 255)), Image.new("I;16", (9, 9), 65535)):
        assert shown(picture_file(encoded(picture, "PNG"), BOUNDS)).convert("L").getpixel((4, 4)) == 255, picture.mode


def test_a_wide_colour_profile_is_converted_and_a_wrong_one_left_out() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for profile in (lab, b"not a profile"):
        pixel = shown(picture_file(encoded(Image.new("RGB", (50, 40), "red"), "JPEG", icc_profile=profile), BOUNDS)).getpixel((9, 9))
        assert pixel[0] > 240 and max(pixel[1:]) < 10  # type: ignore[index]


def bomb(width: int, height: int) -> bytes:
    """A PNG of some hundred bytes that says it is very large, and unpacks to that."""
    plain = zlib.compress(b"\0" * (width // 8 + 1) * height, 9)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x01\0\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", plain) + chunk(b"IEND", b"")


GIF = encoded(drawing(90, 60), "GIF")
STILLS = [drawing(90, 60), photograph(90, 60), drawing(90, 60)]
REFUSED: list[tuple[str, bytes, type[AppError]]] = [
    ("nothing", b"", UnsupportedMediaType),
    ("text", b"<html>502 Bad Gateway</html>", UnsupportedMediaType),
    ("svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", UnsupportedMediaType),
    ("gif", GIF, UnsupportedMediaType),
    ("bitmap", encoded(drawing(90, 60), "BMP"), UnsupportedMediaType),
    ("tiff", encoded(drawing(90, 60), "TIFF"), UnsupportedMediaType),
    ("pdf", encoded(drawing(90, 60), "PDF"), UnsupportedMediaType),
    ("postscript", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", UnsupportedMediaType),
    ("cut jpeg", encoded(photograph(), "JPEG")[:20_000], ValidationFailed),
    ("cut png", encoded(photograph(), "PNG")[:200_000], ValidationFailed),
    ("cut webp", encoded(photograph(), "WEBP")[:5_000], ValidationFailed),
    ("animated png", encoded(STILLS[0], "PNG", save_all=True, append_images=STILLS[1:]), ValidationFailed),
    ("animated webp", encoded(STILLS[0], "WEBP", save_all=True, append_images=STILLS[1:]), ValidationFailed),
    ("too wide", encoded(Image.new("RGB", (9_000, 2)), "PNG"), TooLarge),
    ("a bomb", bomb(7_900, 7_900), TooLarge),
    ("a large bomb", bomb(60_000, 60_000), TooLarge),
]


@pytest.mark.parametrize(("data", "refusal"), [(data, refusal) for _, data, refusal in REFUSED], ids=[name for name, _, _ in REFUSED])
def test_what_is_no_still_picture_of_reasonable_size_is_refused(data: bytes, refusal: type[AppError]) -> None:
    with pytest.raises(refusal):
        picture_file(data, BOUNDS)


def test_too_many_bytes_are_refused_before_they_are_read() -> None:
    with pytest.raises(TooLarge):
        picture_file(b"\0" * 101, BOUNDS, most_bytes=100)


def test_the_first_picture_of_a_stereo_photograph_is_taken() -> None:
    stereo = encoded(photograph(90, 60), "MPO", save_all=True, append_images=[drawing(90, 60)])
    assert picture_file(stereo, BOUNDS).mime == "image/jpeg"


@pytest.mark.filterwarnings("ignore:.*:UserWarning")  # Pillow's on forged EXIF
@settings(max_examples=120, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "WEBP"]), st.lists(st.tuples(st.integers(0, 1500), st.binary(min_size=1, max_size=6)), max_size=6))
def test_a_forged_file_is_a_picture_or_a_refusal(kind: str, cuts: list[tuple[int, bytes]]) -> None:
    data = bytearray(FORGED[kind])
    for at, what in cuts:
        data[at : at + len(what)] = what
    try:
        file = picture_file(bytes(data), BOUNDS)
    except (TooLarge, UnsupportedMediaType, ValidationFailed):
        return
    assert shown(file).size == (file.width_px, file.height_px)


_EXIF = Image.Exif()
_EXIF[0x0112] = 6
FORGED = {kind: encoded(drawing(64, 48), kind, exif=_EXIF) for kind in ("PNG", "JPEG", "WEBP")}
MEMORY = """
import io, resource
from PIL import Image
from chalicelib.writer.pictures import picture_file
picture_file(open({0!r}, "rb").read(), (64, 64))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
data = open({1!r}, "rb").read()
file = picture_file(data, (1200, 1200), most_bytes=30_000_000)
print(file.width_px, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_picture_of_4000_pixels_a_side_takes_bounded_memory(tmp_path: Any) -> None:
    """The picture itself has 64 MB (4 bytes a pixel); an image worker has 1,024."""
    small, large = tmp_path / "small.png", tmp_path / "large.png"
    small.write_bytes(FORGED["PNG"])
    large.write_bytes(encoded(photograph(1000, 1000).resize((4000, 4000)), "PNG", compress_level=1))
    ran = subprocess.run([sys.executable, "-c", MEMORY.format(str(small), str(large))], capture_output=True, text=True, check=True)
    width, megabytes = map(int, ran.stdout.split())
    assert width == 1200
    assert megabytes < 250
