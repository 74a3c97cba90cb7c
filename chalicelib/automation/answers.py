"""What automation answers: estimates, what waits for each stage, runs with their stages, log and failures."""

from typing import Any, Literal

from pydantic import BaseModel

from chalicelib.automation.run_record import INTERNAL, Run
from chalicelib.core.answers import answer_model


class StageEstimate(BaseModel):
    number: int
    items: int
    credits: int


class Estimate(BaseModel):
    """total: credits expected; required: what must be available for a run to start; balance: what is available."""

    stages: list[StageEstimate]
    total: int
    required: int
    balance: int


class StagePending(BaseModel):
    number: int
    name: str
    pending: int


class PipelineOverview(BaseModel):
    stages: list[StagePending]


class RunStage(BaseModel):
    """stopped: the run ended in the middle of it. seconds: it has taken so far."""

    number: int
    name: str
    state: Literal["pending", "running", "completed", "skipped", "stopped"]
    items_in: int
    done: int
    failed: int
    skipped: int
    skip_reason: str | None
    credits: int
    seconds: float


class ItemInHand(BaseModel):
    """item: id of the object the stage works on at this moment. phase and percentage: as of a task; message: for people, may be empty."""

    stage: int
    item: str
    phase: str
    percentage: int
    message: str
    at: str


RunAnswer = answer_model(Run, hidden=INTERNAL, task_id=str, stages=list[RunStage], in_hand=list[ItemInHand], credits=int)


class LogLine(BaseModel):
    """id: for `before`, to read on. facts: figures of the line, by name."""

    id: str
    at: str
    level: Literal["info", "warning", "error"]
    stage: int | None
    message: str
    facts: dict[str, Any]


class RunFailure(BaseModel):
    """item: id of the object the stage worked on."""

    stage: int
    item: str
    detail: str
    at: str
