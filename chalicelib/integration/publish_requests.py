"""Publishing asked for by hand: refused at once when it cannot be, queued otherwise, its progress by task id; and taking it back."""

from typing import Any

from chalicelib.core.bulk import each
from chalicelib.core.context import Context
from chalicelib.core.errors import AlreadyPublished, AppError, Conflict, ValidationFailed
from chalicelib.integration.connections import Connections, publisher_of
from chalicelib.integration.publish_record import known, record_key
from chalicelib.integration.publishing import NoTarget, article_of, fingerprint, give_up, publish, withdraw
from chalicelib.integration.remote import drift
from chalicelib.ports import RemoteSite
from chalicelib.system import progress
from chalicelib.writer.content import CONTENT, Content
from chalicelib.writer.editing import Editor

ASKED_TYPES = frozenset({"product"})  # of content that not every target takes, so that it is asked before anything is queued


def request(ctx: Context, content_id: str, *, optimistic: bool = False, force: bool = False) -> dict[str, Any]:
    """Queue one content and answer {task_id, accepted}. optimistic: show it as published until the target says otherwise. force: also
    when it has not changed since it was published.

    Raises: NotFound, NoTarget, AlreadyPublished, Conflict (no text), UpstreamUnavailable.
    """
    need_publishable(ctx, ctx.repository(CONTENT).get(content_id), force=force)
    return _queued(ctx, [content_id], optimistic=optimistic, force=force)


def request_many(ctx: Context, ids: list[str]) -> dict[str, Any]:
    """Queue those that can be published: {task_id, accepted, succeeded, failed}; task_id is None when there is none."""
    answer = each(ids, lambda one: need_publishable(ctx, ctx.repository(CONTENT).get(one)))
    queued = _queued(ctx, answer["succeeded"]) if answer["succeeded"] else {"task_id": None, "accepted": 0}
    return {**queued, **answer}


def need_publishable(ctx: Context, content: Content, *, force: bool = False) -> None:
    """Raises: NoTarget, AlreadyPublished, Conflict, ValidationFailed (the target takes no such content), UpstreamUnavailable."""
    if not content.revision:
        raise Conflict("This content has no text yet.")
    connection = Connections(ctx).active(content.site_id)
    if connection is None:
        raise NoTarget()
    if content.content_type in ASKED_TYPES:
        reason = publisher_of(ctx, connection, "", waited_for=True).refuses(content.content_type)
        if reason:
            raise ValidationFailed.field("content_type", reason)
    if content.status != "published" or force:
        return
    record = ctx.deps.table.get(record_key(ctx, content, connection))
    if record is not None and record.get("hash") == fingerprint(article_of(ctx, content, connection, known(record))):
        raise AlreadyPublished()


def _queued(ctx: Context, ids: list[str], *, optimistic: bool = False, force: bool = False) -> dict[str, Any]:
    task_id = progress.open_task(ctx, "publish", ids)
    contents = ctx.repository(CONTENT)
    try:
        for content_id in ids:
            contents.patch(content_id, {"sync_status": "queued", "sync_reason": None, "optimistic": optimistic})
            body = {
                "tenant": ctx.tenant,
                "user": ctx.scope.user_id,
                "content": content_id,
                "task_id": task_id,
                "items": len(ids),
                "force": force,
            }
            ctx.deps.jobs.send("publish", body)
    except AppError as error:
        progress.close(ctx, task_id, "failed", error.message, error=error.body())
        raise
    return {"task_id": task_id, "accepted": len(ids)}


def work(ctx: Context, body: dict[str, Any], *, last: bool) -> None:
    """Publish a queued content: {content, task_id?, items?}. Raises: what another delivery may mend."""
    content_id, line = body["content"], {"item": body["content"]}
    try:
        content = publish(ctx, content_id, force=bool(body.get("force")))
        line |= {"outcome": "done", "message": content.external_url or ""}
    except AlreadyPublished as error:
        line |= {"outcome": "done", "message": error.message}
    except AppError as error:
        if error.retryable and not last:
            raise
        give_up(ctx, content_id, error.message)
        line |= {"outcome": "failed", "code": error.code, "message": error.message}
    except Exception:
        if last:
            give_up(ctx, content_id, "An unexpected error; see the log.")
            _told(ctx, body, {**line, "outcome": "failed", "code": AppError.code, "message": "An unexpected error; see the log."})
        raise
    _told(ctx, body, line)


def _told(ctx: Context, body: dict[str, Any], line: dict[str, Any]) -> None:
    """Note the outcome on the task, and close it with the last of its contents."""
    task_id = body.get("task_id")
    if task_id is None:
        return
    progress.step(ctx, task_id, line)
    told = {step["item"]: step for step in progress.progress(ctx, task_id)["steps"]}
    done = [i for i, step in told.items() if step["outcome"] == "done"]
    failed = [{"id": i, "code": s["code"], "message": s["message"]} for i, s in told.items() if s["outcome"] == "failed"]
    if len(told) < body["items"]:
        progress.report(ctx, task_id, percentage=100 * len(told) // body["items"], phase="SAVE", message=f"{len(told)} of {body['items']}")
        return
    result, said = {"succeeded": done, "failed": failed}, f"{len(done)} published, {len(failed)} failed."
    if failed and not done:
        progress.close(ctx, task_id, "failed", failed[0]["message"], result=result, error={k: failed[0][k] for k in ("code", "message")})
    else:
        progress.close(ctx, task_id, "succeeded", said, result=result)


def unpublish(ctx: Context, content_id: str, *, delete_remote: bool = False) -> Content:
    """Take a content back to draft. The publish record keeps the remote post's id, so that publishing again finds the same post.

    delete_remote: the post is taken away from readers first (WordPress: into the trash); otherwise it stays online.

    Raises: NotFound, Conflict; with delete_remote also NoTarget, PublishBusy, UpstreamUnavailable, UpstreamRejected: then nothing has
    changed here.
    """
    if delete_remote:
        content = ctx.repository(CONTENT).get(content_id)
        connection = Connections(ctx).active(content.site_id)
        if content.status == "published":
            if connection is None:
                raise NoTarget("This site has no active connection, so its post cannot be taken away there; unpublish it here alone.")
            withdraw(ctx, content, connection)
    cleared: dict[str, Any] = dict.fromkeys(("external_id", "external_url", "external_type", "sync_reason", "published_at"))
    cleared |= {"external_metadata": {}, "status": "draft", "sync_status": "none", "held": True, "optimistic": False, "approved": False}

    def changes(old: Content) -> dict[str, Any]:
        if old.status != "published":
            raise Conflict(f"This content is {old.status}, not published.")
        return dict(cleared)

    return Editor(ctx).revise(content_id, changes)


def status(ctx: Context, content_id: str) -> dict[str, Any]:
    """How the content's remote post stands: asked of the target where it can be asked, else as it last answered. Changes nothing; `sync`
    brings the content to what is found. Raises: NotFound."""
    content = ctx.repository(CONTENT).get(content_id)
    connection = Connections(ctx).active(content.site_id)
    record = ctx.deps.table.get(record_key(ctx, content, connection)) if connection is not None else None
    post, state, message = known(record), None, None
    if connection is not None and post is not None:
        try:
            site = publisher_of(ctx, connection, "", waited_for=True)
            state = site.states([post])[post.external_id] if isinstance(site, RemoteSite) else None
        except AppError as error:
            message = error.message
    return {
        "content": content.id,
        "status": content.status,
        "sync_status": content.sync_status,
        "sync_reason": content.sync_reason,
        "external_id": content.external_id,
        "external_url": content.external_url,
        "target": connection.target if connection is not None else None,
        "remote_id": post.external_id if post else None,
        "remote_url": (state.url if state else "") or (post.url if post else None),
        "remote_status": state.status if state else post.status if post else None,
        "remote_title": state.title if state else None,
        "remembered_at": record.get("remembered_at") if record else None,
        "asked": state is not None,
        "drift": drift(post, state) if post and state else None,
        "message": message,
    }
