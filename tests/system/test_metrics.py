"""What requests take: counted for each route and account, readable by admins."""

from datetime import timedelta

from chalicelib.core.api import Igny8
from chalicelib.core.ids import new_tenant_id
from chalicelib.system.metrics import measured
from tests.conftest import Place
from tests.fakes import FixedClock
from tests.planner.test_keywords import add
from tests.rest import Rest


def watched(api: Rest) -> Rest:
    """The same API with the measuring around its handlers, as the application has it."""
    app = Igny8(app_name="measured")
    app.serve((r for router in api.routers for r in router.routes), lambda: api.deps, lambda deps, headers: api.scope, around=(measured,))
    api._app = app
    return api


def test_requests_are_counted_by_route(api: Rest, place: Place) -> None:
    watched(api)
    for n in range(3):
        add(api, place, f"keyword {n}")
    assert api.get("planner/keywords/nothing").status == 404
    rows = {(r["method"], r["path"]): r for r in api.get("system/metrics").data["routes"]}
    created, missed = rows["POST", "planner/keywords"], rows["GET", "planner/keywords/{id}"]
    assert (created["requests"], created["failures"], missed["requests"], missed["failures"]) == (3, 0, 1, 1)
    assert created["table_calls_mean"] >= 3 and created["table_units_mean"] > 0
    assert created["latency_ms_mean"] > 0 and created["cpu_ms_mean"] > 0 and created["memory_mb_max"] > 0
    add(api, place, "one more")
    again = {(r["method"], r["path"]): r for r in api.get("system/metrics", period="day").data["routes"]}
    assert again["POST", "planner/keywords"]["requests"] == 4


def test_an_hour_later_they_belong_to_the_day(api: Rest, place: Place) -> None:
    watched(api)
    add(api, place, "keyword")
    api.get("system/metrics")
    assert isinstance(api.deps.clock, FixedClock)
    api.deps.clock.time += timedelta(hours=2)
    assert "planner/keywords" not in [r["path"] for r in api.get("system/metrics").data["routes"]]
    assert "planner/keywords" in [r["path"] for r in api.get("system/metrics", period="day").data["routes"]]
    assert api.get("system/metrics", period="year").status == 400


def test_figures_are_the_accounts_own_and_its_admins(api: Rest, place: Place) -> None:
    watched(api)
    add(api, place, "keyword")
    assert api.as_role("editor").get("system/metrics").status == 403
    assert api.of_tenant(new_tenant_id()).get("system/metrics").data["routes"] == []
