"""The schema.org description of a content says what its page shows."""

from typing import Any

import pytest

from chalicelib.writer.content import Content
from chalicelib.writer.json_ld import json_ld
from tests.fakes import RememberingPublisher
from tests.writer.conftest import Desk

HTML = (
    "<p>Bikes.</p><h2>What is a frame?</h2><p>It carries you.</p><h2>FAQ</h2><h3>Is it fast?</h3><p>Yes, <em>very</em>.</p>"
    "<h3>Is it dear?</h3><p>It depends.</p>"
)
FAQ = [{"question": "Is it fast?", "answer": "Yes, very."}, {"question": "Is it dear?", "answer": "It depends."}]


def content(**fields: Any) -> Content:
    known = {
        "id": "s-1", "created_at": "2026-11-01T00:00:00Z", "updated_at": "2026-11-02T00:00:00Z", "version": 1, "site_id": "s",
        "sector_id": "s", "title": "Bikes", "cluster": "c", "faq": FAQ, "meta_description": "About bikes.", "primary_keyword": "bikes",
        "secondary_keywords": ["road bikes"],
    }  # fmt: skip
    return Content.model_validate({**known, **fields})


def graph(one: Content, html: str = HTML, **more: Any) -> list[dict[str, Any]]:
    made = json_ld(one, html, publisher="Bikes & Co", domain="bikes.example", **more)
    assert made["@context"] == "https://schema.org"
    found: list[dict[str, Any]] = made["@graph"]
    return found


def test_a_post_is_described_by_its_fields() -> None:
    page, faq = graph(content(author="Ada", published_at="2026-11-01T10:00:00Z", external_url="https://bikes.example/b"), images=["a.png"])
    assert page == {
        "@type": "BlogPosting",
        "headline": "Bikes",
        "description": "About bikes.",
        "inLanguage": "en",
        "image": ["a.png"],
        "datePublished": "2026-11-01T10:00:00Z",
        "dateModified": "2026-11-02T00:00:00Z",
        "author": {"@type": "Person", "name": "Ada"},
        "publisher": {"@type": "Organization", "name": "Bikes & Co", "url": "https://bikes.example"},
        "keywords": ["bikes", "road bikes"],
        "wordCount": 19,
        "url": "https://bikes.example/b",
        "mainEntityOfPage": "https://bikes.example/b",
    }
    assert faq["@type"] == "FAQPage" and [q["acceptedAnswer"]["text"] for q in faq["mainEntity"]] == ["Yes, very.", "It depends."]


@pytest.mark.parametrize(
    ("content_type", "structure", "kind"),
    [("post", "guide", "BlogPosting"), ("page", "article", "Article"), ("page", "landing_page", "WebPage"),
     ("product", "review", "Product"), ("taxonomy", "article", "CollectionPage")],
)  # fmt: skip
def test_what_kind_of_page_it_is(content_type: str, structure: str, kind: str) -> None:
    page = graph(content(content_type=content_type, content_structure=structure))[0]
    assert page["@type"] == kind and ("headline" in page) == (kind in ("BlogPosting", "Article"))
    assert "datePublished" not in page, "it is not published"
    if kind == "Product":
        assert page["brand"]["name"] == "Bikes & Co" and not {"author", "offers", "inLanguage"} & page.keys()
    else:
        assert page["author"] == page["publisher"], "nobody signs it: the site does"


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        (HTML.replace("<h3>Is it dear?</h3><p>It depends.</p>", ""), [("Is it fast?", "Yes, very.")]),
        (HTML.replace("It depends.", "It does not."), [("Is it fast?", "Yes, very."), ("Is it dear?", "It does not.")]),
        (HTML.replace("Is it", "How"), [("How fast?", "Yes, very."), ("How dear?", "It depends.")]),
        (HTML.partition("<h2>FAQ")[0], []),
        (HTML.replace("<p>It depends.</p>", ""), [("Is it fast?", "Yes, very.")]),
    ],
)  # fmt: skip
def test_the_faq_is_the_one_that_the_body_shows(html: str, shown: list[tuple[str, str]]) -> None:
    nodes = graph(content(), html)[1:]
    found = [(q["name"], q["acceptedAnswer"]["text"]) for node in nodes for q in node["mainEntity"]]
    assert found == shown and len(nodes) == bool(shown)


def test_it_is_shown_with_the_content_and_given_to_the_target(desk: Desk, publisher: RememberingPublisher) -> None:
    made = desk.connected().written()
    kinds = [node["@type"] for node in made["json_ld"]["@graph"]]
    assert kinds == ["BlogPosting", "FAQPage"] and "datePublished" not in made["json_ld"]["@graph"][0]
    path = f"writer/content/{made['id']}"
    desk.api.patch(path, {"author": "Ada Byron"})
    desk.api.patch(path, {"status": "review"})
    desk.api.post(f"{path}/approve", {})
    assert desk.api.finished(desk.api.post(f"{path}/publish", {}))["state"] == "succeeded"
    first = publisher.posts[made["id"]]
    assert first.author == "Ada Byron" and first.json_ld and first.published_at is None
    page = first.json_ld["@graph"][0]
    assert page["author"]["name"] == "Ada Byron" and page["datePublished"] <= page["dateModified"]
    desk.api.patch(path, {"title": "Road bikes, again"})
    assert desk.api.finished(desk.api.post(f"{path}/publish", {}))["state"] == "succeeded"
    second, shown = publisher.posts[made["id"]], desk.api.get(path).data
    assert second.published_at is not None and second.published_at.isoformat()[:19] == shown["published_at"][:19]
    assert second.json_ld and second.json_ld["@graph"][0]["datePublished"] == shown["published_at"]
    assert shown["json_ld"]["@graph"][0]["url"] == shown["external_url"]
