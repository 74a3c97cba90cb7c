"""Internal links: what an article may link to, that it does link, and that nothing dead or foreign is linked."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.adapters.offline_text import OfflineTextModel
from chalicelib.ai.engine import run
from chalicelib.ai.functions.generate_content import FUNCTION
from chalicelib.ai.internal_links import LINKS, linked, links_for
from chalicelib.core.context import Context, Deps
from chalicelib.planner.clusters import CLUSTER
from chalicelib.writer.content import CONTENT, Content, body_html
from chalicelib.writer.tasks import TASK
from tests.automation.pipeline import new_account
from tests.conftest import Place, make_site

GIVEN = [{"title": "Gravel & mud", "url": "https://bikes.example/gravel"}, {"title": "Helmets", "url": "https://bikes.example/helmets/"}]


@pytest.fixture
def owner(deps: Deps) -> Context:
    return new_account(replace(deps, text=lambda choice: OfflineTextModel()))


@pytest.fixture
def place(owner: Context) -> Place:
    return make_site(owner)[0]


@pytest.fixture
def home(owner: Context, place: Place) -> str:
    return cluster(owner, place, "Road Bikes")


def cluster(owner: Context, place: Place, name: str) -> str:
    clusters = owner.repository(CLUSTER)
    return clusters.create(clusters.new(place.sector_id, name=name)).id


def published(owner: Context, place: Place, cluster_id: str, title: str, **fields: Any) -> Content:
    contents = owner.repository(CONTENT)
    slug = title.lower().replace(" ", "-")
    known = {"status": "published", "external_url": f"https://bikes.example/{slug}", "cluster": cluster_id}
    return contents.create(contents.new(place.sector_id, title=title, **{**known, **fields}))


def offered(owner: Context, place: Place, cluster_id: str, **more: Any) -> list[str]:
    known = {"title": "Road bike sizes", "keywords": ["road bike sizes"], "language": "en"}
    return [link["title"] for link in links_for(owner, place.sector_id, cluster_id, **{**known, **more})]


def test_offered_are_the_clusters_published_contents_nearest_first(owner: Context, place: Place, home: str) -> None:
    other = cluster(owner, place, "Helmets")
    published(owner, place, home, "Pedals")
    published(owner, place, home, "Road bike sizes for children")
    published(owner, place, other, "Road bike helmets")
    published(owner, place, home, "A draft", status="draft")
    assert offered(owner, place, home) == ["Road bike sizes for children", "Pedals"]


def test_what_is_dead_or_has_no_https_address_is_not_offered(owner: Context, place: Place, home: str) -> None:
    published(owner, place, home, "Plain", external_url="http://bikes.example/plain")
    published(owner, place, home, "Nowhere", external_url=None)
    published(owner, place, home, "Waiting", external_metadata={"remote_status": "draft"})
    published(owner, place, home, "Trashed", external_metadata={"remote_status": "trash"})
    live = published(owner, place, home, "Online", external_metadata={"remote_status": "publish"})
    deleted = published(owner, place, home, "Deleted")
    owner.repository(CONTENT).delete(deleted.id)
    assert offered(owner, place, home) == ["Online"]
    owner.repository(CONTENT).patch(live.id, {"status": "draft", "external_url": None})
    assert offered(owner, place, home) == []


def test_an_old_content_of_a_large_sector_is_found_and_only_so_many_are_offered(owner: Context, place: Place, home: str) -> None:
    other = cluster(owner, place, "Helmets")
    for n in range(230):
        published(owner, place, other, f"Helmet {n}")
    for n in range(LINKS + 2):
        published(owner, place, home, f"Bike {n}")
    found = offered(owner, place, home)
    assert len(found) == LINKS and all(title.startswith("Bike ") for title in found)


def test_imported_contents_without_a_cluster_are_offered_when_they_deal_with_it(owner: Context, place: Place, home: str) -> None:
    published(owner, place, "", "Choosing road bike sizes", source="wordpress")
    published(owner, place, "", "What riders say", source="wordpress", primary_keyword="road bike sizes")
    published(owner, place, "", "Cake recipes", source="wordpress")
    published(owner, place, home, "An imported page of this cluster", source="wordpress")
    assert offered(owner, place, home)[:2] == ["Choosing road bike sizes", "What riders say"]
    assert "Cake recipes" not in offered(owner, place, home) and len(offered(owner, place, home)) == 3


def test_a_content_is_not_offered_to_itself_nor_one_address_twice(owner: Context, place: Place, home: str) -> None:
    me = published(owner, place, home, "Road bike sizes")
    published(owner, place, home, "Imported twin", source="wordpress", external_url="https://bikes.example/road-bike-sizes/")
    published(owner, place, home, "One", external_url="https://bikes.example/one")
    published(owner, place, home, "One again", external_url="https://bikes.example/one/")
    assert offered(owner, place, home, but=me) == ["One"]


@pytest.mark.parametrize(
    ("html", "after"),
    [
        ("<p>Text.</p>", '<p>Text.</p><p>Related: <a href="https://bikes.example/gravel">Gravel &amp; mud</a>, '
                         '<a href="https://bikes.example/helmets/">Helmets</a>.</p>'),
        ('<p>See <a href="https://bikes.example/helmets">them</a>.</p>', '<p>See <a href="https://bikes.example/helmets">them</a>.</p>'),
        ('<p><a href="https://bikes.example/gravel">a</a> <a href="https://bikes.example/gravel/"><em>b</em></a></p>',
         '<p><a href="https://bikes.example/gravel">a</a> <em>b</em></p>'),
    ],
)  # fmt: skip
def test_every_link_once_and_at_least_one(html: str, after: str) -> None:
    assert linked(html, GIVEN, "en") == after and linked(after, GIVEN, "en") == after


def test_the_related_line_stands_before_the_faq_in_the_articles_language() -> None:
    body = "<p>A.</p><h2>Eins</h2><p>B.</p><h2>Häufige Fragen</h2><h3>Wie?</h3><p>So.</p>"
    assert '<p>Mehr dazu: <a href="https://bikes.example/gravel">' in linked(body, GIVEN, "de-AT").split("<h2>Häufige")[0]
    assert "<p><a " in linked(body, GIVEN, "xx") and linked(body, [], "de") == body


def test_a_written_article_links_to_its_sisters(owner: Context, place: Place, home: str) -> None:
    published(owner, place, home, "Road bike tyres")
    tasks = owner.repository(TASK)
    for words in (400, 1_400):
        task = tasks.create(tasks.new(place.sector_id, title="Road bike sizes", cluster=home, keywords="road bike sizes", word_count=words))
        done = run(owner, FUNCTION, task.id, op=task.id)
        html = body_html(owner, owner.repository(CONTENT).get(done.result["content"]))
        assert html.count('<a href="https://bikes.example/road-bike-tyres">Road bike tyres</a>') == 1
