"""The API in this process, with a user pool (moto's Cognito) and two accounts of every role, asked over the gateway's own events."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import boto3
import pytest
from moto.cognitoidp.responses import CognitoIdpJsonWebKeyResponse

from chalicelib import deps as wiring
from chalicelib.adapters.cognito import CognitoUserPool
from chalicelib.adapters.system_clock import SystemClock
from chalicelib.auth.onboarding import create_account, create_user
from chalicelib.auth.sites import Sectors, Sites
from chalicelib.auth.users import username
from chalicelib.core.config import Config
from chalicelib.core.context import Context, Deps
from chalicelib.core.cursor import Cursors
from chalicelib.core.scope import Scope
from infra import catalogue
from infra.local import cognito_patches
from infra.local.api_server import Gateway
from tests.conftest import Tables
from tests.fakes import MemoryFiles, RecordingJobs, RecordingWorkflow, ReversibleSecrets, unavailable

PASSWORD = "Right-pass-1"
REGION = "us-east-1"


@dataclass
class Reply:
    status: int
    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def data(self) -> Any:
        return self.body["data"]

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])


@dataclass
class Api:
    """Calls of one bearer. `api.as_("owner")` is another."""

    world: "World"
    token: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        sent = {"content-type": "application/json", **self.headers, **{k.replace("_", "-").lower(): v for k, v in headers.items()}}
        if self.token:
            sent["authorization"] = f"Bearer {self.token}"
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        status, answered, text = self.world.gateway.call(method, f"/api/v1/{path}", sent, raw)
        parsed = json.loads(text) if text[:1] == b"{" else {"text": text.decode()}
        return Reply(status, parsed, {k.lower(): v for k, v in answered})

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Reply:
        return self.ask("POST", path, {} if body is None else body, **headers)

    def patch(self, path: str, body: Any, **headers: str) -> Reply:
        return self.ask("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Reply:
        return self.ask("DELETE", path, **headers)


@dataclass
class Tenant:
    """An account with a site, a sector and a user of each role. users: role -> (id, e-mail address)."""

    id: str
    site_id: str
    sector_id: str
    users: dict[str, tuple[str, str]]
    ctx: Context


@dataclass
class World:
    """a, b: tenants; operator: the system account, whose user is a developer."""

    deps: Deps
    gateway: Gateway
    a: Tenant
    b: Tenant
    operator: Tenant
    tokens: dict[str, str] = field(default_factory=dict)

    def tenant(self, name: str, plan: str = "system", **account: Any) -> Tenant:
        return make_tenant(self.deps, name, plan, **account)

    def token(self, tenant: Tenant, role: str) -> str:
        """An access token of the tenant's user of this role; made once."""
        name = username(tenant.id, tenant.users[role][0])
        if name not in self.tokens:
            self.tokens[name] = self.deps.user_pool.login(name, PASSWORD).access
        return self.tokens[name]

    def api(self, tenant: Tenant | None = None, role: str = "owner", **headers: str) -> Api:
        sent = {k.replace("_", "-").lower(): v for k, v in headers.items()}
        return Api(self, self.token(tenant, role) if tenant else "", sent)


def make_tenant(deps: Deps, name: str, plan: str = "system", first: str = "owner", **account: Any) -> Tenant:
    email = f"{first}@{name}.test"
    made, user = create_account(
        deps,
        name=name,
        slug=name,
        email=email,
        password=PASSWORD,
        role=first,
        **{"status": "active", "plan": plan, "credits": 500, **account},
    )
    ctx = Context(Scope.worker(made.id), deps)
    site = Sites(ctx).create({"name": f"Site of {name}", "slug": "first", "industry": "coffee"})
    sector = Sectors(ctx).create({"site_id": site.id, "name": "General", "slug": "general", "industry_sector": catalogue.FIRST_SECTOR_ID})
    users = {first: (user.id, email)}
    if plan == "system":
        for role in ("admin", "editor", "viewer"):
            sites = [site.id] if role != "admin" else []
            person = create_user(ctx, email=f"{role}@{name}.test", password=PASSWORD, role=role, sites=sites)
            users[role] = (person.id, person.email)
    return Tenant(made.id, site.id, sector.id, users, ctx)


@pytest.fixture(scope="module")
def pool(tables: Tables) -> CognitoUserPool:
    cognito_patches.install()
    cognito_patches.outbox.clear()
    client = boto3.client("cognito-idp", region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x")
    policy = {"PasswordPolicy": {"MinimumLength": 10, "RequireLowercase": True, "RequireUppercase": True, "RequireNumbers": True}}
    policy["PasswordPolicy"]["RequireSymbols"] = False
    pool_id = client.create_user_pool(PoolName="users", Policies=policy)["UserPool"]["Id"]
    client_id = client.create_user_pool_client(UserPoolId=pool_id, ClientName="api")["UserPoolClient"]["ClientId"]
    return CognitoUserPool(client, REGION, pool_id, client_id, CognitoIdpJsonWebKeyResponse.json_web_key.decode())


@pytest.fixture(scope="module")
def world(tables: Tables, pool: CognitoUserPool) -> Iterator[World]:
    import app

    deps = Deps(
        config=Config(stage="local", throttle="off", ai_provider="offline"),
        table=tables.app,
        ops=tables.ops,
        clock=SystemClock(),
        files=MemoryFiles(),
        jobs=RecordingJobs(),
        workflow=RecordingWorkflow(),
        secrets=ReversibleSecrets(),
        user_pool=pool,
        cursors=Cursors(b"the signing key of the tests"),
        text=unavailable("text model"),
        image=unavailable("image model"),
        embedder=unavailable("embedder"),
        publisher=unavailable("publisher"),
    )
    wiring.use(deps)
    catalogue.install(deps)
    a, b = make_tenant(deps, "alpha"), make_tenant(deps, "beta")
    operator = make_tenant(deps, "operator", first="developer", system=True)
    yield World(deps, Gateway(app.app), a, b, operator)
    wiring.use(None)


@pytest.fixture(scope="module")
def owner(world: World) -> Api:
    return world.api(world.a)


@pytest.fixture(scope="module")
def developer(world: World) -> Api:
    return world.api(world.operator, "developer")


def in_account(api: Api, tenant: Tenant) -> Api:
    """The same bearer, in another account."""
    return replace(api, headers={"x-account-id": tenant.id})
