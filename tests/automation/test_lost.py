"""What a run belongs to is gone: its execution, its record, its lock. Nobody stays locked out, nothing is done twice."""

import json

import boto3

from chalicelib.automation import control
from chalicelib.automation.run_record import ACTIVE_RUNS, active_key, lock_key
from chalicelib.automation.schedule import check_scheduled_automations
from chalicelib.core.table import Query, put, remove
from tests.automation.pipeline import FEW, Account, World


def gone(account: Account, attempt: int) -> str:
    """The ARN of an execution that Step Functions does not know."""
    return account.ctx.deps.config.state_machine_arn.replace(":stateMachine:", ":execution:") + f":deleted-{attempt}"


def halted(world: World) -> Account:
    """An account whose run is in the middle of its work, and whose execution is deleted."""
    account = world.account(FEW)
    run = account.start()
    world.work(until=lambda: account.of("idea"))
    world.deps.workflow.stop(account.runs.get(run.id).execution or "", "deleted")
    world.work()
    account.runs.repository.patch(run.id, {"execution": gone(account, 1)})
    return account


def test_a_run_whose_execution_was_deleted_goes_on(world: World) -> None:
    account = halted(world)
    (run,) = account.runs.repository.under((f"{account.ctx.tenant}#{account.site}#R", ""))
    assert world.deps.workflow.status(run.execution or "") == "UNKNOWN"
    assert check_scheduled_automations(world.deps)["recovered"] == 1
    world.work()
    shown = account.shown(run.id)
    assert shown["status"] == "completed" and [s["done"] for s in shown["stages"]] == [1] * 7, account.log(run.id)
    account.sound()


def test_a_run_whose_execution_was_deleted_can_be_cancelled(world: World) -> None:
    account = halted(world)
    run = account.runs.holder(account.site)
    assert run is not None and control.cancel(account.ctx, run.id).status == "cancelled"
    assert account.run()["status"] == "completed"
    account.sound()


def test_the_lock_of_a_run_whose_record_is_gone_holds_nothing(world: World) -> None:
    """As after a table was restored to an earlier time."""
    account, ops = world.account(FEW), world.deps.ops
    run = account.start()
    control.pause(account.ctx, run.id)
    world.work()
    world.deps.table.write(remove(account.runs.repository.key(run.id)))
    assert ops.get(lock_key(account.ctx, account.site)) is not None
    assert account.run()["status"] == "completed"
    assert ops.get(lock_key(account.ctx, account.site)) is None
    check_scheduled_automations(world.deps)
    rows = ops.query_all(Query(ACTIVE_RUNS, consistent=True))
    assert active_key(account.ctx, run)[1] not in {row["sk"] for row in rows}, "nobody looks for it any more"
    account.sound()


def test_a_run_that_ended_without_freeing_its_site_frees_it(world: World) -> None:
    """Its lock is there again: a table was restored, or somebody wrote it by hand."""
    account, ops = world.account(FEW), world.deps.ops
    run = account.run()
    ops.write(put(lock_key(account.ctx, account.site), {"run": run["id"], "at": run["created_at"]}))
    assert account.run()["status"] == "completed"
    assert ops.get(lock_key(account.ctx, account.site)) is None


def test_a_message_whose_run_is_gone_is_done_with(world: World) -> None:
    account = world.account(FEW)
    body = {"token": "gone", "stage": 7, "tenant": account.ctx.tenant, "site": account.site, "run": f"{account.site}-gone", "attempt": 1}
    queue = world.stack.stack.physical_id("PublishQueue")
    boto3.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps({**body, "item": f"{account.sector}-gone", "action": "run"}))
    world.work()
    assert world.dead_letters("Publish") == []
