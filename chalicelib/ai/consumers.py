"""The queue worker for what was asked for by hand and takes long: AI tasks, imports of large keyword files."""

from typing import Any

from chalicelib import deps as wiring
from chalicelib.ai import tasks
from chalicelib.core.context import Context, Deps
from chalicelib.core.entry import Delivery, handlers, queue_worker
from chalicelib.core.scope import Scope
from chalicelib.planner import keyword_uploads

bp = handlers(__name__)


@queue_worker(bp, "ai_worker", "ai", wiring.current, batch_size=1)
def ai_worker(deps: Deps, body: dict[str, Any], delivery: Delivery) -> None:
    """One message is one task: {tenant, user, task_id, function, items, ids, options}, or of another `kind`: a keyword file to import."""
    ctx = Context(Scope.worker(body["tenant"], body["user"]), deps)
    if body.get("kind") == keyword_uploads.KIND:
        keyword_uploads.work(ctx, body, last=delivery.last)
    else:
        tasks.work(ctx, body, last=delivery.last)
