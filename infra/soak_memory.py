"""Where the memory of `make soak` goes: what simulated AWS has stored, walked object by object, and what is left to our own code."""

import ctypes
import gc
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from moto.s3.models import s3_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from infra.local import journal_sources
from infra.local.template import ACCOUNT, REGION
from infra.soak_measure import rss_mb

_CODE = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType)  # shared by everything, owned by nothing stored
MB = 2**20


@dataclass(frozen=True)
class Memory:
    """rss_mb: of the process, with what is free given back to the system. stored_mb: of that, what services have stored."""

    rss_mb: float
    stored_mb: dict[str, float]

    @property
    def own_mb(self) -> float:
        return self.rss_mb - sum(self.stored_mb.values())


def measure() -> Memory:
    """Of this process now. Stops the interpreter for a moment."""
    stored = {name: deep_bytes(roots()) / MB for name, roots in STORES.items()}
    gc.collect()
    _give_back()
    return Memory(rss_mb(), stored)


def _give_back() -> None:
    """Have the C library return freed memory, where it can (glibc)."""
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


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
