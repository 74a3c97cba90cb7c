"""The score that is kept with a content: what it is of, when it is counted again, and what it decides at the last stage."""

from typing import Any

import pytest

from chalicelib.automation.config import AutomationConfig
from chalicelib.automation.stages import passes
from chalicelib.writer.content import CONTENT
from tests.writer.conftest import Desk
from tests.writer.faults_in_form import IN_THE_FORM
from tests.writer.faults_in_text import IN_THE_TEXT
from tests.writer.good_articles import ARTICLES
from tests.writer.planting import Article
from tests.writer.test_planted_faults import planted, text_for

GOOD = "en-sourdough-starter-guide"


def written(desk: Desk, article: Article) -> dict[str, Any]:
    """A content of one's own with this article, in review."""
    fields = {
        "title": article["title"] or "Untitled",
        "html": article["html"],
        "meta_title": article["meta_title"],
        "meta_description": article["meta_description"],
        "primary_keyword": article["primary_keyword"],
        "secondary_keywords": [one for one in article["keywords"] if one != article["primary_keyword"]],
        "language": article["language"],
    }
    made = desk.content(**fields)
    reply = desk.api.patch(f"writer/content/{made['id']}", {"status": "review"})
    assert reply.status == 200, reply.body
    data: dict[str, Any] = reply.data
    return data


def codes(shown: dict[str, Any]) -> set[str]:
    return {one["code"] for one in shown["findings"]}


def published(desk: Desk, shown: dict[str, Any], mode: str, gate: int = 80) -> bool:
    config = AutomationConfig.model_validate(
        {
            **{
                "id": desk.place.site_id,
                "site_id": desk.place.site_id,
                "created_at": "2026-01-01",
                "updated_at": "2026-01-01",
                "version": 1,
            },
            **{"publish_mode": mode, "gate_score": gate},
        }
    )
    return passes(desk.api.ctx.repository(CONTENT).get(shown["id"]), config)


def test_a_good_article_passes_the_gate(desk: Desk) -> None:
    shown = written(desk, ARTICLES[GOOD])
    assert (shown["score"], shown["blockers"], codes(shown)) == (98, 0, {"no_images"})
    assert published(desk, shown, "gated") and published(desk, shown, "auto")
    assert not published(desk, shown, "manual") and not published(desk, shown, "gated", gate=99)
    listed = desk.api.get("writer/content").results[0]
    assert (listed["score"], listed["findings"], listed["blockers"]) == (shown["score"], shown["findings"], 0), "the list shows it too"


# Those that survive cleaning: what is unsafe is gone before anything is stored, and one's own drafts have no brief.
STORED = [
    fault
    for fault in [*IN_THE_TEXT, *IN_THE_FORM]
    if fault.blocker
    and fault.code not in {"unsafe_html", "hidden_text", "too_short", "empty_article", "near_duplicate"}
    and fault.name not in {"a code fence", "untitled"}
    and text_for(fault, GOOD) is not None
]


@pytest.mark.parametrize("fault", STORED, ids=[fault.name for fault in STORED])
def test_what_has_a_blocker_is_never_published_through_the_gate(desk: Desk, fault: Any) -> None:
    """Not even through a gate of nothing. `auto` publishes all, as its name says."""
    shown = written(desk, planted(fault, ARTICLES[GOOD], GOOD))
    assert fault.code in codes(shown) and shown["blockers"] >= 1 and shown["score"] < 50
    assert not published(desk, shown, "gated", gate=0)
    assert published(desk, shown, "auto")


def test_an_edit_that_mends_the_fault_opens_the_gate_and_one_that_makes_it_closes_it(desk: Desk) -> None:
    shown = written(desk, {**ARTICLES[GOOD], "html": f"{ARTICLES[GOOD]['html']}<p>TODO: add a photo.</p>"})
    assert not published(desk, shown, "gated")
    mended = desk.api.patch(f"writer/content/{shown['id']}", {"html": ARTICLES[GOOD]["html"]}).data
    assert mended["blockers"] == 0 and published(desk, mended, "gated")
    broken = desk.api.patch(f"writer/content/{shown['id']}", {"meta_title": "[Your Brand] sourdough starter"}).data
    assert codes(broken) >= {"placeholder_text"} and not published(desk, broken, "gated")


def test_the_score_goes_with_the_images(desk: Desk) -> None:
    content = written(desk, ARTICLES[GOOD])["id"]

    def shown() -> set[str]:
        return codes(desk.api.get(f"writer/content/{content}").data)

    image = desk.made("images", content=content, image_type="in_article", alt="A jar on a shelf")["id"]
    assert shown() == {"no_featured_image"}
    desk.made("images", content=content, image_type="featured", alt="A loaf and a jar")
    assert shown() == set() and desk.api.get(f"writer/content/{content}").data["score"] == 100
    desk.api.patch(f"writer/images/{image}", {"alt": ""})
    assert shown() == {"missing_alt"}
    desk.api.delete(f"writer/images/{image}")
    assert shown() == set()
    desk.made("images", content=content, image_type="mobile", alt="A loaf and a jar")
    assert shown() == set(), "the same picture in another shape"


def test_what_a_model_describes_counts_as_images(desk: Desk) -> None:
    content = desk.written()["id"]
    assert "no_images" in codes(desk.api.get(f"writer/content/{content}").data)
    desk.api.finished(desk.api.post("writer/content/generate_image_prompts", {"ids": [content]}))
    after = desk.api.get(f"writer/content/{content}").data
    assert not codes(after) & {"no_images", "no_featured_image", "missing_alt", "duplicate_alt", "long_alt"}
    alts = [one["alt"] for one in desk.api.get("writer/images", content_id=content).results]
    assert len(alts) == len(set(alts)) and all(0 < len(alt) <= 125 for alt in alts)


UNSAFE = "<p>Hi there.</p><script>alert(1)</script><p onclick='x()'><a href='javascript:x()'>a</a></p><img src=x onerror=alert(1)>"


def test_nothing_unsafe_is_stored_whichever_way_it_comes(desk: Desk) -> None:
    made = desk.content(html=UNSAFE)
    path = f"writer/content/{made['id']}"
    stored = [made["html"]]
    stored.append(desk.api.patch(path, {"html": f"<h2>B</h2>{UNSAFE}"}).data["html"])
    whole = {"title": "A", "cluster": desk.cluster, "content_type": "post", "content_structure": "guide"}
    stored.append(desk.api.put(path, {**whole, "html": f"# C\n\n{UNSAFE}"}).data["html"])
    stored.append(desk.api.post(f"{path}/revisions/1/restore").data["html"])
    validated = desk.api.post(f"{path}/validate", {"html": UNSAFE}).data
    assert not validated["ok"] and "unsafe_html" in codes(validated)
    stored.append(validated["html"])
    for html in stored:
        assert html and not any(mark in html.lower() for mark in ("script", "onerror", "onclick"))
