"""Keeps one site's trouble from all that stands behind it in the scheduler's lists."""

from collections.abc import Callable
from datetime import datetime

from chalicelib.core.context import Deps
from chalicelib.core.errors import AppError
from chalicelib.core.observability import count, logger
from chalicelib.core.table import Item

Step = Callable[[Deps, Item, datetime], int]  # of one row of a list; how many things it did


def guarded(step: Step, deps: Deps, item: Item, now: datetime) -> int:
    """Do a step for one row; what hinders it is logged and counted, and is 0. step: its name, without `_`, is the metric's."""
    try:
        return step(deps, item, now)
    except AppError as error:
        logger().warning(
            "scheduled step not done",
            extra={"step": step.__name__, "tenant": item["tenant"], "of": item["sk"], "code": error.code, "detail": error.message},
        )
    except Exception:  # a site's broken data must not hold up everybody behind it
        logger().exception("scheduled step not done", extra={"step": step.__name__, "tenant": item["tenant"], "of": item["sk"]})
    count("ScheduleFailures", Step=step.__name__.strip("_"))
    return 0
