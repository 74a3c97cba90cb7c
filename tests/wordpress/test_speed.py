"""How many illustrated articles a minute go online, beside what this WordPress can do at most: `make bench-wordpress`."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from chalicelib.adapters.safe_http import SafeHttp
from chalicelib.adapters.wordpress import WordPressPublisher
from chalicelib.adapters.wordpress_client import WordPressClient
from chalicelib.core.context import Context
from chalicelib.integration.connections import Connections
from chalicelib.integration.publishing import publish
from chalicelib.writer.content import CONTENT
from infra.wordpress.site import WordPressSite
from tests.wordpress.pictures import photo
from tests.wordpress.stock import stocked

ARTICLES = int(os.environ.get("ARTICLES", "0"))
IN_ARTICLE = 3  # and a featured one: four pictures an article
SIZE_PX = (1200, 630)
WORKERS = 4  # as many publish workers as PHP has
SAMPLES = 10


def own_bound(wordpress: WordPressSite) -> tuple[float, float]:
    """Articles a second that WordPress itself can take in: nothing but a create and four uploads for each, by as many workers; and the
    median seconds of one upload by itself."""
    client = WordPressClient(wordpress.url, *wordpress.accounts["admin"], SafeHttp(allow_loopback=True))
    body = {"title": "x", "content": "<p>Text.</p>" * 60, "status": "publish"}
    pictures = [photo(f"bound {n}", *SIZE_PX) for n in range(IN_ARTICLE + 1)]

    def article(number: int) -> list[float]:
        client.call("POST", "/wp/v2/posts", fields=body)
        took = []
        for n, picture in enumerate(pictures):
            begin = time.perf_counter()
            client.call("POST", "/wp/v2/media", upload=(picture, "image/jpeg", f"bound-{number}-{n}.jpg"))
            took.append(time.perf_counter() - begin)
        return took

    article(-1)  # alone: WordPress stumbles when several first uploads of a month make its folder at once
    begin = time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as pool:
        took = sorted(seconds for one in pool.map(article, range(SAMPLES * 2)) for seconds in one)
    return SAMPLES * 2 / (time.perf_counter() - begin), took[len(took) // 2]


@pytest.mark.skipif(not ARTICLES, reason="a measurement: make bench-wordpress")
@pytest.mark.timeout(3600)
def test_articles_a_minute(wordpress: WordPressSite, ctx: Any, place: Any, capsys: Any) -> None:
    here: Context = ctx()
    Connections(here).create({"site_id": place.site_id, "name": "WP", "target": "wordpress", "url": wordpress.url, "api_key": "x" * 20})

    def publisher(tenant: str, name: str, connection: Any) -> WordPressPublisher:
        return WordPressPublisher(wordpress.url, "", "", SafeHttp(allow_loopback=True), bridge_key=wordpress.bridge_key)

    real = replace(here, deps=replace(here.deps, publisher=publisher))
    ids = stocked(real, place, ARTICLES, in_article=IN_ARTICLE, size_px=SIZE_PX)
    with capsys.disabled():
        bound, upload = own_bound(wordpress)
        columns = (TextColumn("publishing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        begin = time.perf_counter()
        with Progress(*columns, console=Console()) as progress, ThreadPoolExecutor(WORKERS) as pool:
            bar = progress.add_task("", total=len(ids))
            for _ in pool.map(lambda one: publish(real, one), ids):
                progress.advance(bar)
        rate = len(ids) / (time.perf_counter() - begin)
        size = f"{SIZE_PX[0]}x{SIZE_PX[1]}"
        print(f"{len(ids)} articles with {IN_ARTICLE + 1} pictures of {size}: {60 * rate:.0f} a minute by {WORKERS} workers")
        print(f"WordPress's own bound, creates and uploads alone: {60 * bound:.0f} a minute (an upload takes {upload:.2f} s)")
        print(f"reached of that: {rate / bound:.0%}")
    assert {real.repository(CONTENT).get(i).sync_status for i in ids} == {"synced"}
    assert int(wordpress.php("echo wp_count_posts()->publish;")) >= ARTICLES
