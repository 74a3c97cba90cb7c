"""`make import`: the account of an export into a deployment that does not have it: a restored backup, or a move to another stage.

All is checked before anything is written. Nobody can use the account before its own item is there, and that is written last, so an
import that was cut off is started again and goes on.
"""

import json
import re
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from chalicelib.auth.accounts import ACCOUNT
from chalicelib.auth.catalogue import INDUSTRY_SECTOR
from chalicelib.auth.identity import CROSSING_ROLES
from chalicelib.auth.sites import SECTOR
from chalicelib.auth.users import USER, email_key
from chalicelib.billing.audit import audit_account
from chalicelib.billing.plans import PLAN
from chalicelib.core.errors import Duplicate
from chalicelib.core.table import Item, Key, Table, put_new, remove
from chalicelib.core.wire import from_dynamo
from infra.reindex_due import put_due
from infra.tenant_data import Deployment, Digest, Refused, Wire, items, key_of, line, parsed, put_all, sha256_of
from infra.tenant_export import business, context
from infra.tenant_format import Manifest, Store, lines, manifest, sections
from infra.tenant_secrets import opens, sealed, without

Say = Callable[[str], None]
_SHA256 = re.compile(r"[0-9a-f]{64}")
SHOWN = 20  # conflicts that are named
# The deployment's own partitions in which an account has rows; an export that names another was made by hand.
SHARED = ("G#EMAIL#", "G#SLUG#", "G#DRIP", "G#DUE", "G#RUNS", "G#LEFT")


@dataclass
class Imported:
    """What an import did. lost: secrets that this deployment's key does not open, in words; was_there: all of it was here before."""

    about: Manifest
    items: int = 0
    files: int = 0
    users: int = 0
    was_there: bool = False
    lost: list[str] = field(default_factory=list)


class _Export:
    """The checked sections of an export, read as they are to be stored here."""

    def __init__(self, here: Deployment, about: Manifest, paths: dict[str, Path]) -> None:
        self.here, self.tenant, self._paths = here, about.tenant, paths
        self._opens: dict[tuple[Key, str], bool] = {}

    @property
    def meta(self) -> Key:
        """Of the account's own item."""
        return ACCOUNT.place.key(self.tenant, self.tenant)

    @property
    def lost(self) -> list[str]:
        """The secrets that cannot be opened here, once the items were read."""
        return [f"{pk} {sk}: {name}" for ((pk, sk), name), known in self._opens.items() if not known]

    def lines(self, name: str) -> Iterator[bytes]:
        return lines(self._paths[name])

    def records(self, name: str) -> Iterator[dict[str, Any]]:
        """The lines of `files` and `users`. Raises: Refused for one that is none of the tenant's."""
        for number, text in enumerate(self.lines(name), 1):
            try:
                record = json.loads(text)
                if name == "files":
                    owned, begins = record["key"], f"{self.tenant}/"
                    whole = {"size", "content_type"} <= record.keys() and _SHA256.fullmatch(record["sha256"]) is not None
                else:
                    owned, begins, whole = record["username"]["S"], f"{self.tenant}.", bool(record["email"]["S"])
            except (ValueError, KeyError, TypeError, AttributeError):
                whole = False
            if not whole or not isinstance(owned, str):
                raise Refused(f"{name}.jsonl, line {number} is damaged.")
            if not owned.startswith(begins):
                raise Refused(f"{name}.jsonl, line {number} belongs to somebody else: {owned}")
            yield record

    def items(self, name: str) -> Iterator[Wire]:
        """Raises: Refused for one of another tenant."""
        for number, text in enumerate(self.lines(name), 1):
            try:
                item = parsed(text)
                pk, sk = key_of(item)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise Refused(f"{name}.jsonl, line {number} is no item: {error}") from None
            if not pk.startswith(f"{self.tenant}#") and not (pk.startswith(SHARED) and item.get("tenant") == {"S": self.tenant}):
                raise Refused(f"{name}.jsonl, line {number} belongs to somebody else: {pk} {sk}")
            yield self._opened(item)

    def _opened(self, item: Wire) -> Wire:
        lost = []
        for secret in sealed(item):
            known = key_of(item), secret.field
            if known not in self._opens:
                self._opens[known] = opens(self.here.deps.secrets, secret)
            if not self._opens[known]:
                lost.append(secret)
        return without(item, lost) if lost else item


def bring(here: Deployment, source: Store, *, say: Say = print) -> Imported:
    """Read the export and store its account.

    Raises: Refused when the export is damaged, the account is there and differs, or an address, slug or plan stands in the way.
    """
    about, digest = manifest(source)
    deps, done = here.deps, Imported(about)
    with tempfile.TemporaryDirectory() as folder:
        given = _Export(here, about, sections(source, about, Path(folder)))
        if deps.table.get(given.meta) is not None:
            _need_equal(given)
            done.was_there, done.lost = True, given.lost
            return done
        for _ in given.records("users"):
            pass  # only looked at, before anything is written
        _check_files(source, given, Path(folder))
        _need_free(given, about, digest)
        if not about.at_rest:
            say("This export was made while the account changed; whether its ledger adds up is told at the end.")
        if deps.ops.get(_note(about.tenant)) is None:
            other = Refused("Another import of this account began at this moment.")
            deps.ops.write(put_new(_note(about.tenant), {"export": digest}, on_fail=lambda old: other))
        done.files = _put_files(source, given, Path(folder))
        done.items = _put_items(given)
        done.users = _put_users(given)
        account = _verified(given)
        deps.table.transact([put_new(given.meta, account), remove(_note(about.tenant), table=deps.ops.name)])
        done.lost = given.lost
    return done


def _note(tenant: str) -> Key:
    """That an import has begun, and of which export."""
    return f"{tenant}#IMPORT", "META"


def _digest(rows: Iterable[Wire]) -> str:
    found = Digest()
    for row in rows:
        found.add(line(row))
    return str(found)


# -- before anything is written


def _need_equal(given: _Export) -> None:
    """Raises: Refused when what is stored is not what the export has."""
    if _digest(business(given.here, given.tenant)) != _digest(given.items("business")):
        raise Refused(f"The account {given.tenant} is here and differs from the export. An import never overwrites; `make forget` removes.")


def _check_files(source: Store, given: _Export, folder: Path) -> None:
    """Raises: Refused for the first file that is missing or damaged, or has another's name."""
    copy = folder / "file"
    for about in given.records("files"):
        source.get(f"files/{about['sha256']}", copy)
        if copy.stat().st_size != about["size"] or sha256_of(copy) != about["sha256"]:
            raise Refused(f"files/{about['sha256']} ({about['key']}) is damaged.")


def _need_free(given: _Export, about: Manifest, digest: str) -> None:
    """Raises: Refused naming every address, slug or plan that stands in the way, and what is left of something else of this id."""
    deps, tenant, wrong = given.here.deps, about.tenant, []
    begun = deps.ops.get(_note(tenant))
    if begun is not None and begun["export"] != digest:
        wrong.append("an import of another export of this account has begun; start that one again, or `make forget` it")
    if begun is None and next(items(deps.table, tenant), None) is not None:
        wrong.append("there are items of this account without the account itself; `make forget` removes them")
    if deps.table.get(PLAN.place.key("", about.plan)) is None:
        wrong.append(f"there is no plan {about.plan}; `make bootstrap` makes the usual ones")
    for item in map(_values, given.items("business")):
        wrong += _in_the_way(deps.table, tenant, item)
    if wrong:
        raise Refused("\n  ".join(["Nothing was written:", *wrong[:SHOWN]]))


def _in_the_way(table: Table, tenant: str, item: Item) -> Iterator[str]:
    kind, (people, user) = item.get("kind"), USER.place.key(tenant, "")
    # What an item is for the application its key says; one that calls itself something else would be let in unseen.
    is_account = (item["pk"], item["sk"]) == ACCOUNT.place.key(tenant, tenant)
    is_user = item["pk"] == people and item["sk"].startswith(user)
    if is_account != (kind == ACCOUNT.name) or is_user != (kind == USER.name):
        yield f"{item['pk']} {item['sk']} is no {kind}"
        return
    if (kind == ACCOUNT.name and item.get("system")) or (kind == USER.name and item.get("role") in CROSSING_ROLES):
        yield f"{item['pk']} {item['sk']} may see other accounts; operators are made by `make bootstrap`, never by an import"
    if kind == USER.name and (pointer := table.get(email_key(item["email"]))) is not None and pointer["tenant"] != tenant:
        yield f"the address {item['email']} is another account's ({pointer['tenant']})"
    if kind == ACCOUNT.name and (slug := table.get((f"G#SLUG#{item['slug']}", "META"))) is not None and slug["tenant"] != tenant:
        yield f"the slug {item['slug']} is another account's ({slug['tenant']})"
    if kind == SECTOR.name and (wanted := item.get("industry_sector")) and table.get(INDUSTRY_SECTOR.place.key("", wanted)) is None:
        yield f"the catalogue has no industry sector {wanted}; `make bootstrap` makes the usual ones"


def _values(item: Wire) -> Item:
    return {name: from_dynamo(value) for name, value in item.items()}


# -- writing


def _put_files(source: Store, given: _Export, folder: Path) -> int:
    here, copy, done = given.here, folder / "file", 0
    there = {f.key: f.size for f in here.files(given.tenant)}
    for about in given.records("files"):
        if there.get(about["key"]) == about["size"]:
            continue
        source.get(f"files/{about['sha256']}", copy)
        tags = {"Tagging": f"keep-days={about['keep_days']}"} if "keep_days" in about else {}
        with copy.open("rb") as body:
            here.s3.put_object(Bucket=here.bucket, Key=about["key"], Body=body, ContentType=about["content_type"], **tags)
        done += 1
    return done


def _put_items(given: _Export) -> int:
    """All but the account itself. Rows outside the tenant's own partitions are put only where nobody else's are."""
    deps, done = given.here.deps, 0
    for table, name in ((deps.table, "business"), (deps.ops, "operations")):
        for item in given.items(name):
            if not _own(given, item):
                taken = Refused(f"{' '.join(key_of(item))} is another account's since this import began.")
                table.write(put_new(key_of(item), _values(item), on_fail=lambda old, error=taken: error))  # type: ignore[misc]
                done += 1
        done += put_all(table, (item for item in given.items(name) if _own(given, item) and key_of(item) != given.meta))
    for item in map(_values, given.items("business")):
        put_due(deps, item)
    return done


def _own(given: _Export, item: Wire) -> bool:
    return key_of(item)[0].startswith(f"{given.tenant}#")


def _put_users(given: _Export) -> int:
    """Sign-ins with a password that nobody knows: each user sets one by a mailed code. One that is there stays as it is."""
    made = 0
    for user in given.records("users"):
        try:
            given.here.deps.user_pool.create(user["username"]["S"], user["email"]["S"], secrets.token_urlsafe(32) + "aA1!")
            made += 1
        except Duplicate:
            continue
    return made


# -- after


def _verified(given: _Export) -> Item:
    """Compare what is stored with the export. Returns the account's item, which alone is missing. Raises: Refused."""
    here, tenant = given.here, given.tenant
    meta = next((item for item in given.items("business") if key_of(item) == given.meta), None)
    if meta is None:
        raise Refused("The export has no account.")
    if _digest(chain(business(here, tenant), [meta])) != _digest(given.items("business")):
        raise Refused("What is stored is not what the export has. Start the import again.")
    if wrong := audit_account(here.deps.table, tenant):
        raise Refused("\n  ".join(["The ledger of the export does not add up; the account stays shut:", *wrong]))
    missing = {user.id for user in context(here, tenant).repository(USER).under((f"{tenant}#A", "U#"))}
    missing -= {u["username"].partition(".")[2] for u in here.sign_ins(tenant)}
    if missing:
        raise Refused(f"These users have no sign-in: {', '.join(sorted(missing))}. Start the import again.")
    return {name: value for name, value in _values(meta).items() if name not in ("pk", "sk")}
