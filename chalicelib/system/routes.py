"""HTTP of settings: AI providers, prompts, author profiles, strategies, progress of asynchronous work, metrics, health."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from chalicelib.core.errors import TableBusy
from chalicelib.core.resource import resource_routes
from chalicelib.core.routing import Call, Router
from chalicelib.system import settings_routes
from chalicelib.system.answers import Health, Metrics, TaskProgress
from chalicelib.system.authors import AUTHOR, Authors
from chalicelib.system.metrics import metrics
from chalicelib.system.progress import progress
from chalicelib.system.prompts import PROMPT, Prompts
from chalicelib.system.strategies import STRATEGY, Strategies

router = Router("system", tag="System", throttle="system")
root = Router("", tag="Service", throttle="default")


@router.get("settings/task_progress/{id}", summary="Progress of asynchronous work", answer=TaskProgress)
def task_progress(call: Call) -> Any:
    return progress(call.ctx, call.id)


resource_routes(router, "prompts", Prompts, PROMPT, read="admin", write="admin")
resource_routes(router, "author-profiles", Authors, AUTHOR, write="admin")
resource_routes(router, "strategies", Strategies, STRATEGY, write="admin")
router.routes += settings_routes.router.routes


class MetricsQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    period: Literal["hour", "day"] = "hour"


@router.get("metrics", role="admin", summary="What the account's requests take", query=MetricsQuery, answer=Metrics)
def read_metrics(call: Call) -> Any:
    """Count, failures, latency, CPU, table calls and units for each route."""
    return metrics(call.ctx, call.query.period)


@root.get("health", role=None, summary="Whether the service and its table answer", answer=Health, errors=(TableBusy,))
def health(call: Call) -> Any:
    call.deps.table.get(("G#HEALTH", "META"))
    return {"status": "ok", "stage": call.deps.config.stage}
