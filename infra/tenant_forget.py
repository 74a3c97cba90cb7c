"""`make forget`: everything of one account, gone: items of both tables, files with all their versions, sign-ins.

What stays is one row without personal data: that a deletion took place, when, and of how much. It also carries the deletion over a crash:
the command, started again, goes on.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chalicelib.auth.accounts import ACCOUNT
from chalicelib.automation import control
from chalicelib.automation.run_record import ACTIVE, ACTIVE_RUNS, RUN
from chalicelib.billing.usage import PARTITION
from chalicelib.core.errors import Conflict
from chalicelib.core.ids import parse_stamp, stamp
from chalicelib.core.table import Item, Key, Query, put
from infra.tenant_data import Deployment, Later, Refused, delete_all, items, key_of
from infra.tenant_export import context, the_account, under_way

Say = Callable[[str], None]
LONGEST_WORK = timedelta(minutes=15)  # Source: AWS Lambda quotas, function timeout
PASSES = 3


@dataclass
class Forgotten:
    """How much was deleted by this call; a call that went on with an earlier one counts what was left."""

    items: int = 0
    operations: int = 0
    files: int = 0
    sign_ins: int = 0

    @property
    def nothing(self) -> bool:
        return self == Forgotten()


def record_key(tenant: str) -> Key:
    """Of the row that stays: it has a hash of the account's id, which was random and is nobody's now."""
    return "G#FORGOTTEN", hashlib.sha256(tenant.encode()).hexdigest()


def forget(here: Deployment, tenant: str, confirm: str, *, cancel: bool = False, say: Say = print) -> Forgotten:
    """Delete the account. confirm: its name, word for word; cancel: also when work is under way, which is ended.

    Raises: Refused; Later while work that was under way may still be going on.
    """
    if not tenant.isalnum():
        raise Refused(f"{tenant!r} is not the id of an account.")
    record = here.deps.table.get(record_key(tenant))
    if record is None or here.deps.table.get(ACCOUNT.place.key(tenant, tenant)) is not None:
        record = _begun(here, tenant, confirm, record, cancel=cancel)
    elif record["state"] == "begun" and record["confirm"] != _hash(confirm):
        raise Refused("CONFIRM is not the name of the account whose deletion began.")
    _shut(here, tenant, record, say)
    done = _deleted(here, tenant)
    if record["state"] == "begun" or not done.nothing:
        _end(here, tenant, record, done)
    return done


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _begun(here: Deployment, tenant: str, confirm: str, record: Item | None, *, cancel: bool) -> Item:
    """Note that the deletion has begun. Raises: Refused."""
    if here.deps.table.get(ACCOUNT.place.key(tenant, tenant)) is None and _has_items(here, tenant):
        return _part_of_one(here, tenant, confirm)
    account = the_account(here, tenant)
    if account.system:
        raise Refused("This is the operator's own account.")
    if confirm != account.name:
        raise Refused(f"CONFIRM must be the account's name, {account.name!r}, word for word. Nothing was deleted.")
    busy = under_way(here, tenant)
    if busy and not cancel and (record is None or record["state"] != "begun"):
        raise Refused("\n  ".join(["Work is under way; wait for it, or CANCEL=1 ends it:", *busy[:10]]))
    if record is None or record["state"] != "begun":
        at = stamp(here.deps.clock.now())
        record = {"state": "begun", "at": at, "confirm": _hash(confirm), "busy": bool(busy)}
        here.deps.table.write(put(record_key(tenant), record))
    return record


def _has_items(here: Deployment, tenant: str) -> bool:
    return any(next(items(table, tenant), None) is not None for table in (here.deps.table, here.deps.ops))


def _part_of_one(here: Deployment, tenant: str, confirm: str) -> Item:
    """Note that what an import has left goes, which was cut off before the account itself was there. Raises: Refused."""
    if confirm != tenant:
        raise Refused(f"Only a part of this account is here, without its name; CONFIRM must be its id, {tenant!r}. Nothing was deleted.")
    record = {"state": "begun", "at": stamp(here.deps.clock.now()), "confirm": _hash(confirm), "busy": False}
    here.deps.table.write(put(record_key(tenant), record))
    return record


def _shut(here: Deployment, tenant: str, record: Item, say: Say) -> None:
    """Nobody signs in, nothing starts, runs end. Raises: Later while work that was under way may still be going on."""
    ctx = context(here, tenant)
    accounts = ctx.repository(ACCOUNT)
    if accounts.find(tenant) is None:
        return
    accounts.patch(tenant, {"status": "cancelled"})
    rows = here.deps.ops.query_all(Query(ACTIVE_RUNS, condition="begins_with(sk, :own)", values={":own": f"{tenant}#"}, consistent=True))
    for run in ctx.repository(RUN).get_many([str(row["run"]) for row in rows]).values():
        if run.status in ACTIVE:
            say(f"run {run.id} is cancelled")
            try:
                control.cancel(ctx, run.id)
            except Conflict:  # it has ended by itself
                continue
    over = parse_stamp(record["at"]) + LONGEST_WORK
    if record["busy"] and here.deps.clock.now() < over and (busy := under_way(here, tenant)):
        until = f"The account is shut. What was begun ends by {stamp(over)}; start the same command again then:"
        raise Later("\n  ".join([until, *busy[:10]]))


def _deleted(here: Deployment, tenant: str) -> Forgotten:
    """Delete until a whole reading finds nothing. Raises: Refused when there is always something new."""
    done = Forgotten()
    for _ in range(PASSES):
        found = _pass(here, tenant)
        if found.nothing:
            return done
        done = Forgotten(
            done.items + found.items, done.operations + found.operations, done.files + found.files, done.sign_ins + found.sign_ins
        )
    raise Refused("Somebody keeps writing to this account. Nothing signs in any more; start the command again in 15 minutes.")


def _pass(here: Deployment, tenant: str) -> Forgotten:
    """Sign-ins first, which know the users' ids; then the ledger, without which no AI work can be saved any more; then the rest."""
    deps, found = here.deps, Forgotten()
    for user in list(here.sign_ins(tenant)):
        _forget_requests(here, user["username"].partition(".")[2])
        deps.user_pool.delete(user["username"])
        found.sign_ins += 1
    ledger = deps.table.query_all(Query(f"{tenant}#{PARTITION}", consistent=True))
    found.items = delete_all(deps.table, [(row["pk"], row["sk"]) for row in ledger])
    meta = ACCOUNT.place.key(tenant, tenant)
    found.items += delete_all(deps.table, (key for item in items(deps.table, tenant) if (key := key_of(item)) != meta))
    found.operations = delete_all(deps.ops, (key_of(item) for item in items(deps.ops, tenant)))
    found.files = here.delete_versions(here.file_versions(tenant))
    if deps.table.get(meta) is not None:  # last: while it is there, the command can be confirmed by its name
        found.items += delete_all(deps.table, [meta])
    return found


def _forget_requests(here: Deployment, user_id: str) -> None:
    """The counters of a user's requests, which would last some minutes."""
    counted = here.deps.ops.query_all(Query(f"G#THROTTLE#U#{user_id}", consistent=True))
    delete_all(here.deps.ops, [(row["pk"], row["sk"]) for row in counted])


def _end(here: Deployment, tenant: str, record: Item, done: Forgotten) -> None:
    counts: dict[str, Any] = {name: record.get(name, 0) + number for name, number in vars(done).items()}
    row = {"state": "done", "at": record["at"], "done_at": stamp(here.deps.clock.now()), **counts}
    here.deps.table.write(put(record_key(tenant), row))
