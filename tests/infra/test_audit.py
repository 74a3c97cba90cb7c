"""The audit finds each kind of damage, and nothing where there is none."""

import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from chalicelib import deps as wiring
from chalicelib.automation.runs import RUN, Runs
from chalicelib.billing.credits import Ledger
from chalicelib.billing.entries import Balance
from chalicelib.core.context import Context, Deps
from chalicelib.core.table import Table, put, remove, update
from chalicelib.planner.clusters import CLUSTER
from infra.audit import findings, of_this_machine, report
from infra.build import template
from infra.local.stack import LocalStack
from tests.conftest import ContextFactory, Place
from tests.fakes import FixedClock


class Books:
    """An account with a cluster that was paid for."""

    def __init__(self, ctx: Context, place: Place, clock: FixedClock) -> None:
        self.ctx, self.place, self.clock, self.table = ctx, place, clock, ctx.deps.table
        self.ledger = Ledger(self.table, ctx.tenant, clock)
        self.ledger.open()
        self.ledger.grant("first", 100)
        self.cluster = self.made("task.1.a", "clustering")

    def made(self, op: str, operation: str) -> Any:
        clusters = self.ctx.repository(CLUSTER)
        self.ledger.reserve(op, 10, details={"operation_type": operation, "site_id": self.place.site_id})
        cluster = clusters.new(self.place.sector_id, name=op, provenance=self.origin(op))
        self.ledger.commit(op, 5, clusters.creating(cluster), result={"clusters": [cluster.id]}, usage={})
        return cluster

    @staticmethod
    def origin(op: str) -> dict[str, Any]:
        return {"function": "auto_cluster", "provider": "offline", "op": op}

    def key(self, sort: str) -> tuple[str, str]:
        return f"{self.ctx.tenant}#B", sort

    def raise_(self, sort: str, **by: int) -> None:
        names = {f"#{name}": name for name in by}
        self.table.write(update(self.key(sort), "ADD " + ", ".join(f"#{n} :{n}" for n in by), names=names, **by))

    def found(self) -> list[str]:
        return findings(self.ctx.deps).get(self.ctx.tenant, [])


@pytest.fixture
def books(ctx: ContextFactory, place: Place, clock: FixedClock) -> Books:
    return Books(ctx(), place, clock)


def run_of(books: Books) -> Any:
    return Runs(books.ctx).begin(books.place.site_id, [books.place.sector_id])


def hold_of_run(books: Books, run_id: str) -> None:
    books.ledger.reserve(f"run.{run_id}.2.x", 10, details={"operation_type": "idea", "run_id": run_id}, seconds=10**6)


def a_balance_of_other_credits(books: Books) -> None:
    books.raise_("BAL", avail=1)


def a_usage_row_without_an_entry(books: Books) -> None:
    books.table.write(remove(books.key("L#000000000002")))
    books.raise_("BAL", seq=-1)


def an_entry_without_a_usage_row(books: Books) -> None:
    books.table.write(remove(books.key("H#task.1.a")))


def a_usage_row_that_says_something_else(books: Books) -> None:
    books.raise_("H#task.1.a", credits_used=1)


def a_day_that_says_something_else(books: Books) -> None:
    books.raise_(f"D#2026-11-20#{books.place.site_id}#clustering", credits=1)


def a_cap_that_counts_something_else(books: Books) -> None:
    books.raise_("C#month.x.2026-11", credits=1)


def a_grant_without_its_mark(books: Books) -> None:
    books.table.write(remove(books.key("G#first")))


def a_hold_that_cannot_be_read(books: Books) -> None:
    books.table.write(update(books.key("H#task.1.a"), "SET facts = :no", no="{"))


def a_dead_worker_nobody_swept(books: Books) -> None:
    books.ledger.reserve("dead", 10, details={"operation_type": "idea"}, seconds=10)
    books.clock.forward(3600)


def a_reservation_of_a_run_that_is_gone(books: Books) -> None:
    hold_of_run(books, f"{books.place.site_id}-01jd0000000000000000000000")


def a_reservation_of_a_run_that_has_ended(books: Books) -> None:
    run = run_of(books)
    hold_of_run(books, run.id)
    Runs(books.ctx).finish(run.id, "failed", "a test")
    books.clock.forward(3600)


def a_reservation_of_what_is_no_run(books: Books) -> None:
    hold_of_run(books, "nonsense")


def a_charge_for_what_is_not_there(books: Books) -> None:
    books.table.write(remove(CLUSTER.place.key(books.ctx.tenant, books.cluster.id)))


def an_object_nobody_was_charged_for(books: Books) -> None:
    clusters = books.ctx.repository(CLUSTER)
    clusters.create(clusters.new(books.place.sector_id, name="free", provenance=books.origin("task.unknown")))


def an_object_whose_charge_was_given_back(books: Books) -> None:
    books.ledger.reserve("task.2.b", 10, details={"operation_type": "clustering"})
    books.ledger.void("task.2.b", "failed")
    clusters = books.ctx.repository(CLUSTER)
    clusters.create(clusters.new(books.place.sector_id, name="free", provenance=books.origin("task.2.b")))


def a_picture_that_is_not_in_the_store(books: Books) -> None:
    """The record of a drawn picture, as far as the audit looks at it."""
    place, path = (f"{books.ctx.tenant}#P#01jd", "M#featured#000"), f"{books.ctx.tenant}/images/x/none.webp"
    books.table.write(put(place, {"image_path": path, "provenance": books.origin("task.1.a")}))


DAMAGE: dict[Callable[[Books], None], str] = {
    a_balance_of_other_credits: "the balance is 96, its entries add up to 95",
    a_usage_row_without_an_entry: "task.1.a used 5 credits, its entries are []",
    an_entry_without_a_usage_row: "task.1.a was charged [5] without a settled hold",
    a_usage_row_that_says_something_else: "task.1.a used 5 credits, its usage row says 6",
    a_day_that_says_something_else: "#clustering says UsageSum(credits=6",
    a_cap_that_counts_something_else: "the counter of month.x.2026-11 is 1, its holds count 0",
    a_grant_without_its_mark: "grants and their marks differ: first",
    a_hold_that_cannot_be_read: "H#task.1.a cannot be read",
    a_dead_worker_nobody_swept: "dead keeps 10 credits reserved, its time was over long ago",
    a_reservation_of_a_run_that_is_gone: "01jd0000000000000000000000, which is not there",
    a_reservation_of_what_is_no_run: "for the run nonsense, which is not there",
    a_reservation_of_a_run_that_has_ended: "which is failed since 2026-11-20",
    a_charge_for_what_is_not_there: "which is not there",
    an_object_nobody_was_charged_for: "was made by task.unknown, which the ledger does not know",
    an_object_whose_charge_was_given_back: "was made by task.2.b, which was given back (failed)",
    a_picture_that_is_not_in_the_store: "was drawn and charged, and its picture",
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda d: d.__name__)
def test_each_damage_is_found(books: Books, damage: Callable[[Books], None], capsys: pytest.CaptureFixture[str]) -> None:
    assert books.found() == []
    damage(books)
    assert any(DAMAGE[damage] in line for line in books.found()), books.found()
    assert report(books.ctx.deps) >= 1
    assert f"account {books.ctx.tenant}" in capsys.readouterr().out


def test_what_is_under_way_is_no_damage(books: Books) -> None:
    """An open hold, one just over, one of a run that has just ended, an object saved in a part of an operation that goes on."""
    run = run_of(books)
    hold_of_run(books, run.id)
    Runs(books.ctx).finish(run.id, "cancelled", "user")
    books.ledger.reserve("short", 10, details={"operation_type": "idea"}, seconds=10)
    books.ledger.envelope("envelope.x", 20, details={"operation_type": "run"})
    books.clock.forward(timedelta(minutes=10).total_seconds())
    clusters = books.ctx.repository(CLUSTER)
    clusters.create(clusters.new(books.place.sector_id, name="part", provenance=books.origin("short")))
    assert books.found() == []
    assert books.ledger.balance() == Balance(95, 40, 55)
    assert RUN.from_item(books.table.get(RUN.place.key(books.ctx.tenant, run.id)) or {}).status == "cancelled"


def test_the_data_of_this_machine_is_audited_in_a_copy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert of_this_machine(tmp_path) == 0 and "there is no data" in capsys.readouterr().out
    with LocalStack(template("local"), tmp_path):
        wiring.use(None)
        here: Deps = wiring.current()
        ledger = Ledger(here.table, "tenant01", here.clock)
        ledger.open()
        ledger.grant("first", 100)
        with sqlite3.connect(tmp_path / "state.sqlite3") as state:
            before = state.execute("SELECT count(*) FROM item").fetchone()
    wiring.use(None)
    assert of_this_machine(tmp_path) == 0 and "every ledger adds up" in capsys.readouterr().out
    with LocalStack(template("local"), tmp_path):
        wiring.use(None)
        table: Table = wiring.current().table
        table.write(update(("tenant01#B", "BAL"), "SET avail = avail + :one", one=1))
        assert boto3.client("dynamodb").list_tables()["TableNames"]
    wiring.use(None)
    assert of_this_machine(tmp_path) == 1
    assert "the balance is 101, its entries add up to 100" in capsys.readouterr().out
    with sqlite3.connect(tmp_path / "state.sqlite3") as state:
        assert state.execute("SELECT count(*) FROM item").fetchone() == before
