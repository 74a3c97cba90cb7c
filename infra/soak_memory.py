"""Whether memory grows with the articles of `make soak`: a slope of what is measured, beside what simulated services have stored."""

import gc
import math
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import linear_regression, mean
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from moto.s3.models import s3_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from infra.local import journal_sources
from infra.local.template import ACCOUNT, REGION

_CODE = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType)  # shared by everything, owned by nothing stored
KB = 1024
WARM_UP = 1 / 3  # of a stage's items: until then code is loaded and every worker begins
LEAST_LOOKS = 3


@dataclass(frozen=True)
class Look:
    """Memory of the process in MB, when a stage had done so many items."""

    stage: int
    done: int
    rss_mb: float


@dataclass(frozen=True)
class Growth:
    """KB for each article: of the process, with its standard error, and of what simulated services store (`deep_bytes`)."""

    kb: float
    error_kb: float
    stored_kb: float

    @property
    def allowed_kb(self) -> float:
        """What is stored, as much again for the gaps between objects that stay and those that go, and twice the slope's error."""
        return 2 * self.stored_kb + 2 * self.error_kb

    @property
    def flat(self) -> bool:
        return self.kb <= self.allowed_kb


def growth(looks: Iterable[Look], stored_kb: float) -> Growth:
    """The slopes of the stages, each by itself and after its warm-up, together: every article goes through all of them."""
    of_stage: dict[int, list[Look]] = defaultdict(list)
    for look in looks:
        of_stage[look.stage].append(look)
    slopes = [slope(found) for found in of_stage.values()]
    return Growth(sum(s for s, _ in slopes), math.sqrt(sum(e**2 for _, e in slopes)), stored_kb)


def slope(looks: Sequence[Look]) -> tuple[float, float]:
    """KB by which memory grew with each item, and the standard error of that; nothing where there is too little to see."""
    warm = [look for look in looks if look.done >= WARM_UP * max(one.done for one in looks)]
    done, rss = [float(look.done) for look in warm], [look.rss_mb * KB for look in warm]
    if len(warm) < LEAST_LOOKS or len(set(done)) < LEAST_LOOKS:
        return 0.0, 0.0
    line = linear_regression(done, rss)
    off = sum((y - line.intercept - line.slope * x) ** 2 for x, y in zip(done, rss, strict=True))
    middle = mean(done)
    return line.slope, math.sqrt(off / (len(warm) - 2) / sum((x - middle) ** 2 for x in done))


def stored_kb() -> dict[str, float]:
    """What simulated services hold in this process at present, by service. Stops the interpreter for a moment."""
    return {name: deep_bytes(roots()) / KB for name, roots in STORES.items()}


def deep_bytes(roots: Iterable[Any]) -> int:
    """Bytes of the objects and all they refer to, each counted once; code is left out."""
    seen: set[int] = set()
    todo, total = list(roots), 0
    while todo:
        here = todo.pop()
        if id(here) in seen or isinstance(here, _CODE):
            continue
        seen.add(id(here))
        total += sys.getsizeof(here)
        todo.extend(gc.get_referents(here))
    return total


def _tables() -> list[Any]:
    return [table.items for table in journal_sources.tables().values()]


def _objects() -> list[Any]:
    return [key._value_buffer for bucket in s3_backends[ACCOUNT]["aws"].buckets.values() for key in bucket.keys.values()]


def _histories() -> list[Any]:
    machines = stepfunctions_parser_backends[ACCOUNT][REGION].state_machines
    executions = [execution for machine in machines for execution in list(machine.executions)]
    return [e.exec_worker.env.event_manager._history_event_list for e in executions if e.exec_worker and e.exec_worker.env]


STORES: dict[str, Callable[[], list[Any]]] = {"tables": _tables, "objects": _objects, "histories": _histories}
