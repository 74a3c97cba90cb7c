"""Long articles: an outline, its sections one by one, the rest; lengths, keywords, repetition, and a crash in the middle."""

import json
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from pydantic import BaseModel

from chalicelib.adapters.offline_text import OfflineTextModel
from chalicelib.ai import article_parts, prose, registry
from chalicelib.ai.answers import ArticleDraft, problems
from chalicelib.ai.article_answers import INTRODUCTION, ArticleOutline, ArticleRest, ArticleSection, FaqSection
from chalicelib.ai.engine import run
from chalicelib.ai.functions.generate_content import FUNCTION
from chalicelib.ai.prompts import built_in
from chalicelib.billing.credits import Ledger
from chalicelib.core.context import Context, Deps
from chalicelib.core.errors import InvalidAnswer, UpstreamUnavailable
from chalicelib.core.ids import random_id
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.ideas import IDEA
from chalicelib.ports import TextAnswer, TextRequest
from chalicelib.system.prompts import PROMPT
from chalicelib.writer.content import CONTENT, body_html
from chalicelib.writer.html import outline
from chalicelib.writer.tasks import TASK, queue_idea
from tests.automation.pipeline import new_account
from tests.conftest import Place, make_site

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


@dataclass
class Faulty(OfflineTextModel):
    """The offline writer. `fault(request, number of the call)` raises, or changes the JSON of the answer."""

    fault: Any = None
    asked: list[TextRequest] = field(default_factory=list)

    def complete(self, request: TextRequest) -> TextAnswer:
        self.asked.append(request)
        answer = super().complete(request)
        changed = self.fault(request, answer.text) if self.fault else None
        return replace(answer, text=changed or answer.text, cost_usd=0.25)

    def parts(self) -> list[str]:
        return [f"{r.facts.get('part', '')}{r.facts.get('section_number', '')}" + ("!" if r.repair else "") for r in self.asked]


@pytest.fixture
def model() -> Faulty:
    return Faulty()


@pytest.fixture
def owner(deps: Deps, model: Faulty) -> Context:
    return new_account(replace(deps, text=lambda choice: model))


@pytest.fixture
def place(owner: Context) -> Place:
    return make_site(owner)[0]


def task_of(owner: Context, place: Place, words: int = 1_500) -> str:
    clusters, ideas = owner.repository(CLUSTER), owner.repository(IDEA)
    home = clusters.create(clusters.new(place.sector_id, name=f"Road Bikes {random_id(4)}"))
    made = ideas.new(
        place.sector_id,
        idea_title="All about the road bike",
        keyword_cluster=home.id,
        target_keywords=KEYWORDS,
        primary_keyword=KEYWORDS[0],
        estimated_word_count=words,
    )
    return queue_idea(owner, ideas.create(made).id).id


class Died(BaseException):
    """The process ends here."""


def test_a_long_article_is_written_stored_and_paid_once(owner: Context, place: Place, model: Faulty) -> None:
    task, said = task_of(owner, place), list[tuple[str, int, str]]()
    done = run(owner, FUNCTION, task, op="long", report=lambda phase, percentage, message="": said.append((phase, percentage, message)))
    content = owner.repository(CONTENT).get(done.result["content"])
    html = body_html(owner, content)
    assert done.credits == 15 and content.blockers == 0 and 1_350 <= content.word_count <= 1_800
    count = len(model.asked) - 3
    assert model.parts() == ["outline", "section1", *(f"section{n}" for n in range(2, count + 2)), "rest"]
    plan = model.asked[-1].facts["plan"]
    assert [h.text for h in outline(html) if h.level == 2][:-1] == [p["heading"] for p in plan[1:]]
    assert [f.question for f in content.faq] == [h.text for h in outline(html) if h.level == 3][-len(content.faq) :]
    shares = [percentage for phase, percentage, _ in said if phase == "AI_CALL"]
    assert shares == sorted(shares) and len(set(shares)) > 5 and max(shares) <= 80
    assert any(message == f"Writes section 2 of {len(plan)}." for *_, message in said)


def test_after_a_crash_what_was_written_is_not_asked_for_again(owner: Context, place: Place, model: Faulty) -> None:
    task = task_of(owner, place)

    def die(request: TextRequest, text: str) -> str:
        if request.facts.get("section_number") == 4:
            raise Died
        return text

    model.fault = die
    with pytest.raises(Died):
        run(owner, FUNCTION, task, op="crash")
    assert model.parts() == ["outline", "section1", "section2", "section3", "section4"]
    ledger = Ledger(owner.deps.table, owner.tenant, owner.deps.clock)
    assert ledger.balance().reserved == 15
    before = ledger.balance().balance
    model.fault, model.asked = None, []
    done = run(owner, FUNCTION, task, op="crash")
    assert model.parts()[0] == "section4" and "outline" not in model.parts() and done.credits == 15
    assert (ledger.balance().balance, ledger.balance().reserved) == (before - 15, 0)
    assert owner.repository(TASK).get(task).status == "completed"


def test_an_outage_in_the_middle_goes_on_later_and_other_work_knows_nothing_of_it(owner: Context, place: Place, model: Faulty) -> None:
    task = task_of(owner, place)

    def busy(request: TextRequest, text: str) -> str:
        if request.facts.get("section_number") == 3:
            raise UpstreamUnavailable("Busy.")
        return text

    model.fault = busy
    with pytest.raises(UpstreamUnavailable):
        run(owner, FUNCTION, task, op="one")
    assert Ledger(owner.deps.table, owner.tenant, owner.deps.clock).balance().reserved == 0
    model.fault, model.asked = None, []
    run(owner, FUNCTION, task, op="one")
    assert model.parts()[0] == "section3"
    model.asked = []
    run(owner, FUNCTION, task_of(owner, place), op="two")
    assert model.parts()[0] == "outline"


def test_a_changed_brief_is_another_question(owner: Context, place: Place, model: Faulty) -> None:
    task = task_of(owner, place)
    model.fault = lambda request, text: "{}" if request.facts["part"] == "rest" else text
    with pytest.raises(InvalidAnswer):
        run(owner, FUNCTION, task, op="changed")
    owner.repository(TASK).patch(task, {"tone": "louder"})
    model.fault, model.asked = None, []
    run(owner, FUNCTION, task, op="changed")
    assert model.parts()[0] == "outline"


def test_only_the_section_that_is_wrong_is_repaired(owner: Context, place: Place, model: Faulty) -> None:
    def short(request: TextRequest, text: str) -> str:
        if request.facts.get("section_number") == 3 and not request.repair:
            return json.dumps({"html": "<p>Too short, and by far.</p>", "summary": "Nothing much."})
        return text

    model.fault = short
    run(owner, FUNCTION, task_of(owner, place), op="short")
    assert [p for p in model.parts() if "!" in p] == ["section3!"]
    repair = next(r.repair for r in model.asked if r.repair)
    assert repair and "The text has 5 words; about" in repair.problems[0] and "Add about" in repair.problems[0]


def test_parts_that_make_no_whole_fail_clearly_and_are_asked_for_anew(owner: Context, place: Place, model: Faulty) -> None:
    task = task_of(owner, place, 3_000)

    def halved(request: TextRequest, text: str) -> str:
        answer = json.loads(text)
        if request.facts["part"] != "section" or request.facts["section_words"] < 150:
            return text
        while prose.word_count(prose.visible_text(answer["html"])) > 0.62 * request.facts["section_words"]:
            shorter = re.sub(r"(?s)(.*)<p>.*?</p>", r"\1", answer["html"], count=1).strip()
            if not prose.visible_text(shorter) or shorter == answer["html"]:
                break
            answer["html"] = shorter
        return json.dumps(answer)

    model.fault = halved
    with pytest.raises(InvalidAnswer, match=r"make no whole|could not be used"):
        run(owner, FUNCTION, task, op="halved")
    assert owner.repository(TASK).get(task).status == "queued"
    model.fault = None
    assert run(owner, FUNCTION, task, op="halved").credits == 30


def test_an_article_of_not_quite_the_length_is_stored_with_a_finding(owner: Context, place: Place, model: Faulty) -> None:
    def long(request: TextRequest, text: str) -> str:
        answer = json.loads(text)
        answer["html"] = answer["html"].replace("<h2>", f"{text_of(330, 'More.', 'z')}<h2>", 1)
        return json.dumps(answer)

    model.fault = long
    done = run(owner, FUNCTION, task_of(owner, place, 1_000), op="long")
    content = owner.repository(CONTENT).get(done.result["content"])
    assert 1_200 < content.word_count <= 1_400 and [bool(r.repair) for r in model.asked] == [False, True]
    assert "off_length" in {f.code for f in content.findings}
    model.fault = lambda request, text: json.dumps(
        {**json.loads(text), "html": text_of(100, "The road bike.", "y") + "<h2>A</h2><p>B.</p>"}
    )
    with pytest.raises(InvalidAnswer, match="Add about"):
        run(owner, FUNCTION, task_of(owner, place, 1_000), op="shorter")


def test_a_tenants_own_prompt_counts_for_every_part(owner: Context, place: Place, model: Faulty) -> None:
    prompts = owner.repository(PROMPT)
    prompts.create(prompts.new("", prompt_type="generate_content", prompt_value="Our way, about $primary_keyword, always in rhyme."))
    run(owner, FUNCTION, task_of(owner, place), op="own")
    assert len(model.asked) > 5
    for request in model.asked:
        assert request.prompt.startswith("Our way, about ") and "always in rhyme." in request.prompt
        assert "You are an experienced writer" not in request.prompt and "THIS QUESTION: " in request.prompt


def test_the_prompts_of_one_article_begin_alike(owner: Context, place: Place, model: Faulty) -> None:
    """Providers that cache what a prompt begins with read the brief once for all parts."""
    run(owner, FUNCTION, task_of(owner, place), op="alike")
    beginnings = {r.prompt.split("THIS QUESTION")[0] for r in model.asked}
    assert len(beginnings) == 1 and len(beginnings.pop()) > 3_000


def test_the_faq_alone_is_a_form_of_its_own() -> None:
    asked = article_facts(part="faq", section_words=150)
    assert article_parts.form(asked).schema is FaqSection and article_parts.question(asked, []) is asked
    answer = FaqSection.model_validate({"faq": [{"question": "Is it fast?", "answer": "It is <b>fast</b>."}] * 2})
    assert [p.split(":")[0] for p in problems(answer, asked)] == ["FAQ questions asked twice", "FAQ texts with markup"]


def test_the_function_is_registered_with_its_parts() -> None:
    assert registry.get("generate_content").form is article_parts.form
