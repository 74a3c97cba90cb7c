"""What people change on their site is found by sync, and what it has is imported."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.core.errors import UpstreamUnavailable
from chalicelib.integration.connections import CONNECTION
from chalicelib.integration.publish_record import take_lease
from chalicelib.ports import RemoteArticle, RemotePost, RemoteState, Term
from chalicelib.writer.content import CONTENT
from tests.integration.remote_site import EARLY, LATE, Site, shown
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


def synced(desk: Desk, connection: str) -> dict[str, Any]:
    done = desk.api.finished(desk.api.post(f"integration/connections/{connection}/sync"))
    assert done["state"] == "succeeded", done
    result: dict[str, Any] = done["result"]
    return result


# -- sync


def test_nothing_has_happened_and_nothing_changes(online: Any) -> None:
    desk, connection, content = online
    before = shown(desk, content)
    assert synced(desk, connection)["posts"] == 1
    assert shown(desk, content) == before
    assert desk.api.get(f"integration/connections/{connection}").data["last_synced_at"]


@pytest.mark.parametrize(
    ("remote", "event", "status", "url"),
    [
        ({"title": "By hand"}, "edited", "published", True),
        ({"status": "draft"}, "unpublished", "draft", False),
        ({"status": "trash"}, "trashed", "draft", False),
        ({"status": "gone"}, "deleted", "draft", False),
    ],
)
def test_what_people_did_is_found_once_and_publishing_again_is_not_refused(
    online: Any, publisher: Site, remote: dict[str, str], event: str, status: str, url: bool
) -> None:
    desk, connection, content = online
    publisher.people(content, **remote)
    drifted = desk.api.get(f"writer/content/{content}/wordpress_status").data
    assert (drifted["asked"], drifted["drift"], drifted["status"]) == (True, event, "published"), "looking changes nothing"
    assert synced(desk, connection)[event] == 1
    found = shown(desk, content)
    assert (found["status"], bool(found["external_url"])) == (status, url) and found["sync_reason"]
    assert desk.api.get(f"planner/clusters/{desk.cluster}").data["mapped_pages"] == (1 if url else 0)
    assert event not in synced(desk, connection), "found once"
    assert desk.api.finished(desk.api.post(f"writer/content/{content}/publish"))["state"] == "succeeded"
    again = shown(desk, content)
    assert (again["status"], again["sync_status"], again["sync_reason"]) == ("published", "synced", None)
    assert synced(desk, connection).keys() & {"edited", "unpublished", "trashed", "deleted", "published"} == set()


def test_a_draft_that_people_publish_there_is_published_here(online: Any, publisher: Site) -> None:
    desk, connection, content = online
    publisher.people(content, status="draft")
    synced(desk, connection)
    publisher.people(content, status="publish", url="https://wp.test/new-address")
    assert synced(desk, connection)["published"] == 1
    found = shown(desk, content)
    assert (found["status"], found["external_url"], found["sync_status"]) == ("published", "https://wp.test/new-address", "synced")


def test_what_is_being_published_is_left_to_its_worker(online: Any, publisher: Site) -> None:
    desk, connection, content = online
    publisher.people(content, status="trash")
    ctx = desk.api.ctx
    take_lease(ctx, ctx.repository(CONTENT).get(content), ctx.repository(CONNECTION).get(connection))
    assert synced(desk, connection)["busy"] == 1 and shown(desk, content)["status"] == "published"


def test_a_site_that_does_not_answer_fails_the_task_and_the_status_says_so(online: Any, publisher: Site) -> None:
    desk, connection, content = online
    publisher.failures = [UpstreamUnavailable("The site is down.")]
    known = desk.api.get(f"writer/content/{content}/wordpress_status").data
    assert (known["asked"], known["remote_status"], known["message"]) == (False, "publish", "The site is down.")
    publisher.failures = [UpstreamUnavailable("The site is down.")]
    reply = desk.api.post(f"integration/connections/{connection}/sync")
    with pytest.raises(UpstreamUnavailable):
        desk.api.work_off()
    task = desk.api.get(f"system/settings/task_progress/{reply.data['task_id']}").data
    assert (task["state"], task["error"]["message"]) == ("failed", "The site is down.")


def test_terms_become_terms_here_once_and_ours_are_recognised(online: Any, publisher: Site) -> None:
    desk, connection, _ = online
    site = desk.place.site_id
    ours = desk.made("taxonomies", site_id=site, name="Shoes", slug="shoes")["id"]
    publisher.tags = [Term("Shoes", "shoes", "category", "7"), Term("Größe & Maß", "groesse", "tag", "8")]
    assert synced(desk, connection)["terms"] == 2
    publisher.tags[1] = Term("Maße", "groesse", "tag", "8")
    synced(desk, connection)
    terms = {t["name"]: t for t in desk.api.get("writer/taxonomies", site_id=site).results}
    assert sorted(terms) == ["Maße", "Shoes"]
    assert (terms["Shoes"]["id"], terms["Shoes"]["external_id"], terms["Shoes"]["sync_status"]) == (ours, "7", "synced")


def test_a_content_and_its_post_come_to_carry_the_same_terms(online: Any, publisher: Site) -> None:
    desk, _, content = online
    path = f"writer/content/{content}"
    desk.api.patch(path, {"categories": ["Guides > Frames"], "tags": ["old"]})
    publisher.people(content, terms=(Term("Frames", "frames", "category", "5"), Term("By hand", "by-hand", "tag", "6")))
    reply = desk.api.post(f"{path}/taxonomy_terms/sync")
    assert (reply.data["pulled"], reply.data["pushed"]) == (["By hand"], True)
    desk.api.work_off()
    assert {t.name for t in publisher.posts[content].terms} == {"Frames", "old", "By hand"}
    publisher.people(content, terms=(Term("Frames", "frames", "category", "5"), *(Term(n, n, "tag", n) for n in ("old", "By hand"))))
    assert desk.api.post(f"{path}/taxonomy_terms/sync").data == {"pulled": [], "pushed": False, "task_id": None}
    publisher.people(content, status="gone")
    assert desk.api.post(f"{path}/taxonomy_terms/sync").status == 409
    assert desk.api.post(f"writer/content/{desk.content('Other')['id']}/taxonomy_terms/sync").status == 409


# -- import


def other(number: int, **changes: Any) -> RemoteArticle:
    state = RemoteState(
        str(number),
        "post",
        "publish",
        f"https://wp.test/{number}",
        f"old-{number}",
        f"Old &amp; good {number}",
        EARLY,
        datetime(2020, 1, 2, tzinfo=UTC),
    )
    terms = (Term("News", "news", "category", "3"), Term("old", "old", "tag", "4"))
    text = changes.pop("html", f"<!-- wp:paragraph --><p onclick='x()'>Body {number}</p><script>alert(1)</script>")
    return RemoteArticle(replace(state, terms=terms, **changes), text, excerpt="In short")


def imported(desk: Desk, connection: str, **body: Any) -> dict[str, Any]:
    done = desk.api.finished(desk.api.post(f"integration/connections/{connection}/import", body))
    assert done["state"] == "succeeded", done
    result: dict[str, Any] = done["result"]
    return result


def test_posts_become_contents_once_clean_and_with_their_terms(online: Any, publisher: Site) -> None:
    desk, connection, ours = online
    publisher.others = [other(n) for n in range(1, 6)]
    publisher.others.append(other(99, source_id=ours))  # one of ours
    assert {k: v for k, v in imported(desk, connection).items() if k in ("imported", "ours", "failed")} == {
        "imported": 5,
        "ours": 1,
        "failed": [],
    }
    assert imported(desk, connection)["unchanged"] == 5
    found = desk.api.get("writer/content", site_id=desk.place.site_id, source="wordpress").results
    assert len(found) == 5
    one = shown(desk, next(c["id"] for c in found if c["external_id"] == "2"))
    assert (one["title"], one["slug"], one["status"], one["cluster"], one["published_at"]) == (
        "Old & good 2",
        "old-2",
        "published",
        None,
        "2020-01-02T00:00:00.000Z",
    )
    assert one["html"] == "<p>Body 2</p>" and (one["categories"], one["tags"], len(one["taxonomy_terms"])) == (["News"], ["old"], 2)
    terms = desk.api.get("writer/taxonomies", site_id=desk.place.site_id).results
    assert {t["name"]: t["count"] for t in terms} == {"News": 5, "old": 5}


def test_done_again_what_was_edited_there_is_brought_up_to_date(online: Any, publisher: Site) -> None:
    desk, connection, _ = online
    publisher.others = [other(1), other(2)]
    imported(desk, connection)
    publisher.state |= {"1": other(1).state, "2": replace(other(2).state, modified_at=LATE)}
    assert synced(desk, connection)["edited"] == 1
    (noted,) = desk.api.get("writer/content", site_id=desk.place.site_id, source="wordpress", search="Old & good 2").results
    assert "import it again" in noted["sync_reason"]
    publisher.others[1] = other(2, modified_at=LATE, title="New title", html="<p>New text.</p>")
    again = imported(desk, connection)
    assert (again["unchanged"], again["updated"]) == (1, 1)
    new = shown(desk, noted["id"])
    assert (new["title"], new["html"], new["revision"], new["sync_reason"]) == ("New title", "<p>New text.</p>", 2, None)
    assert imported(desk, connection)["unchanged"] == 2


def test_a_post_that_cannot_be_taken_is_named_and_the_others_are(online: Any, publisher: Site) -> None:
    desk, connection, _ = online
    publisher.others = [other(1), other(2, title="", slug="", html=""), other(3)]
    result = imported(desk, connection)
    assert result["imported"] == 3 and not result["failed"], "no title: it is named by its id"
    titles = {c["title"] for c in desk.api.get("writer/content", site_id=desk.place.site_id, source="wordpress").results}
    assert "Post 2" in titles


def test_an_imported_post_is_edited_here_and_published_to_the_same_post(online: Any, publisher: Site) -> None:
    desk, connection, _ = online
    publisher.others = [other(1)]
    imported(desk, connection)
    (one,) = desk.api.get("writer/content", site_id=desk.place.site_id, source="wordpress").results
    path = f"writer/content/{one['id']}"
    shape = {"title": "Good", "content_type": "post", "content_structure": "guide"}
    assert desk.api.put(path, shape).data["cluster"] is None
    mapped = desk.api.post(f"{path}/map_metadata")
    assert (mapped.status, mapped.data["cluster"], mapped.data["role"]) == (200, None, None)
    desk.api.patch(path, {"title": "Better", "html": "<p>Better.</p>"})
    seen: list[RemotePost | None] = []
    publish = publisher.publish
    publisher.publish = lambda article, known: (seen.append(known), publish(article, known))[1]  # type: ignore[method-assign]
    assert desk.api.finished(desk.api.post(f"writer/content/{one['id']}/publish"))["state"] == "succeeded"
    assert [k.external_id for k in seen if k] == ["1"]


def test_where_imported_posts_go_and_who_may(online: Any, publisher: Site) -> None:
    desk, connection, _ = online
    publisher.others = [other(1)]
    path = f"integration/connections/{connection}/import"
    assert desk.api.post(path, {"sector_id": "nothing"}).status in (400, 404)
    assert desk.api.as_role("viewer").post(path, {}).status == 403
    assert desk.api.of_tenant("stranger").post(path, {}).status == 404
    static = desk.api.post("integration/connections", {"site_id": desk.place.site_id, "name": "S", "target": "static"})
    assert static.status == 201
