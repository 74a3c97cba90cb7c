"""What the system's routes answer: progress of asynchronous work, the account's providers, request metrics."""

from typing import Any, Literal

from pydantic import BaseModel

from chalicelib.system.settings import ImageFallback, TextFunction


class TaskStep(BaseModel):
    """item: id of the object that was worked on. credits: charged for it."""

    item: str
    outcome: Literal["done", "skipped", "failed"]
    at: str
    credits: int = 0
    code: str = ""
    message: str = ""


class TaskItem(BaseModel):
    """phase: as of the task. percentage: of this item alone. message: what is done now, or how it ended."""

    id: str
    state: Literal["pending", "running", "done", "skipped", "failed"]
    phase: str
    percentage: int
    message: str


class TaskError(BaseModel):
    """As `error` of an error answer; it may hold more."""

    code: str
    message: str
    fields: dict[str, list[str]] | None = None


class TaskProgress(BaseModel):
    """phase: INIT, PREP, AI_CALL, PARSE, SAVE, DONE, of the item that was heard of last. percentage: of all items, never less than
    before. items: in the order they were asked for, empty for work that has none. steps: the items that have ended, in the order of
    their ends. result, error: of a task that has ended.

    result: for AI work `{succeeded: [{id, outcome, credits, result}], failed: [{id, code, message}]}`, for publishing the same with
    ids alone in `succeeded`, for a keyword file its import report.
    """

    task_id: str
    state: Literal["pending", "running", "succeeded", "failed"]
    percentage: int
    phase: str
    message: str
    steps: list[TaskStep]
    items: list[TaskItem]
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
    models: dict[TextFunction, str] = {}
    fallback_models: list[str] = []
    base_url: str = ""
    image_model: str = ""
    embedding_model: str = ""
    use_for_embeddings: bool = False
    provider: Literal["", "openai", "runware"] = ""
    fallbacks: list[ImageFallback] = []
    has_api_key: bool = False


class FallbackModel(BaseModel):
    provider: str
    model: str


class ProviderStatus(BaseModel):
    """provider, model: who is asked first; fallbacks: who is asked when they do not answer, in order. own_key: the account pays them
    itself. premium: an image has the price of a premium one. state: `open`: does not answer and is not asked until `until`; `half_open`:
    one call tries it; `refused`: refuses the key, as `message` says. warnings: of models that end."""

    function: Literal["auto_cluster", "generate_ideas", "generate_content", "generate_image_prompts", "generate_images", "embeddings"]
    provider: str
    model: str
    own_key: bool
    premium: bool
    fallbacks: list[FallbackModel]
    state: Literal["closed", "open", "half_open", "refused"]
    until: str | None
    message: str
    warnings: list[str]


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
