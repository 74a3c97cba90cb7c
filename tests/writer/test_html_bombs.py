"""HTML that is small to send and large to read: from an editor, a model or a site whose posts are imported. Each would take minutes or
gigabytes if its cost grew with its square; the limits of memory and time here are the suite's own."""

import pytest

from chalicelib.writer.html import MAX_TAGS, clean_html
from chalicelib.writer.normalization import normalize_content

FORMATTING = ("b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u")
REOPENED = "<p>" + "".join(f"<b a={n}>" for n in range(4_000)) + "</p><p>x" * 4_000
BOMBS = {
    "formatting that each paragraph opens again": REOPENED,
    "the same with quotes": REOPENED.replace("a=", 'a="<').replace(">", '">'),
    "the same with a slash": REOPENED.replace("<b a", "<b/a"),
    "all kinds of formatting": "<p>" + "".join(f"<{n}>" * 3 for n in FORMATTING) + "</p><p>x" * (MAX_TAGS // 2 - 30),
    "lists in lists": "<ul><li>" * 120_000,
    "lists in lists within the limit": "<ul><li>" * (MAX_TAGS // 2),
    "empty in empty": "<b><i>" * (MAX_TAGS // 2),
    "quotations": "<blockquote>" * MAX_TAGS,
    "tags without an end": "<p " * 300_000,
    "articles without an end": "<article>" * 100_000,
    "articles with an end": "<body>" + "<article>" * 9_000 + "</article>" * 9_000,
    "bodies without an end": "<body " * 150_000,
    "headings without an end": "<h5 " * 9_000 + "x" * 900_000,
    "comments without an end": "<!--" * 250_000,
    "entities": "&nbsp;" * 150_000,
    "brackets": "![[" * 15_000,
    "more brackets": "![[" * 300_000,
    "JSON in JSON": '{"html":' * 100_000,
    "lists of JSON": '{"html":' + "[" * 20_000,
    "blank lines": "<p>a</p>" + "\n \n" * 200_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_it_is_read_and_stays_small(name: str) -> None:
    assert len(normalize_content(BOMBS[name])) < 15_000_000


def test_the_text_of_too_many_tags_is_kept_and_harmless() -> None:
    clean = clean_html("<p>a &lt;img src=x onerror=y&gt;</p><script>x()</script>" + "<i>b</i>" * MAX_TAGS)
    assert clean.startswith("<p>a &lt;img src=x onerror=y&gt;</p>") and clean.count("<p>b</p>") == MAX_TAGS
    assert "<script" not in clean and "<img" not in clean


@pytest.mark.parametrize(
    ("html", "clean"),
    [
        ('<p>one <b class="x">two</b> three</p>', "<p>one <b>two</b> three</p>"),
        ("<p><STRONG data-a='1'>a</STRONG><em\nid=b>b</em></p>", "<p><strong>a</strong><em>b</em></p>"),
        ('<p><a href="https://a.test/" title="t">x</a></p>', '<p><a href="https://a.test/" title="t">x</a></p>'),
        ("<p><s>a</s><sup>b</sup><small>c</small></p>", "<p><s>a</s><sup>b</sup><small>c</small></p>"),
    ],
)
def test_ordinary_attributes_go_as_before(html: str, clean: str) -> None:
    assert clean_html(html) == clean
