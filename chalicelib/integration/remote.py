"""What people did to our posts on their own site, applied to the contents here: published, edited, taken offline, trashed, deleted."""

from typing import Any, Literal

from chalicelib.auth.sites import get_site
from chalicelib.core.context import Context
from chalicelib.core.errors import Conflict
from chalicelib.core.ids import stamp
from chalicelib.core.table import update
from chalicelib.integration.connections import Connection, publisher_of
from chalicelib.integration.publish_record import PublishBusy, known, record_key, web_address
from chalicelib.ports import RemotePost, RemoteSite, RemoteState
from chalicelib.writer.content import CONTENT, Content
from chalicelib.writer.editing import Editor

Event = Literal["published", "edited", "unpublished", "trashed", "deleted"]
SAID: dict[Event, str] = {
    "edited": "Edited on its site; publishing it again would overwrite that.",
    "unpublished": "Taken offline on its site.",
    "trashed": "Moved to the trash on its site.",
    "deleted": "Deleted on its site.",
}
TITLE_CHARACTERS = 300  # of a remote title that is kept
IMPORT_AGAIN = "Edited on its site; import it again to take that over."


def remote_site(ctx: Context, connection: Connection, *, waited_for: bool = False) -> RemoteSite:
    """The readable side of a connection's target. waited_for: as of `publisher_of`. Raises: Conflict when it has none."""
    target = publisher_of(ctx, connection, get_site(ctx, connection.site_id).name, waited_for=waited_for)
    if not isinstance(target, RemoteSite):
        raise Conflict(f"A {connection.target} target is only written to: there is nothing to pull from it.")
    return target


def drift(post: RemotePost, state: RemoteState) -> Event | None:
    """What has happened to a post since we last knew how it stood; None when nothing has."""
    if state.status == "gone":
        return "deleted" if post.status != "gone" else None
    if state.status != post.status:
        if state.status == "trash":
            return "trashed"
        if state.status == "publish":
            return "published"
        if post.status == "publish":
            return "unpublished"
    return "edited" if state.modified_at > post.modified_at else None


def reconcile(ctx: Context, connection: Connection, content_id: str, state: RemoteState, *, seen_at: str = "") -> Event | None:
    """Bring a content to how its remote post stands, and return what had happened to that; None when nothing, or when the post is not
    (or no longer) the content's own: plugins copy posts with all their fields.

    seen_at: when we began to look, by our clock, where we looked ourselves: what we have published since knows better.

    The content is changed first: should we die between, the next look finds the same drift again.

    Raises: PublishBusy while the content is being published, or when it was since `seen_at`; Stale, TableBusy.
    """
    content = ctx.repository(CONTENT).find(content_id)
    if content is None or content.site_id != connection.site_id:
        return None
    key = record_key(ctx, content, connection)
    record = ctx.deps.table.get(key)
    post = known(record)
    if record is None or post is None or post.external_id != state.external_id:
        return None
    now = stamp(ctx.deps.clock.now())
    if record.get("lease_until", "") > now or (seen_at and record.get("remembered_at", "") > seen_at):
        raise PublishBusy(retry_after_seconds=30)
    event = drift(post, state)
    if event is None and state.status == post.status:
        return None
    if event is not None:
        Editor(ctx).revise(content_id, lambda old: _changes(old, connection, event, state, now))
    ctx.deps.table.write(
        update(
            key,
            # The hash goes: what is there is no longer what was published, so publishing it again is not refused.
            "SET #s = :status, remote_modified_at = :modified, #u = :url REMOVE #h",
            "external_id = :id AND (attribute_not_exists(lease_until) OR lease_until <= :now)",
            names={"#s": "status", "#u": "url", "#h": "hash"},
            status=state.status,
            modified=max(state.modified_at, post.modified_at),
            url=web_address(state.url) or post.url,
            id=post.external_id,
            now=now,
        )
    )
    return event


def _changes(old: Content, connection: Connection, event: Event, state: RemoteState, now: str) -> dict[str, Any]:
    seen = {
        "remote_status": state.status,
        "remote_modified_at": state.modified_at,
        "remote_title": state.title[:TITLE_CHARACTERS],
        "seen_at": now,
    }
    changes: dict[str, Any] = {"external_metadata": {**old.external_metadata, **seen}}
    if event == "published":
        address = web_address(state.url) or None
        shown = {"external_id": state.external_id, "external_url": address, "external_type": connection.target}
        public = {"status": "published", "sync_status": "synced", "sync_reason": None, "held": False, "optimistic": False}
        return {**changes, **shown, **public, "published_at": old.published_at or now}
    if event == "edited":
        said = IMPORT_AGAIN if old.source == "wordpress" else SAID["edited"]
        return {
            **changes,
            "external_url": (web_address(state.url) or old.external_url) if old.status == "published" else None,
            "sync_reason": said,
        }
    changes["sync_reason"] = SAID[event]
    if old.status == "published":  # held: automation does not put it online again by itself
        changes |= {"status": "draft", "held": True, "optimistic": False, "approved": False, "sync_status": "none", "published_at": None}
        changes |= {"external_id": None, "external_url": None, "external_type": None}
    return changes
