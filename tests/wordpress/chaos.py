"""Publishing on a real WordPress while things break: each article by two workers at once, with faults of the site, lost replies and
workers that die; then what the site and the table hold is compared with what there should be."""

import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from chalicelib import ports
from chalicelib.adapters.safe_http import SafeHttp
from chalicelib.adapters.system_clock import SystemClock
from chalicelib.adapters.wordpress import WordPressPublisher
from chalicelib.core.context import Context
from chalicelib.core.errors import AlreadyPublished, AppError
from chalicelib.core.scope import Scope
from chalicelib.integration.publish_record import LEASE_SECONDS, PublishBusy
from chalicelib.integration.publishing import publish
from infra.wordpress.site import WordPressSite

CREATE, UPDATE, MEDIA = "POST /wp/v2/posts", r"POST /wp/v2/posts/\d+", "POST /wp/v2/media"
LOOK = r"GET /(wp/v2/posts|igny8/v1/posts)"
FAULTS: tuple[tuple[str, str], ...] = (
    ("crash before", f"({CREATE}|{UPDATE}|{MEDIA}|{LOOK})"),
    ("crash after insert", f"({CREATE}|{UPDATE})"),
    ("500 after insert", f"({CREATE}|{UPDATE}|{MEDIA})"),
    ("slow, then cut", f"({CREATE}|{UPDATE}|{MEDIA})"),
    ("maintenance", f"({CREATE}|{MEDIA}|{LOOK})"),
    ("notice before JSON", f"({CREATE}|{UPDATE}|{LOOK})"),
    ("REST off", f"({CREATE}|{LOOK})"),
    ("crash while resizing", MEDIA),
    ("plain permalinks", f"({CREATE}|{LOOK})"),
    ("redirect", f"({CREATE}|{LOOK})"),
)
DEATHS = ("before publishing", "after publishing, before the record")
DELIVERIES = 30
PATIENCE_SECONDS = 90.0
CALL_SECONDS = 2.0  # the site's slow answer takes 3


ALL_POSTS = """
$all = get_posts(['post_type' => 'post', 'post_status' => array_keys(get_post_stati()), 'numberposts' => -1, 'suppress_filters' => true]);
echo json_encode(array_map(fn($p) => [
    'id' => $p->ID, 'status' => $p->post_status, 'slug' => $p->post_name, 'content' => $p->post_content,
    'source' => get_post_meta($p->ID, 'publisher_source_id', true), 'thumbnail' => (int) get_post_meta($p->ID, '_thumbnail_id', true),
    'seo' => get_post_meta($p->ID, '_yoast_wpseo_title', true), 'json_ld' => get_post_meta($p->ID, 'igny8_json_ld', true) !== '',
    'categories' => wp_get_post_categories($p->ID, ['fields' => 'names']), 'tags' => wp_get_post_tags($p->ID, ['fields' => 'names']),
], $all));
"""
ALL_ATTACHMENTS = """
$all = get_posts(['post_type' => 'attachment', 'numberposts' => -1, 'post_status' => 'any']);
echo json_encode(array_map(fn($p) => $p->post_name, $all));
"""


class WorkerDied(BaseException):
    """Ends a worker as when its process is gone."""


class JumpingClock(SystemClock):
    """The real time, and what was jumped over."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


@dataclass
class Mortal:
    """A publisher whose worker may die: before the call, or after it was done and before anybody has written that down."""

    inner: WordPressPublisher
    death: list[str]
    target: str = "wordpress"

    def publish(self, article: ports.Article, known: ports.RemotePost | None) -> ports.RemotePost:
        death = self.death.pop() if self.death else ""
        if death == DEATHS[0]:
            raise WorkerDied
        post = self.inner.publish(article, known)
        if death:
            raise WorkerDied
        return post


@dataclass
class Chaos:
    """ctx: its publisher is put in the place of what it has. spoiled: changes each worker's publisher, for the control runs."""

    ctx: Context
    site: WordPressSite
    seed: int
    spoil: Callable[[WordPressPublisher], WordPressPublisher] = lambda publisher: publisher
    clock: JumpingClock = field(default_factory=JumpingClock)
    met: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.file = self.site.dir / "chaos.json"

    def publish_with_faults(self, content_id: str) -> None:
        """Two workers publish the content, with up to two faults and perhaps a death in their way, until one has done it."""
        chosen = self.random.sample(FAULTS, self.random.choice((0, 1, 1, 2)))
        self.file.write_text(json.dumps([{"kind": kind, "match": match} for kind, match in chosen]))
        death = [self.random.choice(DEATHS)] if self.random.random() < 0.25 else []
        names = [kind for kind, _ in chosen] + [f"worker dies {d}" for d in death]
        self.met.update(names or ["nothing"])
        with ThreadPoolExecutor(2) as pool:
            workers = [pool.submit(self._work, content_id, death) for _ in range(2)]
        for worker in workers:
            worker.result()
        left = [one["kind"] for one in json.loads(self.file.read_text() or "[]")]
        self.met.subtract([*left, *(f"worker dies {d}" for d in death)])  # what nobody met
        self.file.write_text("[]")

    def _context(self, death: list[str]) -> Context:
        key = self.site.bridge_key if self.random.random() < 0.5 else ""
        user, password = self.site.accounts["admin"]
        http = SafeHttp(allow_loopback=True)
        real = WordPressPublisher(self.site.url, user, password, http, bridge_key=key, timeout_seconds=CALL_SECONDS)
        publisher: Any = Mortal(self.spoil(real), death)
        deps = replace(self.ctx.deps, clock=self.clock, publisher=lambda tenant, name, connection: publisher)
        return Context(Scope.worker(self.ctx.tenant), deps)

    def _work(self, content_id: str, death: list[str]) -> None:
        """What the queue does: deliver again after a failure that may pass, and, when a person asks once more, after one that may not."""
        deliveries, began = 0, time.monotonic()
        while deliveries < DELIVERIES and time.monotonic() - began < PATIENCE_SECONDS:
            deliveries += 1
            try:
                publish(self._context(death), content_id)
                self.outcomes["published"] += 1
                return
            except AlreadyPublished:
                self.outcomes["already published"] += 1
                return
            except WorkerDied:
                self.outcomes["worker died"] += 1
                self.clock.ahead += timedelta(seconds=LEASE_SECONDS + 1)  # its lease ends
            except PublishBusy:  # the other worker is at it: that is no failure
                deliveries -= 1
                time.sleep(0.2)
            except AppError as error:
                self.outcomes[f"tried again: {type(error).__name__}"] += 1
                time.sleep(0.05)
        raise AssertionError(f"{content_id} was not published in {deliveries} deliveries: {self.outcomes}")

    def posts(self) -> dict[str, list[dict[str, Any]]]:
        """Every post on the site by our source id, in any status, drafts and trash too; and those nobody knows of."""
        found = self.site.php(ALL_POSTS)
        by_source: dict[str, list[dict[str, Any]]] = {}
        for post in json.loads(found):
            mark = re.search(r"igny8:content=(\S+)", post["content"])  # a crash may have left a post without its fields
            source = post["source"] or (unquote(mark[1]) if mark else f"nobody's: {post['slug']}")
            by_source.setdefault(source, []).append(post)
        return by_source

    def attachments(self) -> Counter[str]:
        names = self.site.php(ALL_ATTACHMENTS)
        return Counter(json.loads(names))

    def table(self) -> str:
        """What was met and what came of it, for people."""
        rows = [f"  {name:<52} {times:>5}" for name, times in sorted(self.met.items())]
        ends = [f"  {name:<52} {times:>5}" for name, times in sorted(self.outcomes.items())]
        return "\n".join(["fault (articles that met it)", *rows, "deliveries", *ends])
