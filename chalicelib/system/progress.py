"""Progress of asynchronous work: what `task_progress` answers, kept for a week in the operations table.

One row for a task, so that asking costs one read. Each item of a task has its own place in it, written by whoever works on that item;
what the task as a whole shows is worked out when it is read. An item's percentage only rises (a condition of the write), so neither a
message that is delivered twice nor workers that overtake each other let it go back, and a task that is closed stays closed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core.context import Context
from chalicelib.core.errors import AppError, NotFound
from chalicelib.core.ids import stamp, ulid
from chalicelib.core.table import Item, Key, put, update

KEEP = timedelta(days=7)
REPORT_SECONDS = 3600  # how long a report's signed address works
WRITE_SECONDS = 1.0  # a worker writes a task's progress no more often; who asks does not ask more often either
MESSAGE_MAX = 300
CLOSED = ("succeeded", "failed")
ENDED = ("done", "skipped", "failed")
_PHASES = {
    "INIT": "Begins.",
    "PREP": "Gathers what is needed.",
    "AI_CALL": "The model is at work.",
    "PARSE": "Checks the answer.",
    "SAVE": "Saves.",
    "DONE": "Done.",
}
_OPEN = "NOT #s IN (:succeeded, :failed)"
_CLOSED = {"succeeded": "succeeded", "failed": "failed"}


class _Overtaken(AppError):
    """What was to be written is older than what is there. Inside this module only."""


def _overtaken(old: Item | None) -> Exception:
    return _Overtaken()


def progress_key(ctx: Context, task_id: str) -> Key:
    return f"{ctx.tenant}#TASK", task_id


def open_task(ctx: Context, function: str, items: int | Sequence[str]) -> str:
    """A new task id whose progress can be asked for at once. items: ids of what is worked on, or how many there are."""
    now = ctx.deps.clock.now()
    task_id = ulid(now)
    row = {
        "state": "pending",
        "percentage": 0,
        "phase": "INIT",
        "message": "Waiting to begin.",
        "its": {},
        "ids": [] if isinstance(items, int) else list(items),
        "function": function,
        "items": items if isinstance(items, int) else len(items),
        "at": stamp(now),
        "user": ctx.scope.user_id,
        "ttl": int((now + KEEP).timestamp()),
    }
    ctx.deps.ops.write(put(progress_key(ctx, task_id), row))
    return task_id


def report(ctx: Context, task_id: str, *, percentage: int = 0, phase: str = "", message: str = "") -> None:
    """Show how far work without items of its own is, unless more was shown before."""
    names = {"#s": "state", "#p": "percentage", "#h": "phase", "#m": "message"}
    expression = "SET #s = :state, #p = :percentage, #h = :phase, #m = :message"
    values: dict[str, Any] = {"state": "running", "percentage": percentage, "phase": phase, "message": message[:MESSAGE_MAX], **_CLOSED}
    condition = f"#p <= :percentage AND {_OPEN}"
    try:
        ctx.deps.ops.write(update(progress_key(ctx, task_id), expression, condition, names=names, on_fail=_overtaken, **values))
    except _Overtaken:
        return


def step(ctx: Context, task_id: str, line: dict[str, Any]) -> None:
    """Note how one item ended: {item, outcome: done | skipped | failed, credits?, code?, message?}."""
    reporter = Reporter(ctx, task_id)
    reporter.ended(**line)
    reporter.flush()


def close(
    ctx: Context, task_id: str, state: str, message: str, *, result: dict[str, Any] | None = None, error: dict[str, Any] | None = None
) -> None:
    """End a task; one that has ended stays as it is. state: succeeded or failed."""
    names = {"#s": "state", "#p": "percentage", "#h": "phase", "#m": "message", "#r": "result", "#e": "error"}
    expression = "SET #s = :state, #p = :percentage, #h = :phase, #m = :message, #r = :result, #e = :error"
    values: dict[str, Any] = {
        "state": state,
        "percentage": 100,
        "phase": "DONE",
        "message": message,
        "result": result,
        "error": error,
        **_CLOSED,
    }
    try:
        ctx.deps.ops.write(update(progress_key(ctx, task_id), expression, _OPEN, names=names, on_fail=_overtaken, **values))
    except _Overtaken:
        return


@contextmanager
def failing(ctx: Context, task_id: str) -> Iterator[None]:
    """End the task as failed with the error that what is inside raises, if it raises one, and pass the error on."""
    try:
        yield
    except AppError as error:
        close(ctx, task_id, "failed", error.message, error=error.body())
        raise


class Reporter:
    """One worker's reports on a task's items: at most one write a second, in which the newest of each item stands; `flush` writes what is
    left, so the last always comes through."""

    def __init__(self, ctx: Context, task_id: str) -> None:
        self._ctx, self._task_id = ctx, task_id
        self._waiting: dict[str, Item] = {}
        self._written: datetime | None = None

    def show(self, item: str, phase: str, percentage: int, message: str = "") -> None:
        """An item is under way. percentage: of the item; 100 is only for one that has ended."""
        self._add(item, {"s": "running", "h": phase, "p": min(99, max(0, percentage)), "m": message[:MESSAGE_MAX]})

    def ended(self, item: str, outcome: str, credits: int = 0, message: str = "", code: str = "") -> None:
        """An item has ended. outcome: done, skipped or failed."""
        self._add(item, {"s": outcome, "h": "DONE", "p": 100, "m": message[:1000], "c": credits, "e": code})

    def _add(self, item: str, line: Item) -> None:
        now = self._ctx.deps.clock.now()
        self._waiting[item] = {**line, "at": stamp(now)}
        if self._written is None or (now - self._written).total_seconds() >= WRITE_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what waits: all at once, or one by one when some of it has been overtaken."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, {}
        self._written = self._ctx.deps.clock.now()
        if not self._write(waiting) and len(waiting) > 1:
            for item, line in waiting.items():
                self._write({item: line})

    def _write(self, lines: dict[str, Item]) -> bool:
        names, sets, conditions = {"#s": "state"}, ["#s = :state"], [_OPEN]
        values: dict[str, Any] = {"state": "running", **_CLOSED}
        for n, (item, line) in enumerate(lines.items()):
            names[f"#i{n}"] = item
            values |= {f"l{n}": line, f"p{n}": line["p"]}
            sets.append(f"its.#i{n} = :l{n}")
            conditions.append(f"(attribute_not_exists(its.#i{n}) OR its.#i{n}.p <= :p{n})")
        key, expression, condition = progress_key(self._ctx, self._task_id), "SET " + ", ".join(sets), " AND ".join(conditions)
        try:
            self._ctx.deps.ops.write(update(key, expression, condition, names=names, on_fail=_overtaken, **values))
        except _Overtaken:
            return False
        return True


def progress(ctx: Context, task_id: str) -> dict[str, Any]:
    """{state, percentage, phase, message, steps, items, result?, error?}. A result that names a file as its `report` has its address,
    signed now, as `report_url`. Raises: NotFound, also for another tenant's task.
    """
    row = ctx.deps.ops.get(progress_key(ctx, task_id))
    if row is None:
        raise NotFound("There is no such task.")
    shown: dict[str, Any] = {**_whole(row), "steps": _steps(row), "items": [_item(row, i) for i in _ids(row)]}
    if result := row.get("result"):
        path = result.pop("report", None)
        shown["result"] = {**result, "report_url": ctx.deps.files.url(path, REPORT_SECONDS)} if path else result
    return {"task_id": task_id, **shown, **({"error": row["error"]} if row.get("error") is not None else {})}


def _ids(row: Item) -> list[str]:
    """The items in the order in which they were asked for."""
    return list(dict.fromkeys([*row["ids"], *row["its"]]))


def _item(row: Item, item: str) -> dict[str, Any]:
    line = row["its"].get(item)
    if line is None:
        return {"id": item, "state": "pending", "phase": "INIT", "percentage": 0, "message": ""}
    return {"id": item, "state": line["s"], "phase": line["h"], "percentage": line["p"], "message": line["m"]}


def _whole(row: Item) -> dict[str, Any]:
    """State, percentage, phase and message of the whole task."""
    ids, lines = _ids(row), row["its"]
    whole = {name: row[name] for name in ("state", "percentage", "phase", "message")}
    if row["state"] in CLOSED or not lines:
        return whole
    size, ended = max(len(ids), row["items"]), sum(line["s"] in ENDED for line in lines.values())
    newest = max(lines.values(), key=lambda line: (line["s"] == "running", line["at"]))
    running = newest["s"] == "running"
    said = (newest["m"] or _PHASES.get(newest["h"], "")) if running else ""
    whole["percentage"] = min(99, sum(line["p"] for line in lines.values()) // size)
    whole["phase"] = newest["h"] if running else "SAVE"
    whole["message"] = said if size == 1 else f"{ended} of {size} done{': ' if said else '.'}{said}"
    return whole


def _steps(row: Item) -> list[dict[str, Any]]:
    """A line on each item that has ended, in the order of their ends."""
    ended = sorted(((i, line) for i, line in row["its"].items() if line["s"] in ENDED), key=lambda pair: pair[1]["at"])
    return [{"item": i, "outcome": n["s"], "at": n["at"], "credits": n["c"], "code": n["e"], "message": n["m"]} for i, n in ended]
