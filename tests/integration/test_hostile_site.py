"""A WordPress that means harm, or is in a bad way: what it says about its posts and terms can neither hurt a reader nor run for ever."""

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.core.context import Context
from chalicelib.core.scope import Scope
from chalicelib.integration import publishing, remote_jobs
from chalicelib.integration.connections import address_of
from chalicelib.ports import RemoteBatch
from chalicelib.writer.editing import MAX_HTML_CHARACTERS
from tests.integration.remote_site import Site, shown
from tests.integration.test_remote import imported, other, synced
from tests.writer.conftest import Desk

WP = {"name": "WP", "target": "wordpress", "url": "https://wp.test", "username": "u", "app_password": "p"}


@pytest.fixture
def publisher() -> Site:
    return Site()


@pytest.fixture
def online(desk: Desk, publisher: Site) -> Iterator[tuple[Desk, str, str]]:
    """A desk, its WordPress connection, and a content that is published there."""
    connection = desk.api.post("integration/connections", {"site_id": desk.place.site_id, **WP}).data["id"]
    content = desk.content()["id"]
    assert desk.api.finished(desk.api.post(f"writer/content/{content}/publish"))["state"] == "succeeded"
    yield desk, connection, content


def taken_over(desk: Desk) -> list[dict[str, Any]]:
    return desk.api.get("writer/content", site_id=desk.place.site_id, source="wordpress").results


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//evil.test", "https://x/" + "a" * 5_000])
def test_an_address_that_is_none_is_not_kept(online: Any, publisher: Site, url: str) -> None:
    desk, connection, content = online
    publisher.others = [other(1, url=url)]
    imported(desk, connection)
    assert [c["external_url"] for c in taken_over(desk)] == [None]
    before = shown(desk, content)["external_url"]
    publisher.people(content, title="Theirs", url=url)
    assert synced(desk, connection)["edited"] == 1 and shown(desk, content)["external_url"] == before


def test_a_text_beyond_measure_is_left_out_and_the_others_are_taken(online: Any, publisher: Site) -> None:
    desk, connection, _ = online
    publisher.others = [other(1, html="<p>" + "a" * MAX_HTML_CHARACTERS + "</p>"), other(2)]
    result = imported(desk, connection)
    assert result["imported"] == 1 and [(f["id"], f["code"]) for f in result["failed"]] == [("1", "too_large")]


def test_a_title_beyond_measure_hinders_no_sync(online: Any, publisher: Site) -> None:
    desk, connection, content = online
    publisher.people(content, title="T" * 500_000)
    assert synced(desk, connection)["edited"] == 1
    assert len(shown(desk, content)["external_metadata"]["remote_title"]) == 300


@pytest.mark.parametrize("work", ["import", "sync"])
def test_pages_that_never_end_end(online: Any, publisher: Site, work: str) -> None:
    desk, connection, _ = online
    asked: list[str] = []

    def batch(cursor: str = "") -> RemoteBatch:
        asked.append(cursor)
        return RemoteBatch((), f"next-{len(asked)}", 10**9)

    publisher.articles = publisher.terms = batch  # type: ignore[method-assign]
    reply = desk.api.post(f"integration/connections/{connection}/{work}", {} if work == "import" else None)
    sent = desk.api.deps.jobs.sent  # type: ignore[attr-defined]
    sent[0].body["batches"] = remote_jobs.MOST_BATCHES - 3  # so far
    done = desk.api.finished(reply)
    assert (len(asked), done["state"]) == (3, "succeeded")
    assert ("more and more pages" in done["message"]) == (work == "import")


def test_what_was_published_since_the_look_began_counts_more_than_the_look(online: Any, publisher: Site) -> None:
    desk, connection, content = online
    look = publisher.states

    def slow(posts: Any) -> Any:
        publisher.people(content, status="trash")
        seen = look(posts)
        desk.api.deps.clock.forward(1)  # type: ignore[attr-defined]
        publishing.publish(desk.api.ctx, content, force=True)
        return seen

    publisher.states = slow  # type: ignore[method-assign]
    assert synced(desk, connection)["busy"] == 1
    assert shown(desk, content)["status"] == "published"


def test_another_connection_to_the_same_site_makes_no_second_contents(online: Any, publisher: Site) -> None:
    desk, connection, _ = online
    publisher.others = [other(1), other(2)]
    imported(desk, connection)
    desk.api.delete(f"integration/connections/{connection}")
    fields = {**WP, "name": "Again", "url": "https://www.wp.test/"}
    again = desk.api.post("integration/connections", {"site_id": desk.place.site_id, **fields}).data["id"]
    assert imported(desk, again)["unchanged"] == 2 and len(taken_over(desk)) == 2
    content = taken_over(desk)[0]
    desk.api.patch(f"writer/content/{content['id']}", {"title": "Edited here"})
    seen: list[Any] = []
    publish = publisher.publish
    publisher.publish = lambda article, known: (seen.append(known), publish(article, known))[1]  # type: ignore[method-assign]
    assert desk.api.finished(desk.api.post(f"writer/content/{content['id']}/publish"))["state"] == "succeeded"
    assert [k.external_id for k in seen] == [content["external_id"]], "the post it was made of, not a second one"


def test_a_post_that_is_online_stays_so_where_new_ones_are_left_as_drafts(online: Any, publisher: Site) -> None:
    desk, connection, _ = online
    publisher.others = [other(1)]
    imported(desk, connection)
    desk.api.patch(f"integration/connections/{connection}", {"default_status": "draft"})
    (one,) = taken_over(desk)
    desk.api.patch(f"writer/content/{one['id']}", {"title": "Edited here"})
    desk.api.finished(desk.api.post(f"writer/content/{one['id']}/publish"))
    new = desk.content("New")["id"]
    desk.api.finished(desk.api.post(f"writer/content/{new}/publish"))
    assert (publisher.posts[one["id"]].status, publisher.posts[new].status) == ("publish", "draft")


def test_a_connection_whose_posts_are_known_moves_to_no_other_site(online: Any) -> None:
    desk, connection, _ = online
    path = f"integration/connections/{connection}"
    moved = desk.api.patch(path, {"url": "https://other.test", "app_password": "q"})
    assert (moved.status, list(moved.error["fields"])) == (400, ["url"])
    assert desk.api.patch(path, {"url": "https://wp.test/blog", "app_password": "q"}).status == 400, "another site on the same host"
    assert desk.api.patch(path, {"url": "https://www.wp.test/", "app_password": "q"}).status == 200
    assert address_of("https://WWW.Wp.test/blog/") == address_of("http://wp.test/blog") != address_of("https://wp.test:8443/blog")


def test_a_site_that_is_left_reports_no_more(desk: Desk, publisher: Site) -> None:
    connection = desk.api.post("integration/connections", {"site_id": desk.place.site_id, **WP}).data["id"]
    desk.api.post(f"integration/connections/{connection}/reports")
    moved = desk.api.patch(f"integration/connections/{connection}", {"url": "https://other.test", "app_password": "q"})
    assert (moved.status, moved.data["reports_back"]) == (200, False)


def test_taking_the_post_away_too_is_refused_where_nobody_can(online: Any, publisher: Site) -> None:
    desk, connection, content = online
    desk.api.patch(f"integration/connections/{connection}", {"is_active": False})
    path = f"writer/content/{content}/unpublish"
    assert desk.api.post(f"{path}?delete_remote=true").status == 409
    second = {**WP, "name": "Second", "url": "https://second.test"}
    desk.api.post("integration/connections", {"site_id": desk.place.site_id, **second})
    refused = desk.api.post(f"{path}?delete_remote=true")
    assert refused.status == 409 and "Second" in refused.error["message"]
    assert shown(desk, content)["status"] == "published" and content in publisher.posts
    assert desk.api.post(path).status == 200


def test_queued_once_more_without_a_change_it_waits_for_nothing(online: Any) -> None:
    desk, _, content = online
    ctx: Context = Context(Scope.worker(desk.api.scope.tenant), desk.api.deps)
    desk.api.deps.jobs.send("publish", {"tenant": ctx.tenant, "user": "x", "content": content})
    desk.api.ctx.repository(publishing.CONTENT).patch(content, {"sync_status": "queued", "optimistic": True})
    desk.api.work_off()
    found = shown(desk, content)
    assert (found["sync_status"], found["optimistic"]) == ("synced", False)


def test_another_type_is_a_change(online: Any, publisher: Site) -> None:
    desk, _, content = online
    desk.api.patch(f"writer/content/{content}", {"content_type": "page"})
    assert desk.api.post(f"writer/content/{content}/publish").status == 202
