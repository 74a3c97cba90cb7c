"""Find an article's post on a WordPress site, whatever became of the reply that named it: by id, source id, slug or mark in the text."""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, unquote

from slugify import slugify

from chalicelib.adapters.wordpress_client import WordPressClient
from chalicelib.ports import Article, RemotePost

SLUGS_LOOKED_FOR = 5
STATUSES = "publish,future,draft,pending,private"
MISSING = frozenset({"rest_post_invalid_id", "rest_term_invalid"})
_MARK = re.compile(r"<!-- igny8:content=([\w.~%]{1,600}) -->")
NO_PLUGIN = frozenset({"rest_no_route"})
GONE = frozenset({"rest_already_trashed", "rest_post_invalid_id"})


class WordPressPosts:
    """source_meta: the meta field in which the companion plugin keeps our source id; without that plugin a comment in the post's HTML is
    how we know our own posts."""

    def __init__(self, client: WordPressClient, source_meta: str) -> None:
        self._client, self._source_meta = client, source_meta

    def existing(self, route: str, article: Article, known: RemotePost | None) -> dict[str, Any] | None:
        """The article's post if there is one, the oldest of several, also in the trash.

        Slugs change and replies get lost, so it is looked for by the id that is known, by the plugin's look-up, by its slug and by its
        mark, in this order. Raises: UpstreamUnavailable, UpstreamRejected.
        """
        if known is not None and known.external_id.isdigit():
            answer = self._client.call("GET", f"{route}/{known.external_id}", query={"context": "edit"}, accept_codes=MISSING)
            if not answer.code:
                return answer.entry()
        for number in self._by_plugin(article.source_id):
            answer = self._client.call("GET", f"{route}/{number}", query={"context": "edit"}, accept_codes=MISSING)
            if not answer.code:
                return answer.entry()
        slugs = numbered(wordpress_slug(article))
        with_trashed = [*slugs, *(f"{slug}__trashed" for slug in slugs)]
        for name, value in (("slug", ",".join(with_trashed)), ("search", token(article.source_id))):
            mine = self._mine(route, article.source_id, {name: value, "status": f"{STATUSES},trash", "per_page": 2 * len(with_trashed)})
            if mine:
                return mine[0]
        return None

    def one_of_twins(self, route: str, article: Article, post: dict[str, Any]) -> dict[str, Any]:
        """After a create: should another run have created the post at the same time, the older stays and the others go to the trash."""
        query: dict[str, str | int] = {"slug": ",".join(numbered(wordpress_slug(article))), "per_page": 100, "status": STATUSES}
        mine = self._mine(route, article.source_id, query)
        for twin in mine[1:]:
            self.trash(route, str(twin["id"]))
        return post if not mine or mine[0]["id"] == post["id"] else mine[0]

    def trash(self, route: str, number: str) -> bool:
        """False when it was there or gone already."""
        return not self._client.call("DELETE", f"{route}/{number}", accept_codes=GONE).code

    def _by_plugin(self, source_id: str) -> Iterable[int]:
        query: dict[str, str | int] = {"source_id": source_id}
        answer = self._client.call("GET", "/igny8/v1/posts", query=query, accept_codes=NO_PLUGIN)
        return [] if answer.code else [int(post["id"]) for post in answer.entries() if post.get("source_id") == source_id]

    def _mine(self, route: str, source_id: str, query: dict[str, str | int]) -> list[dict[str, Any]]:
        found = self._client.call("GET", route, query={**query, "context": "edit"}).entries()
        return sorted((post for post in found if self._is_mine(post, source_id)), key=lambda post: int(post["id"]))

    def _is_mine(self, post: dict[str, Any], source_id: str) -> bool:
        meta = post.get("meta") or {}
        raw = str((post.get("content") or {}).get("raw", ""))
        return (isinstance(meta, dict) and meta.get(self._source_meta) == source_id) or marker(source_id) in raw


def wordpress_slug(article: Article) -> str:
    """The slug we ask for, as WordPress would keep it. A purely numeric one would be changed by WordPress, so it gets a word."""
    slug = slugify(article.slug, max_length=190) or f"article-{slugify(article.source_id)}"
    return f"article-{slug}" if slug.isdigit() else slug


def numbered(slug: str) -> list[str]:
    """The slug and what WordPress makes of it when it is taken."""
    return [slug, *(f"{slug}-{n}" for n in range(2, SLUGS_LOOKED_FOR + 1))]


def token(source_id: str) -> str:
    """The source id as it stands in the mark: one word for WordPress's search, and no `--`, which would end the comment."""
    return quote(source_id, safe="").replace("-", "%2D")


def marker(source_id: str) -> str:
    """A comment in the post's HTML that says whose it is."""
    return f"<!-- igny8:content={token(source_id)} -->"


def source_in(body: str) -> str:
    """The source id in a body's mark, '' where there is none."""
    found = _MARK.search(body)
    return unquote(found.group(1)) if found else ""


def marked(body: str, source_id: str) -> str:
    """The body with the mark in it: inside its first paragraph, because WordPress would make a paragraph of a comment on its own,
    which readers see as a gap above the text."""
    mark = marker(source_id)
    return f"<p>{mark}{body.removeprefix('<p>')}" if body.startswith("<p>") else f"{mark}\n{body}"
