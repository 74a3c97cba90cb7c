"""One provider on loopback for each module, a new account and a clean script for each test, and a line of the table for each fault."""

from collections.abc import Callable, Iterator
from dataclasses import asdict

import pytest

from chalicelib.core.context import Deps
from tests.adapters.scripted_server import LoopbackServer
from tests.ai.faults.bench import Bench
from tests.ai.faults.row import ROW, Row
from tests.ai.faults.wire import Wire


@pytest.fixture(scope="module")
def provider() -> Iterator[tuple[str, Wire]]:
    wire = Wire()
    with LoopbackServer(wire) as server:
        yield server.url, wire


@pytest.fixture
def new_bench(provider: tuple[str, Wire], deps: Deps) -> Callable[..., Bench]:
    """new_bench(patience_seconds=…, image_provider=…): a fresh account on a provider that answers well."""
    return lambda **options: Bench(*provider, deps, **options)


@pytest.fixture
def bench(new_bench: Callable[..., Bench]) -> Bench:
    return new_bench()


@pytest.fixture
def line(record_property: Callable[[str, object], None]) -> Callable[[Row], None]:
    """Adds a line to the table that `make faults` prints."""
    return lambda row: record_property(ROW, asdict(row))
