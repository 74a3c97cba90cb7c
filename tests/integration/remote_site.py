"""A WordPress that people change: what the tests of pulling from a target share."""

from dataclasses import replace
from typing import Any

from chalicelib.ports import Article, RemoteArticle, RemoteBatch, RemotePost, RemoteState, Term
from tests.fakes import RememberingPublisher
from tests.writer.conftest import Desk

EARLY, LATE = "2026-01-01T10:00:00", "2026-01-02T10:00:00"


class Site(RememberingPublisher):
    """A WordPress as far as it is read: posts by their remote id, which people change by setting `state`."""

    target = "wordpress"

    def __init__(self) -> None:
        super().__init__()
        self.state: dict[str, RemoteState] = {}
        self.others: list[RemoteArticle] = []
        self.tags: list[Term] = []
        self.reporting: tuple[str, str] | None = None
        self.has_plugin = True

    def publish(self, article: Article, known: RemotePost | None) -> RemotePost:
        post = replace(super().publish(article, known), kind="post", modified_at=EARLY)
        self.state[post.external_id] = RemoteState(post.external_id, "post", "publish", post.url, article.slug, article.title, EARLY)
        return post

    def people(self, content: str, **changes: Any) -> None:
        self.state[f"post-{content}"] = replace(self.state[f"post-{content}"], **{"modified_at": LATE, **changes})

    def states(self, posts: Any) -> dict[str, RemoteState]:
        if self.failures:
            raise self.failures.pop(0)
        return {p.external_id: self.state.get(p.external_id, RemoteState(p.external_id, p.kind, "gone")) for p in posts}

    def articles(self, cursor: str = "") -> RemoteBatch:
        at = int(cursor or 0)
        return RemoteBatch(tuple(self.others[at : at + 2]), str(at + 2) if at + 2 < len(self.others) else "", len(self.others))

    def terms(self, cursor: str = "") -> RemoteBatch:
        return RemoteBatch(tuple(self.tags[:1]), "more") if not cursor and self.tags else RemoteBatch(tuple(self.tags[1:]))

    def report_to(self, url: str, secret: str) -> bool:
        self.reporting = (url, secret)
        return self.has_plugin


def shown(desk: Desk, content: str) -> dict[str, Any]:
    data: dict[str, Any] = desk.api.get(f"writer/content/{content}").data
    return data
