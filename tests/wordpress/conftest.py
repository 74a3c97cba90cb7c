"""Tests against a real WordPress, which they start and stop: only `make test-wordpress` runs them.

`wordpress` is the site, emptied once for each module, with our companion plugin; a test keeps to itself by its own source ids and slugs.
"""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.adapters.safe_http import SafeHttp
from chalicelib.adapters.wordpress import WordPressPublisher
from chalicelib.adapters.wordpress_client import WordPressClient
from infra.wordpress.site import WordPressSite

ROOT = Path(__file__).parents[2]


def pytest_ignore_collect(collection_path: Path, config: Any) -> bool | None:
    return None if os.environ.get("TEST_WORDPRESS") else True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def wordpress(worker_id: str) -> Iterator[WordPressSite]:
    # a folder of this process's own: two runs at once do not stop each other's site; the downloads beside it are shared
    site = WordPressSite(ROOT / "build" / "wordpress" / f"tests-{worker_id}-{os.getpid()}", free_port())
    try:
        yield site.start()
    finally:
        site.stop()
        shutil.rmtree(site.dir, ignore_errors=True)


@pytest.fixture
def publisher(wordpress: WordPressSite) -> WordPressPublisher:
    """As the administrator, with an application password."""
    return WordPressPublisher(wordpress.url, *wordpress.accounts["admin"], SafeHttp(allow_loopback=True))


@pytest.fixture
def client(wordpress: WordPressSite) -> WordPressClient:
    """To look at the site with, as the administrator."""
    return WordPressClient(wordpress.url, *wordpress.accounts["admin"], SafeHttp(allow_loopback=True))
