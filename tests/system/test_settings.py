"""An account's own AI providers over HTTP: keys go in and never come out, tests, who is asked with whose key and at what price."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.billing.credits import Ledger
from chalicelib.core.context import ProviderChoice
from chalicelib.core.errors import UpstreamRejected
from chalicelib.core.ids import new_tenant_id
from chalicelib.system.provider_choice import provider_for
from chalicelib.system.settings import SETTINGS
from tests.rest import Rest
from tests.system.conftest import Models
from tests.writer.test_images import picture

KEY = "sk-canary-1234567890"
INTEGRATIONS = "system/settings/integrations"


def save(api: Rest, integration_type: str, method: str = "PUT", **fields: Any) -> dict[str, Any]:
    reply = api.call(method, f"{INTEGRATIONS}/{integration_type}", fields)
    assert reply.status == 200, reply.body
    data: dict[str, Any] = reply.data
    return data


def test_three_integrations_are_listed_before_any_is_saved(api: Rest) -> None:
    shown = api.get(INTEGRATIONS).data
    assert [(s["integration_type"], s["is_active"], s.get("has_api_key")) for s in shown] == [
        ("openai", False, False),
        ("runware", False, False),
        ("image_generation", False, None),
    ]
    assert api.get(f"{INTEGRATIONS}/gemini").status == 404
    for role in ("viewer", "editor"):
        assert api.as_role(role).get(INTEGRATIONS).status == 403
        assert api.as_role(role).put(f"{INTEGRATIONS}/openai", {}).status == 403


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_key_goes_in_and_never_comes_out(api: Rest, method: str) -> None:
    saved = save(api, "openai", method, api_key=KEY, model="gpt-6-luna")
    assert (saved["has_api_key"], saved["model"], saved["is_active"]) == (True, "gpt-6-luna", True)
    for reply in (api.get(INTEGRATIONS), api.get(f"{INTEGRATIONS}/openai")):
        assert KEY not in str(reply.body) and "sealed" not in str(reply.body)
    stored = api.ctx.repository(SETTINGS).get("openai")
    assert stored.api_key_sealed is not None and KEY not in str(stored)
    assert save(api, "openai", method, model="other")["has_api_key"] is True, "a key that is not named stays"
    assert save(api, "openai", method, api_key=None)["has_api_key"] is False
    assert api.of_tenant(new_tenant_id()).get(f"{INTEGRATIONS}/openai").data["model"] == ""


def test_what_is_wrong_with_settings_is_named(api: Rest) -> None:
    for integration_type, body in (
        ("openai", {"provider": "openai", "colour": 1}),
        ("runware", {"base_url": "https://x.test"}),
        ("openai", {"base_url": "ftp://x.test"}),
        ("image_generation", {"provider": "midjourney"}),
        ("openai", {"api_key": "x" * 501}),
        ("openai", {"models": {"write_poem": "gpt-6-luna"}}),
        ("openai", {"models": {"generate_content": ""}}),
        ("openai", {"models": {"generate_images": "gpt-image-2"}}),
        ("openai", {"fallback_models": ["a", "b", "c", "d", "e"]}),
        ("openai", {"fallback_models": "a"}),
        ("openai", {"fallbacks": []}),
        ("runware", {"fallback_models": ["a"]}),
        ("image_generation", {"fallbacks": [{"provider": "openai"}]}),
        ("image_generation", {"provider": "openai", "fallbacks": [{"provider": "platform"}]}),
        ("image_generation", {"provider": "openai", "fallbacks": [{"provider": "offline"}]}),
        ("image_generation", {"provider": "openai", "fallbacks": [{"provider": "openai", "colour": 1}]}),
    ):
        assert api.put(f"{INTEGRATIONS}/{integration_type}", body).status == 400, body
    assert api.put(f"{INTEGRATIONS}/gemini", {}).status == 404
    version = save(api, "openai", model="a")["version"]
    assert api.put(f"{INTEGRATIONS}/openai", {"model": "b"}, headers={"if-match": f'"{version + 1}"'}).status == 412


def test_a_key_goes_only_where_it_was_given_for(api: Rest) -> None:
    """Keys are write-only: whoever may set the address must not get one sent to a server of theirs."""
    path = "system/settings/integrations/openai"
    save(api, "openai", api_key=KEY, base_url="https://llm.test/v1")
    moved = api.put(path, {"base_url": "https://evil.test/v1"})
    assert (moved.status, list(moved.error["fields"])) == (400, ["api_key"])
    assert api.get(path).data["base_url"] == "https://llm.test/v1"
    save(api, "openai", base_url="https://llm.test/v1/", model="other")
    save(api, "openai", base_url="https://evil.test/v1", api_key="sk-another-0123456789")
    save(api, "openai", api_key=None)
    save(api, "openai", base_url="https://llm.test/v1")


def test_trying_the_platforms_provider_costs_the_platform_nothing(api: Rest, models: Models) -> None:
    """It would be a picture for nobody at the platform's expense, as often as the throttle lets it through."""
    config = replace(api.deps.config, ai_provider="openai", openai_api_key="sk-platform-0123456789")
    deps = replace(api.deps, config=config)
    platforms = Rest(api.routers, deps, api.scope)
    said = platforms.post(f"{INTEGRATIONS}/image_generation/test_connection").data
    assert (said["ok"], said["provider"], models.images.asked) == (True, "openai", []) and "platform" in said["message"]


def test_who_is_asked_with_whose_key(api: Rest) -> None:
    def chosen(kind: Any) -> tuple[ProviderChoice, bool]:
        found = provider_for(api.ctx, kind)
        return found.choice, found.own_key

    platform = (ProviderChoice("offline"), False)
    assert chosen("text") == chosen("image") == chosen("embedding") == platform
    save(api, "openai", api_key=KEY, model="gpt-x", image_model="img-x", base_url="https://llm.test/v1")
    own = ProviderChoice("openai", "gpt-x", KEY, "https://llm.test/v1")
    assert (chosen("text"), chosen("image"), chosen("embedding")) == ((own, True), platform, platform)
    save(api, "image_generation", provider="openai")
    assert chosen("image") == (ProviderChoice("openai", "img-x", KEY, "https://llm.test/v1"), True)
    save(api, "image_generation", provider="runware", model="runware:100@1")
    assert chosen("image") == platform, "there is no key for it yet"
    save(api, "runware", api_key="rw-key")
    assert chosen("image") == (ProviderChoice("runware", "runware:100@1", "rw-key"), True)
    save(api, "openai", use_for_embeddings=True, is_active=False)
    assert (chosen("text"), chosen("embedding")) == (platform, platform)
    save(api, "openai", use_for_embeddings=True)
    assert chosen("embedding") == (ProviderChoice("openai", "text-embedding-3-small", KEY), True)
    save(api, "openai", use_for_embeddings=True, embedding_model="nomic")
    assert chosen("embedding") == (ProviderChoice("openai", "nomic", KEY), True)


def test_models_by_function_and_fallbacks_are_kept_and_shown(api: Rest) -> None:
    chosen = {"models": {"generate_content": "gpt-6.1-terra"}, "fallback_models": ["gpt-5-mini", "o4-mini"]}
    assert {k: v for k, v in save(api, "openai", **chosen).items() if k in chosen} == chosen
    drawing = {"provider": "openai", "fallbacks": [{"provider": "runware", "model": "flux"}, {"provider": "openai", "model": ""}]}
    save(api, "image_generation", **drawing)
    shown = {row["integration_type"]: row for row in api.get(INTEGRATIONS).data}
    assert {k: shown["image_generation"][k] for k in drawing} == drawing
    assert "fallback_models" not in shown["runware"] and "fallbacks" not in shown["openai"]
    assert save(api, "openai")["models"] == {}, "what is not named goes back to its default"


def test_trying_a_provider_says_what_came_of_it(api: Rest, models: Models) -> None:
    reply = api.post(f"{INTEGRATIONS}/openai/test_connection")
    assert (reply.status, reply.data["ok"]) == (200, False) and "no API key" in reply.data["message"]
    save(api, "openai", api_key=KEY)
    models.text.answers = [{"word": "hello"}, "<html>", UpstreamRejected("Wrong key."), {"word": "hello"}]
    said = [api.post(f"{INTEGRATIONS}/openai/{path}").data for path in ("test_connection", "test_openai", "test_openai")]
    assert [(s["ok"], s["provider"]) for s in said] == [(True, "openai"), (False, "openai"), (False, "openai")]
    assert said[2]["message"] == "Wrong key." and KEY not in str(said)
    assert models.choices[0][1].api_key == KEY
    save(api, "runware", api_key="rw")
    save(api, "image_generation", provider="runware")
    models.images.answers = [picture(), picture()]
    assert api.post(f"{INTEGRATIONS}/runware/test_runware").data["ok"] is True
    assert api.post(f"{INTEGRATIONS}/image_generation/test_connection").data["ok"] is True
    assert api.post(f"{INTEGRATIONS}/gemini/test_connection").status == 404
    assert api.as_role("editor").post(f"{INTEGRATIONS}/openai/test_connection").status == 403


def test_a_test_image_costs_an_image_unless_the_key_is_ones_own(api: Rest, models: Models) -> None:
    ledger = Ledger(api.deps.table, api.ctx.tenant, api.deps.clock)
    before = ledger.balance().balance
    models.images.answers = [picture(), UpstreamRejected("No."), picture()]
    drawn = api.post(f"{INTEGRATIONS}/image_generation/generate_image", {"prompt": "A bike"})
    assert (drawn.status, drawn.data["mime"], drawn.data["credits"]) == (200, "image/png", 4), drawn.body
    assert api.post(f"{INTEGRATIONS}/image_generation/generate_image").status == 503
    assert (before - ledger.balance().balance, ledger.balance().reserved) == (4, 0), "what failed is not charged"
    save(api, "openai", api_key=KEY)
    save(api, "image_generation", provider="openai")
    assert api.post(f"{INTEGRATIONS}/openai/generate_image").data["credits"] == 0
    ledger.grant("spent", -ledger.balance().available, kind="adjustment")
    save(api, "image_generation", provider="")
    assert api.post(f"{INTEGRATIONS}/openai/generate_image").status == 402


@pytest.mark.parametrize(
    "sent", [b"<html><script>alert(1)</script>", b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>", b"", b"GIF89a"]
)
def test_what_a_provider_calls_a_picture_is_not_stored_unless_it_is_one(api: Rest, models: Models, sent: bytes) -> None:
    """It would be shown under an address of ours, as whatever the provider says it is."""
    before = Ledger(api.deps.table, api.ctx.tenant, api.deps.clock).balance().balance
    models.images.answers = [sent]
    reply = api.post(f"{INTEGRATIONS}/image_generation/generate_image")
    assert (reply.status, api.deps.files.list(f"{api.ctx.tenant}/tests/")) == (503, [])
    assert Ledger(api.deps.table, api.ctx.tenant, api.deps.clock).balance().balance == before


def test_a_test_picture_is_stored_as_what_it_is(api: Rest, models: Models) -> None:
    models.images.answers = [picture("JPEG") + b"<script>alert(1)</script>"]  # the model calls it image/png
    reply = api.post(f"{INTEGRATIONS}/image_generation/generate_image")
    (path,) = api.deps.files.list(f"{api.ctx.tenant}/tests/")
    assert reply.data["mime"] == "image/jpeg" and path.endswith(".jpg") and b"script" not in api.deps.files.get(path)
