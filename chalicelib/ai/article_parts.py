"""Long articles are written in parts: an outline, each section, then what is left. Here is what each question asks, and how the
answers become one article.

One answer is enough up to LONG_WORDS words: that many need about 6,000 tokens with all fields, which every current model may answer
at once. Of longer articles models write a part of what was asked for, whatever they are told, and an answer that is cut off or
invalid costs the whole article; in parts, a section alone is asked for again.

Lengths correct themselves: what the sections so far lack or have too many is spread over those that follow. Keywords are given to
sections by the outline; what no section covers in the end is the FAQ's to cover.
"""

from collections.abc import Sequence
from html import escape
from typing import Any

from pydantic import BaseModel

from chalicelib.ai import prose
from chalicelib.ai.answer_fields import as_given, once
from chalicelib.ai.article_answers import (
    INTRODUCTION,
    ArticleDraft,
    ArticleFields,
    ArticleOutline,
    ArticleRest,
    ArticleSection,
    FaqEntry,
    FaqSection,
    PlannedSection,
)
from chalicelib.ai.function import OUTPUT_TOKENS, Form

LONG_WORDS = 1_200
TOKENS_PER_WORD = 2.5  # of HTML in a language that tokenizers know less well than English
TOKENS_BESIDES = 3_000  # the other fields, above all the FAQ once more
SECTION_WORDS, MOST_SECTIONS = 250, 20  # a typical section; more of them only where the outline given has more
LEAST_SECTION_WORDS = 40
INTRODUCTION_SHARE, FAQ_SHARE = 0.08, 0.12
INTRODUCTION_WORDS, FAQ_WORDS = (60, 120), (150, 260)
WORDS_PER_QUESTION = 45
FORMS: dict[str, type[BaseModel]] = {
    "": ArticleDraft, "outline": ArticleOutline, "section": ArticleSection, "rest": ArticleRest, "faq": FaqSection,
}  # fmt: skip


def question(facts: dict[str, Any], answers: Sequence[Any]) -> dict[str, Any] | None:
    """The facts of the next question: those of the article and, under further names, those of the part that is asked for."""
    if "part" in facts or int(facts["word_count"]) <= LONG_WORDS:
        return None if answers else facts
    if not answers:
        return _outline_facts(facts)
    plan = plan_of(answers[0], facts)
    written = answers[1:]
    if len(written) < len(plan):
        return _section_facts(facts, plan, written)
    return _rest_facts(facts, plan, written) if len(written) == len(plan) else None


def form(facts: dict[str, Any]) -> Form:
    part = facts.get("part", "")
    said = {"outline": "Plans the sections.", "rest": "Writes the FAQ and the summary.", "faq": "Writes the FAQ."}.get(part, "")
    if "section_number" in facts:
        said = f"Writes section {facts['section_number']} of {facts['section_count']}."
    return Form(FORMS[part], part, facts.get("progress", 0.0), said)


def output_tokens(facts: dict[str, Any]) -> int:
    words = int(facts.get("section_words", 0) if facts.get("part") else facts["word_count"])
    return max(OUTPUT_TOKENS, round(TOKENS_PER_WORD * words) + TOKENS_BESIDES)


def joined(answers: Sequence[Any]) -> Any:
    """The one answer, or the article made of an outline, its sections and the rest."""
    if len(answers) == 1:
        return answers[0]
    outline, introduction, *bodies = answers[:-1]
    rest = answers[-1]
    pieces = [introduction.html.strip()]
    for planned, body in zip(_own(outline), bodies, strict=True):
        pieces += [f"<h2>{escape(planned.heading, quote=False)}</h2>", prose.without_heading(body.html, planned.heading).strip()]
    pieces += [f"<h2>{escape(rest.faq_heading, quote=False)}</h2>", faq_html(rest.faq)]
    fields = {name: getattr(rest, name) for name in ArticleFields.model_fields}
    return ArticleDraft(html="\n".join(pieces), **fields)


def faq_html(faq: Sequence[FaqEntry]) -> str:
    """What stands under the heading of the FAQ."""
    return "\n".join(f"<h3>{escape(e.question, quote=False)}</h3>\n<p>{escape(e.answer, quote=False)}</p>" for e in faq)


def plan_of(outline: ArticleOutline, facts: dict[str, Any]) -> list[dict[str, Any]]:
    """The introduction and the outline's sections, each with its share of the words, in the proportions the outline names."""
    total = int(facts["word_count"])
    own = _own(outline)
    introduction = _between(round(INTRODUCTION_SHARE * total), *INTRODUCTION_WORDS)
    left = total - introduction - faq_words(total)
    mean = max(1.0, sum(max(0, s.words) for s in own) / len(own))
    weights = [min(2.5 * mean, max(0.05 * mean, s.words)) for s in own]
    first = {"heading": INTRODUCTION, "points": ["the answer in short"], "words": introduction, "keywords": [facts["primary_keyword"]]}
    sections = [
        {
            "heading": s.heading,
            "points": s.points,
            "words": max(LEAST_SECTION_WORDS, round(left * weight / sum(weights))),
            "keywords": as_given(s.keywords, [facts["primary_keyword"], *facts["keywords"]]),
        }
        for s, weight in zip(own, weights, strict=True)
    ]
    return [first, *sections]


def faq_words(total: int) -> int:
    return _between(round(FAQ_SHARE * total), *FAQ_WORDS)


def _own(outline: ArticleOutline) -> list[PlannedSection]:
    """The sections that are asked for one by one: all but an FAQ, which is the last question's."""
    return [s for s in outline.sections if not prose.is_faq_heading(s.heading)] or list(outline.sections)


def _outline_facts(facts: dict[str, Any]) -> dict[str, Any]:
    given = [s for s in facts["outline"] if not prose.is_faq_heading(s["heading"])]
    typical = _between(round(int(facts["word_count"]) / SECTION_WORDS), 4, MOST_SECTIONS)
    least = max(3, round(0.4 * typical))
    most = max(round(1.5 * typical), min(len(facts["keywords"]) + 3, MOST_SECTIONS))  # a keyword may need a section of its own
    if given:
        least, most = min(least, max(2, len(given))), max(most, len(given) + 2)
    return {**facts, "part": "outline", "sections_least": least, "sections_most": most}


def _section_facts(facts: dict[str, Any], plan: list[dict[str, Any]], written: Sequence[ArticleSection]) -> dict[str, Any]:
    here = plan[len(written)]
    texts = [prose.visible_text(prose.without_heading(w.html, p["heading"])) for p, w in zip(plan, written, strict=False)]
    so_far = sum(map(prose.word_count, texts))
    to_come = sum(p["words"] for p in plan[len(written) :])
    left = int(facts["word_count"]) - faq_words(int(facts["word_count"])) - so_far
    scale = min(1.3, max(0.75, left / to_come))
    used = {prose.address(url) for w in written for url in prose.addresses(w.html)}
    return {
        **facts,
        "part": "section",
        "plan": plan,
        "section_number": len(written) + 1,
        "section_count": len(plan),
        "section_heading": here["heading"],
        "section_points": here["points"],
        "section_words": round(here["words"] * scale),
        "section_keywords": here["keywords"],
        "section_present": "",
        "written": _summaries(plan, written),
        "written_text": texts,
        "unused_links": [link for link in facts["links"] if prose.address(link["url"]) not in used],
        "progress": (len(written) + 1) / (len(plan) + 2),
    }


def _rest_facts(facts: dict[str, Any], plan: list[dict[str, Any]], written: Sequence[ArticleSection]) -> dict[str, Any]:
    text = "\n".join(prose.visible_text(w.html) for w in written) + "\n" + "\n".join(p["heading"] for p in plan[1:])
    words = faq_words(int(facts["word_count"]))
    return {
        **facts,
        "part": "rest",
        "plan": plan,
        "written": _summaries(plan, written),
        "uncovered": [k for k in once([facts["primary_keyword"], *facts["keywords"]]) if not prose.covers(text, k)],
        "faq_words": words,
        "faq_count": _between(round(words / WORDS_PER_QUESTION), 3, 6),
        "progress": (len(plan) + 1) / (len(plan) + 2),
    }


def _summaries(plan: list[dict[str, Any]], written: Sequence[ArticleSection]) -> list[dict[str, str]]:
    return [{"heading": p["heading"], "summary": w.summary} for p, w in zip(plan, written, strict=False)]


def _between(value: int, least: int, most: int) -> int:
    return min(most, max(least, value))
