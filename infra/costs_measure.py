"""What a run consumes, counted on the embedded stack: DynamoDB's units by its own rules of size, invocations, transitions, bytes."""

import math
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from chalicelib.core.context import Context
from infra.tenant_data import Deployment, Wire, items

# Attributes an item must have to stand in an index (infra/resources/tables.yaml).
INDEXES = {"byC": ("lp", "c"), "byV": ("lp", "v"), "byD": ("lp", "d"), "byK": ("lp", "k"), "byN": ("lp", "n"), "byCL": ("cl", "sk")}
KB = 1024
KEYWORDS, ARTICLES = 90, 12  # of the measured run
LIMIT_SECONDS = 240
STACK = "igny8-local"


def size(value: Any) -> int:
    """Bytes of an attribute's value. Source: DynamoDB developer guide, "Item sizes and formats"."""
    if not isinstance(value, dict):
        raise TypeError(f"not a DynamoDB value: {value!r}")
    ((kind, raw),) = value.items()
    match kind:
        case "S":
            return len(raw.encode())
        case "N":
            return math.ceil(len(raw.lstrip("-").replace(".", "")) / 2) + 1
        case "B":
            return len(raw)
        case "M":
            return 3 + sum(1 + len(name.encode()) + size(v) for name, v in raw.items())
        case "L":
            return 3 + sum(1 + size(v) for v in raw)
        case "SS":
            return sum(len(text.encode()) for text in raw)
    return 1


def item_size(item: Wire) -> int:
    return sum(len(name.encode()) + size(value) for name, value in item.items())


def write_units(item: Wire, *, transaction: bool) -> int:
    """Of writing this item and its entries in the indexes, all of which project it whole."""
    entries = sum(all(name in item for name in names) for names in INDEXES.values())
    units = math.ceil(item_size(item) / KB)
    return units * (2 if transaction else 1) + units * entries


@dataclass
class Used:
    """Totals of a run. calls: of AWS, by service and operation; functions, cpu_seconds: by a function's name in the template;
    operations: paid AI work by kind."""

    articles: int = 0
    read_units: float = 0.0
    write_units: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    functions: Counter[str] = field(default_factory=Counter)
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    operations: Counter[str] = field(default_factory=Counter)
    transitions: int = 0
    table_bytes: int = 0
    file_bytes: int = 0


class Meter:
    """Counts units of a DynamoDB client by its own events. What an update leaves is read by a second client, which is not counted."""

    def __init__(self, client: Any) -> None:
        self.used = Used()
        self._events, self._asked, self._lock = client.meta.events, threading.local(), threading.Lock()
        self._other = boto3.client("dynamodb", region_name=client.meta.region_name)

    def __enter__(self) -> Used:
        self._events.register("provide-client-params.dynamodb", self._ask, unique_id="costs-ask")
        self._events.register("after-call.dynamodb", self._answer, unique_id="costs-answer")
        return self.used

    def __exit__(self, *error: object) -> None:
        self._events.unregister("provide-client-params.dynamodb", self._ask, unique_id="costs-ask")
        self._events.unregister("after-call.dynamodb", self._answer, unique_id="costs-answer")

    def _ask(self, params: Wire, **_: Any) -> None:
        self._asked.params = params

    def _answer(self, parsed: Wire, model: Any, **_: Any) -> None:
        asked = self._asked.params
        if "Error" in parsed:
            return
        reads, writes = _reads(model.name, asked, parsed), 0
        for item, transaction in self._written(model.name, asked):
            writes += write_units(item, transaction=transaction)
        with self._lock:
            self.used.read_units += reads
            self.used.write_units += writes

    def _written(self, operation: str, asked: Wire) -> Iterator[tuple[Wire, bool]]:
        """Items that were put, or stand after an update; a deletion counts as the smallest. Whether in a transaction."""
        actions: list[Wire] = []
        match operation:
            case "PutItem" | "UpdateItem" | "DeleteItem":
                actions = [{operation.removesuffix("Item"): asked}]
            case "TransactWriteItems":
                actions = asked["TransactItems"]
            case "BatchWriteItem":
                actions = [{"Put": r["PutRequest"]} for rows in asked["RequestItems"].values() for r in rows if "PutRequest" in r]
        for action in actions:
            ((kind, given),) = action.items()
            if kind == "Put":
                yield given["Item"], len(actions) > 1
            elif kind == "Update":
                yield self._other.get_item(TableName=given["TableName"], Key=given["Key"]).get("Item", given["Key"]), len(actions) > 1
            else:
                yield given["Key"], len(actions) > 1


def _reads(operation: str, asked: Wire, parsed: Wire) -> float:
    """Units of 4 KB, half of that where a stale answer will do; a batch counts each item for itself."""
    match operation:
        case "GetItem":
            items, consistent = [parsed.get("Item", {})], asked.get("ConsistentRead", False)
        case "BatchGetItem":
            items = [item for rows in parsed["Responses"].values() for item in rows]
            consistent = any(table.get("ConsistentRead") for table in asked["RequestItems"].values())
        case "Query" | "Scan":
            whole = sum(map(item_size, parsed["Items"]))
            return max(1, math.ceil(whole / 4 / KB)) * (1 if asked.get("ConsistentRead") else 0.5)
        case _:
            return 0.0
    return sum(max(1, math.ceil(item_size(item) / 4 / KB)) for item in items) * (1 if consistent else 0.5)


@contextmanager
def metered(here: Deployment) -> Iterator[Used]:
    """While inside, what the stack does is counted; articles, operations and transitions are the caller's to add."""
    from infra.local import gateway
    from infra.local.lambdas import invoker

    before, functions, cpu = Counter(gateway.calls()), Counter(invoker.calls), dict(invoker.cpu_seconds)
    with Meter(here.deps.table.client) as used:
        yield used
    used.calls = Counter(gateway.calls()) - before
    prefix = f"{STACK}-"
    used.functions = Counter({name.removeprefix(prefix): n for name, n in (Counter(invoker.calls) - functions).items()})
    used.cpu_seconds = {name.removeprefix(prefix): s - cpu.get(name, 0.0) for name, s in invoker.cpu_seconds.items()}


def measure(keywords: int = KEYWORDS, articles: int = ARTICLES) -> Used:
    """A run on an embedded stack that forgets: keywords to published articles. Raises: RuntimeError when it does not get there."""
    from chalicelib.automation import control
    from chalicelib.automation.runs import Runs
    from chalicelib.automation.schedule import save_config
    from chalicelib.billing.usage import USAGE
    from chalicelib.planner.keyword_files import read_keyword_file
    from chalicelib.planner.keyword_import import store
    from infra.soak_keywords import keyword_file
    from infra.soak_measure import history

    with _stack() as (here, ctx, site, sector), metered(here) as used:
        store(ctx, site, sector, read_keyword_file(keyword_file(keywords), filename="costs.csv"), dry_run=False)
        save_config(ctx, site, {"publish_mode": "auto", "between_stage_delay_seconds": 0, "max_items_per_stage": articles})
        run, runs, until = control.start(ctx, site), Runs(ctx), time.monotonic() + LIMIT_SECONDS
        while (shown := runs.shown(runs.get(run.id)))["status"] in ("created", "running"):
            if time.monotonic() > until:
                raise RuntimeError(f"the measured run did not end in {LIMIT_SECONDS} s")
            time.sleep(0.2)
        used.articles = shown["stages"][6]["done"]
        if shown["status"] != "completed" or not used.articles:
            raise RuntimeError(f"the measured run is {shown['status']}: {shown['reason']}")
        rows = list(items(here.deps.table, ctx.tenant))
        used.table_bytes = sum(map(item_size, rows))
        used.operations.update(row["operation_type"]["S"] for row in rows if row.get("kind") == {"S": USAGE.name})
        used.file_bytes = sum(file.size for file in here.files(ctx.tenant))
        execution = runs.get(run.id).execution
        used.transitions = history(boto3.client("stepfunctions"), [execution] if execution else []).transitions
    return used


@contextmanager
def _stack() -> Iterator[tuple[Deployment, Context, str, str]]:
    from chalicelib import deps
    from infra.build import template
    from infra.local.seed import demo_context, seed
    from infra.local.session import quiet
    from infra.local.stack import LocalStack

    with tempfile.TemporaryDirectory() as folder:
        quiet(Path(folder))
        with LocalStack(template("local"), Path(folder), name=STACK) as stack:
            deps.use(None)
            here = deps.current()
            seed(here)
            stack.serve_events()
            try:
                yield (Deployment.of(here), *demo_context(here))
            finally:
                deps.use(None)
