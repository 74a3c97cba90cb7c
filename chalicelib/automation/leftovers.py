"""What the workers of a run left when it was cancelled or failed in the middle of their work: its figures come to what was charged.

Such a run leaves its workers to themselves. One that lives finishes its item and records it; one that had died after its work was saved
and paid for leaves a charge that the run's figures do not know. Some time after the end, when nobody can be at work any more, the
scheduler looks at what had been handed out.
"""

from datetime import datetime, timedelta

from chalicelib.automation.failures import settle
from chalicelib.automation.guard import guarded
from chalicelib.automation.run_record import ACTIVE, LEFT, RUN, STAGES, Run
from chalicelib.automation.runs import Runs
from chalicelib.core.context import Context, Deps
from chalicelib.core.ids import stamp
from chalicelib.core.scope import Scope
from chalicelib.core.table import Item, Query, remove

NOBODY_AT_WORK = timedelta(minutes=20)  # no worker lives longer than 15 (.chalice/config.json)


def settle_leftovers(deps: Deps, now: datetime) -> int:
    """Look at the runs that ended long enough ago; one that cannot be looked at is left for the next time. Returns how many were."""
    rows = deps.ops.query_all(Query(LEFT, condition="sk < :then", values={":then": stamp(now - NOBODY_AT_WORK)}, consistent=True))
    return sum(guarded(_settle, deps, row, now) for row in rows)


def _settle(deps: Deps, row: Item, now: datetime) -> int:
    ctx = Context(Scope.worker(row["tenant"], "scheduler"), deps)
    run = ctx.repository(RUN).find(row["run"])
    if run is not None and run.status not in ACTIVE:  # what goes on again looks at it itself
        _settle_run(ctx, run)
    deps.ops.write(remove((row["pk"], row["sk"])))
    return 1


def _settle_run(ctx: Context, run: Run) -> None:
    """Record the items that were handed out and have no outcome, where they were charged; what they have reserved is given back."""
    runs = Runs(ctx)
    for number in STAGES:
        handed = runs.handed_out(run, number)
        known = runs.recorded(run, number, handed)
        for item in (i for i in handed if i not in known):
            settle(ctx, run, number, item, f"The run was {run.status}")
