"""Users and grants: who may manage whom, the last owner, the plan's limit, and that all of it holds at once."""

import re

import pytest

from chalicelib.auth.users import USER
from tests.auth.conftest import PASSWORD, Api, Tenant, World, in_account
from tests.auth.test_sessions import code_for


@pytest.fixture
def tenant(world: World, request: pytest.FixtureRequest) -> Tenant:
    return world.tenant("p" + re.sub("[^a-z0-9]", "", request.node.name.lower())[-40:])


def signed_in(world: World, email: str, password: str = PASSWORD) -> Api:
    return Api(world, world.api().post("auth/login", {"email": email, "password": password}).data["access"])


class TestInvitations:
    def test_with_a_password_signs_in_at_once(self, world: World, tenant: Tenant) -> None:
        invited = world.api(tenant).post(
            "auth/users", {"email": "in@a.test", "role": "editor", "password": PASSWORD, "sites": [tenant.site_id]}
        )
        assert invited.status == 201 and invited.data["sites"] == [tenant.site_id]
        assert "tokens_after" not in invited.data and "ended" not in invited.data
        assert [s["id"] for s in signed_in(world, "in@a.test").get("auth/sites").body["results"]] == [tenant.site_id]
        grants = world.api(tenant).get(f"auth/site-access?user={invited.data['id']}").body["results"]
        assert [g["site_id"] for g in grants] == [tenant.site_id]

    def test_without_a_password_the_mailed_code_sets_one(self, world: World, tenant: Tenant) -> None:
        assert world.api(tenant).post("auth/users", {"email": "mailed@a.test", "role": "viewer"}).status == 201
        confirm = {"email": "mailed@a.test", "code": code_for("mailed@a.test"), "new_password": "Own-pass-123"}
        assert world.api().post("auth/password/reset/confirm", confirm).status == 200
        assert signed_in(world, "mailed@a.test", "Own-pass-123").get("auth/me").data["role"] == "viewer"

    def test_an_address_of_another_account_is_refused(self, world: World, tenant: Tenant) -> None:
        reply = world.api(tenant).post("auth/users", {"email": world.b.users["owner"][1], "role": "viewer"})
        assert (reply.status, reply.code) == (409, "duplicate")

    @pytest.mark.parametrize(("inviter", "role", "status"), [("admin", "owner", 403), ("admin", "admin", 201), ("owner", "developer", 403)])
    def test_nobody_grants_a_role_above_the_own(self, world: World, inviter: str, role: str, status: int) -> None:
        email = f"{inviter}-{role}@grants.test"
        assert world.api(world.a, inviter).post("auth/users", {"email": email, "role": role, "password": PASSWORD}).status == status

    @pytest.mark.parametrize(
        "body", [{"email": "none"}, {"email": "a@b.test", "role": "king"}, {"role": "viewer"}, {"email": "a@b.test", "id": 1, "x": 2}]
    )
    def test_a_wrong_body_is_400(self, world: World, body: dict[str, object]) -> None:
        assert world.api(world.a).post("auth/users", body).status == 400


class TestRoles:
    def test_an_admin_does_not_touch_an_owner(self, world: World) -> None:
        owner = world.a.users["owner"][0]
        admin = world.api(world.a, "admin")
        assert admin.patch(f"auth/users/{owner}", {"role": "viewer"}).status == 403
        assert admin.delete(f"auth/users/{owner}").status == 403

    def test_the_last_owner_stays(self, world: World, tenant: Tenant) -> None:
        api, owner = world.api(tenant), tenant.users["owner"][0]
        for reply in (api.patch(f"auth/users/{owner}", {"role": "admin"}), api.patch(f"auth/users/{owner}", {"is_active": False})):
            assert (reply.status, reply.code) == (409, "conflict")
        assert api.delete(f"auth/users/{owner}").status == 409
        admin = tenant.users["admin"][0]
        assert api.patch(f"auth/users/{admin}", {"role": "owner"}).data["role"] == "owner"
        assert api.patch(f"auth/users/{owner}", {"role": "admin"}).status == 200
        assert world.api(tenant, "admin").delete(f"auth/users/{admin}").status == 409

    def test_a_new_role_counts_for_the_next_request(self, world: World, tenant: Tenant) -> None:
        viewer, owner = world.api(tenant, "viewer"), world.api(tenant)
        assert viewer.get("auth/users").status == 403
        owner.patch(f"auth/users/{tenant.users['viewer'][0]}", {"role": "admin"})
        assert viewer.get("auth/users").status == 200

    def test_a_deactivated_user_is_out_at_once_and_can_come_back(self, world: World, tenant: Tenant) -> None:
        viewer, path = world.api(tenant, "viewer"), f"auth/users/{tenant.users['viewer'][0]}"
        world.api(tenant).patch(path, {"is_active": False})
        assert viewer.get("auth/me").status == 401
        email = tenant.users["viewer"][1]
        assert world.api().post("auth/login", {"email": email, "password": PASSWORD}).status == 401
        world.api(tenant).patch(path, {"is_active": True})
        assert viewer.get("auth/me").status == 200

    def test_a_removed_user_is_gone_and_the_address_free(self, world: World, tenant: Tenant) -> None:
        api, (viewer, email) = world.api(tenant), tenant.users["viewer"]
        token = world.api(tenant, "viewer")
        assert api.delete(f"auth/users/{viewer}").data == {"id": viewer}
        assert token.get("auth/me").status == 401
        assert api.get(f"auth/users/{viewer}").status == 404
        assert api.get("auth/site-access").body["results"] and all(g["user"] != viewer for g in api.get("auth/site-access").body["results"])
        assert api.post("auth/users", {"email": email, "role": "viewer", "password": PASSWORD}).status == 201

    def test_two_owners_cannot_demote_each_other(self, world: World, tenant: Tenant) -> None:
        api, owner, admin = world.api(tenant), tenant.users["owner"][0], tenant.users["admin"][0]
        api.patch(f"auth/users/{admin}", {"role": "owner"})
        world.api(tenant, "admin").patch(f"auth/users/{owner}", {"role": "viewer"})
        owners = [u for u in tenant.ctx.repository(USER).under((f"{tenant.id}#A", "U#")) if u.role == "owner"]
        assert [u.id for u in owners] == [admin]
        assert api.patch(f"auth/users/{admin}", {"role": "viewer"}).status == 403


class TestGrants:
    def test_a_removed_grant_takes_effect_at_once(self, world: World, tenant: Tenant) -> None:
        api, editor = world.api(tenant), world.api(tenant, "editor")
        assert editor.get(f"auth/sites/{tenant.site_id}").status == 200
        grant = f"auth/site-access/{tenant.users['editor'][0]}-{tenant.site_id}"
        assert api.get(grant).status == 200 and api.delete(grant).status == 200
        assert editor.get(f"auth/sites/{tenant.site_id}").status == 404
        assert editor.get("auth/sites").body["results"] == [] and editor.get("auth/sectors").body["results"] == []
        assert editor.get(f"planner/keywords?site_id={tenant.site_id}").status == 404
        again = {"user": tenant.users["editor"][0], "site_id": tenant.site_id}
        assert api.post("auth/site-access", again).status == 201
        assert editor.get(f"auth/sites/{tenant.site_id}").status == 200
        assert api.post("auth/site-access", again).status == 409

    def test_a_list_tells_nothing_of_sites_that_are_not_granted(self, world: World, tenant: Tenant) -> None:
        api = world.api(tenant)
        other = api.post("auth/sites", {"name": "Aside", "slug": "aside"}).data["id"]
        for ordering in ("name", "-created_at"):
            body = world.api(tenant, "viewer").get(f"auth/sites?ordering={ordering}&page_size=1").body
            assert ([s["id"] for s in body["results"]], body["count"], body["next"]) == ([tenant.site_id], 1, None)
        assert {s["id"] for s in api.get("auth/sites").body["results"]} == {tenant.site_id, other}

    def test_a_foreign_user_or_site_is_unknown(self, world: World) -> None:
        api = world.api(world.a)
        mine = {"user": world.a.users["viewer"][0], "site_id": world.a.site_id}
        for name, foreign, unknown in (("user", world.b.users["viewer"][0], "0000000000"), ("site_id", world.b.site_id, "000000")):
            replies = [api.post("auth/site-access", {**mine, name: one}) for one in (foreign, unknown)]
            assert [r.status for r in replies] == [404, 404] and replies[0].body["error"] == replies[1].body["error"]


class TestAccounts:
    @pytest.mark.parametrize("status", ["suspended", "cancelled"])
    def test_a_shut_account_is_out_at_once(self, world: World, tenant: Tenant, status: str) -> None:
        developer = in_account(world.api(world.operator, "developer"), tenant)
        api = world.api(tenant)
        session = world.api().post("auth/login", {"email": tenant.users["owner"][1], "password": PASSWORD}).data
        assert developer.patch("auth/account", {"status": status}).data["status"] == status
        for reply in (api.get("auth/me"), api.get("planner/keywords"), api.post("auth/logout")):
            assert (reply.status, reply.code) == (403, "account_inactive")
        assert world.api().post("auth/token/refresh", {"refresh": session["refresh"]}).status == 403
        assert world.api().post("auth/login", {"email": tenant.users["owner"][1], "password": PASSWORD}).status == 403
        developer.patch("auth/account", {"status": "active"})
        assert api.get("auth/me").status == 200

    def test_nobody_gives_the_own_account_a_better_plan(self, world: World, tenant: Tenant) -> None:
        api = world.api(tenant)
        assert api.patch("auth/account", {"plan": "agency"}).status == 403
        assert api.patch("auth/account", {"name": "Renamed", "plan": "system", "slug": "ignored"}).data["name"] == "Renamed"
        assert api.patch("auth/account", {"closed": {}, "nonsense": 1}).status == 400
        assert world.api(tenant, "editor").patch("auth/account", {"name": "Mine"}).status == 403

    def test_a_new_plan_brings_its_credits(self, world: World, tenant: Tenant) -> None:
        developer = in_account(world.api(world.operator, "developer"), tenant)
        before = developer.get("billing/balance").data["available"]
        assert developer.patch("auth/account", {"plan": "starter"}).status == 200
        assert developer.get("billing/balance").data["available"] == before + 2_000
        assert developer.patch("auth/account", {"plan": "none"}).status == 400

    def test_only_developers_cross_and_each_crossing_is_logged(self, world: World, caplog: pytest.LogCaptureFixture) -> None:
        for role in ("owner", "admin", "editor", "viewer"):
            assert in_account(world.api(world.a, role), world.b).get("auth/me").status == 403
        developer = in_account(world.api(world.operator, "developer"), world.b)
        caplog.clear()
        assert developer.get(f"auth/sites/{world.b.site_id}").status == 200
        crossings = [r for r in caplog.records if r.message == "account crossing"]
        assert [(r.home, r.account, r.email) for r in crossings] == [(world.operator.id, world.b.id, "developer@operator.test")]  # type: ignore[attr-defined]
        assert world.api(world.operator, "developer").get(f"auth/sites/{world.b.site_id}").status == 404
        assert in_account(world.api(world.operator, "developer"), Tenant("zzzzzzzz", "", "", {}, world.a.ctx)).get("auth/me").status == 404

    def test_a_system_accounts_viewer_reads_elsewhere_but_does_not_write(self, world: World) -> None:
        viewer = in_account(world.api(world.operator, "viewer"), world.b)
        assert viewer.get(f"auth/sites/{world.b.site_id}").status == 200
        assert viewer.patch(f"auth/sites/{world.b.site_id}", {"name": "x"}).status == 403
        admin = in_account(world.api(world.operator, "admin"), world.b)
        assert admin.patch(f"auth/sites/{world.b.site_id}", {"tone": "calm"}).status == 200
