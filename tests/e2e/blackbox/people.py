"""Users, grants, roles, and what other accounts do not get to know."""

from typing import Any

import pytest

from tests.e2e.blackbox.client import Api
from tests.e2e.blackbox.making import cluster, content, crud, keywords, made, name, task
from tests.e2e.blackbox.target import PASSWORD


def _invited(owner: Api, public: Api, role: str, sites: list[str] | None = None) -> tuple[str, Api]:
    address = f"{name(role)}@demo.test"
    user = made(owner, "auth/users/", email=address, name="New", role=role, sites=sites or [], password=PASSWORD)
    return user["id"], public.sign_in(address, PASSWORD)


def test_users_are_invited_changed_and_removed(owner: Api) -> None:
    body = {"email": f"{name('user')}@demo.test", "name": "Ana", "role": "editor", "password": PASSWORD}
    crud(owner, "auth/users/", body, {"name": "Anna"}, put={"name": "Anna", "role": "viewer"})


def test_a_deactivated_user_is_out_at_once(owner: Api, public: Api) -> None:
    user, caller = _invited(owner, public, "viewer")
    caller.get("auth/me/")
    owner.patch(f"auth/users/{user}/", {"is_active": False})
    caller.get("auth/me/", status=401)
    owner.patch(f"auth/users/{user}/", {"is_active": True})
    caller.get("auth/me/")
    owner.delete(f"auth/users/{user}/")
    caller.get("auth/me/", status=401)


def test_an_editor_without_a_grant_sees_nothing(owner: Api, public: Api, site: str, where: dict[str, Any]) -> None:
    one = cluster(owner, where)
    user, caller = _invited(owner, public, "editor")
    for path in ("auth/sites/", "auth/sectors/", "planner/keywords/", "planner/clusters/", "writer/content/"):
        assert caller.every(path) == []
    caller.get(f"planner/clusters/{one}/", status=404)
    caller.get("planner/clusters/", site_id=site, status=404)
    grant = made(owner, "auth/site-access/", site_id=site, user=user)
    assert caller.get(f"planner/clusters/{one}/").data["id"] == one
    assert owner.get(f"auth/site-access/{grant['id']}/").data["user"] == user
    assert [row["id"] for row in owner.every("auth/site-access/", user=user)] == [grant["id"]]
    owner.delete(f"auth/site-access/{grant['id']}/")
    caller.get(f"planner/clusters/{one}/", status=404)
    owner.delete(f"auth/users/{user}/")


def test_a_viewer_writes_nothing(viewer: Api, where: dict[str, Any]) -> None:
    for path in (
        "planner/keywords/",
        "planner/clusters/",
        "planner/ideas/",
        "writer/tasks/",
        "writer/content/",
        "auth/sites/",
        "automation/run_now/",
    ):
        assert viewer.post(path, {**where, "name": "x"}, status=403).error["code"] == "forbidden", path
    viewer.get("planner/clusters/", **where)
    viewer.get("billing/transactions/", status=403)


def test_an_editor_leaves_settings_and_people_alone(editor: Api, site: str) -> None:
    editor.put(f"automation/config/?site_id={site}", {"enabled": True}, status=403)
    editor.get("system/settings/integrations/", status=403)
    editor.post("auth/users/", {"email": "x@demo.test", "role": "viewer"}, status=403)


def test_an_admin_reads_no_other_account(owner: Api, public: Api, other: Api) -> None:
    user, admin = _invited(owner, public, "admin")
    theirs = other.every("auth/sites/")[0]
    admin.get(f"auth/sites/{theirs['id']}/", status=404)
    assert theirs["id"] not in [row["id"] for row in admin.every("auth/sites/")]
    account = other.get("auth/account/").data["id"]
    answer = admin.crossing(account).get("auth/account/", status=403)
    assert "Other" not in str(answer.body)
    owner.delete(f"auth/users/{user}/")


def test_a_developer_crosses_by_naming_the_account(developer: Api, other: Api) -> None:
    account = other.get("auth/account/").data
    assert developer.crossing(account["id"]).get("auth/account/").data["name"] == account["name"]


def test_foreign_ids_are_unknown_ids(owner: Api, other: Api, where: dict[str, Any]) -> None:
    theirs = {"site_id": other.every("auth/sites/")[0]["id"]}
    theirs["sector_id"] = other.every("auth/sectors/", site_id=theirs["site_id"])[0]["id"]
    mine = cluster(owner, where)
    objects = {
        "auth/sites/": where["site_id"],
        "auth/sectors/": where["sector_id"],
        "planner/clusters/": mine,
        "planner/keywords/": keywords(owner, where, "foreign espresso")[0],
        "writer/tasks/": task(owner, where, cluster=mine)["id"],
        "writer/content/": content(owner, where, cluster=mine)["id"],
    }
    for path, one in objects.items():
        for method in ("GET", "DELETE"):
            foreign, unknown = (other.call(method, f"{path}{i}/", status=404).error for i in (one, "unknown"))
            assert foreign == unknown, path
        foreign, unknown = (other.patch(f"{path}{i}/", {}, status=404).error for i in (one, "unknown"))
        assert foreign == unknown, path
    for parameter in ({"cluster": mine}, {"site_id": where["site_id"]}, {"sector_id": where["sector_id"]}):
        assert other.get("planner/keywords/", status=404, **parameter).error["code"] == "not_found"
    assert other.post("planner/clusters/", {**where, "name": "x"}, status=404).error["code"] == "not_found"
    kind = {"title": "x", "content_type": "post", "content_structure": "guide"}
    assert other.post("writer/tasks/", {**theirs, **kind, "cluster": mine}, status=404).error["code"] == "not_found"
    failed = other.post("planner/keywords/bulk_delete/", {"ids": [objects["planner/keywords/"]]}).data["failed"]
    assert [row["code"] for row in failed] == ["not_found"]


@pytest.mark.parametrize("role", ["owner", "developer"])
def test_nobody_grants_a_role_above_the_own(owner: Api, public: Api, role: str) -> None:
    user, admin = _invited(owner, public, "admin")
    admin.post("auth/users/", {"email": f"{name('x')}@demo.test", "role": role}, status=403)
    owner.delete(f"auth/users/{user}/")
