"""Registering, signing in and out, passwords, the caller."""

import re

import pytest

from tests.e2e.blackbox.client import Api
from tests.e2e.blackbox.making import name
from tests.e2e.blackbox.target import PASSWORD, Target

NEW_PASSWORD = "Another-pass-2!"


def _registered(public: Api) -> tuple[str, Api]:
    address = f"{name('new')}@customer.test"
    data = public.post("auth/register/", {"email": address, "password": PASSWORD, "account_name": name("Customer")}, status=201).data
    assert (data["user"]["role"], data["user"]["account"]["plan"]) == ("owner", "trial")
    return address, public.bearer(data["access"])


def _code(target: Target, address: str) -> str:
    for text in target.mailed(address):
        if found := re.search(r"\b\d{6}\b", text):
            return found.group()
    raise AssertionError(f"no mail to {address} in {target.mails}")


def test_login_says_who_it_is(public: Api, owner: Api) -> None:
    data = public.post("auth/login/", {"email": "owner@demo.test", "password": PASSWORD}).data
    assert set(data) == {"access", "refresh", "expires_in", "user"} and data["expires_in"] > 0
    assert {"id", "email", "role", "account"} <= set(data["user"])
    assert {"id", "name", "credits", "status", "plan"} <= set(data["user"]["account"])
    wrong = public.post("auth/login/", {"email": "owner@demo.test", "password": "Wrong-pass-1!"}, status=401).error
    nobody = public.post("auth/login/", {"email": "nobody@demo.test", "password": "Wrong-pass-1!"}, status=401).error
    assert wrong == nobody


def test_a_session_is_refreshed_and_ended(public: Api) -> None:
    session = public.post("auth/login/", {"email": "viewer@demo.test", "password": PASSWORD}).data
    refreshed = public.post("auth/token/refresh/", {"refresh": session["refresh"]}).data
    caller = public.bearer(refreshed["access"])
    caller.get("auth/me/")
    public.bearer(session["access"]).post("auth/logout/", {"refresh": session["refresh"]})
    public.bearer(session["access"]).get("auth/me/", status=401)
    public.post("auth/token/refresh/", {"refresh": session["refresh"]}, status=401)


def test_a_new_customer_changes_the_password(public: Api) -> None:
    address, caller = _registered(public)
    public.post("auth/register/", {"email": address, "password": PASSWORD}, status=409)
    caller.post("auth/password/change/", {"current_password": "Wrong-pass-1!", "new_password": NEW_PASSWORD}, status=400)
    caller.post("auth/password/change/", {"current_password": PASSWORD, "new_password": NEW_PASSWORD})
    public.post("auth/login/", {"email": address, "password": PASSWORD}, status=401)
    public.sign_in(address, NEW_PASSWORD)


def test_a_forgotten_password_is_set_by_the_mailed_code(public: Api, target: Target) -> None:
    address, _ = _registered(public)
    known = public.post("auth/password/reset/", {"email": address})
    assert known.bare() == public.post("auth/password/reset/", {"email": "nobody@nowhere.test"}).bare()
    public.post("auth/password/reset/confirm/", {"email": address, "code": "000000", "new_password": NEW_PASSWORD}, status=400)
    if target.mails is None:
        pytest.skip("LOCAL_DATA does not say where this server's mails land")
    public.post("auth/password/reset/confirm/", {"email": address, "code": _code(target, address), "new_password": NEW_PASSWORD})
    public.sign_in(address, NEW_PASSWORD)


def test_the_caller_chooses_an_active_site(owner: Api, site: str) -> None:
    assert owner.patch("auth/me/", {"active_site": site}).data["active_site"] == site
    assert owner.get("auth/me/").data["active_site"] == site
    owner.patch("auth/me/", {"active_site": "unknown"}, status=404)
    assert owner.patch("auth/me/", {"active_site": None}).data["active_site"] is None


def test_the_account_is_shown_and_renamed(owner: Api) -> None:
    account = owner.get("auth/account/").data
    assert (account["name"], account["plan"]) == ("Demo", "agency")
    assert owner.patch("auth/account/", {"name": "Demo"}).data["name"] == "Demo"
