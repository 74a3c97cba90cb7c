"""What the WordPress publisher does when the site, the network or the user's rights are not as they should be."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.adapters.safe_http import SafeHttp, UrlRefused
from chalicelib.adapters.wordpress import WordPressPublisher, wordpress_slug
from chalicelib.core.errors import UpstreamRejected, UpstreamUnavailable
from tests.adapters.scripted_server import Asked, LoopbackServer, Reply, html_reply, json_reply
from tests.adapters.wordpress.making import PNG, Site, article, on


def test_what_the_user_may_not_do_is_said(site: Site) -> None:
    site.wordpress.rights = {"edit_posts", "publish_posts", "upload_files"}
    post = site.publish(article(html='<p>Fit.</p><iframe src="https://x.example/"></iframe>'))
    assert any("category" in note and "may not create" in note for note in post.notes)
    assert any("changed the HTML" in note for note in post.notes)
    assert [t.taxonomy for t in post.terms] == ["tag"]
    assert any("rank" in key or "yoast" in key for key in site.wordpress.posts[int(post.external_id)]["meta"])


def test_fields_the_site_has_not_registered_are_named_and_not_sent(site: Site) -> None:
    site.wordpress.registered_meta = {"_yoast_wpseo_title"}
    post = site.publish(article())
    assert site.wordpress.posts[int(post.external_id)]["meta"] == {"_yoast_wpseo_title": "Meta"}
    (note,) = post.notes
    assert "meta_description, primary_keyword" in note and "meta_title" not in note


def test_meta_that_is_refused_does_not_fail_the_post(site: Site) -> None:
    refusal = json_reply({"code": "rest_cannot_update", "message": "Sorry, protected.", "data": {"status": 403}}, 403)

    def fault(asked: Asked) -> Reply | None:
        return refusal if asked.method == "POST" and b'"meta"' in asked.body else None

    site.wordpress.before = fault
    post = site.publish(article())
    assert post.status == "publish" and any("Sorry, protected." in note for note in post.notes)


def test_a_crash_while_resizing_is_resumed_and_not_uploaded_again(site: Site) -> None:
    site.wordpress.media[9] = {"id": 9, "slug": "later", "source_url": f"{site.server.url}/uploads/9.png", "alt_text": ""}

    def fault(asked: Asked) -> Reply | None:
        route = asked.query.get("rest_route")
        if asked.method == "POST" and route == "/wp/v2/media":
            return replace(html_reply("critical error", 500), headers={"Content-Type": "text/html", "X-WP-Upload-Attachment-ID": "9"})
        if route == "/wp/v2/media/9/post-process":
            assert asked.json() == {"action": "create-image-subsizes"}
            return json_reply(site.wordpress.media[9])
        return None

    site.wordpress.before = fault
    assert site.publish(article()).media == {"in 1.png": "9"} and site.wordpress.media[9]["alt_text"] == "A trail"


@pytest.mark.parametrize(
    "reply",
    [
        html_reply("<html>413 Request Entity Too Large nginx</html>", 413),
        json_reply({"code": "rest_upload_unknown_error", "message": "Exceeds", "data": {"status": 500}}, 500),
        json_reply({"code": "rest_upload_no_content_disposition", "message": "No", "data": {"status": 400}}, 400),
    ],
)
def test_an_image_too_large_is_said_in_plain_words(site: Site, reply: Reply) -> None:
    site.wordpress.before = on("POST", "/wp/v2/media", reply)
    with pytest.raises(UpstreamRejected, match="file this large"):
        site.publish(article())


HTTP_DATE = (datetime.now(UTC) + timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")
NOTICE = b"<br />\n<b>Notice</b>: Undefined {index} [x] in <b>/p.php</b> on line <b>1</b><br />\n"


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (json_reply({"code": "wp_die", "message": "Maintenance"}, 503, Retry_After="600"), UpstreamUnavailable, "maintenance"),
        (html_reply("<h1>Too many</h1>", 429, Retry_After="7"), UpstreamUnavailable, "asks us to wait"),
        (html_reply("<p>critical error</p>", 500), UpstreamUnavailable, "failed"),
        (html_reply("Bad gateway", 502), UpstreamUnavailable, "failed"),
        (html_reply("", 301, Location="https://www.example.com/?x=1"), UpstreamRejected, r"redirects to https://www.example.com/\. Enter"),
        (html_reply("<html>Forbidden by firewall</html>", 403), UpstreamRejected, "firewall"),
        (json_reply({"code": "rest_disabled", "message": "REST <b>off</b>", "data": {}}, 403), UpstreamRejected, "REST off"),
        (html_reply("<html>A home page {x}</html>"), UpstreamRejected, "does not answer with JSON"),
        (html_reply("<html>Not found</html>", 404), UpstreamRejected, "does not answer with JSON"),
        (json_reply({"code": "rest_no_route", "message": "No route", "data": {}}, 404), UpstreamRejected, "no such REST route"),
        (Reply(200, b"[" * 50_000, {"Content-Type": "application/json"}), UpstreamRejected, "does not answer with JSON"),
        (Reply(200, b"[]" + b" " * 11_000_000, {"Content-Type": "application/json"}), UpstreamRejected, "larger than 10 MB"),
        (Reply(200, b'[{"id": 1}]', {"Content-Type": "application/json"}, cut_after=5), UpstreamUnavailable, "cut"),
    ],
)
def test_every_fault_has_its_error_and_its_words(site: Site, reply: Reply, error: type[Exception], words: str) -> None:
    site.wordpress.before = on("GET", "/wp/v2/posts", reply)
    with pytest.raises(error, match=words):
        site.publish(article())
    assert site.wordpress.posts == {}, "nothing was created before the look-up had an answer"


@pytest.mark.parametrize(
    ("value", "low", "high"), [("600", 600, 600), (HTTP_DATE, 3000, 3601), ("soon", None, None)], ids=["seconds", "date", "neither"]
)
def test_retry_after_is_handed_on(site: Site, value: str, low: float | None, high: float | None) -> None:
    site.wordpress.before = on("GET", "/wp/v2/posts", html_reply("", 503, Retry_After=value))
    with pytest.raises(UpstreamUnavailable) as caught:
        site.publish(article())
    wait = caught.value.retry_after_seconds
    assert wait is None if low is None or high is None else wait is not None and low <= wait <= high


def test_notices_before_the_json_are_tolerated(site: Site) -> None:
    site.wordpress.after = lambda asked, reply: replace(reply, body=NOTICE + reply.body, headers={"Content-Type": "text/html"})
    assert site.publisher().check().ok
    assert site.publish(article()).status == "publish"


def test_check_finds_a_wrong_password_missing_rights_and_what_is_no_wordpress(site: Site) -> None:
    check = site.publisher(password="wrong").check()
    assert not check.ok and "application password" in check.message and "wrong" not in check.message
    site.wordpress.application_passwords = False
    assert "switched off" in site.publisher(password="wrong").check().message
    site.wordpress.rights = {"edit_posts"}
    check = site.publisher().check()
    assert not check.ok and "publish posts, upload files" in check.message and check.details["site"] == "Café"
    site.wordpress.before = on("GET", "/", html_reply("<html>shop</html>"))
    assert not site.publisher().check().ok
    site.wordpress.before = on("GET", "/", html_reply("", 503, Retry_After="5"))
    with pytest.raises(UpstreamUnavailable):
        site.publisher().check()
    assert site.writes() == []


def test_a_user_name_of_any_script_is_sent(site: Site) -> None:
    site.wordpress.user = "名前"
    assert site.publisher().check().ok


def test_scheduling(site: Site) -> None:
    later = datetime.now(UTC) + timedelta(days=2)
    post = site.publish(article(status="future", published_at=later))
    assert post.status == "future" and post.notes == ()
    assert site.wordpress.posts[int(post.external_id)]["date_gmt"] == later.strftime("%Y-%m-%dT%H:%M:%S")
    with pytest.raises(UpstreamRejected, match="lies ahead"):
        site.publish(article(status="future", published_at=datetime.now(UTC) - timedelta(days=1)))


def test_pages_products_and_terms(site: Site) -> None:
    page = site.publish(article(content_type="page"))
    assert site.wordpress.posts[int(page.external_id)]["kind"] == "pages" and page.terms == ()
    assert "WooCommerce" in (site.publisher().refuses("product") or "") and site.publisher().refuses("page") is None
    with pytest.raises(UpstreamRejected, match="no shop"):
        site.publish(article(content_type="product", source_id="p"))
    site.wordpress.shop = True
    product = site.publish(article(content_type="product", source_id="p"))
    assert site.wordpress.posts[int(product.external_id)]["kind"] == "product" and site.publisher().refuses("product") is None
    term = site.publish(article(content_type="taxonomy"))
    assert site.wordpress.terms[int(term.external_id)]["description"].startswith("<p>Fit.</p>") and len(site.wordpress.posts) == 2
    assert (page.kind, product.kind, term.kind) == ("page", "product", "category")
    assert site.publish(article(content_type="taxonomy"), term).external_id == term.external_id


def test_images_are_uploaded_once_and_described(site: Site) -> None:
    site.publish(article())
    site.publish(article(title="Changed"))
    uploads = [a for a in site.writes() if a.query["rest_route"] == "/wp/v2/media"]
    assert len(uploads) == 1 and uploads[0].body == PNG
    assert uploads[0].headers["content-disposition"].startswith('attachment; filename="in-1-')
    assert [m["alt_text"] for m in site.wordpress.media.values()] == ["A trail"]


@pytest.mark.parametrize(
    ("slug", "kept"), [("2026", "article-2026"), ("Größe & Maß", "grosse-mass"), ("", "article-t1-c-7"), ("ok-slug", "ok-slug")]
)
def test_slugs_are_such_as_wordpress_keeps(slug: str, kept: str) -> None:
    assert wordpress_slug(article(slug=slug)) == kept


@pytest.mark.parametrize("path", ["/", "/wp-json/wp/v2/posts", "/wp-admin/options-general.php?page=x", "/wp-login.php", "/index.php#top"])
def test_an_address_of_a_page_of_wordpress_is_understood(site: Site, path: str) -> None:
    http = SafeHttp(allow_loopback=True)
    assert WordPressPublisher(site.server.url + path, site.wordpress.user, site.wordpress.password, http).check().ok


def test_a_title_is_text_and_not_html(site: Site) -> None:
    post = site.publish(article(title="5 < 6 & <script>", excerpt="a <b>"))
    stored = site.wordpress.posts[int(post.external_id)]
    assert (stored["title"]["raw"], stored["excerpt"]["raw"]) == ("5 &lt; 6 & &lt;script&gt;", "a &lt;b&gt;")


def test_an_address_inside_is_refused_unless_the_local_stage_says_so() -> None:
    with LoopbackServer([]) as server:
        for url in (server.url, "https://127.0.0.1/", "https://10.0.0.1/"):
            with pytest.raises(UrlRefused):
                WordPressPublisher(url, "admin", "x").publish(article(), None)
            assert not WordPressPublisher(url, "admin", "x").check().ok
        assert server.asked == []
