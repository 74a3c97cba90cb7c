"""The ledger's rules, one by one: parts, voids, sweeps, lists, audit."""

from dataclasses import replace

import pytest

from chalicelib.billing.audit import audit_account, audit_accounts
from chalicelib.billing.credits import Ledger
from chalicelib.billing.holds import HoldClosed
from chalicelib.billing.prices import price_of
from chalicelib.billing.sweep import sweep_accounts
from chalicelib.billing.usage import TRANSACTION, USAGE
from chalicelib.core import deadline
from chalicelib.core.errors import IdempotencyMismatch, NotFound, Stale, ValidationFailed
from chalicelib.core.repository import Repository
from chalicelib.core.scope import Scope
from chalicelib.core.table import Query, QueryPage, Table, put_new, remove, update
from tests.billing.books import IDEA, WORDS, adds_up, entries, have, usage
from tests.fakes import FixedClock

__all__ = ["adds_up"]


class TestParts:
    def save(self, ledger: Ledger, part: str, units: int) -> int:
        write = put_new((f"{ledger.tenant}#S#K", part), {})
        return ledger.part("op", part, [write], units).units

    def test_are_saved_one_by_one_and_charged_at_the_end(self, ledger: Ledger) -> None:
        ledger.reserve("op", 5, details=IDEA, price=WORDS)
        assert [self.save(ledger, "p1", 95), self.save(ledger, "p2", 95)] == [95, 190]
        assert ledger.get("op").units == 190
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
        assert ledger.get("op").units == 0

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


class Over:
    """The context of a Lambda whose time is over."""

    def get_remaining_time_in_millis(self) -> int:
        return 0


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

    def test_goes_on_after_a_hold_that_cannot_be_read(self, ledger: Ledger, table: Table, clock: FixedClock) -> None:
        for op in ("broken", "a", "b"):
            ledger.reserve(op, 10, details=IDEA, seconds=10)
        broken = (f"{ledger.tenant}#B", "H#broken")
        table.write(update(broken, "SET facts = :facts", facts="{"))
        clock.forward(11)
        with pytest.raises(ValueError, match="Expecting property name"):
            sweep_accounts(table, clock)
        have(ledger, 90, reserved=10)
        table.write(update(broken, "SET facts = :facts", facts='{"operation_type": "idea"}'))
        assert [hold.op for _, hold in sweep_accounts(table, clock)] == ["broken"]

    def test_finds_every_hold_however_small_the_pages(self, ledger: Ledger, table: Table, clock: FixedClock) -> None:
        class SmallPages(Table):
            def query(self, q: Query) -> QueryPage:
                return super().query(replace(q, limit=2))

        small = SmallPages(table.client, table.name)
        for n in range(15):
            ledger.reserve(f"op{n}", 1, details=IDEA, seconds=10 if n % 3 else 1000)
        clock.forward(11)
        ended = sorted(hold.op for tenant, hold in sweep_accounts(small, clock) if tenant == ledger.tenant)
        assert ended == sorted(f"op{n}" for n in range(15) if n % 3)
        have(ledger, 95, reserved=5)
        clock.forward(1000)
        sweep_accounts(small, clock)
        have(ledger, 100)

    def test_ends_a_hold_in_the_second_its_time_is_over_and_not_before(self, ledger: Ledger, table: Table, clock: FixedClock) -> None:
        ledger.reserve("op", 10, details=IDEA, seconds=10)
        clock.forward(9)
        assert sweep_accounts(table, clock) == []
        clock.forward(1)
        assert [hold.reason for _, hold in sweep_accounts(table, clock)] == ["expired"]

    def test_stops_when_its_time_is_over(self, ledger: Ledger, table: Table, clock: FixedClock) -> None:
        ledger.reserve("op", 10, details=IDEA, seconds=10)
        clock.forward(11)
        with deadline.of_lambda(Over()):
            assert sweep_accounts(table, clock) == []
        assert len(sweep_accounts(table, clock)) == 1


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
