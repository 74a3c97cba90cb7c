"""What every publisher has to do, on every publisher: one post per article, updated in place, images beside it, nobody else's touched."""

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol
from urllib.parse import urljoin, urlsplit
from urllib.request import urlopen

import pytest
from PIL import Image

from chalicelib import ports
from chalicelib.adapters.local_files import FolderFiles
from chalicelib.adapters.safe_http import SafeHttp
from chalicelib.adapters.static_site import StaticSitePublisher
from chalicelib.adapters.system_clock import SystemClock
from chalicelib.adapters.webhook import WebhookPublisher
from chalicelib.adapters.wordpress import WordPressPublisher
from tests.adapters.fake_receiver import SECRET, FakeReceiver
from tests.adapters.fake_wordpress import FakeWordPress
from tests.adapters.scripted_server import LoopbackServer


def png(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (24, 16), colour).save(out, "PNG")
    return out.getvalue()


RED, BLUE, GREEN = png("red"), png("blue"), png("green")


class Site(Protocol):
    publisher: ports.Publisher

    def page(self, post: ports.RemotePost) -> str:
        """The article as the target has it."""
        ...

    def pages(self) -> int:
        """How many articles the target has."""
        ...

    def images(self) -> int: ...

    def image(self, post: ports.RemotePost, address: str) -> bytes:
        """The bytes at an address found on the page."""
        ...

    def listed(self, post: ports.RemotePost) -> bool:
        """Whether a visitor gets to see it."""
        ...


class StaticSite:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.publisher: ports.Publisher = StaticSitePublisher(FolderFiles(root), "acme/site", "Acme", root.joinpath("acme/site").as_uri())

    def _path(self, url: str) -> Path:
        return Path(urlsplit(url).path)

    def page(self, post: ports.RemotePost) -> str:
        return self._path(post.url).read_text(encoding="utf-8")

    def pages(self) -> int:
        return len(list(self.root.glob("acme/site/*/index.html")))

    def images(self) -> int:
        return len(list(self.root.rglob("*.png")))

    def image(self, post: ports.RemotePost, address: str) -> bytes:
        return self._path(urljoin(post.url, address)).read_bytes()

    def listed(self, post: ports.RemotePost) -> bool:
        index = self.root / "acme/site/index.html"
        return f'href="{self._path(post.url).parent.name}/index.html"' in index.read_text(encoding="utf-8")


class WordPressSite:
    def __init__(self, wordpress: FakeWordPress, url: str) -> None:
        self.wordpress = wordpress
        wordpress.url = url
        http = SafeHttp(allow_loopback=True)
        self.publisher: ports.Publisher = WordPressPublisher(url, wordpress.user, wordpress.password, http)

    def page(self, post: ports.RemotePost) -> str:
        found = self.wordpress.posts[int(post.external_id)]
        return f"{found['title']['raw']}\n{found['excerpt']['raw']}\n{found['content']['raw']}"

    def pages(self) -> int:
        return len(self.wordpress.posts)

    def images(self) -> int:
        return len(self.wordpress.media)

    def image(self, post: ports.RemotePost, address: str) -> bytes:
        with urlopen(address) as answer:
            data: bytes = answer.read()
        return data

    def listed(self, post: ports.RemotePost) -> bool:
        return bool(self.wordpress.posts[int(post.external_id)]["status"] == "publish")


class ReceivingSite:
    def __init__(self, receiver: FakeReceiver, url: str) -> None:
        self.receiver = receiver
        receiver.url = url
        self.publisher: ports.Publisher = WebhookPublisher(f"{url}/hook", SECRET, SafeHttp(allow_loopback=True), SystemClock())

    def page(self, post: ports.RemotePost) -> str:
        found = self.receiver.articles[post.external_id]
        return f"{found['title']}\n{found['excerpt']}\n{found['html']}"

    def pages(self) -> int:
        return len(self.receiver.articles)

    def images(self) -> int:
        return len(self.receiver.files)

    def image(self, post: ports.RemotePost, address: str) -> bytes:
        with urlopen(address) as answer:
            data: bytes = answer.read()
        return data

    def listed(self, post: ports.RemotePost) -> bool:
        return bool(self.receiver.articles[post.external_id]["status"] == "publish")


@pytest.fixture(params=["static", "wordpress", "webhook"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    if request.param == "static":
        yield StaticSite(tmp_path)
        return
    if request.param == "webhook":
        receiver = FakeReceiver()
        with LoopbackServer(receiver) as server:
            yield ReceivingSite(receiver, server.url)
        return
    wordpress = FakeWordPress()
    with LoopbackServer(wordpress) as server:
        yield WordPressSite(wordpress, server.url)


def article(**changes: object) -> ports.Article:
    whole = ports.Article(
        source_id="c-1",
        title="Trail shoes: wide & light",
        slug="trail-shoes",
        html='<p>Fit &amp; ground.</p><h2>How to choose</h2><figure><img src="/api/images/1/file" alt="A wet trail"></figure>'
        "<p>Größe „zählt“ 😀</p>",
        excerpt="What matters on wet ground.",
        meta_title="Trail shoes compared",
        meta_description="How to choose trail shoes.",
        terms=(ports.Term("Küche & Garten", "kueche-garten", "category"), ports.Term("shoes", "shoes", "tag")),
        images=(
            ports.ArticleImage("featured", 0, RED, "image/png", "A shoe", "featured.png", "/api/images/0/file"),
            ports.ArticleImage("in_article", 0, BLUE, "image/png", "A wet trail", "in article.png", "/api/images/1/file"),
        ),
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def test_is_a_publisher_and_its_check_changes_nothing(site: Site) -> None:
    assert isinstance(site.publisher, ports.Publisher)
    check = site.publisher.check()
    assert check.ok, check.message
    assert (site.pages(), site.images()) == (0, 0)


def test_publishes_the_text_and_names_the_post(site: Site) -> None:
    post = site.publisher.publish(article(), None)
    assert post.external_id and post.url and post.status == "publish"
    page = site.page(post)
    assert "Größe „zählt“ 😀" in page and "Fit &amp; ground." in page and "What matters on wet ground." in page
    assert site.listed(post) and site.pages() == 1
    assert [(t.name, bool(t.external_id)) for t in post.terms] == [("Küche & Garten", True), ("shoes", True)]
    assert post.notes == ()


def test_images_are_beside_the_text_and_their_addresses_lead_to_them(site: Site) -> None:
    post = site.publisher.publish(article(), None)
    found = re.search(r'<img src="([^"]+)" alt="A wet trail"', site.page(post))
    assert found and "/api/images" not in site.page(post)
    assert site.image(post, found[1]) == BLUE
    assert set(post.media) == {"featured.png", "in article.png"} and site.images() == 2


@pytest.mark.parametrize("reply_was_lost", [False, True])
def test_publishing_again_changes_nothing(site: Site, reply_was_lost: bool) -> None:
    first = site.publisher.publish(article(), None)
    again = site.publisher.publish(article(), None if reply_was_lost else first)
    assert again == first
    assert (site.pages(), site.images()) == (1, 2)


@pytest.mark.parametrize("reply_was_lost", [False, True])
def test_a_change_updates_in_place(site: Site, reply_was_lost: bool) -> None:
    first = site.publisher.publish(article(), None)
    second = site.publisher.publish(article(title="Another title", html="<p>Another text.</p>"), None if reply_was_lost else first)
    assert (second.external_id, second.url) == (first.external_id, first.url)
    assert "Another text." in site.page(second) and "Größe" not in site.page(second) and site.pages() == 1


def test_a_new_slug_moves_the_post(site: Site) -> None:
    first = site.publisher.publish(article(), None)
    moved = site.publisher.publish(article(slug="wide-trail-shoes"), first)
    assert moved.external_id == first.external_id and moved.url != first.url and "wide-trail-shoes" in moved.url
    assert site.pages() == 1 and site.listed(moved)


def test_a_slug_that_another_article_has_is_not_taken_from_it(site: Site) -> None:
    first = site.publisher.publish(article(), None)
    other = site.publisher.publish(article(source_id="c-2", html="<p>The other one.</p>"), None)
    assert other.external_id != first.external_id and other.url != first.url
    assert any("trail-shoes" in note and "taken" in note for note in other.notes)
    assert "Größe" in site.page(first) and "The other one." in site.page(other)
    again = site.publisher.publish(article(source_id="c-2", html="<p>The other one.</p>"), None)
    assert (again.external_id, again.url) == (other.external_id, other.url) and site.pages() == 2


def test_a_draft_is_not_shown_until_it_is_published_and_can_be_taken_back(site: Site) -> None:
    draft = site.publisher.publish(article(status="draft"), None)
    assert draft.status == "draft" and not site.listed(draft)
    public = site.publisher.publish(article(), draft)
    assert public.status == "publish" and site.listed(public) and public.external_id == draft.external_id
    back = site.publisher.publish(article(status="draft"), public)
    assert not site.listed(back) and back.external_id == draft.external_id and site.pages() == 1


def test_an_image_nobody_gave_us_is_left_out_and_named(site: Site) -> None:
    post = site.publisher.publish(article(html='<p>Text.</p><p><img src="/api/images/99/file" alt="x"></p>'), None)
    assert "/api/images/99" not in site.page(post)
    assert any("/api/images/99/file" in note for note in post.notes)
    assert any("in article.png" in note for note in post.notes), "an image that the text does not use is named as well"


def test_a_redrawn_image_replaces_the_old_one(site: Site) -> None:
    first = site.publisher.publish(article(), None)
    redrawn = ports.ArticleImage("in_article", 0, GREEN, "image/png", "A wet trail", "in article.png", "/api/images/1/file")
    second = site.publisher.publish(article(images=(article().images[0], redrawn)), first)
    found = re.search(r'<img src="([^"]+)" alt="A wet trail"', site.page(second))
    assert found and site.image(second, found[1]) == GREEN


def test_withdrawn_it_is_kept_from_readers_and_comes_back_at_its_place(site: Site) -> None:
    post = site.publisher.publish(article(), None)
    assert site.publisher.withdraw("c-1", post) is True
    assert not site.listed(post)
    back = site.publisher.publish(article(), post)
    assert site.listed(back) and (back.external_id, back.url) == (post.external_id, post.url)
    assert "Größe" in site.page(back)


def test_every_target_takes_posts_pages_and_terms(site: Site) -> None:
    assert [site.publisher.refuses(t) for t in ("post", "page", "taxonomy")] == [None, None, None]
