"""Retry intervals of the local state machine in a fraction of their time, for tests: moto sleeps them for real."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl


@contextmanager
def hurried(factor: float = 0.01) -> Iterator[None]:
    """While inside, an execution waits `factor` of what its retriers say. Raises: RuntimeError when moto sleeps elsewhere by now."""
    if retrier_decl.time is not time:
        raise RuntimeError("moto's retrier does not sleep by its own `time` any more: find where, or leave this out")
    retrier_decl.time = SimpleNamespace(sleep=lambda seconds: time.sleep(seconds * factor))
    try:
        yield
    finally:
        retrier_decl.time = time
