"""A WordPress in memory for each test."""

from collections.abc import Iterator

import pytest

from tests.adapters.fake_wordpress import FakeWordPress
from tests.adapters.scripted_server import LoopbackServer
from tests.adapters.wordpress.making import Site


@pytest.fixture
def site() -> Iterator[Site]:
    wordpress = FakeWordPress()
    with LoopbackServer(wordpress) as server:
        wordpress.url = server.url
        yield Site(wordpress, server)
