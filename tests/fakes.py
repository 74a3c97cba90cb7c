"""Stand-ins for the ports: each keeps what it was given, and raises on what it does not support."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib import ports
from chalicelib.core.errors import NotAuthenticated, NotFound, UpstreamRejected


class FixedClock:
    """A clock that stands until it is moved."""

    def __init__(self, time: datetime = datetime(2026, 11, 20, 12, tzinfo=UTC)) -> None:
        self.time = time

    def now(self) -> datetime:
        return self.time

    def forward(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class MemoryFiles:
    """The file store as a dictionary: key -> (data, mime). kept_days: of the keys that are deleted after a while."""

    def __init__(self) -> None:
        self.stored: dict[str, tuple[bytes, str]] = {}
        self.kept_days: dict[str, int] = {}

    def put(self, key: str, data: bytes, mime: str, *, keep_days: int | None = None) -> None:
        self.stored[key] = (data, mime)
        if keep_days is not None:
            self.kept_days[key] = keep_days

    def get(self, key: str) -> bytes:
        if key not in self.stored:
            raise NotFound()
        return self.stored[key][0]

    def delete(self, key: str) -> None:
        self.stored.pop(key, None)

    def list(self, prefix: str) -> Sequence[str]:
        return sorted(k for k in self.stored if k.startswith(prefix))

    def url(self, key: str, seconds: int = 300) -> str:
        return f"https://files.test/{key}?seconds={seconds}"

    def upload_url(self, key: str, size: int, seconds: int = 900) -> str:
        return f"https://files.test/{key}?size={size}&seconds={seconds}"


@dataclass
class Sent:
    queue: str
    body: dict[str, Any]
    delay_seconds: int = 0


class RecordingJobs:
    """Queues that keep what is sent; nothing works it off. A body that is not JSON is refused, as SQS refuses it."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.postponed: list[tuple[str, str, int]] = []

    def send(self, queue: str, body: dict[str, Any], delay_seconds: int = 0) -> str:
        assert queue in ("ai", "images", "publish"), queue
        self.sent.append(Sent(queue, json.loads(json.dumps(body)), delay_seconds))
        return f"message-{len(self.sent)}"

    def again(self, queue: str, receipt: str, seconds: int) -> None:
        self.postponed.append((queue, receipt, seconds))

    def bodies(self, queue: str) -> list[dict[str, Any]]:
        """What was sent to one queue, in order."""
        return [s.body for s in self.sent if s.queue == queue]


class RecordingWorkflow:
    """Executions that start and then wait for the test: `statuses` may be set, answers to task tokens are kept."""

    def __init__(self) -> None:
        self.started: dict[str, dict[str, Any]] = {}
        self.statuses: dict[str, str] = {}
        self.succeeded: list[tuple[str, dict[str, Any]]] = []
        self.failed: list[tuple[str, str, str]] = []

    def start(self, name: str, body: dict[str, Any]) -> str:
        arn = f"arn:execution:{name}"
        self.started.setdefault(name, json.loads(json.dumps(body)))
        self.statuses.setdefault(arn, "RUNNING")
        return arn

    def stop(self, arn: str, cause: str) -> None:
        if self.status(arn) == "RUNNING":
            self.statuses[arn] = "ABORTED"

    def status(self, arn: str) -> str:
        return self.statuses.get(arn, "UNKNOWN")

    def succeed(self, token: str, output: dict[str, Any]) -> None:
        self.succeeded.append((token, json.loads(json.dumps(output))))

    def fail(self, token: str, error: str, cause: str) -> None:
        self.failed.append((token, error, cause))


class ReversibleSecrets:
    """Sealed text that opens only under the same context. No encryption: for tests only."""

    def seal(self, plain: str, context: dict[str, str]) -> str:
        return "sealed:" + json.dumps([sorted(context.items()), plain[::-1]])

    def unseal(self, sealed: str, context: dict[str, str]) -> str:
        head, _, rest = sealed.partition(":")
        bound, reversed_text = json.loads(rest) if head == "sealed" else ([], "")
        if [list(pair) for pair in sorted(context.items())] != bound:
            raise UpstreamRejected("sealed under another context")
        return str(reversed_text)[::-1]


class MemoryUserPool:
    """A user pool with real RS256 tokens, as `auth.identity` checks them. now: seconds, for tokens of another time."""

    issuer = "https://pool.test/local"
    client_id = "client-of-the-tests"

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.users: dict[str, tuple[str, str]] = {}  # username -> (email, password)
        self.now = now
        self._private: Any = None

    def create(self, username: str, email: str, password: str) -> None:
        assert username not in self.users, username
        self.users[username] = (email, password)

    def login(self, username: str, password: str) -> ports.Tokens:
        if self.users.get(username, ("", None))[1] != password:
            raise NotAuthenticated("Wrong e-mail address or password.")
        return ports.Tokens(access=self.token(username), refresh=f"refresh-{username}", expires_in=3600)

    def token(self, username: str, **claims: Any) -> str:
        """An access token of this pool; `claims` replace the right ones."""
        import jwt

        now = int(self.now())
        right = {
            "iss": self.issuer,
            "client_id": self.client_id,
            "token_use": "access",
            "username": username,
            "iat": now,
            "exp": now + 3600,
        }
        return jwt.encode({**right, **claims}, self._key(), algorithm="RS256", headers={"kid": "key-1"})

    def keys(self) -> dict[str, Any]:
        from jwt.algorithms import RSAAlgorithm

        public = RSAAlgorithm.to_jwk(self._key().public_key(), as_dict=True)
        return {"keys": [{**public, "kid": "key-1", "alg": "RS256", "use": "sig"}]}

    def _key(self) -> Any:
        if self._private is None:
            from cryptography.hazmat.primitives.asymmetric import rsa

            self._private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return self._private


@dataclass
class ScriptedText:
    """A text model that answers what the test wrote, one after the other: text, a JSON value, or an error to raise."""

    answers: list[Any] = field(default_factory=list)
    asked: list[ports.TextRequest] = field(default_factory=list)
    provider: str = "scripted"
    model: str = "scripted-1"
    cost_usd: float | None = 0.001

    def complete(self, request: ports.TextRequest) -> ports.TextAnswer:
        self.asked.append(request)
        assert self.answers, f"nothing scripted for {request.function}"
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        text = answer if isinstance(answer, str) else json.dumps(answer)
        return ports.TextAnswer(text=text, model=self.model, provider=self.provider, tokens_in=100, tokens_out=200, cost_usd=self.cost_usd)


@dataclass
class ScriptedImages:
    """An image model that answers with the given pictures (bytes) or raises the given errors, one after the other."""

    answers: list[Any] = field(default_factory=list)
    asked: list[ports.ImageRequest] = field(default_factory=list)
    provider: str = "scripted"
    model: str = "scripted-1"

    def draw(self, request: ports.ImageRequest) -> ports.ImageAnswer:
        self.asked.append(request)
        assert self.answers, "no picture scripted"
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return ports.ImageAnswer(data=answer, mime="image/png", model=self.model, provider=self.provider, cost_usd=0.01)


class RememberingPublisher:
    """A target that holds one post for each source id. `failures` are raised first, one a call."""

    target = "static"

    def __init__(self) -> None:
        self.posts: dict[str, ports.Article] = {}
        self.failures: list[Exception] = []

    def publish(self, article: ports.Article, known: ports.RemotePost | None) -> ports.RemotePost:
        if self.failures:
            raise self.failures.pop(0)
        self.posts[article.source_id] = article
        return ports.RemotePost(f"post-{article.source_id}", f"https://site.test/{article.slug}", article.status, article.terms)

    def withdraw(self, source_id: str, known: ports.RemotePost) -> bool:
        if self.failures:
            raise self.failures.pop(0)
        return self.posts.pop(source_id, None) is not None

    def refuses(self, content_type: str) -> str | None:
        return "The site has no shop." if content_type == "product" else None

    def check(self) -> ports.Check:
        return ports.Check(True, "It answers.")


def unavailable(what: str) -> Callable[..., Any]:
    """A factory for what a test has not provided: asking for it fails the test."""

    def ask(*args: Any) -> Any:
        raise AssertionError(f"this test provides no {what}: use dataclasses.replace(deps, ...)")

    return ask
