"""Plans: limits that hold in the transaction that creates, prices, and the credits of a month."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.auth.accounts import ACCOUNT, Account, all_accounts
from chalicelib.auth.onboarding import create_account
from chalicelib.billing.audit import audit_account
from chalicelib.billing.credits import Ledger
from chalicelib.billing.lambdas import monthly_grant
from chalicelib.billing.plans import (
    DEFAULT_PLANS,
    PLAN,
    RESOURCES,
    Plan,
    check,
    install_plans,
    limits,
    plan_of,
    plan_prices,
    release,
    renew_credits,
    use,
    used_now,
)
from chalicelib.billing.prices import price_of
from chalicelib.core.context import Context, Deps
from chalicelib.core.errors import PlanLimit, ValidationFailed
from chalicelib.core.scope import Scope
from chalicelib.core.table import put_new
from tests.fakes import FixedClock, MemoryUserPool

_numbers = iter(range(10**6))
MakeAccount = Callable[..., Context]


@pytest.fixture
def moving() -> FixedClock:
    return FixedClock()


@pytest.fixture
def here(deps: Deps, moving: FixedClock) -> Deps:
    from dataclasses import replace

    class Pool(MemoryUserPool):
        def delete(self, username: str) -> None:
            self.users.pop(username, None)

    return replace(deps, clock=moving, user_pool=Pool())  # type: ignore[arg-type]


@pytest.fixture
def account(here: Deps) -> MakeAccount:
    def make(plan: str = "trial", status: str = "active", **limits_and_prices: Any) -> Context:
        if limits_and_prices:
            slug = f"plan-{next(_numbers)}"
            operator = Context(Scope(tenant="operator", user_id="x", role="developer"), here).repository(PLAN)
            operator.create(operator.new("", slug, slug=slug, name=slug, **limits_and_prices))
            plan = slug
        n = next(_numbers)
        made, _ = create_account(here, name=f"A{n}", slug=f"a{n}", email=f"a{n}@x.test", password="Right-pass-1", plan=plan, status=status)
        return Context(Scope.worker(made.id), here)

    return make


def credits(ctx: Context) -> int:
    return Ledger(ctx.deps.table, ctx.tenant, ctx.deps.clock).balance().balance


class TestLimits:
    def test_hold_in_the_transaction_that_creates(self, account: MakeAccount) -> None:
        ctx = account(max_keywords=10)
        ctx.transact(*use(ctx, keywords=8), put_new(ctx.key("K", "1"), {"made": 1}))
        with pytest.raises(PlanLimit) as refused:
            ctx.transact(*use(ctx, keywords=3), put_new(ctx.key("K", "2"), {"made": 1}))
        assert refused.value.extra == {"resource": "keywords", "limit": 10, "used": 8}
        assert ctx.deps.table.get(ctx.key("K", "2")) is None
        ctx.transact(*use(ctx, keywords=2))
        assert used_now(ctx)["keywords"] == 10

    def test_two_at_once_cannot_both_take_the_last(self, account: MakeAccount) -> None:
        ctx = account(max_images=1)
        first, second = use(ctx, images=1), use(ctx, images=1)
        ctx.transact(*first)
        with pytest.raises(PlanLimit):
            ctx.transact(*second)

    def test_more_than_the_limit_is_refused_before_any_write(self, account: MakeAccount) -> None:
        ctx = account(max_words=100)
        with pytest.raises(PlanLimit) as refused:
            use(ctx, words=101)
        assert refused.value.extra["used"] == 0

    def test_several_are_counted_in_one_write_each_period(self, account: MakeAccount) -> None:
        ctx = account(max_ideas=5, max_words=1000)
        assert len(use(ctx, ideas=1, words=10, ai_requests=1)) == 1
        ctx.transact(*use(ctx, sites=1, ideas=5, words=10, ai_requests=1))
        with pytest.raises(PlanLimit, match="5 ideas a month; 5 are used"):
            ctx.transact(*use(ctx, words=5, ideas=1))
        assert used_now(ctx) == {**dict.fromkeys(RESOURCES, 0), "users": 1, "sites": 1, "ideas": 5, "words": 10, "ai_requests": 1}

    def test_a_limit_of_nothing_allows_nothing(self, account: MakeAccount) -> None:
        with pytest.raises(PlanLimit):
            use(account(max_images=0), images=1)

    def test_without_a_limit_use_is_counted_all_the_same(self, account: MakeAccount) -> None:
        ctx = account(plan="system")
        ctx.transact(*use(ctx, keywords=10**6))
        rows = {row["resource"]: row for row in limits(ctx)["limits"]}
        assert rows["keywords"] == {"resource": "keywords", "period": "2026-11", "limit": None, "used": 10**6, "left": None}

    def test_a_month_ends_but_sites_stay(self, account: MakeAccount, moving: FixedClock) -> None:
        ctx = account(max_keywords=10, max_sites=1)
        ctx.transact(*use(ctx, keywords=10, sites=1))
        moving.time = datetime(2026, 12, 1, tzinfo=UTC)
        ctx.transact(*use(ctx, keywords=10))
        with pytest.raises(PlanLimit):
            ctx.transact(*use(ctx, sites=1))
        ctx.transact(*release(ctx, sites=1))
        ctx.transact(*use(ctx, sites=1))

    def test_nothing_is_counted_for_nothing(self, account: MakeAccount) -> None:
        ctx = account()
        assert use(ctx, keywords=0) == [] == use(ctx)

    @pytest.mark.parametrize("amounts", [{"apples": 1}, {"keywords": -1}])
    def test_a_mistake_is_an_error(self, account: MakeAccount, amounts: dict[str, int]) -> None:
        with pytest.raises(ValueError, match="not a limited resource"):
            use(account(), **amounts)

    def test_what_a_month_used_is_not_given_back(self, account: MakeAccount) -> None:
        with pytest.raises(ValueError, match="not given back"):
            release(account(), keywords=1)

    def test_an_early_check_says_the_same(self, account: MakeAccount) -> None:
        ctx = account(max_images=3)
        ctx.transact(*use(ctx, images=2))
        check(ctx, images=1)
        with pytest.raises(PlanLimit) as refused:
            check(ctx, images=2)
        assert refused.value.extra == {"resource": "images", "limit": 3, "used": 2}


class TestPlans:
    def test_defaults_hold_before_they_are_stored_and_are_stored_once(self, here: Deps, account: MakeAccount) -> None:
        assert plan_of(account("starter")).max_sites == DEFAULT_PLANS["starter"].max_sites
        operator = Context(Scope(tenant="operator", user_id="x", role="developer"), here)
        assert install_plans(operator) == len(DEFAULT_PLANS)
        assert install_plans(operator) == 0

    def test_a_deleted_plan_still_holds_for_its_accounts(self, here: Deps, account: MakeAccount) -> None:
        ctx = account(max_images=3)
        slug = plan_of(ctx).slug
        Context(Scope(tenant="operator", user_id="x", role="developer"), here).repository(PLAN).delete(slug)
        assert plan_of(ctx).max_images == 3

    def test_an_account_of_a_plan_that_is_none_is_not_made(self, account: MakeAccount) -> None:
        with pytest.raises(ValidationFailed):
            account("nonsense")

    def test_prices_are_the_plans(self, account: MakeAccount) -> None:
        ctx = account(price_overrides={"idea": 3, "own_key_percent": 50})
        assert price_of("idea", plan_prices(ctx)).charge(2) == 6
        assert price_of("idea", plan_prices(ctx), own_key=True).charge(1) == 2
        assert plan_prices(account()) == {}

    @pytest.mark.parametrize(
        "fields",
        [
            {"price_overrides": {"apples": 1}},
            {"price_overrides": {"idea": -1}},
            {"max_users": 0},
            {"included_credits": -1},
            {"max_words": 1.5},
        ],
    )
    def test_a_plan_that_cannot_be_is_refused(self, account: MakeAccount, fields: dict[str, Any]) -> None:
        with pytest.raises(ValidationFailed):
            account(**fields)

    def test_included_credits_go_before_those_of_the_month(self) -> None:
        plan = DEFAULT_PLANS["starter"]
        assert plan.monthly_credits == plan.credits_per_month
        assert Plan.model_validate({**plan.model_dump(), "included_credits": 7}).monthly_credits == 7


class TestMonthlyGrant:
    def test_resets_rather_than_adds_and_only_once_a_month(self, here: Deps, account: MakeAccount, moving: FixedClock) -> None:
        ctx = account(included_credits=100)
        ledger = Ledger(here.table, ctx.tenant, moving)
        ledger.grant("invoice", 40)
        assert credits(ctx) == 140
        ledger.reserve("op", 30, details={"operation_type": "idea"})
        ledger.commit("op", 30, result={}, usage={})
        grant(here)
        assert credits(ctx) == 110, "the month has begun already"
        moving.time = datetime(2026, 12, 1, tzinfo=UTC)
        for _ in range(3):
            grant(here)
            assert credits(ctx) == 140, "the plan's credits are whole again, the bought ones stay"
        assert audit_account(here.table, ctx.tenant) == []

    @pytest.mark.parametrize("status", ["trial", "suspended", "cancelled"])
    def test_only_active_accounts_get_any(self, here: Deps, account: MakeAccount, moving: FixedClock, status: str) -> None:
        ctx = account(status=status, included_credits=100)
        ledger = Ledger(here.table, ctx.tenant, moving)
        ledger.grant("correction", -60, kind="adjustment")
        moving.time = datetime(2027, 1, 15, tzinfo=UTC)
        grant(here)
        assert credits(ctx) == 40

    def test_a_changed_allowance_counts_from_the_next_month(self, here: Deps, account: MakeAccount, moving: FixedClock) -> None:
        ctx = account(included_credits=100)
        plans = Context(Scope(tenant="operator", user_id="x", role="developer"), here).repository(PLAN)
        plans.patch(plan_of(ctx).slug, {"included_credits": 500})
        assert renew_credits(here, ctx.repository(ACCOUNT).get(ctx.tenant))
        assert credits(ctx) == 100
        moving.time = datetime(2026, 12, 1, tzinfo=UTC)
        grant(here)
        assert credits(ctx) == 500

    def test_one_accounts_trouble_keeps_no_other_waiting(self, here: Deps, account: MakeAccount, moving: FixedClock) -> None:
        broken, fine = account(included_credits=10), account(included_credits=10)
        broken.repository(ACCOUNT).patch(broken.tenant, {"plan": "vanished"})
        moving.time = datetime(2027, 3, 1, tzinfo=UTC)
        Ledger(here.table, fine.tenant, moving).grant("correction", -10, kind="adjustment")
        assert grant(here)["failed"] >= 1
        assert credits(fine) == 10

    def test_every_account_is_found(self, here: Deps, account: MakeAccount) -> None:
        made = {account().tenant for _ in range(3)}
        found = list(all_accounts(here))
        assert made <= {a.id for a in found} and len({a.id for a in found}) == len(found)
        assert all(isinstance(a, Account) for a in found)


EVENT = {
    "version": "0",
    "account": "1",
    "region": "us-east-1",
    "detail": {},
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "time": "2026-12-01T00:00:00Z",
    "id": "1",
    "resources": [],
}


def grant(deps: Deps) -> dict[str, int]:
    """The scheduled function, as its schedule calls it."""
    from chalicelib import deps as wiring

    wiring.use(deps)
    try:
        answer: dict[str, int] = monthly_grant(EVENT, None)
    finally:
        wiring.use(None)
    return answer
