"""Pulling from a target in the background, batch by batch: `sync` looks how our posts and the terms stand, `import` takes posts over.

Each message does one batch and sends the next, so that a site of any size fits a worker's time; a batch done twice changes nothing.
"""

from typing import Any

from chalicelib.auth.sites import Sectors
from chalicelib.core.context import Context
from chalicelib.core.errors import AppError, NotFound
from chalicelib.core.ids import stamp
from chalicelib.core.observability import logger
from chalicelib.integration.connections import CONNECTION, Connection, Connections
from chalicelib.integration.imports import take_over
from chalicelib.integration.publish_record import PublishBusy, forget_lookup, known, posts_of, record_key
from chalicelib.integration.remote import reconcile, remote_site
from chalicelib.integration.remote_terms import take_terms
from chalicelib.system import progress
from chalicelib.writer.content import CONTENT

QUEUE = "publish"
POSTS_AT_ONCE = 50
FAILURES_SHOWN = 50
MOST_IMPORTED = 20_000
MOST_BATCHES = 2_000  # of one task on what the site says it has: a site whose pages never end ends it all the same
ENDLESS = "The site names more and more pages; this stopped after {} of them."


def start_sync(ctx: Context, connection: Connection) -> dict[str, Any]:
    """Queue a look at all that we know of on the target. Raises: Conflict when it cannot be read, UpstreamUnavailable."""
    remote_site(ctx, connection)
    return _start(ctx, {"work": "sync", "connection": connection.id, "step": "terms", "cursor": "", "counts": {}})


def start_import(ctx: Context, connection: Connection, sector_id: str | None) -> dict[str, Any]:
    """Queue taking over all published posts and pages. sector_id: where they go, the site's default when None.

    Raises: Conflict, NotFound, ValidationFailed.
    """
    target = sector_id or _default_sector(ctx, connection.site_id)
    ctx.sector(connection.site_id, target)
    remote_site(ctx, connection)
    return _start(ctx, {"work": "import", "connection": connection.id, "sector": target, "cursor": "", "counts": {}})


def work(ctx: Context, body: dict[str, Any], *, last: bool) -> None:
    """Do a batch. Raises: what another delivery may mend."""
    try:
        connection = Connections(ctx).get(body["connection"])
        (_sync if body["work"] == "sync" else _import)(ctx, connection, body)
    except AppError as error:
        if error.retryable and not last:
            raise
        progress.close(ctx, body["task_id"], "failed", error.message, result=_result(body["counts"]), error=error.body())
        if error.retryable:
            raise
    except Exception:
        if last:
            shown = {"code": AppError.code, "message": "An unexpected error; see the log."}
            progress.close(ctx, body["task_id"], "failed", shown["message"], result=_result(body["counts"]), error=shown)
        raise


def _sync(ctx: Context, connection: Connection, body: dict[str, Any]) -> None:
    site, counts = remote_site(ctx, connection), dict(body["counts"])
    if body["step"] == "terms":
        batch = site.terms(body["cursor"])
        _add(counts, "terms", take_terms(ctx, connection.site_id, batch.items))
        more = bool(batch.next) and not _endless(body)
        following = {"cursor": batch.next, "batches": _batches(body)} if more else {"step": "posts", "cursor": ""}
        _next(ctx, body, counts, f"{counts['terms']} terms looked at.", 20, following)
        return
    posts, after = posts_of(ctx, connection.id, body["cursor"], POSTS_AT_ONCE)
    began = stamp(ctx.deps.clock.now())
    states = site.states([post for post, _ in posts]) if posts else {}
    for post, content_id in posts:
        try:
            event = reconcile(ctx, connection, content_id, states[post.external_id], seen_at=began)
        except PublishBusy:  # its worker will know better
            _add(counts, "busy")
            continue
        except AppError as error:
            _failed(counts, post.external_id, error)
            continue
        if event is not None:
            _add(counts, event)
        elif states[post.external_id].status == "gone":
            _forget_if_passed(ctx, connection, content_id, post.external_id)
    _add(counts, "posts", len(posts))
    if after:
        _next(ctx, body, counts, f"{counts['posts']} posts looked at.", 60, {"cursor": after})
        return
    now = stamp(ctx.deps.clock.now())
    ctx.repository(CONNECTION).patch(connection.id, {"last_synced_at": now})
    drifted = sum(counts.get(name, 0) for name in ("published", "edited", "unpublished", "trashed", "deleted"))
    progress.close(ctx, body["task_id"], "succeeded", f"{counts['posts']} posts looked at, {drifted} had changed.", result=_result(counts))


def _forget_if_passed(ctx: Context, connection: Connection, content_id: str, external_id: str) -> None:
    """The look-up row of a post that is gone, when its content has another post by now."""
    content = ctx.repository(CONTENT).find(content_id, deleted=True)
    post = known(ctx.deps.table.get(record_key(ctx, content, connection))) if content is not None else None
    if post is None or post.external_id != external_id:
        forget_lookup(ctx, connection.id, external_id)


def _import(ctx: Context, connection: Connection, body: dict[str, Any]) -> None:
    counts = dict(body["counts"])
    batch = remote_site(ctx, connection).articles(body["cursor"])
    for article in batch.items:
        try:
            _add(counts, take_over(ctx, connection, body["sector"], article))
        except AppError as error:
            _failed(counts, article.state.external_id, error)
    _add(counts, "posts", len(batch.items))
    endless = bool(batch.next) and _endless(body)
    if batch.next and not endless and counts["posts"] < MOST_IMPORTED:
        percentage = min(95, 100 * counts["posts"] // max(1, batch.total)) if batch.next.startswith("post") else 95
        _next(ctx, body, counts, f"{counts['posts']} posts read.", percentage, {"cursor": batch.next, "batches": _batches(body)})
        return
    said = f"{counts.get('imported', 0)} imported, {counts.get('updated', 0)} updated, {len(counts.get('failed', []))} failed."
    said = f"{said} {ENDLESS.format(_batches(body))}" if endless else said
    progress.close(ctx, body["task_id"], "succeeded", said, result=_result(counts))


def _start(ctx: Context, body: dict[str, Any]) -> dict[str, Any]:
    task_id = progress.open_task(ctx, body["work"], 1)
    try:
        ctx.deps.jobs.send(QUEUE, {**body, "tenant": ctx.tenant, "user": ctx.scope.user_id, "task_id": task_id})
    except AppError as error:
        progress.close(ctx, task_id, "failed", error.message, error=error.body())
        raise
    return {"task_id": task_id, "accepted": 1}


def _next(ctx: Context, body: dict[str, Any], counts: dict[str, Any], said: str, percentage: int, following: dict[str, Any]) -> None:
    progress.report(ctx, body["task_id"], percentage=percentage, phase="SAVE", message=said)
    ctx.deps.jobs.send(QUEUE, {**body, **following, "counts": counts})


def _failed(counts: dict[str, Any], external_id: str, error: AppError) -> None:
    """Note a post that could not be worked on, so that the others can. Raises what another delivery may mend."""
    if error.retryable:
        raise error
    logger().warning("remote post left out", extra={"post": external_id[:80], "detail": error.message})
    line = {"id": external_id[:80], "code": error.code, "message": error.message[:300]}
    counts["failed"] = [*counts.get("failed", []), line][:FAILURES_SHOWN]


def _batches(body: dict[str, Any]) -> int:
    """How many batches of the present list have been asked for, this one included."""
    return int(body.get("batches", 0)) + 1


def _endless(body: dict[str, Any]) -> bool:
    return _batches(body) >= MOST_BATCHES


def _add(counts: dict[str, Any], name: str, step: int = 1) -> None:
    counts[name] = counts.get(name, 0) + step


def _result(counts: dict[str, Any]) -> dict[str, Any]:
    return {"failed": [], **counts}


def _default_sector(ctx: Context, site_id: str) -> str:
    """The site's oldest active sector. Raises: NotFound when it has none."""
    found = Sectors(ctx).of_site(site_id)
    if not found:
        raise NotFound("This site has no sector yet; add one first.")
    return found[0].id
