"""What belongs together and is not: reservations nobody works on, charges for objects that are not there, objects nobody was charged for.

Reads the tables once, from beginning to end, and the objects that charges name. What is under way while it reads is given time.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from chalicelib.automation.run_record import ACTIVE, RUN
from chalicelib.billing.holds import Hold, from_item
from chalicelib.billing.usage import PARTITION
from chalicelib.core.context import Deps
from chalicelib.core.entity import Entity
from chalicelib.core.errors import AppError
from chalicelib.core.ids import parse_stamp
from chalicelib.core.table import Item, Key
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.ideas import IDEA
from chalicelib.writer.content import CONTENT
from chalicelib.writer.images import IMAGE

# How long a reservation may be over before the sweeper must have ended it, and a run before its last items must be done.
GRACE = timedelta(minutes=30)
# names in an operation's result -> what they are ids of
MADE: dict[str, Entity[Any]] = {"clusters": CLUSTER, "ideas": IDEA, "content": CONTENT, "images": IMAGE, "image": IMAGE}
_ORIGINS = ("provenance", "prompt_provenance")


@dataclass
class _Account:
    """What a first reading finds of one account. made: object's key -> the operations it says it comes from."""

    holds: dict[str, Hold] = field(default_factory=dict)
    made: dict[Key, list[str]] = field(default_factory=dict)
    pictures: dict[Key, str] = field(default_factory=dict)


def orphans(deps: Deps) -> dict[str, list[str]]:
    """What does not belong, in words, by tenant; accounts in order are not named."""
    accounts: dict[str, _Account] = defaultdict(_Account)
    for item in deps.table.scan_all():
        _sort_in(accounts, item)
    found = {tenant: [*_of_account(deps, tenant, account)] for tenant, account in sorted(accounts.items())}
    return {tenant: lines for tenant, lines in found.items() if lines}


def _sort_in(accounts: dict[str, _Account], item: Item) -> None:
    tenant, _, rest = item["pk"].partition("#")
    key = (item["pk"], item["sk"])
    if rest == PARTITION and item["sk"].startswith("H#"):
        try:
            accounts[tenant].holds[item["op"]] = from_item(item)
        except (KeyError, TypeError, ValueError):
            return  # the audit of the ledger says so
    ops = [origin["op"] for name in _ORIGINS if isinstance(origin := item.get(name), dict) and origin.get("op")]
    if ops:
        accounts[tenant].made[key] = ops
        if item.get("image_path") and isinstance(item.get("provenance"), dict):
            accounts[tenant].pictures[key] = item["image_path"]


def _of_account(deps: Deps, tenant: str, account: _Account) -> Iterator[str]:
    yield from _left_open(deps, tenant, account.holds.values())
    yield from _absent(deps, tenant, account.holds.values())
    for key, ops in account.made.items():
        for op in ops:
            hold = account.holds.get(op)
            if hold is None:
                yield f"{_shown(key)} was made by {op}, which the ledger does not know"
            elif hold.state == "voided":
                yield f"{_shown(key)} was made by {op}, which was given back ({hold.reason})"
    if account.pictures:
        stored = set(deps.files.list(f"{tenant}/images/"))
        for key, path in account.pictures.items():
            if path not in stored:
                yield f"{_shown(key)} was drawn and charged, and its picture {path} is not there"


def _left_open(deps: Deps, tenant: str, holds: Iterable[Hold]) -> Iterator[str]:
    now = deps.clock.now()
    late = int((now - GRACE).timestamp())
    runs: dict[str, str] = {}
    for hold in holds:
        if hold.state != "held":
            continue
        run_id = hold.details.get("run_id")
        if hold.expires < late:
            yield f"{hold.op} keeps {hold.reserved} credits reserved, its time was over long ago: nobody has swept it"
        elif run_id and (gone := runs.setdefault(run_id, _gone(deps, tenant, run_id))):
            yield f"{hold.op} keeps {hold.reserved} credits reserved for the run {run_id}, {gone}"


def _gone(deps: Deps, tenant: str, run_id: str) -> str:
    """Why nobody works for a run any more; empty when somebody may."""
    try:
        item = deps.table.get(RUN.place.key(tenant, run_id))
    except AppError:  # it cannot be the id of a run
        item = None
    if item is None:
        return "which is not there"
    run = RUN.from_item(item)
    if run.status not in ACTIVE and run.finished_at and parse_stamp(run.finished_at) < deps.clock.now() - GRACE:
        return f"which is {run.status} since {run.finished_at}"
    return ""


def _absent(deps: Deps, tenant: str, holds: Iterable[Hold]) -> Iterator[str]:
    wanted: dict[Key, str] = {}
    for hold in holds:
        if hold.state == "settled" and hold.used:
            for name, entity in MADE.items():
                ids = hold.result.get(name) or []
                for public_id in [ids] if isinstance(ids, str) else ids:
                    try:
                        wanted[entity.place.key(tenant, public_id)] = f"{hold.op} was charged {hold.used} credits for {public_id}"
                    except AppError:
                        yield f"{hold.op} was charged {hold.used} credits for {public_id}, which cannot be an id"
    there = deps.table.get_many(wanted)
    for key, said in wanted.items():
        if key not in there:
            yield f"{said}, which is not there"


def _shown(key: Key) -> str:
    return " ".join(key)
