"""Long articles: an outline, its sections one by one, the rest; lengths, keywords, repetition, and a crash in the middle."""

import re
from collections import Counter
from typing import Any

import pytest
from pydantic import BaseModel

from chalicelib.adapters.offline_text import OfflineTextModel
from chalicelib.ai import article_parts, prose, registry
from chalicelib.ai.answers import problems
from chalicelib.ai.article_answers import INTRODUCTION, ArticleDraft, ArticleOutline, ArticleRest, ArticleSection, FaqSection
from chalicelib.ai.prompts import built_in
from chalicelib.ports import TextRequest

KEYWORDS = ["road bike", "road bike sizes", "how to clean a road bike", "road bike tyres", "road bike pedals"]
HEADINGS = ["Road bike sizes", "Clean it", "Tyres", "Pedals", "The next ride"]


def article_facts(**changed: Any) -> dict[str, Any]:
    facts = {
        "title": "All about the road bike",
        "description": "What a rider should know.",
        "content_type": "post",
        "content_structure": "guide",
        "primary_keyword": KEYWORDS[0],
        "keywords": KEYWORDS,
        "word_count": 1_500,
        "outline": [],
        "brief": "",
        "cta": "Book a fitting",
        "cluster": {"name": "Road Bikes", "description": ""},
        "cluster_keywords": [],
        "links": [{"title": "Gravel", "url": "https://bikes.example/gravel"}, {"title": "Helmets", "url": "https://bikes.example/helmets"}],
        "instructions": "",
        "present_text": "",
        "language": "en",
        "market": "us",
        "tone": "plain",
        "audience": "riders",
        "site": {"name": "Bikes", "domain": "bikes.example"},
        "author": None,
        "strategy": None,
    }
    return {**facts, **changed}


def planned(words: int = 200) -> ArticleOutline:
    given = [["road bike sizes", "road bike"], ["how to clean a road bike"], ["road bike tyres"], ["road bike pedals"], []]
    sections = [{"heading": h, "points": ["a point"], "words": words, "keywords": k} for h, k in zip(HEADINGS, given, strict=True)]
    return ArticleOutline.model_validate({"sections": [*sections, {"heading": "FAQ", "points": ["x"], "words": 9, "keywords": []}]})


def text_of(words: int, about: str, seed: str) -> str:
    """So many words of which no run occurs under another seed."""
    made = [f"{seed}{n}x{'abcdefgh'[n % 8]}" for n in range(words - len(about.split()))]
    sentences = [" ".join(made[at : at + 12]) for at in range(0, len(made), 12)]
    return f"<p>{about} {'. '.join(sentences)}.</p>"


def section(words: int, about: str, seed: str) -> ArticleSection:
    return ArticleSection(html=text_of(words, about, seed), summary=f"Says what {seed} is about.")


def rest(**changed: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "title": "All about the road bike",
        "excerpt": "What a rider should know before buying.",
        "meta_title": "The road bike",
        "meta_description": "What a rider should know before buying.",
        "primary_keyword": "road bike",
        "secondary_keywords": [],
        "tags": [],
        "categories": [],
        "faq_heading": "Questions & answers",
        "faq": [{"question": "Is it fast?", "answer": "Faster than walking."}],
    }
    return {**fields, **changed}


def test_up_to_the_threshold_one_question_is_all() -> None:
    facts = article_facts(word_count=article_parts.LONG_WORDS)
    assert article_parts.question(facts, []) is facts and article_parts.question(facts, ["the answer"]) is None
    assert article_parts.form(facts).schema is ArticleDraft and article_parts.form(facts).part == ""
    longer = article_parts.question(article_facts(word_count=article_parts.LONG_WORDS + 1), [])
    assert longer and article_parts.form(longer).schema is ArticleOutline and article_parts.form(longer).part == "outline"


def test_the_plan_spreads_the_words_and_leaves_the_faq_out() -> None:
    facts = article_facts()
    plan = article_parts.plan_of(planned(), facts)
    assert [p["heading"] for p in plan] == [INTRODUCTION, *HEADINGS]
    total = sum(p["words"] for p in plan) + article_parts.faq_words(1_500)
    assert total == pytest.approx(1_500, abs=10)
    uneven = planned().model_copy(deep=True)
    uneven.sections[0].words = 100_000
    uneven.sections[1].words = -5
    words = [p["words"] for p in article_parts.plan_of(uneven, facts)]
    assert min(words) >= article_parts.LEAST_SECTION_WORDS and words[1] < 1_400


def test_what_a_section_lacks_the_next_ones_make_up_for() -> None:
    facts, answers = article_facts(), [planned(), section(100, "The road bike.", "i")]
    asked = article_parts.question(facts, answers)
    assert asked and asked["section_heading"] == HEADINGS[0]
    normal = asked["section_words"]
    short = article_parts.question(facts, [*answers, section(round(0.6 * normal), "Sizes.", "s")])
    long = article_parts.question(facts, [*answers, section(round(1.6 * normal), "Sizes.", "s")])
    assert short and long and long["section_words"] < normal < short["section_words"] <= 1.3 * normal + 1
    assert short["written"] == [
        {"heading": INTRODUCTION, "summary": "Says what i is about."},
        {"heading": HEADINGS[0], "summary": "Says what s is about."},
    ]
    assert not any("s5x" in str(short[name]) for name in ("written", "plan")), "not the text itself"


def test_links_are_offered_until_they_are_used() -> None:
    facts = article_facts()
    one = ArticleSection(html='<p>See <a href="https://bikes.example/gravel/">gravel</a>.</p>', summary="Links to gravel.")
    asked = article_parts.question(facts, [planned(), one])
    assert asked and [link["title"] for link in asked["unused_links"]] == ["Helmets"]


def test_the_rest_covers_what_no_section_has_covered() -> None:
    bodies = [section(150, "The road bike rides.", f"q{n}") for n in range(6)]
    asked = article_parts.question(article_facts(), [planned(), *bodies])
    assert asked and asked["part"] == "rest" and asked["uncovered"] == ["how to clean a road bike"], "headings count"
    wrong = problems(ArticleRest.model_validate(rest()), asked)
    assert wrong == ["Keywords that neither the sections nor the FAQ cover: 'how to clean a road bike'."]
    covered = rest(faq=[{"question": "How to clean a road bike?", "answer": "With water and a soft brush."}])
    assert problems(ArticleRest.model_validate(covered), asked) == []
    assert article_parts.question(article_facts(), [planned(), *bodies, covered]) is None


def test_the_article_is_put_together_from_outline_sections_and_rest() -> None:
    bodies = [section(60, "The road bike.", "i"), *(section(60, h, h[0]) for h in HEADINGS)]
    bodies[1] = ArticleSection(html=f"<h2>Road  Bike sizes</h2>{bodies[1].html}", summary="It repeats its heading.")
    whole = article_parts.joined([planned(), *bodies, ArticleRest.model_validate(rest())])
    assert isinstance(whole, ArticleDraft)
    assert re.findall(r"<h2>(.*?)</h2>", whole.html) == [*HEADINGS, "Questions &amp; answers"]
    assert whole.html.startswith("<p>The road bike.") and "<h3>Is it fast?</h3>\n<p>Faster than walking.</p>" in whole.html
    assert whole.faq[0].question == "Is it fast?" and prose.html_problems(whole.html) == []


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ("<h2>Another</h2><p>{text}</p>", "must not contain an h2"),
        ("<p>{text}</p><h1>Top</h1><p>It is.</p>", "must not contain an h1"),
        ("<p>Too short to say much about road bike sizes.</p>", "Add about"),
        ("<p>{text}</p>" * 3, "Take out about"),
        ("<p>{text}</p><p><a href='https://else.example/x'>There</a>.</p>", "Links that were not given"),
        ("<p>{text}</p><p>You sit well when both of your feet reach the ground.</p>", "an earlier section has already"),
        ("<p>{text}</p><script>x()</script><p>It is.</p>", "Unsafe HTML"),
    ],
)
def test_section_problems(html: str, found: str) -> None:
    facts = article_facts(
        section_heading="Road bike sizes",
        section_words=200,
        section_keywords=["road bike sizes"],
        written_text=["Before: you sit well when both of your feet reach the ground. More."],
    )
    facts["written_text"] = ["You sit well when both of your feet reach the ground."]
    text = re.sub(r"</?p>", "", text_of(200, "About sizes.", "w"))
    answer = ArticleSection(html=html.format(text=text), summary="What it says.")
    assert any(found in p for p in problems(answer, facts, check_language=False)), problems(answer, facts, check_language=False)
    good = ArticleSection(html=f"<p>{text}</p>", summary="What it says.")
    assert problems(good, facts, check_language=False) == [], "the heading covers the keyword"


def test_a_section_that_paraphrases_nothing_is_told_so() -> None:
    earlier = prose.visible_text(text_of(200, "About sizes.", "w"))
    again = ArticleSection(html=f"<p>{earlier.replace('. ', ' and ')}</p>", summary="The same again.")
    facts = article_facts(section_heading="Sizes", section_words=200, section_keywords=[], written_text=[earlier])
    assert any("repeats earlier ones word for word" in p for p in problems(again, facts, check_language=False))


def test_outline_problems() -> None:
    asked = article_parts.question(article_facts(outline=[{"heading": "Your size", "points": []}, {"heading": "FAQ", "points": []}]), [])
    assert asked
    wrong = planned().model_copy(deep=True)
    wrong.sections[1].heading = wrong.sections[0].heading
    wrong.sections[2].heading = asked["title"]
    wrong.sections[3].keywords = ["unicycles"]
    found = " ".join(problems(wrong, asked))
    for part in ("used twice: 'Road bike sizes'", "repeat the title", "were not given: 'unicycles'", "section: 'road bike pedals'",
                 "given outline that are missing: 'Your size'"):  # fmt: skip
        assert part in found, (part, found)
    tolerant = " ".join(problems(wrong, asked, tolerant=True))
    assert "missing" not in tolerant and "used twice" in tolerant


@pytest.mark.parametrize("length", [1_300, 2_500, 4_000])
def test_the_offline_writer_writes_in_parts_what_was_planned(length: int) -> None:
    facts = article_facts(word_count=length, outline=[{"heading": "Sizes and fit", "points": ["Measure your inseam twice"]}] * 1)
    model, answers = OfflineTextModel(), list[BaseModel]()
    while (asked := article_parts.question(facts, answers)) is not None:
        form = article_parts.form(asked)
        answer = form.schema.model_validate_json(model.complete(TextRequest("generate_content", "", "", form.schema, asked)).text)
        assert problems(answer, asked, check_language=False, tolerant=True) == [], (form.part, asked.get("section_heading"))
        answers.append(answer)
    whole = article_parts.joined(answers)
    assert problems(whole, facts, check_language=False, tolerant=True) == []
    text = prose.visible_text(whole.html)
    assert 0.9 * length <= prose.word_count(text) <= 1.2 * length
    assert "Measure your inseam twice" in text and "Book a fitting." in text
    sentences = Counter(s for s in prose.SENTENCE_BREAK.split(text) if len(s.split()) >= 8)
    assert [s for s, count in sentences.items() if count > 1] == []


def test_every_part_has_its_prompt_and_its_schema() -> None:
    for part, schema in article_parts.FORMS.items():
        assert built_in("generate_content", part)
        for node in _nodes(schema.model_json_schema()):
            assert not {"default", "maxLength", "minLength", "anyOf"} & (node.keys() - {"properties"})
            if node.get("type") == "object":
                assert sorted(node["required"]) == sorted(node["properties"]) and node["additionalProperties"] is False


def _nodes(schema: Any) -> Any:
    if isinstance(schema, dict):
        yield schema
        schema = list(schema.values())
    if isinstance(schema, list):
        for value in schema:
            yield from _nodes(value)


def test_the_faq_alone_is_a_form_of_its_own() -> None:
    asked = article_facts(part="faq", section_words=150)
    assert article_parts.form(asked).schema is FaqSection and article_parts.question(asked, []) is asked
    answer = FaqSection.model_validate({"faq": [{"question": "Is it fast?", "answer": "It is <b>fast</b>."}] * 2})
    assert [p.split(":")[0] for p in problems(answer, asked)] == ["FAQ questions asked twice", "FAQ texts with markup"]


def test_the_function_is_registered_with_its_parts() -> None:
    assert registry.get("generate_content").form is article_parts.form
