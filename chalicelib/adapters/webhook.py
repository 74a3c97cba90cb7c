"""Deliver articles as signed JSON to a receiver of the site's own, for whatever is neither WordPress nor a static site.

docs/webhook.md is the receivers' side of this file.
"""

import base64
import hashlib
import hmac
import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

from chalicelib.adapters.article_html import adapt
from chalicelib.adapters.safe_http import HttpAnswer, Transport, retry_after_seconds
from chalicelib.core.errors import UpstreamRejected, UpstreamUnavailable
from chalicelib.ports import Article, ArticleImage, Check, Clock, RemotePost

MAX_DELIVERY_BYTES = 20_000_000
TIMEOUT_SECONDS = 60.0
SAID_CHARACTERS = 200
EXTERNAL_ID_CHARACTERS = 200
ADDRESS_CHARACTERS = 2000
NOTES = 10
# An address that is safe to show as a link.
ADDRESS = re.compile(r"https?://[^\s\"'<>`\\]+", re.IGNORECASE)
REFUSALS = {
    401: "does not accept the signature. Give it the signing secret of this connection, or give the connection a new one",
    403: "does not accept the delivery. Give it the signing secret of this connection, and see that no firewall is in the way",
    404: "has no receiver at this address",
    405: "takes no POST at this address",
    409: "says that the delivery conflicts with what it has",
    410: "says that it takes no deliveries any more. Change the address or switch the connection off",
    413: "does not accept a delivery this large. Raise its limit or use fewer images",
    415: "does not accept JSON",
}


@dataclass(frozen=True)
class _Reply:
    """A receiver's 2xx. data: the JSON object it answers with; empty when it answers with anything else, which it may."""

    status: int
    data: dict[str, Any]

    @property
    def external_id(self) -> str:
        value = self.data.get("id")
        text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
        return text if len(text) <= EXTERNAL_ID_CHARACTERS and text.isprintable() else ""

    @property
    def url(self) -> str:
        value = self.data.get("url")
        return value if isinstance(value, str) and len(value) <= ADDRESS_CHARACTERS and ADDRESS.fullmatch(value) else ""

    @property
    def notes(self) -> list[str]:
        value = self.data.get("notes")
        return [_shortened(note) for note in value[:NOTES] if isinstance(note, str)] if isinstance(value, list) else []


class WebhookPublisher:
    """`ports.Publisher` on a URL that takes signed JSON.

    url: where to POST. secret: shared with the receiver, key of the signature. http: must not follow redirects, which would turn the
    POST into a GET. clock: dates the deliveries, so that receivers can refuse old ones.

    A delivery is the whole article under an id that stays, so that a receiver that stores by id has one post, whatever comes twice.
    """

    target = "webhook"

    def __init__(self, url: str, secret: str, http: Transport, clock: Clock, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._url, self._secret, self._http, self._clock = url, secret.encode(), http, clock
        self._host, self._timeout_seconds = urlsplit(url).hostname or url, timeout_seconds

    def check(self) -> Check:
        """Send a `ping`. Raises: UpstreamUnavailable."""
        now = self._clock.now()
        try:
            reply = self._deliver("ping", f"ping-{int(now.timestamp() * 1000)}", now, {})
        except UpstreamRejected as error:
            return Check(False, error.message)
        return Check(True, f"{self._host} took a signed test delivery.", {"status": reply.status})

    def publish(self, article: Article, known: RemotePost | None) -> RemotePost:
        """Deliver the article. What the answer does not say stays as `known` has it.

        Raises: UpstreamUnavailable, UpstreamRejected (also for a delivery above 20 MB).
        """
        featured = next((i for i in sorted(article.images, key=lambda i: i.position) if i.image_type == "featured"), None)
        sources = {i.source: quote(i.filename, safe="") for i in article.images if i.source}
        body = adapt(article.html, sources, keep_relative_links=True, heading_ids=False)
        sent = [i for i in article.images if i is featured or i.source in body.used]
        notes = [f"Left out an image with an address of its own: {url[:120]}" for url in body.dropped]
        unused = [i.filename for i in article.images if i not in sent]
        if unused:
            notes.append(f"Not used in the text and so not sent: {', '.join(unused)}.")
        fields = _fields(article, body.html)
        images = [_image(i, sources[i.source] if i.source in body.used else "") for i in sent]
        key = delivery_key(article, fields, sent)
        event = "article.updated" if known else "article.published"
        reply = self._deliver(event, key, self._clock.now(), {"article": {**fields, "json_ld": article.json_ld, "images": images}})
        return RemotePost(
            external_id=reply.external_id or (known.external_id if known else article.source_id),
            url=reply.url or (known.url if known else ""),
            status=article.status,
            terms=tuple(replace(t, external_id=t.slug) for t in article.terms),
            media={i.filename: i.filename for i in sent},
            notes=tuple([*notes, *reply.notes]),
        )

    def withdraw(self, source_id: str, known: RemotePost) -> bool:
        """Tell the receiver that the article is to be kept from readers. Raises: UpstreamUnavailable, UpstreamRejected."""
        gone = {"id": source_id, "external_id": known.external_id, "url": known.url}
        self._deliver("article.withdrawn", f"{quote(source_id, safe='')}-withdrawn", self._clock.now(), {"article": gone})
        return True  # whether it had the article is the receiver's own business

    def refuses(self, content_type: str) -> str | None:
        """Nothing: the receiver is told the type."""
        return None

    def _deliver(self, event: str, key: str, now: datetime, more: dict[str, Any]) -> _Reply:
        """POST one delivery. Raises: UpstreamUnavailable, UpstreamRejected."""
        delivery = {"event": event, "id": key, "delivered_at": _iso(now), **more}
        body = json.dumps(delivery, separators=(",", ":")).encode()
        if len(body) > MAX_DELIVERY_BYTES:
            size, limit = len(body) / 1_000_000, MAX_DELIVERY_BYTES // 1_000_000
            raise UpstreamRejected(
                f"The article with its images is {size:.1f} MB, a webhook delivery at most {limit} MB. Use smaller images."
            )
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Idempotency-Key": key,
            "X-Signature": signature(self._secret, int(now.timestamp()), body),
        }
        answer = self._http.request("POST", self._url, headers=headers, body=body, timeout_seconds=self._timeout_seconds)
        if not 200 <= answer.status < 300:
            raise self._error(answer)
        return _Reply(answer.status, _object(answer))

    def _error(self, answer: HttpAnswer) -> UpstreamRejected | UpstreamUnavailable:
        status = answer.status
        words = _said(answer)
        said = f" It says: {words}" if words else ""
        if status in (408, 425, 429) or status >= 500:
            why = "failed" if status >= 500 and status != 503 else "asks us to wait"
            return UpstreamUnavailable(f"{self._host} {why} ({status}).{said}", retry_after_seconds=retry_after_seconds(answer.headers))
        if 300 <= status < 400:
            place = _shortened(answer.headers.get("location", "").split("?")[0])
            return UpstreamRejected(f"{self._host} redirects to {place} ({status}). Enter the address that the receiver really has.")
        return UpstreamRejected(f"{self._host} {REFUSALS.get(status, 'refuses the delivery')} ({status}).{said}")


def signature(secret: bytes, timestamp: int, body: bytes) -> str:
    """The `X-Signature` of a body sent at a time (Unix seconds): `t=<time>,v1=<hex of HMAC-SHA256 over time, full stop, body>`.

    Source: the scheme of Stripe's webhooks, which receivers' libraries know.
    """
    return f"t={timestamp},v1={hmac.new(secret, b'%d.%b' % (timestamp, body), hashlib.sha256).hexdigest()}"


def delivery_key(article: Article, fields: dict[str, Any], images: list[ArticleImage]) -> str:
    """The `Idempotency-Key`: the article's id and a fingerprint of what is delivered, the same for every try of one version.

    json_ld is left out: it repeats the other fields and adds the time of the last change, which each try moves on.
    """
    pictures = [(i.image_type, i.position, i.filename, i.alt, hashlib.sha256(i.data).hexdigest()) for i in images]
    digest = hashlib.sha256(json.dumps([fields, pictures], sort_keys=True).encode()).hexdigest()
    return f"{quote(article.source_id, safe='')}-{digest[:32]}"


def _fields(article: Article, html: str) -> dict[str, Any]:
    """The article as receivers see it, without its images and json_ld."""
    return {
        "id": article.source_id,
        "title": article.title,
        "slug": article.slug,
        "html": html,
        "excerpt": article.excerpt,
        "meta_title": article.meta_title,
        "meta_description": article.meta_description,
        "primary_keyword": article.primary_keyword,
        "terms": [{"name": t.name, "slug": t.slug, "taxonomy": t.taxonomy} for t in article.terms],
        "language": article.language,
        "content_type": article.content_type,
        "status": article.status,
        "published_at": _iso(article.published_at) if article.published_at else None,
        "author": article.author,
        "site_name": article.site_name,
        "generated_by": article.generated_by,
    }


def _image(image: ArticleImage, src: str) -> dict[str, Any]:
    return {
        "filename": image.filename,
        "src": src,
        "alt": image.alt,
        "type": image.image_type,
        "position": image.position,
        "mime": image.mime,
        "data_base64": base64.b64encode(image.data).decode("ascii"),
    }


def _iso(when: datetime) -> str:
    """UTC with milliseconds, in fixed width: text order is time order."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _object(answer: HttpAnswer) -> dict[str, Any]:
    """The JSON object of an answer; empty when it is none: a status is all a receiver has to answer."""
    try:
        data = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _said(answer: HttpAnswer) -> str:
    """What the receiver says went wrong: `message`, `detail` or `error` of its JSON (or of an object in it), else its plain text."""
    data = _object(answer)
    inner = data.get("error")
    for found in (data, inner if isinstance(inner, dict) else {}):
        for name in ("message", "detail", "error"):
            if isinstance(found.get(name), str):
                return _shortened(found[name])
    return _shortened(answer.body.decode("utf-8", errors="replace")) if answer.content_type == "text/plain" else ""


def _shortened(text: str) -> str:
    """One line of at most 200 characters, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * SAID_CHARACTERS]).split())[:SAID_CHARACTERS]
