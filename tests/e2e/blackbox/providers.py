"""AI providers of the account and what requests take."""

from tests.e2e.blackbox.client import Api
from tests.e2e.blackbox.making import name


def test_settings_are_saved_under_both_verbs_and_keep_their_secret(owner: Api) -> None:
    assert {row["integration_type"] for row in owner.get("system/settings/integrations/").data} == {"openai", "runware", "image_generation"}
    key, path = name("sk"), "system/settings/integrations/openai/"
    answers = []
    for save in (owner.put, owner.post):
        saved = save(path, {"is_active": False, "api_key": key, "model": "gpt-test"}).data
        assert saved["has_api_key"] is True and key not in str(saved)
        answers.append({k: v for k, v in saved.items() if k not in ("version", "updated_at")})
    assert answers[0] == answers[1]
    assert key not in str(owner.get(path).body)
    assert owner.put(path, {"is_active": False, "api_key": None}).data["has_api_key"] is False
    owner.get("system/settings/integrations/unknown/", status=404)


def test_providers_are_tried(owner: Api) -> None:
    path = "system/settings/integrations"
    for kind in ("openai", "runware"):
        for action in ("test_connection", f"test_{kind}"):
            tried = owner.post(f"{path}/{kind}/{action}/").data
            assert tried["ok"] is False and "key" in tried["message"]
    assert owner.post(f"{path}/image_generation/test_connection/").data["ok"] is True


def test_who_does_which_work(owner: Api, editor: Api) -> None:
    rows = {row["function"]: row for row in owner.get("system/settings/providers/").data}
    assert set(rows) >= {"generate_content", "generate_images", "embeddings"}
    assert all(row["state"] == "closed" and row["warnings"] == [] and not row["own_key"] for row in rows.values())
    editor.get("system/settings/providers/", status=403)


def test_a_test_image_is_drawn_and_charged(owner: Api) -> None:
    before = owner.get("billing/balance/").data["balance"]
    drawn = owner.post("system/settings/integrations/image_generation/generate_image/", {"prompt": "A cup"}).data
    assert owner.get("billing/balance/").data["balance"] == before - drawn["credits"]


def test_metrics_are_for_admins(owner: Api, editor: Api) -> None:
    assert set(owner.get("system/metrics/", period="hour").data) >= {"routes"}
    editor.get("system/metrics/", status=403)
