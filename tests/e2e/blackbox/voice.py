"""Prompts, author profiles, strategies."""

from tests.e2e.blackbox.client import Api
from tests.e2e.blackbox.making import crud, made, name


def test_prompts_are_replaced_and_reset(owner: Api) -> None:
    defaults = {row["prompt_type"]: row for row in owner.get("system/prompts/defaults/").data}
    assert set(defaults) == {"auto_cluster", "generate_ideas", "generate_content", "generate_image_prompts", "generate_images"}
    for left in owner.every("system/prompts/", prompt_type="generate_ideas"):
        owner.delete(f"system/prompts/{left['id']}/")
    text = defaults["generate_ideas"]["prompt_value"]
    body = {"prompt_type": "generate_ideas", "prompt_value": f"{text}\nBe brief."}
    change = {"prompt_value": f"{text}\nBe long."}
    crud(owner, "system/prompts/", body, change, put=change, verbs="put patch delete")
    one = made(owner, "system/prompts/", **body)["id"]
    assert owner.post(f"system/prompts/{one}/reset_to_default/").data["prompt_value"] == text.strip()
    owner.delete(f"system/prompts/{one}/")


def test_author_profiles(owner: Api) -> None:
    crud(owner, "system/author-profiles/", {"name": name("Ana"), "tone": "warm"}, {"tone": "dry"})


def test_strategies(owner: Api) -> None:
    crud(owner, "system/strategies/", {"name": name("Depth"), "description": "Long guides"}, {"description": "Short guides"})
