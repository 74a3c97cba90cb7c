"""HTTP of publishing contents: asking for it, taking it back, and how it stands."""

from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict

from chalicelib.core.bulk import MAX_PAID_IDS, Body, BulkFailure, Ids, ids_field
from chalicelib.core.errors import AlreadyPublished, Conflict, NotFound
from chalicelib.core.routing import Answer, Call, Router
from chalicelib.integration import drip, publish_requests, remote_terms
from chalicelib.integration.connections import Target
from chalicelib.integration.remote import Event
from chalicelib.writer.answers import UnpublishedContent
from chalicelib.writer.content import Content, Contents, ContentStatus, SyncStatus, body_html

router = Router("writer", tag="Writer", throttle="writer")


class PublishQuery(BaseModel):
    """optimistic: show the content as published at once, and take that back when the target refuses. force: send it although it has not
    changed since, for a target that has lost it (a webhook's delivery is replayed so)."""

    model_config = ConfigDict(extra="forbid")

    optimistic: bool = False
    force: bool = False


class Queued(BaseModel):
    task_id: str
    accepted: int


@router.post(
    "content/{id}/publish",
    summary="Publish a content",
    query=PublishQuery,
    answer=Queued,
    status=202,
    errors=(NotFound, Conflict, AlreadyPublished),
)
def publish(call: Call) -> Any:
    """What is published and has not changed since is refused; what has changed is updated in place."""
    return publish_requests.request(call.ctx, call.id, optimistic=call.query.optimistic, force=call.query.force)


class ContentsToPublish(Body):
    ids: Ids = ids_field("content_ids", most=MAX_PAID_IDS)


class RemotePost(BaseModel):
    """sync_*, external_*: what the content says. target, remote_*: the post on the site's target, null when there is none. asked: the
    target was asked just now; else remote_* is what it last answered, and message says why if it could not be asked. drift: what people
    did to the post there since; `sync` brings the content to that."""

    content: str
    status: ContentStatus
    sync_status: SyncStatus
    sync_reason: str | None
    external_id: str | None
    external_url: str | None
    target: Target | None
    remote_id: str | None
    remote_url: str | None
    remote_status: str | None
    remote_title: str | None
    remembered_at: str | None
    asked: bool
    drift: Event | None
    message: str | None


class QueuedMany(BaseModel):
    """task_id: None when nothing could be queued. succeeded: contents that are queued; failed: those that cannot be published."""

    task_id: str | None
    accepted: int
    succeeded: list[str]
    failed: list[BulkFailure]


@router.post("content/bulk_publish", summary="Publish contents", body=ContentsToPublish, answer=QueuedMany, status=202)
def bulk_publish(call: Call) -> Any:
    """At most 10 contents."""
    return publish_requests.request_many(call.ctx, call.body.ids)


class UnpublishQuery(BaseModel):
    """delete_remote: take the post away from readers too (WordPress: into the trash), not only here."""

    model_config = ConfigDict(extra="forbid")

    delete_remote: bool = False


@router.post(
    "content/{id}/unpublish",
    summary="Take a content back to draft",
    query=UnpublishQuery,
    answer=UnpublishedContent,
    errors=(NotFound, Conflict),
)
def unpublish(call: Call) -> Answer:
    """Without `delete_remote` the post stays online at its target. In any case publishing again uses that same post."""
    content = publish_requests.unpublish(call.ctx, call.id, delete_remote=call.query.delete_remote)
    data = _shown(call, content)
    stays = "The post was taken away there." if call.query.delete_remote else "The post stays online at its target."
    return Answer(data, message=f"It is a draft again here. {stays}")


class SyncedTerms(BaseModel):
    """pulled: names that the content lacked. pushed: the post lacked some and is updated, by task_id."""

    pulled: list[str]
    pushed: bool
    task_id: str | None


@router.post(
    "content/{id}/taxonomy_terms/sync",
    summary="Give a content and its post the same terms",
    answer=SyncedTerms,
    errors=(NotFound, Conflict),
)
def sync_taxonomy_terms(call: Call) -> Any:
    """Takes nothing away on either side."""
    return remote_terms.sync_terms(call.ctx, call.id)


class ScheduleBody(Body):
    """publish_at: an ISO time with its zone; left out, the next free place of the site's slots."""

    publish_at: AwareDatetime | None = None


@router.post(
    "content/{id}/schedule",
    summary="Publish a content later",
    body=ScheduleBody,
    answer=UnpublishedContent,
    errors=(NotFound, Conflict, AlreadyPublished),
)
def schedule(call: Call) -> Any:
    """At a moment of one's own, or in the next free place of the site's publish slots; within five minutes of it. Takes the place of
    an earlier schedule."""
    return _shown(call, drip.schedule(call.ctx, call.id, call.body.publish_at))


@router.post("content/{id}/unschedule", summary="Do not publish a content later", answer=UnpublishedContent, errors=(NotFound,))
def unschedule(call: Call) -> Any:
    return _shown(call, drip.unschedule(call.ctx, call.id))


def _shown(call: Call, content: Content) -> dict[str, Any]:
    return {**Contents(call.ctx).present([content])[0], "html": body_html(call.ctx, content)}


@router.get("content/{id}/wordpress_status", summary="The remote post of a content", answer=RemotePost, errors=(NotFound,))
def wordpress_status(call: Call) -> Any:
    """Asks the target where it can be asked (WordPress); changes nothing."""
    return publish_requests.status(call.ctx, call.id)
