"""One account out of a deployment and into another: nothing is lost, no secret is told, nothing is written that does not fit."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.auth.accounts import ACCOUNT
from chalicelib.automation.schedule import DUE
from chalicelib.billing.credits import Ledger
from chalicelib.core.table import Query, update
from chalicelib.integration.connections import CONNECTION
from chalicelib.planner.keywords import KEYWORD, Keywords
from chalicelib.system.settings import SETTINGS
from infra.audit import findings
from infra.local.seed import EMAILS, password
from infra.tenant_data import Deployment, Refused, items, parsed
from infra.tenant_export import export, the_account
from infra.tenant_forget import forget
from infra.tenant_format import Bucket, Folder, lines
from infra.tenant_import import bring
from tests.infra.tenant_scene import APP_PASSWORD, OWN_KEY, Cut, Scissors, World, empty_stack, everything, fill, give_secrets, let_in, stack

SECRET_LISTS = ("integration/connections/", "system/settings/integrations/")


class Moved:
    """The world an account comes from, which is over, what its API showed, and its export."""

    def __init__(self, world: World, lists: dict[str, Any], folder: Path, business: int) -> None:
        self.world, self.lists, self.folder, self.business = world, lists, folder, business
        self.tenant = world.ctx.tenant


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moved]:
    folder = tmp_path_factory.mktemp("export")
    with stack() as world:
        fill(world)
        lists = world.lists()
        world.stack.drain()
        made = export(world.here, world.ctx.tenant, Folder(folder))
        assert made.at_rest and made.sections["business"].count > 100
        again = export(world.here, world.ctx.tenant, Folder(folder))
        assert again.sections["business"] == made.sections["business"]
        count = sum(1 for _ in items(world.here.deps.table, world.ctx.tenant))
    yield Moved(world, lists, folder, count)


def test_all_items_are_in_it_and_no_secret(moved: Moved) -> None:
    written = [parsed(text) for text in lines(moved.folder / "business.jsonl")]
    assert len(written) == moved.business
    parts = {item["pk"]["S"].removeprefix(moved.tenant).split("#")[-1] for item in written}
    assert {"A", "B", "G", "K", "C", "I", "T", "P", "R", "RS", "Q", "CFG", "N", "U", "L"} <= parts
    assert {item["pk"]["S"].split("#")[1] for item in written if item["pk"]["S"].startswith("G#")} == {"EMAIL", "SLUG", "DRIP"}
    text = b"".join(p.read_bytes() for p in moved.folder.rglob("*") if p.is_file())
    for secret in (OWN_KEY, APP_PASSWORD, password()):
        assert secret.encode() not in text
    about = json.loads((moved.folder / "manifest.json").read_text(encoding="utf-8"))
    assert sorted(note["field"] for note in about["secrets"]) == ["api_key", "app_password"] and about["kms_key"]
    assert (moved.folder / "business.jsonl").stat().st_mode & 0o077 == 0


def test_in_another_deployment_the_api_shows_the_same(moved: Moved) -> None:
    with empty_stack(moved.world) as world:
        done = bring(world.here, Folder(moved.folder))
        assert (done.was_there, done.users) == (False, 3)
        assert sorted(line.rpartition(": ")[2] for line in done.lost) == ["api_key", "app_password"]
        assert findings(world.here.deps) == {}
        status, refused = world.ask("POST", "auth/login/", {"email": EMAILS[0], "password": password()})
        assert status == 401, refused
        let_in(world)
        shown = world.lists()
        assert shown.keys() == moved.lists.keys()
        different = [name for name in shown if shown[name] != moved.lists[name]]
        assert sorted(different) == list(SECRET_LISTS)
        blog = next(c for c in shown[SECRET_LISTS[0]][1]["results"] if c["name"] == "Blog")
        assert (blog["is_active"], blog["has_app_password"]) == (False, False)
        again = bring(world.here, Folder(moved.folder))
        assert again.was_there and again.lost == done.lost
        Ledger(world.here.deps.table, moved.tenant, world.here.deps.clock).grant("later", 5)
        with pytest.raises(Refused, match="differs from the export"):
            bring(world.here, Folder(moved.folder))


def test_cut_off_anywhere_it_goes_on(moved: Moved) -> None:
    with empty_stack(moved.world) as world:
        scissors = Scissors(world.here)
        done, cuts = scissors.until_done(lambda: bring(world.here, Folder(moved.folder)))
        assert {"PutItem", "PutObject", "BatchWriteItem", "AdminCreateUser", "AdminSetUserPassword"} <= set(cuts)
        assert not done.was_there and findings(world.here.deps) == {}
        let_in(world)
        shown = world.lists()
        assert [name for name in shown if shown[name] != moved.lists[name]] == [n for n in shown if n in SECRET_LISTS]


def test_until_it_is_whole_nobody_gets_in(moved: Moved) -> None:
    with empty_stack(moved.world) as world:
        scissors, meta = Scissors(world.here), ACCOUNT.place.key(moved.tenant, moved.tenant)
        scissors.call = "TransactWriteItems"  # the last of all
        with pytest.raises(Cut):
            bring(world.here, Folder(moved.folder))
        assert world.here.deps.table.get(meta) is None
        let_in(world)
        assert world.ask("POST", "auth/login/", {"email": EMAILS[0], "password": password()})[0] == 401
        done = bring(world.here, Folder(moved.folder))
        assert (done.files, done.users, done.was_there) == (0, 0, False)
        assert world.ask("POST", "auth/login/", {"email": EMAILS[0], "password": password()})[0] == 200


def test_addresses_and_slugs_that_are_taken_are_told_before_anything_is_written(moved: Moved) -> None:
    with stack() as world:
        before = everything(world.here)
        with pytest.raises(Refused) as refused:
            bring(world.here, Folder(moved.folder))
        for taken in (*EMAILS[:3], "the slug demo"):
            assert taken in str(refused.value)
        assert everything(world.here) == before


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def _by_hand(folder: Path, change: Callable[[dict[str, Any]], bool]) -> None:
    """As somebody would who makes an export: with a sum that fits. change: of an item, whether it was the one to change."""
    path, about = folder / "business.jsonl", json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    found = [json.loads(text) for text in path.read_bytes().splitlines()]
    assert any([change(item) for item in found])
    path.write_bytes(b"".join(json.dumps(item).encode() + b"\n" for item in found))
    about["sections"]["business"]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(about), encoding="utf-8")


def _set(item: dict[str, Any], partition: str, **values: Any) -> bool:
    """Change an item of a partition that ends so."""
    if not item["pk"]["S"].endswith(f"#{partition}"):
        return False
    item.update(values)
    return True


DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "no manifest": (lambda f: (f / "manifest.json").unlink(), "no finished export"),
    "a manifest of a later version": (
        lambda f: (f / "manifest.json").write_text('{"format": "igny8-tenant-export", "version": 2}', encoding="utf-8"),
        "has version 2",
    ),
    "a changed line": (lambda f: _flip(f / "business.jsonl"), "business.jsonl is not what the manifest says"),
    "a lost section": (lambda f: (f / "users.jsonl").unlink(), "users.jsonl cannot be read"),
    "a changed file": (lambda f: _flip(min((f / "files").iterdir())), "is damaged"),
    "a lost file": (lambda f: min((f / "files").iterdir()).unlink(), "cannot be read"),
    "somebody else's item": (lambda f: _by_hand(f, lambda i: _set(i, "K", pk={"S": "somebody#A"})), "belongs to somebody else"),
    "a plan": (
        lambda f: _by_hand(f, lambda i: _set(i, "K", pk={"S": "G#PLAN"}, tenant={"S": i["pk"]["S"][:8]})),
        "belongs to somebody else",
    ),
    "an operator": (lambda f: _by_hand(f, lambda i: "role" in i and _set(i, "A", role={"S": "developer"})), "may see other accounts"),
    "an operator's account": (
        lambda f: _by_hand(f, lambda i: "slug" in i and _set(i, "A", system={"BOOL": True})),
        "may see other accounts",
    ),
}


def test_a_damaged_export_is_refused_before_anything_is_written(moved: Moved, tmp_path: Path) -> None:
    with empty_stack(moved.world) as world:
        before = everything(world.here)
        for number, (what, (spoil, said)) in enumerate(DAMAGE.items()):
            copy = tmp_path / str(number)
            shutil.copytree(moved.folder, copy)
            spoil(copy)
            with pytest.raises(Refused, match=said):
                bring(world.here, Folder(copy))
            assert everything(world.here) == before, what


def test_a_backup_in_s3_comes_back_with_its_secrets() -> None:
    """Into the deployment that it is of, where the key is the same."""
    with stack() as world:
        give_secrets(world)
        tenant, here = world.ctx.tenant, world.here
        here.s3.create_bucket(Bucket="backups")
        place = Bucket(here.s3, "backups", "demo/2026")
        export(here, tenant, place)
        forget(here, tenant, "Demo")
        done = bring(here, place)
        assert (done.was_there, done.lost) == (False, [])
        blog = next(c for c in world.ctx.repository(CONNECTION).under((f"{tenant}#{world.site}#Q", "")) if c.target == "wordpress")
        assert blog.is_active and blog.app_password_sealed
        assert here.deps.secrets.unseal(blog.app_password_sealed, {"tenant": tenant, "field": "connection.app_password"}) == APP_PASSWORD
        assert world.ctx.repository(SETTINGS).get("openai").api_key_sealed
        with pytest.raises(Refused, match="no finished export"):
            bring(here, Bucket(here.s3, "backups", "nothing"))


def test_an_account_that_changes_is_not_exported(tmp_path: Path) -> None:
    with stack() as world:
        tenant, here = world.ctx.tenant, world.here
        Ledger(here.deps.table, tenant, here.deps.clock).reserve("busy", 5, details={"operation_type": "idea"})
        with pytest.raises(Refused, match="busy has 5 credits reserved"):
            export(here, tenant, Folder(tmp_path))
        Ledger(here.deps.table, tenant, here.deps.clock).void("busy", reason="test")
        here.deps.files.put(f"{tenant}/sites/x.html", b"x", "text/html")
        writes = Writer(here, tenant)
        with pytest.raises(Refused, match="SUSPEND=1"):
            export(here, tenant, Folder(tmp_path), say=lambda text: None)
        assert not (tmp_path / "manifest.json").exists()
        writes.most = writes.done + 1
        assert export(here, tenant, Folder(tmp_path), say=lambda text: None).at_rest
        writes.most += 1
        assert not export(here, tenant, Folder(tmp_path), anyway=True).at_rest
        with pytest.raises(Refused, match="There is no account 'nobody00'"):
            export(here, "nobody00", Folder(tmp_path))


class Writer:
    """Changes an item of the account whenever one of its files is read, `most` times."""

    def __init__(self, here: Deployment, tenant: str) -> None:
        self._here, self._tenant, self.done, self.most = here, tenant, 0, 100
        here.s3.meta.events.register("before-call.s3.GetObject", self._write)

    def _write(self, **_: Any) -> None:
        if self.done < self.most:
            self.done += 1
            self._here.deps.table.write(update((f"{self._tenant}#L", "2026-11"), "ADD looks :one", one=1))


def test_suspended_meanwhile_and_afterwards(tmp_path: Path) -> None:
    with stack() as world:
        tenant, here = world.ctx.tenant, world.here
        seen: list[str] = []
        here.s3.meta.events.register("before-call.s3.ListObjectsV2", lambda **_: seen.append(the_account(here, tenant).status))
        export(here, tenant, Folder(tmp_path), suspend=True)
        assert set(seen) == {"suspended"} and the_account(here, tenant).status == "active"
        scissors = Scissors(here)
        for n in range(1, 4):  # cut off while it is suspended, or before, or while it is being put back
            scissors.left = n
            with pytest.raises(Cut):
                export(here, tenant, Folder(tmp_path), suspend=True)
            scissors.left = None
        export(here, tenant, Folder(tmp_path), suspend=True, stay=True)
        assert the_account(here, tenant).status == "suspended"
        stored = next(
            i for i in map(parsed, lines(tmp_path / "business.jsonl")) if i["sk"]["S"] == "META" and i["pk"]["S"] == f"{tenant}#A"
        )
        assert stored["status"] == {"S": "active"}


def test_one_account_as_it_was_at_an_earlier_time(tmp_path: Path) -> None:
    """docs/operations.md, Backups: the table is restored beside the one in use; one account comes out of it and takes its place."""
    with stack() as world:
        fill(world)
        world.stack.drain()
        deps, tenant, before = world.here.deps, world.ctx.tenant, world.lists()
        deps.table.client.restore_table_to_point_in_time(
            SourceTableName=deps.table.name, TargetTableName="restored", UseLatestRestorableTime=True
        )
        for keyword in world.ctx.repository(KEYWORD).under((f"{tenant}#{world.sector}#K", "")):
            Keywords(world.ctx).delete(keyword.id)
        Ledger(deps.table, tenant, deps.clock).grant("later", 5)
        due = deps.ops.query_all(Query(DUE))
        export(world.here.at("restored"), tenant, Folder(tmp_path))
        forget(world.here, tenant, "Demo")
        assert due and deps.ops.query_all(Query(DUE)) == []
        assert bring(world.here, Folder(tmp_path)).lost == []
        assert deps.ops.query_all(Query(DUE)) == due  # from the settings: locks and lists of an earlier time are no good
        let_in(world)
        after = world.lists()
        assert {name for name in after if after[name] != before[name]} <= {SECRET_LISTS[1]}  # those never saved are of this moment
        own, of_then = (lists[SECRET_LISTS[1]][1]["data"][0] for lists in (after, before))
        assert own == of_then and own["has_api_key"]
        assert findings(deps) == {}
