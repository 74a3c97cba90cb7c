"""Idempotency-Key: a POST that is sent again (lost answer, double click, retrying proxy) is done once and answered alike.

A key belongs to the tenant, the user and the route. Its record in the operations table is first `open`, with a lease as long as a
request can live, then `done` with the answer, for 24 hours. What is sent at the same time is refused with 409 and Retry-After rather
than held: a Lambda that waits is paid for, and the client retries anyhow. Not kept, because nothing was done and the next try may
well succeed: 5xx, 429, and what is refused as a request (400, 401, 403, 413, 415); then the key is free at once.
"""

import hashlib
import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from chalicelib.core.envelope import rendered
from chalicelib.core.errors import AppError, Conflict, IdempotencyMismatch, Stale, TableBusy, ValidationFailed
from chalicelib.core.ids import milliseconds, random_id
from chalicelib.core.observability import logger
from chalicelib.core.routing import JSON, Answer, Call, Route
from chalicelib.core.table import Item, Key, Write, put, remove

HEADER = "idempotency-key"
KEPT_SECONDS = 24 * 3600
LEASE_SECONDS = 35  # longer than the API function may run; a test compares them
MAX_KEY_CHARACTERS = 255
MAX_STORED_BYTES = 350_000  # Source: DynamoDB, quotas: an item has at most 400 KB
_NOT_KEPT = frozenset({400, 401, 403, 413, 415, 429})


class _Taken(AppError):
    """The key has a live record."""

    def __init__(self, record: Item | None) -> None:
        super().__init__()
        self.record = record


def applies(route: Route) -> bool:
    """Whether a route honours the header: POSTs of a signed-in user, unless the answer holds a credential, which is not stored."""
    return route.method == "POST" and route.role is not None and not route.secret


def idempotent(call: Call, route: Route, act: Callable[[], Answer]) -> Answer:
    """Around every handler. Raises: ValidationFailed, Forbidden, IdempotencyMismatch, Conflict, TableBusy."""
    given = call.headers.get(HEADER)
    if given is None or not applies(route) or call.scope is None or route.role is None:
        return act()
    call.scope.need(route.role)
    key = _record_key(call, route, _valid(given))
    fingerprint, holder = _fingerprint(call), random_id(20)
    try:
        call.deps.ops.write(_open(call, key, fingerprint, holder))
    except _Taken as taken:
        return _again(taken.record, fingerprint, call)
    answer = act()
    if answer.status >= 500 or answer.status in _NOT_KEPT:
        _settle(call, remove(key, "holder = :holder", holder=holder))
        return answer
    text = rendered(answer, call.request_id)
    record = {"phase": "done", "fp": fingerprint, "status": answer.status, "headers": answer.headers, "ttl": _now(call) + KEPT_SECONDS}
    if len(packed := zlib.compress(text.encode())) <= MAX_STORED_BYTES:
        record["body"] = packed
    _settle(call, put(key, record, "holder = :holder", holder=holder))
    return replace(answer, body=text)


def _valid(given: str) -> str:
    key = given.strip()
    if not 1 <= len(key) <= MAX_KEY_CHARACTERS or not key.isascii() or not key.isprintable():
        raise ValidationFailed.field("Idempotency-Key", f"must have 1-{MAX_KEY_CHARACTERS} printable ASCII characters.")
    return key


def _record_key(call: Call, route: Route, key: str) -> Key:
    assert call.scope is not None
    digest = hashlib.sha256(json.dumps([call.scope.user_id, route.method, route.full_path, key]).encode()).hexdigest()
    return f"{call.scope.tenant}#IDEMPOTENCY#{digest}", "META"


def _fingerprint(call: Call) -> str:
    """What makes two requests the same: values of the path, query, body. JSON is compared by value, a form without its boundary,
    which clients draw anew. The client's key goes in as salt, since bodies may hold passwords."""
    body: Any = call.raw
    if call.content_type in ("", JSON):
        try:
            body = json.dumps(json.loads(call.raw or b"{}"), sort_keys=True).encode()
        except (ValueError, RecursionError):
            body = call.raw
    elif call.content_type == "multipart/form-data":
        boundary = call.headers["content-type"].partition("boundary=")[2].split(";")[0].strip(' "')
        body = call.raw.replace(boundary.encode("latin-1", "replace"), b"") if boundary else call.raw
    head = json.dumps([call.headers[HEADER], call.path, call.parameters], sort_keys=True).encode()
    return hashlib.sha256(head + b"\n" + body).hexdigest()


def _now(call: Call) -> int:
    return milliseconds(call.deps.clock.now()) // 1000


def _open(call: Call, key: Key, fingerprint: str, holder: str) -> Write:
    """Take the key where it is free: never used, older than a day (the table's own clean-up is late by days), or left open by the same
    request that died."""
    now = _now(call)
    item = {"phase": "open", "fp": fingerprint, "holder": holder, "lease": now + LEASE_SECONDS, "ttl": now + KEPT_SECONDS}
    return Write(
        "Put",
        key,
        item,
        condition="attribute_not_exists(pk) OR #ttl <= :now OR (phase = :open AND lease <= :now AND fp = :fp)",
        names={"#ttl": "ttl"},
        values={":now": now, ":open": "open", ":fp": fingerprint},
        on_fail=_Taken,
    )


def _again(record: Item | None, fingerprint: str, call: Call) -> Answer:
    """The answer to a key that is known."""
    if record is not None and record["fp"] != fingerprint:
        raise IdempotencyMismatch()
    if record is None or record["phase"] == "open":
        wait = 1 if record is None else max(1, min(5, record["lease"] - _now(call)))
        raise Conflict("A request with this idempotency key is under way.", retry_after_seconds=wait)
    if "body" not in record:
        raise Conflict("This request was done; its answer was too large to be kept. Read the object instead.")
    text = zlib.decompress(record["body"]).decode()
    return Answer(status=record["status"], body=text, headers={**record["headers"], "Idempotent-Replayed": "true"})


def _settle(call: Call, write: Write) -> None:
    """Close the record. The work is done by now, so the client gets its answer whatever becomes of the record, which ends by its lease."""
    try:
        call.deps.ops.write(write)
    except Stale:
        logger().warning("an idempotency key was taken over: the request outlived its lease")
    except TableBusy:
        logger().exception("an idempotency key could not be settled")
