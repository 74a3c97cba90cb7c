"""Sessions over HTTP: register, sign in, refresh, sign out, and new passwords; each end is at once."""

import re
import zlib
from typing import Any

import pytest

from infra.local import cognito_patches
from tests.auth.conftest import PASSWORD, Api, World

Json = dict[str, Any]


@pytest.fixture
def public(world: World) -> Api:
    return world.api()


def register(public: Api, email: str, **more: Any) -> Json:
    reply = public.post("auth/register", {"email": email, "password": PASSWORD, **more})
    assert reply.status == 201, reply.body
    data: Json = reply.data
    return data


def bearer(world: World, session: Json) -> Api:
    return Api(world, session["access"])


def login(public: Api, email: str, password: str = PASSWORD) -> Any:
    return public.post("auth/login", {"email": email, "password": password})


def code_for(email: str) -> str:
    mail = next(m for m in reversed(cognito_patches.outbox) if m["To"] == email)
    found = re.search(r"\b\d{6}\b", mail.get_content())
    assert found
    return found.group()


class TestRegister:
    def test_makes_account_owner_and_trial_plan_with_its_credits(self, world: World, public: Api) -> None:
        made = register(public, "new@customer.test", account_name="New Customer", name="Nia")
        user = made["user"]
        assert (user["role"], user["email"], user["name"]) == ("owner", "new@customer.test", "Nia")
        account = user["account"]
        assert (account["name"], account["status"], account["plan"], account["credits"]) == ("New Customer", "trial", "trial", 500)
        assert bearer(world, made).get("auth/me").data["id"] == user["id"]

    def test_two_accounts_of_one_name_get_two_slugs(self, world: World, public: Api) -> None:
        slugs = []
        for email in ("one@same.test", "two@same.test"):
            slugs.append(bearer(world, register(public, email, account_name="Same Name")).get("auth/account").data["slug"])
        assert slugs[0] == "same-name" and slugs[1].startswith("same-name-")

    def test_an_address_in_use_is_refused_whatever_its_case(self, public: Api) -> None:
        register(public, "taken@customer.test")
        reply = public.post("auth/register", {"email": "Taken@Customer.test", "password": PASSWORD})
        assert (reply.status, reply.code) == (409, "duplicate")

    def test_a_weak_password_makes_nothing_and_can_be_mended(self, public: Api) -> None:
        weak = public.post("auth/register", {"email": "weak@customer.test", "password": "short"})
        assert (weak.status, list(weak.body["error"]["fields"])) == (400, ["password"])
        register(public, "weak@customer.test")

    @pytest.mark.parametrize(
        "email", ["a@b\r\nBcc: c@d", "a@b\x00", "<script>@b.test", "a b@c.test", "a@b@c.test", "a,b@c.test", '"a"@b.test']
    )
    def test_what_is_no_address_is_refused(self, public: Api, email: str) -> None:
        assert public.post("auth/register", {"email": email, "password": PASSWORD}).status == 400

    def test_addresses_of_every_language_are_taken(self, public: Api) -> None:
        register(public, "jürgen+neu.o'hara@müller.test")

    def test_unknown_fields_are_refused(self, public: Api) -> None:
        assert public.post("auth/register", {"email": "x@y.test", "password": PASSWORD, "role": "developer"}).status == 400


class TestLogin:
    def test_unknown_address_and_wrong_password_answer_alike(self, world: World, public: Api) -> None:
        bodies = [login(public, email, "Wrong-pass-1") for email in (world.a.users["owner"][1], "nobody@nowhere.test")]
        assert [b.status for b in bodies] == [401, 401]
        assert bodies[0].body["error"] == bodies[1].body["error"]

    def test_any_case_of_the_address_signs_in(self, world: World, public: Api) -> None:
        reply = login(public, world.a.users["owner"][1].upper())
        assert reply.status == 200 and set(reply.data) == {"access", "refresh", "expires_in", "user"}


class TestRefreshAndLogout:
    def test_a_refreshed_token_works_and_logout_ends_both_at_once(self, world: World, public: Api) -> None:
        first = login(public, world.a.users["viewer"][1]).data
        second = public.post("auth/token/refresh", {"refresh": first["refresh"]}).data
        other = login(public, world.a.users["viewer"][1]).data
        assert bearer(world, second).get("auth/me").status == 200
        assert bearer(world, second).post("auth/logout", {"refresh": first["refresh"]}).status == 200
        for ended in (first, second):
            assert bearer(world, ended).get("auth/me").status == 401
        assert public.post("auth/token/refresh", {"refresh": first["refresh"]}).status == 401
        assert bearer(world, other).get("auth/me").status == 200, "another session goes on"

    def test_logout_without_the_refresh_token_ends_it_too(self, world: World, public: Api) -> None:
        session = login(public, world.a.users["viewer"][1]).data
        assert bearer(world, session).post("auth/logout").status == 200
        assert public.post("auth/token/refresh", {"refresh": session["refresh"]}).status == 401

    def test_a_refresh_token_that_is_none_is_401(self, public: Api) -> None:
        assert public.post("auth/token/refresh", {"refresh": "none"}).status == 401

    def test_logout_of_a_strange_refresh_token_still_ends_the_session(self, world: World, public: Api) -> None:
        session = login(public, world.a.users["viewer"][1]).data
        assert bearer(world, session).post("auth/logout", {"refresh": "none"}).status == 200
        assert bearer(world, session).get("auth/me").status == 401


class TestPasswords:
    def test_a_change_ends_other_sessions_and_begins_one(self, world: World, public: Api) -> None:
        email = "change@customer.test"
        first = register(public, email)
        other = login(public, email).data
        changed = bearer(world, first).post("auth/password/change", {"current_password": PASSWORD, "new_password": "Other-pass-2"})
        assert changed.status == 200
        for ended in (first, other):
            assert bearer(world, ended).get("auth/me").status == 401
            assert public.post("auth/token/refresh", {"refresh": ended["refresh"]}).status == 401
        assert bearer(world, changed.data).get("auth/me").status == 200
        assert login(public, email).status == 401 and login(public, email, "Other-pass-2").status == 200

    def test_a_wrong_present_password_changes_nothing(self, world: World, public: Api) -> None:
        session = register(public, "keep@customer.test")
        reply = bearer(world, session).post("auth/password/change", {"current_password": "Wrong-pass-1", "new_password": "Other-pass-2"})
        assert reply.status == 400 and "current_password" in reply.body["error"]["fields"]
        assert bearer(world, session).get("auth/me").status == 200

    def test_the_new_tokens_are_kept_nowhere(self, world: World, public: Api) -> None:
        """What an Idempotency-Key keeps lies in a table for a day."""
        first = register(public, "kept@customer.test")
        body = {"current_password": PASSWORD, "new_password": "Other-pass-2"}
        changed = bearer(world, first).post("auth/password/change", body, Idempotency_Key="one")
        assert changed.status == 200
        kept = [zlib.decompress(i["body"]).decode() for i in world.deps.ops.scan_all() if "body" in i and "#IDEMPOTENCY#" in i["pk"]]
        assert not [text for text in kept if changed.data["access"] in text or changed.data["refresh"] in text]

    def test_a_mailed_code_sets_a_new_password_once(self, world: World, public: Api) -> None:
        email = "forgot@customer.test"
        session = register(public, email)
        assert public.post("auth/password/reset", {"email": email}).status == 200
        code = code_for(email)
        wrong = "000000" if code != "000000" else "000001"
        confirm = {"email": email, "code": wrong, "new_password": "Other-pass-2"}
        assert "code" in public.post("auth/password/reset/confirm", confirm).body["error"]["fields"]
        confirm["code"] = code
        weak = public.post("auth/password/reset/confirm", {**confirm, "new_password": "weak"})
        assert weak.status == 400 and "new_password" in weak.body["error"]["fields"]
        assert public.post("auth/password/reset/confirm", confirm).status == 200
        assert bearer(world, session).get("auth/me").status == 401
        assert login(public, email, "Other-pass-2").status == 200
        assert public.post("auth/password/reset/confirm", confirm).status == 400

    def test_a_reset_says_nothing_about_the_address(self, public: Api) -> None:
        known, unknown = (public.post("auth/password/reset", {"email": e}) for e in ("forgot@customer.test", "nobody@nowhere.test"))
        assert (known.status, known.body["data"], known.body["message"]) == (200, unknown.body["data"], unknown.body["message"])
        wrong = [
            public.post("auth/password/reset/confirm", {"email": e, "code": "123", "new_password": "Other-pass-2"}).body["error"]
            for e in ("forgot@customer.test", "nobody@nowhere.test")
        ]
        assert wrong[0] == wrong[1]


class TestMe:
    def test_active_site_must_be_one_that_may_be_seen(self, world: World) -> None:
        viewer = world.api(world.a, "viewer")
        assert viewer.patch("auth/me", {"active_site": world.a.site_id, "name": "Vi"}).data["active_site"] == world.a.site_id
        foreign, unknown = (viewer.patch("auth/me", {"active_site": s}) for s in (world.b.site_id, "zzzzzz"))
        assert (foreign.status, unknown.status) == (404, 404) and foreign.body["error"] == unknown.body["error"]
        assert viewer.patch("auth/me", {"active_site": None}).data["active_site"] is None

    def test_a_version_that_moved_on_is_refused(self, world: World) -> None:
        viewer = world.api(world.a, "viewer")
        version = viewer.patch("auth/me", {"name": "Vivi"}).data["version"]
        assert viewer.patch("auth/me", {"name": "V"}, If_Match=f'"{version}"').status == 200
        assert viewer.patch("auth/me", {"name": "W"}, If_Match=f'"{version}"').status == 412

    def test_nobody_changes_the_own_role_here(self, world: World) -> None:
        assert world.api(world.a, "viewer").patch("auth/me", {"role": "owner"}).status == 400
