"""Reading and adapting article bodies: what needs no change stays byte for byte, what points nowhere goes, questions are found."""

import pytest

from chalicelib.adapters.article_html import adapt, plain_text, questions, reading_minutes

UNTOUCHED = (
    "<p>A &amp; B &#233; &lt;b&gt; <br/>c</p><!-- note --><table><tr><td colspan='2'>x</td></tr></table>"
    '<p><a href="https://example.org/?a=1&amp;b=2" rel="nofollow">x</a> <a href="mailto:a@example.org">y</a></p>'
    '<img src="https://cdn.example.org/x.png" alt=""><img alt="d" src="data:image/png;base64,AA==">'
)


def test_what_needs_no_change_stays_byte_for_byte() -> None:
    body = adapt(UNTOUCHED, {"/img/1": "1.png"}, keep_relative_links=False, heading_ids=False)
    assert (body.html, body.used, body.dropped) == (UNTOUCHED, frozenset(), ())


@pytest.mark.parametrize(
    ("tag", "adapted"),
    [
        ('<img src="/i?a=1&amp;b=2" alt="&quot;q&quot; &lt;">', '<img src="new &amp; x.png" alt="&quot;q&quot; &lt;">'),
        ("<img src='/i?a=1&amp;b=2'>", '<img src="new &amp; x.png">'),
        ("<img loading=lazy src=/i?a=1&b=2>", '<img loading="lazy" src="new &amp; x.png">'),
        ('<img src="/i?a=1&amp;b=2" srcset="/i?a=1&amp;b=2 2x, /other 3x">', '<img src="new &amp; x.png" srcset="new &amp; x.png 2x">'),
        ('<a href="/i?a=1&amp;b=2">x</a>', '<a href="new &amp; x.png">x</a>'),
    ],
)
def test_addresses_are_rewritten_however_they_are_written(tag: str, adapted: str) -> None:
    body = adapt(tag, {"/i?a=1&b=2": "new & x.png"}, keep_relative_links=False, heading_ids=False)
    assert body.html == adapted and body.used == {"/i?a=1&b=2"} and body.dropped == ()


def test_relative_links_go_or_stay_as_the_target_wants() -> None:
    text = '<p><a href="/about" title="t">About</a> <a href="#x">x</a></p><img src="/lost.png">'
    gone = adapt(text, {}, keep_relative_links=False, heading_ids=False)
    assert gone.html == '<p><a title="t">About</a> <a>x</a></p>' and set(gone.dropped) == {"/about", "/lost.png", "#x"}
    kept = adapt(text, {}, keep_relative_links=True, heading_ids=False)
    assert kept.html == '<p><a href="/about" title="t">About</a> <a href="#x">x</a></p>' and kept.dropped == ("/lost.png",)


def test_headings_get_ids_of_their_own() -> None:
    text = '<h2>Größe &amp; <em>Maß</em></h2><h2 class="c">Größe &amp; Maß</h2><h2 id="own">Eigene</h2><h2>日本</h2><h2></h2>'
    body = adapt(text, {}, keep_relative_links=False, heading_ids=True)
    assert [name for name, _ in body.headings] == ["grosse-mass", "grosse-mass-2", "own", "ri-ben", "section"]
    assert body.html.startswith('<h2 id="grosse-mass">Größe &amp; <em>Maß</em></h2><h2 id="grosse-mass-2" class="c">')


@pytest.mark.parametrize(
    ("heading", "question", "found"),
    [
        ("FAQ", "Eins", True), ("FAQs about shoes", "One", True), ("Frequently Asked Questions", "One", True),
        ("Häufige Fragen", "Eins", True), ("Häufig gestellte Fragen", "Eins", True),
        ("Questions fréquentes", "Un", True), ("Preguntas frecuentes", "Uno", True),
        ("Anything", "One?", True), ("Anything", "One", False),
    ],
)  # fmt: skip
def test_a_faq_is_known_by_its_heading_or_its_questions(heading: str, question: str, found: bool) -> None:
    before = "<h2>Start</h2><h3>Not one</h3><p>x</p>"
    text = f"{before}<h2>{heading}</h2><h3>{question}</h3><p>A <b>b</b></p><ul><li>c</li></ul><h3>Two?</h3><p>d</p>"
    assert questions(text) == (((question, "A b c"), ("Two?", "d")) if found else ())


def test_questions_without_answers_are_none() -> None:
    assert questions("<h2>FAQ</h2><h3>One?</h3><h3>Two?</h3>") == ()


def test_text_and_reading_time() -> None:
    assert plain_text("<h2>A</h2><p>b&nbsp;&amp;<br>c <b>d</b>e</p><p>f</p>") == "A b & c de f"
    assert reading_minutes("<p>" + "word " * 1100 + "</p>") == 5
    assert reading_minutes("<p>" + "文" * 1500 + "</p>") == 3
    assert reading_minutes("") == 1
