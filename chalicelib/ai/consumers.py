"""The queue worker for AI tasks asked for by hand."""

from typing import Any

from chalicelib import deps as wiring
from chalicelib.ai import tasks
from chalicelib.core.context import Context, Deps
from chalicelib.core.entry import Delivery, handlers, queue_worker
from chalicelib.core.scope import Scope

bp = handlers(__name__)


@queue_worker(bp, "ai_worker", "ai", wiring.current, batch_size=1)
def ai_worker(deps: Deps, body: dict[str, Any], delivery: Delivery) -> None:
    """One message is one task: {tenant, user, task_id, function, items, ids}."""
    tasks.work(Context(Scope.worker(body["tenant"], body["user"]), deps), body, last=delivery.last)
