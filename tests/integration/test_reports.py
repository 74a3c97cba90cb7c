"""Signed reports of what people change on their site."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.core.table import update
from chalicelib.integration.connections import CONNECTION
from chalicelib.integration.publish_record import lookup_write, record_key
from chalicelib.ports import RemotePost
from chalicelib.writer.content import CONTENT
from tests.integration.remote_site import LATE, Site, shown
from tests.rest import Reply, Rest
from tests.writer.conftest import Desk


@pytest.fixture
def publisher() -> Site:
    return Site()


@pytest.fixture
def online(desk: Desk, publisher: Site) -> Iterator[tuple[Desk, str, str]]:
    """A desk, its WordPress connection, and a content that is published there."""
    fields = {"name": "WP", "target": "wordpress", "url": "https://wp.test", "username": "u", "app_password": "p"}
    connection = desk.api.post("integration/connections", {"site_id": desk.place.site_id, **fields}).data["id"]
    content = desk.content()["id"]
    assert desk.api.finished(desk.api.post(f"writer/content/{content}/publish"))["state"] == "succeeded"
    yield desk, connection, content


def signed(desk: Rest, publisher: Site, event: str, post: dict[str, Any] | None, **changes: Any) -> Reply:
    """A report as the plugin sends it. changes: id, happened, secret, at (seconds from now), url."""
    assert publisher.reporting is not None
    url, secret = publisher.reporting
    body = json.dumps(
        {"id": changes.get("id", "0123456789"), "event": event, "happened": changes.get("happened", "2026-02-01T00:00:00Z"), "post": post}
    )
    sent = str(int(desk.deps.clock.now().timestamp()) + changes.get("at", 0))
    digest = hmac.new(changes.get("secret", secret).encode(), f"{sent}.{body}".encode(), hashlib.sha256).hexdigest()
    headers = {"X-IGNY8-Timestamp": sent, "X-IGNY8-Signature": f"sha256={digest}"}
    return desk.post(changes.get("url", url).partition("/api/v1/")[2], changes.get("raw", body.encode()), headers=headers)


@pytest.fixture
def reporting(online: Any) -> tuple[Desk, str, dict[str, Any]]:
    desk, connection, content = online
    assert desk.api.post(f"integration/connections/{connection}/reports").data["reports_back"] is True
    assert desk.api.get(f"integration/connections/{connection}").data["reports_back"] is True
    return (
        desk,
        content,
        {"id": 0, "type": "post", "status": "publish", "link": "https://wp.test/x", "modified_gmt": LATE, "source_id": content},
    )


def test_reports_are_applied(reporting: Any, publisher: Site) -> None:
    desk, content, post = reporting
    ctx = desk.api.ctx
    connection = next(iter(ctx.repository(CONNECTION).under((f"{ctx.tenant}#{desk.place.site_id}#Q", ""))))
    record = record_key(ctx, ctx.repository(CONTENT).get(content), connection)
    # The fake's ids are words; WordPress's are numbers.
    ctx.transact(update(record, "SET external_id = :id", id="41"), lookup_write(ctx, connection.id, RemotePost("41", "", ""), content))
    post = {**post, "id": 41}
    assert signed(desk.api, publisher, "edited", {**post, "title": "By hand"}).data == {"event": "edited", "applied": True}
    assert "overwrite" in shown(desk, content)["sync_reason"]
    again = signed(desk.api, publisher, "edited", post)
    assert (again.status, again.error["code"]) == (409, "conflict")
    assert signed(desk.api, publisher, "trashed", {**post, "status": "trash"}, id="trash-0001").data["applied"] is True
    assert shown(desk, content)["status"] == "draft"
    assert signed(desk.api, publisher, "published", post, id="publ-0001").data["applied"] is True
    assert shown(desk, content)["external_url"] == "https://wp.test/x"
    assert signed(desk.api, publisher, "deleted", {**post, "status": "trash"}, id="gone-0001").data["applied"] is True
    assert shown(desk, content)["external_id"] is None
    old = signed(desk.api, publisher, "published", post, id="late-0001", happened="2025-01-01T00:00:00Z")
    assert old.data["applied"] is False and shown(desk, content)["status"] == "draft", "older than what we published"
    copy = signed(desk.api, publisher, "published", {**post, "id": 42}, id="copy-0001")
    assert copy.data["applied"] is False, "a copy that a plugin made, with our source id"
    assert signed(desk.api, publisher, "ping", None, id="ping-0001").data == {"event": "ping", "applied": False}


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": "another secret"},
        {"secret": ""},
        {"at": -301},
        {"at": 301},
        {"url": "https://x/api/v1/integration/webhooks/wordpress/status/?connection=nobody.nothing"},
        {"url": "https://x/api/v1/integration/webhooks/wordpress/status/?connection="},
        {"url": "https://x/api/v1/integration/webhooks/wordpress/status/"},
        {"raw": b'{"id":"0123456789","event":"ping"}'},
    ],
)
def test_what_is_not_signed_by_the_site_just_now_is_refused_in_one_way(reporting: Any, publisher: Site, changes: dict[str, Any]) -> None:
    desk, *_ = reporting
    reply = signed(desk.api, publisher, "ping", None, **changes)
    assert (reply.status, reply.error["code"]) == (401, "not_authenticated")


def test_a_signed_report_that_makes_no_sense_is_a_400(reporting: Any, publisher: Site) -> None:
    desk, _, post = reporting
    assert signed(desk.api, publisher, "exploded", None).status == 400
    assert signed(desk.api, publisher, "edited", {**post, "id": "x"}).status == 400


def test_without_the_plugin_reports_stay_off(online: Any, publisher: Site) -> None:
    desk, connection, _ = online
    publisher.has_plugin = False
    assert desk.api.post(f"integration/connections/{connection}/reports").data["reports_back"] is False
    assert desk.api.get(f"integration/connections/{connection}").data["reports_back"] is False
