"""The static site as a whole: no link leads nowhere, its data is valid, and publishers at work at once lose nothing."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit
from xml.etree import ElementTree

import pytest

from chalicelib.adapters.local_files import FolderFiles
from chalicelib.adapters.static_manifest import Manifest
from chalicelib.adapters.static_site import StaticSitePublisher
from chalicelib.core.errors import NotFound, ValidationFailed
from chalicelib.ports import Article, ArticleImage, RemotePost, Term

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n"
FAQ = (
    "<h2>Frequently asked questions</h2><h3>How long do they last?</h3><p>500 to 800 km.</p>"
    "<h3>Are they &lt;dry&gt;?</h3><p>Some &amp; not all.</p>"
)
BODY = (
    '<p>Intro with <a href="https://example.org/">a source</a>, <a href="/about">a page</a> and <a href="#choose">a jump</a>.</p>'
    '<h2>Choose</h2><p>Text</p><h2>Choose</h2><figure><img src="/img/1" alt="A trail"></figure>'
    '<h2>End</h2><p><a href="#gone">x</a></p>' + FAQ
)


class FixedClock:
    def __init__(self, now: datetime = NOW) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time


def article(number: int = 1, **changes: object) -> Article:
    whole = Article(
        source_id=f"c{number}",
        title=f"Article {number} </script><b>",
        slug=f"article-{number}",
        html=BODY,
        excerpt="An excerpt.",
        terms=(Term("Shoes & boots", "shoes", "category"), Term("trail", "trail", "tag")),
        images=(
            ArticleImage("featured", 0, PNG + b"f", "image/png", 'A "shoe"', "same.png", "/img/0"),
            ArticleImage("in_article", 0, PNG + b"i", "image/png", "A trail", "../same.png", "/img/1"),
        ),
        published_at=NOW - timedelta(days=number),
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def publisher(root: Path, base_url: str = "https://blog.example.com", clock: FixedClock | None = None) -> StaticSitePublisher:
    return StaticSitePublisher(FolderFiles(root), "t1/site", "Trail <Notes>", base_url, clock or FixedClock())


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.data: list[str] = []
        self._in_data = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value is not None:
                self.links.append(value)
            if name == "id" and value:
                assert value not in self.ids, f"the id {value} occurs twice"
                self.ids.add(value)
        self._in_data = tag == "script"

    def handle_data(self, data: str) -> None:
        if self._in_data:
            self.data.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._in_data = False


def read(page: Path) -> Links:
    parser = Links()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser


def crawl(start: Path) -> set[Path]:
    """Follow every link from a page, as a browser with the folder open does. Returns the pages and files found; fails on a dead link."""
    seen: set[Path] = set()
    todo = [start]
    while todo:
        page = todo.pop()
        seen.add(page)
        if page.suffix != ".html":
            continue
        found = read(page)
        for link in found.links:
            if urlsplit(link).scheme in ("http", "https", "mailto"):
                continue
            address = urlsplit(urljoin(page.as_uri(), link))
            target = Path(unquote(address.path))
            assert target.is_file(), f"{page.name}: {link} leads nowhere"
            if address.fragment:
                assert address.fragment in read(target).ids, f"{page.name}: {link} has no place to go to"
            if target not in seen:
                todo.append(target)
    return seen


def test_every_link_of_the_site_leads_somewhere_and_every_file_is_linked(tmp_path: Path) -> None:
    site = publisher(tmp_path)
    for number in range(1, 4):
        site.publish(article(number), None)
    site.publish(article(2, slug="moved"), None)
    site.publish(article(3, images=()), None)
    root = tmp_path / "t1/site"
    found = crawl(root / "index.html")
    files = {p for p in root.rglob("*") if p.is_file() and "_articles" not in str(p) and p.name != "sitemap.xml"}
    assert found == files
    assert not (root / "article-2").exists() and (root / "moved/index.html").exists()
    assert not list((root / "article-3").glob("*.png")), "images that are no longer used are removed"


def test_without_an_address_nothing_absolute_is_written(tmp_path: Path) -> None:
    for base_url in ("", tmp_path.as_uri()):
        publisher(tmp_path, base_url).publish(article(), None)
        page = (tmp_path / "t1/site/article-1/index.html").read_text(encoding="utf-8")
        assert "canonical" not in page and "og:url" not in page and "file:" not in page and "feed.xml" not in page
        assert not (tmp_path / "t1/site/sitemap.xml").exists()


def test_index_is_newest_first_and_leaves_out_drafts_and_the_future(tmp_path: Path) -> None:
    clock = FixedClock()
    site = publisher(tmp_path, clock=clock)
    for number in (3, 1, 2):
        site.publish(article(number), None)
    site.publish(article(4, status="draft"), None)
    planned = site.publish(article(5, status="future", published_at=NOW + timedelta(days=1)), None)
    root = tmp_path / "t1/site"
    assert [link for link in read(root / "index.html").links if link.startswith("article-") and link.endswith("html")] == [
        f"article-{n}/index.html" for n in (1, 2, 3)
    ]
    assert 'content="noindex"' in (root / "article-4/index.html").read_text(encoding="utf-8")
    assert "article-4" not in (root / "sitemap.xml").read_text() and "c4" not in (root / "feed.xml").read_text()
    assert any("joins the index" in note for note in planned.notes)
    clock.time = NOW + timedelta(days=2)
    site.publish(article(1), None)
    assert "article-5/index.html" in read(root / "index.html").links


def test_structured_data_is_valid_json_whatever_the_title(tmp_path: Path) -> None:
    publisher(tmp_path).publish(article(author="Ana </script>"), None)
    (text,) = read(tmp_path / "t1/site/article-1/index.html").data
    graph = {node["@type"]: node for node in json.loads(text)["@graph"]}
    assert graph["Article"]["headline"] == "Article 1 </script><b>" and graph["Article"]["author"]["name"] == "Ana </script>"
    assert graph["Article"]["image"] == ["https://blog.example.com/article-1/same.png"]
    assert [(q["name"], q["acceptedAnswer"]["text"]) for q in graph["FAQPage"]["mainEntity"]] == [
        ("How long do they last?", "500 to 800 km."),
        ("Are they <dry>?", "Some & not all."),
    ]


def test_structured_data_of_the_article_is_kept_and_its_images_point_here(tmp_path: Path) -> None:
    given = {"@context": "https://schema.org", "@type": "Review", "image": "/img/1"}
    publisher(tmp_path).publish(article(json_ld=given, html='<p><img src="/img/1" alt=""></p>'), None)
    (text,) = read(tmp_path / "t1/site/article-1/index.html").data
    assert json.loads(text)["@graph"] == [{"@type": "Review", "image": "https://blog.example.com/article-1/same-2.png"}]


def test_feed_and_sitemap_are_xml_with_absolute_addresses(tmp_path: Path) -> None:
    publisher(tmp_path).publish(article(), None)
    root = tmp_path / "t1/site"
    items = ElementTree.parse(root / "feed.xml").findall("./channel/item")
    assert [(i.findtext("link"), i.findtext("title"), i.findtext("pubDate")) for i in items] == [
        ("https://blog.example.com/article-1/index.html", "Article 1 </script><b>", "Thu, 19 Nov 2026 12:00:00 +0000")
    ]
    places = [loc.text for loc in ElementTree.parse(root / "sitemap.xml").iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")]
    assert places == ["https://blog.example.com/index.html", "https://blog.example.com/article-1/index.html"]


def test_offline_work_is_labelled_on_page_and_card_and_other_work_is_not(tmp_path: Path) -> None:
    site = publisher(tmp_path)
    root = tmp_path / "t1/site"
    site.publish(article(generated_by="offline"), None)
    assert "Offline draft" in (root / "article-1/index.html").read_text() and "Offline draft" in (root / "index.html").read_text()
    site.publish(article(generated_by="openai"), None)
    assert "Offline draft" not in (root / "article-1/index.html").read_text() + (root / "index.html").read_text()


def test_the_first_date_stays_when_an_article_without_one_is_published_again(tmp_path: Path) -> None:
    clock = FixedClock()
    site = publisher(tmp_path, clock=clock)
    site.publish(article(published_at=None), None)
    clock.time = NOW + timedelta(days=3)
    site.publish(article(published_at=None), None)
    page = (tmp_path / "t1/site/article-1/index.html").read_text()
    assert '"datePublished": "2026-11-20T12:00:00Z", "dateModified": "2026-11-23T12:00:00Z"' in page


@pytest.mark.parametrize("slug", ["../../etc", "_articles", "style.css", "index.html", "", "ÄÖ / ü", "a" * 400, "пример"])
def test_no_slug_leaves_the_site_or_takes_one_of_its_files(tmp_path: Path, slug: str) -> None:
    post = publisher(tmp_path).publish(article(slug=slug), None)
    folder = post.url.removeprefix("https://blog.example.com/").removesuffix("/index.html")
    assert folder and folder.replace("-", "").isalnum() and folder.isascii() and len(folder) <= 100
    crawl(tmp_path / "t1/site/index.html")


def test_publishers_at_work_at_once_lose_nothing_and_share_no_folder(tmp_path: Path) -> None:
    posts: list[RemotePost] = []
    errors: list[BaseException] = []

    def work(first: int) -> None:
        try:
            for number in range(first, first + 3):
                posts.append(publisher(tmp_path).publish(article(number, slug="same slug" if number % 3 == 0 else f"own-{number}"), None))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(0, 12, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len({post.url for post in posts}) == 12
    root = tmp_path / "t1/site"
    listed = {link for link in read(root / "index.html").links if link.endswith("/index.html") and "://" not in link}
    assert listed == {post.url.removeprefix("https://blog.example.com/") for post in posts}
    crawl(root / "index.html")


class LosesPower(FolderFiles):
    """Fails at the n-th write or delete, as a process that is killed there."""

    def __init__(self, root: Path, at: int) -> None:
        super().__init__(root)
        self.left = at

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise ConnectionAbortedError

    def put(self, key: str, data: bytes, mime: str) -> None:
        self._count()
        super().put(key, data, mime)

    def delete(self, key: str) -> None:
        self._count()
        super().delete(key)


def test_killed_at_any_step_the_next_attempt_makes_the_site_whole(tmp_path: Path) -> None:
    for at in range(40):
        root = tmp_path / str(at)
        publisher(root).publish(article(1), None)
        publisher(root).publish(article(2), None)
        dying = StaticSitePublisher(LosesPower(root, at), "t1/site", "Trail", "https://blog.example.com", FixedClock())
        try:
            dying.publish(article(1, slug="moved"), None)
        except ConnectionAbortedError:
            crawl(root / "t1/site/index.html")
            publisher(root).publish(article(1, slug="moved"), None)
        else:
            assert at > 10, "the loop has to reach the end of a publication, not begin there"
            return
        site = root / "t1/site"
        files = {p for p in site.rglob("*") if p.is_file() and "_articles" not in str(p) and p.name != "sitemap.xml"}
        assert crawl(site / "index.html") == files
        assert (site / "moved/index.html").exists()
    pytest.fail("a publication takes more than 40 writes")


def test_a_second_reader_reads_no_article_that_is_summarised(tmp_path: Path) -> None:
    class Counts(FolderFiles):
        read: list[str]

        def get(self, key: str) -> bytes:
            self.read.append(key)
            return super().get(key)

    for number in range(1, 6):
        publisher(tmp_path).publish(article(number), None)
    files = Counts(tmp_path)
    files.read = []
    _, entries = Manifest(files, "t1/site/").load()
    assert len(entries) == 5
    assert len(files.read) <= 2, files.read  # the summary, and what was written after it


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/./b", "a\\b", "a\0b", ".."])
def test_a_folder_refuses_keys_that_lead_out_of_it(tmp_path: Path, key: str) -> None:
    files = FolderFiles(tmp_path / "root")
    calls: tuple[Callable[[], object], ...] = (lambda: files.get(key), lambda: files.put(key, b"", "text/plain"), lambda: files.delete(key))
    for call in calls:
        with pytest.raises(ValidationFailed):
            call()


def test_a_folder_refuses_links_that_lead_out_of_it(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (tmp_path / "root").mkdir()
    (tmp_path / "root/link").symlink_to(tmp_path / "secret")
    with pytest.raises(ValidationFailed):
        FolderFiles(tmp_path / "root").get("link")


def test_a_folder_keeps_lists_and_forgets(tmp_path: Path) -> None:
    files = FolderFiles(tmp_path)
    files.put("a/b.txt", b"1", "text/plain")
    files.put("a/b.txt", b"2", "text/plain")
    files.put("ab/c.txt", b"3", "text/plain")
    assert files.get("a/b.txt") == b"2" and files.list("a") == ["a/b.txt", "ab/c.txt"] and files.list("a/") == ["a/b.txt"]
    assert files.list("nothing/") == [] and Path(urlsplit(files.url("a/b.txt")).path).read_bytes() == b"2"
    files.delete("a/b.txt")
    files.delete("a/b.txt")
    assert not (tmp_path / "a").exists()
    with pytest.raises(NotFound):
        files.get("a/b.txt")
