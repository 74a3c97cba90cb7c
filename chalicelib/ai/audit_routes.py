"""HTTP of the audit: where a content comes from, and the prompts and answers that were kept of AI work."""

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.ai import archive
from chalicelib.core.errors import NotFound, ValidationFailed
from chalicelib.core.routing import Call, Router
from chalicelib.writer.provenance import ContentProvenance, provenance_of

router = Router("writer", tag="Writer", throttle="writer")
calls = Router("system", tag="System", throttle="system")
CALLS_MAX = 500


@router.get("content/{id}/provenance", summary="Where a content comes from", answer=ContentProvenance, errors=(NotFound,))
def content_provenance(call: Call) -> Any:
    """Its keywords, cluster, idea and task, each revision, the image prompts and pictures: what AI made by which prompt, model and
    operation, with tokens, cost and duration. `provenance.call` is the id of the kept prompts and answers."""
    return provenance_of(call.ctx, call.id).model_dump()


class CallsQuery(BaseModel):
    """date: a day in UTC, today when left out. op: the beginning of the operation, for example `run.<id>.` for a run's."""

    model_config = ConfigDict(extra="forbid")

    date: str | None = Field(None, max_length=10)
    function: str | None = Field(None, max_length=40)
    outcome: Literal["answered", "failed"] | None = None
    op: str | None = Field(None, max_length=200)


class KeptCall(BaseModel):
    """failed: the model's answers could not be used, or none came."""

    id: str
    at: str
    function: str
    outcome: Literal["answered", "failed"]
    op: str


class KeptCalls(BaseModel):
    """calls: newest first, at most 500 of `count`."""

    date: str
    count: int
    calls: list[KeptCall]


class KeptReply(BaseModel):
    """text: as the model wrote it. problems: why it was not used; empty for the one that was. heard: false when no answer came."""

    provider: str
    model: str
    text: str
    problems: list[str]
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: float | None
    milliseconds: int | None
    heard: bool


class KeptQuestion(BaseModel):
    """form: name of the answer's form; for a picture its size. kept: it was answered in an earlier try."""

    system: str
    prompt: str
    form: str
    prompt_id: str
    prompt_version: str
    kept: bool
    replies: list[KeptReply]


class WholeCall(KeptCall):
    """One try of the work for one item. user: who asked, `run:<id>` for automation. error: why it failed."""

    user: str
    item: str
    run_id: str | None
    site_id: str
    error: str
    questions: list[KeptQuestion]


@calls.get("ai-calls", role="admin", summary="Kept prompts and answers of a day", query=CallsQuery, answer=KeptCalls)
def read_calls(call: Call) -> Any:
    """Kept for 30 days, unless the account has switched it off (`keep_prompts`)."""
    wanted: CallsQuery = call.query
    day = _day(wanted.date) if wanted.date else call.deps.clock.now()
    found = [
        one
        for one in archive.calls(call.ctx, day)
        if wanted.function in (None, one["function"]) and wanted.outcome in (None, one["outcome"]) and one["op"].startswith(wanted.op or "")
    ]
    return {"date": f"{day:%Y-%m-%d}", "count": len(found), "calls": found[:CALLS_MAX]}


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise ValidationFailed.field("date", "must be a day as YYYY-MM-DD.") from None


@calls.get("ai-calls/{id}", role="admin", summary="Prompts and answers of one try", answer=WholeCall, errors=(NotFound,))
def read_call(call: Call) -> Any:
    return archive.read(call.ctx, call.id)
