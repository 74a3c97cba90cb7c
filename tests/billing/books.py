"""What the ledger's tests share: reading its books."""

from typing import Any

import pytest

from chalicelib.billing.audit import audit_account
from chalicelib.billing.credits import Ledger
from chalicelib.billing.entries import Balance
from chalicelib.billing.prices import Price
from chalicelib.billing.usage import TRANSACTION, USAGE
from chalicelib.core.repository import ListRequest, Repository
from chalicelib.core.scope import Scope

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
