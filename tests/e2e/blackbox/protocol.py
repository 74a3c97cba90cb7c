"""What all answers share: envelope, lists, errors, slashes, headers, health, document and its page."""

import os
import re
from typing import Any

import pytest
import requests

from tests.e2e.blackbox.client import Api
from tests.e2e.blackbox.making import made, name


def test_health_document_and_page_need_no_login(public: Api) -> None:
    assert public.get("health").data["status"] == "ok"
    document = public.get("openapi.json")
    assert document.body["openapi"].startswith("3.1") and document.body["paths"]
    page = public.get("docs")
    text = page.body.decode()
    assert page.headers["content-type"].startswith("text/html")
    for link in re.findall(r'(?:href|src)="([^"#]+)"', text):
        assert not re.match(r"(https?:)?//", link), f"{link} is served by somebody else"


@pytest.mark.parametrize("path", ["health", "openapi.json", "docs", "auth/plans", "system/strategies", "billing/balance"])
def test_a_path_answers_with_and_without_its_slash(owner: Api, path: str) -> None:
    first, second = owner.get(path), owner.get(f"{path}/")
    assert (first.status, first.headers["content-type"]) == (second.status, second.headers["content-type"])
    if isinstance(first.body, dict) and path != "openapi.json":
        assert first.bare() == second.bare()
    else:
        assert first.body == second.body


def test_an_object_answers_with_and_without_its_slash(owner: Api, site: str) -> None:
    assert owner.get(f"auth/sites/{site}").bare() == owner.get(f"auth/sites/{site}/").bare()
    assert owner.patch(f"auth/sites/{site}", {"tone": "calm"}).data["tone"] == "calm"


def test_pages_lead_there_and_back(owner: Api, where: dict[str, Any]) -> None:
    for number in range(5):
        made(owner, "planner/keywords/", **where, keyword=f"grinder {number}", volume=number)
    first = owner.get("planner/keywords/", **where, page_size=2, ordering="-volume")
    assert [row["volume"] for row in first.results] == [4, 3]
    assert (first.body["count"], first.body["count_is"], first.body["previous"]) == (5, "maintained", None)
    second = owner.get(first.body["next"])
    assert [row["volume"] for row in second.results] == [2, 1]
    assert owner.get(second.body["previous"]).results == first.results
    assert owner.get("planner/keywords/", **where, page_size=2, page=2, ordering="-volume").results == second.results
    last = owner.get(second.body["next"])
    assert ([row["volume"] for row in last.results], last.body["next"], last.body["complete"]) == ([0], None, True)
    cursor = first.body["next"].partition("cursor=")[2]
    assert cursor
    assert owner.get("planner/keywords/", status=400, cursor="forged").error["fields"].keys() == {"cursor"}


@pytest.mark.parametrize("parameter", [{"page_size": 0}, {"page_size": 101}, {"ordering": "colour"}, {"colour": "red"}, {"status": "red"}])
def test_a_wrong_parameter_is_named(owner: Api, parameter: dict[str, str]) -> None:
    error = owner.call("GET", "planner/keywords/", status=400, params=parameter).error
    assert error["code"] == "validation_error" and set(error["fields"]) == set(parameter)


def test_what_is_wrong_has_its_code(owner: Api, public: Api) -> None:
    assert public.get("no/such/path/", status=404).error["code"] == "not_found"
    assert owner.get("planner/keywords/unknown/", status=404).error["code"] == "not_found"
    assert public.get("planner/keywords/", status=401).error["code"] == "not_authenticated"
    assert public.bearer("a.b.c").get("planner/keywords/", status=401).error["code"] == "not_authenticated"
    assert owner.post("auth/sites/", {"colour": "red"}, status=400).error["fields"].keys() >= {"colour"}
    broken = owner.post("auth/sites/", status=400, data="{", headers={"Content-Type": "application/json"})
    assert broken.error["code"] == "validation_error"
    assert (
        owner.post("auth/sites/", status=415, data="<a/>", headers={"Content-Type": "text/xml"}).error["code"] == "unsupported_media_type"
    )


def test_a_method_that_a_path_lacks(owner: Api) -> None:
    assert owner.call("PATCH", "planner/keywords/", {}, status=405).error["code"] == "method_not_allowed"


def test_head_is_get_without_a_body(public: Api) -> None:
    got = requests.head(f"{public.base}/api/v1/health", timeout=30)
    assert (got.status_code, got.content) == (200, b"") and got.headers["content-type"] == "application/json"


def test_browsers_may_call_from_elsewhere(public: Api) -> None:
    origin = {"Origin": os.environ.get("CORS_ORIGIN") or "http://localhost:3000"}
    asked = {**origin, "Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization,content-type,if-match"}
    answer = requests.options(f"{public.base}/api/v1/planner/keywords/x/", headers=asked, timeout=30)
    assert answer.status_code in (200, 204)
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert all(header in allowed for header in ("authorization", "content-type", "if-match", "idempotency-key", "x-account-id"))
    assert "etag" in answer.headers["access-control-expose-headers"].lower()
    for status, path in ((200, "health"), (401, "planner/keywords/"), (404, "no/such/path/")):
        allowed_origin = public.call("GET", path, status=status, headers=origin).headers["access-control-allow-origin"]
        assert allowed_origin in (origin["Origin"], "*")  # a path that is none is answered by the gateway
    stranger = public.call("GET", "health", headers={"Origin": "https://elsewhere.example"}).headers
    assert "access-control-allow-origin" not in stranger


def test_a_repeated_create_answers_the_first(owner: Api, site: str) -> None:
    key = {"Idempotency-Key": name("key")}
    body = {"site_id": site, "name": name("Once"), "slug": name("once")}
    first, second = (owner.post("auth/sectors/", body, status=201, headers=key).data for _ in range(2))
    assert first == second
    assert owner.post("auth/sectors/", {**body, "name": "Other"}, status=409, headers=key).error["code"] == "idempotency_mismatch"
    owner.delete(f"auth/sectors/{first['id']}/")


def test_a_version_that_moved_on_is_refused(owner: Api, where: dict[str, Any]) -> None:
    one = made(owner, "planner/clusters/", **where, name=name("Cluster"))
    path = f"planner/clusters/{one['id']}/"
    seen = {"If-Match": f'"{one["version"]}"'}
    assert owner.patch(path, {"description": "new"}, headers=seen).data["version"] == one["version"] + 1
    assert owner.patch(path, {"description": "newer"}, headers=seen, status=412).error["code"] == "precondition_failed"
