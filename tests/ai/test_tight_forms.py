"""The tight form says in JSON schema what the checks say afterwards: good answers fit it, wrong ones do not."""

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from chalicelib.ai.answers import ClusterNames, Ideas, ImagePrompts, problems
from chalicelib.ai.article_answers import ArticleDraft, ArticleOutline, ArticleRest, ArticleSection, FaqSection
from chalicelib.ai.tight_forms import tight_form

KEYWORD = {"volume": None, "difficulty": None, "intent": None}
NAMES = {"clusters": [{"key": "c1", "keywords": []}, {"key": "c2", "keywords": []}], "taken_names": [], "language": "en"}
IDEAS = {
    "keywords": [{"keyword": k, **KEYWORD} for k in ("tea kettle", "clean a kettle")],
    "count": 1,
    "taken_titles": [],
    "language": "en",
}
ARTICLE = {
    "title": "Kettles", "primary_keyword": "tea kettle", "keywords": ["tea kettle", "clean a kettle"], "word_count": 100, "outline": [],
    "links": [], "cluster_keywords": [], "language": "en", "sections_least": 2, "sections_most": 4,
}  # fmt: skip
PICTURES = {"headings": ["Steps", "Questions"], "in_article_count": 1, "language": "en"}

BODY = (
    "<p>A tea kettle boils water in 3.5 minutes. Most people clean a kettle too late!</p><h2>How to clean a kettle</h2>"
    "<ol><li>Fill it with vinegar</li><li>Let it boil</li></ol><h2>Questions</h2><h3>How often?</h3><p>Once a month, when the water is "
    "hard. It is soft in many towns, and then twice a year is enough for a kettle that is used each day.</p>"
)
FIELDS = {
    "title": "A tea kettle", "excerpt": "What to know about a tea kettle.", "meta_title": "A tea kettle", "primary_keyword": "tea kettle",
    "meta_description": "What to know about a tea kettle.", "secondary_keywords": ["clean a kettle"], "tags": ["tea"], "categories": [],
    "faq": [{"question": "How often?", "answer": "Once a month, when the water is hard."}],
}  # fmt: skip
IDEA = {
    "title": "How to keep a tea kettle", "description": "The reader learns to keep it.", "content_type": "post",
    "content_structure": "how_to",
    "primary_keyword": "tea kettle", "keywords": ["tea kettle", "clean a kettle"], "audience": "tea drinkers", "tone": "warm",
    "outline": [{"heading": "Steps", "points": ["boil"]}, {"heading": "Questions", "points": ["short"]}],
    "brief": "Write in plain and friendly words.", "estimated_word_count": 600, "cta": "Read our other guides.",
}  # fmt: skip
PICTURE = {"prompt": "A steel kettle on a table.", "alt": "A steel kettle."}


def names(*keys: str, **more: Any) -> dict[str, Any]:
    return {"clusters": [{"key": k, "name": f"Kettles {k}", "description": "They want a kettle.", **more} for k in keys]}


GOOD: list[tuple[type[BaseModel], dict[str, Any], dict[str, Any]]] = [
    (ClusterNames, NAMES, names("c1", "c2")),
    (Ideas, IDEAS, {"ideas": [IDEA]}),
    (ArticleDraft, ARTICLE, {**FIELDS, "html": BODY}),
    (
        ImagePrompts,
        PICTURES,
        {"featured": PICTURE, "in_article": [{"prompt": "Two hands at a sink.", "alt": "Two hands.", "after_heading": "Steps"}]},
    ),
]
WRONG: list[tuple[str, type[BaseModel], dict[str, Any], dict[str, Any]]] = [
    ("a key twice", ClusterNames, NAMES, names("c1", "c1")),
    ("a key left out", ClusterNames, NAMES, names("c1")),
    ("a key invented", ClusterNames, NAMES, names("c1", "c9")),
    ("a name that never ends", ClusterNames, NAMES, names("c1", "c2", name="Kettles " * 20)),
    ("an invented keyword", Ideas, IDEAS, {"ideas": [{**IDEA, "primary_keyword": "coffee"}]}),
    ("a keyword left out", Ideas, IDEAS, {"ideas": [{**IDEA, "keywords": ["tea kettle"]}]}),
    ("too many ideas", Ideas, IDEAS, {"ideas": [IDEA, IDEA]}),
    ("a length that cannot be", Ideas, IDEAS, {"ideas": [{**IDEA, "estimated_word_count": 10}]}),
    ("no structure's name", Ideas, IDEAS, {"ideas": [{**IDEA, "content_structure": "jsonp/4?x#y"}]}),
    ("another primary keyword", ArticleDraft, ARTICLE, {**FIELDS, "html": BODY, "primary_keyword": "clean a kettle"}),
    ("an invented secondary keyword", ArticleDraft, ARTICLE, {**FIELDS, "html": BODY, "secondary_keywords": ["coffee"]}),
    ("a body without headings", ArticleDraft, ARTICLE, {**FIELDS, "html": "<p>A tea kettle boils water in a few minutes.</p>"}),
    ("a body cut off", ArticleDraft, ARTICLE, {**FIELDS, "html": BODY.removesuffix(".</p>")}),
    ("an unsafe body", ArticleDraft, ARTICLE, {**FIELDS, "html": BODY.replace("<ol>", "<script>x</script><ol>")}),
    ("a heading that is not there", ImagePrompts, PICTURES, {"featured": PICTURE, "in_article": [{**PICTURE, "after_heading": "No"}]}),
    ("no picture in the article", ImagePrompts, PICTURES, {"featured": PICTURE, "in_article": []}),
]  # fmt: skip


def fits(schema: type[BaseModel], facts: dict[str, Any], answer: dict[str, Any]) -> bool:
    return Draft202012Validator(tight_form(schema, facts)).is_valid(answer)


@pytest.mark.parametrize(("schema", "facts", "answer"), GOOD, ids=lambda v: v.__name__ if isinstance(v, type) else "")
def test_a_good_answer_fits(schema: type[BaseModel], facts: dict[str, Any], answer: dict[str, Any]) -> None:
    assert problems(schema.model_validate(answer), facts) == []
    assert fits(schema, facts, answer)


@pytest.mark.parametrize(("schema", "facts", "answer"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_a_wrong_one_does_not(schema: type[BaseModel], facts: dict[str, Any], answer: dict[str, Any]) -> None:
    assert not fits(schema, facts, answer)


@pytest.mark.parametrize(
    "schema", [ClusterNames, Ideas, ArticleDraft, ArticleOutline, ArticleSection, ArticleRest, FaqSection, ImagePrompts]
)
def test_every_answer_has_one_that_grammars_can_be_made_of(schema: type[BaseModel]) -> None:
    """Valid JSON schema; patterns anchored, without what would break out of a JSON string; nothing counted that a grammar would unroll."""
    form = tight_form(
        schema, {**NAMES, **IDEAS, **PICTURES, **ARTICLE, "keywords": IDEAS["keywords"] if schema is Ideas else ARTICLE["keywords"]}
    )
    Draft202012Validator.check_schema(form)
    assert set(form["required"]) == set(schema.model_fields) == set(form["properties"]) and form["additionalProperties"] is False
    for node in nodes(form):
        if pattern := node.get("pattern"):
            assert pattern.startswith("^") and pattern.endswith("$") and '"' not in re.sub(r"\[\^[^]]*\]", "", pattern)
        assert node.get("maxLength", 0) <= 2_000


def test_a_text_is_never_cut_to_fit() -> None:
    """One character too many may be written, so that the check sees it and asks for a repair."""
    form = tight_form(ArticleDraft, ARTICLE)["properties"]
    title = {**FIELDS, "html": BODY, "title": "x" * form["title"]["maxLength"]}
    assert fits(ArticleDraft, ARTICLE, title)
    with pytest.raises(ValueError, match="161 characters"):
        ArticleDraft.model_validate(title)


def test_where_no_keyword_is_left_the_list_is_empty() -> None:
    alone = {**ARTICLE, "keywords": ["tea kettle"]}
    assert not fits(ArticleDraft, alone, {**FIELDS, "html": BODY})
    assert fits(ArticleDraft, alone, {**FIELDS, "html": BODY, "secondary_keywords": []})


def nodes(form: Any) -> list[dict[str, Any]]:
    if isinstance(form, dict):
        return [form, *(n for v in form.values() for n in nodes(v))]
    return [n for v in form for n in nodes(v)] if isinstance(form, list) else []
