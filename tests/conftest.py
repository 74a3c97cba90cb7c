"""What tests of every area share: in-process DynamoDB tables as the template declares them, dependencies of fakes, and contexts.

`tables` is made once for each module; a test keeps to itself by its own `tenant`. `ctx()` is the owner of that tenant; `ctx(role="editor",
sites={...})`, `ctx(tenant=...)` are others. `place` is a site with one sector, made through the services.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.config import Config as ClientConfig
from hypothesis import HealthCheck, settings
from moto import mock_aws

from chalicelib.auth.sites import Sectors, Sites
from chalicelib.core.config import Config
from chalicelib.core.context import Context, Deps
from chalicelib.core.cursor import Cursors
from chalicelib.core.ids import new_tenant_id, random_id
from chalicelib.core.scope import Scope
from chalicelib.core.table import Table
from infra.local import dynamodb_patches, gateway
from tests.fakes import FixedClock, MemoryFiles, MemoryUserPool, RecordingJobs, RecordingWorkflow, ReversibleSecrets, unavailable
from tests.strict_dynamodb import StrictClient

TEMPLATE = Path(__file__).parents[1] / "infra" / "resources" / "tables.yaml"
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
settings.load_profile("here")


class _Template(yaml.SafeLoader):
    """Reads the template without resolving its references."""


_Template.add_multi_constructor("!", lambda loader, suffix, node: None)


@dataclass(frozen=True)
class Tables:
    """client: the boto3 client behind both tables; app: business data; ops: what may expire."""

    client: Any
    app: Table
    ops: Table


@dataclass(frozen=True)
class Place:
    site_id: str
    sector_id: str


def _create(client: Any, resource: str, name: str) -> Table:
    declared = yaml.load(TEMPLATE.read_text(encoding="utf-8"), _Template)["Resources"][resource]["Properties"]
    wanted = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    client.create_table(TableName=name, **{k: declared[k] for k in wanted if k in declared})
    indexes = {i["IndexName"]: tuple(k["AttributeName"] for k in i["KeySchema"]) for i in declared.get("GlobalSecondaryIndexes", ())}
    return Table(StrictClient(client, {None: ("pk", "sk"), **indexes}), name, sleep=lambda seconds: None)


@contextmanager
def moto_tables() -> Iterator[Tables]:
    """Both tables, empty, in this process; botocore repeats nothing, since the tests' faults are theirs to place."""
    dynamodb_patches.install()
    gateway.install()
    with mock_aws():
        config = ClientConfig(retries={"total_max_attempts": 1, "mode": "standard"}, max_pool_connections=64)
        client = boto3.client("dynamodb", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x", config=config)
        yield Tables(client, _create(client, "AppTable", "igny8-test"), _create(client, "OpsTable", "igny8-test-ops"))


@pytest.fixture(scope="module")
def tables() -> Iterator[Tables]:
    with moto_tables() as made:
        yield made


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def deps(tables: Tables, clock: FixedClock) -> Deps:
    """Dependencies of fakes over real (moto) tables; `dataclasses.replace(deps, text=lambda choice: ...)` provides a model."""
    return Deps(
        config=Config(stage="local", cors_origins="https://app.test", throttle="off", ai_provider="offline"),
        table=tables.app,
        ops=tables.ops,
        clock=clock,
        files=MemoryFiles(),
        jobs=RecordingJobs(),
        workflow=RecordingWorkflow(),
        secrets=ReversibleSecrets(),
        user_pool=MemoryUserPool(),
        cursors=Cursors(b"the signing key of the tests"),
        text=unavailable("text model"),
        image=unavailable("image model"),
        embedder=unavailable("embedder"),
        publisher=unavailable("publisher"),
    )


@pytest.fixture
def tenant() -> str:
    """An account id that no other test uses."""
    return new_tenant_id()


ContextFactory = Callable[..., Context]


@pytest.fixture
def ctx(deps: Deps, tenant: str) -> ContextFactory:
    """ctx(role="owner", sites=None, tenant=..., deps=...) -> Context."""
    own_deps, own_tenant = deps, tenant

    def make(
        role: str = "owner", sites: set[str] | None = None, tenant: str | None = None, deps: Deps | None = None, user_id: str = "user000001"
    ) -> Context:
        allowed = None if sites is None else frozenset(sites)
        return Context(Scope(tenant=tenant or own_tenant, user_id=user_id, role=role, sites=allowed), deps or own_deps)

    return make


def make_site(context: Context, sectors: int = 1) -> list[Place]:
    """A new site with so many sectors."""
    name = random_id(6)
    site = Sites(context).create({"name": f"Site {name}", "slug": f"site-{name}"})
    made = [Sectors(context).create({"site_id": site.id, "name": f"Sector {n}", "slug": f"sector-{n}"}) for n in range(sectors)]
    return [Place(site.id, sector.id) for sector in made]


@pytest.fixture
def place(ctx: ContextFactory) -> Place:
    """A site with one sector."""
    return make_site(ctx())[0]
