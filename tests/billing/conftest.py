"""A real Table over moto for the billing tests: atomic, sorted and strict (the local stack's patches), with the template's indexes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.config import Config
from moto import mock_aws

from chalicelib.billing.credits import Ledger
from chalicelib.core.table import Table
from infra.local import dynamodb_patches, gateway

TABLES = Path(__file__).parents[2] / "infra" / "resources" / "tables.yaml"


class SetClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 20, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def forward(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class _Loader(yaml.SafeLoader):
    """Reads the template without resolving its references."""


_Loader.add_multi_constructor("!", lambda loader, suffix, node: None)


def create_table(client: Any, name: str) -> None:
    """The business table as the template declares it."""
    declared = yaml.load(TABLES.read_text(), _Loader)["Resources"]["AppTable"]["Properties"]
    wanted = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    client.create_table(TableName=name, **{k: declared[k] for k in wanted})


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    """A client of an in-process DynamoDB; one try per call, since the tests' faults are theirs to place."""
    dynamodb_patches.install()
    gateway.install()
    with mock_aws():
        config = Config(retries={"total_max_attempts": 1, "mode": "standard"}, max_pool_connections=64)
        client = boto3.client("dynamodb", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x", config=config)
        create_table(client, "igny8")
        yield client


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


_tenants = iter(range(10**9))


@pytest.fixture
def table(dynamodb: Any) -> Table:
    return Table(dynamodb, "igny8", sleep=lambda seconds: None)


@pytest.fixture
def ledger(table: Table, clock: SetClock) -> Ledger:
    """An open ledger of an account of its own, with 100 credits."""
    opened = Ledger(table, f"t{next(_tenants)}", clock, sleep=lambda seconds: None)
    opened.open()
    opened.grant("first", 100)
    return opened
