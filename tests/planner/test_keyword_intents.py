"""Search intents in every form tools write them, and the one that is stored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.planner.keyword_intents import INTENTS, intents_of_flags, is_true, primary_intent, read_intents


@pytest.mark.parametrize(
    ("cell", "intents"),
    [
        ("Commercial, Informational", ("commercial", "informational")),
        ("informational", ("informational",)),
        ("INFORMATIONAL", ("informational",)),
        ("informational, transactional", ("informational", "transactional")),
        ("Navigational|Commercial", ("navigational", "commercial")),
        ("Commercial; Transactional", ("commercial", "transactional")),
        ("Commercial and Informational", ("commercial", "informational")),
        ("1,0", ("commercial", "informational")),
        ("2", ("navigational",)),
        ("3.0", ("transactional",)),
        ("0", ("commercial",)),
        ("I, T", ("informational", "transactional")),
        ("C", ("commercial",)),
        ("i c", ("informational", "commercial")),
        ("N/T", ("navigational", "transactional")),
        ("['informational', 'commercial']", ("informational", "commercial")),
        ("Commercial investigation", ("commercial",)),
        ("Informational intent", ("informational",)),
        ("Transaktional", ("transactional",)),
        ("信息", ("informational",)),
        ("Informational,Informational", ("informational",)),
        ("", ()),
        ("-", ()),
        ("n/a", ()),
        ("\u2013", ()),
    ],
)
def test_words_codes_and_letters(cell: str, intents: tuple[str, ...]) -> None:
    assert read_intents(cell).intents == intents


def test_flags_beside_the_intents() -> None:
    read = read_intents("Informational,Commercial,Non-branded,Non-local")
    assert (read.intents, read.branded, read.local) == (("informational", "commercial"), False, False)
    read = read_intents("Navigational,Branded,Local")
    assert (read.intents, read.branded, read.local, read.other) == (("navigational",), True, True, ())


def test_unknown_words_are_kept_apart() -> None:
    assert read_intents("informational, mixed").other == ("mixed",)


def test_true_false_columns() -> None:
    assert intents_of_flags({"informational": "true", "commercial": "TRUE", "navigational": "false"}) == ("informational", "commercial")
    assert [is_true(cell) for cell in ("True", "1", "yes", "x", "false", "0", "", "no")] == [True] * 4 + [False] * 4


def test_the_primary_intent_is_the_one_closest_to_a_purchase() -> None:
    assert primary_intent(["informational", "commercial", "transactional"]) == "transactional"
    assert primary_intent(["navigational", "informational", "commercial"]) == "commercial"
    assert primary_intent(("navigational", "informational")) == "informational"
    assert primary_intent(["navigational"]) == "navigational"
    assert primary_intent([]) is None


@given(st.text(max_size=60))
def test_any_text_gives_known_intents_only(cell: str) -> None:
    assert set(read_intents(cell).intents) <= set(INTENTS)
