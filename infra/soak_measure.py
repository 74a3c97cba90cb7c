"""What `make soak` measures: memory and CPU of this process over time, and what an execution of the state machine consists of."""

import os
import resource
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

# Source: https://aws.amazon.com/step-functions/pricing/, Standard Workflows, us-east-1, seen 2026-11-20: $0.025 for 1,000 state
# transitions after the free 4,000 of a month. A transition is a step executed, each retry included.
DOLLARS_PER_TRANSITION = 0.025 / 1000


def rss_mb() -> float:
    """Resident memory of this process now; where there is no /proc, the most it ever was."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except FileNotFoundError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most / (2**20 if sys.platform == "darwin" else 1024)


@dataclass
class Usage:
    """While inside: CPU and wall seconds, and memory every `every_seconds`."""

    every_seconds: float = 1.0
    memory_mb: list[float] = field(default_factory=list)
    wall: float = 0.0
    cpu: float = 0.0
    cpu_at_start: float = 0.0

    def __enter__(self) -> "Usage":
        self.cpu_at_start = time.process_time()
        self.wall, self.cpu = -time.perf_counter(), -time.process_time()
        self.memory_mb.append(rss_mb())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="memory", daemon=True)
        self._thread.start()
        return self

    def _sample(self) -> None:
        while not self._stop.wait(self.every_seconds):
            self.memory_mb.append(rss_mb())

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        self.memory_mb.append(rss_mb())
        self.wall += time.perf_counter()
        self.cpu += time.process_time()

    def memory(self) -> str:
        return f"first {self.memory_mb[0]:.0f}, last {self.memory_mb[-1]:.0f}, peak {max(self.memory_mb):.0f} MB"


@dataclass
class History:
    """What executions consist of. transitions: states entered, and each retry of one."""

    executions: int = 0
    events: int = 0
    transitions: int = 0
    longest: int = 0

    @property
    def dollars(self) -> float:
        return self.transitions * DOLLARS_PER_TRANSITION


def history(client: Any, executions: list[str]) -> History:
    """Of these executions together. client: Step Functions'."""
    found = History()
    for arn in executions:
        kinds: Counter[str] = Counter()
        for page in client.get_paginator("get_execution_history").paginate(executionArn=arn, PaginationConfig={"PageSize": 1000}):
            kinds.update(event["type"] for event in page["events"])
        entered = sum(n for kind, n in kinds.items() if kind.endswith("StateEntered"))
        retried = kinds["TaskScheduled"] - kinds["TaskStateEntered"]
        found.executions += 1
        found.events += sum(kinds.values())
        found.transitions += entered + max(0, retried)
        found.longest = max(found.longest, sum(kinds.values()))
    return found
