"""Whatever a model or an editor hands over as an article (HTML, Markdown, a page, JSON, text), made a safe body."""

import json
import re
from html.parser import HTMLParser

from chalicelib.writer.html import as_text, clean_html

_VOID = frozenset({"br", "hr", "img", "wbr", "input", "meta", "link", "source", "col", "embed", "area", "base", "param", "track"})
_INLINE = frozenset({"strong", "em", "b", "i", "a", "code", "sup", "sub", "mark", "abbr", "cite", "q", "s", "small", "kbd", "br"})
_FENCE = re.compile(r"\A```[\w-]*[ \t]*\n(.*?)\n?```\s*\Z", re.DOTALL)
_MAIN = re.compile(r"<(article|main)\b[^<>]*>", re.IGNORECASE)
_MAIN_END = re.compile(r"</(article|main)\s*>", re.IGNORECASE)
_BODY = re.compile(r"<body\b[^<>]*>(.*?)(?:</body\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_HEAD_END = re.compile(r"</head\s*>", re.IGNORECASE)
_BLOCK_TAG = re.compile(r"<(?:h[1-6]|p|ul|ol|table|div|section|article|figure|blockquote|body|html)\b[^<>]*>", re.IGNORECASE)
_EMPTY = re.compile(r"<(p|h[2-4]|li|ul|ol|blockquote|strong|em|b|i)>(?:\s|&nbsp;|<br>)*</\1>")
_FIRST_H1 = re.compile(r"\A\s*<h1[^>]*>.*?</h1\s*>", re.DOTALL | re.IGNORECASE)
MAX_MARKDOWN_CHARACTERS = 200_000  # of which brackets alone keep the parser busy for seconds
_MAX_EMPTY_LEVELS = 20


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
        return as_text(source)
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
