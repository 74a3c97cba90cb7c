"""The generated state machine under faults, judged by the execution's history, the table and the ledger."""

import json
from collections import Counter
from typing import Any

import boto3

from chalicelib.automation import control
from chalicelib.automation.run_caps import give_back
from chalicelib.automation.run_record import operation
from chalicelib.core.errors import Moderated, UpstreamRejected, UpstreamUnavailable
from tests.automation.faults import LambdaDied
from tests.automation.pipeline import Account, World

TEXTS = ("auto_cluster", "generate_ideas", "generate_content", "generate_image_prompts")
# What two clusters, two ideas, two articles of the words their ideas ask for, and four pictures cost, but for the articles.
BESIDES_CONTENT = 5 + 4 + 4 + 16


def errors(history: list[dict[str, Any]]) -> Counter[str]:
    """Names of the errors that tasks ended with, and how often."""
    found = (d.get("error") for e in history for k, d in e.items() if k in ("taskFailedEventDetails", "lambdaFunctionFailedEventDetails"))
    return Counter(str(name) for name in found)


def all_there(account: Account, run: dict[str, Any]) -> None:
    """The run did everything: two articles with their pictures are published, and paid for once."""
    assert (run["status"], run["reason"], run["waiting_for_review"]) == ("completed", None, 0), account.log(run["id"])
    assert [(s["state"], s["done"], s["failed"]) for s in run["stages"]] == [("completed", n, 0) for n in (1, 2, 2, 2, 2, 2, 2)]
    assert [len(account.of(k)) for k in ("cluster", "idea", "task", "content", "image")] == [2, 2, 2, 2, 4]
    assert len(account.published()) == 2
    words = sum(max(5, -(-i["estimated_word_count"] // 100)) for i in account.of("idea"))
    account.sound(charged=BESIDES_CONTENT + words)


def test_without_faults_the_path_is_straight(account: Account) -> None:
    run = account.run()
    all_there(account, run)
    path = account.path(run["id"])
    expected = ["Begin", "Prepare"]
    for n, items in enumerate((1, 2, 2, 2, 2, 2, 2), 1):
        expected += [f"Next{n}", f"Choose{n}", f"Each{n}", *[f"Do{n}"] * items, f"Within{n}", f"Next{n}", f"Choose{n}", f"Between{n}"]
    assert path == [*expected, "Finish", "Finished"]
    assert account.ended(run["id"]) == "ExecutionSucceeded" and not errors(account.history(run["id"]))


def test_what_passes_is_tried_again(world: World, account: Account) -> None:
    """429, 500 and timeouts of models and publisher, each in another stage of one run."""
    busy = UpstreamUnavailable("The model's server asks us to slow down (429).", retry_after_seconds=1.0)
    failing = UpstreamUnavailable("The model's server does not answer at present (500).")
    late = UpstreamUnavailable("The model's server cannot be reached.")
    world.script.at("text.auto_cluster", busy)
    world.script.at("text.generate_ideas", failing)
    world.script.at("text.generate_content", late, busy)
    world.script.at("text.generate_image_prompts", busy, failing, late)
    world.script.at("image", busy)
    world.script.at("publish", failing, failing)
    run = account.run()
    all_there(account, run)
    path = account.path(run["id"])
    assert not any(state.startswith("Failed") for state in path) and Counter(path)["Do4"] == 2
    assert errors(account.history(run["id"])) == {"UpstreamUnavailable": 1 + 1 + 2 + 3}  # what a queue delivers again is no task's error
    assert world.script.total("text.generate_content") == 4 and world.script.total("publish") == 4


def test_an_answer_that_is_no_json_is_repaired_once(world: World, account: Account) -> None:
    world.script.at("text.generate_content", "Here is your article: {", item=None)
    world.script.at("text.generate_ideas", '{"ideas": []}')
    run = account.run()
    all_there(account, run)
    assert not errors(account.history(run["id"]))
    repairs = [r.repair for r in world.script.seen["text.generate_content"] if r.repair]
    assert len(repairs) == 1 and repairs[0].answer == "Here is your article: {" and repairs[0].problems


def test_an_answer_that_stays_invalid_fails_its_item_only(world: World, account: Account) -> None:
    world.script.at("text.generate_content", "no json", '{"title": 3}')
    run = account.run()
    assert (run["status"], run["stages"][3]["done"], run["stages"][3]["failed"]) == ("completed", 1, 1)
    path = account.path(run["id"])
    assert Counter(path)["Failed4"] == 1 and path[-2:] == ["Finish", "Finished"]
    assert errors(account.history(run["id"])) == {"InvalidAnswer": 1}
    failed = next(t for t in account.of("task") if t["status"] == "queued")
    assert failed["generation_state"] == "failed" and failed["attempts"] == 1 and "InvalidAnswer" in failed["last_error"]
    hold = account.ledger.get(operation(run["id"], 4, failed["id"]))
    assert (hold.state, hold.used) == ("voided", 0)
    assert len(account.published()) == 1 and [s["done"] for s in run["stages"][4:]] == [1, 1, 1]
    assert any("one item failed" in line for line in account.log(run["id"]))
    account.sound()


def test_a_publisher_that_always_fails(world: World, account: Account) -> None:
    world.script.always("publish", UpstreamUnavailable("The site does not answer (502)."))
    run = account.run()
    assert run["status"] == "failed"
    assert run["reason"].startswith("All 2 items of stage 7 failed: UpstreamUnavailable: The site does not answer (502).")
    assert run["waiting_for_review"] == 2 and account.published() == []
    path = account.path(run["id"])
    assert Counter(path)["Failed7"] == 2 and path[-2:] == ["Finish", "Finished"]
    for content in account.contents():
        assert (content.status, content.sync_status, content.sync_reason) == ("review", "failed", "The site does not answer (502).")
    assert world.script.total("publish") == 10
    assert {json.loads(m)["item"] for m in world.dead_letters("Publish")} == {c.id for c in account.contents()}
    assert sum("dead-letter queue" in line for line in account.log(run["id"])) == 2
    account.sound()


def test_a_site_that_refuses_is_not_asked_again(world: World, account: Account) -> None:
    world.script.always("publish", UpstreamRejected("The application password is wrong."))
    run = account.run()
    assert run["status"] == "failed" and "The application password is wrong." in run["reason"]
    assert world.script.total("publish") == 2 and world.dead_letters("Publish") == []
    assert errors(account.history(run["id"])) == {"UpstreamRejected": 2}
    account.sound()


def die(world: World, *names: str) -> None:
    for name in names:
        world.script.at(name, LambdaDied(name))


def test_a_lambda_that_dies_before_its_work(world: World, account: Account) -> None:
    die(world, *(f"text.{name}" for name in TEXTS), "image", "publish")
    run = account.run()
    all_there(account, run)
    assert errors(account.history(run["id"])) == {"Runtime.ExitError": 4}


def test_a_lambda_that_dies_between_its_work_and_the_record_of_it(world: World, account: Account) -> None:
    die(world, *(f"table.before:|{n}#" for n in range(1, 8)), "publish.after")
    run = account.run()
    all_there(account, run)
    assert errors(account.history(run["id"])) == {"Runtime.ExitError": 5}
    assert world.script.total("text.generate_content") == 2 and world.script.total("image") == 4, "what was done is not done again"
    assert len(world.site.created) == len(set(world.site.created))


def test_a_lambda_that_dies_after_the_record(world: World, account: Account) -> None:
    die(world, *(f"table.after:|{n}#" for n in range(1, 8)))
    run = account.run()
    all_there(account, run)
    assert errors(account.history(run["id"])) == {"Runtime.ExitError": 5}
    assert world.script.total("text.generate_content") == 2 and world.script.total("publish") == 2


def test_a_lambda_that_dies_every_time(world: World, account: Account) -> None:
    """Its work is not known to be done: the item fails, what it had reserved is given back. Where the work was done, it counts as done."""
    world.script.at("text.generate_content", *[LambdaDied("out of memory")] * 4)
    world.script.at("table.before:|2#", *[LambdaDied("out of memory")] * 4)
    run = account.run()
    assert errors(account.history(run["id"])) == {"Runtime.ExitError": 8}
    assert [(s["done"], s["failed"]) for s in run["stages"]][1:4] == [(2, 0), (2, 0), (1, 1)]
    assert Counter(account.path(run["id"]))["Failed2"] == 1
    account.sound()


def test_a_bug_fails_its_item_with_the_errors_name(world: World, account: Account) -> None:
    world.script.at("text.generate_image_prompts", ZeroDivisionError("division by zero"))
    run = account.run()
    assert (run["status"], run["stages"][4]["failed"], run["stages"][6]["done"]) == ("completed", 1, 1)
    assert errors(account.history(run["id"])) == {"ZeroDivisionError": 1}
    assert account.runs.failures(account.runs.get(run["id"]))[0]["detail"] == "ZeroDivisionError: division by zero"
    account.sound()


def test_a_message_that_nobody_can_work_ends_in_the_dead_letters(world: World, account: Account) -> None:
    world.script.at("image", *[ZeroDivisionError("a bug")] * 5)
    boto3.client("sqs").send_message(QueueUrl=world.stack.stack.physical_id("ImagesQueue"), MessageBody="this is no JSON")
    run = account.run()
    assert (run["status"], run["stages"][5]["done"], run["stages"][5]["failed"], run["stages"][6]["done"]) == ("completed", 1, 1, 1)
    assert Counter(account.path(run["id"]))["Failed6"] == 1
    said = [line for line in account.log(run["id"]) if "dead-letter queue" in line]
    assert said == ["A message was given up after 5 deliveries and lies in the dead-letter queue: a bug"]
    bodies = world.dead_letters("Images")
    assert "this is no JSON" in bodies and len(bodies) == 2
    poisoned = next(json.loads(b) for b in bodies if b != "this is no JSON")
    content = next(c for c in account.contents() if c.id == poisoned["item"])
    assert content.status == "draft" and content.images_open, "its pictures wait for another try"
    account.sound()


def test_a_picture_that_moderation_refuses(world: World, account: Account) -> None:
    world.script.at("image", Moderated("The provider's moderation refuses this text."))
    run = account.run()
    assert run["status"] == "completed" and len(account.published()) == 2 and run["stages"][5]["done"] == 2
    refused = [i for i in account.images() if i.status == "failed"]
    assert len(refused) == 1 and refused[0].error == "The provider's moderation refuses this text."
    assert run["stages"][5]["credits"] == 12, "a picture that was not drawn costs nothing"
    assert any(line.startswith("A picture could not be drawn") for line in account.log(run["id"]))
    account.sound()


def test_out_of_credits_in_the_middle(world: World, account: Account) -> None:
    def nothing_left() -> None:
        run = account.runs.holder(account.site)
        assert run is not None
        give_back(account.ctx, run, "as when the sweeper was there")  # what it was promised at its start nobody could take
        account.credit(0)

    world.script.at("table.after:|2#", None, nothing_left, item="*")
    run = account.run()
    assert (run["status"], run["reason"]) == ("paused", "credits")
    assert [s["state"] for s in run["stages"]] == ["completed", "completed", "completed", "running", "pending", "pending", "pending"]
    assert account.path(run["id"])[-1] == "Halted" and account.of("content") == []
    assert any("credits; " in line and line.startswith("Paused") for line in account.log(run["id"]))
    account.sound()
    account.credit(1_000)
    control.resume(account.ctx, run["id"])
    world.work()
    all_there(account, account.shown(run["id"]))
    assert account.path(run["id"], 2)[:5] == ["Begin", "Prepare", "Next1", "Choose1", "Between1"], "what is done is not looked at again"


def test_a_wrong_key_fails_the_run_with_the_reason(world: World, account: Account) -> None:
    world.script.always("text.auto_cluster", UpstreamRejected("The provider does not accept the API key."))
    run = account.run()
    assert run["status"] == "failed"
    assert run["reason"] == "The only item of stage 1 failed: UpstreamRejected: The provider does not accept the API key."
    assert [s["state"] for s in run["stages"]] == ["completed", *["skipped"] * 6]
    assert account.runs.holder(account.site) is None
    account.sound(charged=0)


def test_a_wrong_key_for_pictures_publishes_nothing_without_them(world: World, account: Account) -> None:
    world.script.always("image", UpstreamRejected("The provider does not accept the API key."))
    run = account.run()
    assert run["status"] == "failed" and "stage 6 failed: UpstreamRejected" in run["reason"]
    assert world.script.total("image") == 2 and account.published() == []
    assert all(c.status == "draft" for c in account.contents()) and all(i.status == "pending" for i in account.images())
    account.sound()
    world.script.everywhere.clear()
    control.retry_failed(account.ctx, run["id"])
    world.work()
    all_there(account, account.shown(run["id"]))


def test_a_control_step_that_fails(world: World, account: Account) -> None:
    """Begin fails for good: the run says so and frees its site; it never hangs as `created`."""
    run = account.runs.begin(account.site, [account.sector])
    world.script.at(f"table.before:{account.site}#R|", RuntimeError("no such table"))
    event = {"tenant": account.ctx.tenant, "site": account.site, "run": run.id, "attempt": 1}
    world.deps.workflow.start(f"{account.ctx.tenant}-{run.id}-1", event)
    world.work()
    shown = account.shown(run.id)
    assert (shown["status"], shown["reason"]) == ("failed", "RuntimeError: no such table")
    assert account.path(run.id) == ["Begin", "Broken", "Failed"] and account.ended(run.id) == "ExecutionFailed"
    assert account.runs.holder(account.site) is None


def test_a_stage_that_cannot_say_what_is_next(world: World, account: Account) -> None:
    world.script.at("table.hidden:#clusters-new", None, lambda: 1 / 0)  # the estimate looks first
    run = account.run()
    assert (run["status"], run["reason"]) == ("failed", "ZeroDivisionError: division by zero")
    assert [s["state"] for s in run["stages"]][:3] == ["completed", "pending", "pending"]
    assert account.path(run["id"])[-3:] == ["Next2", "Broken", "Failed"]
    account.sound()
