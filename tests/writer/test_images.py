"""Images over HTTP: where they belong, their status, pictures of one's own, drawing and redrawing, groups."""

import io
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image as Picture

from chalicelib.auth.users import USER
from chalicelib.billing.credits import Ledger
from chalicelib.core.errors import UpstreamRejected
from chalicelib.core.ids import new_tenant_id
from chalicelib.writer.pictures import UPLOAD_BYTES
from chalicelib.writer.tasks import TASK
from tests.conftest import make_site
from tests.fakes import ScriptedImages
from tests.rest import Rest
from tests.writer.conftest import Desk


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30)) -> bytes:
    out = io.BytesIO()
    Picture.new("RGB", size, "red").save(out, kind)
    return out.getvalue()


def counts(desk: Desk, content: str) -> tuple[int, int, str]:
    shown = desk.api.get(f"writer/content/{content}").data
    return shown["images_total"], shown["images_open"], shown["status"]


def test_an_image_belongs_to_its_content_and_is_counted_there(desk: Desk) -> None:
    content = desk.content()["id"]
    made = desk.made("images", content_id=content, image_type="featured", prompt="A bike", alt="Bike")
    assert (made["status"], made["position"], made["sector_id"]) == ("pending", 0, desk.place.sector_id)
    assert (made["content_title"], made["file_url"], made["url"], counts(desk, content)) == ("Road bikes", None, None, (1, 1, "draft"))
    taken = {"content": content, "image_type": "featured", "position": 0}
    assert desk.api.post("writer/images", taken).status == 409
    assert [desk.made("images", content=content, image_type="in_article")["position"] for _ in range(2)] == [0, 1]
    assert counts(desk, content) == (3, 3, "draft")
    desk.api.delete(f"writer/images/{made['id']}")
    assert counts(desk, content)[:2] == (2, 2)
    again = desk.made("images", content=content, image_type="featured", alt="Anew")
    assert (again["id"], again["alt"], again["prompt"], counts(desk, content)[0]) == (made["id"], "Anew", "", 3)
    listed = desk.api.get("writer/images", content_id=content, image_type="in_article", ordering="position").results
    assert [i["position"] for i in listed] == [0, 1]


def test_an_image_without_content_falls_back_to_a_sector(desk: Desk) -> None:
    task = desk.task()["id"]
    assert desk.made("images", task_id=task, image_type="featured")["task_title"] == "Road bikes"
    named = desk.made("images", **desk.where, image_type="featured")
    assert (named["sector_id"], named["content"], named["task"]) == (desk.place.sector_id, None, None)
    assert desk.api.post("writer/images", {"image_type": "featured"}).status == 400
    users = desk.api.ctx.repository(USER)
    user = users.create(users.new("", "user000001", email="a@b.test", role="owner"))
    users.patch(user.id, {"active_site": desk.place.site_id})
    assert desk.made("images", image_type="featured")["sector_id"] == desk.place.sector_id
    other = make_site(desk.api.ctx)[0]
    wrong = {"content": desk.content()["id"], "sector_id": other.sector_id, "site_id": other.site_id, "image_type": "featured"}
    assert desk.api.post("writer/images", wrong).status == 400
    for body in ({"content": "nothing", "image_type": "featured"}, {**desk.where, "image_type": "poster"}):
        assert desk.api.post("writer/images", body).status == 400
    assert desk.api.post("writer/images", {**desk.where, "image_type": "featured", "image_url": "http://x.test/a.png"}).status == 400


@pytest.mark.parametrize("by", ["ids", "content_id"])
def test_status_is_set_by_ids_or_by_content(desk: Desk, by: str) -> None:
    content = desk.content()["id"]
    ids = [desk.made("images", content=content, image_type="in_article", prompt="x")["id"] for _ in range(2)]
    body: dict[str, Any] = {"ids": ids} if by == "ids" else {"content_id": content}
    assert desk.api.post("writer/images/bulk_update", {**body, "status": "failed"}).data["succeeded"] == ids
    assert counts(desk, content) == (2, 0, "draft")
    refused = desk.api.post("writer/images/bulk_update", {**body, "status": "generated"}).data
    assert [f["code"] for f in refused["failed"]] == ["validation_error"] * 2, "without a picture nothing is generated"
    assert desk.api.post("writer/images/bulk_update", {**body, "status": "pending"}).data["failed"] == []
    assert counts(desk, content) == (2, 2, "draft")
    assert desk.api.post("writer/images/bulk_update", {"status": "failed"}).status == 400
    assert desk.api.post("writer/images/bulk_update", {"ids": ids, "content_id": content, "status": "failed"}).status == 400
    assert desk.api.post("writer/images/bulk_update", {"content_id": "nothing", "status": "failed"}).status == 404


@pytest.mark.parametrize(("kind", "mime"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/png")])
def test_a_picture_of_ones_own_takes_the_place_of_what_was_drawn(desk: Desk, kind: str, mime: str) -> None:
    content = desk.content()["id"]
    made = desk.made("images", content=content, image_type="featured", prompt="x")["id"]
    shown = desk.api.post(f"writer/images/{made}/upload", picture(kind), mime="application/octet-stream").data
    assert (shown["status"], shown["mime"], shown["width_px"], shown["height_px"]) == ("generated", mime, 40, 30)
    assert (shown["file_url"], counts(desk, content)[:2]) == (f"/api/v1/writer/images/{made}/file/", (1, 0))
    signed = desk.api.get(f"writer/images/{made}").data["url"]
    assert signed.startswith(f"https://files.test/{desk.api.ctx.tenant}/images/{made}/") and signed.endswith("?seconds=300")
    grouped = desk.api.get(f"writer/content/{content}/images").data
    listed = desk.api.get("writer/images/content_images", site_id=desk.place.site_id).results[0]
    assert grouped["featured"]["url"] == listed["featured"]["url"] == signed, "an <img> cannot send the Authorization header"
    for path in ("file", "serve_image_file"):
        reply = desk.api.get(f"writer/images/{made}/{path}")
        assert reply.status == 302 and reply.headers["Location"].startswith(f"https://files.test/{desk.api.ctx.tenant}/images/{made}/")
    assert desk.api.of_tenant(new_tenant_id()).get(f"writer/images/{made}/file").status == 404


def test_a_new_image_can_begin_with_its_picture(desk: Desk) -> None:
    content = desk.content()["id"]
    reply = desk.api.post(
        "writer/images/upload", picture(), mime="image/png", parameters={"content_id": content, "image_type": "in_article", "alt": "A"}
    )
    assert (reply.status, reply.data["status"], reply.data["alt"], counts(desk, content)[:2]) == (201, "generated", "A", (1, 0))
    form = (
        b'--xx\r\nContent-Disposition: form-data; name="content_id"\r\n\r\n' + content.encode() + b"\r\n"
        b'--xx\r\nContent-Disposition: form-data; name="image_type"\r\n\r\nfeatured\r\n'
        b'--xx\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + picture() + b"\r\n--xx--\r\n"
    )
    assert desk.api.post("writer/images/upload", form, mime="multipart/form-data; boundary=xx").status == 201
    assert desk.api.post("writer/images/upload", picture(), mime="image/png").status == 400


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 415),
        (b"GIF89a" + b"\0" * 100, 415),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415),
        (picture()[:60], 400),
        (picture() + b"\0" * UPLOAD_BYTES, 413),
        (picture(size=(9_000, 2)), 413),
    ],
)
def test_what_is_no_picture_or_too_large_is_refused(desk: Desk, data: bytes, status: int) -> None:
    made = desk.made("images", **desk.where, image_type="featured", prompt="x")["id"]
    reply = desk.api.post(f"writer/images/{made}/upload", data, mime="image/png")
    assert reply.status == status, reply.body
    assert desk.api.get(f"writer/images/{made}").data["status"] == "pending"
    assert desk.api.post(f"writer/images/{made}/upload", data, mime="text/html").status == 415


def described(desk: Desk) -> str:
    """A content written by AI, with its image prompts."""
    content = str(desk.written()["id"])
    done = desk.api.finished(desk.api.post("writer/content/generate_image_prompts", {"ids": [content]}))
    assert done["state"] == "succeeded", done
    return content


def test_prompts_then_pictures_lead_into_review(desk: Desk) -> None:
    content = described(desk)
    total, open_images, status = counts(desk, content)
    assert total == open_images > 0 and status == "draft"
    assert desk.api.post(f"writer/content/{content}/generate_image_prompts").status == 400, "they are there"
    done = desk.api.finished(desk.api.post("writer/content/auto_generate_images", {"content_ids": [content]}))
    assert done["state"] == "succeeded", done
    assert counts(desk, content) == (total, 0, "review")
    group = desk.api.get(f"writer/content/{content}/images").data
    assert group["featured"]["status"] == "generated" and len(group["in_article"]) == total - 1
    listed = desk.api.get("writer/images/content_images", sector_id=desk.place.sector_id).results
    assert [(g["content"], g["featured"]["id"]) for g in listed] == [(content, group["featured"]["id"])]
    assert desk.api.post("writer/content/auto_generate_images", {"ids": [content]}).status == 400, "nothing waits to be drawn"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("images/auto_generate_images", "task_ids"),
        ("images/auto_generate_images", "content_ids"),
        ("tasks/generate_images", "ids"),
        ("tasks/generate_images", "image_ids"),
        ("images/generate_images", "image_ids"),
        ("images/generate_images", "content_id"),
    ],
)
def test_every_way_to_name_what_is_drawn(desk: Desk, path: str, name: str) -> None:
    task, content = desk.task()["id"], desk.content()["id"]
    desk.api.ctx.repository(TASK).patch(task, {"content": content})
    images = [desk.made("images", content=content, image_type="in_article", prompt="x")["id"] for _ in range(3)]
    named: Any = {"task_ids": [task], "ids": [task], "content_ids": [content], "image_ids": images, "content_id": content}[name]
    reply = desk.api.post(f"writer/{path}", {name: named})
    assert (reply.status, reply.data["accepted"]) == (202, len(images)), reply.body
    other = desk.api.of_tenant(new_tenant_id()).post(f"writer/{path}", {name: named})
    assert other.status == 404


def test_limits_of_drawing(desk: Desk) -> None:
    eleven, many = [f"x{n}" for n in range(11)], [f"x{n}" for n in range(51)]
    for path, body in (
        ("images/auto_generate_images", {"task_ids": eleven}),
        ("images/auto_generate_images", {"content_ids": eleven}),
        ("content/auto_generate_images", {"content_ids": eleven}),
        ("content/generate_image_prompts", {"content_ids": eleven}),
        ("images/generate_images", {"image_ids": many}),
        ("images/generate_images", {}),
        ("tasks/generate_images", {"task_ids": ["x"], "content_ids": ["y"]}),
    ):
        assert desk.api.post(f"writer/{path}", body).status == 400, path
    assert desk.api.post("writer/content/auto_generate_images", {"ids": [desk.content()["id"]]}).status == 400, "no prompts yet"
    assert desk.api.post("writer/images/generate_images", {"image_ids": many[:50]}).status == 404


def test_drawing_is_refused_without_credits(desk: Desk) -> None:
    content = desk.content()["id"]
    image = desk.made("images", content=content, image_type="featured", prompt="x")["id"]
    ledger = Ledger(desk.api.deps.table, desk.api.ctx.tenant, desk.api.deps.clock)
    ledger.grant("spent", 3 - ledger.balance().available, kind="adjustment")
    reply = desk.api.post("writer/content/auto_generate_images", {"ids": [content]})
    assert (reply.status, reply.error["available"]) == (402, 3)
    assert desk.api.post(f"writer/images/{image}/regenerate", {"prompt": "other"}).status == 402
    assert desk.api.get(f"writer/images/{image}").data["prompt"] != "other"


def test_an_image_is_drawn_anew_and_keeps_its_picture_if_that_fails(desk: Desk) -> None:
    content = desk.content()["id"]
    made = desk.made("images", content=content, image_type="featured", prompt="A bike")["id"]
    model = ScriptedImages([picture(), UpstreamRejected("The picture was refused.")])
    api = Rest(desk.api.routers, replace(desk.api.deps, image=lambda choice: model), desk.api.scope)
    assert api.finished(api.post("writer/images/generate_images", {"image_ids": [made]}))["state"] == "succeeded"
    first = api.get(f"writer/images/{made}").data
    assert (first["status"], first["generated_by"]) == ("generated", "scripted")
    reply = api.post(f"writer/images/{made}/regenerate", {"prompt": "A red bike"})
    waiting = api.get(f"writer/images/{made}").data
    assert (waiting["status"], waiting["prompt"], counts(desk, content)[1]) == ("pending", "A red bike", 1)
    assert api.finished(reply)["state"] == "failed"
    kept = api.get(f"writer/images/{made}").data
    assert (kept["status"], kept["image_path"], kept["error"]) == ("generated", first["image_path"], "The picture was refused.")
    assert counts(desk, content)[1] == 0 and "A red bike" in model.asked[1].prompt
    bare = desk.made("images", **desk.where, image_type="featured")["id"]
    assert api.post(f"writer/images/{bare}/regenerate", {}).status == 409
