"""Connections keep their secrets: never answered, never sent to another address than the one they were given for."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.context import Context, Deps
from chalicelib.core.errors import ValidationFailed
from chalicelib.deps import publisher
from chalicelib.integration.connections import Connections
from chalicelib.integration.routes import router
from tests.adapters.fake_receiver import SECRET as RECEIVERS_SECRET
from tests.adapters.fake_receiver import FakeReceiver
from tests.adapters.scripted_server import LoopbackServer
from tests.fakes import unavailable
from tests.rest import Rest

Make = Callable[..., Context]
SECRET = "abcd efgh ijkl mnop"


def _made(ctx: Context, place: Any, **more: Any) -> Any:
    fields = {
        "site_id": place.site_id,
        "name": "Blog",
        "target": "wordpress",
        "url": "https://blog.example.com",
        "username": "editor",
        "app_password": SECRET,
    }
    return Connections(ctx).create({**fields, **more})


def test_a_secret_is_sealed_and_never_answered(ctx: Make, place: Any) -> None:
    here = ctx()
    made = _made(here, place)
    shown = Connections(here).present([made])[0]
    assert shown["has_app_password"] is True
    assert SECRET not in str(shown) and "sealed" not in str(shown)
    stored = here.deps.table.get(Connections(here).repository.key(made.id))
    assert SECRET not in str(stored)


@pytest.mark.parametrize("change", [{"url": "https://evil.example.com"}, {"username": "admin"}])
def test_another_address_or_user_needs_the_secret_anew(ctx: Make, place: Any, change: dict[str, str]) -> None:
    here = ctx()
    made = _made(here, place)
    with pytest.raises(ValidationFailed, match="app_password"):
        Connections(here).patch(made.id, change)
    assert Connections(here).get(made.id) == made
    moved = Connections(here).patch(made.id, {**change, "app_password": "new one"})
    assert moved.app_password_sealed != made.app_password_sealed


def test_a_secret_can_be_rotated_alone(ctx: Make, place: Any) -> None:
    here = ctx()
    made = _made(here, place)
    assert Connections(here).patch(made.id, {"app_password": "another"}).app_password_sealed != made.app_password_sealed


def test_a_change_leaves_no_incomplete_connection(ctx: Make, place: Any) -> None:
    here = ctx()
    made = _made(here, place)
    with pytest.raises(ValidationFailed, match="username"):
        Connections(here).patch(made.id, {"username": "", "app_password": SECRET})


@pytest.mark.parametrize(
    "url", ["https://[bad", "ftp://x.example", "https://", 'https://x/"><script>', "https://x:99999", "javascript:alert(1)", "https://a b"]
)
def test_an_address_that_is_none_is_refused(ctx: Make, place: Any, url: str) -> None:
    with pytest.raises(ValidationFailed, match="url"):
        _made(ctx(), place, url=url)


# --- webhooks ---------------------------------------------------------------------------------------------------------------------

WEBHOOK = {"name": "Own site", "target": "webhook", "url": "https://own.example.com/hook/"}


@pytest.mark.parametrize(
    ("change", "field"), [({"url": ""}, "url"), ({"api_key": ""}, "api_key"), ({"api_key": "short"}, "api_key"), ({"url": "http:"}, "url")]
)
def test_a_webhook_needs_an_address_and_a_real_secret(ctx: Make, place: Any, change: dict[str, str], field: str) -> None:
    with pytest.raises(ValidationFailed, match=field):
        Connections(ctx()).create({**WEBHOOK, "site_id": place.site_id, "api_key": SECRET, **change})


def test_a_webhooks_address_stays_as_typed_and_its_secret_goes_nowhere_else(ctx: Make, place: Any) -> None:
    connections = Connections(ctx())
    made = connections.create({**WEBHOOK, "site_id": place.site_id, "api_key": SECRET})
    assert connections.get(made.id).url == "https://own.example.com/hook/"
    with pytest.raises(ValidationFailed, match="api_key"):
        connections.patch(made.id, {"url": "https://evil.example.com/hook/"})
    with pytest.raises(ValidationFailed, match="16 characters"):
        connections.patch(made.id, {"api_key": "short"})
    assert connections.patch(made.id, {"api_key": "another long secret"}).api_key_sealed != made.api_key_sealed


def test_a_secret_made_here_is_answered_once(ctx: Make, place: Any, deps: Deps) -> None:
    rest = Rest([router], deps, ctx().scope)
    made = rest.post("integration/connections", {**WEBHOOK, "site_id": place.site_id})
    assert made.status == 201 and made.data["has_api_key"] is True and "ETag" in made.headers
    secret = made.data["signing_secret"]
    assert secret.startswith("whsec_") and len(secret) == 58
    connection = Connections(ctx()).get(made.data["id"])
    assert deps.secrets.unseal(connection.api_key_sealed or "", {"tenant": ctx().tenant, "field": "connection.api_key"}) == secret
    for again in (rest.get(f"integration/connections/{connection.id}"), rest.get("integration/connections")):
        assert again.status == 200 and secret not in str(again.body) and "signing_secret" not in str(again.body)
    own = rest.post("integration/connections", {**WEBHOOK, "name": "Second", "site_id": place.site_id, "api_key": SECRET})
    assert own.data["signing_secret"] is None and SECRET not in str(own.body)


def test_a_secret_made_here_is_never_kept_for_a_replay(ctx: Make, place: Any, deps: Deps) -> None:
    rest = Rest([router], deps, ctx().scope)
    headers = {"Idempotency-Key": "one"}
    refused = rest.post("integration/connections", {**WEBHOOK, "site_id": place.site_id}, headers=headers)
    assert refused.status == 400 and "api_key" in refused.error["fields"]
    made = rest.post("integration/connections", {**WEBHOOK, "site_id": place.site_id, "api_key": SECRET}, headers=headers)
    assert made.status == 201 and made.data["signing_secret"] is None


def test_only_admins_make_connections(ctx: Make, place: Any, deps: Deps) -> None:
    rest = Rest([router], deps, ctx(role="editor").scope)
    assert rest.post("integration/connections", {**WEBHOOK, "site_id": place.site_id}).status == 403


def test_a_webhook_is_published_to_with_its_own_secret(ctx: Make, place: Any, deps: Deps) -> None:
    receiver = FakeReceiver()
    wired = replace(deps, publisher=lambda tenant, name, fields: publisher(deps.config, unavailable("files"), tenant, name, fields))
    with LoopbackServer(receiver) as server:
        here = ctx(deps=wired)
        fields = {**WEBHOOK, "site_id": place.site_id, "url": f"{server.url}/hook", "api_key": RECEIVERS_SECRET}
        made = Connections(here).create(fields)
        found = Rest([router], wired, here.scope).post(f"integration/connections/{made.id}/test_connection")
    assert found.data["ok"] is True, found.data
    assert [asked.json()["event"] for asked in server.asked] == ["ping"]
