"""Publishing to a static site, taking back, and the connections to targets."""

from typing import Any

from tests.e2e.blackbox.client import Api
from tests.e2e.blackbox.making import content, crud, made, name


def _in_review(owner: Api, where: dict[str, Any]) -> str:
    one: str = content(owner, where)["id"]
    owner.post("writer/content/bulk_update/", {"ids": [one], "status": "review"})
    return one


def test_published_once_taken_back_and_published_again(owner: Api, where: dict[str, Any]) -> None:
    path = f"writer/content/{_in_review(owner, where)}/"
    owner.done(f"{path}publish/")
    shown = owner.get(path).data
    assert (shown["status"], shown["sync_status"]) == ("published", "synced") and shown["external_id"] and shown["external_url"]
    remote = owner.get(f"{path}wordpress_status/").data
    assert (remote["remote_id"], remote["target"]) == (shown["external_id"], "static")
    assert owner.post(f"{path}publish/", status=409).error["code"] == "already_published"
    owner.post(f"{path}unpublish/")
    back = owner.get(path).data
    assert (back["status"], back["external_id"], back["external_url"]) == ("draft", None, None)
    owner.done(f"{path}publish/", params={"optimistic": "true"})
    assert owner.get(path).data["external_id"] == shown["external_id"]
    owner.patch(path, {"title": name("Changed")})
    owner.done(f"{path}publish/")
    assert owner.get(f"{path}wordpress_status/").data["remote_id"] == shown["external_id"]
    assert owner.delete(path).data["external_id"] == shown["external_id"]


def test_several_are_published_by_one_task(owner: Api, where: dict[str, Any]) -> None:
    ids = [_in_review(owner, where) for _ in range(2)]
    asked = owner.post("writer/content/bulk_publish/", {"content_ids": [*ids, "unknown"]}, status=202).data
    assert (asked["succeeded"], [row["code"] for row in asked["failed"]]) == (ids, ["not_found"])
    assert owner.progress(asked["task_id"])["state"] == "succeeded"
    assert {row["status"] for row in owner.every("writer/content/", **where)} == {"published"}


def test_a_publish_that_fails_leaves_the_status(owner: Api) -> None:
    site = made(owner, "auth/sites/", name=name("Site"), slug=name("site"))["id"]
    where = {"site_id": site, "sector_id": made(owner, "auth/sectors/", site_id=site, name="General", slug="general")["id"]}
    body = {"target": "wordpress", "url": "https://10.0.0.1", "username": "editor", "app_password": "abcd efgh"}
    made(owner, "integration/connections/", site_id=site, name="Unreachable", **body)
    path = f"writer/content/{_in_review(owner, where)}/"
    for optimistic in ("false", "true"):
        task = owner.post(f"{path}publish/", params={"optimistic": optimistic}, status=202).data["task_id"]
        assert owner.progress(task)["state"] == "failed"
        shown = owner.get(path).data
        assert (shown["status"], shown["sync_status"], shown["external_id"]) == ("review", "failed", None)
        assert shown["sync_reason"]
    owner.delete(f"auth/sites/{site}/")


def test_connections_are_made_tried_changed_and_deleted(owner: Api, site: str) -> None:
    secret = name("secret")
    body = {
        "site_id": site,
        "name": name("Blog"),
        "target": "wordpress",
        "url": "https://10.0.0.1",
        "username": "editor",
        "app_password": secret,
    }
    one = made(owner, "integration/connections/", **body)
    assert one["has_app_password"] is True and secret not in str(one)
    tried = owner.post(f"integration/connections/{one['id']}/test_connection/").data
    assert tried["ok"] is False and tried["message"] and secret not in str(tried)
    owner.delete(f"integration/connections/{one['id']}/")
    crud(owner, "integration/connections/", {**body, "name": name("Blog")}, {"default_status": "draft"}, verbs="put patch delete",
         put={key: value for key, value in body.items() if key not in ("site_id", "target")} | {"default_status": "draft"})  # fmt: skip
    static = owner.every("integration/connections/", site_id=site, target="static")[0]
    assert owner.post(f"integration/connections/{static['id']}/test_connection/").data["ok"] is True
