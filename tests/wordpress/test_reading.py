"""Reading a real WordPress: how posts stand, what there is to import, terms, and reports that come back signed."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib import ports
from chalicelib.adapters.safe_http import SafeHttp
from chalicelib.adapters.wordpress import WordPressPublisher
from chalicelib.core.errors import UpstreamRejected, ValidationFailed
from chalicelib.ports import RemotePost, Term
from infra.wordpress.site import WordPressSite
from tests.adapters.scripted_server import Asked, LoopbackServer, Reply, json_reply
from tests.adapters.wordpress.making import article

SECRET = "reports-are-signed-with-this"


def plain(number: int, **changes: object) -> ports.Article:
    return article(**{"source_id": f"rd-{number}", "slug": f"read-{number}", "images": (), "html": f"<p>Text {number}.</p>", **changes})


def test_how_posts_stand(publisher: WordPressPublisher, wordpress: WordPressSite) -> None:
    assert isinstance(publisher, ports.RemoteSite)
    posts = [publisher.publish(plain(n, terms=(Term("Shoes", "", "category"),)), None) for n in range(4)]
    page = publisher.publish(plain(5, content_type="page"), None)
    term = publisher.publish(plain(6, content_type="taxonomy", terms=(Term("Hats & caps", "", "category"),)), None)
    wordpress.php(f"wp_trash_post({posts[1].external_id}); wp_delete_post({posts[2].external_id}, true);")
    wordpress.php(f"wp_update_post(['ID'=>{posts[3].external_id},'post_status'=>'draft','post_title'=>'Fish &amp; chips']);")
    states = publisher.states([*posts, page, term, RemotePost("999999", "", "", kind="post")])
    assert [states[p.external_id].status for p in [*posts, page, term]] == ["publish", "trash", "gone", "draft", "publish", "publish"]
    assert states["999999"].status == "gone"
    first = states[posts[0].external_id]
    assert (first.source_id, first.slug, [t.name for t in first.terms], first.url) == ("rd-0", "read-0", ["Shoes"], posts[0].url)
    assert first.modified_at == posts[0].modified_at and first.published_at
    assert abs(datetime.now(UTC) - first.published_at) < timedelta(minutes=5)
    assert states[posts[3].external_id].modified_at >= posts[3].modified_at
    assert states[posts[3].external_id].title == "Fish & chips" and states[term.external_id].title == "Hats & caps"


def test_everything_published_is_found_once_however_many_pages_it_takes(publisher: WordPressPublisher, wordpress: WordPressSite) -> None:
    made = wordpress.php(
        "for ($i = 0; $i < 45; $i++) { wp_insert_post(['post_title'=>\"Old $i & more\",'post_content'=>\"<p>Body $i</p>\","
        "'post_status'=>$i % 9 ? 'publish' : 'draft','post_excerpt'=>'In short']); }"
        "wp_insert_post(['post_type'=>'page','post_title'=>'About','post_content'=>'us','post_status'=>'publish']); echo 'ok';"
    )
    assert made == "ok"
    cursor, found, rounds = "", [], 0
    while rounds == 0 or cursor:
        batch = publisher.articles(cursor)
        found += batch.items
        cursor, rounds = batch.next, rounds + 1
        assert rounds < 20
    ids = [a.state.external_id for a in found]
    assert len(ids) == len(set(ids))
    old = [a for a in found if a.state.title.startswith("Old")]
    assert len(old) == 40 and {a.state.status for a in found} == {"publish"}
    assert (old[0].state.title, old[0].html, old[0].excerpt) == ("Old 1 & more", "<p>Body 1</p>", "In short")
    assert [a.state.title for a in found if a.state.kind == "page" and a.html == "us"] == ["About"]
    for bad in ("x:1", "post:0", "post:", "post:1:2", "post"):
        with pytest.raises(ValidationFailed):
            publisher.articles(bad)
    assert publisher.articles("post:99").items == (), "past the end, after posts were deleted meanwhile"


def test_all_terms(publisher: WordPressPublisher, wordpress: WordPressSite) -> None:
    wordpress.php("for ($i = 0; $i < 120; $i++) wp_insert_term(\"Tag $i & co\", 'post_tag');")
    names, cursor, first = [], "", True
    while first or cursor:
        batch, first = publisher.terms(cursor), False
        names += [(t.taxonomy, t.name) for t in batch.items]
        cursor = batch.next
    assert len([n for t, n in names if t == "tag" and n.startswith("Tag ")]) == 120 and ("tag", "Tag 7 & co") in names
    assert ("category", "Uncategorized") in names


class Receiver:
    """Takes reports as our backend does: keeps those whose signature is right."""

    def __init__(self) -> None:
        self.events: list[dict] = []
        self.status = 200

    def __call__(self, asked: Asked) -> Reply:
        expected = hmac.new(SECRET.encode(), asked.headers["x-igny8-timestamp"].encode() + b"." + asked.body, hashlib.sha256).hexdigest()
        assert asked.headers["x-igny8-signature"] == f"sha256={expected}"
        if self.status == 200:
            self.events.append(json.loads(asked.body))
        return json_reply({}, self.status)


def test_what_people_do_is_reported_and_what_we_do_is_not(publisher: WordPressPublisher, wordpress: WordPressSite) -> None:
    receiver = Receiver()
    with LoopbackServer(receiver) as server:
        assert publisher.report_to(f"{server.url}/hook", SECRET) is True
        assert publisher.check().details["reports_back"] is True
        post = publisher.publish(plain(20), None)
        publisher.publish(plain(20, title="Ours"), post)
        assert receiver.events == []
        number = post.external_id
        wordpress.php("wp_insert_post(['post_title'=>'Not ours','post_status'=>'publish']);")
        wordpress.php(f"wp_update_post(['ID'=>{number},'post_title'=>'Edited by hand']);")
        wordpress.php(f"wp_trash_post({number});")
        wordpress.php(f"wp_untrash_post({number}); wp_publish_post({number});")
        wordpress.php(f"wp_delete_post({number}, true);")
        assert [e["event"] for e in receiver.events] == ["edited", "trashed", "published", "deleted"]
        assert {e["post"]["source_id"] for e in receiver.events} == {"rd-20"} and {e["post"]["id"] for e in receiver.events} == {
            int(number)
        }
        assert receiver.events[0]["post"]["title"] == "Edited by hand" and len({e["id"] for e in receiver.events}) == 4

        other = publisher.publish(plain(21), None)
        receiver.status = 503
        wordpress.php(f"wp_trash_post({other.external_id});")
        receiver.status = 200
        assert len(receiver.events) == 4
        wordpress.php("do_action('igny8_bridge_deliver');")
        assert [e["event"] for e in receiver.events[4:]] == ["trashed"], "kept, and delivered later"


def test_who_may_switch_reports_on(wordpress: WordPressSite) -> None:
    def as_role(role: str) -> WordPressPublisher:
        return WordPressPublisher(wordpress.url, *wordpress.accounts[role], SafeHttp(allow_loopback=True))

    assert as_role("author").report_to("https://igny8.test/x", SECRET) is False
    with pytest.raises(UpstreamRejected, match="https"):
        as_role("admin").report_to("ftp://igny8.test/x", SECRET)
    by_key = WordPressPublisher(wordpress.url, "", "", SafeHttp(allow_loopback=True), bridge_key=wordpress.bridge_key)
    assert by_key.report_to("https://igny8.test/x", SECRET) is True
