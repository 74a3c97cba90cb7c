"""What the product needs from outside, on one page: each port is a need, named so, with few methods and our own types.

Adapters in `chalicelib/adapters/` implement them and translate every vendor error to `core.errors` (`UpstreamUnavailable` when
asking again may help, `UpstreamRejected` when not, `InvalidAnswer` when the answer is unusable). One contract test class per
port runs on every adapter. Only `deps.py` knows which adapter serves which port. This module imports nothing of ours.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel


@dataclass(frozen=True)
class TextRequest:
    """One question to a text model.

    function: name of the AI function that asks. prompt: the whole prompt. schema: pydantic model of the answer.
    facts: the data the prompt was rendered from (JSON types); a model that reads prose ignores it, `offline` composes from it.
    repair: set on the second try: the first answer's text and what was wrong with it.
    timeout_seconds: the longest this call may take, retries of the transport included. tight: makes a JSON schema that says more of the
    answer than `schema` may say to OpenAI, for servers that decode by a grammar.
    """

    function: str
    system: str
    prompt: str
    schema: type[BaseModel]
    facts: dict[str, Any] = field(default_factory=dict)
    max_output_tokens: int = 8000
    timeout_seconds: float = 120.0
    repair: "Repair | None" = None
    tight: Callable[[], dict[str, Any]] | None = None


@dataclass(frozen=True)
class Repair:
    answer: str
    problems: list[str]


@dataclass(frozen=True)
class TextAnswer:
    """text: the JSON as it came. tokens_in/tokens_out: None when the provider does not say. cost_usd: None when unknown, never 0
    for unknown; 0 is right for `offline`."""

    text: str
    model: str
    provider: str
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None


@runtime_checkable
class TextModel(Protocol):
    provider: str
    model: str

    def complete(self, request: TextRequest) -> TextAnswer:
        """Ask once (no repair of its own) and return the answer's text, which claims to be JSON of `request.schema`.

        Raises: UpstreamUnavailable, UpstreamRejected, InvalidAnswer (refused, cut off, not JSON at all).
        """
        ...


@runtime_checkable
class ModelList(Protocol):
    """A text model whose server can say which models it has."""

    def offered(self, timeout_seconds: float) -> dict[str, str | None]:
        """The server's models -> the date (ISO) on which each is shut down, None when no date is announced.

        Raises: UpstreamUnavailable, UpstreamRejected, InvalidAnswer (the server has no such list).
        """
        ...


@runtime_checkable
class Embedder(Protocol):
    provider: str
    model: str
    threshold: float  # cosine distance at which average linkage is cut, measured for this model (design/ai)

    def embed(self, texts: Sequence[str]) -> Any:
        """texts: n strings -> numpy float32 array (n, d), rows of length one, same order. Raises: UpstreamUnavailable, UpstreamRejected."""
        ...


@runtime_checkable
class SentenceEmbedder(Embedder, Protocol):
    """An Embedder that also has a space for whole phrases which all its calls share, so that vectors can be kept and compared later."""

    def sentences(self, texts: Sequence[str]) -> Any:
        """texts: n strings, every word of which counts -> as `embed`. Raises: UpstreamUnavailable, UpstreamRejected."""
        ...


@dataclass(frozen=True)
class ImageRequest:
    """title: text an offline drawing may show. width_px, height_px: the size wanted."""

    prompt: str
    width_px: int
    height_px: int
    title: str = ""
    timeout_seconds: float = 120.0


@dataclass(frozen=True)
class ImageAnswer:
    data: bytes
    mime: str
    model: str
    provider: str
    cost_usd: float | None = None


@runtime_checkable
class ImageModel(Protocol):
    provider: str
    model: str

    def draw(self, request: ImageRequest) -> ImageAnswer:
        """Raises: UpstreamUnavailable, UpstreamRejected (moderation included), InvalidAnswer (not an image)."""
        ...


@dataclass(frozen=True)
class Term:
    """A taxonomy term. taxonomy: `category` or `tag`. parents: names of the categories above it, the uppermost first."""

    name: str
    slug: str
    taxonomy: str
    external_id: str | None = None
    parents: tuple[str, ...] = ()


@dataclass(frozen=True)
class ArticleImage:
    """position: 0 is the first of its kind. source: the URL the article's HTML uses for it, which the publisher rewrites."""

    image_type: str  # featured | in_article | desktop | mobile
    position: int
    data: bytes
    mime: str
    alt: str
    filename: str
    source: str


@dataclass(frozen=True)
class Article:
    """What a publisher puts on a target. html: the body, sanitised, without h1. status: publish | draft | future.
    source_id: our content id, the same for ever; slug: ours, stable; published_at: aware UTC or None for now."""

    source_id: str
    title: str
    slug: str
    html: str
    excerpt: str = ""
    meta_title: str = ""
    meta_description: str = ""
    primary_keyword: str = ""
    language: str = "en"
    content_type: str = "post"
    status: str = "publish"
    terms: tuple[Term, ...] = ()
    images: tuple[ArticleImage, ...] = ()
    json_ld: dict[str, Any] | None = None
    generated_by: str = ""
    author: str = ""
    site_name: str = ""
    published_at: datetime | None = None


@dataclass(frozen=True)
class RemotePost:
    """The one remote post of a content on a target. notes: what the target did not take over (for example unregistered meta).
    kind: the target's own word for what it is (`post`, `page`, `product`, `category`, `tag`), '' where there is one kind only.
    modified_at: when it was changed last by the target's own clock, as text that is only compared, '' where the target does not say."""

    external_id: str
    url: str
    status: str
    terms: tuple[Term, ...] = ()
    media: dict[str, str] = field(default_factory=dict)  # our image filename -> remote id
    notes: tuple[str, ...] = ()
    kind: str = ""
    modified_at: str = field(default="", compare=False)


@dataclass(frozen=True)
class Check:
    """The answer of a connection test: ok, and what was found, for a person."""

    ok: bool
    message: str
    details: dict[str, Any] = field(default_factory=dict)


@runtime_checkable
class Publisher(Protocol):
    target: str  # wordpress | webhook | static

    def publish(self, article: Article, known: RemotePost | None) -> RemotePost:
        """Create or update the one post of `article.source_id`. known: what the last success returned, None if there was none;
        a post that exists all the same (an earlier reply was lost) is found and updated, never doubled.

        Raises: UpstreamUnavailable (nothing is known about the outcome: call again), UpstreamRejected.
        """
        ...

    def withdraw(self, source_id: str, known: RemotePost) -> bool:
        """Take the post away from readers, so that publishing again can bring it back (WordPress: into the trash). False when it was
        gone already.

        Raises: UpstreamUnavailable, UpstreamRejected.
        """
        ...

    def refuses(self, content_type: str) -> str | None:
        """Why the target cannot take contents of this type, for a person; None when it can.

        Raises: UpstreamUnavailable, UpstreamRejected.
        """
        ...

    def check(self) -> Check:
        """Test address, credentials and rights without changing anything. Raises: UpstreamUnavailable."""
        ...


@dataclass(frozen=True)
class RemoteState:
    """A remote post as it stands now. status: publish | future | draft | pending | private | trash | gone, or the target's own word.
    source_id: our content id as the target keeps it, '' where it keeps none. Times are aware UTC."""

    external_id: str
    kind: str
    status: str
    url: str = ""
    slug: str = ""
    title: str = ""
    modified_at: str = ""  # as in RemotePost
    published_at: datetime | None = None
    source_id: str = ""
    terms: tuple[Term, ...] = ()


@dataclass(frozen=True)
class RemoteArticle:
    """A remote post with its text, as `import` takes it over. html: as stored there, not cleaned. language: '' when
    the target says none."""

    state: RemoteState
    html: str
    excerpt: str = ""
    meta_title: str = ""
    meta_description: str = ""
    language: str = ""


@dataclass(frozen=True)
class RemoteBatch:
    """Some of a target's objects. next: cursor of the following batch, '' after the last. total: how many there are in all."""

    items: tuple[Any, ...]
    next: str = ""
    total: int = 0


@runtime_checkable
class RemoteSite(Protocol):
    """The side of a target that people work on themselves, so that we have to look what became of it. A publisher may be one as well."""

    def states(self, posts: Sequence[RemotePost]) -> dict[str, RemoteState]:
        """How the posts stand now, by external id; every one that was asked for is in the answer.

        Raises: UpstreamUnavailable, UpstreamRejected.
        """
        ...

    def articles(self, cursor: str = "") -> RemoteBatch:
        """A batch of `RemoteArticle`, in an order that new posts do not disturb. Raises: as `states`; ValidationFailed for a bad cursor."""
        ...

    def terms(self, cursor: str = "") -> RemoteBatch:
        """A batch of `Term` with their ids. Raises: as `articles`."""
        ...

    def report_to(self, url: str, secret: str) -> bool:
        """Have the target report changes to `url`, signed with `secret`. False when it cannot. Raises: as `states`."""
        ...


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
