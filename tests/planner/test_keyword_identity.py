"""The identity of a keyword."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.planner.keyword_identity import clean_text, keyword_id, normalise_keyword


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("Dog  Beds", "dog beds"),
        ("\tdog\nbeds ", "dog beds"),
        ("dog\u00a0beds", "dog beds"),
        ("cafe\u0301", "café"),
        ("STRASSE", "straße"),
        ("mother\u2019s day", "mother's day"),
        ("dog\u200b beds\ufeff", "dog beds"),
        ("dog\x00 beds", "dog beds"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
    ],
)
def test_texts_that_are_one_keyword(text: str, same: str) -> None:
    assert normalise_keyword(text) == normalise_keyword(same)


@pytest.mark.parametrize(("one", "other"), [("dog bed", "dog beds"), ("cafe", "café"), ("c++", "c"), ("\uff21", "a"), ("x²", "x2")])
def test_texts_that_are_two(one: str, other: str) -> None:
    assert normalise_keyword(one) != normalise_keyword(other)


def test_cleaning_keeps_case() -> None:
    assert clean_text("  iPhone\u00ad  15 ") == "iPhone 15"


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise_keyword(text)
    assert normalise_keyword(once) == once
    assert clean_text(clean_text(text)) == clean_text(text)


def test_the_id() -> None:
    one = keyword_id("Dog Beds", "us", "is_pets")
    assert re.fullmatch("[a-z2-7]{16}", one)
    assert one == keyword_id(" dog  beds", "US", "is_pets") == "ca7s6brnqdmrsykw"
    assert (
        len(
            {one, keyword_id("dog beds", "uk", "is_pets"), keyword_id("dog beds", None, "is_pets"), keyword_id("dog beds", "us", "is_cats")}
        )
        == 4
    )
    assert keyword_id("b", "a", "") != keyword_id("", "b", "a")
    assert keyword_id("dog", None, "s") == keyword_id("dog", "", "s")
