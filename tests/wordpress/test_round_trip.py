"""An article's life on a real WordPress: made, found again, changed, taken back."""

from chalicelib.adapters.wordpress import WordPressPublisher
from chalicelib.adapters.wordpress_client import WordPressClient
from tests.adapters.test_wordpress import article


def test_an_article_is_one_post_however_often_it_is_published(publisher: WordPressPublisher, client: WordPressClient) -> None:
    first = publisher.publish(article(source_id="rt-1", slug="round-trip", images=(), html="<p>One.</p>"), None)
    again = publisher.publish(article(source_id="rt-1", slug="round-trip", images=(), html="<p>Two.</p>"), None)
    assert first.external_id == again.external_id
    posts = client.call("GET", "/wp/v2/posts", query={"slug": "round-trip", "status": "any", "context": "edit"}).objects()
    assert [p["meta"]["publisher_source_id"] for p in posts] == ["rt-1"]
    assert "Two." in posts[0]["content"]["raw"]
