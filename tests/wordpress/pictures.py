"""Small real pictures, each different."""

import io
import zlib

from PIL import Image


def jpeg(seed: str, width_px: int = 64, height_px: int = 48) -> bytes:
    """A JPEG of one colour that follows from the seed."""
    code = zlib.crc32(seed.encode())
    out = io.BytesIO()
    Image.new("RGB", (width_px, height_px), (code & 255, code >> 8 & 255, code >> 16 & 255)).save(out, "JPEG")
    return out.getvalue()


def photo(seed: str, width_px: int, height_px: int) -> bytes:
    """A JPEG as heavy as a photograph: noise, smoothed."""
    small = Image.effect_noise((width_px // 4, height_px // 4), 60 + zlib.crc32(seed.encode()) % 40)
    out = io.BytesIO()
    small.resize((width_px, height_px)).convert("RGB").save(out, "JPEG", quality=80)
    return out.getvalue()
