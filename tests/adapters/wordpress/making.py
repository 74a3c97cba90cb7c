"""A site behind the scripted server and an article for it: what the tests of the WordPress publisher share."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from chalicelib.adapters.safe_http import SafeHttp
from chalicelib.adapters.wordpress import WordPressPublisher
from chalicelib.ports import Article, ArticleImage, RemotePost, Term
from tests.adapters.fake_wordpress import FakeWordPress
from tests.adapters.scripted_server import Asked, LoopbackServer, Reply

PNG = b"\x89PNG\r\n\x1a\n"


@dataclass
class Site:
    wordpress: FakeWordPress
    server: LoopbackServer

    def publisher(self, password: str | None = None, timeout_seconds: float = 5.0) -> WordPressPublisher:
        http = SafeHttp(allow_loopback=True)
        return WordPressPublisher(
            self.server.url, self.wordpress.user, password or self.wordpress.password, http, timeout_seconds=timeout_seconds
        )

    def publish(self, article: Article, known: RemotePost | None = None) -> RemotePost:
        return self.publisher().publish(article, known)

    def writes(self) -> list[Asked]:
        return [a for a in self.server.asked if a.method != "GET"]


def article(**changes: object) -> Article:
    whole = Article(
        source_id="t1-c--7",
        title="Trail shoes",
        slug="trail-shoes",
        html='<p>Fit.</p><figure><img src="/img/1" alt="A trail"></figure>',
        excerpt="Short.",
        meta_title="Meta",
        meta_description="Described",
        primary_keyword="trail shoes",
        terms=(Term("R&B <hits>", "", "category"), Term("shoes", "shoes", "tag")),
        images=(ArticleImage("in_article", 0, PNG, "image/png", "A trail", "in 1.png", "/img/1"),),
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def on(method: str, route: str, reply: Reply) -> Callable[[Asked], Reply | None]:
    """A fault for one route, once."""
    left = [reply]

    def fault(asked: Asked) -> Reply | None:
        return left.pop() if left and asked.method == method and asked.query.get("rest_route", "").startswith(route) else None

    return fault
