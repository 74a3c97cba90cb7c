"""An article's HTML read once, as the checks need it: blocks, sections, links, images, and what markup is unsafe or broken."""

import html as html_module
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser

from chalicelib.writer.html import BLOCKS, HEADINGS, WORD, clean_html, plain_text, word_count
from chalicelib.writer.readability import sentences

_ACTIVE = frozenset({"script", "iframe", "object", "embed", "form", "svg", "math", "base", "meta", "link", "frame", "applet"})
_FOREIGN = frozenset(
    {"style", "input", "button", "select", "textarea", "font", "center", "marquee", "video", "audio", "canvas", "template"}
)
_PAGE = frozenset({"html", "head", "body", "title"})
_CLOSED = frozenset({*HEADINGS, "p", "ul", "ol", "li", "table", "tr", "td", "th", "blockquote", "div", "a", "strong", "em"})
LONG_PARAGRAPH_WORDS = 12  # a paragraph that is no caption, label or call to action
_AROUND = frozenset({"div", "section", "article", "main", "ul", "ol", "tr", "figure", "table", "thead", "tbody"})
_CODE = frozenset({"code", "pre", "kbd"})
_SHOWN = frozenset({"pre", "img"})
_ACTIVE_STYLE = re.compile(r"expression\(|javascript:|-moz-binding|behavior:")
_HIDING_STYLE = re.compile(  # the value without spaces
    r"display:none|visibility:hidden|font-size:0(?![.\d])|(?<![-\w])opacity:0(?![.\d])|text-indent:-\d{3,}|(?:left|top):-\d{4,}"
)
_WHITE = re.compile(r"(?<![-\w])color:(?:#fff(?:fff)?|white|transparent)(?!\w)")
_QUOTED = re.compile(
    r"\u201c[^\u201c\u201d\n]{1,300}\u201d|\u201e[^\u201c\u201d\n]{1,300}[\u201c\u201d]|\u00ab[^\u00ab\u00bb\n]{1,300}\u00bb"
    r"|\u00bb[^\u00ab\u00bb\n]{1,300}\u00ab|(?<!\w)\"[^\"\n]{1,300}\"(?!\w)|(?<!\w)\u2018[^\u2018\n]{1,300}?\u2019(?!\w)|(?<!\w)'[^'\n]{1,300}'(?!\w)"
)
_OPTIONAL_END = frozenset({"p", "li", "tr", "td", "th"})  # HTML lets these be left open


@dataclass
class Block:
    """A heading, paragraph, list item or cell. kind: its tag, `text` for loose text; `pre` and `img` have none. linked: characters that
    are link text. quoted: inside a quotation."""

    kind: str
    text: str = ""
    linked: int = 0
    quoted: bool = False

    @property
    def level(self) -> int:
        """1 to 6 of a heading, else 0."""
        return int(self.kind[1]) if self.kind in HEADINGS else 0

    @cached_property
    def words(self) -> int:
        return len(WORD.findall(self.text))

    @property
    def verse(self) -> bool:
        """Three or more short lines: a poem or a song, whose refrain returns."""
        lines = self.text.count("\n") + 1
        return lines >= 3 and self.words <= 12 * lines


@dataclass
class Link:
    href: str | None
    text: str = ""
    image: bool = False


@dataclass(frozen=True)
class Picture:
    src: str
    alt: str | None


@dataclass
class Section:
    """A heading (None: the introduction) and what stands under it up to the next heading of any level."""

    heading: Block | None
    blocks: list[Block] = field(default_factory=list)

    @property
    def words(self) -> int:
        return sum(block.words for block in self.blocks)


class Reading:
    """html: as it came; what is unsafe is found in this, everything else in its cleaned form plus the headings' true levels."""

    def __init__(self, html: str) -> None:
        self.html = html
        clean = clean_html(html)
        self.text = plain_text(clean)
        self.words = word_count(clean)
        parser = _Parser()
        # Many tags that never end take the standard library's parser quadratic time; such a body is garbage anyway.
        parser.feed(clean if html.count("<") > 2 * html.count(">") + 100 else html)
        parser.close()
        self.blocks = [block for block in parser.blocks if block.text or block.level or block.kind in _SHOWN]
        self.links, self.pictures = parser.links, parser.pictures
        self.tags, self.unsafe, self.styled, self.hidden = parser.tags, parser.unsafe, parser.styled, parser.hidden
        self.unbalanced = parser.unbalanced()
        self.cut_inside_tag = re.search(r"<[a-zA-Z/][^<>]*\Z", html.rstrip()) is not None
        self.ends_open = "<p" in html and not html.rstrip().endswith(">")
        self.foreign = sorted({tag for tag in parser.tags if tag in _FOREIGN})
        self.page = sorted({tag for tag in parser.tags if tag in _PAGE})

    @cached_property
    def headings(self) -> list[Block]:
        return [block for block in self.blocks if block.level]

    @cached_property
    def paragraphs(self) -> list[Block]:
        return [block for block in self.blocks if block.kind in ("p", "text") and block.text]

    @cached_property
    def sections(self) -> list[Section]:
        found = [Section(None)]
        for block in self.blocks:
            if block.level:
                found.append(Section(block))
            else:
                found[-1].blocks.append(block)
        return found

    @cached_property
    def sentences(self) -> list[str]:
        return [one for block in self.blocks if not block.level for one in sentences(block.text)]

    @cached_property
    def own_sentences(self) -> list[str]:
        """Those that a writer should not say twice: quotations repeat themselves, cells of a table do too. A paragraph that occurs twice is
        read once; it is a finding of its own."""
        own = [block for block in self.blocks if not (block.level or block.quoted or block.verse or block.kind in ("td", "th"))]
        long = {id(block) for block in own if block.kind == "p" and block.words >= LONG_PARAGRAPH_WORDS}
        once = {block.text if id(block) in long else str(at): block.text for at, block in enumerate(own)}
        return [one for text in once.values() for one in sentences(text)]

    @cached_property
    def own_text(self) -> str:
        """The text as far as it is the article's own, a line per block: without code, quotations and what is in quotation marks."""
        return "\n".join(_QUOTED.sub(" ", line) for line in self.body.split("\n"))

    @cached_property
    def body(self) -> str:
        """The text without code and quotations, a line per block."""
        return "\n".join(block.text for block in self.blocks if not block.quoted and block.text)

    @cached_property
    def prose(self) -> str:
        """The text without headings and code, a line per block."""
        return "\n".join(block.text for block in self.blocks if not block.level and block.text)


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self.links: list[Link] = []
        self.pictures: list[Picture] = []
        self.tags: Counter[str] = Counter()
        self.unsafe: list[str] = []
        self.styled = 0
        self.hidden = 0
        self._ended: Counter[str] = Counter()
        self._kinds: list[str] = []
        self._open: Block | None = None
        self._link: Link | None = None
        self._code = 0
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags[tag] += 1
        self._judge(tag, attrs)
        if tag in ("script", "style", "title"):
            self._silent += 1
        elif tag in _CODE:
            self._code += 1
            if tag == "pre":
                self._show(tag)
        elif tag == "a":
            self._link = Link(values.get("href"))
            self.links.append(self._link)
        elif tag == "img":
            self.pictures.append(Picture((values.get("src") or "").strip(), values.get("alt")))
            if self._open is None:
                self._show(tag)
            if self._link:
                self._link.image = True
        elif tag == "br":
            if self._open is not None:
                self._open.text += "\n"
        elif tag in BLOCKS:
            self._close_block()
            self._kinds.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self._ended[tag] += 1
        if tag in ("script", "style", "title"):
            self._silent = max(0, self._silent - 1)
        elif tag in _CODE:
            self._code = max(0, self._code - 1)
        elif tag == "a":
            self._link = None
        elif tag in BLOCKS:
            if tag in HEADINGS and self._open is None:
                self._new_block()  # an empty heading is one too
            self._close_block()
            if tag in self._kinds:
                while self._kinds.pop() != tag:
                    continue

    def handle_data(self, data: str) -> None:
        if self._silent or self._code:
            return  # a code sample may look like anything the checks look for
        if self._open is None:
            if not data.strip():
                return
            self._new_block()
        if self._open is not None:
            self._open.text += data.replace("\n", " ")  # only <br> breaks a line
            if self._link is not None:
                self._open.linked += len(data.strip())
        if self._link is not None:
            self._link.text += data

    def close(self) -> None:
        super().close()
        self._close_block()

    def unbalanced(self) -> list[str]:
        """Tags opened and closed a different number of times, where HTML asks for both."""
        return sorted(
            tag for tag in _CLOSED if self._ended[tag] > self.tags[tag] or (self._ended[tag] < self.tags[tag] and tag not in _OPTIONAL_END)
        )

    def _judge(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _ACTIVE:
            self.unsafe.append(f"<{tag}>")
        for name, value in attrs:
            target = re.sub(r"[\s\x00-\x1f]", "", html_module.unescape(value or "")).lower()
            if name.startswith("on") and len(name) > 2:
                self.unsafe.append(name)
            elif name == "srcdoc" or re.match(r"(?:javascript|vbscript|data:text|data:application)", target):
                self.unsafe.append(f"{name}={target[:30]}")
            elif name == "style":
                self.styled += 1
                if _ACTIVE_STYLE.search(target):
                    self.unsafe.append(f"style={target[:30]}")
                self.hidden += _HIDING_STYLE.search(target) is not None or (
                    "background" not in target and _WHITE.search(target) is not None
                )
            elif name == "hidden":
                self.hidden += 1

    def _show(self, kind: str) -> None:
        """Something that is seen and has no text to check."""
        self._close_block()
        self.blocks.append(Block(kind))

    def _new_block(self) -> None:
        kind = next((one for one in reversed(self._kinds) if one not in _AROUND), "text")
        self._open = Block(kind, quoted="blockquote" in self._kinds)
        self.blocks.append(self._open)

    def _close_block(self) -> None:
        if self._open is not None:
            self._open.text = "\n".join(line for line in (" ".join(part.split()) for part in self._open.text.split("\n")) if line)
            self._open = None
