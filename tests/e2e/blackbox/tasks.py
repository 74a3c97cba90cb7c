"""Tasks, taxonomies and the content-cluster map."""

from typing import Any

import pytest

from tests.e2e.blackbox.client import Api
from tests.e2e.blackbox.making import cluster, content, crud, keywords, kind, name, task

ALL = "put patch delete restore"


def test_tasks_are_made_changed_deleted_and_restored(owner: Api, where: dict[str, Any]) -> None:
    body = {"title": name("Task"), "word_count": 600, **kind(cluster(owner, where))}
    crud(owner, "writer/tasks/", {**where, **body}, {"word_count": 700}, verbs=ALL)
    owner.post("writer/tasks/", {**where, "title": "x"}, status=400)


def test_tasks_in_bulk(owner: Api, where: dict[str, Any]) -> None:
    home = cluster(owner, where)
    ids = [task(owner, where, cluster=home)["id"] for _ in range(2)]
    for field in ("ids", "task_ids"):
        assert owner.post("writer/tasks/bulk_update/", {field: ids, "status": "completed"}).data["succeeded"] == ids
    assert len(owner.every("writer/tasks/", **where, status="completed", cluster=home)) == 2
    assert owner.post("writer/tasks/bulk_delete/", {"ids": [*ids, "unknown"]}).data["succeeded"] == ids


@pytest.mark.parametrize(
    ("path", "field", "most"),
    [
        ("writer/tasks/auto_generate_content/", "task_ids", 10),
        ("writer/images/auto_generate_images/", "task_ids", 10),
        ("writer/tasks/generate_images/", "task_ids", 10),
        ("writer/content/generate_image_prompts/", "content_ids", 10),
        ("writer/content/auto_generate_images/", "content_ids", 10),
        ("writer/content/bulk_publish/", "content_ids", 10),
        ("writer/images/generate_images/", "image_ids", 50),
    ],
)
def test_eleven_ids_are_too_many(owner: Api, path: str, field: str, most: int) -> None:
    for name_ in ("ids", field):
        error = owner.post(path, {name_: [f"id{n}" for n in range(most + 1)]}, status=400).error
        assert error["code"] == "validation_error" and str(most) in str(error["fields"])


def test_taxonomies_are_made_changed_and_deleted(owner: Api, where: dict[str, Any]) -> None:
    body = {**where, "name": name("Machines"), "taxonomy_type": "tag"}
    crud(
        owner,
        "writer/taxonomies/",
        body,
        {"description": "About machines"},
        put={"name": name("Other"), "slug": name("other"), "description": "About machines"},
        verbs="put patch delete",
    )


def test_the_content_cluster_map(owner: Api, where: dict[str, Any]) -> None:
    home = cluster(owner, where)
    article = content(owner, where, cluster=home)["id"]
    body = {"cluster": home, "content": article, "role": "hub", "keywords": ["espresso"], "slugs": ["/espresso/"]}
    crud(owner, "writer/cluster-maps/", body, {"role": "supporting"}, put={"role": "supporting"}, verbs="put patch delete")
    keywords(owner, where, "mapped espresso")
