"""Where articles are published, and what can be read there."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable


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
    json_ld: its image addresses are the images' `source`, which the publisher rewrites.
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
