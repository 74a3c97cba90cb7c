"""Credits over HTTP: balance, transactions, usage and its sums, prices, limits, and top-ups by the operator."""

# ruff: noqa: F811 - the fixtures of tests/auth are used here too

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.billing.audit import audit_account
from chalicelib.billing.credits import Ledger
from chalicelib.billing.plans import PLAN
from chalicelib.billing.prices import PRICES
from tests.auth.conftest import Api, Tenant, World, in_account, pool, world  # noqa: F401 - fixtures


@pytest.fixture
def tenant(world: World, request: pytest.FixtureRequest) -> Iterator[Tenant]:
    made = world.tenant("b" + re.sub("[^a-z0-9]", "", request.node.name.lower())[-40:])
    yield made
    assert audit_account(world.deps.table, made.id) == []


@pytest.fixture
def operator(world: World, tenant: Tenant) -> Api:
    return in_account(world.api(world.operator, "developer"), tenant)


def spend(world: World, tenant: Tenant, op: str, credits: int, **facts: Any) -> None:
    ledger = Ledger(world.deps.table, tenant.id, world.deps.clock)
    ledger.reserve(op, credits, details={"operation_type": "idea", **{k: facts[k] for k in facts if k in ("operation_type", "site_id")}})
    ledger.commit(op, credits, result={}, usage={k: facts[k] for k in facts if k in ("cost_usd", "tokens_in", "tokens_out")})


class TestTopUp:
    def test_adds_once_for_a_reference(self, operator: Api) -> None:
        body = {"amount": 70, "reference": "invoice-1", "description": "Paid by card"}
        first, second = operator.post("billing/topup", body), operator.post("billing/topup", body)
        assert (first.status, first.data["available"]) == (201, 570)
        assert second.data == first.data
        other = operator.post("billing/topup", {**body, "amount": 71})
        assert (other.status, other.code) == (409, "idempotency_mismatch")
        rows = operator.get("billing/transactions?transaction_type=purchase").body["results"]
        booked = [(r["reference"], r["id"]) for r in rows if r["amount"] == 70]
        assert booked == [("topup:invoice-1", first.data["transaction"])]

    def test_the_header_is_a_reference_too(self, operator: Api) -> None:
        replies = [operator.post("billing/topup", {"amount": 5}, idempotency_key="k-1") for _ in range(2)]
        assert [r.status for r in replies] == [201, 201] and operator.get("billing/balance").data["available"] == 505

    def test_an_adjustment_takes_but_not_below_zero(self, operator: Api) -> None:
        body = {"amount": -500, "transaction_type": "adjustment", "reference": "a"}
        assert operator.post("billing/topup", body).data["available"] == 0
        refused = operator.post("billing/topup", {**body, "amount": -1, "reference": "b"})
        assert (refused.status, refused.code) == (402, "insufficient_credits")

    @pytest.mark.parametrize(
        "body",
        [
            {"amount": 5},
            {"amount": 0, "reference": "x"},
            {"amount": -5, "reference": "x"},
            {"amount": 1.5, "reference": "x"},
            {"amount": 5, "reference": "a b"},
            {"amount": 5, "reference": "x", "transaction_type": "usage"},
            {"amount": 10**12, "reference": "x"},
        ],
    )
    def test_a_wrong_body_changes_nothing(self, operator: Api, body: dict[str, Any]) -> None:
        assert operator.post("billing/topup", body).status == 400
        assert operator.get("billing/balance").data == {"balance": 500, "reserved": 0, "available": 500}

    @pytest.mark.parametrize("role", ["owner", "admin", "editor", "viewer"])
    def test_nobody_tops_up_the_own_account(self, world: World, role: str) -> None:
        assert world.api(world.a, role).post("billing/topup", {"amount": 5, "reference": "x"}).status == 403


class TestUsageSummary:
    def test_adds_up_by_day_operation_and_site(self, world: World, tenant: Tenant) -> None:
        spend(world, tenant, "one", 4, site_id=tenant.site_id, cost_usd=0.25, tokens_in=10, tokens_out=20)
        spend(world, tenant, "two", 6, site_id=tenant.site_id, operation_type="content", cost_usd=0.5)
        spend(world, tenant, "three", 5, operation_type="content")
        found = world.api(tenant).get("billing/usage/summary").data
        today = world.deps.clock.now().date().isoformat()
        assert found["to"] == today
        assert found["total"] == {"credits": 15, "operations": 3, "tokens_in": 10, "tokens_out": 20, "cost_usd": 0.75, "unknown_costs": 1}
        assert [(d["day"], d["credits"]) for d in found["by_day"]] == [(today, 15)]
        assert [(o["operation_type"], o["credits"]) for o in found["by_operation"]] == [("content", 11), ("idea", 4)]
        assert [(s["site_id"], s["credits"], s["cost_usd"]) for s in found["by_site"]] == [(None, 5, None), (tenant.site_id, 10, 0.75)]
        one = world.api(tenant).get(f"billing/usage/summary?site_id={tenant.site_id}&from={today}&to={today}").data
        assert one["total"]["credits"] == 10
        assert world.api(tenant).get("billing/usage/summary?from=2020-01-01&to=2020-01-02").data["by_day"] == []

    @pytest.mark.parametrize(
        "query", ["from=yesterday", "from=2026-02-30", "from=2026-02-02&to=2026-02-01", "from=2020-01-01&to=2026-01-01"]
    )
    def test_a_period_must_be_one(self, world: World, query: str) -> None:
        assert world.api(world.a).get(f"billing/usage/summary?{query}").status == 400

    def test_a_foreign_site_is_unknown(self, world: World) -> None:
        assert world.api(world.a).get(f"billing/usage/summary?site_id={world.b.site_id}").status == 404


class TestPricesAndLimits:
    def test_prices_are_those_of_the_contract(self, world: World) -> None:
        rows = {r["operation"]: (r["credits"], r["per"], r["minimum"]) for r in world.api(world.a, "viewer").get("billing/prices").data}
        assert rows.keys() == PRICES.keys()
        wanted = {"clustering": (5, 100, 0), "idea": (2, 1, 0), "content": (1, 100, 5), "image_prompts": (2, 1, 0), "image": (4, 1, 0)}
        assert {k: v for k, v in rows.items() if k in wanted} == wanted and rows["image_premium"][0] == 10

    def test_a_plan_overrides_them(self, world: World, tenant: Tenant, operator: Api) -> None:
        plan = {"slug": "cheap", "name": "Cheap", "price_overrides": {"idea": 1, "own_key_percent": 25}, "max_keywords": 7}
        assert replace(operator, headers={}).post("auth/plans", plan).status == 201
        assert operator.patch("auth/account", {"plan": "cheap"}).status == 200
        rows = {r["operation"]: r for r in world.api(tenant).get("billing/prices").data}
        assert (rows["idea"]["credits"], rows["idea"]["own_key_percent"], rows["image"]["credits"]) == (1, 25, 4)
        found = world.api(tenant, "viewer").get("billing/limits").data
        assert found["plan"] == "cheap"
        assert {r["resource"]: r["limit"] for r in found["limits"]}["keywords"] == 7
        replace(operator, headers={}).delete("auth/plans/cheap")
        assert world.api(tenant).get("billing/limits").data["plan"] == "cheap", "who has it keeps it"

    @pytest.mark.parametrize("overrides", [{"apples": 1}, {"idea": "free"}, {"own_key_percent": 101}])
    def test_prices_that_cannot_be_are_refused(self, world: World, overrides: dict[str, Any]) -> None:
        body = {"slug": "wrong", "name": "Wrong", "price_overrides": overrides}
        reply = world.api(world.operator, "developer").post("auth/plans", body)
        assert (reply.status, list(reply.body["error"]["fields"])) == (400, ["price_overrides"])

    def test_a_plan_is_changed_field_by_field(self, world: World) -> None:
        api = world.api(world.operator, "developer")
        made = api.post("auth/plans", {"slug": "changing", "name": "Changing", "max_sites": 3}).data
        assert made["id"] == "changing"
        assert api.patch("auth/plans/changing", {"max_sites": None}).data["max_sites"] is None
        assert api.post("auth/plans", {"slug": "changing", "name": "Again"}).code == "duplicate"
        assert world.deps.table.get(PLAN.place.key("", "changing")) is not None
