"""An article's life on a real WordPress: made, found again whatever was lost, changed, taken back; with every kind of user."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.adapters.safe_http import SafeHttp
from chalicelib.adapters.wordpress import WordPressPublisher
from chalicelib.adapters.wordpress_client import WordPressClient
from chalicelib.core.errors import UpstreamRejected
from chalicelib.ports import Article, ArticleImage, Term
from infra.wordpress.site import WordPressSite
from tests.adapters.wordpress.making import article
from tests.wordpress.pictures import jpeg

GRAPH = {"@context": "https://schema.org", "@graph": [{"@type": "Article", "headline": 'A "quote" </script> & é \\ back'}]}


def whole(number: str, **changes: object) -> Article:
    pictures = (
        ArticleImage("featured", 0, jpeg(number + "f"), "image/jpeg", "The “featured” one", f"{number}-featured.jpg", "/f"),
        ArticleImage("in_article", 0, jpeg(number + "i"), "image/jpeg", "A trail & a hill", f"{number}-in.jpg", "/i"),
    )
    table = "<table><tbody><tr><td>1</td></tr></tbody></table>"
    html = f'<p>Fit &amp; ground.</p><h2>How</h2><figure><img src="/i" alt="A trail &amp; a hill"></figure>{table}'
    terms = (Term("Läufer & Co", "", "category"), Term("Trail", "trail", "tag"), Term("Wet", "", "category", parents=("Ground", "Soft")))
    fields = {
        "source_id": f"rt-{number}",
        "slug": f"round-trip-{number}",
        "images": pictures,
        "html": html,
        "terms": terms,
        "json_ld": GRAPH,
    }
    return article(**{**fields, **changes})


def by_slug(client: WordPressClient, slug: str) -> list[dict[str, Any]]:
    query = {"slug": slug, "status": "publish,draft,trash,future", "context": "edit"}
    return client.call("GET", "/wp/v2/posts", query=query).objects()


def test_everything_of_an_article_arrives_and_publishing_again_changes_nothing(
    wordpress: WordPressSite, publisher: WordPressPublisher, client: WordPressClient
) -> None:
    first = publisher.publish(whole("all"), None)
    assert first.notes == () and first.kind == "post"
    again = publisher.publish(whole("all"), None)
    assert again == first
    (post,) = by_slug(client, "round-trip-all")
    assert (
        post["meta"]["publisher_source_id"] == "rt-all" and post["meta"]["rank_math_title"] == post["meta"]["_yoast_wpseo_title"] == "Meta"
    )
    assert json.loads(post["meta"]["igny8_json_ld"]) == GRAPH
    assert len(post["categories"]) == 2 and len(post["tags"]) == 1
    media = client.call("GET", f"/wp/v2/media/{post['featured_media']}", query={"context": "edit"}).objects()[0]
    assert media["alt_text"] == "The “featured” one"
    assert int(wordpress.php("echo wp_count_attachments('image/jpeg')->{'image/jpeg'};")) == 2
    page = SafeHttp(allow_loopback=True).request("GET", first.url, headers={}, body=None, timeout_seconds=20).body.decode()
    assert "A trail &#038; a hill" in page or "A trail &amp; a hill" in page
    found = page.split('<script type="application/ld+json">')[1].split("</script>")[0]
    assert json.loads(found) == GRAPH
    assert '<meta name="description" content="Described">' in page and "<title>Meta</title>" in page
    names = {t["id"]: t for t in client.call("GET", "/wp/v2/categories", query={"per_page": 100}).objects()}
    wet = next(t for t in names.values() if t["name"] == "Wet")
    assert names[wet["parent"]]["name"] == "Soft" and names[names[wet["parent"]]["parent"]]["name"] == "Ground"


def test_a_post_is_found_by_source_id_when_its_slug_and_our_memory_are_gone(
    wordpress: WordPressSite, publisher: WordPressPublisher, client: WordPressClient
) -> None:
    first = publisher.publish(article(source_id="rt-2", slug="two", images=(), html="<p>Two.</p>"), None)
    wordpress.php(f"wp_update_post(['ID'=>{first.external_id},'post_name'=>'moved','post_content'=>'<p>no mark</p>']);")
    again = publisher.publish(article(source_id="rt-2", slug="other", images=(), html="<p>Two.</p>"), None)
    assert again.external_id == first.external_id and again.url.endswith("/other/")


def test_trashed_it_comes_back_and_deleted_it_is_made_anew(publisher: WordPressPublisher, client: WordPressClient) -> None:
    one = article(source_id="rt-3", slug="three", images=(), html="<p>Three.</p>")
    post = publisher.publish(one, None)
    assert publisher.withdraw("rt-3", post) is True and publisher.withdraw("rt-3", post) is False
    assert [p["status"] for p in by_slug(client, "three__trashed")] == ["trash"]
    back = publisher.publish(one, None)
    assert (back.external_id, back.url, back.status) == (post.external_id, post.url, "publish")
    client.call("DELETE", f"/wp/v2/posts/{post.external_id}", query={"force": "true"})
    assert publisher.withdraw("rt-3", post) is False
    new = publisher.publish(one, post)
    assert new.external_id != post.external_id and new.url == post.url


def test_pages_terms_and_products(wordpress: WordPressSite, publisher: WordPressPublisher, client: WordPressClient) -> None:
    page = publisher.publish(article(source_id="rt-4", slug="four", images=(), html="<p>x</p>", content_type="page"), None)
    assert page.kind == "page" and page.url == f"{wordpress.url}/four/"
    term = publisher.publish(article(source_id="rt-5", images=(), html="<p>About <em>shoes</em>.</p>", content_type="taxonomy"), None)
    stored = client.call("GET", f"/wp/v2/categories/{term.external_id}").objects()[0]
    assert "shoes" in stored["description"] and term.kind == "category"
    assert publisher.withdraw("rt-5", term) is True
    assert "WooCommerce" in (publisher.refuses("product") or "")
    with pytest.raises(UpstreamRejected, match="no shop"):
        publisher.publish(article(source_id="rt-6", content_type="product"), None)
    with wordpress.fault(
        "add_action('init', fn() => register_post_type('product', ['public' => true, 'show_in_rest' => true,"
        "'supports' => ['title', 'editor', 'custom-fields', 'excerpt', 'thumbnail']]), 5);",
        "shop",
    ):
        assert publisher.refuses("product") is None
        product = publisher.publish(article(source_id="rt-6", images=(), html="<p>p</p>", content_type="product"), None)
        assert product.kind == "product"
        assert (
            publisher.publish(article(source_id="rt-6", images=(), html="<p>p</p>", content_type="product"), None).external_id
            == product.external_id
        )


@pytest.mark.parametrize(
    ("role", "ok"), [("admin", True), ("editor", True), ("author", True), ("contributor", False), ("subscriber", False)]
)
def test_each_kind_of_user(wordpress: WordPressSite, role: str, ok: bool) -> None:
    publisher = WordPressPublisher(wordpress.url, *wordpress.accounts[role], SafeHttp(allow_loopback=True))
    assert publisher.check().ok is ok, publisher.check().message
    if not ok:
        with pytest.raises(UpstreamRejected):
            publisher.publish(whole(f"role-{role}"), None)
        return
    post = publisher.publish(
        whole(f"role-{role}", terms=(Term(f"New {role}", "", "category"), Term(f"t {role}", "", "tag")), author="editor"), None
    )
    assert post.status == "publish" and {t.taxonomy for t in post.terms} >= {"tag"}
    assert publisher.publish(whole(f"role-{role}", title="Changed"), post).external_id == post.external_id


def test_the_plugins_key_is_a_login_and_its_look_up_sees_the_trash(wordpress: WordPressSite, client: WordPressClient) -> None:
    by_key = WordPressPublisher(wordpress.url, "", "", SafeHttp(allow_loopback=True), bridge_key=wordpress.bridge_key)
    check = by_key.check()
    assert (
        check.ok and check.details["plugin"] == "1.0.0" and check.details["shop"] is False and check.details["timezone"] == "Europe/Berlin"
    )
    post = by_key.publish(whole("key"), None)
    by_key.withdraw("rt-key", post)
    wordpress.php(f"wp_update_post(['ID'=>{post.external_id},'post_name'=>'x__trashed']);")
    assert by_key.publish(whole("key"), None).external_id == post.external_id
    wrong = WordPressPublisher(wordpress.url, "", "", SafeHttp(allow_loopback=True), bridge_key="igny8_wrong")
    assert "key of the IGNY8 Bridge" in wrong.check().message


def test_dates_are_right_in_the_sites_zone(publisher: WordPressPublisher, client: WordPressClient) -> None:
    when = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    post = publisher.publish(article(source_id="rt-7", slug="seven", images=(), html="<p>x</p>", status="future", published_at=when), None)
    stored = client.call("GET", f"/wp/v2/posts/{post.external_id}", query={"context": "edit"}).objects()[0]
    assert post.status == "future" and stored["date_gmt"] == when.strftime("%Y-%m-%dT%H:%M:%S") and stored["date"] != stored["date_gmt"]
    now = publisher.publish(
        replace(article(source_id="rt-7", slug="seven", images=(), html="<p>x</p>"), published_at=when - timedelta(days=4)), post
    )
    assert now.status == "publish"
