"""A deleted account is gone: from both tables, from every version of every file, from the user pool; and nobody else is touched."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.auth.accounts import ACCOUNT
from chalicelib.auth.users import USER
from chalicelib.automation.runs import Runs
from chalicelib.billing.credits import Ledger
from chalicelib.core import throttle
from chalicelib.core.context import Context
from chalicelib.core.scope import Scope
from infra import derive
from infra.audit import findings
from infra.build import template
from infra.local.seed import EMAILS
from infra.tenant_data import Later, Refused
from infra.tenant_export import tenant_of
from infra.tenant_forget import LONGEST_WORK, Forgotten, forget, record_key
from tests.automation.faults import MovableClock
from tests.infra.tenant_scene import Scissors, World, everything, fill, stack

NAME = "Zanzibar Gardens"


def traces(world: World, *of: str) -> dict[str, str]:
    """Where any of these texts is found in what the deployment stores."""
    lines = everything(world.here).splitlines()
    return {text: next(line for line in lines if text in line)[:300] for text in of if any(text in line for line in lines)}


def named(world: World) -> list[str]:
    """What names the account or its people: ids, addresses, its name."""
    users = world.ctx.repository(USER).under((f"{world.ctx.tenant}#A", "U#"))
    return [world.ctx.tenant, world.site, NAME, *EMAILS[:3], *(user.id for user in users)]


def rename(world: World) -> None:
    world.ctx.repository(ACCOUNT).patch(world.ctx.tenant, {"name": NAME})


def keep_versions(world: World) -> None:
    """As the deployed bucket does (infra/resources/storage.yaml); the embedded stack's keeps none."""
    world.here.s3.put_bucket_versioning(Bucket=world.here.bucket, VersioningConfiguration={"Status": "Enabled"})


def of_the_others(world: World) -> list[str]:
    """All that is stored of anybody else, in a form that can be compared."""
    own = (world.ctx.tenant, *EMAILS[:3], "G#FORGOTTEN")
    passing = ("#METRICS", "#THROTTLE")
    found = sorted(line for line in everything(world.here).splitlines() if not any(text in line for text in (*own, *passing)))
    return [line for line in found if not line.startswith("[")]  # the user pool's own line


def test_nothing_is_left_and_nobody_else_is_touched() -> None:
    with stack() as world:
        keep_versions(world)
        fill(world)
        rename(world)
        other = tenant_of(world.here, EMAILS[3])
        Ledger(world.here.deps.table, other, world.here.deps.clock).grant("own", 7)
        world.here.s3.put_object(Bucket=world.here.bucket, Key=f"{other}/images/a.webp", Body=b"a")
        key = f"{world.ctx.tenant}/images/again.webp"
        for body in (b"first", b"second"):
            world.here.s3.put_object(Bucket=world.here.bucket, Key=key, Body=body)
        world.here.s3.delete_object(Bucket=world.here.bucket, Key=key)
        assert sum(file.key == key for file in world.here.file_versions(world.ctx.tenant)) == 3  # and the mark that it was deleted
        user = world.ctx.repository(USER).under((f"{world.ctx.tenant}#A", "U#"))[0].id
        throttle.count(world.here.deps.ops, f"U#{user}", "planner", 60, 1_000_000)
        world.stack.drain()
        names, others = named(world), of_the_others(world)
        assert traces(world, *names).keys() == set(names)
        with pytest.raises(Refused, match="Nothing was deleted"):
            forget(world.here, world.ctx.tenant, "Zanzibar")
        done = forget(world.here, world.ctx.tenant, NAME)
        assert done.items > 100 and done.operations > 20 and done.files > 50 and done.sign_ins == 3
        assert traces(world, *names) == {}
        assert of_the_others(world) == others
        assert findings(world.here.deps) == {}
        record = world.here.deps.table.get(record_key(world.ctx.tenant))
        assert record is not None and record.keys() == {"pk", "sk", "state", "at", "done_at", *vars(done)}
        assert (record["state"], record["items"], record["sign_ins"]) == ("done", done.items, 3)
        assert world.ask("GET", "auth/sites/", token=world.sign_in(EMAILS[3]))[0] == 200
        again = forget(world.here, world.ctx.tenant, NAME)
        assert again.nothing and world.here.deps.table.get(record_key(world.ctx.tenant)) == record


def test_cut_off_anywhere_it_goes_on() -> None:
    with stack() as world:
        keep_versions(world)
        fill(world)
        rename(world)
        world.stack.drain()
        names, scissors = named(world), Scissors(world.here)
        done, cuts = scissors.until_done(lambda: forget(world.here, world.ctx.tenant, NAME))
        assert {"PutItem", "AdminDeleteUser", "BatchWriteItem", "DeleteObjects"} <= set(cuts)
        assert traces(world, *names) == {}
        record = world.here.deps.table.get(record_key(world.ctx.tenant))
        assert record is not None and record["state"] == "done" and isinstance(done, Forgotten)


def test_a_run_is_ended_first_and_its_workers_are_waited_for() -> None:
    with stack() as world:
        ctx, here = world.ctx, world.here
        rename(world)
        runs = Runs(ctx)
        run = runs.begin(world.site, [world.sector])
        Ledger(here.deps.table, ctx.tenant, here.deps.clock).reserve("at.work", 5, details={"operation_type": "idea"})
        with pytest.raises(Refused, match=f"run {run.id} is created"):
            forget(here, ctx.tenant, NAME)
        assert runs.get(run.id).status == "created"
        with pytest.raises(Later, match=r"at\.work has 5 credits reserved"):
            forget(here, ctx.tenant, NAME, cancel=True, say=lambda text: None)
        assert runs.get(run.id).status == "cancelled"
        with pytest.raises(Later):
            forget(here, ctx.tenant, NAME)
        Ledger(here.deps.table, ctx.tenant, here.deps.clock).void("at.work", reason="test")
        assert forget(here, ctx.tenant, NAME).items > 0
        assert traces(world, ctx.tenant, NAME) == {}


def test_work_that_never_ends_is_waited_for_a_quarter_of_an_hour() -> None:
    with stack() as world:
        clock = MovableClock(world.here.deps.clock)
        here = replace(world.here, deps=replace(world.here.deps, clock=clock))
        Ledger(here.deps.table, world.ctx.tenant, clock).reserve("lost", 5, details={"operation_type": "idea"})
        with pytest.raises(Later):
            forget(here, world.ctx.tenant, "Demo", cancel=True)
        clock.forward(minutes=16)
        assert not forget(here, world.ctx.tenant, "Demo").nothing
        assert traces(world, world.ctx.tenant) == {}


def test_an_unknown_account_and_the_operators_own_are_refused() -> None:
    with stack() as world:
        for wrong in ("nobody00", "x#A", ""):
            with pytest.raises(Refused):
                forget(world.here, wrong, "x")
        with pytest.raises(Refused, match="operator's own"):
            forget(world.here, tenant_of(world.here, "igny8"), "IGNY8")


def test_what_a_worker_writes_late_is_found_by_the_same_command_again() -> None:
    """A worker that was publishing when the account went may write a log row after all."""
    with stack() as world:
        forget(world.here, world.ctx.tenant, "Demo")
        late = Context(Scope.worker(world.ctx.tenant), world.here.deps)
        late.deps.files.put(f"{late.tenant}/images/late.webp", b"x", "image/webp")
        assert forget(world.here, late.tenant, "Demo") == Forgotten(files=1)
        record = world.here.deps.table.get(record_key(late.tenant))
        assert record is not None and record["state"] == "done" and record["files"] >= 1
        assert forget(world.here, late.tenant, "Demo").nothing


def test_the_longest_work_is_the_longest_function() -> None:
    longest = max(properties.get("Timeout", 0) for properties in derive.functions(template("local")).values())
    assert timedelta(seconds=longest) <= LONGEST_WORK
