"""Publishing later: at a moment that an editor names, or in the next free place of the site's slots.

What is due stands in one list of the whole deployment, in order of time; the scheduler hands it to the publish queue. A row leaves the
list after its message was sent, so nothing is lost; a message sent twice publishes nothing twice.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.auth.accounts import find_account
from chalicelib.core.context import Context, Deps
from chalicelib.core.errors import AppError, Conflict, ValidationFailed
from chalicelib.core.ids import parse_stamp, stamp
from chalicelib.core.observability import count, logger
from chalicelib.core.rewrite import rewrite
from chalicelib.core.scope import Scope
from chalicelib.core.table import Item, Key, Query, Write, put, put_new, remove
from chalicelib.integration.publish_requests import need_publishable
from chalicelib.integration.slots import in_use, place_key, places_after
from chalicelib.writer.content import CONTENT, Content

DUE = "G#DRIP"  # sort key `<due time>#<tenant>#<content>`
AT_ONCE, PAGES = 200, 10  # rows one look of the scheduler takes up
LONGEST = timedelta(days=366)
SHUT = "It was not published when its time came."
TAKEN_BACK = "It was taken back before its time came."


class PlaceTaken(Conflict):
    """Another content has this place of the day."""


def schedule(ctx: Context, content_id: str, publish_at: datetime | None = None) -> Content:
    """Publish a content later. publish_at: aware; None takes the next free place of the site's slots. A schedule it has is replaced.

    Raises: NotFound, NoTarget, AlreadyPublished, Conflict (no slots, all taken), ValidationFailed.
    """
    content, now = ctx.repository(CONTENT).get(content_id), ctx.deps.clock.now()
    need_publishable(ctx, content)
    if publish_at is not None:
        if not now < publish_at <= now + LONGEST:
            raise ValidationFailed.field("publish_at", "must lie ahead, within a year.")
        return _place(ctx, content_id, publish_at, None)
    slots = in_use(ctx, content.site_id)
    if slots is None:
        raise Conflict("This site has no publish slots in use; name a time in publish_at.")
    for moment, name in places_after(slots, now):
        try:
            return _place(ctx, content_id, moment, name)
        except PlaceTaken:
            continue
    raise Conflict("Every place of the coming year is taken.")


def unschedule(ctx: Context, content_id: str) -> Content:
    """Take a content off the schedule; one that is not on it stays as it is. Raises: NotFound."""
    return rewrite(
        ctx.repository(CONTENT), content_id, lambda old: {"publish_at": None, "publish_place": None}, lambda old, new: _removing(ctx, old)
    )


def scheduled(ctx: Context, site_id: str, limit: int = 100) -> list[dict[str, str]]:
    """What is to come on a site, the next first: {content, publish_at}."""
    pk, _ = _site_key(ctx, site_id, "", "")
    items = ctx.deps.table.query(Query(pk, limit=limit, consistent=True)).items
    contents = ctx.repository(CONTENT).get_many([str(i["content"]) for i in items])
    # One that was deleted, rejected or published by hand meanwhile keeps its row until its time.
    waiting = [i for i in items if (content := contents.get(i["content"])) is not None and content.publish_at == i["due"]]
    return [{"content": str(i["content"]), "publish_at": str(i["due"])} for i in waiting]


def publish_due(deps: Deps) -> int:
    """Hand what is due to the publish queue. One content's trouble is logged and looked at again; the others go on. Returns how many."""
    now = stamp(deps.clock.now())
    page = Query(DUE, condition="sk <= :now", values={":now": f"{now}~"}, limit=AT_ONCE, consistent=True)
    sent = 0
    for _ in range(PAGES):  # those in trouble stand first, because they stay; the others are behind them
        found = deps.table.query(page)
        for row in found.items:
            try:
                sent += _send(deps, row)
            except AppError as error:
                logger().warning("scheduled content not queued", extra={"of": row["sk"], "code": error.code, "detail": error.message})
                count("DripFailures")
            except Exception:
                logger().exception("scheduled content not queued", extra={"of": row["sk"]})
                count("DripFailures")
        if found.position is None:
            break
        page = replace(page, start=found.position)
    return sent


def _send(deps: Deps, row: Item) -> int:
    ctx = Context(Scope.worker(row["tenant"], "scheduler"), deps)
    content = ctx.repository(CONTENT).find(row["content"])
    if content is None or content.publish_at != row["due"]:  # deleted, scheduled anew, or published by hand
        deps.table.write(remove((row["pk"], row["sk"])))
        deps.table.write(remove(_site_key(ctx, row["site"], row["due"], row["content"])))
        return 0
    account = find_account(ctx)
    if account is None:  # an import stores it last: nothing goes online before all of it is here
        return 0
    shut = account.why_shut(row["site"])
    reason = f"{SHUT} {shut}" if shut else TAKEN_BACK if content.held or not content.revision else None

    def changed(**changes: Any) -> None:
        """Of a content that is still to go online at this time: its worker, or somebody, may have been faster."""
        rewrite(
            ctx.repository(CONTENT),
            content.id,
            lambda old: changes if old.publish_at == row["due"] else {},
            lambda old, new: _removing(ctx, old) if "publish_at" in changes else [],
        )

    if reason is not None:
        changed(sync_status="failed", sync_reason=reason, publish_at=None, publish_place=None)
        return 0
    changed(sync_status="queued", sync_reason=None)  # before its worker can have anything to say
    deps.jobs.send("publish", {"tenant": ctx.tenant, "user": "scheduler", "content": content.id})
    changed(publish_at=None, publish_place=None)
    return 1


def _place(ctx: Context, content_id: str, moment: datetime, place: str | None) -> Content:
    at = stamp(moment)

    def also(old: Content, new: Content) -> list[Write]:
        row = {"tenant": ctx.tenant, "site": new.site_id, "content": new.id, "due": at}
        writes = {w.key: w for w in _removing(ctx, old)}
        added = [put(_due_key(ctx, at, new.id), row), put(_site_key(ctx, new.site_id, at, new.id), row)]
        if place is not None and place != old.publish_place:
            added.append(_taking(ctx, new, place))
        if place is not None and place == old.publish_place:
            writes.pop(place_key(ctx, new.site_id, place), None)
        writes.update({w.key: w for w in added})
        return list(writes.values())

    return rewrite(ctx.repository(CONTENT), content_id, lambda old: {"publish_at": at, "publish_place": place}, also)


def _taking(ctx: Context, content: Content, place: str) -> Write:
    """The write that takes a place of the site's slots: a free one, or one whose content does not wait for it any more."""
    key, mine = place_key(ctx, content.site_id, place), {"content": content.id}
    there = ctx.deps.table.get(key)
    if there is None:
        return put_new(key, mine, on_fail=lambda old: PlaceTaken())
    holder = ctx.repository(CONTENT).find(there["content"])
    if holder is not None and holder.publish_at and holder.publish_place == place:
        raise PlaceTaken()
    return put(key, mine, "content = :holder", on_fail=lambda old: PlaceTaken(), holder=there["content"])


def _removing(ctx: Context, old: Content) -> list[Write]:
    """The writes that take a content off the schedule; its place of the day stays taken once it has passed."""
    if not old.publish_at:
        return []
    writes = [remove(_due_key(ctx, old.publish_at, old.id)), remove(_site_key(ctx, old.site_id, old.publish_at, old.id))]
    if old.publish_place and parse_stamp(old.publish_at) > ctx.deps.clock.now():
        writes.append(remove(place_key(ctx, old.site_id, old.publish_place)))
    return writes


def _due_key(ctx: Context, at: str, content_id: str) -> Key:
    return DUE, f"{at}#{ctx.tenant}#{content_id}"


def _site_key(ctx: Context, site_id: str, at: str, content_id: str) -> Key:
    return ctx.key(f"{site_id}#DRIP", f"{at}#{content_id}" if at else "")
