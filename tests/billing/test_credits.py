"""The ledger's rules, one by one: grants, reservations, commits."""

from typing import Any

import pytest

from chalicelib.billing.credits import COMMIT_WRITES_MAX, Ledger
from chalicelib.core.errors import Duplicate, IdempotencyMismatch, NotFound, OutOfCredits, Stale, ValidationFailed
from chalicelib.core.table import Table, put_new, update
from tests.billing.books import IDEA, adds_up, entries, have, usage
from tests.fakes import FixedClock

__all__ = ["adds_up"]


class TestGrant:
    def test_adds_once_per_key(self, ledger: Ledger) -> None:
        assert [ledger.grant("invoice-1", 40) for _ in range(3)] == [2, 2, 2]
        have(ledger, 140)
        assert entries(ledger) == [("purchase", 40, 140, "invoice-1"), ("purchase", 100, 100, "first")]

    @pytest.mark.parametrize("again", [{"amount": 41}, {"amount": 40, "kind": "refund"}])
    def test_the_same_key_for_something_else_is_refused(self, ledger: Ledger, again: dict[str, Any]) -> None:
        ledger.grant("invoice-1", 40)
        with pytest.raises(IdempotencyMismatch):
            ledger.grant("invoice-1", **again)
        have(ledger, 140)

    def test_takes_down_to_zero_but_not_below(self, ledger: Ledger) -> None:
        ledger.reserve("op", 30, details=IDEA)
        with pytest.raises(OutOfCredits) as refused:
            ledger.grant("correction", -71, kind="adjustment")
        assert refused.value.extra == {"required": 71, "available": 70}
        ledger.grant("correction", -70, kind="adjustment")
        have(ledger, 0, reserved=30)

    def test_of_nothing_is_refused(self, ledger: Ledger) -> None:
        with pytest.raises(ValueError, match="0 credits"):
            ledger.grant("nothing", 0)

    def test_needs_an_open_ledger(self, table: Table, clock: FixedClock) -> None:
        with pytest.raises(NotFound):
            Ledger(table, "nobody", clock).grant("a", 1)

    def test_opening_again_changes_nothing(self, ledger: Ledger) -> None:
        ledger.open()
        have(ledger, 100)


class TestRenewPlan:
    def test_resets_the_plans_credits_and_keeps_the_purchased(self, ledger: Ledger) -> None:
        ledger.renew_plan("2026-10", 50)
        ledger.reserve("op", 20, details=IDEA)
        ledger.commit("op", 20, result={}, usage={})
        have(ledger, 130)  # 100 purchased, 30 of the plan
        ledger.renew_plan("2026-11", 50)
        ledger.renew_plan("2026-11", 50)
        have(ledger, 150)

    def test_usage_beyond_the_plan_takes_purchased_credits_for_good(self, ledger: Ledger) -> None:
        ledger.renew_plan("2026-10", 50)
        ledger.reserve("op", 90, details=IDEA)
        ledger.commit("op", 90, result={}, usage={})
        ledger.renew_plan("2026-11", 50)
        have(ledger, 110)

    def test_a_smaller_plan_takes_back_what_is_left_but_nothing_reserved(self, ledger: Ledger) -> None:
        ledger.grant("gone", -100, kind="adjustment")
        ledger.renew_plan("2026-10", 50)
        ledger.reserve("op", 45, details=IDEA)
        ledger.renew_plan("2026-11", 10)
        have(ledger, 0, reserved=45)
        ledger.void("op", "failed")
        ledger.renew_plan("2026-12", 10)
        have(ledger, 10)


class TestReserve:
    def test_sets_credits_aside_once(self, ledger: Ledger) -> None:
        first = ledger.reserve("op", 30, details=IDEA, fingerprint="f")
        again = ledger.reserve("op", 99, details=IDEA, fingerprint="f")
        assert first == again
        assert (first.state, first.amount) == ("held", 30)
        have(ledger, 70, reserved=30)

    def test_refuses_more_than_there_is(self, ledger: Ledger) -> None:
        ledger.reserve("a", 70, details=IDEA)
        with pytest.raises(OutOfCredits) as refused:
            ledger.reserve("b", 31, details=IDEA)
        assert refused.value.extra == {"required": 31, "available": 30}
        assert ledger.find("b") is None

    @pytest.mark.parametrize("state", ["held", "settled", "voided"])
    def test_refuses_the_same_operation_for_another_request(self, ledger: Ledger, state: str) -> None:
        ledger.reserve("op", 30, details=IDEA, fingerprint="f")
        if state == "settled":
            ledger.commit("op", 1, result={}, usage={})
        if state == "voided":
            ledger.void("op", "failed")
        with pytest.raises(IdempotencyMismatch):
            ledger.reserve("op", 30, details=IDEA, fingerprint="g")

    def test_a_settled_operation_answers_its_result(self, ledger: Ledger) -> None:
        ledger.reserve("op", 30, details=IDEA)
        ledger.commit("op", 4, result={"ids": ["a", "b"]}, usage={})
        done = ledger.reserve("op", 30, details=IDEA)
        assert (done.state, done.used, done.result) == ("settled", 4, {"ids": ["a", "b"]})
        have(ledger, 96)

    def test_a_voided_operation_is_opened_again_with_the_new_amount(self, ledger: Ledger) -> None:
        ledger.reserve("op", 30, details=IDEA)
        ledger.void("op", "the model answered nonsense")
        again = ledger.reserve("op", 40, details=IDEA)
        assert (again.state, again.amount, again.attempt, again.reason) == ("held", 40, 2, "")
        have(ledger, 60, reserved=40)

    def test_a_voided_operation_is_not_opened_without_credits(self, ledger: Ledger) -> None:
        ledger.reserve("op", 30, details=IDEA)
        ledger.void("op", "failed")
        with pytest.raises(OutOfCredits):
            ledger.reserve("op", 101, details=IDEA)
        assert ledger.get("op").state == "voided"

    def test_a_second_delivery_gets_time_anew_when_little_is_left(self, ledger: Ledger, clock: FixedClock) -> None:
        first = ledger.reserve("op", 30, details=IDEA, seconds=100)
        clock.forward(40)
        assert ledger.reserve("op", 30, details=IDEA, seconds=100).expires == first.expires
        clock.forward(20)
        assert ledger.reserve("op", 30, details=IDEA, seconds=100).expires == first.expires + 60
        have(ledger, 70, reserved=30)

    def test_finds_credits_that_dead_workers_hold(self, ledger: Ledger, clock: FixedClock) -> None:
        ledger.reserve("dead", 80, details=IDEA, seconds=100)
        clock.forward(101)
        ledger.reserve("op", 90, details=IDEA)
        assert ledger.get("dead").state == "voided"
        have(ledger, 10, reserved=90)

    def test_of_nothing_needs_no_credits_and_is_logged_all_the_same(self, table: Table, clock: FixedClock, ledger: Ledger) -> None:
        before = table.get((f"{ledger.tenant}#B", "BAL"))
        ledger.reserve("op", 0, details=IDEA)
        ledger.commit("op", 0, result={"ids": []}, usage={"model": "own"})
        assert table.get((f"{ledger.tenant}#B", "BAL")) == before
        assert [(u.credits_used, u.model) for u in usage(ledger)] == [(0, "own")]

    def test_refuses_facts_that_cannot_be_logged(self, ledger: Ledger) -> None:
        with pytest.raises(ValidationFailed):
            ledger.reserve("op", 1, details={"site_id": "s"})
        have(ledger, 100)

    @pytest.mark.parametrize("op", ["", "a#b", "a/b", "ü", "x" * 201])
    def test_refuses_names_that_cannot_be_keys(self, ledger: Ledger, op: str) -> None:
        with pytest.raises(ValueError, match="letters"):
            ledger.reserve(op, 1, details=IDEA)


class TestCommit:
    def test_saves_charges_and_keeps_the_result(self, ledger: Ledger, table: Table) -> None:
        ledger.reserve("op", 30, details={**IDEA, "site_id": "s1", "stage": 2})
        saved = put_new((f"{ledger.tenant}#S#I", "1"), {"title": "x"})
        measured = {"model": "m", "provider": "p", "tokens_in": 10, "tokens_out": 5, "cost_usd": 0.0012, "object_ids": ["1"]}
        assert ledger.commit("op", 12, [saved], result={"ids": ["1"]}, usage=measured) == {"ids": ["1"]}
        have(ledger, 88)
        assert table.get((f"{ledger.tenant}#S#I", "1")) is not None
        assert entries(ledger)[0] == ("usage", -12, 88, "op")
        (row,) = usage(ledger)
        assert row.model_dump(exclude={"created_at", "updated_at", "version", "deleted_at"}) == {
            "id": "op", "operation_type": "idea", "credits_used": 12, "site_id": "s1", "run_id": None, "generated_by": None,
            "details": {"stage": 2}, **measured,
        }  # fmt: skip

    def test_again_applies_nothing(self, ledger: Ledger, table: Table) -> None:
        ledger.reserve("op", 30, details=IDEA)
        ledger.commit("op", 12, result={"n": 1}, usage={})
        late = put_new((f"{ledger.tenant}#S#I", "2"), {})
        assert ledger.commit("op", 30, [late], result={"n": 2}, usage={}) == {"n": 1}
        assert table.get((f"{ledger.tenant}#S#I", "2")) is None
        have(ledger, 88)

    def test_a_failing_write_of_the_caller_charges_nothing_and_keeps_the_hold(self, ledger: Ledger, table: Table) -> None:
        key = (f"{ledger.tenant}#S#I", "1")
        table.write(put_new(key, {}))
        ledger.reserve("op", 30, details=IDEA)
        with pytest.raises(Duplicate):
            ledger.commit("op", 12, [put_new(key, {}, on_fail=lambda old: Duplicate())], result={}, usage={})
        with pytest.raises(Stale):
            ledger.commit("op", 12, [update(key, "SET a = :a", "version = :v", a=1, v=7)], result={}, usage={})
        have(ledger, 70, reserved=30)

    @pytest.mark.parametrize("used", [-1, 31])
    def test_refuses_to_charge_more_than_was_reserved(self, ledger: Ledger, used: int) -> None:
        ledger.reserve("op", 30, details=IDEA)
        with pytest.raises(ValueError, match="not within"):
            ledger.commit("op", used, result={}, usage={})

    def test_of_what_used_nothing_gives_everything_back_without_an_entry(self, ledger: Ledger) -> None:
        ledger.reserve("op", 30, details=IDEA)
        ledger.commit("op", 0, result={}, usage={})
        have(ledger, 100)
        assert len(entries(ledger)) == 1
        assert [u.credits_used for u in usage(ledger)] == [0]

    def test_after_the_hold_ran_out_is_charged_if_the_balance_allows(self, ledger: Ledger, clock: FixedClock) -> None:
        ledger.reserve("op", 30, details=IDEA, seconds=100)
        clock.forward(101)
        assert [h.op for h in ledger.sweep()] == ["op"]
        have(ledger, 100)
        ledger.commit("op", 12, result={}, usage={})
        have(ledger, 88)

    def test_after_the_hold_ran_out_and_the_credits_went_saves_nothing(self, ledger: Ledger, table: Table) -> None:
        ledger.reserve("op", 30, details=IDEA)
        ledger.void("op", "failed")
        ledger.reserve("other", 95, details=IDEA)
        with pytest.raises(OutOfCredits) as refused:
            ledger.commit("op", 12, [put_new((f"{ledger.tenant}#S#I", "1"), {})], result={}, usage={})
        assert refused.value.extra == {"required": 12, "available": 5}
        assert table.get((f"{ledger.tenant}#S#I", "1")) is None

    def test_takes_ninety_seven_writes(self, ledger: Ledger, table: Table) -> None:
        ledger.reserve("op", 30, details=IDEA)
        writes = [put_new((f"{ledger.tenant}#S#I", f"{n}"), {}) for n in range(COMMIT_WRITES_MAX + 1)]
        with pytest.raises(ValueError, match="parts"):
            ledger.commit("op", 1, writes, result={}, usage={})
        ledger.commit("op", 1, writes[:-1], result={}, usage={})
        have(ledger, 99)

    def test_needs_a_reservation(self, ledger: Ledger) -> None:
        with pytest.raises(NotFound):
            ledger.commit("op", 1, result={}, usage={})

    def test_refuses_documents_as_result(self, ledger: Ledger) -> None:
        ledger.reserve("op", 30, details=IDEA)
        with pytest.raises(ValueError, match="ids"):
            ledger.commit("op", 1, result={"html": "x" * 300_000}, usage={})
