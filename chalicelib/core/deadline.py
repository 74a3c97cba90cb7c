"""How long the running Lambda may still work: set where it is entered, asked by what waits for others, so that no wait outlives it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

MARGIN_SECONDS = 15.0  # kept back for releasing credits, saving what was made and answering
MARGIN_SHARE = 0.1  # of a Lambda that lives so shortly that the margin would be most of it

_end: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def of_lambda(context: Any) -> Iterator[None]:
    """While a Lambda's event is handled. context: Lambda's own; one without a clock (a tool's, a test's) sets no deadline.

    Threads that the handler starts have no deadline unless they run in a copy of its context (`contextvars.copy_context`).
    """
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    token = _end.set(None if remaining is None else time.monotonic() + _usable(remaining() / 1000))
    try:
        yield
    finally:
        _end.reset(token)


def seconds_left() -> float | None:
    """Seconds that may be spent on waiting, negative when they are over; None without a deadline."""
    end = _end.get()
    return None if end is None else end - time.monotonic()


def _usable(seconds: float) -> float:
    return seconds - min(MARGIN_SECONDS, seconds * MARGIN_SHARE)
