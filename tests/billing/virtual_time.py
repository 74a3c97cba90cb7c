"""Threads whose sleeping takes no time: whoever would wake first goes on, alone, and the clock jumps to that moment.

So thousands of workers can meet in a way that depends neither on this machine's speed nor on what else it does.
"""

import heapq
import itertools
import threading
from collections.abc import Callable, Iterable
from typing import Any


def signal() -> threading.Lock:
    """A lock that is taken: `acquire` waits for somebody's `release`."""
    lock = threading.Lock()
    lock.acquire()
    return lock


class VirtualTime:
    """`now` is in seconds since the start. `sleep` is for the workers that `run` has started."""

    def __init__(self) -> None:
        self.now, self._order, self._back = 0.0, itertools.count(), signal()
        self._asleep: list[tuple[float, int, threading.Lock]] = []
        self._failures: list[BaseException] = []

    def sleep(self, seconds: float) -> None:
        mine = signal()
        heapq.heappush(self._asleep, (self.now + seconds, next(self._order), mine))
        self._back.release()
        mine.acquire()

    def run(self, jobs: Iterable[Callable[[], Any]]) -> None:
        """Run the jobs, all begun at this moment, until the last has ended. Raises: the first error of a job."""
        before = threading.stack_size(512 * 1024)
        try:
            for job in jobs:
                threading.Thread(target=self._work, args=(job,), daemon=True).start()
                self._back.acquire()  # it sleeps, or it has ended
        finally:
            threading.stack_size(before)
        while self._asleep:
            self.now, _, worker = heapq.heappop(self._asleep)
            worker.release()
            self._back.acquire()
            if self._failures:
                raise self._failures[0]

    def _work(self, job: Callable[[], Any]) -> None:
        try:
            self.sleep(0)
            job()
        except BaseException as error:
            self._failures.append(error)
        self._back.release()
