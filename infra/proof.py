"""Shows that a zip is whole: all handlers imported, and what stands on compiled libraries at work, with nothing but the unzipped zip.

Run by infra/bundle.py as a program of its own, isolated, in the Python that the zip is for: `proof.py <unzipped> <runtime> <handler> ...`,
where <runtime> holds what Lambda itself brings.
"""

import importlib
import sys


def main() -> None:
    """Raises: whatever is missing."""
    unzipped, runtime, *handlers = sys.argv[1:]
    sys.path[:0] = [unzipped, runtime]
    for handler in handlers:
        module, _, name = handler.rpartition(".")
        assert callable(getattr(importlib.import_module(module), name)), handler
    for library in ("genai_prices", "openai", "requests", "slugify", "snowballstemmer"):
        importlib.import_module(library)
    _pictures()
    _vectors()
    _signatures()
    _texts()
    foreign = sorted(
        n for n, m in sys.modules.items() if (path := getattr(m, "__file__", None)) and not path.startswith(_ours(unzipped, runtime))
    )
    assert not foreign, f"from elsewhere: {foreign}"


def _ours(*folders: str) -> tuple[str, ...]:
    """Where modules may come from: the zip, the runtime, Python's own library."""
    import os
    import sysconfig

    paths = sysconfig.get_paths()
    return (*folders, paths["stdlib"], paths["platstdlib"], *(os.path.realpath(f) for f in folders), __file__)


def _pictures() -> None:
    from io import BytesIO

    from PIL import Image, ImageCms, ImageDraw, ImageFont

    picture = Image.new("RGB", (64, 64), "#336699")
    ImageDraw.Draw(picture).text((2, 2), "A", font=ImageFont.load_default(20))
    for form in ("PNG", "JPEG", "WEBP"):
        data = BytesIO()
        picture.save(data, form, icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
        with Image.open(data) as again:
            again.load()
            assert (again.format, again.size) == (form, picture.size)


def _vectors() -> None:
    import numpy as np

    rows = np.random.default_rng(7).standard_normal((9, 5)).astype(np.float32)
    assert np.allclose(np.linalg.inv(np.linalg.inv(np.eye(5) + rows.T @ rows)), np.eye(5) + rows.T @ rows, atol=1e-2)


def _signatures() -> None:
    import jwt
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    assert jwt.decode(jwt.encode({"sub": "x"}, key, algorithm="RS256"), key.public_key(), algorithms=["RS256"]) == {"sub": "x"}


def _texts() -> None:
    import nh3
    from markdown_it import MarkdownIt

    assert nh3.clean(MarkdownIt().render("**b**<script>x</script>")).strip() == "<p><strong>b</strong></p>"


if __name__ == "__main__":
    main()
