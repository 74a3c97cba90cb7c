"""Caps of a run, a day, and a site and month; and what a run is promised at its start."""

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.ai import registry
from chalicelib.ai.engine import run as ai_run
from chalicelib.auth.sites import Sectors, Sites
from chalicelib.automation import control
from chalicelib.automation.config import config_of
from chalicelib.automation.estimate import estimate
from chalicelib.automation.run_caps import caps, run_options, set_aside
from chalicelib.automation.run_record import Run, operation
from chalicelib.billing.audit import audit_account
from chalicelib.billing.caps import CapReached, counted, of_month
from chalicelib.core.errors import OutOfCredits
from chalicelib.core.ids import parse_stamp
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.keywords import KEYWORD
from tests.automation.pipeline import FEW, Account, World


def under(account: Account, run_id: str) -> dict[str, int]:
    """run, day, month -> what is counted of the run's caps now."""
    run, config = account.runs.get(run_id), config_of(account.ctx, account.site)
    found = counted(account.ctx.deps.table, account.ctx.tenant, [c.name for c in caps(account.ctx, run, config)])
    return {name.partition(".")[0]: credits for name, credits in found.items()}


def test_what_a_run_takes_counts_under_its_run_day_and_month(world: World) -> None:
    account = world.account(FEW)
    run = account.run()
    assert run["credits"] > 20 and under(account, run["id"]) == dict.fromkeys(("run", "day", "month"), run["credits"])


@pytest.mark.parametrize("kind", ["run", "day", "month"])
def test_no_cap_is_passed(world: World, kind: str) -> None:
    account = world.account(FEW)
    if kind == "month":
        Sites(account.ctx).patch(account.site, {"max_credits_per_month": 15})
    else:
        account.configure(**{f"max_credits_per_{kind}": 15})
    run = account.run()
    now = world.clock.now()
    assert (run["status"], run["reason"]) == ("paused", "budget") and 0 < run["credits"] <= 15
    assert f"the {kind}'s cap is 15 and {15 - run['credits']} are left." in account.log(run["id"])[-1]
    until = {"run": None, "day": now + timedelta(days=1), "month": now + timedelta(days=31)}[kind]
    if until is None:
        assert run["resumes_at"] is None
    else:
        resumes = parse_stamp(run["resumes_at"])
        assert now < resumes <= until and (resumes.hour, resumes.minute) == (0, 0) and (kind == "day" or resumes.day == 1)
    assert under(account, run["id"])[kind] == run["credits"]
    account.configure(**({} if kind == "month" else {f"max_credits_per_{kind}": None}))
    Sites(account.ctx).patch(account.site, {"max_credits_per_month": None})
    control.resume(account.ctx, run["id"])
    world.work()
    assert account.shown(run["id"])["status"] == "completed"
    account.sound()


def test_a_cap_that_comes_later_counts_what_was_spent_before(world: World) -> None:
    account = world.account(FEW)
    spent = account.run()["credits"]
    account.add(*(f"tea {thing}" for thing in ("pots", "leaves", "strainers", "cups", "recipes")))
    account.configure(max_credits_per_day=spent + 5)
    again = account.run()
    assert (again["status"], again["reason"]) == ("paused", "budget") and again["credits"] == 5


def test_the_cap_of_a_month_holds_for_work_by_hand_too(world: World) -> None:
    account = world.account(FEW)
    account.run(sector_id=account.sector)
    taken = under(account, account.runs.repository.under((f"{account.ctx.tenant}#{account.site}#R", ""))[0].id)["month"]
    Sites(account.ctx).patch(account.site, {"max_credits_per_month": taken + 1})
    cluster = account.ctx.repository(CLUSTER).create(account.ctx.repository(CLUSTER).new(account.sector, name="By hand", keywords_count=5))
    account.add("lonely word")
    keyword = next(k for k in account.of("keyword") if k["keyword"] == "lonely word")
    account.ctx.repository(KEYWORD).patch(keyword["id"], {"cluster": cluster.id})
    with pytest.raises(CapReached) as refused:
        ai_run(account.ctx, registry.get("generate_ideas"), cluster.id, op="task.by-hand.1")
    assert refused.value.body() == {
        "code": "cap_reached",
        "message": f"The next item may take 2 credits; the month's cap is {taken + 1} and 1 are left.",
        "required": 2,
        "available": 1,
        "cap": f"month.{account.site}.{world.clock.now():%Y-%m}",
    }
    account.sound()


def test_what_an_earlier_run_still_has_in_hand_counts_for_the_next(world: World) -> None:
    """Two runs of one day: an item of the first is still with its worker when the second begins."""
    account = world.account(FEW, max_credits_per_day=20)
    first = account.start()
    options = run_options(account.ctx, first.id)
    account.ledger.reserve(operation(first.id, 4, "x"), 18, details={"operation_type": "content", "run_id": first.id}, caps=options.caps)
    control.cancel(account.ctx, first.id)
    world.work()
    second = account.run()
    assert (second["status"], second["reason"], second["credits"]) == ("paused", "budget", 0)
    assert under(account, second["id"])["day"] == 18
    account.ledger.void(operation(first.id, 4, "x"), "it failed")
    control.resume(account.ctx, second["id"])
    world.work()
    assert 0 < account.shown(second["id"])["credits"] <= 20


def test_a_month_ends_in_utc() -> None:
    assert of_month("w", datetime(2026, 11, 30, 23, 59, tzinfo=UTC)).name == "month.w.2026-11"
    assert of_month("w", datetime(2026, 12, 1, tzinfo=UTC)).name == "month.w.2026-12"


# -- what is promised
def test_what_a_run_is_promised_nobody_else_can_spend(world: World, account: Account) -> None:
    world.script.at("table.after:|2#", None, lambda: account.credit(0), item="*")
    run = account.run()
    assert run["status"] == "completed" and account.ledger.balance().reserved == 0
    account.sound()


def test_two_sites_are_not_promised_the_same_credits(world: World) -> None:
    """Both need what is there for one; the second is refused while the first goes on, and may begin when it is over."""
    account = world.account(FEW)
    site = Sites(account.ctx).create({"name": "Another", "slug": "another", "ideas_per_cluster": 1})
    other = Account(world, account.ctx, site.id, Sectors(account.ctx).create({"site_id": site.id, "name": "One", "slug": "one"}).id)
    other.add(*FEW)
    needed = estimate(account.ctx, account.site, [account.sector])["required"]
    account.credit(needed + 5)
    first = account.start()
    with pytest.raises(OutOfCredits) as refused:
        other.start()
    assert refused.value.extra == {"required": needed, "available": 5} and other.runs.holder(site.id) is None
    with pytest.raises(OutOfCredits):
        set_aside(other.ctx, Run(id=f"{site.id}-x", created_at="", updated_at="", order="", site_id=site.id), needed)
    world.work()
    assert account.shown(first.id)["status"] == "completed"
    account.credit(needed)
    assert other.run()["status"] == "completed"
    assert audit_account(account.ctx.deps.table, account.ctx.tenant, at_rest=True) == []


def test_a_run_that_is_paused_or_over_keeps_nothing_aside(world: World) -> None:
    account = world.account(FEW)
    run = account.start()
    assert account.ledger.balance().reserved > run.estimated_credits
    control.pause(account.ctx, run.id)
    assert account.ledger.balance().reserved == 0
    control.resume(account.ctx, run.id)
    world.work()
    assert account.shown(run.id)["status"] == "completed" and account.ledger.balance().reserved == 0
    with pytest.raises(OutOfCredits):
        account.add(*(f"tea {thing}" for thing in ("pots", "leaves", "strainers", "cups", "recipes")))
        account.credit(5)
        account.start()
    assert account.runs.holder(account.site) is None and account.ledger.balance().reserved == 0
