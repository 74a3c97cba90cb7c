"""Publishing to a static site, taking back, and the connections to targets."""

import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.adapters.fake_wordpress import FakeWordPress
from tests.adapters.scripted_server import LoopbackServer
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


def test_a_wordpress_site_is_published_to_read_and_heard(owner: Api) -> None:
    site = made(owner, "auth/sites/", name=name("Site"), slug=name("site"))["id"]
    where = {"site_id": site, "sector_id": made(owner, "auth/sectors/", site_id=site, name="General", slug="general")["id"]}
    wordpress = FakeWordPress()
    with LoopbackServer(wordpress) as server:
        wordpress.url = server.url
        body = {"target": "wordpress", "url": server.url, "username": wordpress.user, "app_password": wordpress.password}
        connection = f"integration/connections/{made(owner, 'integration/connections/', site_id=site, name='WP', **body)['id']}/"
        assert owner.post(f"{connection}test_connection/").data["details"]["plugin"] == "1.0.0"
        path = f"writer/content/{_in_review(owner, where)}/"
        owner.done(f"{path}publish/")
        shown = owner.get(path).data
        assert owner.get(f"{path}wordpress_status/").data["asked"] is True
        assert owner.post(f"{path}taxonomy_terms/sync/").data["pulled"] == []
        assert owner.post(f"{connection}reports/").data["reports_back"] is True
        wordpress.trash(int(shown["external_id"]))
        owner.done(f"{connection}sync/")
        assert owner.get(path).data["status"] == "draft"
        owner.done(f"{path}publish/")
        assert wordpress.reporting is not None
        url, secret = wordpress.reporting
        post = {"id": int(shown["external_id"]), "status": "trash", "source_id": shown["id"], "modified_gmt": "2027-01-01T00:00:00"}
        report = json.dumps({"id": name("report"), "event": "trashed", "happened": "2027-01-01T00:00:00Z", "post": post})
        sent = str(int(time.time()))
        digest = hmac.new(secret.encode(), f"{sent}.{report}".encode(), hashlib.sha256).hexdigest()
        signed = {"X-IGNY8-Timestamp": sent, "X-IGNY8-Signature": f"sha256={digest}"}
        headers = {"Content-Type": "application/json", **signed}
        place = url.partition("/api/v1/")[2]
        assert owner.post(place, json.loads(report), headers={**headers, "X-IGNY8-Signature": "sha256=00"}, status=401)
        assert owner.call("POST", place, data=report, headers=headers).data == {"event": "trashed", "applied": True}
        assert owner.get(path).data["status"] == "draft"
        wordpress.posts.clear()
        assert owner.done(f"{connection}import/", {})["result"]["failed"] == []
    owner.delete(f"auth/sites/{site}/")


def test_a_content_is_put_on_the_schedule_and_taken_off_it(owner: Api, where: dict[str, Any]) -> None:
    path, place = f"writer/content/{_in_review(owner, where)}/", f"integration/publish_slots/?site_id={where['site_id']}"
    owner.put(place, {"enabled": True, "times": ["09:00"], "time_zone": "Europe/Berlin"})
    taken = owner.post(f"{path}schedule/", {}).data["publish_at"]
    assert taken and taken in str(owner.get(place).data["scheduled"])
    later = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    assert owner.post(f"{path}schedule/", {"publish_at": later}).data["publish_at"] != taken
    assert owner.post(f"{path}unschedule/").data["publish_at"] is None
    owner.put(place, {"enabled": False})
    owner.delete(path)
