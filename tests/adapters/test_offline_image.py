"""The offline image model draws real, small, repeatable PNGs of the size asked for."""

import io

import pytest
from PIL import Image

from chalicelib.adapters.offline_image import OfflineImageModel
from chalicelib.core.errors import UpstreamRejected
from chalicelib.ports import ImageModel, ImageRequest

TITLE = "How to Choose the Best Espresso Machine for a Small Kitchen"


def drawn(prompt: str = "a kettle", title: str = TITLE, width_px: int = 600, height_px: int = 338) -> Image.Image:
    answer = OfflineImageModel().draw(ImageRequest(prompt, width_px, height_px, title=title))
    image = Image.open(io.BytesIO(answer.data))
    image.load()
    return image


@pytest.mark.parametrize("size", [(1200, 675), (1024, 1024), (600, 1067), (64, 64), (1536, 300), (64, 900)])
def test_a_png_of_the_size_asked_for(size: tuple[int, int]) -> None:
    model = OfflineImageModel()
    assert isinstance(model, ImageModel)
    answer = model.draw(ImageRequest("a kettle", *size, title=TITLE))
    assert (answer.mime, answer.provider, answer.cost_usd) == ("image/png", "offline", 0.0)
    image = Image.open(io.BytesIO(answer.data))
    image.load()
    assert (image.format, image.size) == ("PNG", size)
    assert len(answer.data) < 300_000


def test_the_same_request_gives_the_same_bytes_and_another_prompt_another_picture() -> None:
    model = OfflineImageModel()
    requests = [ImageRequest(prompt, 400, 225, title=TITLE) for prompt in ("one", "one", "two", "three", "four")]
    pictures = [model.draw(request).data for request in requests]
    assert pictures[0] == pictures[1]
    assert len(set(pictures)) == 4


@pytest.mark.parametrize("prompt", [f"prompt {n}" for n in range(12)])
def test_the_title_is_legible_white_on_dark(prompt: str) -> None:
    image = drawn(prompt).convert("L")
    panel = image.crop((20, 100, 380, 240))
    pixels = list(panel.get_flattened_data())
    white = sum(1 for one in pixels if one > 240) / len(pixels)
    assert 0.03 < white < 0.5
    assert sorted(pixels)[len(pixels) // 4] < 110


def test_without_a_title_nothing_white_is_written() -> None:
    pixels = list(drawn(title="").convert("L").crop((0, 0, 600, 280)).get_flattened_data())
    assert sum(1 for one in pixels if one > 250) == 0


@pytest.mark.parametrize(
    "title",
    [
        "",
        "A",
        "Größe — “naïve” Ärger…",
        "コーヒーの淹れ方",
        "Donaudampfschifffahrtsgesellschaftskapitän" * 3,
        "word " * 200,
        "\x00\n\t",
        "x" * 5_000,
    ],
)
def test_any_title_can_be_drawn(title: str) -> None:
    assert drawn(title=title).size == (600, 338)


def test_letters_the_font_lacks_are_spelled_without_accents() -> None:
    def picture(title: str) -> list[object]:
        from chalicelib.adapters.offline_image import _drawable

        return [_drawable(title)]

    assert picture("Größe — “naïve” Łódź") == ['Grosse - "naive" Lodz']
    assert picture("コーヒー") == [""]


@pytest.mark.parametrize("size", [(63, 100), (100, 5_000), (0, 0)])
def test_impossible_sizes_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(UpstreamRejected, match="px"):
        OfflineImageModel().draw(ImageRequest("a kettle", *size))
