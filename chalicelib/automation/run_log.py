"""A run's log: lines for people, newest first, kept for 90 days."""

import re
from datetime import timedelta
from typing import Any

from chalicelib.automation.run_record import RUN, Run, log_partition
from chalicelib.core.errors import ValidationFailed
from chalicelib.core.ids import creation_order, stamp
from chalicelib.core.service import Service
from chalicelib.core.table import Query, put

KEEP = timedelta(days=90)
_LINE_ID = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z#[0-9a-f]{16}", re.ASCII)  # time, `#`, creation order


class RunLog(Service[Run]):
    entity = RUN

    def log(self, run: Run, message: str, /, *, stage: int | None = None, level: str = "info", **facts: Any) -> None:
        """Add a line to the run's log."""
        now = self.ctx.deps.clock.now()
        at = stamp(now)
        row = {"at": at, "level": level, "message": message[:2000], "stage": stage, "facts": facts, "ttl": int((now + KEEP).timestamp())}
        # the counter in the creation order keeps lines of one millisecond in the order they were written
        self.ctx.deps.ops.write(put((log_partition(self.ctx, run.id), f"{at}#{creation_order(at)}"), row))

    def logs(self, run_id: str, limit: int = 200, start: str | None = None) -> list[dict[str, Any]]:
        """Log lines, newest first. start: id of the last line seen. Raises: NotFound, ValidationFailed."""
        run = self.get(run_id)
        if start is not None and not _LINE_ID.fullmatch(start):
            raise ValidationFailed.field("before", "must be the id of a line of this log.")
        partition = log_partition(self.ctx, run.id)
        begin = {"pk": partition, "sk": start} if start else None
        page = self.ctx.deps.ops.query(Query(partition, forward=False, limit=limit, start=begin))
        return [{"id": i["sk"], **{k: i.get(k) for k in ("at", "level", "stage", "message", "facts")}} for i in page.items]
