"""Random histories of an account add up. `LEDGER_EXAMPLES=2000 make test T=tests/billing/test_ledger_histories.py` searches longer than
the suite does, and elsewhere each time; so does `make ledger`."""

import os
import random
from typing import Any

import pytest

from tests.billing.histories import run_histories
from tests.billing.memory_dynamodb import MemoryDynamoDB

EXAMPLES = int(os.environ.get("LEDGER_EXAMPLES", "150"))


@pytest.mark.timeout(0 if "LEDGER_EXAMPLES" in os.environ else 120)
def test_every_history_adds_up() -> None:
    run_histories(MemoryDynamoDB(), EXAMPLES, random_seed=random.randrange(10**9) if "LEDGER_EXAMPLES" in os.environ else None)


def test_some_histories_on_moto(dynamodb: Any) -> None:
    run_histories(dynamodb, 10)
