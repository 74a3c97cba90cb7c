"""Publishing a content: one remote post for each (content, target), whatever is retried, times out or runs twice.

The publish record (`publish_record`) remembers the remote post, also after an unpublish, and carries the lease that keeps two workers
from publishing the same content at once.
"""

import hashlib
import json
from typing import Any

from chalicelib.auth.sites import Site, get_site
from chalicelib.core.context import Context
from chalicelib.core.errors import AlreadyPublished, AppError, Conflict, NotFound, Retryable, Stale
from chalicelib.core.ids import parse_stamp, stamp
from chalicelib.core.observability import count, logger
from chalicelib.core.rewrite import rewrite
from chalicelib.core.table import Write, update
from chalicelib.integration.connections import Connection, Connections, publisher_of
from chalicelib.integration.publish_record import leased, take_lease, web_address
from chalicelib.planner.clusters import CLUSTER
from chalicelib.ports import Article, ArticleImage, RemotePost, Term
from chalicelib.writer.content import CONTENT, Content, body_html
from chalicelib.writer.html import heading_number, insert_figure
from chalicelib.writer.images import images_of
from chalicelib.writer.json_ld import json_ld

_SUFFIX = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


class NoTarget(Conflict):
    """The site has no active connection."""

    default = "This site has no publishing target; add a connection first."


def publish(ctx: Context, content_id: str, *, force: bool = False) -> Content:
    """Publish a content on its site's target, or update its remote post, and return it as published. force: also when nothing has changed.

    Raises: NotFound, NoTarget, AlreadyPublished (nothing has changed), PublishBusy, UpstreamUnavailable, UpstreamRejected.
    """
    content = ctx.repository(CONTENT).get(content_id)
    connection = Connections(ctx).active(content.site_id)
    if connection is None:
        raise NoTarget()
    lease = take_lease(ctx, content, connection)
    try:
        known = lease.known()
        article = article_of(ctx, content, connection, known)
        version = fingerprint(article)
        if not force and known is not None and lease.item.get("hash") == version and content.status == "published":
            _settled(ctx, content_id)
            raise AlreadyPublished()
        content = _mark(ctx, content_id, sync_status="publishing", sync_reason=None)
        post = publisher_of(ctx, connection, article.site_name).publish(article, known)
        lease.remember(content_id, connection.id, post, version)
        return _published(ctx, content_id, connection, post)
    except AlreadyPublished:
        lease.release()
        raise
    except Exception as error:
        lease.release()
        reason = error.message if isinstance(error, AppError) else "An unexpected error; see the log."
        _say(ctx, content_id, "queued" if isinstance(error, (Retryable, Stale)) else "failed", reason)
        raise


def withdraw(ctx: Context, content: Content, connection: Connection) -> bool:
    """Take the content's remote post away from readers, under its lease, and forget what was published there last. The record keeps
    the post's id. False when it was gone already.

    Raises: NoTarget (the connection has published no such post), PublishBusy, UpstreamUnavailable, UpstreamRejected.
    """
    with leased(ctx, content, connection) as lease:
        known = lease.known()
        if known is None:
            raise NoTarget(f"It was not published by the connection {connection.name}, so its post cannot be taken away by it.")
        site = get_site(ctx, content.site_id)
        gone = publisher_of(ctx, connection, site.name, waited_for=True).withdraw(content.id, known)
        ctx.deps.table.write(
            update(
                lease.key,
                "SET #s = :trash REMOVE #h",
                "lease_owner = :owner",
                names={"#s": "status", "#h": "hash"},
                trash="trash",
                owner=lease.owner,
            )
        )
        return gone


def _mark(ctx: Context, content_id: str, **changes: Any) -> Content:
    return ctx.repository(CONTENT).patch(content_id, changes)


def _settled(ctx: Context, content_id: str) -> None:
    """What was queued once more without having changed is in step with its post: it waits for nothing."""

    def changes(old: Content) -> dict[str, Any]:
        return {"sync_status": "synced", "optimistic": False} if old.sync_status in ("queued", "publishing") else {}

    rewrite(ctx.repository(CONTENT), content_id, changes, lambda old, new: [])


def not_any_more(ctx: Context, content_id: str) -> None:
    """A content that waited for a target is not to be published now. One that somebody has published meanwhile stays as it is."""

    def changes(old: Content) -> dict[str, Any]:
        waits = old.status != "published" and old.sync_status in ("queued", "publishing")
        return {"sync_status": "none", "sync_reason": None, "optimistic": False} if waits else {}

    rewrite(ctx.repository(CONTENT), content_id, changes, lambda old, new: [])


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
            "external_url": web_address(post.url) or None,
            "external_type": connection.target,
            "external_metadata": {**old.external_metadata, "remote_status": post.status},
            "publish_at": None,
            "published_at": old.published_at or stamp(ctx.deps.clock.now()),
        }

    def page(old: Content, new: Content) -> list[Write]:
        """One more published page of its cluster: added, so that many workers publishing at once never wait for each other."""
        if old.status == "published":
            return []
        if not old.cluster:
            return []
        return [update(ctx.repository(CLUSTER).key(old.cluster), "ADD mapped_pages :one, version :one", "attribute_exists(pk)", one=1)]

    return rewrite(ctx.repository(CONTENT), content_id, changes, page)


def article_of(ctx: Context, content: Content, connection: Connection, known: RemotePost | None) -> Article:
    """The content as a publisher takes it: its body with the figures of all drawn images, its terms, its pictures. known: its remote post;
    one that is online stays so, also where new posts are left as drafts."""
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
    terms = [_category(n) for n in content.categories] + [Term(n, _slug(n), "tag") for n in content.tags]
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
        status="publish" if known is not None and known.status == "publish" else connection.default_status,
        terms=tuple(t for t in terms if t.slug),
        images=tuple(pictures),
        json_ld=_json_ld(ctx, content, site, html, pictures),
        generated_by=content.generated_by,
        author=content.author,
        site_name=site.name,
        published_at=parse_stamp(content.published_at) if content.published_at else None,
    )


def _category(name: str) -> Term:
    """`Guides > Coffee` is the category Coffee below Guides."""
    *parents, own = [part.strip() for part in name.split(" > ") if part.strip()] or [name]
    return Term(own, _slug(own), "category", parents=tuple(parents))


def _slug(name: str) -> str:
    from slugify import slugify

    return str(slugify(name))[:200]


def _json_ld(ctx: Context, content: Content, site: Site, html: str, pictures: list[ArticleImage]) -> dict[str, Any]:
    ordered = sorted(pictures, key=lambda p: (p.image_type != "featured", p.position))
    at = stamp(ctx.deps.clock.now())
    images = [picture.source for picture in ordered]
    return json_ld(content, html, publisher=site.name, domain=site.domain or "", images=images, published_at=at)


def fingerprint(article: Article) -> str:
    """Hash of what a reader would see, to tell whether an article has changed since it was published."""
    texts = [article.title, article.slug, article.html, article.excerpt, article.meta_title, article.meta_description, article.status]
    texts += [article.author, article.content_type]
    pictures = [(i.filename, i.alt, hashlib.sha256(i.data).hexdigest()) for i in article.images]
    seen: list[Any] = [*texts, [t.slug for t in article.terms], pictures]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()


def give_up(ctx: Context, content_id: str, reason: str) -> None:
    """Say on the content that publishing failed and why. A content that is published stays so."""
    count("PublishFailures")
    _say(ctx, content_id, "failed", reason)
