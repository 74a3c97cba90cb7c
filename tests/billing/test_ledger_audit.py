"""The daily audit: a ledger that does not add up is found, counted and named; nothing is changed."""

import json
from datetime import timedelta
from typing import Any

import pytest

from chalicelib import deps as wiring
from chalicelib.auth.onboarding import create_account
from chalicelib.billing.credits import Ledger
from chalicelib.billing.lambdas import ledger_audit
from chalicelib.core.context import Deps
from chalicelib.core.ids import random_id
from chalicelib.core.table import update
from infra import catalogue
from tests.billing.test_plans import EVENT
from tests.fakes import FixedClock


class Clocked:
    """A Lambda's context with so much time left."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self._seconds * 1000)


@pytest.fixture
def accounts(deps: Deps) -> list[str]:
    catalogue.install(deps)
    made = []
    for _ in range(3):
        name = random_id(8)
        account, _ = create_account(
            deps, name=name, slug=f"a{name}", email=f"{name}@test.test", password="Demo-pass-1!", status="active", plan="agency"
        )
        Ledger(deps.table, account.id, deps.clock).grant("welcome", 100)
        made.append(account.id)
    return made


def audited(deps: Deps, context: Any = None) -> dict[str, int]:
    wiring.use(deps)
    try:
        answer: dict[str, int] = ledger_audit(EVENT, context)
    finally:
        wiring.use(None)
    return answer


def metrics(text: str) -> dict[str, float]:
    lines = [json.loads(line) for line in text.splitlines() if '"_aws"' in line]
    return {m["Name"]: line[m["Name"]] for line in lines for d in line["_aws"]["CloudWatchMetrics"] for m in d["Metrics"]}


def test_what_does_not_add_up_is_counted(
    deps: Deps, accounts: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)
    before = audited(deps)
    assert before["accounts"] >= 3 and metrics(capsys.readouterr().out).keys() <= {"LedgersBroken"}
    deps.table.write(update((f"{accounts[1]}#B", "BAL"), "ADD avail :one", one=1))
    after = audited(deps)
    assert after == {"accounts": before["accounts"], "broken": before["broken"] + 1}
    assert metrics(capsys.readouterr().out)["LedgersBroken"] == after["broken"]
    assert audited(deps) == after, "it only reads"


def test_where_time_is_short_another_day_looks_at_others(
    deps: Deps, accounts: list[str], clock: FixedClock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)
    assert audited(deps, Clocked(0))["accounts"] == 0
    assert metrics(capsys.readouterr().out)["LedgersNotAudited"] >= 3
    clock.time += timedelta(days=1)
    assert audited(deps, Clocked(600))["accounts"] >= 3
    assert "LedgersNotAudited" not in metrics(capsys.readouterr().out)
