"""Prompts and answers kept for an audit: one compressed file for each try of a piece of AI work, which S3 deletes after 30 days.

`<tenant>/prompts/<yyyy>/<mm>/<dd>/<id>~<function>~<outcome>~<op>.json.gz`. The id is a ULID, so it names its own day; what a list shows
stands in the name, so a list reads no file. An account may switch it off (`keep_prompts`). Pictures are not kept here, only what they
were asked for with. Work never fails because it could not be archived: that is counted (`PromptsNotKept`) and logged.
"""

import gzip
import json
import re
from datetime import datetime
from typing import Any

from chalicelib.ai.conversation import Conversation
from chalicelib.auth.accounts import find_account
from chalicelib.core.context import Context
from chalicelib.core.errors import NotFound
from chalicelib.core.ids import moment_of, stamp, ulid
from chalicelib.core.observability import count, logger, masked

KEEP_DAYS = 30  # as the bucket's lifecycle rule says (infra/resources/storage.yaml; a test compares them)
TEXT_MAX = 400_000  # characters of one text
_NAME = re.compile(r"(?P<id>[0-9a-z]{26})~(?P<function>[a-z_]+)~(?P<outcome>answered|failed)~(?P<op>[A-Za-z0-9._~:-]*)\.json\.gz")


def keep(ctx: Context, talk: Conversation, *, error: str = "") -> str:
    """Keep what was said. error: why it failed, if it did. Returns the id to find it by, '' when nothing was kept."""
    if not talk.questions:
        return ""
    try:
        account = find_account(ctx)
        if account is None or not account.keep_prompts:
            return ""
        now = ctx.deps.clock.now()
        call, outcome = ulid(now), "failed" if error else "answered"
        page = {"id": call, "at": stamp(now), "user": ctx.scope.user_id, "outcome": outcome, "error": error, **talk.as_json()}
        data = gzip.compress(json.dumps(_clean(page), ensure_ascii=False, separators=(",", ":")).encode(errors="replace"), mtime=0)
        name = f"{call}~{talk.function}~{outcome}~{talk.op}.json.gz"
        ctx.deps.files.put(_folder(ctx, now) + name, data, "application/gzip", keep_days=KEEP_DAYS)
    except Exception as trouble:  # whatever it is: the work itself is sound, and is paid for
        logger().exception("prompts and answers are not kept", extra={"op": talk.op, "error": type(trouble).__name__})
        count("PromptsNotKept", Function=talk.function)
        return ""
    return call


def calls(ctx: Context, day: datetime) -> list[dict[str, Any]]:
    """What was kept on a day (UTC), newest first: {id, at, function, outcome, op}."""
    names = [key.rpartition("/")[2] for key in ctx.deps.files.list(_folder(ctx, day))]
    found = [match.groupdict() for name in names if (match := _NAME.fullmatch(name))]
    return [{**one, "at": stamp(moment_of(one["id"]))} for one in sorted(found, key=lambda one: one["id"], reverse=True)]


def read(ctx: Context, call: str) -> dict[str, Any]:
    """All that was kept of one try. Raises: NotFound: never kept, deleted by now, of another tenant, or of a site that is not seen."""
    missing = NotFound("There are no prompts and answers of this id; they are kept for 30 days.")
    try:
        folder = _folder(ctx, moment_of(call))
    except (ValueError, OverflowError):
        raise missing from None
    key = next(iter(ctx.deps.files.list(f"{folder}{call}~")), None)
    if key is None:
        raise missing
    page: dict[str, Any] = json.loads(gzip.decompress(ctx.deps.files.get(key)))
    if page["site_id"] and not ctx.scope.sees(page["site_id"]):
        raise missing
    return page


def _folder(ctx: Context, day: datetime) -> str:
    return f"{ctx.tenant}/prompts/{day:%Y/%m/%d}/"


def _clean(value: Any) -> Any:
    """Texts without anything that has the form of a key or password, and none longer than TEXT_MAX."""
    if isinstance(value, str):
        return masked(value if len(value) <= TEXT_MAX else value[:TEXT_MAX] + " […]")
    if isinstance(value, dict):
        return {k: _clean(v) for k, v in value.items()}
    return [_clean(v) for v in value] if isinstance(value, list | tuple) else value
