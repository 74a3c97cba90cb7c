"""Credits: balance, prices, usage, top-ups, and what happens without any."""

from typing import Any

from tests.e2e.blackbox.client import Api
from tests.e2e.blackbox.making import cluster, keywords, made, name, task
from tests.e2e.blackbox.target import PASSWORD

WORDS = [f"espresso drink number {n}" for n in range(6)]


def test_what_was_done_was_charged_and_can_be_read(owner: Api, where: dict[str, Any]) -> None:
    before = owner.get("billing/balance/").data
    keywords(owner, where, *WORDS)
    owner.done("planner/keywords/auto_cluster/", where)
    after = owner.get("billing/balance/").data
    assert after["reserved"] == 0 and before["balance"] - after["balance"] == 5
    latest = owner.get("billing/transactions/", page_size=1).results[0]
    assert owner.get(f"billing/transactions/{latest['id']}/").data == latest
    used = owner.get("billing/usage/", page_size=1).results[0]
    assert owner.get(f"billing/usage/{used['id']}/").data == used
    assert sum(row["amount"] for row in owner.every("billing/transactions/")) == after["balance"]
    assert owner.get("billing/usage/summary/", site_id=where["site_id"]).data


def test_prices_and_limits(viewer: Api) -> None:
    assert {row["operation"] for row in viewer.get("billing/prices/").data} >= {"clustering", "idea", "content", "image_prompts", "image"}
    assert viewer.get("billing/limits/").data


def _customer(public: Api) -> tuple[Api, dict[str, Any], str]:
    """A new account's owner, a place, and the account's id."""
    session = public.post("auth/register/", {"email": f"{name('poor')}@customer.test", "password": PASSWORD}, status=201).data
    caller = public.bearer(session["access"])
    site = made(caller, "auth/sites/", name="Site", slug="site")["id"]
    sector = made(caller, "auth/sectors/", site_id=site, name="General", slug="general")["id"]
    return caller, {"site_id": site, "sector_id": sector}, session["user"]["account"]["id"]


def test_without_credits_nothing_changes(public: Api, developer: Api) -> None:
    caller, where, account = _customer(public)
    operator = developer.crossing(account)
    credits = caller.get("billing/balance/").data["balance"]
    operator.post("billing/topup/", {"amount": 1 - credits, "transaction_type": "adjustment", "reference": "all"}, status=201)
    keywords(caller, where, *WORDS)
    home, job = cluster(caller, where), task(caller, where)["id"]
    asks: list[tuple[str, dict[str, Any]]] = [
        ("planner/keywords/auto_cluster/", where),
        ("writer/tasks/auto_generate_content/", {"ids": [job]}),
        ("automation/run_now/", {"site_id": where["site_id"]}),
    ]
    for path, body in asks:
        error = caller.post(path, body, status=402).error
        assert error["code"] == "insufficient_credits" and error["required"] > error["available"] == 1
    assert caller.get("billing/balance/").data == {"balance": 1, "reserved": 0, "available": 1}
    assert caller.get(f"writer/tasks/{job}/").data["status"] == "queued"
    assert {row["status"] for row in caller.every("planner/keywords/", **where)} == {"new"}
    assert home in [row["id"] for row in caller.every("planner/clusters/", **where)]


def test_a_top_up_counts_once(public: Api, developer: Api) -> None:
    caller, _, account = _customer(public)
    before, body = caller.get("billing/balance/").data["balance"], {"amount": 70, "reference": "invoice-1"}
    for _ in range(2):
        assert developer.crossing(account).post("billing/topup/", body, status=201).data["balance"] == before + 70
    caller.post("billing/topup/", body, status=403)


def test_a_plans_limit_is_told(public: Api) -> None:
    caller, _, _ = _customer(public)
    error = caller.post("auth/sites/", {"name": "Second", "slug": "second"}, status=403).error
    assert error["code"] == "plan_limit" and error["limit"] == error["used"] == 1
