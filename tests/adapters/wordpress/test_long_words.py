"""What a site says went wrong, when it says ten megabytes."""

import pytest

from chalicelib.adapters.wordpress_client import SAID_CHARACTERS, WordPressAnswer


@pytest.mark.parametrize("unit", ["<", "<a ", "&", "<b>", "x ", "&lt;"])
def test_a_message_is_read_no_further_than_it_is_shown(unit: str) -> None:
    answer = WordPressAnswer(500, {"message": unit * (10_000_000 // len(unit))}, {})
    assert len(answer.said) <= SAID_CHARACTERS


def test_the_words_stay() -> None:
    answer = WordPressAnswer(403, {"message": "<strong>Error:</strong> you may &amp; can <a href='/x'>not</a>."}, {})
    assert answer.said == "Error: you may & can not ."
