"""A WordPress that answers what WordPress never sends: each call ends with a clear refusal, and nothing is believed that was not said."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.adapters.wordpress_posts import marked
from chalicelib.adapters.wordpress_shapes import TEXT_CHARACTERS, identity, sound, whole
from chalicelib.core.errors import AppError, UpstreamRejected
from chalicelib.ports import RemotePost
from tests.adapters.scripted_server import Asked, Reply, json_reply
from tests.adapters.wordpress.making import Site, article

LIES: list[Any] = [
    {}, [[]], "x", None, {"id": "x"}, {"id": -1}, {"id": 10**40}, {"id": 1, "meta": None, "content": "text", "title": 5},
    [{"id": 1, "categories": ["a"], "tags": 5, "content": None}], {"id": 1, "slug": 5, "meta": [], "content": []},
]  # fmt: skip
ROUTES = ["/wp/v2/posts", "/wp/v2/media", "/wp/v2/categories", "/wp/v2/tags", "/igny8/v1/", "/wp/v2/users", "/wp/v2/types"]
KNOWN = RemotePost("7", "", "publish", kind="post")


def lying(route: str, method: str, lie: Any) -> Callable[[Asked], Reply | None]:
    def answer(asked: Asked) -> Reply | None:
        return json_reply(lie) if asked.method == method and asked.query.get("rest_route", "").startswith(route) else None

    return answer


@pytest.mark.parametrize("route", ROUTES)
def test_every_lie_is_refused_or_left_out(site: Site, route: str) -> None:
    for method in ("GET", "POST"):
        for lie in LIES:
            site.wordpress.before = lying(route, method, lie)
            publisher = site.publisher()
            calls: list[Callable[[], Any]] = [
                lambda p=publisher: p.publish(article(author="Bo"), None),  # type: ignore[misc]
                lambda p=publisher: p.publish(article(), KNOWN),  # type: ignore[misc]
                lambda p=publisher: p.publish(article(content_type="taxonomy"), None),  # type: ignore[misc]
                lambda p=publisher: p.states([KNOWN, RemotePost("8", "", "publish", kind="category")]),  # type: ignore[misc]
                publisher.check,
                publisher.articles,
                publisher.terms,
                lambda p=publisher: p.refuses("product"),  # type: ignore[misc]
            ]
            for call in calls:
                try:
                    call()
                except AppError as error:
                    assert error.message, (route, method, lie)
            site.wordpress.posts.clear()


def test_pages_are_counted_by_plain_numbers_alone(site: Site) -> None:
    for said in ("\xb2", "9" * 5_000, "-1", "many"):
        head = {"Content-Type": "application/json", "X-WP-Total": said, "X-WP-TotalPages": said}
        site.wordpress.before = lambda asked, head=head: Reply(200, b"[]", head)  # type: ignore[misc]
        assert site.publisher().articles().total == 0


def test_a_post_that_a_list_leaves_out_is_not_gone_for_that(site: Site) -> None:
    post = site.publish(article())
    site.wordpress.before = lambda asked: json_reply([]) if "include" in asked.query else None
    assert site.publisher().states([post])[post.external_id].status == "publish"
    site.wordpress.posts.clear()
    assert site.publisher().states([post])[post.external_id].status == "gone"


def test_a_rest_api_that_is_switched_off_does_not_mean_that_all_posts_are_gone(site: Site) -> None:
    post = site.publish(article())
    site.wordpress.before = lambda asked: json_reply({"code": "rest_no_route", "message": "No route", "data": {"status": 404}}, 404)
    with pytest.raises(UpstreamRejected, match="switched the route off"):
        site.publisher().states([post])


def theirs(**fields: Any) -> dict[str, Any]:
    body = {"title": {"raw": "t"}, "content": {"raw": "<p>x</p>"}, "meta": {}, "categories": [1], "tags": []}
    return {"id": 7, "kind": "posts", "type": "post", "status": "publish", **body, **fields}


def test_a_post_that_was_taken_over_keeps_its_address_and_its_picture(site: Site) -> None:
    cyrillic = "%d0%bf%d1%80%d0%b8%d0%b2%d0%b5%d1%82"
    site.wordpress.media[55] = {"id": 55, "slug": "theirs", "source_url": "x", "alt_text": ""}
    site.wordpress.posts[7] = theirs(slug=cyrillic, featured_media=55)
    post = site.publish(article(slug=cyrillic, html="<p>New.</p>", images=()), KNOWN)
    stored = site.wordpress.posts[7]
    assert (stored["slug"], stored["featured_media"], stored["content"]["raw"].endswith("New.</p>")) == (cyrillic, 55, True)
    assert not any("address" in note or "featured" in note for note in post.notes)


def test_a_draft_that_people_have_published_stays_online(site: Site) -> None:
    post = site.publish(article(status="draft"))
    site.wordpress.posts[int(post.external_id)]["status"] = "publish"
    assert site.publish(article(status="draft", title="Better"), post).status == "publish"


def test_another_type_leaves_no_second_post_online(site: Site) -> None:
    post = site.publish(article())
    mine, old = site.wordpress.posts, int(post.external_id)

    def only_of_its_kind(asked: Asked) -> Reply | None:  # as WordPress does
        wrong = asked.query.get("rest_route") == f"/wp/v2/pages/{old}"
        return json_reply({"code": "rest_post_invalid_id", "message": "No.", "data": {"status": 404}}, 404) if wrong else None

    site.wordpress.before = only_of_its_kind
    page = site.publish(article(content_type="page"), post)
    assert page.kind == "page" and [(p["kind"], p["status"]) for p in mine.values()] == [("posts", "trash"), ("pages", "publish")]


def test_halves_of_characters_are_replaced(site: Site) -> None:
    site.wordpress.posts[7] = theirs(slug="a", title={"raw": "Half \ud83d emoji"}, content={"raw": "<p>\ud83d\ude00 \ude00</p>"})
    found = site.publisher().articles().items[0]
    assert (found.state.title, found.html) == ("Half \ufffd emoji", "<p>\U0001f600 \ufffd</p>")


def test_a_mark_in_the_text_tells_whose_post_it_is(site: Site) -> None:
    site.wordpress.posts[7] = theirs(slug="a", content={"raw": marked("<p>x</p>", "t1-c--7")})
    assert site.publisher().articles().items[0].state.source_id == "t1-c--7"


def test_shapes() -> None:
    assert [identity(v) for v in (7, "7", "\u0667", "\xb2", -1, 0, True, 7.0, None, 2**63)] == [7, 7, 0, 0, 0, 0, 0, 0, 0, 0]
    long = sound({"id": 1, "title": {"raw": "x" * 9_000, "rendered": 5}, "link": "y" * 9_000, "categories": [1, "2", None, -3]})
    assert long is not None and (len(long["title"]["raw"]), list(long["title"]), len(long["link"])) == (
        TEXT_CHARACTERS,
        ["raw"],
        TEXT_CHARACTERS,
    )
    assert long["categories"] == [1, 2] and sound({"name": "x"}) is None
    assert json.dumps(whole({"\ud800": ["\udfff", "é", 1]}), ensure_ascii=False) == '{"\ufffd": ["\ufffd", "é", 1]}'
