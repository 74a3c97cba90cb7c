"""The ledger of an account of its own, over the shared tables."""

from typing import Any

import pytest

from chalicelib.billing.credits import Ledger
from chalicelib.core.table import Table
from tests.billing.account_jobs import no_wait
from tests.conftest import Tables
from tests.fakes import FixedClock


@pytest.fixture
def table(tables: Tables) -> Table:
    return tables.app


@pytest.fixture
def dynamodb(tables: Tables) -> Any:
    """The client behind the business table, for workers whose calls a test watches."""
    return tables.app.client


@pytest.fixture
def ledger(table: Table, tenant: str, clock: FixedClock) -> Ledger:
    """An open ledger with 100 credits."""
    opened = Ledger(table, tenant, clock, sleep=no_wait)
    opened.open()
    opened.grant("first", 100)
    return opened
