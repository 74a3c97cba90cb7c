"""One circuit of a tenant's own, and as many Lambdas as a test wants."""

from collections.abc import Callable

import pytest

from chalicelib.core.table import Table
from chalicelib.system.circuits import Circuit, Circuits, circuit
from tests.ai.breaker.bench import KEY
from tests.conftest import Tables
from tests.fakes import FixedClock


@pytest.fixture
def of(tenant: str) -> Circuit:
    return circuit(tenant, "openai", "https://llm.example.com/v1", KEY, "luna")


@pytest.fixture
def lambdas(tables: Tables, clock: FixedClock) -> Callable[[], Circuits]:
    """Circuits as another process knows them: what one has read, another has not."""
    return lambda: Circuits(Table(tables.ops.client, tables.ops.name, sleep=lambda seconds: None), clock)
