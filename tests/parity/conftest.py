"""Tests against the second engine, which `tests.parity.run` has started, deployed to and seeded: only `make test-parity` runs them.

The environment points boto3 at the engine and holds the settings of the deployed functions; the API is called as the black-box suite does.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra.bootstrap import stack_outputs
from infra.parity.deployment import STAGE
from tests.adapters.fake_wordpress import FakeWordPress
from tests.adapters.scripted_server import LoopbackServer
from tests.e2e.blackbox.client import Api
from tests.e2e.blackbox.conftest import owner, public, target  # noqa: F401 - fixtures
from tests.e2e.blackbox.making import made, name

Place = dict[str, Any]


def pytest_ignore_collect(collection_path: Path, config: Any) -> bool | None:
    return None if os.environ.get("TEST_PARITY") else True


@pytest.fixture(scope="session")
def outputs() -> dict[str, str]:
    """Of the stack."""
    return stack_outputs(boto3.client("cloudformation"), STAGE)


@pytest.fixture
def wordpress() -> Iterator[FakeWordPress]:
    """A WordPress on loopback that nobody else publishes to."""
    fake = FakeWordPress()
    with LoopbackServer(fake) as server:
        fake.url = server.url
        yield fake


@pytest.fixture
def where(owner: Api, wordpress: FakeWordPress) -> Place:  # noqa: F811 - the fixture imported above
    """site_id and sector_id of a site that publishes there by itself, an article with one picture for each idea."""
    return place(owner, target="wordpress", url=wordpress.url, username=wordpress.user, app_password=wordpress.password)


def place(api: Api, **connection: Any) -> Place:
    """site_id and sector_id of a new site whose runs publish without an editor."""
    site = made(api, "auth/sites/", name=name("Site"), slug=name("site"), in_article_images=1, ideas_per_cluster=1)["id"]
    made(api, "integration/connections/", site_id=site, name="Target", **connection)
    api.put("automation/config/", {"publish_mode": "auto", "between_stage_delay_seconds": 0}, params={"site_id": site})
    return {"site_id": site, "sector_id": made(api, "auth/sectors/", site_id=site, name="General", slug="general")["id"]}
