"""Article HTML: cleaned to what is safe on any page, without h1, and read as text and outline."""

import re
from dataclasses import dataclass
from functools import cache
from html import escape, unescape
from html.parser import HTMLParser
from typing import Any

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_TAGS = {
    *("h1", "h2", "h3", "h4", "p", "ul", "ol", "li", "dl", "dt", "dd", "blockquote", "pre", "hr", "figure", "figcaption", "img"),
    *("table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td"),
    *("strong", "em", "b", "i", "a", "code", "br", "sup", "sub", "mark", "abbr", "cite", "q", "s", "small", "kbd"),
}
_ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "width", "height", "loading"},
    "th": {"scope", "colspan", "rowspan"},
    "td": {"colspan", "rowspan"},
    "ol": {"start"},
    "abbr": {"title"},
}
# Of these the content goes too: what is inside is code, a control or page furniture, never the article.
_DROPPED_WHOLE = {
    *("script", "style", "iframe", "object", "embed", "noscript", "template", "svg", "math", "title", "head", "form", "button"),
    *("select", "textarea", "video", "audio", "canvas", "nav", "xmp", "noembed", "noframes", "plaintext"),
}
BLOCKS = frozenset(
    {*HEADINGS, *("p", "ul", "ol", "li", "dl", "dt", "dd", "blockquote", "pre", "hr", "figure", "figcaption", "table", "caption")}
    | {"thead", "tbody", "tfoot", "tr", "th", "td", "div", "section", "article", "main", "header", "footer", "aside", "br"}
)
_SPACELESS = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff"  # scripts that put no spaces between words
WORD = re.compile(rf"[{_SPACELESS}]|[^\W_]+(?:['\u2019-][^\W_]+)*")
_H1 = re.compile(r"<(/?)h1>")
_H56 = re.compile(r"<(/?)h[56]\b[^<>]*>", re.IGNORECASE)
# HTML opens these again in every paragraph until they are closed. Three of a kind count, unless their attributes differ: then twenty
# kilobytes become a tree of three million elements. They need none here, so each gets its attributes taken away, by a `wbr` that goes too.
_REOPENED = re.compile(r"<(b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?=[\s/])", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
MAX_TAGS = 10_000  # of a body; an article has hundreds. Parsing takes time in proportion to their square when they nest
_HEADING_END = re.compile(r"</h[2-6]>")


@dataclass(frozen=True)
class Heading:
    """level: 1 to 6."""

    level: int
    text: str


@cache
def _cleaner() -> Any:
    import nh3

    return nh3.Cleaner(
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto", "tel"},
        clean_content_tags=_DROPPED_WHOLE,
        link_rel=None,  # without `target` there is no opener, and a site's links to itself must not be `nofollow`
        strip_comments=True,
    )


def clean_html(html: str) -> str:
    """The body with only the elements, attributes and addresses an article needs; h1 becomes h2, h5 and h6 become h4.

    Safe to show on any page, and idempotent: cleaning what is clean changes nothing. Of what has more than MAX_TAGS tags the text is kept.
    """
    if html.count("<") > MAX_TAGS:
        return as_text(unescape(_TAG.sub("\n", html)).replace("\x00", ""))
    clean = _REOPENED.sub(r"<\1><wbr", html.replace("\x00", ""))
    for _ in range(8):
        before = clean
        clean = _H1.sub(r"<\1h2>", _cleaner().clean(_H56.sub(r"<\1h4>", clean)))
        if clean == before:
            return clean.strip()
    # Some tag soup changes with every parse (text moves out of tables, nesting is repaired): its text is all there is to keep.
    return as_text(plain_text(clean))


def as_text(text: str) -> str:
    """Plain text as HTML, a paragraph per line."""
    return "".join(f"<p>{escape(line.strip(), quote=False)}</p>" for line in text.split("\n") if line.strip())


def plain_text(html: str) -> str:
    """The visible text, one line per block, without empty lines."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.pieces).split("\n"))
    return "\n".join(line for line in lines if line)


def word_count(html: str) -> int:
    """Words of the visible text; in scripts without spaces two characters count as one word."""
    found = WORD.findall(plain_text(html))
    single = sum(1 for word in found if re.fullmatch(f"[{_SPACELESS}]", word))
    return len(found) - single + single // 2


def outline(html: str) -> list[Heading]:
    """The headings in order, empty ones included."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.headings


def heading_number(html: str, text: str) -> int | None:
    """Place of the heading with this text (without regard to case and spaces) in `outline(html)`, None if there is none."""
    wanted = " ".join(text.casefold().split())
    return next((at for at, one in enumerate(outline(html)) if " ".join(one.text.casefold().split()) == wanted), None)


def insert_figure(html: str, src: str, alt: str, *, after_heading: int | None = None, width_px: int = 0, height_px: int = 0) -> str:
    """A clean body with an image more, after the heading with this number in `outline(html)` or, for None, at the top.

    src: http(s) or relative. width_px, height_px: 0 leaves them out; with them the page does not jump while it loads.
    Raises: ValueError when there is no such heading or `src` is not allowed.
    """
    size = f' width="{width_px}" height="{height_px}"' if width_px > 0 and height_px > 0 else ""
    figure = clean_html(f'<figure><img src="{escape(src)}" alt="{escape(alt)}"{size} loading="lazy"></figure>')
    if " src=" not in figure:
        raise ValueError(f"an image's address must be http, https or relative, not {src[:80]!r}")
    body = clean_html(html)
    if after_heading is None:
        return figure + body
    ends = [found.end() for found in _HEADING_END.finditer(body)]
    if not 0 <= after_heading < len(ends):
        raise ValueError(f"there is no heading number {after_heading} among {len(ends)}")
    return body[: ends[after_heading]] + figure + body[ends[after_heading] :]


class _Reader(HTMLParser):
    """Text with a line break at each block's borders, and headings."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.headings: list[Heading] = []
        self._heading: list[str] | None = None
        self._hidden = 0
        self._preformatted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style"):
            self._hidden += 1
        if tag in BLOCKS:
            self.pieces.append("\n")
            if tag == "br" and self._heading is not None:
                self._heading.append(" ")
        if tag in HEADINGS:
            self._heading = []
        self._preformatted += tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._hidden = max(0, self._hidden - 1)
        self._preformatted -= tag == "pre" and self._preformatted > 0
        if tag in HEADINGS and self._heading is not None:
            self.headings.append(Heading(int(tag[1]), " ".join("".join(self._heading).split())))
            self._heading = None
        if tag in BLOCKS:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        self.pieces.append(data if self._preformatted else data.replace("\n", " "))
        if self._heading is not None:
            self._heading.append(data)
