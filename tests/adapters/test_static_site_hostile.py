"""Texts that would be markup, on the pages a static site shows to readers: none becomes an element, an attribute or an address."""

from html import escape
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from chalicelib.adapters.local_files import FolderFiles
from chalicelib.adapters.static_site import StaticSitePublisher
from chalicelib.ports import Term
from chalicelib.writer.html import clean_html
from tests.adapters.test_static_site import FixedClock, article

PAYLOADS = [
    "</title><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "]]></description><script>alert(1)</script>",
    "--><script>alert(1)</script><!--",
    "</style><script>alert(1)</script>",
    '{"@context": "</script><script>alert(1)</script>"}',
    "{{constructor.constructor('alert(1)')()}}",
]


class Page(HTMLParser):
    """What a browser would run: scripts that are no data, handlers, addresses with code."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.active: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("iframe", "object", "embed", "form", "base") or (tag == "script" and given.get("type") != "application/ld+json"):
            self.active.append(f"<{tag}>")
        self.active += [f"{tag} {n}" for n in given if n.startswith("on") or n == "srcdoc"]
        self.active += [
            f"{tag} {n}={v}" for n, v in attrs if n in ("href", "src", "action") and (v or "").strip().lower().startswith("javascript")
        ]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_text_becomes_markup(tmp_path: Path, payload: str) -> None:
    hostile = article(
        title=payload,
        excerpt=payload,
        meta_title=payload,
        meta_description=payload,
        primary_keyword=payload,
        author=payload,
        site_name=payload,
        generated_by=payload,
        terms=(Term(payload, "shoes", "category"),),
        html=clean_html(f"<p>{payload}</p><h2>{escape(payload)}</h2>"),  # as every body is when it is stored
        json_ld={"@context": "https://schema.org", "headline": payload},
    )
    publisher = StaticSitePublisher(FolderFiles(tmp_path), "t1/site", payload, "https://blog.example.com", FixedClock())
    publisher.publish(hostile, None)
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) >= 2
    for page in pages:
        assert Page(page.read_text(encoding="utf-8")).active == [], page.name
    for feed in tmp_path.rglob("*.xml"):
        ElementTree.fromstring(feed.read_bytes())


def test_the_search_finds_what_is_there() -> None:
    for text in ("<script>x</script>", "<p onclick=x>", "<a href=' JavaScript:x'>", "<iframe>"):
        assert Page(text).active
