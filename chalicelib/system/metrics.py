"""What requests take: count, errors, latency, CPU, table calls and units for each route, in ten-minute buckets of two days.

Measured in the process and added to the operations table every few seconds, so that a request costs no write of its own; what a
process has not yet added when it ends is lost. An account's figures are its own.
"""

import resource
import threading
import time
import weakref
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core.context import Context
from chalicelib.core.errors import AppError
from chalicelib.core.observability import logger
from chalicelib.core.routing import Answer, Call, Route
from chalicelib.core.table import Query, Table, update

BUCKET_MINUTES = 10
KEEP = timedelta(days=2)
FLUSH_SECONDS = 10.0
LATENCY_BOUNDS_MS = (10, 30, 100, 300, 1_000, 3_000, 10_000)
PERIODS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}


class _TableUse(threading.local):
    """Calls and capacity units of this thread's request, told by the client's own events."""

    calls = 0
    units = 0.0

    def asked(self, params: dict[str, Any], **event: Any) -> None:
        params.setdefault("ReturnConsumedCapacity", "TOTAL")

    def answered(self, parsed: dict[str, Any], **event: Any) -> None:
        self.calls += 1
        used = parsed.get("ConsumedCapacity", [])
        self.units += sum(float(c.get("CapacityUnits", 0)) for c in (used if isinstance(used, list) else [used]))


class Meter:
    """Figures of one process until they are flushed."""

    def __init__(self) -> None:
        self.use = _TableUse()
        self._watched: weakref.WeakSet[Any] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._figures: dict[tuple[str, str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self._flushed = time.monotonic()

    def watch(self, table: Table) -> None:
        """Count the calls of this table's client."""
        events = table.client.meta.events
        if events in self._watched:
            return
        self._watched.add(events)
        for operation in ("GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"):
            events.register(f"provide-client-params.dynamodb.{operation}", self.use.asked)
            events.register(f"after-call.dynamodb.{operation}", self.use.answered)

    def add(self, tenant: str, bucket: str, route: str, figures: dict[str, float]) -> None:
        with self._lock:
            known = self._figures[tenant, bucket, route]
            for name, value in figures.items():
                known[name] = max(known[name], value) if name == "memory_mb" else known[name] + value

    def due(self) -> bool:
        return time.monotonic() - self._flushed >= FLUSH_SECONDS

    def flush(self, ops: Table, ttl: int) -> None:
        """Add the figures to the table. What cannot be written now waits for the next time."""
        with self._lock:
            waiting, self._figures = self._figures, defaultdict(lambda: defaultdict(float))
            self._flushed = time.monotonic()
        for (tenant, bucket, route), figures in waiting.items():
            sums = {k: v for k, v in figures.items() if k != "memory_mb"}
            names = {f"#{k}": k for k in (*sums, "memory_mb", "ttl")}
            try:
                ops.write(
                    update(
                        (f"{tenant}#METRICS", f"{bucket}#{route}"),
                        f"SET #ttl = :ttl, #memory_mb = :memory ADD {', '.join(f'#{k} :{k}' for k in sums)}",
                        names=names,
                        ttl=ttl,
                        memory=round(figures["memory_mb"]),
                        **{k: round(v) for k, v in sums.items()},  # type: ignore[arg-type]
                    )
                )
            except AppError as error:
                logger().warning("metrics wait", extra={"detail": error.message})
                self.add(tenant, bucket, route, dict(figures))


_meter = Meter()


def _bucket(moment: datetime) -> str:
    return f"{moment:%Y%m%d%H}{moment.minute // BUCKET_MINUTES * BUCKET_MINUTES:02d}"


def measured(call: Call, route: Route, act: Callable[[], Answer]) -> Answer:
    """Around every handler of a signed-in caller."""
    if call.scope is None:
        return act()
    _meter.watch(call.deps.table)
    use = _meter.use
    calls, units, wall, cpu = use.calls, use.units, time.perf_counter(), time.thread_time()
    failed = True
    try:
        answer = act()
        failed = answer.status >= 400
        return answer
    finally:
        now, took = call.deps.clock.now(), (time.perf_counter() - wall) * 1000
        within = next((bound for bound in LATENCY_BOUNDS_MS if took <= bound), None)
        figures = {
            "requests": 1.0,
            "failures": float(failed),
            "ms": took,
            f"within_{within}" if within else "slower": 1.0,
            "cpu_us": (time.thread_time() - cpu) * 1e6,
            "table_calls": float(use.calls - calls),
            "table_milliunits": (use.units - units) * 1000,
            "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        _meter.add(call.scope.tenant, _bucket(now), f"{route.method} {route.path}", figures)
        if _meter.due():
            _meter.flush(call.deps.ops, int((now + KEEP).timestamp()))


def metrics(ctx: Context, period: str) -> dict[str, Any]:
    """The account's figures of the last hour or day, by route, busiest first."""
    now = ctx.deps.clock.now()
    _meter.flush(ctx.deps.ops, int((now + KEEP).timestamp()))
    since = _bucket(now - PERIODS[period])
    items = ctx.deps.ops.query_all(Query(f"{ctx.tenant}#METRICS", condition="sk >= :since", values={":since": since}, consistent=True))
    routes: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for item in items:
        known = routes[item["sk"].partition("#")[2]]
        for name, value in item.items():
            if name not in ("pk", "sk", "ttl"):
                known[name] = max(known[name], value) if name == "memory_mb" else known[name] + value
    rows = sorted((_row(name, f) for name, f in routes.items()), key=lambda row: -row["requests"])
    return {"period": period, "routes": rows}


def _row(name: str, f: dict[str, float]) -> dict[str, Any]:
    method, _, path = name.partition(" ")
    requests = int(f["requests"]) or 1
    return {
        "method": method,
        "path": path,
        "requests": requests,
        "failures": int(f["failures"]),
        "latency_ms_mean": round(f["ms"] / requests, 1),
        "latency_ms_p95_at_most": _percentile(f, requests, 95),
        "cpu_ms_mean": round(f["cpu_us"] / requests / 1000, 2),
        "table_calls_mean": round(f["table_calls"] / requests, 2),
        "table_units_mean": round(f["table_milliunits"] / requests / 1000, 2),
        "memory_mb_max": int(f["memory_mb"]),
    }


def _percentile(f: dict[str, float], requests: int, percent: int) -> int | None:
    """The bound under which so many percent of the requests stayed; None when they were slower than all bounds."""
    seen = 0.0
    for bound in LATENCY_BOUNDS_MS:
        seen += f[f"within_{bound}"]
        if seen * 100 >= requests * percent:
            return bound
    return None
