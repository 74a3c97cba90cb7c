"""Sites and sectors: five active sectors, alignment with the industry, what is closed is hidden, and the plan's limit."""

import re

import pytest

from chalicelib.billing.plans import used_now
from tests.auth.conftest import Api, Tenant, World, in_account


@pytest.fixture
def tenant(world: World, request: pytest.FixtureRequest) -> Tenant:
    return world.tenant("s" + re.sub("[^a-z0-9]", "", request.node.name.lower())[-40:])


def new_sector(api: Api, site_id: str, number: int, **more: object) -> str:
    reply = api.post("auth/sectors", {"site_id": site_id, "name": f"Sector {number}", "slug": f"sector-{number}", **more})
    assert reply.status == 201, reply.body
    return str(reply.data["id"])


class TestSectors:
    def test_five_active_at_most(self, world: World, tenant: Tenant) -> None:
        api = world.api(tenant)
        made = [new_sector(api, tenant.site_id, n) for n in range(4)]
        sixth = {"site_id": tenant.site_id, "name": "Six", "slug": "six"}
        assert (api.post("auth/sectors", sixth).status, api.post("auth/sectors", sixth).code) == (409, "conflict")
        inactive = api.post("auth/sectors", {**sixth, "is_active": False})
        assert inactive.status == 201
        assert api.patch(f"auth/sectors/{inactive.data['id']}", {"is_active": True}).status == 409
        api.patch(f"auth/sectors/{made[0]}", {"is_active": False})
        assert api.patch(f"auth/sectors/{inactive.data['id']}", {"is_active": True}).status == 200
        assert api.delete(f"auth/sectors/{made[1]}").status == 200
        assert api.patch(f"auth/sectors/{made[0]}", {"is_active": True}).status == 200
        assert api.post(f"auth/sectors/{made[1]}/restore").status == 409

    def test_a_slug_is_unique_in_its_site_until_deleted(self, world: World, tenant: Tenant) -> None:
        api = world.api(tenant)
        first = new_sector(api, tenant.site_id, 1)
        body = {"site_id": tenant.site_id, "name": "Another", "slug": "sector-1"}
        assert api.post("auth/sectors", body).code == "duplicate"
        api.delete(f"auth/sectors/{first}")
        assert api.post("auth/sectors", body).status == 201
        assert api.post(f"auth/sectors/{first}/restore").code == "duplicate"

    def test_alignment_is_with_the_sites_industry(self, world: World, tenant: Tenant) -> None:
        api = world.api(tenant)
        world.api(world.operator, "developer").post("auth/industries", {"name": "Travel"})
        world.api(world.operator, "developer").post("auth/industry-sectors", {"name": "Hotels", "industry": "travel"})
        body = {"site_id": tenant.site_id, "name": "Hotels", "slug": "hotels"}
        wrong = api.post("auth/sectors", {**body, "industry_sector": "travel.hotels"})
        assert wrong.status == 400 and "industry_sector" in wrong.body["error"]["fields"]
        assert api.post("auth/sectors", {**body, "industry_sector": "travel.none"}).status == 404
        assert api.patch(f"auth/sites/{tenant.site_id}", {"industry": "travel"}).status == 400
        api.patch(f"auth/sectors/{tenant.sector_id}", {"industry_sector": None})
        assert api.patch(f"auth/sites/{tenant.site_id}", {"industry": "travel"}).status == 200
        assert api.post("auth/sectors", {**body, "industry_sector": "travel.hotels"}).status == 201


class TestClosing:
    def test_an_inactive_site_is_for_owner_and_admin_only(self, world: World, tenant: Tenant) -> None:
        api, path = world.api(tenant), f"auth/sites/{tenant.site_id}"
        keyword = api.post("planner/keywords", {"site_id": tenant.site_id, "sector_id": tenant.sector_id, "keyword": "one"}).data["id"]
        assert api.patch(path, {"is_active": False}).status == 200
        for role, status in (("owner", 200), ("admin", 200), ("editor", 404), ("viewer", 404)):
            one = world.api(tenant, role)
            assert one.get(path).status == status
            assert one.get(f"planner/keywords/{keyword}").status == status, role
        developer = in_account(world.api(world.operator, "developer"), tenant)
        assert developer.get(f"planner/keywords/{keyword}").status == 404
        assert world.api(tenant, "admin").patch(path, {"is_active": True}).status == 200
        assert world.api(tenant, "viewer").get(f"planner/keywords/{keyword}").status == 200

    @pytest.mark.parametrize("what", ["sites", "sectors"])
    def test_what_is_in_a_deleted_place_is_hidden_until_it_is_restored(self, world: World, tenant: Tenant, what: str) -> None:
        api = world.api(tenant)
        keyword = api.post("planner/keywords", {"site_id": tenant.site_id, "sector_id": tenant.sector_id, "keyword": "one"}).data["id"]
        place = tenant.site_id if what == "sites" else tenant.sector_id
        assert api.delete(f"auth/{what}/{place}").data == {"id": place}
        assert api.get(f"planner/keywords/{keyword}").status == 404
        assert api.get("planner/keywords").body["results"] == []
        assert api.get(f"auth/{what}/{place}").status == 404
        assert api.post("planner/keywords", {"site_id": tenant.site_id, "sector_id": tenant.sector_id, "keyword": "two"}).status == 404
        if what == "sites":
            assert place in [s["id"] for s in api.get("auth/sites?deleted=true").body["results"]]
        assert api.post(f"auth/{what}/{place}/restore").status == 200
        assert api.get(f"planner/keywords/{keyword}").status == 200

    def test_a_deleted_site_gives_its_place_in_the_plan_back(self, world: World, tenant: Tenant) -> None:
        api = world.api(tenant)
        assert used_now(tenant.ctx)["sites"] == 1
        api.delete(f"auth/sites/{tenant.site_id}")
        assert used_now(tenant.ctx)["sites"] == 0
        assert api.delete(f"auth/sites/{tenant.site_id}").status == 404
        api.post(f"auth/sites/{tenant.site_id}/restore")
        assert used_now(tenant.ctx)["sites"] == 1


class TestRules:
    def test_if_match_decides(self, world: World, tenant: Tenant) -> None:
        api, path = world.api(tenant), f"auth/sites/{tenant.site_id}"
        version = api.get(path).data["version"]
        assert api.patch(path, {"tone": "calm"}, if_match=f'"{version}"').status == 200
        assert api.patch(path, {"tone": "loud"}, if_match=f'"{version}"').status == 412
        assert api.delete(path, if_match=f'"{version}"').status == 412

    def test_a_site_slug_is_unique_in_the_account(self, world: World, tenant: Tenant) -> None:
        api = world.api(tenant)
        assert api.post("auth/sites", {"name": "Again", "slug": "first"}).code == "duplicate"
        assert api.post("auth/sites", {"name": "Other", "slug": "other"}).status == 201

    def test_the_default_author_is_one_of_the_account(self, world: World, tenant: Tenant) -> None:
        other = world.api(world.b).post("system/author-profiles", {"name": f"Of {tenant.id}"}).data["id"]
        mine = world.api(tenant).post("system/author-profiles", {"name": "Mine"}).data["id"]
        api, path = world.api(tenant), f"auth/sites/{tenant.site_id}"
        foreign, unknown = (api.patch(path, {"default_author": a}) for a in (other, "nobody"))
        assert (foreign.status, foreign.body["error"]) == (404, unknown.body["error"])
        assert api.patch(path, {"default_author": mine}).status == 200

    def test_the_plan_limits_sites_and_users(self, world: World) -> None:
        tenant = world.tenant("limited", plan="trial")
        api = world.api(tenant)
        refused = api.post("auth/sites", {"name": "Second", "slug": "second"})
        assert (refused.status, refused.code) == (403, "plan_limit")
        assert (refused.body["error"]["limit"], refused.body["error"]["used"]) == (1, 1)
        assert api.post("auth/users", {"email": "two@limited.test", "role": "viewer"}).status == 201
        refused = api.post("auth/users", {"email": "three@limited.test", "role": "viewer"})
        assert (refused.status, refused.code, refused.body["error"]["limit"]) == (403, "plan_limit", 2)
        shown = {row["resource"]: row for row in api.get("billing/limits").data["limits"]}
        assert (shown["sites"]["used"], shown["users"]["left"]) == (1, 0)
