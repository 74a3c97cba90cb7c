"""Waiting for what the engine does by itself, with a limit."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from tests.e2e.blackbox.client import Api

T = TypeVar("T")
WAIT_SECONDS = 240  # a run takes twenty on two idle cores


def until(ask: Callable[[], T], good: Callable[[T], bool]) -> T:
    """The first answer that is good. Raises: AssertionError with the last one when none was in time."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not good(found := ask()):
        assert time.monotonic() < deadline, found
        time.sleep(0.3)
    return found


def until_run(api: Api, run: str, *statuses: str) -> dict[str, Any]:
    """The run, once it has one of these statuses; it must not end with another."""
    ended = {"completed", "failed", "cancelled"}
    shown: dict[str, Any] = until(lambda: api.get(f"automation/runs/{run}/").data, lambda found: found["status"] in {*statuses, *ended})
    assert shown["status"] in statuses, shown
    return shown
