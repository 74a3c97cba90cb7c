"""200 articles on a real WordPress that breaks in every way we know: one post each, complete, and the control runs that must fail."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chalicelib.adapters.wordpress import WordPressPublisher
from chalicelib.core.context import Context
from chalicelib.core.table import Table, Write
from chalicelib.integration.connections import CONNECTION, Connections
from chalicelib.integration.publish_record import content_of, record_key
from chalicelib.ports import Article, RemotePost
from chalicelib.writer.content import CONTENT
from infra.wordpress.site import WordPressSite
from tests.wordpress.chaos import Chaos
from tests.wordpress.stock import stocked

PUBLISHES = int(os.environ.get("CHAOS_PUBLISHES", "200"))
CONTROLS = 30  # articles of a run with a safeguard removed
SEED = int(os.environ.get("CHAOS_SEED", "7"))


@pytest.fixture
def broken(wordpress: WordPressSite, ctx: Any, place: Any) -> Iterator[Any]:
    """A context with a WordPress connection, and the site with faults on call."""
    Connections(ctx()).create({"site_id": place.site_id, "name": "WP", "target": "wordpress", "url": wordpress.url, "api_key": "x" * 20})
    with wordpress.fault(Path(__file__).with_name("chaos.php").read_text(), "chaos"):
        yield ctx()


def faults_found(chaos: Chaos, ids: list[str]) -> list[str]:
    """Whatever is not as it should be, on the site and in the table."""
    posts, wrong = chaos.posts(), []
    for name in posts:
        if name.startswith("nobody's") and not name.endswith(("hello-world", "sample-page")):
            wrong.append(f"a post that nobody knows of: {name}")
    contents = chaos.ctx.repository(CONTENT)
    for content_id in ids:
        mine, content = posts.get(content_id, []), contents.get(content_id)
        if len(mine) != 1:
            wrong.append(f"{content.slug}: {len(mine)} posts: {[(p['id'], p['status'], p['slug']) for p in mine]}")
            continue
        post = mine[0]
        expected = {"status": "publish", "slug": content.slug, "seo": content.meta_title, "json_ld": True}
        expected |= {"categories": sorted(content.categories), "tags": sorted(content.tags)}
        got = {**{k: post[k] for k in expected}, "categories": sorted(post["categories"]), "tags": sorted(post["tags"])}
        if got != expected:
            wrong.append(f"{content.slug}: {got} instead of {expected}")
        if not post["thumbnail"] or post["content"].count("<img") != 1 or "/uploads/" not in post["content"]:
            wrong.append(f"{content.slug}: pictures are missing")
        connection = next(c for c in chaos.ctx.repository(CONNECTION).under((f"{chaos.ctx.tenant}#{content.site_id}#Q", "")))
        record = chaos.ctx.deps.table.get(record_key(chaos.ctx, content, connection)) or {}
        seen = (content.status, content.sync_status, content.external_id, record.get("external_id"), "lease_owner" in record)
        if seen != ("published", "synced", str(post["id"]), str(post["id"]), False):
            wrong.append(f"{content.slug}: the table says {seen}")
        if content_of(chaos.ctx, connection.id, str(post["id"])) != content_id:
            wrong.append(f"{content.slug}: the look-up row is wrong")
    twice = {name: n for name, n in chaos.attachments().items() if n > 1 or name.rsplit("-", 1)[-1] in ("2", "3")}
    return wrong + [f"uploaded twice: {name}" for name in twice]


@pytest.mark.timeout(1800)
def test_one_complete_post_for_each_article_whatever_breaks(broken: Context, place: Any, wordpress: WordPressSite, capsys: Any) -> None:
    ids = stocked(broken, place, PUBLISHES)
    chaos = Chaos(broken, wordpress, SEED)
    for content_id in ids:
        chaos.publish_with_faults(content_id)
    wrong = faults_found(chaos, ids)
    with capsys.disabled():
        print(f"\n{len(ids)} articles, two workers each, seed {SEED}\n{chaos.table()}\nwrong afterwards: {len(wrong)}")
    assert wrong == []


class WithoutLookUp(WordPressPublisher):
    """Creates whenever it remembers no post."""

    def publish(self, article: Article, known: RemotePost | None) -> RemotePost:
        if known is None:
            self._posts.existing = lambda route, article, known: None  # type: ignore[method-assign]
            self._posts.one_of_twins = lambda route, article, post: post  # type: ignore[method-assign]
        return super().publish(article, known)


class WithoutLease(Table):
    """A table on which everybody gets every lease."""

    def __init__(self, inner: Table) -> None:
        self.__dict__.update(inner.__dict__)

    def write(self, action: Write) -> Any:
        return super().write(_always(action))

    def transact(self, actions: Any) -> None:
        super().transact([_always(action) for action in actions])


def _always(action: Write) -> Write:
    return replace(action, condition=f"({action.condition}) OR NOT ({action.condition})") if "lease" in action.condition else action


@pytest.mark.timeout(900)
@pytest.mark.parametrize("removed", ["the look-up", "the lease"])
def test_without_a_safeguard_it_goes_wrong(removed: str, broken: Context, place: Any, wordpress: WordPressSite, capsys: Any) -> None:
    ids = stocked(broken, place, CONTROLS)

    def spoil(publisher: WordPressPublisher) -> WordPressPublisher:
        if removed == "the look-up":
            publisher.__class__ = WithoutLookUp
        return publisher

    here = broken
    if removed == "the lease":
        here = replace(broken, deps=replace(broken.deps, table=WithoutLease(broken.deps.table)))
    chaos = Chaos(here, wordpress, SEED, spoil)
    for content_id in ids:
        with suppress(AssertionError):  # without the lease a worker may never find the record as it left it
            chaos.publish_with_faults(content_id)
    wrong = faults_found(replace(chaos, ctx=broken), ids)
    with capsys.disabled():
        print(f"\nwithout {removed}: {len(wrong)} things wrong, for example {wrong[:1]}")
    assert any(" posts: " in line for line in wrong), wrong
