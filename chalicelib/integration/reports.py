"""Reports of our companion plugin on what happens to our posts: signed, fresh, each taken once."""

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from chalicelib.core.context import Context, Deps
from chalicelib.core.errors import Conflict, NotAuthenticated, TooLarge, ValidationFailed
from chalicelib.core.observability import count, logger
from chalicelib.core.scope import Scope
from chalicelib.core.table import Key, put_new
from chalicelib.integration.connections import CONNECTION, Connection, new_signing_secret
from chalicelib.integration.publish_record import content_of, known, record_key, web_address
from chalicelib.integration.remote import reconcile, remote_site
from chalicelib.ports import RemoteState
from chalicelib.writer.content import CONTENT

PATH = "integration/webhooks/wordpress/status"
WINDOW_SECONDS = 300
KEEP = timedelta(hours=24)  # of a report's mark: far longer than a signature is valid
MAX_BYTES = 64_000
STATUSES = {"trashed": "trash", "deleted": "gone"}
REFUSED = "The report is not signed by a site that is connected here, or it is too old."


class ReportedPost(BaseModel):
    """The post as the plugin saw it at the end of its request."""

    id: int = Field(ge=1)
    type: str = Field("post", max_length=40)
    status: str = Field("", max_length=40)
    slug: str = Field("", max_length=400)
    link: str = Field("", max_length=2000)
    title: str = Field("", max_length=2000)
    modified_gmt: str = Field("", max_length=40)
    source_id: str = Field("", max_length=200)


class Report(BaseModel):
    """id: of the report, the same for each try. happened: UTC by the site's clock."""

    id: str = Field(min_length=8, max_length=80)
    event: Literal["published", "edited", "unpublished", "trashed", "deleted", "ping"]
    happened: str = Field(max_length=40)
    post: ReportedPost | None = None


def switch_on(ctx: Context, connection: Connection, base_url: str) -> tuple[Connection, bool]:
    """Have the site report to us, with a new secret. base_url: of this API. False when the site has no plugin of ours.

    Raises: Conflict, UpstreamUnavailable, UpstreamRejected.
    """
    secret = new_signing_secret()
    url = f"{base_url}{PATH}/?connection={ctx.tenant}.{connection.id}"
    if not remote_site(ctx, connection, waited_for=True).report_to(url, secret):
        return connection, False
    sealed = ctx.deps.secrets.seal(secret, _context(ctx))
    return ctx.repository(CONNECTION).patch(connection.id, {"report_secret_sealed": sealed}), True


def receive(deps: Deps, reference: str, headers: dict[str, str], raw: bytes) -> dict[str, Any]:
    """Check a report and apply it: {event, applied}; applied: whether it told us something new.

    reference: `<tenant>.<connection id>`, from the address that the plugin was given.

    Raises: TooLarge, NotAuthenticated (unknown connection, wrong signature, outside the time window), Conflict (taken before),
    ValidationFailed, PublishBusy, TableBusy.
    """
    if len(raw) > MAX_BYTES:
        raise TooLarge(f"A report has at most {MAX_BYTES // 1000} kB.")
    tenant, _, connection_id = reference.partition(".")
    ctx = Context(Scope.worker(tenant), deps)
    connection = ctx.repository(CONNECTION).find(connection_id) if tenant and connection_id else None
    secret = ""
    if connection is not None and connection.report_secret_sealed and connection.is_active:
        secret = deps.secrets.unseal(connection.report_secret_sealed, _context(ctx))
    _check_signature(secret, headers, raw, now=int(deps.clock.now().timestamp()))
    assert connection is not None
    report = _parsed(raw)
    mark: Key = (f"{tenant}#REPORT", f"{connection.id}#{report.id}")
    if deps.ops.get(mark) is not None:
        raise Conflict("This report was taken before.")
    applied = _apply(ctx, connection, report)
    # After it was applied: one that fails midway is to be taken when it comes again. Applying one twice changes nothing.
    ttl = int((deps.clock.now() + KEEP).timestamp())
    deps.ops.write(put_new(mark, {"ttl": ttl}, on_fail=lambda old: Conflict("This report was taken before.")))
    return {"event": report.event, "applied": applied}


def _apply(ctx: Context, connection: Connection, report: Report) -> bool:
    post = report.post
    if report.event == "ping" or post is None:
        return False
    content_id = content_of(ctx, connection.id, str(post.id)) or post.source_id
    content = ctx.repository(CONTENT).find(content_id) if content_id else None
    if content is None:
        return False
    remembered = known(ctx.deps.table.get(record_key(ctx, content, connection)))
    if remembered is not None and report.happened[:19] < remembered.modified_at[:19]:
        logger().info("outdated report", extra={"connection": connection.id, "event": report.event})
        return False  # we have published it since; both times are of the site's own clock
    state = RemoteState(
        external_id=str(post.id),
        kind=post.type,
        status=STATUSES.get(report.event, post.status),
        url=web_address(post.link),
        slug=post.slug,
        title=post.title,
        modified_at=post.modified_gmt,
        source_id=post.source_id,
    )
    applied = reconcile(ctx, connection, content.id, state) is not None
    count("ReportsApplied" if applied else "ReportsWithoutEffect", Event=report.event)
    return applied


def _check_signature(secret: str, headers: dict[str, str], raw: bytes, *, now: int) -> None:
    """One answer for every way of being wrong, so that nobody learns which connections there are. Raises: NotAuthenticated."""
    sent, given = headers.get("x-igny8-timestamp", ""), headers.get("x-igny8-signature", "")
    expected = "sha256=" + hmac.new(secret.encode(), sent.encode() + b"." + raw, hashlib.sha256).hexdigest()
    genuine = hmac.compare_digest(expected.encode(), given.encode()) and bool(secret)
    fresh = sent.isascii() and sent.isdigit() and len(sent) <= 12 and abs(now - int(sent)) <= WINDOW_SECONDS
    if not (genuine and fresh):
        raise NotAuthenticated(REFUSED)


def _parsed(raw: bytes) -> Report:
    try:
        return Report.model_validate(json.loads(raw))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValidationFailed.field(".".join(map(str, first["loc"])) or "body", first["msg"]) from None
    except (ValueError, RecursionError):
        raise ValidationFailed.field("body", "is not valid JSON.") from None


def _context(ctx: Context) -> dict[str, str]:
    return {"tenant": ctx.tenant, "field": "connection.report_secret"}
