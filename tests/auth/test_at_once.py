"""What two do at the same moment: each rule that counts or compares holds when its requests meet."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.auth.users import USER
from chalicelib.billing.plans import used_now
from tests.auth.conftest import PASSWORD, Api, Reply, Tenant, World
from tests.auth.test_sessions import register

TRIES = 3  # each with accounts of its own


def at_once(*asked: Callable[[], Reply]) -> list[Reply]:
    """The answers of requests that begin together."""
    together = threading.Barrier(len(asked))

    def one(ask: Callable[[], Reply]) -> Reply:
        together.wait(30)
        return ask()

    with ThreadPoolExecutor(len(asked)) as pool:
        return list(pool.map(one, asked))


@pytest.fixture(params=range(TRIES))
def name(request: pytest.FixtureRequest) -> str:
    return f"{request.node.originalname.removeprefix('test_').replace('_', '')[:40]}{request.param}"


def test_an_address_registers_once(world: World, name: str) -> None:
    body = {"email": f"{name}@race.test", "password": PASSWORD}
    replies = at_once(*[lambda: world.api().post("auth/register", body)] * 4)
    assert sorted(r.status for r in replies) == [201, 409, 409, 409]
    assert world.api().post("auth/login", body).status == 200


def test_one_owner_stays_when_two_go(world: World, name: str) -> None:
    tenant = world.tenant(name)
    first, second = tenant.users["owner"][0], tenant.users["admin"][0]
    assert world.api(tenant).patch(f"auth/users/{second}", {"role": "owner"}).status == 200
    demote = {"role": "viewer"}
    replies = at_once(
        lambda: world.api(tenant).patch(f"auth/users/{first}", demote),
        lambda: world.api(tenant, "admin").patch(f"auth/users/{second}", demote),
    )
    owners = [u for u in tenant.ctx.repository(USER).under((f"{tenant.id}#A", "U#")) if u.role == "owner" and u.is_active]
    assert len(owners) == 1 and sorted(r.status for r in replies) == [200, 409]


def test_the_plans_limit_is_not_passed(world: World, name: str) -> None:
    tenant = world.tenant(name, plan="trial")
    invite = [{"email": f"{name}{n}@race.test", "role": "viewer", "password": PASSWORD} for n in range(4)]
    replies = at_once(*[lambda body=body: world.api(tenant).post("auth/users", body) for body in invite])  # type: ignore[misc]
    assert sorted(r.status for r in replies) == [201, 403, 403, 403], "a trial has two users"
    assert used_now(tenant.ctx)["users"] == 2


def keyed(api: Api, tenant: Tenant) -> Callable[[], Reply]:
    body = {"site_id": tenant.site_id, "sector_id": tenant.sector_id, "keyword": "at once"}
    return lambda: api.post("planner/keywords", body, Idempotency_Key="the-same")


def test_an_idempotency_key_is_done_once(world: World, name: str) -> None:
    tenant = world.tenant(name)
    replies = at_once(*[keyed(world.api(tenant), tenant)] * 4)
    assert {r.status for r in replies} <= {201, 409} and any(r.status == 201 for r in replies)
    assert len({r.data["id"] for r in replies if r.status == 201}) == 1
    assert world.api(tenant).get("planner/keywords").body["count"] == 1
    again = keyed(world.api(tenant), tenant)()
    assert (again.status, again.headers["idempotent-replayed"]) == (201, "true")


def test_a_refresh_that_meets_the_logout_does_not_outlive_it(world: World, name: str) -> None:
    session = register(world.api(), f"{name}@race.test")
    out, fresh = at_once(
        lambda: Api(world, session["access"]).post("auth/logout", {"refresh": session["refresh"]}),
        lambda: world.api().post("auth/token/refresh", {"refresh": session["refresh"]}),
    )
    assert out.status == 200 and fresh.status in (200, 401)
    if fresh.status == 200:
        assert Api(world, fresh.data["access"]).get("auth/me").status == 401, "a session ends with all its tokens"
    assert world.api().post("auth/token/refresh", {"refresh": session["refresh"]}).status == 401
