"""The record of a run, and the keys of what belongs to it."""

from typing import Literal

from pydantic import Field

from chalicelib.automation.history import EVENTS_MAX
from chalicelib.core.context import Context
from chalicelib.core.entity import Entity, Filter, SiteRecord, in_site
from chalicelib.core.table import Key

RunStatus = Literal["created", "running", "paused", "completed", "failed", "cancelled"]
ACTIVE = frozenset({"created", "running", "paused"})
STAGES = range(1, 8)
STAGE_NAMES = {
    1: "Keywords to clusters",
    2: "Clusters to ideas",
    3: "Ideas to tasks",
    4: "Tasks to content",
    5: "Content to image prompts",
    6: "Image prompts to images",
    7: "Review and publish",
}
ACTIVE_RUNS = "G#RUNS"  # partition of the operations table with one item for each active run of the deployment
LEFT = "G#LEFT"  # partition of it with one item for each run that was cancelled or failed lately: `<time>#<tenant>#<run>`
INTERNAL = frozenset({"sectors", "execution", "attempt", "recoveries", "events_max", "time_zone"})  # of a run, not answered by the API


class Run(SiteRecord):
    """sectors: ids of the sectors it works on; reason: why it is paused, failed or cancelled; attempt: counts executions, and an
    execution of an older attempt does nothing more; recoveries: how often the scheduler took it up since a stage was last completed;
    resumes_at: when a run paused by the cap of a day, or by a provider that
    does not answer, goes on; waiting_for_review: contents left for an editor at the end;
    time_zone: whose days the cap of a day counts; events_max: history events an execution of it may have."""

    sector_id: str | None = None
    sectors: list[str] = Field(default_factory=list)
    status: RunStatus = "created"
    reason: str | None = None
    trigger: Literal["manual", "scheduled"] = "manual"
    current_stage: int = 0
    attempt: int = 1
    execution: str | None = None
    recoveries: int = 0
    started_at: str | None = None
    finished_at: str | None = None
    paused_at: str | None = None
    resumes_at: str | None = None
    waiting_for_review: int = 0
    estimated_credits: int = 0
    started_by: str = ""
    time_zone: str = "UTC"
    events_max: int = EVENTS_MAX


RUN: Entity[Run] = Entity(
    name="run",
    plural="runs",
    model=Run,
    letter="R",
    place=in_site("R"),
    soft_delete=False,
    filters={"status": Filter("status", choices=("created", "running", "paused", "completed", "failed", "cancelled"))},
)


def stage_key(ctx: Context, run: Run, number: int) -> Key:
    return f"{ctx.tenant}#{run.site_id}#RS", f"{run.id}#S{number}"


def items_partition(ctx: Context, run_id: str) -> str:
    return f"{ctx.tenant}#RUN#{run_id}"


def item_key(ctx: Context, run_id: str, number: int, item: str) -> Key:
    return items_partition(ctx, run_id), f"{number}#{item}"


def log_partition(ctx: Context, run_id: str) -> str:
    return f"{ctx.tenant}#LOG#{run_id}"


def active_key(ctx: Context, run: Run) -> Key:
    return ACTIVE_RUNS, f"{ctx.tenant}#{run.id}"


def left_key(ctx: Context, run: Run) -> Key:
    return LEFT, f"{run.finished_at}#{ctx.tenant}#{run.id}"


def lock_key(ctx: Context, site_id: str) -> Key:
    return f"{ctx.tenant}#LOCK", site_id


def operation(run_id: str, number: int, item: str) -> str:
    """The key of an item's work in the ledger: the same for every try."""
    return f"run.{run_id}.{number}.{item}"
