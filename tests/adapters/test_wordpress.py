"""What the WordPress publisher does when the site, the network or the user's rights are not as they should be."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.adapters.safe_http import SafeHttp, UrlRefused
from chalicelib.adapters.wordpress import WordPressPublisher, wordpress_slug
from chalicelib.core.errors import UpstreamRejected, UpstreamUnavailable
from chalicelib.ports import Article, ArticleImage, RemotePost, Term
from tests.adapters.fake_wordpress import FakeWordPress
from tests.adapters.scripted_server import Asked, LoopbackServer, Reply, html_reply, json_reply

PNG = b"\x89PNG\r\n\x1a\n"


@dataclass
class Site:
    wordpress: FakeWordPress
    server: LoopbackServer

    def publisher(self, password: str | None = None, timeout_seconds: float = 5.0) -> WordPressPublisher:
        http = SafeHttp(allow_loopback=True)
        return WordPressPublisher(
            self.server.url, self.wordpress.user, password or self.wordpress.password, http, timeout_seconds=timeout_seconds
        )

    def publish(self, article: Article, known: RemotePost | None = None) -> RemotePost:
        return self.publisher().publish(article, known)

    def writes(self) -> list[Asked]:
        return [a for a in self.server.asked if a.method != "GET"]


@pytest.fixture
def site() -> Iterator[Site]:
    wordpress = FakeWordPress()
    with LoopbackServer(wordpress) as server:
        wordpress.url = server.url
        yield Site(wordpress, server)


def article(**changes: object) -> Article:
    whole = Article(
        source_id="t1-c--7",
        title="Trail shoes",
        slug="trail-shoes",
        html='<p>Fit.</p><figure><img src="/img/1" alt="A trail"></figure>',
        excerpt="Short.",
        meta_title="Meta",
        meta_description="Described",
        primary_keyword="trail shoes",
        terms=(Term("R&B <hits>", "", "category"), Term("shoes", "shoes", "tag")),
        images=(ArticleImage("in_article", 0, PNG, "image/png", "A trail", "in 1.png", "/img/1"),),
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def on(method: str, route: str, reply: Reply) -> Callable[[Asked], Reply | None]:
    """A fault for one route, once."""
    left = [reply]

    def fault(asked: Asked) -> Reply | None:
        return left.pop() if left and asked.method == method and asked.query.get("rest_route", "").startswith(route) else None

    return fault


def test_sends_what_wordpress_needs(site: Site) -> None:
    site.publish(article())
    for asked in site.server.asked:
        assert asked.path == "/" and asked.query["rest_route"].startswith(("/wp/v2/", "/igny8/v1/")), "works with plain permalinks too"
        assert asked.headers["accept"] == "application/json" and asked.headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize("fault", ["cut", "500", "timeout"])
def test_a_reply_that_is_lost_after_the_create_leaves_one_post(site: Site, fault: str) -> None:
    def lose(asked: Asked, reply: Reply) -> Reply:
        if asked.method != "POST" or asked.query["rest_route"] != "/wp/v2/posts":
            return reply
        if fault == "500":
            return html_reply("<p>critical error</p>", 500)
        return replace(reply, cut_after=20) if fault == "cut" else Reply(hang=True)

    site.wordpress.after = lose
    with pytest.raises(UpstreamUnavailable):
        site.publisher(timeout_seconds=0.5).publish(article(), None)
    site.wordpress.after = lambda asked, reply: reply
    site.wordpress.plugin = False
    site.wordpress.registered_meta.clear()  # no companion plugin: the post is known by what is in it
    post = site.publish(article())
    assert len(site.wordpress.posts) == 1 and len(site.wordpress.media) == 1 and post.status == "publish"


def test_a_post_of_somebody_else_at_our_slug_is_left_alone(site: Site) -> None:
    theirs = {"id": 7, "kind": "posts", "status": "publish", "slug": "trail-shoes", "content": {"raw": "theirs"}, "meta": {}}
    site.wordpress.posts[7] = dict(theirs)
    post = site.publish(article())
    assert site.wordpress.posts[7] == theirs and post.url.endswith("/trail-shoes-2/")
    assert site.publish(article()).external_id == post.external_id and site.publish(article(), post).url == post.url
    assert any("taken" in note for note in post.notes)


def test_a_trashed_post_comes_back_and_a_deleted_one_is_made_anew(site: Site) -> None:
    post = site.publish(article())
    site.wordpress.trash(int(post.external_id))
    assert site.publish(article(), post) == post, "known"
    site.wordpress.trash(int(post.external_id))
    site.wordpress.registered_meta.clear()
    assert site.publish(article()).external_id == post.external_id, "found by its slug in the trash"
    site.wordpress.posts.clear()
    new = site.publish(article(), post)
    assert new.external_id != post.external_id and len(site.wordpress.posts) == 1


def test_of_twins_made_at_the_same_time_the_older_stays(site: Site) -> None:
    def twin(asked: Asked) -> Reply | None:
        if asked.method == "POST" and asked.query["rest_route"] == "/wp/v2/posts":
            site.wordpress.before = lambda asked: None
            site.wordpress._answer(asked)  # another run gets there first
        return None

    site.wordpress.before = twin
    post = site.publish(article())
    assert sorted(p["status"] for p in site.wordpress.posts.values()) == ["publish", "trash"]
    assert post.external_id == str(min(site.wordpress.posts)) and post.url.endswith("/trail-shoes/")


def test_a_term_that_exists_under_another_slug_is_used(site: Site) -> None:
    site.wordpress.terms[5] = {"id": 5, "taxonomy": "categories", "name": "R&amp;B &lt;hits&gt;", "slug": "r-and-b", "description": ""}
    post = site.publish(article())
    assert [t.external_id for t in post.terms if t.taxonomy == "category"] == ["5"]
    assert site.wordpress.posts[int(post.external_id)]["categories"] == [5]


def test_a_term_made_meanwhile_is_used(site: Site) -> None:
    exists = json_reply({"code": "term_exists", "message": "exists", "data": {"status": 400, "term_id": 6}}, 400)
    site.wordpress.terms[6] = {"id": 6, "taxonomy": "categories", "name": "Other name", "slug": "x", "description": ""}
    site.wordpress.before = on("POST", "/wp/v2/categories", exists)
    assert site.publish(article()).terms[0].external_id == "6"


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


def test_without_the_plugin_a_post_is_found_by_its_mark_when_its_slug_has_changed(site: Site) -> None:
    site.wordpress.plugin = False
    site.wordpress.registered_meta.clear()
    post = site.publish(article())
    again = site.publish(article(slug="other", title="Other"))
    assert again.external_id == post.external_id and again.url.endswith("/other/") and len(site.wordpress.posts) == 1


def test_taken_away_it_lies_in_the_trash_and_comes_back_with_the_next_publish(site: Site) -> None:
    post = site.publish(article())
    assert site.publisher().withdraw("t1-c--7", post) is True
    assert site.wordpress.posts[int(post.external_id)]["status"] == "trash"
    assert site.publisher().withdraw("t1-c--7", post) is False, "it was there already"
    site.wordpress.posts.clear()
    assert site.publisher().withdraw("t1-c--7", post) is False, "gone"
    term = site.publish(article(content_type="taxonomy"))
    assert site.publisher().withdraw("t1-c--7", term) is True
    assert site.wordpress.terms[int(term.external_id)]["description"] == ""


def test_a_category_stands_below_its_parents_which_are_made_once(site: Site) -> None:
    nested = article(terms=(Term("Grinders", "", "category", parents=("Guides", "Coffee")),))
    post = site.publish(nested)
    site.publish(replace(nested, title="Again"), post)
    by_id = {t["id"]: t for t in site.wordpress.terms.values()}
    assert sorted(t["name"] for t in by_id.values()) == ["Coffee", "Grinders", "Guides"]
    leaf = by_id[int(post.terms[0].external_id or 0)]
    assert [leaf["name"], by_id[leaf["parent"]]["name"], by_id[by_id[leaf["parent"]]["parent"]]["name"]] == ["Grinders", "Coffee", "Guides"]


def test_the_author_is_the_user_of_that_name_if_there_is_one_and_it_is_allowed(site: Site) -> None:
    site.wordpress.users.append({"id": 9, "name": "Ada Koch"})
    refused = site.publish(article(author="ada koch"))
    assert any("in the name of ada koch" in note for note in refused.notes) and len(site.wordpress.posts) == 1
    site.wordpress.rights.add("edit_others_posts")
    named = site.publish(article(author="Ada Koch"), refused)
    assert site.wordpress.posts[int(named.external_id)]["author"] == 9 and not named.notes[1:]
    unknown = site.publish(article(author="Nobody"), refused)
    assert any("no user named Nobody" in note for note in unknown.notes)


def test_structured_data_is_stored_where_the_plugin_has_a_field_for_it_and_written_once(site: Site) -> None:
    data = {"@type": "Article", "headline": "5 < 6 \u00e9"}
    assert any("structured data" in note for note in site.publish(article(json_ld=data)).notes)
    site.wordpress.registered_meta.add("igny8_json_ld")
    site.wordpress.posts.clear()
    post = site.publish(article(json_ld=data))
    meta = site.wordpress.posts[int(post.external_id)]["meta"]
    assert json.loads(meta["igny8_json_ld"]) == data
    meta["igny8_json_ld"] = json.dumps(data)  # as the plugin writes it
    before = len(site.writes())
    site.publish(article(json_ld=data), post)
    assert [w.query["rest_route"] for w in site.writes()[before:]] == [f"/wp/v2/posts/{post.external_id}"], "no second call for the meta"


def test_the_plugins_key_takes_the_place_of_the_password(site: Site) -> None:
    with pytest.raises(UpstreamRejected, match="key of the IGNY8 Bridge"):
        WordPressPublisher(site.server.url, "", "", SafeHttp(allow_loopback=True), bridge_key="igny8_x").publish(article(), None)
    assert all(a.headers["x-igny8-key"] == "igny8_x" and "authorization" not in a.headers for a in site.server.asked)
