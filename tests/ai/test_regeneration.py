"""Writing an article or one of its sections anew: a new revision, everything else as it was, FAQ and structured data in step."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from chalicelib.adapters.offline_text import OfflineTextModel
from chalicelib.ai import prose
from chalicelib.ai.engine import Done, run
from chalicelib.ai.function import Options
from chalicelib.ai.functions.generate_content import FUNCTION
from chalicelib.ai.regeneration import sections, words_wanted
from chalicelib.core.context import Context, Deps
from chalicelib.core.errors import NotFound
from chalicelib.planner.clusters import CLUSTER
from chalicelib.ports import TextAnswer, TextRequest
from chalicelib.writer.content import CONTENT, Content, body_html, revisions
from chalicelib.writer.editing import Editor
from chalicelib.writer.html import outline
from chalicelib.writer.json_ld import faq_shown
from chalicelib.writer.tasks import TASK
from tests.automation.pipeline import new_account
from tests.conftest import Place, make_site


@dataclass
class Watched(OfflineTextModel):
    """The offline writer. before: what happens between the question and its answer."""

    asked: list[TextRequest] = field(default_factory=list)
    before: Any = None

    def complete(self, request: TextRequest) -> TextAnswer:
        self.asked.append(request)
        if self.before is not None:
            before, self.before = self.before, None
            before()
        return super().complete(request)


@pytest.fixture
def model() -> Watched:
    return Watched()


@pytest.fixture
def owner(deps: Deps, model: Watched) -> Context:
    return new_account(replace(deps, text=lambda choice: model))


@pytest.fixture
def place(owner: Context) -> Place:
    return make_site(owner)[0]


def written(owner: Context, place: Place, words: int = 700) -> Content:
    clusters, tasks = owner.repository(CLUSTER), owner.repository(TASK)
    home = clusters.create(clusters.new(place.sector_id, name="Road Bikes"))
    keywords = "road bike, road bike sizes, how to clean a road bike"
    task = tasks.create(tasks.new(place.sector_id, title="The road bike", cluster=home.id, keywords=keywords, word_count=words))
    return owner.repository(CONTENT).get(run(owner, FUNCTION, task.id, op=task.id).result["content"])


def again(owner: Context, content: Content, **extra: Any) -> Done:
    return run(
        owner, FUNCTION, content.id, op=f"again.{content.id}.{content.version}", options=Options(extra={"regenerate": True, **extra})
    )


def headings(html: str) -> list[str]:
    return [h.text for h in outline(html) if h.level == 2]


def test_a_section_is_asked_for_as_a_part_and_replaced_alone(owner: Context, place: Place, model: Watched) -> None:
    content = written(owner, place)
    before = body_html(owner, content)
    heading = headings(before)[1]
    done = again(owner, content, section=heading, instructions="Say it for beginners.")
    asked, after = model.asked[-1], owner.repository(CONTENT).get(content.id)
    html = body_html(owner, after)
    assert asked.facts["part"] == "section" and asked.facts["section_heading"] == heading
    assert "Say it for beginners." in asked.prompt and f"<section_heading>\n{heading}\n</section_heading>" in asked.prompt
    assert prose.visible_text(sections(before)[2])[:40] in asked.facts["section_present"]
    assert sections(html)[:2] == sections(before)[:2] and sections(html)[3:] == sections(before)[3:]
    assert sections(html)[2] != sections(before)[2] and headings(html) == headings(before)
    assert (after.revision, after.faq, done.credits) == (2, content.faq, max(5, -(-words_wanted(owner, content, before, heading) // 100)))
    assert after.score is not None and after.word_count != content.word_count
    newest = revisions(owner, after)[0]
    assert (
        newest["note"] == f"Regenerated. Section “{heading}”. Say it for beginners."
        and newest["provenance"]["function"] == "generate_content"
    )


def test_a_section_of_a_long_article(owner: Context, place: Place, model: Watched) -> None:
    content = written(owner, place, 1_600)
    before = body_html(owner, content)
    for heading in headings(before)[:-1]:
        content = owner.repository(CONTENT).get(content.id)
        again(owner, content, section=heading)
    after = owner.repository(CONTENT).get(content.id)
    html = body_html(owner, after)
    assert headings(html) == headings(before) and after.revision == len(headings(before)) and after.blockers == 0
    assert 0.8 * 1_600 <= after.word_count <= 1.3 * 1_600


def test_the_faq_section_and_the_list_of_its_questions_stay_the_same(owner: Context, place: Place, model: Watched) -> None:
    content = written(owner, place)
    before = body_html(owner, content)
    heading = headings(before)[-1]
    assert prose.is_faq_heading(heading)
    again(owner, content, section=heading, instructions="Other questions.")
    after = owner.repository(CONTENT).get(content.id)
    html = body_html(owner, after)
    assert model.asked[-1].facts["part"] == "faq" and after.faq != content.faq
    assert faq_shown(after, html) == [(f.question, f.answer) for f in after.faq]
    assert sections(html)[:-1] == sections(before)[:-1]


def test_the_whole_anew_in_one_answer_or_in_parts(owner: Context, place: Place, model: Watched) -> None:
    for words in (500, 1_500):
        content = written(owner, make_site(owner)[0], words)
        model.asked.clear()
        done = again(owner, content, instructions="Livelier.")
        after = owner.repository(CONTENT).get(content.id)
        assert (after.revision, done.credits, after.title) == (2, -(-words // 100), content.title)
        assert ({r.facts.get("part", "") for r in model.asked} == {""}) == (words == 500)
        assert all("<instructions>\nLivelier.\n</instructions>" in r.prompt for r in model.asked)
        assert faq_shown(after, body_html(owner, after)) == [(f.question, f.answer) for f in after.faq]


def test_an_edit_meanwhile_is_kept_and_the_section_goes_into_what_is_there_now(owner: Context, place: Place, model: Watched) -> None:
    content = written(owner, place)
    before = body_html(owner, content)
    heading = headings(before)[0]
    edited = before.replace(sections(before)[0], "<p>An introduction by hand about the road bike.</p>", 1)
    model.before = lambda: Editor(owner).patch(content.id, {"html": edited})
    again(owner, content, section=heading)
    html = body_html(owner, owner.repository(CONTENT).get(content.id))
    assert html.startswith("<p>An introduction by hand about the road bike.</p>") and sections(html)[1] != sections(before)[1]
    assert [r["revision"] for r in revisions(owner, owner.repository(CONTENT).get(content.id))] == [3, 2, 1]


def test_a_section_that_is_gone_meanwhile_fails_and_costs_nothing(owner: Context, place: Place, model: Watched) -> None:
    content = written(owner, place)
    before = body_html(owner, content)
    heading = headings(before)[0]
    without = before.replace(sections(before)[1], "", 1)
    model.before = lambda: Editor(owner).patch(content.id, {"html": without})
    with pytest.raises(NotFound, match="no section of that heading"):
        again(owner, content, section=heading)
    assert owner.repository(CONTENT).get(content.id).revision == 2


def test_links_of_a_section_stay_and_none_is_doubled(owner: Context, place: Place, model: Watched) -> None:
    content = written(owner, place)
    contents = owner.repository(CONTENT)
    fields = {"status": "published", "cluster": content.cluster}
    for name in ("tyres", "pedals"):
        contents.create(contents.new(place.sector_id, title=f"Road bike {name}", external_url=f"https://bikes.example/{name}", **fields))
    html = body_html(owner, content)
    first, second = headings(html)[:2]
    html = html.replace(f"<h2>{first}</h2>", f'<h2>{first}</h2><p><a href="https://else.example/x">A source</a>.</p>', 1)
    html = html.replace(f"<h2>{second}</h2>", f'<h2>{second}</h2><p><a href="https://bikes.example/tyres">Tyres</a>.</p>', 1)
    changed = Editor(owner).patch(content.id, {"html": html})
    again(owner, changed, section=first)
    assert [link["url"] for link in model.asked[-1].facts["links"]] == ["https://bikes.example/pedals", "https://else.example/x"]
