"""pytest plugin of `make test-parity`: what `exceptions.py` names has to fail; a test that is gone, or passes, is an error."""

import pytest

from tests.parity.exceptions import EXCEPTIONS


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Raises: pytest.UsageError for an exception of a collected file whose test is gone."""
    collected = {item.nodeid: item for item in items}
    files = {node.partition("::")[0] for node in collected}
    for node, reason in EXCEPTIONS.items():
        if node in collected:
            collected[node].add_marker(pytest.mark.xfail(reason=reason, strict=True))
        elif node.partition("::")[0] in files:
            raise pytest.UsageError(f"tests/parity/exceptions.py names {node}, which is no test any more")
