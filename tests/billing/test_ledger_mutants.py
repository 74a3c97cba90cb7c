"""Each protection of the ledger is needed: without it some order of two workers, or some fault, breaks an invariant.

`make ledger` prints the list, and searches random histories for each as well."""

import pytest

from tests.billing.mutants import MUTANTS, Mutant, Unfit, by_orders_and_faults, code, source


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_without_a_protection_something_fails(mutant: Mutant) -> None:
    assert by_orders_and_faults(mutant).by, f"without {mutant.name!r} every property holds"


def test_no_two_mutants_are_the_same() -> None:
    assert len({(m.module, m.text, m.by, m.table) for m in MUTANTS}) == len({m.name for m in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize("text", ["not in the source", "self"])
def test_a_mutant_that_no_longer_fits_says_so(text: str) -> None:
    with pytest.raises(Unfit, match="its text is"):
        source(Mutant("stale", "credits", text, "x"))


def test_a_mutant_whose_source_does_not_run_proves_nothing() -> None:
    with pytest.raises(Unfit, match="NameError"):
        by_orders_and_faults(Mutant("broken", "entries", "return put_new(self.balance_key", "return unknown(self.balance_key"))


def test_the_product_itself_is_left_alone() -> None:
    from chalicelib.billing.credits import Ledger

    changed = code(MUTANTS[0])
    assert changed.ledger is not Ledger and changed.ledger.__name__ == "Ledger"
    assert code(Mutant("nothing", "credits", "CAPS_MAX = 3", "CAPS_MAX = 3")).ledger.__module__ == Ledger.__module__
