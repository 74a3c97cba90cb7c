"""The ledger's rules, one by one."""

from typing import Any

import pytest

from chalicelib.billing.audit import audit_account, audit_accounts
from chalicelib.billing.credits import COMMIT_WRITES_MAX, Ledger, sweep_accounts
from chalicelib.billing.entries import Balance
from chalicelib.billing.holds import HoldClosed
from chalicelib.billing.prices import Price, price_of
from chalicelib.billing.usage import TRANSACTION, USAGE
from chalicelib.core.errors import Duplicate, IdempotencyMismatch, NotFound, OutOfCredits, Stale, ValidationFailed
from chalicelib.core.repository import ListRequest, Repository
from chalicelib.core.scope import Scope
from chalicelib.core.table import Table, put_new, remove, update
from tests.fakes import FixedClock

IDEA: dict[str, Any] = {"operation_type": "idea"}
WORDS = Price(1, per=100, unit="word")


@pytest.fixture(autouse=True)
def adds_up(ledger: Ledger) -> Any:
    """Whatever a test does, the ledger adds up after it."""
    yield
    assert audit_account(ledger.table, ledger.tenant) == []


def have(ledger: Ledger, available: int, reserved: int = 0) -> None:
    assert ledger.balance() == Balance(balance=available + reserved, reserved=reserved, available=available)


def entries(ledger: Ledger) -> list[tuple[str, int, int, str]]:
    """(type, amount, balance after, reference), newest first, as the API lists them."""
    repository = Repository(TRANSACTION, Scope.worker(ledger.tenant), ledger.table, ledger.clock)
    rows = repository.records(repository.page(ListRequest([""])).rows)
    return [(r.transaction_type, r.amount, r.balance_after, r.reference) for r in rows]


def usage(ledger: Ledger, **filters: Any) -> list[Any]:
    repository = Repository(USAGE, Scope.worker(ledger.tenant), ledger.table, ledger.clock)
    return repository.records(repository.page(ListRequest([""], filters=filters)).rows)


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


class TestParts:
    def save(self, ledger: Ledger, part: str, units: int) -> int:
        write = put_new((f"{ledger.tenant}#S#K", part), {})
        return ledger.part("op", part, [write], units).units

    def test_are_saved_one_by_one_and_charged_at_the_end(self, ledger: Ledger) -> None:
        ledger.reserve("op", 5, details=IDEA, price=WORDS)
        assert [self.save(ledger, "p1", 95), self.save(ledger, "p2", 95)] == [95, 190]
        assert ledger.units_done("op") == 190
        have(ledger, 95, reserved=5)
        ledger.commit("op", result={}, usage={}, units=20)
        have(ledger, 97)

    def test_a_part_counts_once(self, ledger: Ledger) -> None:
        ledger.reserve("op", 5, details=IDEA, price=WORDS)
        assert [self.save(ledger, "p1", 95), self.save(ledger, "p1", 95)] == [95, 95]
        with pytest.raises(IdempotencyMismatch):
            self.save(ledger, "p1", 96)

    def test_a_failing_write_counts_nothing(self, ledger: Ledger, table: Table) -> None:
        table.write(put_new((f"{ledger.tenant}#S#K", "p1"), {}))
        ledger.reserve("op", 5, details=IDEA, price=WORDS)
        with pytest.raises(Stale):
            self.save(ledger, "p1", 95)
        assert ledger.units_done("op") == 0

    def test_not_more_than_was_reserved(self, ledger: Ledger) -> None:
        ledger.reserve("op", 1, details=IDEA, price=WORDS)
        self.save(ledger, "p1", 100)
        with pytest.raises(ValueError, match="reserved"):
            self.save(ledger, "p2", 1)

    def test_what_was_saved_is_charged_by_void_and_sweep(self, ledger: Ledger, clock: FixedClock) -> None:
        ledger.reserve("op", 5, details=IDEA, price=WORDS)
        self.save(ledger, "p1", 120)
        clock.forward(901)
        (ended,) = ledger.sweep()
        assert (ended.state, ended.used, ended.partial) == ("settled", 2, True)
        assert ended.result == {"partial": True, "units": 120, "reason": "expired"}
        have(ledger, 98)
        with pytest.raises(HoldClosed) as closed:
            self.save(ledger, "p2", 1)
        assert closed.value.hold == ended

    def test_each_gives_the_hold_more_time(self, ledger: Ledger, clock: FixedClock) -> None:
        ledger.reserve("op", 5, details=IDEA, price=WORDS)
        clock.forward(800)
        self.save(ledger, "p1", 1)
        clock.forward(800)
        assert ledger.sweep() == []

    def test_with_the_own_key_cost_nothing(self, ledger: Ledger) -> None:
        ledger.reserve("op", 0, details=IDEA, price=price_of("clustering", own_key=True))
        self.save(ledger, "p1", 95)
        ledger.commit("op", result={}, usage={})
        have(ledger, 100)

    def test_need_a_price(self, ledger: Ledger) -> None:
        ledger.reserve("op", 5, details=IDEA)
        with pytest.raises(ValueError, match="price"):
            self.save(ledger, "p1", 1)


class TestVoid:
    def test_gives_everything_back_once(self, ledger: Ledger) -> None:
        ledger.reserve("op", 30, details=IDEA)
        assert [ledger.void("op", "failed").state for _ in range(3)] == ["voided"] * 3
        have(ledger, 100)
        assert usage(ledger) == []

    def test_leaves_a_settled_operation_as_it_is(self, ledger: Ledger) -> None:
        ledger.reserve("op", 30, details=IDEA)
        ledger.commit("op", 12, result={}, usage={})
        assert ledger.void("op", "failed").state == "settled"
        have(ledger, 88)

    def test_needs_a_reservation(self, ledger: Ledger) -> None:
        with pytest.raises(NotFound):
            ledger.void("op", "failed")


class TestSweep:
    def test_ends_only_what_has_run_out(self, ledger: Ledger, clock: FixedClock) -> None:
        ledger.reserve("old", 10, details=IDEA, seconds=100)
        ledger.reserve("done", 10, details=IDEA, seconds=100)
        ledger.commit("done", 1, result={}, usage={})
        clock.forward(60)
        ledger.reserve("young", 10, details=IDEA, seconds=100)
        clock.forward(60)
        assert ledger.expired() == ["old"]
        assert [h.op for h in ledger.sweep()] == ["old"]
        assert ledger.expired() == []
        have(ledger, 89, reserved=10)

    def test_finds_all_accounts_and_only_the_own_when_asked(self, ledger: Ledger, table: Table, clock: FixedClock) -> None:
        others = [Ledger(table, f"{ledger.tenant}x{n}", clock) for n in range(12)]
        for each in [ledger, *others]:
            each.open()
            each.reserve("op", 0, details=IDEA, seconds=10)
        clock.forward(11)
        assert [h.op for h in others[0].sweep()] == ["op"]
        assert {t for t, _ in sweep_accounts(table, clock)} == {each.tenant for each in [ledger, *others[1:]]}
        assert sweep_accounts(table, clock) == []

    def test_of_all_accounts_goes_on_after_one_that_cannot_be_ended(self, ledger: Ledger, table: Table, clock: FixedClock) -> None:
        others = [Ledger(table, f"{ledger.tenant}y{n}", clock) for n in range(12)]
        for each in others:
            each.open()
            each.reserve("op", 0, details=IDEA, seconds=10)
        table.write(remove((f"{others[0].tenant}#B", "BAL")))
        clock.forward(11)
        with pytest.raises(NotFound):
            sweep_accounts(table, clock)
        assert [each.get("op").state for each in others] == ["held"] + ["voided"] * 11
        others[0].open()
        sweep_accounts(table, clock)


class TestLists:
    def test_usage_shows_no_open_or_voided_operation(self, ledger: Ledger) -> None:
        for op in ("open", "voided", "done"):
            ledger.reserve(op, 1, details=IDEA)
        ledger.void("voided", "failed")
        ledger.commit("done", 1, result={}, usage={})
        assert [u.id for u in usage(ledger)] == ["done"]
        repository = Repository(USAGE, Scope.worker(ledger.tenant), ledger.table, ledger.clock)
        assert repository.get("done").credits_used == 1
        assert repository.find("open") is None
        assert repository.find("voided") is None

    def test_usage_is_filtered(self, ledger: Ledger) -> None:
        for op, run in (("a", "r1"), ("b", "r2")):
            ledger.reserve(op, 1, details={**IDEA, "run_id": run})
            ledger.commit(op, 1, result={}, usage={})
        assert [u.id for u in usage(ledger, run_id="r2")] == ["b"]
        assert [u.id for u in usage(ledger, created_after="2026-11-20", operation_type="idea")] == ["b", "a"]
        assert usage(ledger, created_before="2026-11-20") == []

    def test_deduction_is_another_word_for_usage(self) -> None:
        parse = TRANSACTION.filters["transaction_type"].parse
        assert parse("transaction_type", "deduction") == parse("transaction_type", "usage") == "usage"
        with pytest.raises(ValidationFailed):
            parse("transaction_type", "gift")

    def test_transactions_keep_their_order_within_a_moment_and_beyond_ten(self, ledger: Ledger) -> None:
        for n in range(12):
            ledger.grant(f"g{n}", 1)
        assert [reference for *_, reference in entries(ledger)] == [*(f"g{n}" for n in reversed(range(12))), "first"]


class TestAudit:
    @pytest.mark.parametrize(
        ("sort", "expression", "said"),
        [
            ("BAL", "SET avail = avail + :one", "add up"),
            ("BAL", "SET held = held + :one, avail = avail - :one", "open holds"),
            ("BAL", "SET seq = seq + :one", "last entry"),
            ("BAL", "SET plan_left = plan_left + :one", "plan credits"),
            ("L#000000000001", "SET amount = amount + :one", "credits are left"),
            ("H#op", "SET used = used + :one", "its entries are"),
            ("G#first", "SET seq = seq + :one", "marks differ"),
        ],
    )
    def test_finds_what_was_tampered_with(self, ledger: Ledger, sort: str, expression: str, said: str) -> None:
        ledger.reserve("op", 30, details=IDEA)
        ledger.commit("op", 12, result={}, usage={})
        key = (f"{ledger.tenant}#B", sort)
        ledger.table.write(update(key, expression, one=1))
        found = audit_account(ledger.table, ledger.tenant)
        assert any(said in line for line in found), found
        ledger.table.write(update(key, expression, one=-1))

    def test_of_all_accounts_names_those_that_do_not_add_up(self, ledger: Ledger) -> None:
        other = Ledger(ledger.table, f"{ledger.tenant}x", ledger.clock)
        other.open()
        balance = (f"{other.tenant}#B", "BAL")
        ledger.table.write(update(balance, "SET avail = :five", five=5))
        assert audit_accounts(ledger.table) == {other.tenant: ["the balance is 5, its entries add up to 0"]}
        ledger.table.write(remove(balance))

    def test_says_what_is_open_at_rest(self, ledger: Ledger) -> None:
        ledger.reserve("op", 30, details=IDEA)
        assert audit_account(ledger.table, ledger.tenant, at_rest=True) == ["op is still open"]
