"""`make export`: one account, whole, as files that `make import` reads; see `tenant_format.py` for their form.

What it is worth rests on one thing: the account is read twice, and only when both readings are the same is it called at rest.
"""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chalicelib.auth.accounts import ACCOUNT, SHUT_OUT, Account, AccountStatus, find_account
from chalicelib.auth.users import USER, email_key, username
from chalicelib.automation.run_record import ACTIVE_RUNS, RUN
from chalicelib.billing.holds import from_item
from chalicelib.billing.usage import PARTITION
from chalicelib.core.context import Context
from chalicelib.core.ids import stamp
from chalicelib.core.scope import Scope
from chalicelib.core.table import Item, Key, Query, put, put_new, remove
from infra.tenant_data import Deployment, Digest, Refused, Wire, items, key_of, line, sha256_of
from infra.tenant_format import MANIFEST, Manifest, SecretNote, Section, Store
from infra.tenant_secrets import sealed

READINGS = 3  # how often an account that changes is read again
# Of the operations table: figures, caches and marks of an hour or two, and this command's own notes.
LEFT_OUT = ("METRICS", "KEPT", "INHAND", "CIRCUITS", "SUSPENDED", "IMPORT")
Say = Callable[[str], None]


@dataclass
class Reading:
    """What one reading of an account found, order aside."""

    business: Digest = field(default_factory=Digest)
    operations: Digest = field(default_factory=Digest)
    users: Digest = field(default_factory=Digest)
    files: dict[str, str] = field(default_factory=dict)  # key -> etag
    secrets: list[SecretNote] = field(default_factory=list)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reading) and self._parts() == other._parts()

    def _parts(self) -> tuple[Any, ...]:
        """Not the operations table: its logs and marks come and go, and nothing is counted by them."""
        return str(self.business), str(self.users), self.files


def context(here: Deployment, tenant: str) -> Context:
    return Context(Scope.worker(tenant, "operator"), here.deps)


def the_account(here: Deployment, tenant: str) -> Account:
    """Raises: Refused when there is none."""
    found = find_account(context(here, tenant)) if tenant.isalnum() else None
    if found is None:
        raise Refused(f"There is no account {tenant!r} on {here.deps.config.stage}.")
    return found


def tenant_of(here: Deployment, name: str) -> str:
    """The tenant of an account's slug or a user's address; any other text is taken for a tenant's id, and an id is never a slug: anybody
    may call an account so."""
    if name.isalnum() and here.deps.table.get(ACCOUNT.place.key(name, name)) is not None:
        return name
    pointer = here.deps.table.get(email_key(name) if "@" in name else (f"G#SLUG#{name}", "META"))
    return str(pointer["tenant"]) if pointer else name


def under_way(here: Deployment, tenant: str) -> list[str]:
    """What works for the account now, in words: runs that go on, and credits reserved for work that has not ended. A paused run rests."""
    deps = here.deps
    active = deps.ops.query_all(Query(ACTIVE_RUNS, condition="begins_with(sk, :own)", values={":own": f"{tenant}#"}, consistent=True))
    runs = context(here, tenant).repository(RUN).get_many([str(row["run"]) for row in active])
    found = [f"run {run.id} is {run.status}" for run in runs.values() if run.status in ("created", "running")]
    kept = Query(f"{tenant}#{PARTITION}", condition="begins_with(sk, :h)", values={":h": "H#"}, consistent=True)
    for item in deps.table.query_all(kept):
        if item.get("state") == "held" and (hold := from_item(item)).reserved:
            found.append(f"{hold.op} has {hold.reserved} credits reserved")
    return found


def export(
    here: Deployment, tenant: str, to: Store, *, suspend: bool = False, stay: bool = False, anyway: bool = False, say: Say = print
) -> Manifest:
    """Write the account to `to`. suspend: nobody may use it meanwhile; stay: nor afterwards, until an operator makes it active (a move).
    anyway: also while it changes; then the manifest says so.

    Raises: Refused when work is under way, or the account changes while it is read.
    """
    account = the_account(here, tenant)
    if (busy := under_way(here, tenant)) and not anyway:
        raise Refused("\n  ".join(["Work is under way; wait for it, or cancel it:", *busy[:10]]))
    status = _status_before(here, account)
    if suspend:
        _suspend(here, account)
    try:
        with tempfile.TemporaryDirectory() as folder:
            made = _written(here, tenant, to, Path(folder), status, anyway=anyway, plan=account.plan, say=say)
    finally:
        if suspend and not stay:
            resume(here, tenant)
    return made


def _written(
    here: Deployment, tenant: str, to: Store, folder: Path, status: AccountStatus, *, anyway: bool, plan: str, say: Say
) -> Manifest:
    for attempt in range(READINGS):
        first = _read(here, tenant, status, folder)
        size = _files(here, first, to, folder)
        at_rest = first == _read(here, tenant, status, None)
        if at_rest or anyway:
            break
        say(f"The account changed while it was read, for the {attempt + 1}. time of {READINGS}.")
    else:
        raise Refused("The account changes all the time. SUSPEND=1 shuts it while it is read.")
    written: dict[str, Section] = {}
    for name, digest in _digests(first, folder).items():
        path = folder / f"{name}.jsonl"
        to.put(path.name, path)
        written[name] = Section(count=digest.count, bytes=path.stat().st_size, sha256=sha256_of(path), digest=str(digest))
    config = here.deps.config
    made = Manifest(
        tenant=tenant,
        plan=plan,
        stage=config.stage,
        exported_at=stamp(here.deps.clock.now()),
        at_rest=at_rest,
        kms_key=config.kms_key_id,
        secrets=first.secrets,
        sections=written,
        files_bytes=size,
    )
    (folder / MANIFEST).write_text(made.model_dump_json(indent=2), encoding="utf-8")
    to.put(MANIFEST, folder / MANIFEST)
    return made


def _digests(reading: Reading, folder: Path) -> dict[str, Digest]:
    files = Digest()
    for text in (folder / "files.jsonl").read_bytes().splitlines(keepends=True):
        files.add(text)
    return {"business": reading.business, "operations": reading.operations, "users": reading.users, "files": files}


def business(here: Deployment, tenant: str, status: AccountStatus | None = None) -> Iterator[Wire]:
    """The tenant's items of the business table. status: what its account has when nobody has suspended it for this."""
    meta: Key = ACCOUNT.place.key(tenant, tenant)
    for item in items(here.deps.table, tenant):
        yield {**item, "status": {"S": status}} if status and key_of(item) == meta else item


def operations(here: Deployment, tenant: str) -> Iterator[Wire]:
    """The tenant's items of the operations table that an export has; with a restored business table, whose time is another, the logs."""
    for item in items(here.deps.ops, tenant):
        what = key_of(item)[0].removeprefix(f"{tenant}#").partition("#")[0]
        if what == "LOG" if here.restored else what not in LEFT_OUT:
            yield item


def _read(here: Deployment, tenant: str, status: AccountStatus, folder: Path | None) -> Reading:
    """One reading; with a folder its lines are written there."""
    found, people = Reading(), list[Wire]()
    parts: dict[str, tuple[Digest, Iterator[Wire]]] = {
        "business": (found.business, business(here, tenant, status)),
        "operations": (found.operations, operations(here, tenant)),
        "users": (found.users, iter(people)),
    }
    for name, (digest, rows) in parts.items():
        with (folder / f"{name}.jsonl").open("wb") if folder else nullcontext() as out:
            for row in rows:
                digest.add(text := line(row))
                if out:
                    out.write(text)
                if name == "business":
                    if row.get("kind") == {"S": USER.name}:
                        people.append({"username": {"S": username(tenant, row["id"]["S"])}, "email": row["email"]})
                    found.secrets += [SecretNote(pk=key_of(row)[0], sk=key_of(row)[1], field=s.field) for s in sealed(row)]
    found.files = {f.key: f.etag for f in here.files(tenant)}
    return found


def _files(here: Deployment, reading: Reading, to: Store, folder: Path) -> int:
    """Copy the files that `to` has not yet, and list them. Returns how many bytes they have."""
    size, copy = 0, folder / "file"
    with (folder / "files.jsonl").open("wb") as out:
        for key in sorted(reading.files):
            answer = here.s3.get_object(Bucket=here.bucket, Key=key)
            with copy.open("wb") as file:
                for chunk in answer["Body"].iter_chunks(1 << 20):
                    file.write(chunk)
            about = {"key": key, "sha256": sha256_of(copy), "size": copy.stat().st_size, "content_type": answer["ContentType"]}
            if answer.get("TagCount"):
                tags = here.s3.get_object_tagging(Bucket=here.bucket, Key=key)["TagSet"]
                about |= {tag["Key"].replace("-", "_"): int(tag["Value"]) for tag in tags if tag["Key"] == "keep-days"}
            if not to.has(name := f"files/{about['sha256']}", about["size"]):
                to.put(name, copy)
            out.write(json.dumps(about, sort_keys=True).encode() + b"\n")
            size += about["size"]
    return size


# -- suspension


def _note(tenant: str) -> Key:
    return f"{tenant}#SUSPENDED", "META"


def _status_before(here: Deployment, account: Account) -> AccountStatus:
    """What the account's status is when no export has suspended it."""
    noted = _noted(here, account)
    return noted["before"] if noted and account.status == "suspended" else account.status


def _noted(here: Deployment, account: Account) -> Item | None:
    """The note of an export that has suspended the account, unless somebody has changed the account since: what they said counts."""
    noted = here.deps.ops.get(_note(account.id))
    return noted if noted and noted.get("version") in (None, account.version) else None


def _suspend(here: Deployment, account: Account) -> None:
    """The note first: who is cut off in between leaves an account that the next export can put back."""
    if account.status in SHUT_OUT:
        if _noted(here, account) is None:
            here.deps.ops.write(remove(_note(account.id)))
        return
    here.deps.ops.write(remove(_note(account.id)))
    here.deps.ops.write(put_new(_note(account.id), {"before": account.status}))
    shut = context(here, account.id).repository(ACCOUNT).patch(account.id, {"status": "suspended"})
    here.deps.ops.write(put(_note(account.id), {"before": account.status, "version": shut.version}))


def resume(here: Deployment, tenant: str) -> None:
    """Give an account that an export has suspended its status back."""
    noted = here.deps.ops.get(_note(tenant))
    if noted is None:
        return
    context(here, tenant).repository(ACCOUNT).patch(
        tenant, lambda account: {"status": noted["before"]} if account.status == "suspended" else {}
    )
    here.deps.ops.write(remove(_note(tenant)))
