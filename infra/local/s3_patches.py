"""moto's S3 made safe for threads: an object that is overwritten while another thread reads or lists it closes the reader's buffer."""

import threading
from collections.abc import Callable
from typing import Any

from moto.s3.responses import S3Response

_lock = threading.RLock()


def _one_at_a_time(answer: Callable[..., Any]) -> Callable[..., Any]:
    def locked(*args: Any, **options: Any) -> Any:
        with _lock:
            return answer(*args, **options)

    return locked


def install() -> None:
    """Requests to S3 are answered one after the other; each takes well under a millisecond."""
    S3Response.bucket_response = _one_at_a_time(S3Response.bucket_response)  # type: ignore[method-assign]
    S3Response.key_response = _one_at_a_time(S3Response.key_response)  # type: ignore[method-assign]
