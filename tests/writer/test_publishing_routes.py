"""Publishing by hand over HTTP: refusals at once, one remote post, failures that show, taking back."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from chalicelib import ports
from chalicelib.core.context import Context
from chalicelib.core.errors import UpstreamRejected, UpstreamUnavailable
from chalicelib.integration.publish_record import LEASE_SECONDS, PublishBusy
from chalicelib.integration.publishing import publish
from tests.fakes import RememberingPublisher
from tests.writer.conftest import Desk


def test_publishing_is_queued_and_then_true(desk: Desk, publisher: RememberingPublisher) -> None:
    content = desk.connected().content()["id"]
    path = f"writer/content/{content}"
    asked = desk.api.post(f"{path}/publish")
    shown = desk.api.get(path).data
    assert (asked.status, shown["status"], shown["sync_status"]) == (202, "draft", "queued")
    done = desk.api.finished(asked)
    assert (done["state"], done["result"]) == ("succeeded", {"succeeded": [content], "failed": []})
    shown = desk.api.get(path).data
    assert (shown["status"], shown["sync_status"], shown["external_id"]) == ("published", "synced", f"post-{content}")
    assert shown["wp_post_id"] == shown["external_id"]
    assert desk.api.get(f"planner/clusters/{desk.cluster}").data["mapped_pages"] == 1
    again = desk.api.post(f"{path}/publish")
    assert (again.status, again.error["code"], len(publisher.posts)) == (409, "already_published", 1)
    desk.api.patch(path, {"title": "Changed"})
    assert desk.api.finished(desk.api.post(f"{path}/publish"))["state"] == "succeeded"
    assert [a.title for a in publisher.posts.values()] == ["Changed"]


def test_two_requests_at_once_make_one_post(desk: Desk, publisher: RememberingPublisher) -> None:
    content = desk.connected().content()["id"]
    first, second = (desk.api.post(f"writer/content/{content}/publish") for _ in range(2))
    assert desk.api.finished(first)["state"] == "succeeded" and desk.api.finished(second)["state"] == "succeeded"
    assert list(publisher.posts) == [content]
    assert desk.api.get(f"planner/clusters/{desk.cluster}").data["mapped_pages"] == 1


@dataclass
class Slow(RememberingPublisher):
    """Takes 100 seconds, in which another worker comes for the same content."""

    ctx: Context
    content: str

    def __post_init__(self) -> None:
        super().__init__()
        self.refused: list[float | None] = []

    def publish(self, article: ports.Article, known: ports.RemotePost | None) -> ports.RemotePost:
        clock: Any = self.ctx.deps.clock
        clock.forward(seconds=99.5)
        with pytest.raises(PublishBusy) as busy:
            publish(self.ctx, self.content)
        self.refused.append(busy.value.retry_after_seconds)
        return super().publish(article, known)


def test_another_worker_waits_for_what_is_left_of_the_lease(desk: Desk) -> None:
    content = desk.connected().content()["id"]
    slow = Slow(desk.api.ctx, content)
    here = Context(desk.api.scope, replace(desk.api.deps, publisher=lambda tenant, site_name, connection: slow))
    assert publish(here, content).status == "published"
    assert slow.refused == [LEASE_SECONDS - 99]


def test_a_failed_publish_says_why_and_changes_no_status(desk: Desk, publisher: RememberingPublisher) -> None:
    content = desk.connected().content()["id"]
    publisher.failures = [UpstreamRejected("Wrong password.")]
    asked = desk.api.post(f"writer/content/{content}/publish?optimistic=true")
    assert desk.api.get(f"writer/content/{content}").data["status"] == "published", "shown at once, as older clients expect"
    done = desk.api.finished(asked)
    assert (done["state"], done["error"]["message"]) == ("failed", "Wrong password.")
    shown = desk.api.get(f"writer/content/{content}").data
    assert (shown["status"], shown["sync_status"], shown["sync_reason"]) == ("draft", "failed", "Wrong password.")
    assert desk.api.finished(desk.api.post(f"writer/content/{content}/publish"))["state"] == "succeeded"


def test_unpublish_clears_the_address_and_publishing_again_finds_the_post(desk: Desk, publisher: RememberingPublisher) -> None:
    content = desk.connected().content()["id"]
    path = f"writer/content/{content}"
    assert desk.api.post(f"{path}/unpublish").status == 409
    desk.api.finished(desk.api.post(f"{path}/publish"))
    assert desk.api.as_role("viewer").post(f"{path}/unpublish").status == 403
    gone = desk.api.post(f"{path}/unpublish")
    assert "stays online" in gone.body["message"]
    assert (gone.data["status"], gone.data["external_id"], gone.data["external_url"], gone.data["sync_status"]) == (
        "draft",
        None,
        None,
        "none",
    )
    assert desk.api.get(f"planner/clusters/{desk.cluster}").data["mapped_pages"] == 0
    known = desk.api.get(f"{path}/wordpress_status").data
    assert (known["status"], known["external_id"], known["remote_id"]) == ("draft", None, f"post-{content}")
    desk.api.finished(desk.api.post(f"{path}/publish"))
    assert (len(publisher.posts), desk.api.get(path).data["external_id"]) == (1, f"post-{content}")
    deleted = desk.api.delete(path)
    assert deleted.data["external_id"] == f"post-{content}" and "stays at https://" in deleted.body["message"]
    assert desk.api.get(f"planner/clusters/{desk.cluster}").data["mapped_pages"] == 0


def test_without_a_target_or_a_text_nothing_is_queued(desk: Desk) -> None:
    content = desk.content()["id"]
    reply = desk.api.post(f"writer/content/{content}/publish")
    assert (reply.status, reply.error["code"]) == (409, "conflict")
    empty = desk.connected().content(html="")["id"]
    assert desk.api.post(f"writer/content/{empty}/publish").status == 409
    assert desk.api.post(f"writer/content/{content}/publish?optimistic=perhaps").status == 400
    assert desk.api.get(f"writer/content/{content}").data["sync_status"] == "none"


def test_several_are_published_by_one_task(desk: Desk, publisher: RememberingPublisher) -> None:
    desk.connected()
    ids = [desk.content(f"Content {n}")["id"] for n in range(3)]
    publisher.failures = [UpstreamRejected("No.")]
    reply = desk.api.post("writer/content/bulk_publish", {"ids": [*ids, "nothing"]})
    assert (reply.status, reply.data["accepted"], reply.data["succeeded"]) == (202, 3, ids)
    assert [f["code"] for f in reply.data["failed"]] == ["not_found"]
    done = desk.api.finished(reply)
    assert (done["state"], done["percentage"]) == ("succeeded", 100)
    assert (done["result"]["succeeded"], [f["id"] for f in done["result"]["failed"]]) == (ids[1:], ids[:1])
    assert desk.api.post("writer/content/bulk_publish", {"ids": [f"x{n}" for n in range(11)]}).status == 400
    assert desk.api.post("writer/content/bulk_publish", {"ids": ["nothing"]}).data["task_id"] is None


def test_taking_back_can_take_the_remote_post_away_too_or_changes_nothing(desk: Desk, publisher: RememberingPublisher) -> None:
    content = desk.connected().content()["id"]
    path = f"writer/content/{content}"
    desk.api.finished(desk.api.post(f"{path}/publish"))
    publisher.failures = [UpstreamUnavailable("The site is down.")]
    assert desk.api.post(f"{path}/unpublish?delete_remote=true").status == 503
    assert (desk.api.get(path).data["status"], list(publisher.posts)) == ("published", [content])
    gone = desk.api.post(f"{path}/unpublish?delete_remote=true")
    assert (gone.data["status"], publisher.posts) == ("draft", {}) and "taken away" in gone.body["message"]
    assert desk.api.get(f"{path}/wordpress_status").data["remote_status"] == "trash"
    assert desk.api.finished(desk.api.post(f"{path}/publish"))["state"] == "succeeded" and list(publisher.posts) == [content]


def test_what_the_target_cannot_take_is_refused_before_it_is_queued(desk: Desk) -> None:
    content = desk.connected().content(content_type="product")["id"]
    reply = desk.api.post(f"writer/content/{content}/publish")
    assert (reply.status, list(reply.error["fields"])) == (400, ["content_type"]) and "no shop" in reply.error["message"]
    assert desk.api.get(f"writer/content/{content}").data["sync_status"] == "none"


def test_no_live_worker_loses_its_lease() -> None:
    configured = json.loads((Path(__file__).parents[2] / ".chalice" / "config.json").read_text())
    assert configured["lambda_functions"]["publish_worker"]["lambda_timeout"] < LEASE_SECONDS
