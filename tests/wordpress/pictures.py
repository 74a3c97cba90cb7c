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
