"""The life of runs on the local stack: one at a time, pause, resume, cancel, try again, caps, modes, recovery, isolation."""

from typing import Any

import pytest

from chalicelib.automation import control
from chalicelib.automation.run_record import operation
from chalicelib.automation.schedule import check_scheduled_automations
from chalicelib.core.context import Context
from chalicelib.core.errors import Conflict, NotFound, OutOfCredits, RunActive, UpstreamUnavailable, ValidationFailed
from chalicelib.core.scope import Scope
from chalicelib.integration.connections import Connections
from chalicelib.writer.content import CONTENT
from tests.automation.pipeline import FEW, Account, World

TWO_OF_FIVE = tuple(f"{kind} {thing}" for kind in ("espresso", "tea") for thing in ("machine", "beans", "cups", "recipes", "gifts"))


def counts(account: Account) -> list[int]:
    return [len(account.of(k)) for k in ("cluster", "idea", "task", "content", "image")] + [len(account.published())]


def figures(run: dict[str, Any], *names: str) -> list[Any]:
    return [tuple(s[n] for n in names) if len(names) > 1 else s[names[0]] for s in run["stages"]]


def test_figures_and_log_of_a_run_and_running_again(world: World, account: Account) -> None:
    run = account.run()
    assert figures(run, "items_in", "done", "failed", "skipped") == [(n, n, 0, 0) for n in (1, 2, 2, 2, 2, 2, 2)]
    assert run["credits"] == sum(figures(run, "credits")) and run["estimated_credits"] > 0 and run["current_stage"] == 7
    assert run["task_id"] == run["id"] and not {"attempt", "execution", "sectors"} & set(run)
    log = account.log(run["id"])
    expected = ["Run created (manual).", "Execution 1 begins."]
    for stage, n in zip(run["stages"], (1, 2, 2, 2, 2, 2, 2), strict=True):
        expected += [f"{stage['name']} begins.", f"{stage['name']}: {n} done, 0 failed."]
    assert log == [*expected, "Run completed."]
    lines = account.runs.logs(run["id"], limit=3)
    assert [line["message"] for line in lines] == log[:-4:-1]
    assert account.runs.logs(run["id"], limit=1, start=lines[-1]["id"])[0]["message"] == log[-4]
    for wrong in ("", "x", "x" * 3000, lines[0]["id"] + "0", lines[0]["at"], f"{lines[0]['at']}#{'g' * 16}", lines[0]["id"] + "\n"):
        with pytest.raises(ValidationFailed, match="before"):
            account.runs.logs(run["id"], start=wrong)

    before = counts(account)
    again = account.run()
    assert again["status"] == "completed" and figures(again, "state") == ["skipped"] * 7 and again["credits"] == 0
    assert again["stages"][0]["skip_reason"] == "No keyword waits for a cluster."
    assert counts(account) == before == [2, 2, 2, 2, 4, 2]
    account.sound()


def test_one_run_of_a_site_at_a_time(world: World) -> None:
    account, other = world.account(FEW), world.account(FEW)
    run = account.start()
    with pytest.raises(RunActive) as refused:
        account.start()
    assert refused.value.extra["run_id"] == run.id
    assert other.start().status in ("created", "running")
    world.work()
    assert account.shown(run.id)["status"] == "completed" and account.runs.holder(account.site) is None
    account.sound()
    other.sound()


def test_a_run_with_less_than_it_needs_is_refused(account: Account) -> None:
    account.credit(10)
    with pytest.raises(OutOfCredits) as refused:
        account.start()
    assert refused.value.extra["required"] > refused.value.extra["available"] == 10
    assert account.runs.holder(account.site) is None


def test_a_run_that_cannot_be_started_fails_and_frees_the_site(world: World) -> None:
    account = world.account(FEW)
    world.script.at("workflow.start", UpstreamUnavailable("Step Functions does not answer."))
    with pytest.raises(UpstreamUnavailable):
        account.start()
    assert account.runs.holder(account.site) is None
    run = account.start()
    control.pause(account.ctx, run.id)
    world.script.at("workflow.start", UpstreamUnavailable("Step Functions does not answer."))
    with pytest.raises(UpstreamUnavailable):
        control.resume(account.ctx, run.id)
    assert (account.shown(run.id)["status"], account.shown(run.id)["reason"]) == ("paused", "not_started")
    assert check_scheduled_automations(world.deps)["resumed"] == 1
    world.work()
    assert account.shown(run.id)["status"] == "completed"
    account.sound()


def test_pause_and_resume_do_nothing_twice(world: World, account: Account) -> None:
    run_of: list[str] = []
    world.script.at("text.generate_ideas", lambda: control.pause(account.ctx, run_of[0]) and None)
    run_of.append(account.start().id)
    world.work()
    paused = account.shown(run_of[0])
    assert (paused["status"], paused["reason"]) == ("paused", "user") and account.path(run_of[0])[-1] == "Halted"
    assert paused["stages"][1]["done"] >= 1, "the item in hand is finished"
    seconds = figures(paused, "seconds")
    world.clock.forward(hours=1)
    assert figures(account.shown(run_of[0]), "seconds") == seconds, "a run that stands still has no clock"
    with pytest.raises(RunActive):
        account.start()
    with pytest.raises(Conflict):
        control.pause(account.ctx, run_of[0])
    control.resume(account.ctx, run_of[0])
    with pytest.raises(Conflict):
        control.resume(account.ctx, run_of[0])
    world.work()
    done = account.shown(run_of[0])
    assert done["status"] == "completed" and figures(done, "done") == [1, 2, 2, 2, 2, 2, 2]
    assert all(n == 1 for (name, _), n in world.script.calls.items() if name.startswith(("text.", "image", "publish"))), world.script.calls
    account.sound()


def test_cancel_stops_and_frees(world: World, account: Account) -> None:
    run_of: list[str] = []
    world.script.at("text.generate_content", lambda: control.cancel(account.ctx, run_of[0]) and None)
    run_of.append(account.start().id)
    world.work()
    run = account.shown(run_of[0])
    assert (run["status"], run["stages"][3]["state"]) == ("cancelled", "stopped")
    assert world.deps.workflow.status(account.runs.get(run_of[0]).execution or "") != "RUNNING"
    assert "Next5" not in account.path(run_of[0]) and account.runs.holder(account.site) is None
    with pytest.raises(Conflict):
        control.cancel(account.ctx, run_of[0])
    with pytest.raises(Conflict):
        control.resume(account.ctx, run_of[0])
    account.sound()
    rest = account.run()
    assert rest["status"] == "completed" and counts(account) == [2, 2, 2, 2, 4, 2]
    account.sound()


def test_failed_items_are_tried_again(world: World, account: Account) -> None:
    world.script.at("text.generate_content", "no json", "no json")
    run = account.run()
    assert figures(run, "failed")[3] == 1
    failed = account.runs.failures(account.runs.get(run["id"]))[0]
    control.retry_failed(account.ctx, run["id"])
    world.work()
    again = account.shown(run["id"])
    assert again["status"] == "completed" and figures(again, "done", "failed")[3:] == [(2, 0)] * 4
    hold = account.ledger.get(operation(run["id"], 4, failed["item"]))
    assert (hold.state, hold.attempt) == ("settled", 2), "the voided reservation was opened again"
    with pytest.raises(Conflict):
        control.retry_failed(account.ctx, run["id"])
    assert counts(account) == [2, 2, 2, 2, 4, 2]
    account.sound()


def test_retrying_needs_the_site(world: World) -> None:
    account = world.account(FEW)
    world.script.at("text.generate_ideas", "no json", "no json")
    first = account.run()
    run_of: list[str] = []
    world.script.at("text.generate_ideas", lambda: control.pause(account.ctx, run_of[0]) and None)
    run_of.append(account.start().id)
    world.work()
    with pytest.raises(RunActive):
        control.retry_failed(account.ctx, first["id"])
    assert account.shown(first["id"])["status"] == "failed" and account.runs.failures(account.runs.get(first["id"]))
    control.cancel(account.ctx, run_of[0])
    account.sound()


def test_clustering_that_was_saved_in_part(world: World) -> None:
    """What was saved is paid for; the rest is done by another operation; the run's figures are their sum."""
    account = world.account(TWO_OF_FIVE)
    world.script.at("table.before:#B|H#run.", None, None, ZeroDivisionError("a bug"), item="*")
    run = account.run()
    assert run["status"] == "failed" and (len(account.of("cluster")), run["credits"]) == (1, 5 + sum(figures(run, "credits")[1:]))
    assert account.ledger.get(operation(run["id"], 1, account.sector)).partial
    account.sound()
    control.retry_failed(account.ctx, run["id"])
    world.work()
    again = account.shown(run["id"])
    assert again["status"] == "completed" and len(account.of("cluster")) == 2 and figures(again, "credits")[0] == 10
    assert account.ledger.get(operation(run["id"], 1, account.sector) + "~2").state == "settled"
    account.sound()


def test_four_keywords_are_too_few_and_five_are_enough(world: World) -> None:
    four = world.account(TWO_OF_FIVE[:4])
    run = four.run()
    assert (run["status"], run["reason"]) == ("completed", None)
    assert run["stages"][0]["skip_reason"] == "Too few keywords to cluster: 4 of at least 5 in a sector."
    assert four.log(run["id"])[2] == run["stages"][0]["skip_reason"]
    four.add(TWO_OF_FIVE[4])
    assert four.run()["stages"][0]["done"] == 1 and counts(four)[0] == 1
    four.sound()


def test_no_more_items_of_a_stage_than_the_cap(world: World) -> None:
    account = world.account(max_items_per_stage=1)
    run = account.run()
    assert run["status"] == "completed" and figures(run, "done") == [1] * 7 and counts(account)[:4] == [2, 1, 1, 1]
    assert account.run()["status"] == "completed" and counts(account) == [2, 2, 2, 2, 4, 2]
    account.sound()


def test_a_run_never_takes_more_than_its_cap(world: World) -> None:
    account = world.account(max_credits_per_run=15)
    run = account.run()
    assert (run["status"], run["reason"]) == ("paused", "budget") and run["credits"] <= 15 and run["resumes_at"] is None
    assert any(line.startswith("Paused: The next item may take") and "cap is 15" in line for line in account.log(run["id"]))
    control.resume(account.ctx, run["id"])
    world.work()
    assert account.shown(run["id"])["status"] == "paused", "the cap still holds"
    account.configure(max_credits_per_run=None)
    control.resume(account.ctx, run["id"])
    world.work()
    assert account.shown(run["id"])["status"] == "completed" and counts(account) == [2, 2, 2, 2, 4, 2]
    account.sound()


def test_publish_modes(world: World) -> None:
    account = world.account(publish_mode="manual")
    run = account.run()
    assert (run["status"], run["waiting_for_review"], run["stages"][6]["state"]) == ("completed", 2, "skipped")
    assert run["stages"][6]["skip_reason"] == "Publishing is manual: 2 contents wait for review." and account.published() == []
    good, poor = account.contents()
    account.ctx.repository(CONTENT).patch(good.id, {"score": 90, "blockers": 0})
    account.ctx.repository(CONTENT).patch(poor.id, {"score": 90, "blockers": 1})
    account.configure(publish_mode="gated", gate_score=80)
    assert account.run()["waiting_for_review"] == 1 and account.published() == [good.id]
    assert account.run()["stages"][6]["skip_reason"] == "None of the 1 contents in review reaches the gate of 80."
    account.configure(publish_mode="auto")
    assert account.run()["waiting_for_review"] == 0 and account.published() == [good.id, poor.id]
    account.sound()


def test_a_site_without_a_target_keeps_its_articles_in_review(world: World) -> None:
    account = world.account(FEW)
    connection = Connections(account.ctx).active(account.site)
    assert connection is not None
    Connections(account.ctx).patch(connection.id, {"is_active": False})
    run = account.run()
    assert (run["status"], run["waiting_for_review"]) == ("completed", 1)
    assert run["stages"][6]["skip_reason"] == "The site has no publishing target; 1 contents wait for review."


def test_a_run_goes_on_in_a_new_execution_before_its_history_is_full(world: World, account: Account) -> None:
    run = account.run(events_max=520)
    stored = account.runs.get(run["id"])
    assert run["status"] == "completed" and stored.attempt >= 3
    for attempt in range(1, stored.attempt + 1):
        assert len(account.history(run["id"], attempt)) <= 520
        assert account.ended(run["id"], attempt) == "ExecutionSucceeded"
        assert account.path(run["id"], attempt)[-2:] == (["Finish", "Finished"] if attempt == stored.attempt else ["Continue", "Halted"])
    assert figures(run, "done") == [1, 2, 2, 2, 2, 2, 2]
    account.sound()


def test_what_an_index_does_not_show_yet_is_not_forgotten(world: World) -> None:
    """Each stage's first look at the index finds nothing of what the stage before has just written."""
    account = world.account(FEW)
    for name in ("clusters-new", "ideas-new", "tasks-queued", "content-prompts", "content-images"):
        world.script.at(f"table.hidden:#{name}", None, "hidden", "hidden")  # the estimate looks first
    run = account.run()
    assert figures(run, "done") == [1] * 7, account.log(run["id"])
    account.sound()


def test_runs_and_logs_of_another_tenant_do_not_exist(world: World) -> None:
    account, other = world.account(()), world.account(())
    run = account.run()
    strangers = [other.ctx, Context(Scope(account.ctx.tenant, "u", "editor", frozenset({other.site})), world.deps)]
    for ctx in strangers:
        runs = type(account.runs)(ctx)
        for ask in (runs.get, runs.logs, lambda i, c=ctx: control.cancel(c, i), lambda i, c=ctx: control.retry_failed(c, i)):
            with pytest.raises(NotFound):
                ask(run["id"])
        with pytest.raises(NotFound):
            control.start(ctx, account.site)
