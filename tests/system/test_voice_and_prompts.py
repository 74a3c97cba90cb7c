"""Prompts, author profiles and strategies over HTTP, and that they really shape what a model is asked."""

from typing import Any

from chalicelib.ai.prompts import built_in
from chalicelib.auth.sites import SITE
from chalicelib.core.ids import new_tenant_id
from tests.conftest import Place, make_site
from tests.planner.test_keywords import add, cluster
from tests.rest import Rest
from tests.system.conftest import Models


def asked_for_ideas(api: Rest, models: Models, place: Place) -> str:
    """The prompt that goes out when ideas for a cluster are asked for. The answer is refused: nothing is stored."""
    home = cluster(api, place, f"Cluster {len(models.text.asked)}")
    add(api, place, f"keyword {len(models.text.asked)}", cluster=home)
    models.text.answers = [{"ideas": []}, {"ideas": []}]
    done = api.finished(api.post("planner/clusters/auto_generate_ideas", {"ids": [home]}))
    assert done["state"] == "failed", done
    return models.text.asked[-1].prompt


def asked_for_article(api: Rest, models: Models, place: Place, **task: Any) -> str:
    home = cluster(api, place, f"Cluster {len(models.text.asked)}")
    shape = {"title": "Bikes", "cluster": home, "content_type": "post", "content_structure": "guide", "keywords": "bikes", **task}
    made = api.post("writer/tasks", {"site_id": place.site_id, "sector_id": place.sector_id, **shape})
    assert made.status == 201, made.body
    models.text.answers = ["{}", "{}"]
    assert api.finished(api.post("writer/tasks/auto_generate_content", {"ids": [made.data["id"]]}))["state"] == "failed"
    return models.text.asked[-1].prompt


def test_a_prompt_of_ones_own_is_what_the_model_reads(api: Rest, models: Models, place: Place) -> None:
    shown = {p["prompt_type"]: p for p in api.get("system/prompts/defaults").data}
    assert "cluster" in shown["generate_ideas"]["variables"]
    assert "strategist" in asked_for_ideas(api, models, place)
    made = api.post(
        "system/prompts", {"prompt_type": "generate_ideas", "prompt_value": "Only $count, about $keywords; $unknown costs $$5."}
    )
    assert made.status == 201
    assert asked_for_ideas(api, models, place).startswith("Only 1, about <keywords>- keyword: keyword 2</keywords>;")
    assert "$unknown costs $5" in models.text.asked[-1].prompt
    assert api.post("system/prompts", {"prompt_type": "generate_ideas", "prompt_value": "x"}).status == 409
    assert api.patch(f"system/prompts/{made.data['id']}", {"prompt_value": "costs $"}).status == 400
    reset = api.post(f"system/prompts/{made.data['id']}/reset_to_default").data
    assert (reset["is_default"], reset["prompt_value"]) == (True, built_in("generate_ideas").strip())
    assert "strategist" in asked_for_ideas(api, models, place)
    api.patch(f"system/prompts/{made.data['id']}", {"prompt_value": "Mine again."})
    assert asked_for_ideas(api, models, place) == "Mine again."


def test_prompts_are_the_admins_and_no_other_accounts(api: Rest) -> None:
    made = api.post("system/prompts", {"prompt_type": "auto_cluster", "prompt_value": "x"}).data["id"]
    for role in ("viewer", "editor"):
        assert api.as_role(role).get("system/prompts").status == 403
        assert api.as_role(role).post(f"system/prompts/{made}/reset_to_default").status == 403
    other = api.of_tenant(new_tenant_id())
    assert other.get(f"system/prompts/{made}").status == other.post(f"system/prompts/{made}/reset_to_default").status == 404
    assert other.get("system/prompts").results == []
    assert api.post("system/prompts", {"prompt_type": "poems", "prompt_value": "x"}).status == 400


def test_an_author_gives_an_article_its_voice(api: Rest, models: Models, place: Place) -> None:
    made = api.post("system/author-profiles", {"name": "Ada", "description": "Rides since 1999.", "tone": "dry and exact"}).data
    text = asked_for_article(api, models, place, author_profile=made["id"])
    assert "Ada" in text and "Rides since 1999." in text and "dry and exact" in text
    assert "warm" in asked_for_article(api, models, place, author_profile=made["id"], tone="warm")
    api.ctx.repository(SITE).patch(place.site_id, {"default_author": made["id"]})
    assert "Ada" in asked_for_article(api, models, place)
    api.delete(f"system/author-profiles/{made['id']}")
    assert "Ada" not in asked_for_article(api, models, place)


def test_a_strategy_says_how_a_sector_is_planned_and_written(api: Rest, models: Models, place: Place) -> None:
    body = {
        "name": "Buyers",
        "description": "We help people buy.",
        "sector": place.sector_id,
        "prompt_types": {"generate_ideas": "Prefer comparisons.", "generate_content": "Name the next step."},
        "section_logic": {"guide": ["Who needs it", "How to choose"], "review": "Strengths, weaknesses"},
    }
    made = api.post("system/strategies", body)
    assert made.status == 201, made.body
    ideas, article = asked_for_ideas(api, models, place), asked_for_article(api, models, place)
    assert "We help people buy." in ideas and "Prefer comparisons." in ideas and "Name the next step." not in ideas
    assert "Name the next step." in article and "Who needs it, How to choose" in article and "Strengths" not in article
    other = make_site(api.ctx)[0]
    assert "We help people buy." not in asked_for_ideas(api, models, other)
    api.ctx.repository(SITE).patch(other.site_id, {"strategy": made.data["id"]})
    assert "We help people buy." in asked_for_ideas(api, models, other)
    api.patch(f"system/strategies/{made.data['id']}", {"is_active": False})
    assert "We help people buy." not in asked_for_ideas(api, models, place) + asked_for_ideas(api, models, other)


def test_strategies_are_checked(api: Rest, place: Place) -> None:
    for wrong in ({"prompt_types": {"poems": "x"}}, {"prompt_types": {"auto_cluster": "x" * 4001}}, {"section_logic": {"x" * 41: "y"}}):
        assert api.post("system/strategies", {"name": "A", **wrong}).status == 400, wrong
    assert api.post("system/strategies", {"name": "A", "sector": "nothing"}).status == 404
    assert api.post("system/strategies", {"name": "A"}).status == 201
    assert api.post("system/strategies", {"name": " a "}).status == 409
    assert api.as_role("editor").post("system/strategies", {"name": "B"}).status == 403
    assert api.as_role("viewer").get("system/strategies").body["count"] == 1
