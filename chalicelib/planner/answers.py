"""What the planner answers: its records with the names of what they point at, and the report of a keyword file."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from chalicelib.core.answers import answer_model
from chalicelib.core.bulk import BulkAnswer
from chalicelib.planner.ideas import IDEA
from chalicelib.planner.keyword_intents import Intent
from chalicelib.planner.keywords import KEYWORD
from chalicelib.planner.names import NAMES

KeywordAnswer = answer_model(KEYWORD.model, **NAMES)
IdeaAnswer = answer_model(IDEA.model, **NAMES, taxonomy=None)


class ImportRow(BaseModel):
    """row: its number in the file. extra: the file's further columns, by our names."""

    row: int
    keyword: str
    volume: int | None
    difficulty: int | None
    intents: list[Intent]
    outcome: Literal["created", "duplicate", "rejected"]
    reason: str = ""
    extra: dict[str, Any] = Field(default_factory=dict)


class IgnoredColumn(BaseModel):
    column: str
    reason: str


class ImportReport(BaseModel):
    """columns_used: our columns -> the file's. rows: the first 1,000; all of them behind report_url, when there are more."""

    tool: str
    header_row: int
    columns_used: dict[str, str]
    columns_ignored: list[IgnoredColumn]
    dry_run: bool
    notes: list[str]
    created: int
    duplicates: int
    rejected: int
    rows: list[ImportRow]
    report_url: str = ""


class SeedsAdded(BulkAnswer):
    """By seed id; keyword_ids: the keywords made."""

    keyword_ids: list[str]


class IdeasQueued(BulkAnswer):
    """By idea id; task_ids: the tasks made."""

    task_ids: list[str]
