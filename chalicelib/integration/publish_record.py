"""What is remembered of a content on a target: its remote post, what was last published there, and the lease of whoever works on it.

One record for each (content, target), `PUB#<connection>` beside the content; it outlives an unpublish. A look-up row for each
(connection, remote id) leads from a remote post to its content in one read.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core.context import Context
from chalicelib.core.errors import Retryable, Stale
from chalicelib.core.ids import parse_stamp, random_id, stamp
from chalicelib.core.observability import logger
from chalicelib.core.table import Item, Key, Query, Write, put, remove, update
from chalicelib.integration.connections import Connection, lookup_key
from chalicelib.ports import RemotePost
from chalicelib.writer.content import Content, content_partition

ADDRESS_CHARACTERS = 2_000
LEASE_SECONDS = 330  # longer than the publish worker may run, so that no live worker loses it; a test compares them


class PublishBusy(Retryable):
    """Another worker publishes this content right now."""

    default = "This content is being published by another worker."


def web_address(url: str) -> str:
    """A post's address as its target says it, '' for what a page must not link to (`javascript:`) and what is no address of a page.
    A static site without an address of its own names a file or a path in it."""
    _, colon, _ = url.partition(":")
    harmless = url.startswith(("https://", "http://", "file://")) if colon else not url.startswith(("//", "\\"))
    return url if harmless and len(url) <= ADDRESS_CHARACTERS and url.isprintable() else ""


def record_key(ctx: Context, content: Content, connection: Connection) -> Key:
    return content_partition(ctx.tenant, content.id), f"PUB#{connection.id}"


@dataclass
class Lease:
    """A worker's hold on the record. item: the record as it was when the lease was taken."""

    ctx: Context
    key: Key
    owner: str
    item: Item

    def known(self) -> RemotePost | None:
        return known(self.item)

    def remember(self, content_id: str, connection_id: str, post: RemotePost, version: str) -> None:
        """Keep the remote post, and end the lease. Raises: Stale when the lease was taken over meanwhile."""
        values: dict[str, Any] = {
            "id": post.external_id,
            "url": web_address(post.url),
            "status": post.status,
            "media": post.media,
            "kind": post.kind,
            "modified": post.modified_at,
            "hash": version,
            "at": stamp(self.ctx.deps.clock.now()),
            "owner": self.owner,
        }
        self.ctx.deps.table.transact(
            [
                update(
                    self.key,
                    "SET external_id = :id, #u = :url, #s = :status, media = :media, kind = :kind, remote_modified_at = :modified, "
                    "#h = :hash, remembered_at = :at REMOVE lease_owner, lease_until",
                    "lease_owner = :owner",
                    names={"#u": "url", "#s": "status", "#h": "hash"},
                    **values,
                ),
                lookup_write(self.ctx, connection_id, post, content_id),
            ]
        )

    def release(self) -> None:
        try:
            self.ctx.deps.table.write(update(self.key, "REMOVE lease_owner, lease_until", "lease_owner = :owner", owner=self.owner))
        except Stale:
            logger().warning("publish lease was taken over", extra={"key": self.key[1]})


def take_lease(ctx: Context, content: Content, connection: Connection) -> Lease:
    """Raises: PublishBusy, with the time that is left of the present worker's lease."""
    now, owner, key = ctx.deps.clock.now(), random_id(16), record_key(ctx, content, connection)
    record = ctx.deps.table.write(
        update(
            key,
            "SET lease_owner = :owner, lease_until = :until ADD tries :one",
            "attribute_not_exists(lease_until) OR lease_until < :now",
            on_fail=lambda old: _busy(old, now),
            owner=owner,
            until=stamp(now + timedelta(seconds=LEASE_SECONDS)),
            now=stamp(now),
            one=1,
        )
    )
    assert record is not None
    return Lease(ctx, key, owner, record)


@contextmanager
def leased(ctx: Context, content: Content, connection: Connection) -> Iterator[Lease]:
    """The lease for a block's time. Raises: PublishBusy."""
    lease = take_lease(ctx, content, connection)
    try:
        yield lease
    finally:
        lease.release()


def _busy(record: Item | None, now: datetime) -> PublishBusy:
    """When to come back: when the present worker's lease ends."""
    left = (parse_stamp(record["lease_until"]) - now).total_seconds() if record else LEASE_SECONDS
    return PublishBusy(retry_after_seconds=max(1, math.ceil(left)))


def known(record: Item | None) -> RemotePost | None:
    """The remote post of a record; None when there was none yet."""
    if record is None or "external_id" not in record:
        return None
    return RemotePost(
        record["external_id"],
        record.get("url", ""),
        record.get("status", ""),
        media=record.get("media", {}),
        kind=record.get("kind", ""),
        modified_at=record.get("remote_modified_at", ""),
    )


def lookup_write(ctx: Context, connection_id: str, post: RemotePost, content_id: str) -> Write:
    return put(lookup_key(ctx, connection_id, post.external_id), {"content": content_id, "post_kind": post.kind})


def content_of(ctx: Context, connection_id: str, external_id: str) -> str | None:
    """The id of the content that a remote post belongs to, in one read. The row may be of an earlier post of that content."""
    item = ctx.deps.table.get(lookup_key(ctx, connection_id, external_id)) if external_id else None
    return str(item["content"]) if item is not None else None


def posts_of(ctx: Context, connection_id: str, after: str, limit: int) -> tuple[list[tuple[RemotePost, str]], str]:
    """Remote posts of a connection in the order of their ids, with their contents' ids, and where to go on ('' at the end)."""
    pk, _ = lookup_key(ctx, connection_id, "")
    condition: dict[str, Any] = {"condition": "sk > :after", "values": {":after": after}} if after else {}
    items = ctx.deps.table.query(Query(pk, limit=limit, consistent=True, **condition)).items
    posts = [(RemotePost(i["sk"], "", "", kind=i.get("post_kind", "")), str(i["content"])) for i in items]
    return posts, posts[-1][0].external_id if len(posts) == limit else ""


def forget_lookup(ctx: Context, connection_id: str, external_id: str) -> None:
    ctx.deps.table.write(remove(lookup_key(ctx, connection_id, external_id)))
