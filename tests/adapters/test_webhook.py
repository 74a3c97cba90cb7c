"""Webhook deliveries over real sockets: signed as documented, recognised when they come twice, and refusals said in useful words."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.adapters.safe_http import SafeHttp
from chalicelib.adapters.url_safety import UrlRefused
from chalicelib.adapters.webhook import MAX_DELIVERY_BYTES, WebhookPublisher, signature
from chalicelib.core.errors import UpstreamRejected, UpstreamUnavailable
from chalicelib.ports import Article, ArticleImage, RemotePost, Term
from tests.adapters.fake_receiver import SECRET, FakeReceiver, documented
from tests.adapters.scripted_server import Asked, LoopbackServer, Reply, html_reply, json_reply
from tests.fakes import FixedClock

PICTURE = b"\x89PNG\r\n\x1a\npicture"
FEATURED = ArticleImage("featured", 0, PICTURE, "image/png", "A shoe", "featured.png", "featured.png")
INSIDE = ArticleImage("in_article", 0, PICTURE, "image/png", "A trail", "a trail.png", "/i/1")
ARTICLE = Article(
    source_id="c#1/ä",
    title="Trail shoes 😀",
    slug="trail-shoes",
    html='<p>Größe.</p><img src="/i/1" alt="A trail">',
    excerpt="Short.",
    meta_title="Meta",
    meta_description="Description",
    primary_keyword="trail shoes",
    language="de",
    terms=(Term("Schuhe", "schuhe", "category"),),
    images=(FEATURED, INSIDE),
    json_ld={"@type": "Article", "dateModified": "2026-11-20"},
)


def publisher(url: str, clock: FixedClock | None = None, timeout_seconds: float = 10.0) -> WebhookPublisher:
    return WebhookPublisher(f"{url}/hook?site=1", SECRET, SafeHttp(allow_loopback=True), clock or FixedClock(), timeout_seconds)


def delivered(*articles: Article, known: RemotePost | None = None) -> list[Asked]:
    """The requests that publishing these articles makes."""
    with LoopbackServer([Reply(204)] * len(articles)) as server:
        clock = FixedClock()
        for article in articles:
            publisher(server.url, clock).publish(article, known)
            clock.forward(60)
    return server.asked


def answered(reply: Reply, article: Article = ARTICLE, known: RemotePost | None = None) -> RemotePost:
    with LoopbackServer([reply]) as server:
        return publisher(server.url).publish(article, known)


def test_a_delivery_holds_the_article_and_its_images() -> None:
    (asked,) = delivered(ARTICLE)
    assert (asked.method, asked.path, asked.query, asked.headers["content-type"]) == ("POST", "/hook", {"site": "1"}, "application/json")
    body = asked.json()
    assert (body["event"], body["delivered_at"]) == ("article.published", "2026-11-20T12:00:00.000Z")
    assert body["id"] == asked.headers["idempotency-key"] and body["id"].startswith("c%231%2F%C3%A4-")
    article = body["article"]
    images = article.pop("images")
    assert article == {
        "id": "c#1/ä",
        "title": "Trail shoes 😀",
        "slug": "trail-shoes",
        "html": '<p>Größe.</p><img src="a%20trail.png" alt="A trail">',
        "excerpt": "Short.",
        "meta_title": "Meta",
        "meta_description": "Description",
        "primary_keyword": "trail shoes",
        "terms": [{"name": "Schuhe", "slug": "schuhe", "taxonomy": "category"}],
        "language": "de",
        "content_type": "post",
        "status": "publish",
        "published_at": None,
        "author": "",
        "site_name": "",
        "generated_by": "",
        "json_ld": {"@type": "Article", "dateModified": "2026-11-20"},
    }
    assert [(i["filename"], i["src"], i["alt"], i["type"], i["position"], i["mime"]) for i in images] == [
        ("featured.png", "", "A shoe", "featured", 0, "image/png"),
        ("a trail.png", "a%20trail.png", "A trail", "in_article", 0, "image/png"),
    ]
    assert {base64.b64decode(i["data_base64"]) for i in images} == {PICTURE}


# --- the signature ----------------------------------------------------------------------------------------------------------------


def test_the_signature_is_the_documented_one() -> None:
    # Computed with: printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac whsec_test
    expected = "t=1700000000,v1=38877139021993b830af32feea6e18a8da83eb2f6e49ee50bd9e4cf4ca4d3789"
    assert signature(b"whsec_test", 1700000000, b'{"a":1}') == expected


def test_the_documented_check_accepts_a_real_delivery_and_nothing_else() -> None:
    (asked,) = delivered(ARTICLE)
    is_genuine, now = documented()["is_genuine"], FixedClock().time.timestamp()
    header = asked.headers["x-signature"]
    assert is_genuine(SECRET, header, asked.body, now=now)
    assert is_genuine(SECRET, f"{header},v2=later", asked.body, now=now + 299)
    assert not is_genuine(SECRET, header, asked.body, now=now + 301)
    old = signature(SECRET.encode(), 1700000000, asked.body)
    assert not is_genuine(SECRET, old, asked.body), "checked against the real time"
    assert not is_genuine(f"{SECRET}x", header, asked.body, now=now)
    assert not is_genuine(SECRET, header, asked.body + b" ", now=now)
    later = header.replace(f"t={int(now)}", f"t={int(now) + 1}")
    for wrong in ("", "t=", "v1=00", later, header.split(",")[0], "t=²,v1=ü", f"t={int(now)},v1=ü", f"t={'9' * 5000},v1=0"):
        assert not is_genuine(SECRET, wrong, asked.body, now=now), wrong


# --- once, whatever comes twice ---------------------------------------------------------------------------------------------------


def test_a_retry_has_the_same_key_and_a_signature_of_its_own() -> None:
    retried = replace(ARTICLE, json_ld={"@type": "Article", "dateModified": "2026-11-21"})
    first, second = delivered(ARTICLE, retried)
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.headers["x-signature"] != second.headers["x-signature"]


@pytest.mark.parametrize(
    "change",
    [
        {"source_id": "c#2"}, {"title": "Other"}, {"html": "<p>Other.</p>"}, {"status": "draft"}, {"terms": ()}, {"meta_title": "Other"},
        {"images": (replace(FEATURED, data=b"redrawn"), INSIDE)}, {"images": (replace(FEATURED, alt="Other"), INSIDE)},
    ],
)  # fmt: skip
def test_another_version_has_another_key(change: dict[str, Any]) -> None:
    first, second = delivered(ARTICLE, replace(ARTICLE, **change))
    assert first.headers["idempotency-key"] != second.headers["idempotency-key"]


def test_a_receiver_as_documented_stores_a_retried_delivery_once() -> None:
    clock = FixedClock()
    receiver = FakeReceiver(now=clock.time.timestamp())
    with LoopbackServer(receiver) as server:
        receiver.url = server.url
        first = publisher(server.url, clock).publish(ARTICLE, None)
        assert publisher(server.url, clock).publish(ARTICLE, None) == first
        assert receiver.stored == 1
        clock.forward(1)
        changed = publisher(server.url, clock).publish(replace(ARTICLE, title="Other"), first)
        clock.forward(-1)
        publisher(server.url, clock).publish(ARTICLE, None)  # the first try, arriving late
    assert (receiver.stored, changed.external_id) == (2, first.external_id)
    assert receiver.articles[ARTICLE.source_id]["title"] == "Other"


def test_what_is_known_makes_it_an_update() -> None:
    (asked,) = delivered(ARTICLE, known=RemotePost("9", "https://x.example/9", "publish"))
    assert asked.json()["event"] == "article.updated"


# --- answers ----------------------------------------------------------------------------------------------------------------------


def test_the_answer_names_the_post() -> None:
    post = answered(json_reply({"id": 17, "url": "https://x.example/a", "notes": ["The slug\nwas taken.", 5]}, 201))
    assert (post.external_id, post.url, post.status) == ("17", "https://x.example/a", "publish")
    assert post.notes == ("The slug was taken.",)
    assert post.media == {"featured.png": "featured.png", "a trail.png": "a trail.png"}
    assert post.terms == (Term("Schuhe", "schuhe", "category", "schuhe"),)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(204), Reply(200, b"OK"), html_reply("<p>Thanks</p>"), json_reply([1]), json_reply({"id": True, "url": 5, "notes": "no"}),
        json_reply({"id": "", "url": "javascript:alert(1)"}), json_reply({"id": "x" * 500, "url": "https://x.example/\"onclick=x"}),
        Reply(200, b"[" * 100_000), Reply(200, b"\xff\xfe{"),
    ],
)  # fmt: skip
def test_what_the_answer_does_not_say_stays_as_it_was(reply: Reply) -> None:
    post = answered(reply)
    assert (post.external_id, post.url, post.notes) == (ARTICLE.source_id, "", ())
    known = RemotePost("9", "https://x.example/9", "publish")
    updated = answered(reply, known=known)
    assert (updated.external_id, updated.url) == ("9", "https://x.example/9")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (json_reply({"message": "No slug\nlike this."}, 400), r"refuses the delivery \(400\)\. It says: No slug like this\."),
        (json_reply({"error": {"message": "Bad key"}}, 401), r"signing secret.* It says: Bad key"),
        (json_reply({"error": "Firewall"}, 403), "firewall.*Firewall"),
        (html_reply("<h1>Not Found</h1>", 404), r"no receiver at this address \(404\)\.$"),
        (Reply(405), "takes no POST"),
        (json_reply({"detail": "Slug is taken."}, 409), r"conflicts.*409.*Slug is taken\."),
        (Reply(410, b"Closed.", {"Content-Type": "text/plain"}), r"no deliveries any more.*410.*Closed\."),
        (Reply(413), "this large"),
        (json_reply({"detail": "x" * 5000}, 422), r"422\)\. It says: x{200}$"),
        (Reply(301, b"", {"Location": "https://other.example/hook?token=1"}), r"redirects to https://other\.example/hook \(301\)"),
    ],
)
def test_a_refusal_is_for_good_and_says_why(reply: Reply, words: str) -> None:
    with pytest.raises(UpstreamRejected, match=words):
        answered(reply)


@pytest.mark.parametrize(
    ("reply", "seconds"),
    [
        (Reply(408), None),
        (Reply(429, b"", {"Retry-After": "120"}), 120.0),
        (Reply(500), None),
        (Reply(503, b"", {"Retry-After": "7"}), 7.0),
        (Reply(504), None),
        (Reply(200, b'{"id": "9"}', cut_after=3), None),
    ],
)
def test_what_may_pass_is_tried_again(reply: Reply, seconds: float | None) -> None:
    with pytest.raises(UpstreamUnavailable) as raised:
        answered(reply)
    assert raised.value.retry_after_seconds == seconds


def test_no_answer_in_time_is_tried_again() -> None:
    with LoopbackServer([Reply(hang=True)]) as server, pytest.raises(UpstreamUnavailable, match="did not answer within"):
        publisher(server.url, timeout_seconds=0.2).publish(ARTICLE, None)


def test_a_delivery_that_is_too_large_is_not_sent() -> None:
    picture = replace(FEATURED, data=bytes(MAX_DELIVERY_BYTES * 3 // 4))
    with LoopbackServer([]) as server, pytest.raises(UpstreamRejected, match=r"20\.0 MB.*at most 20 MB.*smaller images"):
        publisher(server.url).publish(replace(ARTICLE, images=(picture,)), None)
    assert server.asked == []


def test_a_private_address_is_not_called() -> None:
    target = WebhookPublisher("https://10.0.0.1/hook", SECRET, SafeHttp(), FixedClock())
    with pytest.raises(UrlRefused):
        target.publish(ARTICLE, None)


# --- check ------------------------------------------------------------------------------------------------------------------------


def test_a_check_sends_a_signed_ping() -> None:
    clock = FixedClock()
    receiver = FakeReceiver(now=clock.time.timestamp())
    with LoopbackServer(receiver) as server:
        found = publisher(server.url, clock).check()
        wrong = WebhookPublisher(server.url, "another secret", SafeHttp(allow_loopback=True), clock).check()
    assert found.ok and "127.0.0.1" in found.message and found.details == {"status": 204}
    assert not wrong.ok and "signing secret" in wrong.message and "wrong signature" in wrong.message
    ping = json.loads(server.asked[0].body)
    assert ping == {"event": "ping", "id": server.asked[0].headers["idempotency-key"], "delivered_at": "2026-11-20T12:00:00.000Z"}
    assert receiver.articles == {} and receiver.kept == {}


def test_a_check_of_a_receiver_that_is_down_may_be_repeated() -> None:
    with LoopbackServer([Reply(502)]) as server, pytest.raises(UpstreamUnavailable, match="502"):
        publisher(server.url).check()
