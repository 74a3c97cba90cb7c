"""When automations are due, and what keeps runs from being lost: the due list and the list of active runs, looked at every few minutes.

A due time is local time in the site's zone. In a zone's spring gap a time that does not exist is taken an hour later; of a time
that exists twice in autumn the first is taken; an hourly one is the minute of the local clock. After an outage one run makes up for all
due times that were missed. A due time that has come is not lost by a change of the settings, unless that switches the automation off.
"""

import calendar
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.auth.accounts import find_account
from chalicelib.automation import control
from chalicelib.automation.config import AutomationConfig, Configs
from chalicelib.automation.guard import guarded
from chalicelib.automation.runs import ACTIVE, ACTIVE_RUNS, RUN
from chalicelib.core import deadline
from chalicelib.core.context import Context, Deps
from chalicelib.core.errors import AppError, Retryable, Stale
from chalicelib.core.ids import parse_stamp, stamp, ulid_for
from chalicelib.core.observability import count, logger
from chalicelib.core.rewrite import rewrite
from chalicelib.core.scope import Scope
from chalicelib.core.table import Key, Query, Write, put, remove

Start = Callable[..., object]
DUE = "G#DUE"  # partition of the operations table: sort key `<due time>#<tenant>#<site>`
ENDED = frozenset({"FAILED", "TIMED_OUT", "ABORTED", "UNKNOWN", "SUCCEEDED"})
GRACE = timedelta(minutes=2)  # a run this young may not have its execution yet
START_SECONDS = 30.0  # the longest that looking at one due automation takes: an estimate over all that waits on its site
RECOVERIES = 5  # in a row, without a stage completed between them


def next_due(config: AutomationConfig, after: datetime) -> datetime:
    """The first due time (UTC) later than `after`. Weekly runs are due on Mondays, monthly ones on the first of the month."""
    zone = ZoneInfo(config.time_zone)
    hour, minute = (int(part) for part in config.time.split(":"))
    local = after.astimezone(zone)
    if config.frequency == "hourly":
        return _next_minute(zone, minute, after.astimezone(UTC))
    day = local.date()
    for _ in range(70):
        wanted = {"daily": True, "weekly": day.weekday() == calendar.MONDAY, "monthly": day.day == 1}[config.frequency]
        due = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).astimezone(UTC)
        if wanted and due > after:
            return due
        day += timedelta(days=1)
    raise AssertionError("a due time lies within 70 days")


def _next_minute(zone: ZoneInfo, minute: int, after: datetime) -> datetime:
    """The first time later than `after` (UTC) at which the zone's clocks show this minute: not every zone is whole hours away."""
    due = after.replace(second=0, microsecond=0)
    for _ in range(180):  # one by one: a change of the zone's offset, which may be half an hour, skips or repeats minutes
        due += timedelta(minutes=1)
        if due.astimezone(zone).minute == minute:
            return due
    raise AssertionError(f"the minute {minute} comes within three hours")


def due_key(tenant: str, config: AutomationConfig) -> Key | None:
    return (DUE, f"{config.next_run_at}#{tenant}#{config.site_id}") if config.next_run_at else None


def rescheduling(ctx: Context, old: AutomationConfig, new: AutomationConfig) -> list[Write]:
    """The writes that move a config in the due list; its row is written also when it should be there already."""
    before, after, table = due_key(ctx.tenant, old), due_key(ctx.tenant, new), ctx.deps.ops.name
    writes = [remove(before, table=table)] if before and before != after else []
    if after:
        writes.append(put(after, {"tenant": ctx.tenant, "site": new.site_id, "due": new.next_run_at}, table=table))
    return writes


def save_config(ctx: Context, site_id: str, body: dict[str, Any], *, if_match: int | None = None) -> AutomationConfig:
    """Change a site's settings and its place in the due list. Raises: ValidationFailed, NotFound, PreconditionFailed."""
    configs = Configs(ctx)
    config, now = configs.of_site(site_id), ctx.deps.clock.now()
    chosen = configs.chosen(config, body)

    def changes(old: AutomationConfig) -> dict[str, Any]:
        new = configs.repository.changed(old, **chosen)
        has_come = old.enabled and old.next_run_at is not None and parse_stamp(old.next_run_at) <= now
        if not new.enabled:
            return {**chosen, "next_run_at": None}
        return {**chosen, "next_run_at": old.next_run_at if has_come else stamp(next_due(new, now))}

    return rewrite(configs.repository, config.id, changes, lambda old, new: rescheduling(ctx, old, new), if_match=if_match)


def check_scheduled_automations(deps: Deps, *, grace: timedelta = GRACE, start: Start = control.start) -> dict[str, int]:
    """Start what is due, each due time once; take up runs whose execution has died; resume those paused until now by a day's cap.
    What one site's error hinders is logged and looked at again next time; the others go on. Returns how many of each; left: due, but
    there was no time to look at it.

    grace: how long a run may be without an execution; none when whoever could still be starting one is known to be gone. start: as
    `control.start`."""
    now = deps.clock.now()
    active = deps.ops.query_all(Query(ACTIVE_RUNS, consistent=True))
    recovered = sum(guarded(_recover, deps, item, now - grace) for item in active)
    resumed = sum(guarded(_resume, deps, item, now) for item in active)
    due = deps.ops.query_all(Query(DUE, condition="sk < :now", values={":now": stamp(now) + "~"}, consistent=True))

    def start_due(deps: Deps, item: dict[str, Any], now: datetime) -> int:
        return _start_due(deps, item, now, start)

    started = looked_at = 0
    for item in due:  # the longest due first; what this look has no time for is the next one's
        if (left := deadline.seconds_left()) is not None and left < START_SECONDS:
            logger().warning("not all that is due was looked at", extra={"due": len(due), "looked_at": looked_at})
            break
        started, looked_at = started + guarded(start_due, deps, item, now), looked_at + 1
    return {"due": len(due), "started": started, "recovered": recovered, "resumed": resumed, "left": len(due) - looked_at}


def _start_due(deps: Deps, item: dict[str, Any], now: datetime, start: Start) -> int:
    """Start the run of a due time, whose id comes from that time, then move the config on: who dies between has begun it, and who comes
    again finds it. What cannot start waits for its next time, and the settings say why."""
    ctx = Context(Scope.worker(item["tenant"], "scheduler"), deps)
    configs = Configs(ctx)
    config = configs.stored(item["site"])
    if config is None or config.next_run_at != item["due"] or not config.enabled:
        deps.ops.write(remove((item["pk"], item["sk"])))
        return 0
    account = find_account(ctx)
    if account is None:  # an import stores it last: nothing is begun before all of it is here
        return 0
    tail, started, refusal = ulid_for(parse_stamp(item["due"]), item["sk"]), 0, account.why_shut(config.site_id)
    if refusal is None and ctx.repository(RUN).find(RUN.place.make_id(config.site_id, tail)) is None:
        try:
            start(ctx, config.site_id, trigger="scheduled", tail=tail)
            started = 1
        except (Retryable, Stale):
            raise  # nothing has begun, or what has is found next time
        except AppError as error:
            refusal = error.message
    about = {"next_run_at": stamp(next_due(config, now)), "not_started_at": item["due"] if refusal else None, "not_started_reason": refusal}
    moved = configs.repository.changed(config, **about, **({} if refusal else {"last_run_at": stamp(now)}))
    try:
        configs.repository.save(config, moved, *rescheduling(ctx, config, moved))
    except Stale:
        logger().info("the automation was moved on by another", extra={"site": config.site_id})
    if refusal:
        logger().warning("a due run did not start", extra={"tenant": ctx.tenant, "site": config.site_id, "reason": refusal})
        count("RunsNotStarted")
    return started


def _recover(deps: Deps, item: dict[str, Any], oldest: datetime) -> int:
    """A run that should be going but whose execution is not: go on in a new one. The row of a run that is none any more goes."""
    ctx = Context(Scope.worker(item["tenant"], "scheduler"), deps)
    run = ctx.repository(RUN).find(item["run"])
    if run is None or run.status not in ACTIVE:
        deps.ops.write(remove((item["pk"], item["sk"])))
        return 0
    if run.status == "paused" or (run.execution is None and parse_stamp(run.updated_at) > oldest):
        return 0
    if run.execution is not None and deps.workflow.status(run.execution) not in ENDED:
        return 0
    fresh = ctx.repository(RUN).get(run.id)  # it may have ended, or moved to a new execution, between the two questions
    if fresh.version != run.version or find_account(ctx) is None:
        return 0
    return int(control.recover(ctx, run, RECOVERIES))


def _resume(deps: Deps, item: dict[str, Any], now: datetime) -> int:
    ctx = Context(Scope.worker(item["tenant"], "scheduler"), deps)
    run = ctx.repository(RUN).find(item["run"])
    if run is None or run.status != "paused" or not run.resumes_at or parse_stamp(run.resumes_at) > now:
        return 0
    account = find_account(ctx)
    if account is None or account.why_shut(run.site_id):
        return 0
    control.resume(ctx, run.id)
    return 1
