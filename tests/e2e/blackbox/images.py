"""Images: records, uploads, drawing under all its names, the file."""

from typing import Any
from urllib.parse import urlsplit

import requests

from tests.e2e.blackbox.client import Api
from tests.e2e.blackbox.making import content, crud, made, picture, task

PNG = {"Content-Type": "image/png"}


def test_images_are_made_changed_deleted_and_restored(owner: Api, where: dict[str, Any]) -> None:
    article = content(owner, where)["id"]
    body = {"content_id": article, "image_type": "featured", "prompt": "A cup"}
    crud(owner, "writer/images/", body, {"alt": "Cup"}, put={"alt": "Cup", "prompt": "A cup"}, verbs="put patch delete restore")
    assert len(owner.every("writer/images/", content_id=article, image_type="featured")) == 1


def test_an_image_falls_back_to_the_active_site(owner: Api, site: str, where: dict[str, Any]) -> None:
    owner.patch("auth/me/", {"active_site": None})
    owner.post("writer/images/", {"image_type": "featured"}, status=400)
    owner.patch("auth/me/", {"active_site": site})
    assert made(owner, "writer/images/", image_type="featured")["site_id"] == site
    owner.patch("auth/me/", {"active_site": None})


def test_status_in_bulk(owner: Api, where: dict[str, Any]) -> None:
    article = content(owner, where)["id"]
    ids = [made(owner, "writer/images/", content_id=article, image_type="in_article")["id"] for _ in range(2)]
    for body in ({"content_id": article}, {"ids": ids}, {"image_ids": ids}):
        assert set(owner.post("writer/images/bulk_update/", {**body, "status": "failed"}).data["succeeded"]) == set(ids)
    groups = owner.every("writer/images/content_images/", **where)
    assert [(group["content"], group["images_total"]) for group in groups] == [(article, 2)]
    assert owner.post("writer/images/bulk_delete/", {"image_ids": ids}).data["succeeded"] == ids


def test_both_names_of_the_file_answer_alike(owner: Api, viewer: Api, where: dict[str, Any]) -> None:
    article = content(owner, where)["id"]
    new = owner.post(
        "writer/images/upload/", params={"content_id": article, "image_type": "featured"}, data=picture(), headers=PNG, status=201
    ).data
    form = {"file": ("cup.png", picture(), "image/png")}
    assert owner.post(f"writer/images/{new['id']}/upload/", files=form).data["status"] == "generated"
    found = [viewer.get(f"writer/images/{new['id']}/{path}/", status=302) for path in ("file", "serve_image_file")]
    places = [urlsplit(answer.headers["Location"])._replace(query="") for answer in found]
    assert places[0] == places[1] and found[0].body == found[1].body == b""
    for answer in found:
        shown = requests.get(answer.headers["Location"], timeout=30)
        assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
    empty = made(owner, "writer/images/", content_id=article, image_type="in_article")["id"]
    wrong = [owner.get(f"writer/images/{empty}/{path}/", status=404).error for path in ("file", "serve_image_file")]
    assert wrong[0] == wrong[1]


def test_every_name_of_drawing_answers_alike(owner: Api, where: dict[str, Any]) -> None:
    job = task(owner, where)["id"]
    owner.done("writer/tasks/auto_generate_content/", {"task_ids": [job]})
    article = owner.get(f"writer/tasks/{job}/").data["content"]
    owner.done(f"writer/content/{article}/generate_image_prompts/")
    owner.post("writer/content/generate_image_prompts/", {"ids": [article]}, status=400)
    ids = [row["id"] for row in owner.every("writer/images/", content_id=article)]
    ways: list[tuple[str, dict[str, Any]]] = [
        ("writer/images/auto_generate_images/", {"task_ids": [job]}),
        ("writer/tasks/generate_images/", {"task_ids": [job]}),
        ("writer/images/generate_images/", {"image_ids": ids}),
        ("writer/images/generate_images/", {"content_id": article}),
        ("writer/content/auto_generate_images/", {"content_ids": [article]}),
    ]
    answers = []
    for path, body in ways:
        owner.post("writer/images/bulk_update/", {"ids": ids, "status": "pending"})
        done = owner.done(path, body)
        answers.append(
            (done["accepted"], done["state"], done["phase"], {row["status"] for row in owner.every("writer/images/", content_id=article)})
        )
        again = owner.post(path, body, status=400).error
        assert again["fields"].keys() == {"ids"}
    assert answers[0][0] == len(ids) > 0 and answers[0][3] == {"generated"}
    assert all(answer == answers[0] for answer in answers)
    owner.done(f"writer/images/{ids[0]}/regenerate/", {"prompt": "Another cup"})
    assert owner.get(f"writer/images/{ids[0]}/").data["prompt"] == "Another cup"


def test_prompts_of_several_contents(owner: Api, where: dict[str, Any]) -> None:
    ids = [content(owner, where)["id"]]
    owner.done("writer/content/generate_image_prompts/", {"content_ids": ids})
    assert owner.every("writer/images/", content_id=ids[0])
