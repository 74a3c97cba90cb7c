"""What no execution on a test's time shows: silence of a worker, stale messages, a hold that is too small."""

from typing import Any

from chalicelib.automation import failures, steps
from chalicelib.automation.run_record import operation
from chalicelib.automation.stages import stage
from tests.automation.pipeline import FEW, World


def test_a_worker_that_never_answers(world: World) -> None:
    """The task timed out: the log points to the dead letters, and what the worker held is given back."""
    account = world.account(FEW, publish_mode="manual")
    world.script.always("image", ZeroDivisionError("drawing"))
    run = account.run()
    run_record, content = account.runs.get(run["id"]), account.contents()[0]
    again = account.runs.begin(account.site, [account.sector])
    image = account.images()[0]
    account.ledger.reserve(operation(again.id, 6, image.id), 4, details={"operation_type": "image", "run_id": again.id})
    event: dict[str, Any] = {"run": again.id, "item": content.id, "error": {"Error": "States.Timeout", "Cause": ""}}
    assert failures.item_failed(account.ctx, 6, event) == {"failed": True}
    assert failures.item_failed(account.ctx, 6, event) == {"failed": True}
    assert account.runs.stage_item(again, 6)["failed"] == 1, "recorded once"
    assert account.log(again.id) == [
        f"Image prompts to images: one item failed: No worker answered within {stage(6).timeout_seconds} seconds; "
        "look for its message in the dead-letter queue."
    ]
    account.runs.finish(again.id, "cancelled", "user")
    assert run_record.status == "failed"
    account.sound()


def test_an_execution_of_an_older_attempt_does_nothing(world: World) -> None:
    account = world.account(FEW)
    run = account.runs.begin(account.site, [account.sector])
    account.runs.repository.patch(run.id, {"status": "running", "attempt": 3})
    event = {"tenant": account.ctx.tenant, "site": account.site, "run": run.id, "attempt": 2, "events": 100, "item": account.sector}
    assert steps.next_items(account.ctx, 1, event)["go"] == "halt"
    assert steps.run_item(account.ctx, 1, event) == {"halted": True}
    assert account.of("cluster") == [] and account.runs.stage_item(run, 1)["state"] == "pending"
    assert steps.next_items(account.ctx, 1, {**event, "attempt": 3})["items"] == [account.sector]
    account.runs.finish(run.id, "cancelled", "user")


def test_work_that_grew_after_its_worker_died(world: World) -> None:
    """The reservation of the dead worker is too small for what waits now: another takes its place."""
    account = world.account(FEW)
    run = account.runs.begin(account.site, [account.sector])
    account.runs.repository.patch(run.id, {"status": "running"})
    op = operation(run.id, 1, account.sector)
    details = {"operation_type": "clustering", "run_id": run.id}
    account.ledger.reserve(op, 0, details=details, fingerprint=f"auto_cluster:{account.sector}")
    event = {"tenant": account.ctx.tenant, "site": account.site, "run": run.id, "attempt": 1, "item": account.sector}
    assert steps.run_item(account.ctx, 1, event) == {"credits": 5}
    assert account.ledger.get(op).attempt == 2 and len(account.of("cluster")) == 1
    account.runs.finish(run.id, "cancelled", "user")
    account.sound(charged=5)


def test_a_sectors_further_blocks(world: World, monkeypatch: Any) -> None:
    """More keywords than one call takes go by blocks; what a block left unclustered is not looked at again."""
    from chalicelib.automation import sectors

    account = world.account(tuple(f"{kind} {thing}" for kind in ("espresso", "tea", "milk") for thing in "abcdef"))
    monkeypatch.setattr(sectors, "MAX_KEYWORDS", 6)
    run = account.run()
    assert run["stages"][0]["done"] == 3 and run["stages"][0]["credits"] == 15
    assert not [k for k in account.of("keyword") if not k.get("cluster")]
    account.sound()
