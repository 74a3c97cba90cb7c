"""What the system's routes answer: progress of asynchronous work, the account's providers, request metrics."""

from typing import Any, Literal

from pydantic import BaseModel


class TaskStep(BaseModel):
    """item: id of the object that was worked on. credits: charged for it."""

    item: str
    outcome: Literal["done", "skipped", "failed"]
    at: str
    credits: int = 0
    code: str = ""
    message: str = ""


class TaskError(BaseModel):
    """As `error` of an error answer; it may hold more."""

    code: str
    message: str
    fields: dict[str, list[str]] | None = None


class TaskProgress(BaseModel):
    """phase: INIT, PREP, AI_CALL, PARSE, SAVE, DONE. result, error: of a task that has ended.

    result: for AI work `{succeeded: [{id, outcome, credits, result}], failed: [{id, code, message}]}`, for publishing the same with
    ids alone in `succeeded`, for a keyword file its import report.
    """

    task_id: str
    state: Literal["pending", "running", "succeeded", "failed"]
    percentage: int
    phase: str
    message: str
    steps: list[TaskStep]
    result: dict[str, Any] | None = None
    error: TaskError | None = None


class ProviderSettings(BaseModel):
    """What the type has no use for is left out. has_api_key: a key is kept; it is never answered."""

    integration_type: Literal["openai", "runware", "image_generation"]
    id: str
    created_at: str
    updated_at: str
    version: int
    is_active: bool
    model: str
    base_url: str = ""
    image_model: str = ""
    use_for_embeddings: bool = False
    provider: Literal["", "openai", "runware"] = ""
    has_api_key: bool = False


class RouteFigures(BaseModel):
    """latency_ms_p95_at_most: null when it is above all bounds that are counted."""

    method: str
    path: str
    requests: int
    failures: int
    latency_ms_mean: float
    latency_ms_p95_at_most: int | None
    cpu_ms_mean: float
    table_calls_mean: float
    table_units_mean: float
    memory_mb_max: int


class Metrics(BaseModel):
    """routes: busiest first."""

    period: Literal["hour", "day"]
    routes: list[RouteFigures]


class Health(BaseModel):
    status: Literal["ok"]
    stage: str
