"""An image model that needs no key: draws an abstract editorial illustration with the article's title, the same for the same request."""

import hashlib
import io
import math
import random
import unicodedata
from collections.abc import Callable
from typing import Any

from chalicelib.core.errors import UpstreamRejected
from chalicelib.ports import ImageAnswer, ImageRequest

_LABEL = "OFFLINE DRAFT"
# Letters and marks that have no accent to drop, as the font can write them.
_SPELLED = str.maketrans(
    {"\u2013": "-", "\u2014": "-", "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'}
    | {"\u00df": "ss", "\u00e6": "ae", "\u00c6": "Ae", "\u00f8": "o", "\u00d8": "O", "\u0142": "l", "\u0141": "L", "\u0131": "i"}
)
_LONGEST_TITLE = 160  # characters; more cannot be read in a picture
_SMALLEST_PX, _LARGEST_PX = 64, 4_096
# Background from, background to, motif, accent. Each pair is dark enough for white type (contrast above 4.5).
_PALETTES = (
    ("#12324a", "#1f5a73", "#3f8fa8", "#f2b45a"),
    ("#2b1f4b", "#4d3580", "#7d63bd", "#f49ac1"),
    ("#123b2f", "#1f6149", "#46997a", "#f1d56c"),
    ("#4a1f24", "#7a343a", "#b3635f", "#f3c48b"),
    ("#1d2433", "#38465f", "#667a9c", "#7fd6c2"),
    ("#3a2a18", "#66492a", "#a17c4d", "#f6dfa8"),
    ("#0f2f57", "#22518a", "#5d92cc", "#ff9f6e"),
    ("#33203a", "#5f3560", "#9c6496", "#ffcf70"),
)


class OfflineImageModel:
    """The `ImageModel` of the embedded stack. Titles are drawn in Pillow's own font, which knows plain Latin letters only: accents are
    dropped, and a title in another script is left out."""

    provider = "offline"
    model = "offline-illustration"

    def draw(self, request: ImageRequest) -> ImageAnswer:
        """A PNG of exactly the size asked for. Raises: UpstreamRejected when a side is not 64 to 4,096 px."""
        if not all(_SMALLEST_PX <= side <= _LARGEST_PX for side in (request.width_px, request.height_px)):
            asked = f"{request.width_px}x{request.height_px}"
            raise UpstreamRejected(f"The offline model draws {_SMALLEST_PX} to {_LARGEST_PX} px, not {asked}.")
        seed = hashlib.sha256(f"{request.prompt}\n{request.title}".encode()).digest()
        chance = random.Random(seed)
        image = _drawn(request, chance)
        out = io.BytesIO()
        image.save(out, "PNG", compress_level=6)
        return ImageAnswer(out.getvalue(), "image/png", self.model, self.provider, cost_usd=0.0)


def _drawn(request: ImageRequest, chance: random.Random) -> Any:
    """A paletted image: few colours keep the file small and, unlike a smooth gradient, compress well."""
    from PIL import Image, ImageDraw

    width, height = request.width_px, request.height_px
    ground, far, motif, accent = chance.choice(_PALETTES)
    image = Image.new("RGB", (width, height), ground)
    draw = ImageDraw.Draw(image)
    _bands(draw, width, height, ground, far, slant=chance.uniform(-0.35, 0.35))
    chance.choice(_MOTIFS)(draw, width, height, far, motif, accent, chance)
    title = _drawable(request.title)
    if len(title) > _LONGEST_TITLE:
        title = title[:_LONGEST_TITLE].rsplit(" ", 1)[0] + "..."
    if title:
        _write_title(image, title, ground, accent)
    _write_label(draw, width, height, ground)
    return image


def _mixed(one: str, two: str, share: float) -> tuple[int, int, int]:
    """Colour between two: share 0 is the first, 1 the second."""
    a, b = (tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5)) for colour in (one, two))
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


def _bands(draw: Any, width: int, height: int, ground: str, far: str, slant: float) -> None:
    """The gradient: 24 slanted bands."""
    count = 24
    lean = slant * height
    step = (width + abs(lean) * 2) / count
    for at in range(count):
        left = -abs(lean) + at * step
        corners = [(left - lean, 0), (width * 2, 0), (width * 2, height), (left + lean, height)]
        draw.polygon(corners, fill=_mixed(ground, far, at / (count - 1)))


_Motif = Callable[[Any, int, int, str, str, str, random.Random], None]


def _discs(draw: Any, width: int, height: int, far: str, motif: str, accent: str, chance: random.Random) -> None:
    """Overlapping discs on the right, rings around one of them."""
    for at in range(6):
        radius = height * chance.uniform(0.08, 0.34)
        x, y = width * chance.uniform(0.58, 1.02), height * chance.uniform(0.0, 1.0)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_mixed(far, motif, 0.35 + 0.12 * at))
    x, y, radius = width * chance.uniform(0.72, 0.88), height * chance.uniform(0.25, 0.6), height * 0.12
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=accent)
    for ring in range(1, 4):
        wide = radius * (1 + ring * 0.35)
        draw.ellipse((x - wide, y - wide, x + wide, y + wide), outline=_mixed(motif, accent, 0.5), width=max(1, height // 220))


def _hills(draw: Any, width: int, height: int, far: str, motif: str, accent: str, chance: random.Random) -> None:
    """Layered hills with a sun."""
    radius = height * 0.13
    x, y = width * chance.uniform(0.7, 0.88), height * chance.uniform(0.18, 0.32)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=accent)
    for layer in range(4):
        base = height * (0.48 + 0.13 * layer)
        swing, length, phase = height * chance.uniform(0.05, 0.12), width * chance.uniform(0.4, 0.8), chance.uniform(0, math.tau)
        line = [(px, base + swing * math.sin(phase + math.tau * px / length)) for px in range(0, width + 16, 16)]
        draw.polygon([*line, (width, height), (0, height)], fill=_mixed(motif, far, layer / 4))


def _tiles(draw: Any, width: int, height: int, far: str, motif: str, accent: str, chance: random.Random) -> None:
    """A grid of squares, quarter discs and triangles on the right."""
    side = height / 5
    columns = max(2, round(width * 0.42 / side))
    for column in range(columns):
        for row in range(5):
            left, top = width - (columns - column) * side, row * side
            fill = accent if chance.random() < 0.12 else _mixed(far, motif, chance.choice((0.2, 0.45, 0.7, 1.0)))
            shape = chance.randrange(4)
            if shape == 0:
                draw.rectangle((left, top, left + side, top + side), fill=fill)
            elif shape == 1:
                draw.pieslice((left - side, top - side, left + side, top + side), 0, 90, fill=fill)
            elif shape == 2:
                draw.polygon([(left, top), (left + side, top), (left, top + side)], fill=fill)


def _waves(draw: Any, width: int, height: int, far: str, motif: str, accent: str, chance: random.Random) -> None:
    """Parallel lines that swing across the picture, one of them in the accent colour."""
    phase, length = chance.uniform(0, math.tau), width * chance.uniform(0.55, 0.95)
    chosen = chance.randrange(4, 12)
    for at in range(16):
        base = height * (0.05 + at * 0.062)
        line = [(x, base + height * 0.09 * math.sin(phase + at * 0.22 + math.tau * x / length)) for x in range(0, width + 12, 12)]
        fill = accent if at == chosen else _mixed(far, motif, 0.15 + at / 20)
        draw.line(line, fill=fill, width=max(2, height // 70), joint="curve")


_MOTIFS: tuple[_Motif, ...] = (_discs, _hills, _tiles, _waves)


def _drawable(title: str) -> str:
    """The title as far as the bundled font has its letters: ASCII, so accents are dropped and other scripts left out."""
    plain = unicodedata.normalize("NFKD", title.translate(_SPELLED))
    return " ".join("".join(c if " " <= c <= "~" else " " for c in plain if not unicodedata.combining(c)).split())


def _write_title(image: Any, title: str, ground: str, accent: str) -> None:
    """The title in white on a darker panel at the left, in the largest of a few sizes in which it fits."""
    from PIL import Image, ImageDraw, ImageFont

    width, height = image.size
    margin = round(min(width, height) * 0.07)
    room_wide, room_high = round(width * 0.62) - margin, height - 4 * margin
    for share in (0.11, 0.095, 0.08, 0.068, 0.056, 0.046, 0.036):
        size = max(8, round(min(height, width * 0.75) * share))
        font = ImageFont.load_default(size)
        lines = _wrapped(title, font, room_wide)
        if len(lines) * size * 1.25 <= room_high and all(font.getlength(line) <= room_wide for line in lines):
            break
    most = max(1, int(room_high / (size * 1.25)))
    if len(lines) > most:
        lines = [*lines[: most - 1], lines[most - 1].rstrip(" .,;:") + "..."]
    high = round(len(lines) * size * 1.25)
    top = (height - high) // 2
    panel = (0, top - margin, room_wide + 2 * margin, top + high + margin)
    shade = Image.new("RGB", (panel[2] - panel[0], panel[3] - panel[1]), ground)
    image.paste(Image.blend(image.crop(panel), shade, 0.86), panel[:2])
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, panel[1], max(4, margin // 6), panel[3]), fill=accent)
    for at, line in enumerate(lines):
        draw.text((margin, top + at * size * 1.25), line, font=font, fill="#ffffff")


def _wrapped(text: str, font: Any, width: float) -> list[str]:
    """Lines of whole words; a word wider than the line is cut."""
    lines: list[str] = []
    for word in text.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
            continue
        while font.getlength(word) > width and len(word) > 1:
            fits = next((n for n in range(len(word) - 1, 1, -1) if font.getlength(word[:n]) <= width), 1)
            lines.append(word[:fits])
            word = word[fits:]
        lines.append(word)
    return lines


def _write_label(draw: Any, width: int, height: int, ground: str) -> None:
    """What this is, so that nobody takes a drawing for a commissioned picture."""
    from PIL import ImageFont

    size = max(8, round(min(width, height) * 0.026))
    font = ImageFont.load_default(size)
    left, top, right, bottom = draw.textbbox((0, 0), _LABEL, font=font)
    pad = size // 2
    x, y = width - (right - left) - 3 * pad, height - (bottom - top) - 3 * pad
    draw.rounded_rectangle((x - pad, y - pad, width - pad, height - pad), radius=pad, fill=_mixed(ground, "#000000", 0.3))
    draw.text((x - left, y - top), _LABEL, font=font, fill="#e8e8e8")
