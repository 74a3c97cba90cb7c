"""HTTP of settings: prompts, author profiles, progress of asynchronous work, health."""

from typing import Any

from chalicelib.core.errors import TableBusy
from chalicelib.core.resource import resource_routes
from chalicelib.core.routing import Call, Router
from chalicelib.system.authors import AUTHOR, Authors
from chalicelib.system.progress import progress
from chalicelib.system.prompts import PROMPT, Prompts

router = Router("system", tag="System", throttle="system")
root = Router("", tag="Service", throttle="default")


@router.get("settings/task_progress/{id}", summary="Progress of asynchronous work", answer=dict[str, Any])
def task_progress(call: Call) -> Any:
    return progress(call.ctx, call.id)


resource_routes(router, "prompts", Prompts, PROMPT, read="admin", write="admin")
resource_routes(router, "author-profiles", Authors, AUTHOR, write="admin")


@root.get("health", role=None, summary="Whether the service and its table answer", answer=dict[str, str], errors=(TableBusy,))
def health(call: Call) -> Any:
    call.deps.table.get(("G#HEALTH", "META"))
    return {"status": "ok", "stage": call.deps.config.stage}
