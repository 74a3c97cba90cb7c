"""What the checks let pass: good articles, odd but right markup, any input at all."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.writer.checks import ImageFact, check_article
from chalicelib.writer.findings import BLOCKED_AT_MOST
from chalicelib.writer.html import clean_html
from chalicelib.writer.languages import language_code, other_language
from chalicelib.writer.readability import flesch, sentences, similarity, sketch, syllables
from tests.writer.good_articles import COLD_BREW, FRENCH_PRESS, GOOD
from tests.writer.test_checks import FRENCH, checked, codes, plus


@pytest.mark.parametrize("name", GOOD)
def test_a_short_good_article_passes(name: str) -> None:
    article = GOOD[name]
    check = check_article(**article, images=[ImageFact("A full jar of cold brew", "featured"), ImageFact("Coarse grounds on a scale")])
    assert check.findings == ()
    assert check.score == 100
    assert check_article(**{**article, "html": clean_html(article["html"])}).score >= 98


@pytest.mark.parametrize(
    "html",
    [
        "<p>Some readers ask whether an AI model can write recipes; as an AI researcher told us, it can.</p>",
        "<p>I cannot recommend pre-ground coffee. Here is a guide to the grinders we like.</p>",
        "<p>A study says so [1]. Rate it 5 * 4 = 20.</p><h3>Sources</h3><ol><li>A. Baker, Coffee, 2019.</li></ol>",
        "<pre><code>{{ template }} and ** and TODO</code></pre>",
        "<p>Here is the simplest version: beans, water and time.</p>",
        "<p>Ask the <a href='mailto:hello@coffeehouse.net'>roastery</a> or <a href='/contact'>write to us</a>.</p>",
        "<p>Use <code>__init__</code> names. Sure, it works.</p>",
        "<p>A to-do list app helps; a TODO list does too.</p>",
        "<ul><li>One jar</li><li>One filter</li></ul>",
        "<blockquote><p>Buy \u201cwhole beans\u201d</p></blockquote>",
    ],
)
def test_what_only_looks_like_a_fault_does_not_block(html: str) -> None:
    check = checked(html=plus(html))
    assert check.blockers == ()
    assert codes(check) <= {"no_images"}


@pytest.mark.parametrize(
    "ending", ["<p><a href='/shop'>See all our presses and grinders</a></p>", "<ul><li>One more jar</li></ul>", "<p>Enjoy (really)</p>"]
)
def test_an_ending_without_a_full_stop_may_be_whole(ending: str) -> None:
    assert "truncated" not in codes(checked(html=COLD_BREW + ending))


def test_the_score_falls_with_every_further_fault() -> None:
    whole = checked()
    worse = checked(meta_title="")
    bad = checked(meta_title="", meta_description="", html=plus("<p>Use **fresh** beans.</p>"))
    blocked = checked(html="<script>x</script>" + COLD_BREW)
    assert whole.score > worse.score > bad.score > 0
    assert blocked.score <= BLOCKED_AT_MOST
    assert blocked.findings[0].severity == "blocker"


def test_languages() -> None:
    assert [language_code(one) for one in ("de-AT", "German", "pt_BR", "", "fi")] == ["de", "de", "pt", "en", "fi"]
    text = re.sub(r"<[^>]+>", " ", COLD_BREW)
    assert other_language(text, "en") is None
    assert other_language(text, "fi") == "en"
    assert other_language(text, "ru") == "en"
    assert other_language("Too short to say.", "de") is None
    assert other_language(re.sub(r"<[^>]+>", " ", FRENCH), "fr-CA") is None
    assert other_language("コーヒーは水と豆で作ります。" * 12, "ja") is None
    assert other_language("コーヒーは水と豆で作ります。" * 12, "ko") == "east asian"


def test_sentences_syllables_and_flesch() -> None:
    assert sentences("One. Two, e.g. milk vs. cream! \u201cThree?\u201d Four") == [
        "One.",
        "Two, e.g. milk vs. cream!",
        "\u201cThree?",
        "Four",
    ]
    assert [syllables(word) for word in ("cup", "coffee", "grinder", "brewed", "espresso")] == [1, 2, 2, 1, 3]
    assert (
        flesch("The cat sat on the mat. It was warm.")
        > 90
        > flesch("Institutional considerations necessitate organisational responsibility.")
    )
    assert flesch("") == 0


def test_sketches_measure_likeness() -> None:
    whole = sketch(COLD_BREW)
    assert len(whole) == 128
    assert similarity(whole, whole) == 1
    assert similarity(whole, sketch(FRENCH_PRESS)) < 0.05
    assert similarity(whole, sketch(COLD_BREW.replace("Scales", "Good scales"))) > 0.9
    assert sketch("<p>Too short.</p>") == ()
    assert similarity((), ()) == 0


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.text(max_size=12),
            st.sampled_from(["<h2>", "</h2>", "<p>", "</p>", "<a href='", "'>", "</a>", "<img ", "<pre>", "<!--", "{{"]),
        ),
        max_size=25,
    ),
    st.text(max_size=20),
    st.sampled_from(["en", "de", "ja", "xx", ""]),
)
def test_any_input_can_be_checked(pieces: list[str], text: str, language: str) -> None:
    check = check_article(
        "".join(pieces),
        title=text,
        primary_keyword=text,
        keywords=[text, "tea"],
        word_count=len(pieces),
        meta_title=text,
        meta_description=text,
        images=[ImageFact(text)],
        language=language,
        others=[sketch(COLD_BREW), ()],
    )
    assert 0 <= check.score <= 100
