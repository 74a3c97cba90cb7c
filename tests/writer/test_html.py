"""Article HTML: safe whatever comes in, stable when cleaned again, and readable as text and outline."""

import html as html_module
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.writer.html import Heading, clean_html, heading_number, insert_figure, outline, plain_text, word_count
from chalicelib.writer.normalization import body_of_page, normalize_content

XSS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='JaVaScRiPt:alert(1)'>x</a>",
    "<a href='java\tscript:alert(1)'>x</a>",
    "<a href='&#106;avascript:alert(1)'>x</a>",
    "<a href=' \x01javascript:alert(1)'>x</a>",
    "<iframe src=javascript:alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<form action=javascript:alert(1)><input type=submit></form>",
    "<button formaction=javascript:alert(1)>x</button>",
    "<p style='background:url(javascript:alert(1))'>x</p>",
    "<body onload=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)>",
    "<object data=javascript:alert(1)>",
    "<embed src=javascript:alert(1)>",
    "<link rel=stylesheet href=//evil/x.css>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<base href=//evil/>",
    "<img src='data:text/html,<script>alert(1)</script>'>",
    "<a href='data:text/html;base64,PHNjcmlwdD4='>x</a>",
    "<a href='vbscript:x'>x</a>",
    "<p><!--<img src='--><img src=x onerror=alert(1)//'></p>",
    "<template><script>alert(1)</script></template>",
    "<xmp><p title='</xmp><img src=x onerror=alert(1)>'>",
    "<table background=javascript:alert(1)><tr><td>x",
    "<img src=x:alert(1) alt=`onerror=alert(1)`>",
    "<select><template><style><!--</style><a rel='--></style></template></select><img id=x src onerror=alert(1)>'>",
    "<h1 onclick=alert(1)>x</h1><h6 style=x onmouseover=alert(1)>y</h6>",
    "<scr\x00ipt>alert(1)</scr\x00ipt>",
    "<a href=\"x\" title='<h1 onclick=alert(1)>'>x</a>",
    "<plaintext><script>alert(1)</script>",
    "<p id=location name=cookie class=admin>x</p>",
    "<a href='javas&Tab;cript:alert(1)'>x</a>",
    "<a href='java&NewLine;script&colon;alert(1)'>x</a>",
    "<a href='\x00javascript:alert(1)'>x</a>",
    '<a href="&#x6A&#x61&#x76&#x61script:alert(1)">x</a>',
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<svg><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
    "<svg><foreignObject><iframe srcdoc='&lt;script&gt;alert(1)&lt;/script&gt;'></iframe></foreignObject></svg>",
    "<math><maction actiontype='statusline#' xlink:href='javascript:alert(1)'>x</maction></math>",
    "<img srcset='x 1x' onerror='alert(1)' src='javascript:alert(1)'>",
    "<input autofocus onfocus=alert(1)>",
    "<marquee onstart=alert(1)>x</marquee>",
    "<frameset onload=alert(1)><frame src=javascript:alert(1)></frameset>",
    "<p style='x:expression(alert(1))'>x</p><style>@import 'javascript:alert(1)';</style>",
    "<form id=test></form><button form=test formaction=javascript:alert(1)>x</button>",
    "<svg></p><style><a id='</style><img src=1 onerror=alert(1)>'>",
    "<math><mtext><option><FAKEFAKE><option></option><mglyph><svg><mtext><textarea><a title='</textarea><img src=x onerror=alert(1)>'>",
    "<noscript><style></noscript><img src=x onerror=alert(1)>",
    "<a href='data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+'>x</a>",
    "<img src='data:image/svg+xml;utf8,<svg onload=alert(1)>'>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml-stylesheet href='javascript:alert(1)'?><p>x</p>",
    "<!doctype html><html onmouseover=alert(1)><p>x",
    "<p contenteditable onfocus=alert(1) tabindex=1 autofocus>x</p>",
    "<div data-bind='x' onpointerrawupdate=alert(1)>x</div>",
]
ALLOWED_TEXT = (
    "h2 h3 h4 p ul ol li dl dt dd blockquote pre hr figure figcaption img table caption thead tbody tfoot tr th td strong em b i a code br "
    "sup sub mark abbr cite q s small kbd"
)
ALLOWED = ALLOWED_TEXT.split()


class Danger(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[object] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ALLOWED:
            self.found.append(tag)
        for name, value in attrs:
            # As browsers do; a blank or a control character inside leaves no scheme. Source: WHATWG URL, basic URL parser.
            target = re.sub(r"^[\x00-\x20]+|[\t\n\r]", "", html_module.unescape(value or "")).lower()
            if name.startswith("on") or name in ("style", "id", "class", "srcdoc", "background", "formaction"):
                self.found.append((tag, name))
            if name in ("href", "src") and re.match(r"(javascript|data|vbscript|x):", target):
                self.found.append((tag, name, value))


def dangers(html: str) -> list[object]:
    danger = Danger()
    danger.feed(html)
    danger.close()
    return danger.found


@pytest.mark.parametrize("payload", XSS)
def test_active_content_is_removed(payload: str) -> None:
    for wrapped in (payload, f"<p>before {payload} after</p>", f"<table><tr><td>{payload}</td></tr></table>", f"<ul><li>{payload}"):
        for clean in (clean_html(wrapped), normalize_content(wrapped)):
            assert dangers(clean) == []
            assert clean_html(clean) == clean


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(XSS), min_size=1, max_size=3),
    st.integers(0, 200),
    st.text("<>\"'`/=&; \t\n", max_size=4),
    st.sampled_from(["h1", "td", "a", "pre"]),
)
def test_payloads_cut_apart_and_mixed_stay_harmless(payloads: list[str], at: int, between: str, around: str) -> None:
    whole = "".join(payloads)
    soup = f"<{around}>{whole[:at]}{between}{whole[at:]}</{around}>{whole[::-1][:at]}"
    for clean in (clean_html(soup), normalize_content(soup)):
        assert dangers(clean) == []
        assert clean_html(clean) == clean


SOUP = st.lists(
    st.one_of(
        st.sampled_from(
            [f"<{t}>" for t in [*ALLOWED, "h1", "h5", "div", "script", "svg", "math", "style", "form", "select", "template", "font"]]
            + [f"</{t}>" for t in [*ALLOWED, "h1", "div", "script", "svg", "style"]]
            + [
                "<a href='http://a/?x=1&y=2'>",
                "<img src=x alt='\"<>'>",
                "&amp;",
                "&lt;p&gt;",
                "&nbsp;",
                "<!--",
                "-->",
                "\n",
                "\n\n",
                "<",
                ">",
                '"',
            ]
        ),
        st.text(max_size=8),
    ),
    max_size=14,
).map("".join)


@settings(max_examples=300, deadline=None)
@given(SOUP)
def test_cleaning_is_idempotent_and_safe(soup: str) -> None:
    clean = clean_html(soup)
    assert clean_html(clean) == clean
    assert dangers(clean) == []
    assert "<h1" not in clean or "&lt;h1" in clean or dangers(clean) == []


@settings(max_examples=200, deadline=None)
@given(SOUP)
def test_normalising_is_safe_and_gives_clean_html(soup: str) -> None:
    body = normalize_content(soup)
    assert dangers(body) == []
    assert clean_html(body) == body
    insert_figure(body, "images/a.png", "an image")


def test_what_an_article_needs_stays() -> None:
    body = (
        '<h2>Ratio</h2><p>Use <strong>60 g</strong> per <a href="https://example.com/a?b=1&amp;c=2" title="t">litre</a>.</p>'
        '<ul><li>One</li><li>Two</li></ul><table><thead><tr><th scope="col">A</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>'
        '<figure><img src="/i/a.png" alt="Kettle" width="800" height="450" loading="lazy"><figcaption>Kettle</figcaption></figure>'
        "<blockquote><p>Said.</p></blockquote><pre><code>x &lt; y</code></pre>"
    )
    assert clean_html(body) == body
    assert normalize_content(body) == body


def test_links_of_an_article_are_neither_nofollow_nor_open_windows() -> None:
    assert clean_html('<a href="/a" target="_blank" rel="sponsored" onclick="x()">a</a>') == '<a href="/a">a</a>'


def test_deep_and_top_headings_move_into_the_article_levels() -> None:
    assert clean_html("<h1 class=x>A</h1><h5>B</h5><H6>C</H6>") == "<h2>A</h2><h4>B</h4><h4>C</h4>"


@pytest.mark.parametrize(
    ("source", "body"),
    [
        (
            "# Title\n\n## Ratio\n\nUse **60 g**.\n\n- One\n- Two",
            "<h2>Ratio</h2><p>Use <strong>60 g</strong>.</p><ul>\n<li>One</li>\n<li>Two</li>\n</ul>",
        ),
        ("```html\n<h2>A</h2><p>B</p>\n```", "<h2>A</h2><p>B</p>"),
        ("```\n## A\n\nB\n```", "<h2>A</h2><p>B</p>"),
        ('{"title": "T", "html": "<h2>A</h2><p>B</p>"}', "<h2>A</h2><p>B</p>"),
        ("First paragraph.\n\nSecond & last.", "<p>First paragraph.</p><p>Second &amp; last.</p>"),
        (
            "Intro <em>text</em>.<h2>A</h2>Loose<br><br>again<p>B</p>tail",
            "<p>Intro <em>text</em>.</p><h2>A</h2><p>Loose</p><p>again</p><p>B</p><p>tail</p>",
        ),
        ("<h1>Title</h1><p>A</p><h1>Part</h1><p>B</p>", "<p>A</p><h2>Part</h2><p>B</p>"),
        ("<p>A</p><p>&nbsp;</p><p></p><ul><li> </li></ul><p>B</p>", "<p>A</p><p>B</p>"),
        ("<div class='x'><section><h2>A</h2><p>B</p></section></div>", "<h2>A</h2><p>B</p>"),
        ("   indented start\nand on", "<p>indented start\nand on</p>"),
        ("", ""),
        ("\ufeff<p>A</p>", "<p>A</p>"),
        ("<figure><img src='a.png' alt='x'></figure><p>A</p>", '<figure><img src="a.png" alt="x"></figure><p>A</p>'),
    ],
)
def test_normalising(source: str, body: str) -> None:
    assert normalize_content(source) == body


def test_markdown_tables_become_tables() -> None:
    assert "<td>60 g</td>" in normalize_content("| Brew | Dose |\n|---|---|\n| V60 | 60 g |")


def test_a_full_page_is_reduced_to_its_article() -> None:
    page = (
        "<!DOCTYPE html><html><head><title>T</title><style>p{}</style></head><body><nav><a href='/'>Home</a></nav>"
        "<article><h1>T</h1><p>A</p></article><footer>©</footer></body></html>"
    )
    assert body_of_page(page) == "<h1>T</h1><p>A</p>"
    assert normalize_content(page) == "<p>A</p>"
    assert normalize_content("<html><body class=x><p>A</p>") == "<p>A</p>"
    assert normalize_content("<html><head><title>T</title></head><p>A</p></html>") == "<p>A</p>"


def test_text_words_and_outline() -> None:
    body = (
        "<h2>Why &amp; how</h2><p>Don&#39;t use\npre-ground coffee.<br>Really.</p>"
        "<ul><li>One</li><li>Two</li></ul><h3>Next <em>step</em></h3><h3></h3>"
    )
    assert plain_text(body) == "Why & how\nDon't use pre-ground coffee.\nReally.\nOne\nTwo\nNext step"
    assert word_count(body) == 11
    assert outline(body) == [Heading(2, "Why & how"), Heading(3, "Next step"), Heading(3, "")]
    assert heading_number(body, "next  STEP") == 1
    assert heading_number(body, "absent") is None
    assert word_count("<p>珈琲は良い</p>") == 2
    assert plain_text("<p>a</p><script>x</script>") == "a"


def test_inserting_a_figure() -> None:
    body = "<p>Intro</p><h2>A</h2><p>a</p><h3>B</h3><p>b</p>"
    image = '<figure><img src="i/a.png" alt="A &quot;b&quot;" width="800" height="450" loading="lazy"></figure>'
    at_top = insert_figure(body, "i/a.png", 'A "b"', width_px=800, height_px=450)
    assert at_top == image + body
    inside = insert_figure(body, "i/a.png", 'A "b"', after_heading=1, width_px=800, height_px=450)
    assert inside == f"<p>Intro</p><h2>A</h2><p>a</p><h3>B</h3>{image}<p>b</p>"
    assert outline(inside) == outline(body)
    with pytest.raises(ValueError, match="no heading number 2"):
        insert_figure(body, "i/a.png", "a", after_heading=2)
    with pytest.raises(ValueError, match="address"):
        insert_figure(body, "javascript:alert(1)", "a")
