"""Exports that somebody has made or changed by hand, imports that were cut off, and the schedulers that look at them meanwhile."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chalicelib.auth.accounts import ACCOUNT
from chalicelib.auth.onboarding import create_account
from chalicelib.automation import control
from chalicelib.automation.run_record import LEFT
from chalicelib.automation.runs import Runs
from chalicelib.automation.schedule import DUE, check_scheduled_automations, save_config
from chalicelib.core.ids import parse_stamp
from chalicelib.core.table import Query
from chalicelib.integration import drip
from infra.tenant_data import Refused
from infra.tenant_export import export, tenant_of
from infra.tenant_forget import forget
from infra.tenant_format import Folder
from infra.tenant_import import bring
from tests.automation.faults import MovableClock
from tests.infra.tenant_scene import Cut, Scissors, World, empty_stack, everything, stack

Line = dict[str, Any]


def by_hand(folder: Path, name: str, change: Callable[[Line], bool]) -> None:
    """Change lines of a section, with a sum that fits. change: of a line, whether it was one to change."""
    path, about = folder / f"{name}.jsonl", json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    found = [json.loads(text) for text in path.read_bytes().splitlines()]
    assert any([change(line) for line in found])
    path.write_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in found))
    about["sections"][name]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(about), encoding="utf-8")


def manifest(folder: Path, **values: Any) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | values), encoding="utf-8")


def _user_in_disguise(line: Line) -> bool:
    if line.get("kind") != {"S": "user"}:
        return False
    line |= {"kind": {"S": "something"}, "role": {"S": "developer"}}
    return True


def _account_in_disguise(line: Line) -> bool:
    if line.get("kind") != {"S": "account"}:
        return False
    line |= {"kind": {"S": "something"}, "system": {"BOOL": True}}
    return True


def _with(**values: Any) -> Callable[[Line], bool]:
    def change(line: Line) -> bool:
        line.update(values)
        return True

    return change


ATTACKS: dict[str, tuple[Callable[[Path], None], str]] = {
    "an operator who is called something else": (lambda f: by_hand(f, "business", _user_in_disguise), "is no something"),
    "an operator's account that is called something else": (lambda f: by_hand(f, "business", _account_in_disguise), "is no something"),
    "a sign-in of somebody else": (lambda f: by_hand(f, "users", _with(username={"S": "victim00.user"})), "belongs to somebody else"),
    "a sign-in without an address": (lambda f: by_hand(f, "users", lambda line: bool(line.pop("email"))), "users.jsonl, line 1 is damaged"),
    "a file from elsewhere": (lambda f: by_hand(f, "files", _with(sha256="../../../etc/hostname")), "files.jsonl, line 1 is damaged"),
    "somebody else's file": (lambda f: by_hand(f, "files", _with(key="victim00/content/x")), "belongs to somebody else"),
    "the deployment's own partitions": (lambda f: manifest(f, tenant="G"), "The manifest is damaged"),
    "a part of somebody": (lambda f: manifest(f, tenant="victim00#A"), "The manifest is damaged"),
    "a manifest that is none": (lambda f: (f / "manifest.json").write_text("[]"), "no export of a tenant"),
}


def exported(world: World, folder: Path) -> Path:
    world.ctx.deps.files.put(f"{world.ctx.tenant}/content/x/1", b"x", "text/html")
    export(world.here, world.ctx.tenant, Folder(folder))
    return folder


def test_what_was_made_by_hand_is_refused(tmp_path: Path) -> None:
    with stack() as world:
        folder = exported(world, tmp_path / "export")
    with empty_stack(world) as other:
        before = everything(other.here)
        for number, (what, (spoil, said)) in enumerate(ATTACKS.items()):
            copy = tmp_path / str(number)
            shutil.copytree(folder, copy)
            spoil(copy)
            with pytest.raises(Refused, match=said):
                bring(other.here, Folder(copy))
            assert everything(other.here) == before, what


def test_an_account_whose_run_was_just_cancelled_can_be_moved(tmp_path: Path) -> None:
    """What its workers may have left is still to be looked at; that moves with it."""
    with stack() as world:
        run = Runs(world.ctx).begin(world.site, [world.sector])
        control.cancel(world.ctx, run.id)
        folder = exported(world, tmp_path / "export")
    with empty_stack(world) as other:
        bring(other.here, Folder(folder))
        assert [row["run"] for row in other.here.deps.ops.query_all(Query(LEFT))] == [run.id]


def test_until_it_is_whole_nothing_is_begun_and_the_rest_can_be_taken_away(tmp_path: Path) -> None:
    with stack() as world:
        ctx = world.ctx
        save_config(ctx, world.site, {"enabled": True, "frequency": "hourly"})
        folder = exported(world, tmp_path / "export")
    with empty_stack(world) as other:
        deps, scissors = other.here.deps, Scissors(other.here)
        scissors.call = "AdminCreateUser"
        with pytest.raises(Cut):
            bring(other.here, Folder(folder))
        assert len(deps.ops.query_all(Query(DUE))) == 1
        before = everything(other.here)
        later = replace(deps, clock=MovableClock(deps.clock))
        later.clock.forward(hours=2)
        looked = check_scheduled_automations(later)
        assert (looked["due"], looked["started"], drip.publish_due(later)) == (1, 0, 0)
        assert everything(other.here) == before
        with pytest.raises(Refused, match="CONFIRM must be its id"):
            forget(other.here, ctx.tenant, "Demo")
        assert everything(other.here) == before
        assert forget(other.here, ctx.tenant, ctx.tenant).items > 0
        assert bring(other.here, Folder(folder)).items > 0
        check_scheduled_automations(later)
        (row,) = deps.ops.query_all(Query(DUE))
        assert parse_stamp(row["due"]) > later.clock.now()


def test_an_id_is_never_somebody_elses_slug() -> None:
    with stack() as world:
        ctx = world.ctx
        create_account(ctx.deps, name=ctx.tenant, slug=ctx.tenant, email="x@x.test", password="Demo-pass-1!")
        assert tenant_of(world.here, ctx.tenant) == ctx.tenant
        assert tenant_of(world.here, "demo") == ctx.tenant


def test_an_account_that_an_operator_has_suspended_stays_so(tmp_path: Path) -> None:
    """Also when an earlier move of it was given up."""
    with stack() as world:
        accounts, tenant = world.ctx.repository(ACCOUNT), world.ctx.tenant
        export(world.here, tenant, Folder(tmp_path / "1"), suspend=True, stay=True)
        for status in ("active", "suspended"):
            accounts.patch(tenant, {"status": status})
        export(world.here, tenant, Folder(tmp_path / "2"), suspend=True)
        assert accounts.get(tenant).status == "suspended"
        lines = map(json.loads, (tmp_path / "2" / "business.jsonl").read_text(encoding="utf-8").splitlines())
        assert [line["status"] for line in lines if line.get("kind") == {"S": "account"}] == [{"S": "suspended"}]
