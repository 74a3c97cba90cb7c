"""Good articles of many kinds pass; a fault planted into one of them causes its finding and no other; no fault ever raises a score."""

from functools import cache
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.writer.checks import ArticleCheck, ImageFact, check_article
from chalicelib.writer.findings import BLOCKED_AT_MOST
from chalicelib.writer.html import word_count
from chalicelib.writer.languages import language_code
from chalicelib.writer.normalization import normalize_content
from tests.writer.faults_in_form import IN_THE_FORM
from tests.writer.faults_in_text import IN_THE_TEXT
from tests.writer.good_articles import ARTICLES
from tests.writer.planting import ANY, Article, Fault

IMAGES = (ImageFact("A 1", "featured"), ImageFact("B 2"))
FAULTS = [*IN_THE_TEXT, *IN_THE_FORM]
SEVERAL = 4  # articles that each fault is planted into


def checked(article: Article) -> ArticleCheck:
    return check_article(**{"images": IMAGES, "year": 2026, **article})


@cache
def codes_of(name: str) -> frozenset[str]:
    return frozenset(one.code for one in checked(ARTICLES[name]).findings)


def text_for(fault: Fault, name: str) -> str | None:
    return fault.texts.get(language_code(ARTICLES[name]["language"]), fault.texts.get(ANY))


def planted(fault: Fault, article: Article, name: str) -> Article:
    return fault.plant(article, text_for(fault, name) or "")


def hosts(at: int, fault: Fault) -> list[str]:
    """Several articles for a fault, of different languages first; not always the same ones."""
    names = list(ARTICLES)
    turned = [n for n in names[at * 5 % len(names) :] + names[: at * 5 % len(names)] if text_for(fault, n) is not None]
    apart = list({language_code(ARTICLES[n]["language"]): n for n in turned}.values())
    return list(islice(dict.fromkeys([*apart, *turned]), SEVERAL))


PLANTED = [(fault, name) for at, fault in enumerate(FAULTS) for name in hosts(at, fault)]


def test_there_is_enough_of_everything() -> None:
    assert len(ARTICLES) >= 20 and len({language_code(a["language"]) for a in ARTICLES.values()}) >= 6
    assert len({word_count(a["html"]) for a in ARTICLES.values()}) > 15 and min(word_count(a["html"]) for a in ARTICLES.values()) >= 270
    assert len(FAULTS) >= 60 and len({fault.code for fault in FAULTS}) >= 50
    assert sum(fault.blocker for fault in FAULTS) >= 25


@pytest.mark.parametrize("name", ARTICLES)
def test_a_good_article_passes(name: str) -> None:
    """As it came, and as it is stored."""
    article = ARTICLES[name]
    for html in (article["html"], normalize_content(article["html"])):
        found = checked({**article, "html": html})
        assert found.ok, found.blockers
        assert found.score >= 90, found.findings


@pytest.mark.parametrize(("fault", "name"), PLANTED, ids=[f"{fault.name}-{name}" for fault, name in PLANTED])
def test_a_fault_causes_its_finding_and_no_other(fault: Fault, name: str) -> None:
    before, after = checked(ARTICLES[name]), checked(planted(fault, ARTICLES[name], name))
    new = {one.code: one.severity for one in after.findings if one.code not in codes_of(name)}
    assert new.pop(fault.code, None) in (("blocker",) if fault.blocker else ("warning", "info")), after.findings
    assert set(new) <= fault.with_it, after.findings
    assert after.ok is not fault.blocker
    assert after.score < before.score and (after.score <= BLOCKED_AT_MOST) is fault.blocker


# What changes the same field or the brief, makes a text longer that is too short, takes away what others add, or is itself filled by them,
# stands alone.
_ALONE = {"empty_section", "empty_article", "too_short", "short", "too_long", "wall_of_text", "truncated", "missing_h2"}
BESIDE = [fault for fault in FAULTS if fault.plant.__qualname__ != "field.<locals>.<lambda>" and fault.code not in _ALONE]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(ARTICLES)), st.lists(st.sampled_from(BESIDE), min_size=2, max_size=6, unique_by=lambda fault: fault.code))
def test_no_further_fault_raises_the_score(name: str, faults: list[Fault]) -> None:
    article: dict[str, Any] = ARTICLES[name]
    scores = [checked(article).score]
    for fault in faults:
        if text_for(fault, name) is not None:
            article = planted(fault, article, name)
            scores.append(checked(article).score)
    assert scores == sorted(scores, reverse=True), [(fault.name, score) for fault, score in zip(faults, scores[1:], strict=False)]
