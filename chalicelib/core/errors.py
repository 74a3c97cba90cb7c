"""Every error the product can answer with, one tree, mapped once each for HTTP, Step Functions and SQS.

AppError
├── ValidationFailed 400 · UnreadableFile 400
├── NotAuthenticated 401 · OutOfCredits 402
├── Forbidden 403 ─── AccountInactive · PlanLimit
├── NotFound 404 · MethodNotAllowed 405
├── Conflict 409 ──── Duplicate · AlreadyPublished · RunActive · IdempotencyMismatch · Stale
├── PreconditionFailed 412 · TooLarge 413 · UnsupportedMediaType 415
├── Throttled 429
├── UpstreamRejected 503   the provider or site says no; asking again will not help (wrong key, no quota, unknown model)
│   ├── Moderated          the provider's content moderation refuses this prompt or picture; another one may well pass
│   └── InvalidAnswer      what came back cannot be used, also after one repair
└── Retryable 503
    ├── UpstreamUnavailable   429, 5xx, timeout, cut connection; may carry `retry_after_seconds`
    └── TableBusy             the table refused for now (throttled, conflicting transactions)

For Step Functions the class name is the error name, so a class name here is contract with `automation/stages.py`.
"""

from typing import Any, ClassVar


class AppError(Exception):
    """An error with a meaning for the caller.

    `message` is for a person; `fields` maps a field's name to what is wrong with it; `extra` is merged into the error body
    (for example `required` and `available` of a 402).
    """

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    default: ClassVar[str] = "Something went wrong."

    def __init__(self, message: str | None = None, *, fields: dict[str, list[str]] | None = None, **extra: Any) -> None:
        self.message = message or self.default
        self.fields = fields
        self.extra = extra
        super().__init__(self.message)

    def body(self) -> dict[str, Any]:
        """The `error` object of the HTTP answer."""
        out: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.fields:
            out["fields"] = self.fields
        return {**out, **self.extra}


class ValidationFailed(AppError):
    code, status, default = "validation_error", 400, "The request is not valid."

    @classmethod
    def field(cls, name: str, problem: str) -> "ValidationFailed":
        return cls(f"{name}: {problem}", fields={name: [problem]})


class UnreadableFile(AppError):
    code, status, default = "unreadable_file", 400, "The file cannot be read."


class NotAuthenticated(AppError):
    code, status, default = "not_authenticated", 401, "Sign in first."


class OutOfCredits(AppError):
    """Extra: `required` and `available`, integers of credits."""

    code, status, default = "insufficient_credits", 402, "There are not enough credits."

    def __init__(self, required: int, available: int, message: str | None = None) -> None:
        super().__init__(message or f"This needs {required} credits; {available} are available.", required=required, available=available)


class Forbidden(AppError):
    code, status, default = "forbidden", 403, "Your role does not allow this."


class AccountInactive(Forbidden):
    code, default = "account_inactive", "This account is suspended or cancelled."


class PlanLimit(Forbidden):
    code, default = "plan_limit", "The plan's limit is reached."


class NotFound(AppError):
    code, status, default = "not_found", 404, "There is no such object."


class MethodNotAllowed(AppError):
    code, status, default = "method_not_allowed", 405, "This method is not allowed here."


class Conflict(AppError):
    code, status, default = "conflict", 409, "This conflicts with the object's present state."


class Duplicate(Conflict):
    code, default = "duplicate", "This exists already."


class AlreadyPublished(Conflict):
    code, default = "already_published", "This is published already and has not changed since."


class RunActive(Conflict):
    code, default = "run_active", "A run of this site is active."


class IdempotencyMismatch(Conflict):
    code, default = "idempotency_mismatch", "This idempotency key was used with another request."


class Stale(Conflict):
    """The object moved on between our read and our write; the caller inside reads again."""

    default = "The object has changed meanwhile."


class PreconditionFailed(AppError):
    code, status, default = "precondition_failed", 412, "The object has changed since the version you named."


class TooLarge(AppError):
    code, status, default = "too_large", 413, "This is too large."


class UnsupportedMediaType(AppError):
    code, status, default = "unsupported_media_type", 415, "This content type is not supported here."


class Throttled(AppError):
    """Extra: `retry_after_seconds`."""

    code, status, default = "throttled", 429, "Too many requests."


class UpstreamRejected(AppError):
    code, status, default = "upstream_unavailable", 503, "The other side refused."


class Moderated(UpstreamRejected):
    default = "The provider's moderation refuses this."


class InvalidAnswer(UpstreamRejected):
    default = "The model's answer cannot be used."


class Retryable(AppError):
    code, status, retryable, default = "upstream_unavailable", 503, True, "Temporarily unavailable; try again."

    def __init__(self, message: str | None = None, *, retry_after_seconds: float | None = None, **extra: Any) -> None:
        super().__init__(message, **extra)
        self.retry_after_seconds = retry_after_seconds


class UpstreamUnavailable(Retryable):
    default = "The other side does not answer at present."


class TableBusy(Retryable):
    default = "The database is busy; try again."
