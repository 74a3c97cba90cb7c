"""Whatever the order of two workers' calls, and whatever befalls one call of a job, the ledger ends where it should."""

import pytest

from tests.billing.interleaving import FAULTS, Fault
from tests.billing.memory_dynamodb import MemoryDynamoDB
from tests.billing.orders import JOBS, PAIRS, orders, outcomes_with_a_fault


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("job", JOBS)
def test_a_fault_at_any_call_changes_nothing_once_the_job_was_delivered_again(job: str, fault: Fault) -> None:
    outcomes = list(outcomes_with_a_fault(MemoryDynamoDB(), job, fault))
    assert len(outcomes) > 2
    assert all(o == outcomes[0] for o in outcomes)


@pytest.mark.parametrize("pair", PAIRS)
def test_whatever_the_order_of_two_workers_all_adds_up(pair: str) -> None:
    assert sum(1 for _ in orders(MemoryDynamoDB(), pair)) > 1
