"""Files of images: one picture and one thumbnail for each, whoever uploads or draws at the same time and whatever dies in between."""

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Picture

from chalicelib.billing.credits import Ledger
from chalicelib.core.context import Context
from chalicelib.core.errors import UpstreamUnavailable
from chalicelib.writer.alternative_texts import LONGEST, alternative_text
from chalicelib.writer.image_editing import ImageEditor, NewImage
from chalicelib.writer.images import IMAGE, Image
from tests.conftest import ContextFactory, Place
from tests.fakes import MemoryFiles, ScriptedImages
from tests.rest import Rest
from tests.writer.conftest import Desk


def picture(colour: str = "red", size: tuple[int, int] = (40, 30)) -> bytes:
    out = io.BytesIO()
    Picture.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


class Watched(MemoryFiles):
    """Files that let something happen just before the next file is stored."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: list[Callable[[], object]] = []

    def put(self, key: str, data: bytes, mime: str) -> None:
        if self.meanwhile:
            self.meanwhile.pop()()
        super().put(key, data, mime)


class Unlisted(MemoryFiles):
    """Files that cannot be listed."""

    def list(self, prefix: str) -> list[str]:
        raise UpstreamUnavailable("The file store does not answer.")


def of(ctx: Context, image: Image) -> set[str]:
    return set(ctx.deps.files.list(f"{ctx.tenant}/images/{image.id}/"))


def whole(ctx: Context, image_id: str) -> Image:
    """The record, whose two files are there and the only ones."""
    image = ctx.repository(IMAGE).get(image_id)
    assert of(ctx, image) == {image.image_path, image.thumbnail_path}
    return image


def made(ctx: Context, place: Place, data: bytes | None = None, **more: Any) -> Image:
    wanted = NewImage(site_id=place.site_id, sector_id=place.sector_id, image_type="featured", **more)
    return ImageEditor(ctx).add(wanted, data=data, alt=wanted.alt, prompt=wanted.prompt)


@pytest.fixture
def watched(ctx: ContextFactory) -> Context:
    context = ctx()
    return Context(context.scope, replace(context.deps, files=Watched()))


def test_another_picture_takes_the_place_of_the_first(watched: Context, place: Place) -> None:
    image = made(watched, place, picture("red"))
    first = whole(watched, image.id)
    ImageEditor(watched).put_picture(image.id, picture("blue"))
    second = whole(watched, image.id)
    assert first.image_path != second.image_path
    ImageEditor(watched).put_picture(image.id, picture("blue"))
    assert whole(watched, image.id).version == second.version + 1


def test_of_two_at_once_the_record_of_one_stands_with_its_files(watched: Context, place: Place) -> None:
    image, files = made(watched, place, picture("red")), watched.deps.files
    assert isinstance(files, Watched)
    files.meanwhile = [lambda: ImageEditor(watched).put_picture(image.id, picture("green"))]
    ImageEditor(watched).put_picture(image.id, picture("blue"))
    assert whole(watched, image.id).version == 3, "the other was first; this one did it again"


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(st.lists(st.sampled_from(["red", "blue"]), min_size=1, max_size=3), min_size=1, max_size=4))
def test_whoever_comes_in_between_with_whatever_picture(watched: Context, place: Place, steps: list[list[str]]) -> None:
    """Each step uploads its first picture, and while that is being stored the others, one within another: a file that two writers
    would have named alike must not be removed by one of them while the other's record points to it."""
    image, files = made(watched, place, picture("green"), position=None), watched.deps.files
    assert isinstance(files, Watched)
    for colours in steps:
        files.meanwhile = [lambda c=c: ImageEditor(watched).put_picture(image.id, picture(c)) for c in colours[1:]]  # type: ignore[misc]
        ImageEditor(watched).put_picture(image.id, picture(colours[0]))
        files.meanwhile = []
        whole(watched, image.id)


def test_what_a_dead_writer_left_goes_with_the_next_picture(watched: Context, place: Place) -> None:
    image = made(watched, place, picture("red"))
    folder = f"{watched.tenant}/images/{image.id}/"
    for name in ("0123456789abcdef-v1.jpg", "0123456789abcdef-v1-small.jpg", "0123456789abcdef.png"):
        watched.deps.files.put(folder + name, b"x", "image/jpeg")
    later = f"{folder}0123456789abcdef-v9.jpg"
    watched.deps.files.put(later, b"x", "image/jpeg")
    image = ImageEditor(watched).put_picture(image.id, picture("blue"))
    assert of(watched, image) == {image.image_path, image.thumbnail_path, later}, "the file of a writer who is still at work stays"


def test_a_store_that_cannot_list_does_not_undo_an_upload(ctx: ContextFactory, place: Place) -> None:
    context = ctx()
    context = Context(context.scope, replace(context.deps, files=Unlisted()))
    image = made(context, place, picture("red"))
    changed = ImageEditor(context).put_picture(image.id, picture("blue"))
    assert context.deps.files.get(changed.image_path or "") and changed.version == 2


def test_a_picture_in_the_place_of_a_deleted_image(watched: Context, place: Place) -> None:
    image = made(watched, place, picture("red"))
    ImageEditor(watched).delete(image.id)
    assert of(watched, image), "a deleted image can be restored with its picture"
    ImageEditor(watched).restore(image.id)
    assert whole(watched, image.id).status == "generated"


def test_what_a_model_draws_is_made_to_measure_and_shown_small_too(desk: Desk) -> None:
    content = desk.content()["id"]
    image = desk.made("images", content=content, image_type="featured", prompt="A bike")["id"]
    model = ScriptedImages([picture("red", (1536, 1024)), picture("blue", (2048, 2048)), b"<html>502</html>", picture("red", (9000, 10))])
    api = Rest(desk.api.routers, replace(desk.api.deps, image=lambda choice: model), desk.api.scope)
    api.finished(api.post("writer/images/generate_images", {"image_ids": [image]}))
    shown = api.get(f"writer/images/{image}").data
    assert (shown["status"], shown["width_px"], shown["height_px"]) == ("generated", 1200, 800)
    assert shown["thumbnail_url"].startswith("https://files.test/") and "-small.jpg?" in shown["thumbnail_url"]
    api.finished(api.post(f"writer/images/{image}/regenerate", {}))
    drawn = whole(api.ctx, image)
    assert (drawn.width_px, drawn.height_px) == (1200, 1200)
    for _ in range(2):  # what is no picture, or no reasonable one, costs nothing and leaves the picture there is
        before = Ledger(api.deps.table, api.ctx.tenant, api.deps.clock).balance().available
        assert api.finished(api.post(f"writer/images/{image}/regenerate", {}))["state"] == "failed"
        assert Ledger(api.deps.table, api.ctx.tenant, api.deps.clock).balance().available == before
        kept = whole(api.ctx, image)
        assert (kept.status, kept.image_path) == ("generated", drawn.image_path) and kept.error


def test_every_image_of_a_content_has_a_text_of_its_own(desk: Desk) -> None:
    content = desk.content("Road bikes for the long way home")["id"]
    alts = [desk.made("images", content=content, image_type="in_article")["alt"] for _ in range(3)]
    assert alts == [
        "Road bikes for the long way home",
        "Road bikes for the long way home (2)",
        "Road bikes for the long way home (3)",
    ]
    assert desk.made("images", content=content, image_type="featured", alt="A bike")["alt"] == "A bike"


def test_alternative_texts_are_short_and_differ() -> None:
    assert alternative_text("  A red\n bike ", []) == "A red bike"
    long = "A red bike leans on a wall, " * 8
    cut = alternative_text(long, [])
    assert len(cut) <= LONGEST and long.startswith(cut) and cut.endswith(("wall", "bike", "leans", "on", "a", "red", "A"))
    again = alternative_text(long, [cut.upper()])
    assert len(again) <= LONGEST and again.endswith(" (2)")
    assert alternative_text("x" * 300, []) == "x" * LONGEST
