"""Read a WordPress site: how our posts stand there, which others it has, its terms; and have it report what people change."""

import html
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from chalicelib.adapters.wordpress_client import WordPressAnswer, WordPressClient
from chalicelib.adapters.wordpress_posts import MISSING, STATUSES, source_in
from chalicelib.adapters.wordpress_terms import ROUTES
from chalicelib.core.errors import ValidationFailed
from chalicelib.ports import RemoteArticle, RemoteBatch, RemotePost, RemoteState, Term

PER_PAGE = 100
ARTICLES_PER_PAGE = 20  # with their whole text: 20 long ones stay far below the answer's size limit
KINDS = {"post": "/wp/v2/posts", "page": "/wp/v2/pages", "product": "/wp/v2/product"}
IMPORTED = ("post", "page")
NO_ROUTE = frozenset({"rest_no_route"})
PAST_THE_END = frozenset({"rest_post_invalid_page_number"})
STATE_FIELDS = "id,type,status,link,slug,title,modified_gmt,date_gmt,meta,categories,tags"
TERM_NAMES_PER_CALL = 100


class WordPressReader:
    """The reading half of `WordPressPublisher`: `ports.RemoteSite`."""

    def __init__(self, client: WordPressClient, source_meta: str) -> None:
        self._client, self._source_meta = client, source_meta
        self._names: dict[tuple[str, int], Term] = {}

    def states(self, posts: Sequence[RemotePost]) -> dict[str, RemoteState]:
        """See `ports.RemoteSite.states`: one call for a hundred posts of a kind, and one for their terms where new ones are met."""
        found: dict[str, RemoteState] = {}
        for kind in dict.fromkeys(post.kind or "post" for post in posts):
            ids = [post.external_id for post in posts if (post.kind or "post") == kind and post.external_id.isdigit()]
            for at in range(0, len(ids), PER_PAGE):
                some = ids[at : at + PER_PAGE]
                found |= self._term_states(kind, some) if kind in ROUTES else self._post_states(kind, some)
        return found | {post.external_id: self._alone(post) for post in posts if post.external_id not in found}

    def _alone(self, post: RemotePost) -> RemoteState:
        """A post that the list leaves out. It is asked for by its id before it is called gone: plugins filter lists (by language, for
        one), and a user may not see other users' private posts in them."""
        kind, number = post.kind or "post", post.external_id
        if number.isdigit():
            route = f"/wp/v2/{ROUTES[kind]}" if kind in ROUTES else KINDS.get(kind, KINDS["post"])
            missing = MISSING | NO_ROUTE if kind == "product" else MISSING
            query: dict[str, str | int] = {} if kind in ROUTES else {"context": "edit", "_fields": STATE_FIELDS}
            answer = self._client.call("GET", f"{route}/{number}", query=query, accept_codes=missing)
            if not answer.code:
                return _term_state(kind, answer.entry()) if kind in ROUTES else self._states([answer.entry()])[0]
        return RemoteState(number, kind, "gone")

    def _post_states(self, kind: str, ids: list[str]) -> dict[str, RemoteState]:
        query: dict[str, str | int] = {
            "include": ",".join(ids),
            "per_page": PER_PAGE,
            "status": f"{STATUSES},trash",
            "context": "edit",
            "_fields": STATE_FIELDS,
        }
        no_shop = NO_ROUTE if kind == "product" else frozenset()
        answer = self._client.call("GET", KINDS.get(kind, KINDS["post"]), query=query, accept_codes=no_shop)
        states = [] if answer.code else self._states(answer.entries())
        return {state.external_id: state for state in states}

    def _term_states(self, kind: str, ids: list[str]) -> dict[str, RemoteState]:
        query: dict[str, str | int] = {"include": ",".join(ids), "per_page": PER_PAGE}
        found = self._client.call("GET", f"/wp/v2/{ROUTES[kind]}", query=query).entries()
        return {str(term["id"]): _term_state(kind, term) for term in found}

    def articles(self, cursor: str = "") -> RemoteBatch:
        """See `ports.RemoteSite.articles`: published posts, then published pages, oldest id first. A cursor is `<kind>:<page>`."""
        kind, page = _position(cursor)
        query: dict[str, str | int] = {
            "orderby": "id",
            "order": "asc",
            "per_page": ARTICLES_PER_PAGE,
            "page": page,
            "status": "publish",
            "context": "edit",
        }
        answer = self._client.call("GET", KINDS[kind], query=query, accept_codes=PAST_THE_END)
        posts = [] if answer.code else answer.entries()
        texts = [_article(state, post) for state, post in zip(self._states(posts), posts, strict=True)]
        pages = _header(answer, "x-wp-totalpages")
        following = f"{kind}:{page + 1}" if page < pages else ""
        if not following and kind != IMPORTED[-1]:
            following = f"{IMPORTED[IMPORTED.index(kind) + 1]}:1"
        return RemoteBatch(tuple(texts), following, _header(answer, "x-wp-total"))

    def terms(self, cursor: str = "") -> RemoteBatch:
        """See `ports.RemoteSite.terms`: categories, then tags. A cursor is `<taxonomy>:<page>`."""
        taxonomy, page = _position(cursor, tuple(ROUTES))
        query: dict[str, str | int] = {"orderby": "id", "order": "asc", "per_page": PER_PAGE, "page": page}
        answer = self._client.call("GET", f"/wp/v2/{ROUTES[taxonomy]}", query=query, accept_codes=PAST_THE_END)
        found = tuple(_term(taxonomy, one) for one in ([] if answer.code else answer.entries()))
        following = f"{taxonomy}:{page + 1}" if page < _header(answer, "x-wp-totalpages") else ""
        if not following and taxonomy == "category":
            following = "tag:1"
        return RemoteBatch(found, following, _header(answer, "x-wp-total"))

    def report_to(self, url: str, secret: str) -> bool:
        """Tell the companion plugin where to report. False without the plugin, or when the user may not change its settings."""
        refused = frozenset({"rest_no_route", "rest_forbidden"})
        fields = {"url": url, "secret": secret}
        return not self._client.call("PUT", "/igny8/v1/reporting", fields=fields, accept_codes=refused).code

    def _states(self, posts: Sequence[dict[str, Any]]) -> list[RemoteState]:
        self._learn_names(posts)
        return [self._state(post) for post in posts]

    def _learn_names(self, posts: Iterable[dict[str, Any]]) -> None:
        posts = list(posts)
        for taxonomy, field in ROUTES.items():
            ids = sorted({int(i) for post in posts for i in post.get(field) or [] if (taxonomy, int(i)) not in self._names})
            for at in range(0, len(ids), TERM_NAMES_PER_CALL):
                query: dict[str, str | int] = {
                    "include": ",".join(map(str, ids[at : at + TERM_NAMES_PER_CALL])),
                    "per_page": TERM_NAMES_PER_CALL,
                }
                for one in self._client.call("GET", f"/wp/v2/{field}", query=query).entries():
                    self._names[taxonomy, int(one["id"])] = _term(taxonomy, one)

    def _state(self, post: dict[str, Any]) -> RemoteState:
        meta = post.get("meta")
        carried = [(t, int(i)) for t, field in ROUTES.items() for i in post.get(field) or []]
        return RemoteState(
            external_id=str(post["id"]),
            kind=str(post.get("type", "post")),
            status=str(post.get("status", "")),
            url=str(post.get("link", "")),
            slug=str(post.get("slug", "")),
            title=_text(post.get("title")),
            modified_at=str(post.get("modified_gmt") or ""),
            published_at=_moment(post.get("date_gmt")),
            source_id=str(meta.get(self._source_meta) or "") if isinstance(meta, dict) else "",
            terms=tuple(self._names[one] for one in carried if one in self._names),
        )


def _article(state: RemoteState, post: dict[str, Any]) -> RemoteArticle:
    meta = post.get("meta")
    known = meta if isinstance(meta, dict) else {}
    titles, descriptions = ("_yoast_wpseo_title", "rank_math_title"), ("_yoast_wpseo_metadesc", "rank_math_description")
    text = str((post.get("content") or {}).get("raw") or (post.get("content") or {}).get("rendered") or "")
    return RemoteArticle(
        state if state.source_id else replace(state, source_id=source_in(text)),
        html=text,
        excerpt=_text(post.get("excerpt")),
        meta_title=next((str(known[k]) for k in titles if known.get(k)), ""),
        meta_description=next((str(known[k]) for k in descriptions if known.get(k)), ""),
    )


def _term(taxonomy: str, one: dict[str, Any]) -> Term:
    return Term(html.unescape(str(one.get("name", ""))), str(one.get("slug", "")), taxonomy, str(one["id"]))


def _term_state(kind: str, term: dict[str, Any]) -> RemoteState:
    name = html.unescape(str(term.get("name", "")))
    return RemoteState(str(term["id"]), kind, "publish", str(term.get("link", "")), str(term.get("slug", "")), name)


def _text(value: Any) -> str:
    """A title or excerpt as plain text."""
    found = value.get("raw", value.get("rendered", "")) if isinstance(value, dict) else value
    return html.unescape(str(found or "")).strip()


def _moment(value: Any) -> datetime | None:
    """WordPress's GMT times carry no zone; a draft's is all zeros."""
    try:
        return datetime.fromisoformat(str(value)).replace(tzinfo=UTC)
    except ValueError:
        return None


def _header(answer: WordPressAnswer, name: str) -> int:
    value = answer.headers.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0


def _position(cursor: str, kinds: tuple[str, ...] = IMPORTED) -> tuple[str, int]:
    kind, _, page = (cursor or f"{kinds[0]}:1").partition(":")
    if kind not in kinds or not page.isdigit() or int(page) < 1:
        raise ValidationFailed.field("cursor", "is none of this site's.")
    return kind, int(page)
