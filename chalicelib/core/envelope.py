"""The one shape of every JSON answer: what a handler returned, or the error it raised, in the envelope of the contract."""

from typing import Any

from pydantic_core import to_json

from chalicelib.core.errors import AppError, Retryable
from chalicelib.core.observability import logger
from chalicelib.core.routing import Answer


def success(result: Any, status: int) -> Answer:
    """A handler's result in the success envelope; an `Answer` that has a body or an envelope of its own stays as it is."""
    answer = result if isinstance(result, Answer) else Answer(result, status=status)
    if answer.body is not None or answer.extra.get("success") is not None:
        return answer
    envelope = {"success": True, "data": answer.data, **({"message": answer.message} if answer.message else {}), **answer.extra}
    return Answer(status=answer.status, headers=answer.headers, extra=envelope)


def failure(error: Exception) -> Answer:
    """An error in the error envelope. Call it where the error was caught: what is no AppError is logged with its trace and not told."""
    if not isinstance(error, AppError):
        logger().exception("unexpected error")
        error = AppError()
    headers = {}
    wait = error.extra.get("retry_after_seconds", getattr(error, "retry_after_seconds", None))
    if wait is not None or isinstance(error, Retryable):
        headers["Retry-After"] = str(max(1, round(wait or 1)))
    if error.status >= 500:
        logger().warning("answered with an error", extra={"code": error.code, "detail": error.message})
    return Answer(status=error.status, headers=headers, extra={"success": False, "error": error.body()})


def rendered(answer: Answer, request_id: str) -> str:
    """The body as it is sent."""
    return answer.body if answer.body is not None else to_json({**answer.extra, "request_id": request_id}).decode()
