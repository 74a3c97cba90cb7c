"""Long articles in the engine: asked for in parts, repaired part by part, paid once, and gone on with after a crash."""

import json
import re
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from chalicelib.adapters.offline_text import OfflineTextModel
from chalicelib.ai import prose
from chalicelib.ai.engine import run
from chalicelib.ai.functions.generate_content import FUNCTION
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
from tests.ai.test_article_parts import KEYWORDS, text_of
from tests.automation.pipeline import new_account
from tests.conftest import Place, make_site


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
        while prose.word_count(prose.visible_text(answer["html"])) > 0.5 * request.facts["section_words"]:
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
