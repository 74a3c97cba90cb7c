"""When automations are due, and what keeps runs from being lost: the due list and the list of active runs, looked at every few minutes.

A due time is local time in the site's zone. In a zone's spring gap a time that does not exist is taken an hour later; of a time
that exists twice in autumn the first is taken.
"""

import calendar
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.auth.accounts import need_active
from chalicelib.automation import control
from chalicelib.automation.config import AutomationConfig, Configs
from chalicelib.automation.runs import ACTIVE_RUNS, RUN
from chalicelib.core.context import Context, Deps
from chalicelib.core.errors import AppError, NotFound, Stale
from chalicelib.core.ids import parse_stamp, stamp
from chalicelib.core.observability import count, logger
from chalicelib.core.scope import Scope
from chalicelib.core.table import Key, Query, Write, put, remove

DUE = "G#DUE"  # partition of the operations table: sort key `<due time>#<tenant>#<site>`
ENDED = frozenset({"FAILED", "TIMED_OUT", "ABORTED", "UNKNOWN", "SUCCEEDED"})
GRACE = timedelta(minutes=2)  # a run this young may not have its execution yet
RECOVERIES = 5  # in a row, without a stage completed between them


def next_due(config: AutomationConfig, after: datetime) -> datetime:
    """The first due time (UTC) later than `after`. Weekly runs are due on Mondays, monthly ones on the first of the month."""
    zone = ZoneInfo(config.time_zone)
    hour, minute = (int(part) for part in config.time.split(":"))
    local = after.astimezone(zone)
    if config.frequency == "hourly":
        due = after.astimezone(UTC).replace(minute=minute, second=0, microsecond=0)
        return due if due > after else due + timedelta(hours=1)
    day = local.date()
    for _ in range(70):
        wanted = {"daily": True, "weekly": day.weekday() == calendar.MONDAY, "monthly": day.day == 1}[config.frequency]
        due = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).astimezone(UTC)
        if wanted and due > after:
            return due
        day += timedelta(days=1)
    raise AssertionError("a due time lies within 70 days")


def due_key(tenant: str, config: AutomationConfig) -> Key | None:
    return (DUE, f"{config.next_run_at}#{tenant}#{config.site_id}") if config.next_run_at else None


def rescheduling(ctx: Context, old: AutomationConfig, new: AutomationConfig) -> list[Write]:
    """The writes that move a config in the due list."""
    before, after, table = due_key(ctx.tenant, old), due_key(ctx.tenant, new), ctx.deps.ops.name
    writes = [remove(before, table=table)] if before and before != after else []
    if after and before != after:
        writes.append(put(after, {"tenant": ctx.tenant, "site": new.site_id, "due": new.next_run_at}, table=table))
    return writes


def save_config(ctx: Context, site_id: str, body: dict[str, Any], *, if_match: int | None = None) -> AutomationConfig:
    """Change a site's settings and its place in the due list. Raises: ValidationFailed, NotFound, PreconditionFailed."""
    configs = Configs(ctx)
    config = configs.put(site_id, body, if_match=if_match)
    for _ in range(8):
        wanted = stamp(next_due(config, ctx.deps.clock.now())) if config.enabled else None
        if wanted == config.next_run_at:
            return config
        changed = configs.repository.changed(config, next_run_at=wanted)
        try:
            return configs.repository.save(config, changed, *rescheduling(ctx, config, changed))
        except Stale:
            config = configs.of_site(site_id)
    raise Stale()


def check_scheduled_automations(deps: Deps) -> dict[str, int]:
    """Start what is due, each due time once; take up runs whose execution has died; resume those paused until now by a day's cap.
    What one site's error hinders is logged and looked at again next time; the others go on. Returns how many of each."""
    now = deps.clock.now()
    due = deps.ops.query_all(Query(DUE, condition="sk < :now", values={":now": stamp(now) + "~"}, consistent=True))
    started = sum(_guarded(_start_due, deps, item, now) for item in due)
    active = deps.ops.query_all(Query(ACTIVE_RUNS, consistent=True))
    recovered = sum(_guarded(_recover, deps, item, now) for item in active)
    resumed = sum(_guarded(_resume, deps, item, now) for item in active)
    return {"due": len(due), "started": started, "recovered": recovered, "resumed": resumed}


def _guarded(step: Callable[[Deps, dict[str, Any], datetime], int], deps: Deps, item: dict[str, Any], now: datetime) -> int:
    try:
        return step(deps, item, now)
    except AppError as error:
        logger().warning(
            "scheduled step not done",
            extra={"step": step.__name__, "tenant": item["tenant"], "of": item["sk"], "code": error.code, "detail": error.message},
        )
        count("ScheduleFailures", Step=step.__name__.strip("_"))
        return 0


def _start_due(deps: Deps, item: dict[str, Any], now: datetime) -> int:
    """Move the config on first (whoever moves it starts the run), then start. What cannot start waits for its next time."""
    ctx = Context(Scope.worker(item["tenant"], "scheduler"), deps)
    configs = Configs(ctx)
    try:
        config = configs.of_site(item["site"])
    except NotFound:
        deps.ops.write(remove((item["pk"], item["sk"])))
        return 0
    if config.next_run_at != item["due"] or not config.enabled:
        deps.ops.write(remove((item["pk"], item["sk"])))
        return 0
    moved = configs.repository.changed(config, next_run_at=stamp(next_due(config, now)), last_run_at=stamp(now))
    try:
        configs.repository.save(config, moved, *rescheduling(ctx, config, moved))
    except Stale:
        return 0  # another tick was first
    need_active(ctx)
    control.start(ctx, item["site"], trigger="scheduled")
    return 1


def _recover(deps: Deps, item: dict[str, Any], now: datetime) -> int:
    """A run that should be going but whose execution is not: go on in a new one."""
    ctx = Context(Scope.worker(item["tenant"], "scheduler"), deps)
    run = ctx.repository(RUN).find(item["run"])
    if run is None or run.status not in ("created", "running"):
        return 0
    if run.execution is None and parse_stamp(run.updated_at) > now - GRACE:
        return 0
    if run.execution is not None and deps.workflow.status(run.execution) not in ENDED:
        return 0
    fresh = ctx.repository(RUN).get(run.id)  # it may have ended, or moved to a new execution, between the two questions
    if fresh.version != run.version:
        return 0
    return int(control.recover(ctx, run, RECOVERIES))


def _resume(deps: Deps, item: dict[str, Any], now: datetime) -> int:
    ctx = Context(Scope.worker(item["tenant"], "scheduler"), deps)
    run = ctx.repository(RUN).find(item["run"])
    if run is None or run.status != "paused" or not run.resumes_at or parse_stamp(run.resumes_at) > now:
        return 0
    control.resume(ctx, run.id)
    return 1
