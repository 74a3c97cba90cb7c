"""Publishing a content: one remote post for each (content, target), whatever is retried, times out or runs twice.

The publish record beside the content (`PUB#<connection>`) remembers the remote post, also after an unpublish, and carries the lease
that keeps two workers from publishing the same content at once.
"""

import hashlib
import json
import math
from datetime import datetime, timedelta
from typing import Any

from chalicelib.auth.sites import get_site
from chalicelib.core.context import Context
from chalicelib.core.errors import AlreadyPublished, AppError, Conflict, NotFound, Retryable, Stale
from chalicelib.core.ids import parse_stamp, random_id, stamp
from chalicelib.core.observability import logger
from chalicelib.core.rewrite import rewrite
from chalicelib.core.table import Item, Key, Write, update
from chalicelib.integration.connections import Connection, Connections, publisher_of
from chalicelib.planner.clusters import CLUSTER
from chalicelib.ports import Article, ArticleImage, RemotePost, Term
from chalicelib.writer.content import CONTENT, Content, body_html, content_partition
from chalicelib.writer.html import heading_number, insert_figure
from chalicelib.writer.images import images_of

LEASE_SECONDS = 180
_SUFFIX = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


class NoTarget(Conflict):
    """The site has no active connection."""

    default = "This site has no publishing target; add a connection first."


class PublishBusy(Retryable):
    """Another worker publishes this content right now."""

    default = "This content is being published by another worker."


def record_key(ctx: Context, content: Content, connection: Connection) -> Key:
    return content_partition(ctx.tenant, content.id), f"PUB#{connection.id}"


def publish(ctx: Context, content_id: str) -> Content:
    """Publish a content on its site's target, or update its remote post, and return it as published.

    Raises: NotFound, NoTarget, AlreadyPublished (nothing has changed), PublishBusy, UpstreamUnavailable, UpstreamRejected.
    """
    content = ctx.repository(CONTENT).get(content_id)
    connection = Connections(ctx).active(content.site_id)
    if connection is None:
        raise NoTarget()
    key, owner = record_key(ctx, content, connection), random_id(16)
    record = _lease(ctx, key, owner)
    try:
        article = article_of(ctx, content, connection)
        version = fingerprint(article)
        known = _known(record)
        if known is not None and record.get("hash") == version and content.status == "published":
            raise AlreadyPublished()
        content = _mark(ctx, content_id, sync_status="publishing", sync_reason=None)
        post = publisher_of(ctx, connection, article.site_name).publish(article, known)
        _remember(ctx, key, owner, post, version)
        return _published(ctx, content_id, connection, post)
    except AlreadyPublished:
        _release(ctx, key, owner)
        raise
    except Exception as error:
        _release(ctx, key, owner)
        reason = error.message if isinstance(error, AppError) else "An unexpected error; see the log."
        _say(ctx, content_id, "queued" if isinstance(error, (Retryable, Stale)) else "failed", reason)
        raise


def _lease(ctx: Context, key: Key, owner: str) -> Item:
    now = ctx.deps.clock.now()
    until = stamp(now + timedelta(seconds=LEASE_SECONDS))
    record = ctx.deps.table.write(
        update(
            key,
            "SET lease_owner = :owner, lease_until = :until ADD tries :one",
            "attribute_not_exists(lease_until) OR lease_until < :now",
            on_fail=lambda old: _busy(old, now),
            owner=owner,
            until=until,
            now=stamp(now),
            one=1,
        )
    )
    assert record is not None
    return record


def _busy(record: Item | None, now: datetime) -> PublishBusy:
    """When to come back: when the present worker's lease ends."""
    left = (parse_stamp(record["lease_until"]) - now).total_seconds() if record else LEASE_SECONDS
    return PublishBusy(retry_after_seconds=max(1, math.ceil(left)))


def _release(ctx: Context, key: Key, owner: str) -> None:
    try:
        ctx.deps.table.write(update(key, "REMOVE lease_owner, lease_until", "lease_owner = :owner", owner=owner))
    except Stale:
        logger().warning("publish lease was taken over", extra={"key": key[1]})


def _known(record: Item) -> RemotePost | None:
    if "external_id" not in record:
        return None
    return RemotePost(
        record["external_id"], record.get("url", ""), record.get("status", ""), media=record.get("media", {}), kind=record.get("kind", "")
    )


def _remember(ctx: Context, key: Key, owner: str, post: RemotePost, version: str) -> None:
    """Keep the remote post first: whatever happens after, the next try finds it."""
    ctx.deps.table.write(
        update(
            key,
            "SET external_id = :id, #u = :url, #s = :status, media = :media, kind = :kind, #h = :hash, remembered_at = :at "
            "REMOVE lease_owner, lease_until",
            "lease_owner = :owner",
            names={"#u": "url", "#s": "status", "#h": "hash"},
            id=post.external_id,
            url=post.url,
            status=post.status,
            media=post.media,
            kind=post.kind,
            hash=version,
            at=stamp(ctx.deps.clock.now()),
            owner=owner,
        )
    )


def withdraw(ctx: Context, content: Content, connection: Connection) -> bool:
    """Take the content's remote post away from readers, under its lease, and forget what was published there last. The record keeps
    the post's id. False when there is no such post.

    Raises: PublishBusy, UpstreamUnavailable, UpstreamRejected.
    """
    key, owner = record_key(ctx, content, connection), random_id(16)
    known = _known(_lease(ctx, key, owner))
    try:
        if known is None:
            return False
        site = get_site(ctx, content.site_id)
        gone = publisher_of(ctx, connection, site.name).withdraw(content.id, known)
        ctx.deps.table.write(
            update(
                key, "SET #s = :trash REMOVE #h", "lease_owner = :owner", names={"#s": "status", "#h": "hash"}, trash="trash", owner=owner
            )
        )
        return gone
    finally:
        _release(ctx, key, owner)


def _mark(ctx: Context, content_id: str, **changes: Any) -> Content:
    return ctx.repository(CONTENT).patch(content_id, changes)


def _say(ctx: Context, content_id: str, sync_status: str, reason: str) -> None:
    """Note on the content how publishing it stands; what goes wrong with that must not hide why publishing failed."""
    try:
        _mark(ctx, content_id, sync_status=sync_status, sync_reason=reason[:500])
    except (NotFound, Retryable, Stale) as error:
        logger().warning("sync status not noted", extra={"content": content_id, "detail": error.message})


def _published(ctx: Context, content_id: str, connection: Connection, post: RemotePost) -> Content:
    def changes(old: Content) -> dict[str, Any]:
        return {
            "status": "published",
            "sync_status": "synced",
            "sync_reason": "; ".join(post.notes)[:500] or None,
            "external_id": post.external_id,
            "external_url": post.url,
            "external_type": connection.target,
            "published_at": old.published_at or stamp(ctx.deps.clock.now()),
        }

    def page(old: Content, new: Content) -> list[Write]:
        """One more published page of its cluster: added, so that many workers publishing at once never wait for each other."""
        if old.status == "published":
            return []
        return [update(ctx.repository(CLUSTER).key(old.cluster), "ADD mapped_pages :one, version :one", "attribute_exists(pk)", one=1)]

    return rewrite(ctx.repository(CONTENT), content_id, changes, page)


def article_of(ctx: Context, content: Content, connection: Connection) -> Article:
    """The content as a publisher takes it: its body with the figures of all drawn images, its terms, its pictures."""
    site = get_site(ctx, content.site_id)
    html, pictures = body_html(ctx, content), []
    drawn = [i for i in images_of(ctx, content.id) if i.status == "generated" and i.image_path]
    for image in drawn:
        suffix = _SUFFIX[image.mime or "image/png"]
        name = f"{content.slug[:80] or content.own_id}-{image.image_type.replace('_', '-')}-{image.position}.{suffix}"
        pictures.append(
            ArticleImage(
                image.image_type,
                image.position,
                ctx.deps.files.get(image.image_path or ""),
                image.mime or "image/png",
                image.alt,
                name,
                name,
            )
        )
        if image.image_type == "in_article":
            at = heading_number(html, image.after_heading or "")
            html = insert_figure(html, name, image.alt, after_heading=at, width_px=image.width_px or 0, height_px=image.height_px or 0)
    terms = [Term(n, _slug(n), "category") for n in content.categories] + [Term(n, _slug(n), "tag") for n in content.tags]
    return Article(
        source_id=content.id,
        title=content.title,
        slug=content.slug or content.own_id,
        html=html,
        excerpt=content.excerpt,
        meta_title=content.meta_title or "",
        meta_description=content.meta_description or "",
        primary_keyword=content.primary_keyword or "",
        language=content.language,
        content_type=content.content_type,
        status=connection.default_status,
        terms=tuple(t for t in terms if t.slug),
        images=tuple(pictures),
        json_ld=_json_ld(content, site.name),
        generated_by=content.generated_by,
        site_name=site.name,
    )


def _slug(name: str) -> str:
    from slugify import slugify

    return str(slugify(name))[:200]


def _json_ld(content: Content, site_name: str) -> dict[str, Any]:
    """schema.org Article, with a FAQPage where the article has one."""
    article: dict[str, Any] = {
        "@type": "Article",
        "headline": content.title[:110],
        "description": content.meta_description or content.excerpt,
        "inLanguage": content.language,
        "dateModified": content.updated_at,
        "datePublished": content.published_at or content.created_at,
        "publisher": {"@type": "Organization", "name": site_name},
        "keywords": [k for k in [content.primary_keyword, *content.secondary_keywords] if k],
    }
    graph = [article]
    if content.faq:
        entries = [{"@type": "Question", "name": f.question, "acceptedAnswer": {"@type": "Answer", "text": f.answer}} for f in content.faq]
        graph.append({"@type": "FAQPage", "mainEntity": entries})
    return {"@context": "https://schema.org", "@graph": graph}


def fingerprint(article: Article) -> str:
    """Hash of what a reader would see, to tell whether an article has changed since it was published."""
    texts = [article.title, article.slug, article.html, article.excerpt, article.meta_title, article.meta_description, article.status]
    pictures = [(i.filename, i.alt, hashlib.sha256(i.data).hexdigest()) for i in article.images]
    seen: list[Any] = [*texts, [t.slug for t in article.terms], pictures]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()


def give_up(ctx: Context, content_id: str, reason: str) -> None:
    """Say on the content that publishing failed and why. A content that is published stays so."""
    _say(ctx, content_id, "failed", reason)
