"""What AWS gives: queues, the state machine, files, secrets, time, users."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


class Jobs(Protocol):
    def send(self, queue: str, body: dict[str, Any], delay_seconds: int = 0) -> str:
        """queue: `ai`, `images` or `publish`. body: JSON types, ids rather than documents. Returns the message id."""
        ...

    def again(self, queue: str, receipt: str, seconds: int) -> None:
        """Have a message that failed delivered again after so long, instead of after the queue's whole visibility timeout."""
        ...


class Workflow(Protocol):
    """The state machine and its task tokens."""

    def start(self, name: str, body: dict[str, Any]) -> str:
        """Start an execution; the same name started already counts as success. Returns its ARN."""
        ...

    def stop(self, arn: str, cause: str) -> None: ...

    def status(self, arn: str) -> str:
        """RUNNING | SUCCEEDED | FAILED | TIMED_OUT | ABORTED | UNKNOWN (no such execution)."""
        ...

    def succeed(self, token: str, output: dict[str, Any]) -> None: ...

    def fail(self, token: str, error: str, cause: str) -> None: ...


class Files(Protocol):
    """Binary objects by key; a key begins with the tenant's id."""

    def put(self, key: str, data: bytes, mime: str, *, keep_days: int | None = None) -> None:
        """keep_days: the store deletes it after so long, None keeps it; only 30 has a rule (infra/resources/storage.yaml)."""
        ...

    def get(self, key: str) -> bytes:
        """Raises: NotFound."""
        ...

    def delete(self, key: str) -> None: ...

    def list(self, prefix: str) -> Sequence[str]:
        """All keys that begin so."""
        ...

    def url(self, key: str, seconds: int = 300) -> str:
        """A signed address that anyone may read for so long."""
        ...


class FileStore(Files, Protocol):
    """The store that clients reach by signed addresses."""

    def upload_url(self, key: str, size: int, seconds: int = 900) -> str:
        """A signed address to which anyone may PUT exactly `size` bytes for so long."""
        ...


class Secrets(Protocol):
    def seal(self, plain: str, context: dict[str, str]) -> str:
        """Encrypt under the given context (tenant and field). Returns text that is safe to store."""
        ...

    def unseal(self, sealed: str, context: dict[str, str]) -> str:
        """Raises: UpstreamRejected when the context differs or the text was changed."""
        ...


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware, UTC."""
        ...


@dataclass(frozen=True)
class Tokens:
    access: str
    refresh: str
    expires_in: int


class UserPool(Protocol):
    """Where passwords live. username: `<tenant>.<user id>`, so that a token names both. The pool itself mails the codes it makes."""

    issuer: str
    client_id: str

    def create(self, username: str, email: str, password: str) -> None:
        """Raises: ValidationFailed when the password does not meet the policy."""
        ...

    def delete(self, username: str) -> None:
        """Deleting who is not there is success."""
        ...

    def login(self, username: str, password: str) -> Tokens:
        """Raises: NotAuthenticated."""
        ...

    def refresh(self, refresh: str) -> Tokens:
        """A new access token of the refresh token's session. Raises: NotAuthenticated when it has expired or was ended."""
        ...

    def revoke(self, refresh: str) -> None:
        """End a refresh token. What is none, or ended before, is success."""
        ...

    def sign_out(self, username: str) -> None:
        """End every refresh token of the user."""
        ...

    def set_password(self, username: str, password: str) -> None:
        """Raises: ValidationFailed when the password does not meet the policy."""
        ...

    def send_code(self, username: str) -> None:
        """Mail a code with which a password can be set. Nobody learns whether the user exists."""
        ...

    def confirm_code(self, username: str, code: str, password: str) -> None:
        """Set the password of whom the code was mailed to. Raises: ValidationFailed for a wrong or expired code or a weak password."""
        ...

    def keys(self) -> dict[str, Any]:
        """The pool's JSON Web Key Set."""
        ...
