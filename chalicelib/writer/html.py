"""Article HTML: whatever a model or an editor hands over becomes a safe body without h1, and a body can be read as text and outline."""

import json
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
_VOID = frozenset({"br", "hr", "img", "wbr", "input", "meta", "link", "source", "col", "embed", "area", "base", "param", "track"})
_INLINE = frozenset({"strong", "em", "b", "i", "a", "code", "sup", "sub", "mark", "abbr", "cite", "q", "s", "small", "kbd", "br"})
_SPACELESS = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff"  # scripts that put no spaces between words
WORD = re.compile(rf"[{_SPACELESS}]|[^\W_]+(?:['\u2019-][^\W_]+)*")
_FENCE = re.compile(r"\A```[\w-]*[ \t]*\n(.*?)\n?```\s*\Z", re.DOTALL)
_MAIN = re.compile(r"<(article|main)\b[^<>]*>", re.IGNORECASE)
_MAIN_END = re.compile(r"</(article|main)\s*>", re.IGNORECASE)
_BODY = re.compile(r"<body\b[^>]*>(.*?)(?:</body\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_HEAD_END = re.compile(r"</head\s*>", re.IGNORECASE)
_BLOCK_TAG = re.compile(r"<(?:h[1-6]|p|ul|ol|table|div|section|article|figure|blockquote|body|html)\b[^<>]*>", re.IGNORECASE)
_EMPTY = re.compile(r"<(p|h[2-4]|li|ul|ol|blockquote|strong|em|b|i)>(?:\s|&nbsp;|<br>)*</\1>")
_FIRST_H1 = re.compile(r"\A\s*<h1[^>]*>.*?</h1\s*>", re.DOTALL | re.IGNORECASE)
_H1 = re.compile(r"<(/?)h1>")
_H56 = re.compile(r"<(/?)h[56]\b[^>]*>", re.IGNORECASE)
# HTML opens these again in every paragraph until they are closed. Three of a kind count, unless their attributes differ: then twenty
# kilobytes become a tree of three million elements. They need none here, so each gets its attributes taken away, by a `wbr` that goes too.
_REOPENED = re.compile(r"<(b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?=[\s/])", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
MAX_TAGS = 10_000  # of a body; an article has hundreds. Parsing takes time in proportion to their square when they nest
MAX_MARKDOWN_CHARACTERS = 200_000  # of which brackets alone keep the parser busy for seconds
_MAX_EMPTY_LEVELS = 20
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
        return _as_text(unescape(_TAG.sub("\n", html)).replace("\x00", ""))
    clean = _REOPENED.sub(r"<\1><wbr", html.replace("\x00", ""))
    for _ in range(8):
        before = clean
        clean = _H1.sub(r"<\1h2>", _cleaner().clean(_H56.sub(r"<\1h4>", clean)))
        if clean == before:
            return clean.strip()
    # Some tag soup changes with every parse (text moves out of tables, nesting is repaired): its text is all there is to keep.
    return _as_text(plain_text(clean))


def _as_text(text: str) -> str:
    return "".join(f"<p>{escape(line.strip(), quote=False)}</p>" for line in text.split("\n") if line.strip())


def normalize_content(text: str) -> str:
    """HTML, Markdown, plain text, a full page, or one of these in a code fence or a JSON object -> a clean body.

    A leading h1 is left out, as the title is kept apart; loose text gets paragraphs; empty elements go.
    """
    source = text.strip().removeprefix("\ufeff").strip()
    if fenced := _FENCE.match(source):
        source = fenced.group(1).strip()
    if source.startswith("{") and (inner := _html_of_json(source)) is not None:
        return normalize_content(inner)
    if not _BLOCK_TAG.search(source):
        source = _from_markdown(source)
    body = clean_html(_with_paragraphs(clean_html(_FIRST_H1.sub("", body_of_page(source)))))
    for _ in range(_MAX_EMPTY_LEVELS):
        body = _EMPTY.sub("", body)
    return clean_html(body)


def body_of_page(html: str) -> str:
    """What is inside the article (else main, else body) of a full page; a fragment is returned as it is."""
    if found := _BODY.search(html):
        inner = found.group(1)
    elif end := _HEAD_END.search(html):
        inner = html[end.end() :]
    else:
        return html.strip()
    ends = {found.group(1).lower(): found.start() for found in _MAIN_END.finditer(inner)}  # the last of each
    begin = next((b for b in _MAIN.finditer(inner) if ends.get(b.group(1).lower(), -1) >= b.end()), None)
    return (inner[begin.end() : ends[begin.group(1).lower()]] if begin else inner).strip()


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


def insert_figure(
    html: str, src: str, alt: str, *, after_heading: int | None = None, width_px: int = 0, height_px: int = 0, caption: str = ""
) -> str:
    """A clean body with an image more, after the heading with this number in `outline(html)` or, for None, at the top.

    src: http(s) or relative. width_px, height_px: 0 leaves them out; with them the page does not jump while it loads.
    Raises: ValueError when there is no such heading or `src` is not allowed.
    """
    size = f' width="{width_px}" height="{height_px}"' if width_px > 0 and height_px > 0 else ""
    text = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    figure = clean_html(f'<figure><img src="{escape(src)}" alt="{escape(alt)}"{size} loading="lazy">{text}</figure>')
    if " src=" not in figure:
        raise ValueError(f"an image's address must be http, https or relative, not {src[:80]!r}")
    body = clean_html(html)
    if after_heading is None:
        return figure + body
    ends = [found.end() for found in _HEADING_END.finditer(body)]
    if not 0 <= after_heading < len(ends):
        raise ValueError(f"there is no heading number {after_heading} among {len(ends)}")
    return body[: ends[after_heading]] + figure + body[ends[after_heading] :]


def _html_of_json(source: str) -> str | None:
    """The body in a model's JSON answer, None when it is not JSON or holds none."""
    try:
        answer = json.loads(source)
    except (ValueError, RecursionError):
        return None
    for name in ("html", "content_html", "content", "body", "article"):
        if isinstance(answer, dict) and isinstance(answer.get(name), str):
            found: str = answer[name]
            return found
    return None


def _from_markdown(source: str) -> str:
    if len(source) > MAX_MARKDOWN_CHARACTERS:
        return _as_text(source)
    from markdown_it import MarkdownIt

    # Indented code off: a model's stray indentation is far more frequent than code in an article.
    rendered: str = MarkdownIt("commonmark", {"html": True}).enable("table").disable("code").render(source)
    return rendered


def _with_paragraphs(html: str) -> str:
    """Text and inline elements that stand alone at the top level, in paragraphs; a blank line or a double break starts a new one."""
    splitter = _TopLevel(html)
    splitter.feed(html)
    splitter.close()
    out = []
    for loose, part in splitter.parts():
        if not loose:
            out.append(part)
            continue
        out += [f"<p>{one.strip()}</p>" for one in re.split(r"\n\s*\n|<br>\s*<br>", part) if one.strip()]
    return "".join(out)


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


class _TopLevel(HTMLParser):
    """Where at the top level of clean (hence well nested) HTML the blocks begin and end."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=False)
        self._html = html
        self._lines = [0]
        for line in html.split("\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)
        self._depth = 0
        self._blocks: list[list[int]] = []

    def _here(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _INLINE or (tag == "img" and self._depth == 0):
            return
        if tag in _VOID:
            if self._depth == 0:
                self._blocks.append([self._here(), self._here() + len(self.get_starttag_text() or "")])
            return
        if self._depth == 0:
            self._blocks.append([self._here(), len(self._html)])
        self._depth += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in _INLINE or tag in _VOID or self._depth == 0:
            return
        self._depth -= 1
        if self._depth == 0:
            self._blocks[-1][1] = self._html.index(">", self._here()) + 1

    def parts(self) -> list[tuple[bool, str]]:
        """(loose, source) in order."""
        found, at = [], 0
        for start, end in [*self._blocks, [len(self._html), len(self._html)]]:
            if self._html[at:start].strip():
                found.append((True, self._html[at:start]))
            if end > start:
                found.append((False, self._html[start:end]))
            at = max(at, end)
        return found
