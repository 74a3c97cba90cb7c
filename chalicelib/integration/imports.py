"""Take over the posts a site has already: they become contents with `source: wordpress`, which ideas and internal links know of."""

import hashlib
from typing import Any, Literal

from chalicelib.auth.sites import get_site
from chalicelib.core.context import Context
from chalicelib.core.errors import Duplicate, Stale, TooLarge
from chalicelib.core.ids import ALPHABET, site_of, stamp
from chalicelib.core.table import Item, Key, put_new, update
from chalicelib.integration.connections import Connection, address_of
from chalicelib.integration.publish_record import content_of, lookup_write, record_key, web_address
from chalicelib.ports import RemoteArticle, RemotePost, RemoteState
from chalicelib.writer.content import CONTENT, Content, body_write
from chalicelib.writer.editing import MAX_HTML_CHARACTERS, Editor
from chalicelib.writer.html import plain_text, word_count
from chalicelib.writer.likeness import sketch_write
from chalicelib.writer.normalization import normalize_content
from chalicelib.writer.taxonomies import ensure_terms
from chalicelib.writer.terms import count_writes

Outcome = Literal["imported", "updated", "unchanged", "ours"]
TYPES = {"page": "page", "product": "product"}
MAX_CATEGORIES, MAX_TAGS = 20, 30
TAKEN = "imported_modified_at"  # in external_metadata: of the version that was taken over last; a sync may have seen a later one


def take_over(ctx: Context, connection: Connection, sector_id: str, article: RemoteArticle) -> Outcome:
    """Make a content of a remote post, or bring the one it was made into up to date; once, however often it is done.

    `ours`: a post that we have published ourselves. `unchanged` also when the content was deleted here.

    Raises: ValidationFailed, NotFound, TooLarge, TableBusy, Stale.
    """
    if len(article.html) > MAX_HTML_CHARACTERS:
        raise TooLarge(f"Its text has more than {MAX_HTML_CHARACTERS:,} characters.")
    state, contents = article.state, ctx.repository(CONTENT)
    if state.source_id and contents.find(state.source_id, deleted=True) is not None:
        return "ours"
    content_id = content_of(ctx, connection.id, state.external_id)
    if content_id is None:
        try:
            return _create(ctx, connection, sector_id, article)
        except Duplicate:  # another delivery of the same batch, or another connection to the same site
            _adopt(ctx, connection, article)
            return "unchanged"
    content = contents.find(content_id)
    if content is None:
        return "unchanged"
    if content.source != "wordpress":
        return "ours"
    if content.external_id != state.external_id or state.modified_at <= str(content.external_metadata.get(TAKEN, "")):
        return "unchanged"
    fields = {**_fields(ctx, content.sector_id, article), "external_metadata": {**content.external_metadata, TAKEN: state.modified_at}}
    html = normalize_content(article.html)
    Editor(ctx).revise(content.id, lambda old: {**fields, "sync_reason": None}, html, about={"note": "Imported again."})
    key = record_key(ctx, content, connection)
    ctx.deps.table.write(update(key, "SET remote_modified_at = :at", "external_id = :id", at=state.modified_at, id=state.external_id))
    return "updated"


def _create(ctx: Context, connection: Connection, sector_id: str, article: RemoteArticle) -> Outcome:
    state, contents, html = article.state, ctx.repository(CONTENT), normalize_content(article.html)
    content: Content = contents.new(
        sector_id,
        _tail(connection, state.external_id),
        **_fields(ctx, sector_id, article),
        content_type=TYPES.get(state.kind, "post"),
        language=article.language or get_site(ctx, connection.site_id).language,
        source="wordpress",
        status="published",
        sync_status="synced",
        external_id=state.external_id,
        external_type=connection.target,
        external_metadata={TAKEN: state.modified_at},
        published_at=stamp(state.published_at) if state.published_at else stamp(ctx.deps.clock.now()),
        revision=1 if html else 0,
        word_count=word_count(html),
    )
    writes = [
        put_new(record_key(ctx, content, connection), _record(state, content.created_at)),
        lookup_write(ctx, connection.id, _post(state), content.id),
        put_new(_home_key(ctx, connection, state), {"content": content.id}, on_fail=lambda old: Duplicate()),
    ]
    if html:
        about = {"created_at": content.created_at, "note": "Imported.", "words": content.word_count}
        writes += [body_write(ctx, content.id, 1, html, **about), sketch_write(ctx, content.id, html, content.language)]
    contents.create(content, *writes, *count_writes(ctx, None, content))
    return "imported"


def _adopt(ctx: Context, connection: Connection, article: RemoteArticle) -> None:
    """Note on this connection too where the post is that a content was made of by an earlier connection to the same site."""
    state = article.state
    home = ctx.deps.table.get(_home_key(ctx, connection, state))
    content = ctx.repository(CONTENT).find(home["content"]) if home is not None else None
    if content is None:
        return
    try:
        ctx.transact(
            put_new(record_key(ctx, content, connection), _record(state, stamp(ctx.deps.clock.now()))),
            lookup_write(ctx, connection.id, _post(state), content.id),
        )
    except Stale:  # the other delivery of this batch has
        return


def _home_key(ctx: Context, connection: Connection, state: RemoteState) -> Key:
    """Of the row that makes a post of a WordPress site one content of ours, by whichever connection and into whichever sector."""
    return ctx.key(f"{connection.site_id}#XHOME", f"{address_of(connection.url)}#{state.external_id}")


def _post(state: RemoteState) -> RemotePost:
    return RemotePost(state.external_id, web_address(state.url), state.status, kind=state.kind, modified_at=state.modified_at)


def _record(state: RemoteState, now: str) -> Item:
    post = _post(state)
    return {
        "external_id": post.external_id,
        "url": post.url,
        "status": post.status,
        "kind": post.kind,
        "media": {},
        "remote_modified_at": post.modified_at,
        "remembered_at": now,
    }


def _fields(ctx: Context, sector_id: str, article: RemoteArticle) -> dict[str, Any]:
    state = article.state
    categories = [t.name for t in state.terms if t.taxonomy == "category"][:MAX_CATEGORIES]
    tags = [t.name for t in state.terms if t.taxonomy == "tag"][:MAX_TAGS]
    return {
        "title": (plain_text(state.title) or state.slug or f"Post {state.external_id}")[:300],
        "slug": state.slug[:200],
        "excerpt": plain_text(article.excerpt)[:2000],
        "meta_title": article.meta_title[:300] or None,
        "meta_description": article.meta_description[:500] or None,
        "categories": categories,
        "tags": tags,
        "taxonomy_terms": _terms(ctx, sector_id, categories, tags),
        "external_url": web_address(state.url) or None,
    }


def _terms(ctx: Context, sector_id: str, categories: list[str], tags: list[str]) -> list[str]:
    site_id = site_of(sector_id)
    return [*ensure_terms(ctx, site_id, sector_id, categories, "category"), *ensure_terms(ctx, site_id, sector_id, tags, "tag")]


def _tail(connection: Connection, external_id: str) -> str:
    """The same for the same post, so that a post cannot become two contents."""
    digest = hashlib.sha256(f"{connection.id}|{external_id}".encode()).digest()
    return "w" + "".join(ALPHABET[byte & 31] for byte in digest[:25])
