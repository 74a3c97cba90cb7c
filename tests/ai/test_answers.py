"""The answers' schemas are what OpenAI accepts, and their checks find what a schema cannot."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from chalicelib.ai import prose
from chalicelib.ai.answer_fields import as_given
from chalicelib.ai.answers import ClusterNames, Ideas, ImagePrompts, problems
from chalicelib.ai.article_answers import ArticleDraft
from chalicelib.ai.prompts import rendered

BODY = (
    "<p>Cold brew ratio decides the strength of the cup. {filler}</p>\n<h2>Weigh both parts</h2>\n<p>{filler}</p>\n"
    "<h2>Frequently asked questions</h2>\n<h3>Is a scale needed?</h3>\n<p>It helps a lot.</p>"
)
GERMAN = "Der Kaffee ist nicht zu heiß und die Milch wird mit dem Schäumer auf den Punkt gebracht, sie ist auch für das Auge da. " * 3
RUSSIAN = "Кофе нужно хранить в сухом и прохладном месте, без доступа воздуха и света, иначе он быстро теряет аромат. " * 2
FILLER = " ".join(["The grounds need time and the water needs to be clean, so you plan for both."] * 8)


def article_facts(**changed: Any) -> dict[str, Any]:
    facts = {
        "title": "Cold Brew Ratio",
        "primary_keyword": "cold brew ratio",
        "keywords": ["cold brew ratio"],
        "word_count": 270,
        "language": "en",
        "cluster_keywords": [{"keyword": "cold brew maker", "intent": "commercial"}],
        "links": [{"title": "Grind", "url": "https://demo.shop/grind"}],
    }
    return {**facts, **changed}


def article(**changed: Any) -> ArticleDraft:
    fields: dict[str, Any] = {
        "title": "Cold Brew Ratio: What to Know",
        "html": BODY.format(filler=FILLER),
        "excerpt": "How to find a ratio that suits you.",
        "meta_title": "Cold Brew Ratio",
        "meta_description": "What decides the ratio of cold brew and how to find your own.",
        "primary_keyword": "cold brew ratio",
        "secondary_keywords": [],
        "tags": ["cold brew"],
        "categories": ["Coffee"],
        "faq": [{"question": "Is a scale needed?", "answer": "It helps a lot."}],
    }
    return ArticleDraft.model_validate({**fields, **changed})


def idea(title: str, primary: str, keywords: list[str]) -> dict[str, Any]:
    return {
        "title": title,
        "description": "What the reader knows afterwards.",
        "content_type": "post",
        "content_structure": "Landing Page",
        "primary_keyword": primary,
        "keywords": keywords,
        "audience": "home baristas",
        "tone": "friendly",
        "outline": [{"heading": "First", "points": ["one"]}, {"heading": "FAQ", "points": ["two"]}],
        "brief": "Write it plainly and honestly.",
        "estimated_word_count": 900,
        "cta": "Read on.",
    }


IDEA_FACTS = {
    "cluster": {"name": "Cold Brew", "description": ""},
    "count": 2,
    "taken_titles": ["Cold Brew Basics"],
    "language": "en",
    "keywords": [
        {"keyword": k, "volume": 10, "difficulty": 5, "intent": "informational"} for k in ("cold brew", "cold brew ratio", "nitro")
    ],
}


def nodes(schema: Any) -> Any:
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from nodes(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from nodes(value)


@pytest.mark.parametrize("model", [ClusterNames, Ideas, ArticleDraft, ImagePrompts])
def test_schema_is_accepted_by_strict_structured_outputs(model: type[BaseModel]) -> None:
    for node in nodes(model.model_json_schema()):
        assert not {"default", "maxLength", "minLength", "maxItems", "minItems", "anyOf"} & (node.keys() - {"properties"})
        if node.get("type") == "object":
            assert node["additionalProperties"] is False
            assert sorted(node["required"]) == sorted(node["properties"])


@pytest.mark.parametrize("change", [{"extra": 1}, {"title": " "}, {"html": "x" * 200_000}, {"faq": []}, {"tags": ["a"] * 21}])
def test_answer_outside_its_bounds_is_invalid(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        article(**change)


def test_structure_names_are_folded_to_snake_case() -> None:
    answer = Ideas.model_validate({"ideas": [idea("A title of it", "cold brew", ["cold brew"])]})
    assert answer.ideas[0].content_structure == "landing_page"


def test_good_article_has_no_problems() -> None:
    assert problems(article(), article_facts()) == []


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ("<p>{filler}</p><script>alert(1)</script><h2>a</h2><p>b.</p>", "Unsafe HTML"),
        ("<p onclick='x()'>{filler}</p><h2>a</h2><p>b.</p>", "Unsafe HTML"),
        ("<p><a href='java\tscript:x()'>{filler}</a></p><h2>a</h2><p>b.</p>", "Unsafe HTML"),
        ("<p>{filler}</p><h1>a</h1><h2>c</h2><p>b.</p>", "must not contain an h1"),
        ("<p>{filler}</p><p>{filler}</p>", "no h2"),
        ("<p>{filler}</p><h2>Weigh</h2><p>And then the", "cut off"),
        ("<p>{filler}</p><h2>Weigh</h2><p>And then the</p>", "cut off"),
        ("<p>{filler}</p><h2>Weigh</h2><ul><li>Stir well</li><li>And then the", "cut off"),
        ("<p>{filler}</p><h2>Weigh</h2><p>**Bold** words.</p>", "Markdown"),
        ("<p>{filler}</p><h2>Weigh</h2><p>Lorem ipsum dolor.</p>", "placeholder"),
        ("<p>{filler}</p><h2>Weigh</h2><p>As <a href='https://x.test/study'>a study</a> says.</p>", "Links that were not given"),
        ("<p>{filler}</p><h2>Weigh</h2><p>Nothing about the subject itself.</p>", "Keywords the body does not cover"),
        ("<p>{filler}</p><h2>Weigh</h2><p>No question here.</p>", "FAQ questions missing"),
        ("<p>{filler}</p><h2>Weigh</p></h2><p>It is so.</p>", "wrong order"),
        ("<p>Short of words, this one is only this long.</p><h2>Weigh</h2><p>It is so.</p>", "words; about 270"),
    ],
)
def test_article_problems(html: str, found: str) -> None:
    assert any(found in p for p in problems(article(html=html.format(filler=FILLER)), article_facts())), found


@pytest.mark.parametrize(
    "end", ["<table><tr><td>Count the steps</td></tr></table>", "<ul><li>Stir well</li></ul>\n", "<ol><li>Wait</li></ol>"]
)
def test_a_body_that_ends_with_a_table_or_a_list_is_whole(end: str) -> None:
    assert prose.html_problems(f"<h2>Weigh</h2><p>Grounds and water.</p>{end}") == []
    assert prose.html_problems(f"<p>Grounds and water.</p>{end}", part=True) == []


def test_article_keywords_and_language() -> None:
    wrong = article(primary_keyword="iced tea", secondary_keywords=["invented words"])
    assert [p.split(":")[0].split(" must")[0] for p in problems(wrong, article_facts())] == [
        "primary_keyword",
        "Secondary keywords that were not given",
    ]
    german = article_facts(language="German")
    assert any("written in en" in p for p in problems(article(), german))
    assert not problems(article(), german, check_language=False)


@pytest.mark.parametrize(
    ("text", "language", "heard"),
    [
        (GERMAN, "en", "de"),
        (GERMAN, "de-AT", None),
        (RUSSIAN, "en", "another script"),
        (RUSSIAN, "ru", None),
        ("Too short.", "de", None),
    ],
)
def test_language_is_heard(text: str, language: str, heard: str | None) -> None:
    assert prose.other_language(text, language) == heard


def test_cluster_problems() -> None:
    facts = {"clusters": [{"key": "c1", "keywords": []}, {"key": "c2", "keywords": []}], "taken_names": ["Cold Brew"], "language": "en"}
    named = [
        {"key": k, "name": n, "description": "What the searchers want to know."}
        for k, n in (("c1", "cold brew"), ("c9", "Beans"), ("c9", "beans"))
    ]
    found = " ".join(problems(ClusterNames.model_validate({"clusters": named}), facts))
    for part in (
        "Unknown cluster keys: 'c9'",
        "without a name: 'c2'",
        "named twice: 'c9'",
        "used twice: 'beans'",
        "taken already: 'cold brew'",
    ):
        assert part in found


def test_idea_problems() -> None:
    good = Ideas.model_validate(
        {
            "ideas": [
                idea("A Ratio That Works", "cold brew ratio", ["cold brew ratio"]),
                idea("All About It", "cold brew", ["cold brew", "nitro"]),
            ]
        }
    )
    assert problems(good, IDEA_FACTS) == []
    bad = Ideas.model_validate(
        {"ideas": [idea("cold brew basics", "cold brew", ["cold brew", "iced tea"]), idea("Cold Brew Basics", "Cold Brew", ["cold brew"])]}
    )
    found = " ".join(problems(bad, IDEA_FACTS))
    for part in (
        "Titles used twice",
        "Titles that are taken",
        "more than one idea",
        "not given: 'iced tea'",
        "no idea covers: 'cold brew ratio', 'nitro'",
    ):
        assert part in found


def test_image_prompt_problems() -> None:
    facts = {"headings": ["Weigh", "Pour"], "in_article_count": 2, "language": "en"}
    picture = {"prompt": "A scale beside a jar on a table.", "alt": "A scale beside a jar"}
    answer = ImagePrompts.model_validate({"featured": picture, "in_article": [{**picture, "after_heading": "Boil"}]})
    found = " ".join(problems(answer, facts))
    for part in ("2 in-article images were asked for", "do not exist: 'Boil'", "Alternative texts used twice", "Prompts used twice"):
        assert part in found


def test_angle_brackets_count_as_the_prompt_shows_them() -> None:
    """A model echoes what it was shown: keywords and headings with `<` are known by that."""
    keyword, heading = "bikes < 8 kg", "Is <b> a tag?"
    shown = rendered(keyword)
    assert shown == "bikes \u2039 8 kg"
    facts = article_facts(primary_keyword=keyword, keywords=[keyword], cluster_keywords=[])
    body = BODY.format(filler=f"Bikes under 8 kg. {FILLER}")
    assert problems(article(html=body, primary_keyword=shown, secondary_keywords=[shown.upper()]), facts) == []
    picture = {"prompt": "A scale beside a jar on a table.", "alt": "A scale beside a jar", "after_heading": rendered(heading)}
    featured = {"prompt": "A bike that leans on a wall.", "alt": "A bike"}
    answer = ImagePrompts.model_validate({"featured": featured, "in_article": [picture]})
    assert problems(answer, {"headings": [heading], "in_article_count": 1, "language": "en"}) == []
    assert as_given([shown, rendered(heading), "new"], [keyword, heading]) == [keyword, heading, "new"]


def test_covering_allows_inflection_but_no_omission() -> None:
    assert prose.covers("Cleaning the coffee grinders takes time.", "clean coffee grinder")
    assert not prose.covers("Cleaning takes time.", "clean coffee grinder")
    assert prose.covers("如何储存咖啡豆才能保持新鲜", "咖啡豆")
