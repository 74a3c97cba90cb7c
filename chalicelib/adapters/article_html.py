"""Read and adapt an article's HTML body for a target: image addresses, links that lead nowhere, heading ids, questions.

The body is sanitised before it gets here (see `ports.Article`); tags that need no change are passed on byte for byte.
"""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from slugify import slugify

URL_ATTRIBUTES = ("src", "href", "poster")
VOID_IMAGES = ("img", "source")
# How an FAQ section is headed, in the languages the product is sold in.
FAQ_HEADING = re.compile(
    r"\bfaqs?\b|frequently asked|häufig(e|\s+gestellte)?\s+fragen|preguntas (más )?frecuentes|questions fréquen|foire aux questions"
    r"|domande frequenti|perguntas frequentes|veelgestelde vragen|najczęściej zadawane|vanliga frågor|часто задаваемые"
    r"|よくある質問|常见问题|자주 묻는",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Body:
    """An adapted body. used: the sources that occur in it. dropped: addresses that would have led nowhere. headings: (id, text) of h2."""

    html: str
    used: frozenset[str]
    dropped: tuple[str, ...]
    headings: tuple[tuple[str, str], ...]


class _Adapter(HTMLParser):
    def __init__(self, urls: Mapping[str, str], keep_relative_links: bool, heading_ids: bool) -> None:
        super().__init__(convert_charrefs=False)
        self._urls, self._keep_relative, self._heading_ids = urls, keep_relative_links, heading_ids
        self.out: list[str] = []
        self.used: set[str] = set()
        self.dropped: list[str] = []
        self.headings: list[tuple[str, str]] = []
        self.ids: set[str] = set()
        self.fragments: list[str] = []
        self._heading: tuple[int, list[str], list[tuple[str, str | None]]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "h2" and self._heading_ids:
            self._heading = (len(self.out), [], attrs)
            self.out.append("")  # its tag comes when its text, and so its id, is known
            return
        self.ids.update(value for name, value in attrs if name == "id" and value)
        adapted = self._adapted(tag, attrs)
        if adapted is None:
            return
        raw = self.get_starttag_text() or ""
        self.out.append(raw if adapted == attrs else _tag(tag, adapted))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag == "h2" and self._heading is not None:
            at, words, attrs = self._heading
            text = " ".join("".join(words).split())
            name = dict(attrs).get("id") or self._free_id(slugify(text, max_length=60, word_boundary=True) or "section")
            self.ids.add(name)
            self.headings.append((name, text))
            self.out[at] = _tag("h2", [("id", name), *(a for a in attrs if a[0] != "id")])
            self._heading = None
        self.out.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.out.append(data)
        if self._heading is not None:
            self._heading[1].append(data)

    def handle_entityref(self, name: str) -> None:
        self._reference(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._reference(f"&#{name};")

    def handle_comment(self, data: str) -> None:
        self.out.append(f"<!--{data}-->")

    def _reference(self, text: str) -> None:
        self.out.append(text)
        if self._heading is not None:
            self._heading[1].append(html.unescape(text))

    def _free_id(self, wanted: str) -> str:
        name, number = wanted, 2
        while name in self.ids:
            name, number = f"{wanted}-{number}", number + 1
        return name

    def _adapted(self, tag: str, attrs: list[tuple[str, str | None]]) -> list[tuple[str, str | None]] | None:
        """The tag's attributes for the target; None when the tag shows nothing there."""
        adapted: list[tuple[str, str | None]] = []
        for name, value in attrs:
            if name == "srcset" and value:
                candidates = [c for c in (self._candidate(part) for part in value.split(", ")) if c]
                if candidates:
                    adapted.append((name, ", ".join(candidates)))
                continue
            if name not in URL_ATTRIBUTES or value is None:
                adapted.append((name, value))
            elif value in self._urls:
                self.used.add(value)
                adapted.append((name, self._urls[value]))
            elif _is_absolute(value) or (tag == "a" and self._keep_relative) or value.startswith("data:image/"):
                adapted.append((name, value))
            elif value.startswith("#"):
                self.fragments.append(value[1:])
                adapted.append((name, value))
            else:
                self.dropped.append(value)
                if tag in VOID_IMAGES:
                    return None
        return adapted

    def _candidate(self, part: str) -> str | None:
        url, _, size = part.strip().partition(" ")
        if url in self._urls:
            self.used.add(url)
            return f"{self._urls[url]} {size}".strip()
        return part.strip() if _is_absolute(url) else None


def _is_absolute(url: str) -> bool:
    return url.lower().startswith(("https://", "http://", "mailto:", "tel:"))


def _tag(tag: str, attrs: Sequence[tuple[str, str | None]]) -> str:
    return "<" + " ".join([tag, *(name if value is None else f'{name}="{html.escape(value)}"' for name, value in attrs)]) + ">"


def adapt(body: str, urls: Mapping[str, str], *, keep_relative_links: bool, heading_ids: bool) -> Body:
    """Adapt a body for a target.

    body: sanitised HTML. urls: the article's own address of an image -> the target's. keep_relative_links: whether the target has pages
    that a relative link could mean; else such links lose their address and keep their text. heading_ids: give every h2 an id. Images
    with a relative address that `urls` does not know are left out: they would be broken.
    """
    adapter = _Adapter(urls, keep_relative_links, heading_ids)
    adapter.feed(body)
    adapter.close()
    dead = [f for f in adapter.fragments if f and f not in adapter.ids]
    text = "".join(adapter.out)
    if not keep_relative_links:
        for fragment in dead:
            text = text.replace(f' href="#{html.escape(fragment)}"', "")
    dropped = tuple(dict.fromkeys([*adapter.dropped, *(f"#{f}" for f in dead if not keep_relative_links)]))
    return Body(text, frozenset(adapter.used), dropped, tuple(adapter.headings))


@dataclass
class _Section:
    heading: str = ""
    questions: list[tuple[str, str]] = field(default_factory=list)


class _Reader(HTMLParser):
    """Collects the plain text and, per h2 section, its h3 headings with the text below each."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text: list[str] = []
        self.sections: list[_Section] = [_Section()]
        self._in: str | None = None
        self._heading: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.text.append(" " if tag not in ("a", "b", "em", "strong", "i", "code", "span", "sup", "sub", "mark") else "")
        if tag in ("h2", "h3"):
            self._in, self._heading = tag, []
        elif self.text[-1] and self._in is None:
            self._below(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag != self._in:
            return
        heading = " ".join("".join(self._heading).split())
        if tag == "h2":
            self.sections.append(_Section(heading))
        else:
            self.sections[-1].questions.append((heading, ""))
        self._in = None

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self._in:
            self._heading.append(data)
        else:
            self._below(data)

    def _below(self, data: str) -> None:
        questions = self.sections[-1].questions
        if questions:
            questions[-1] = (questions[-1][0], questions[-1][1] + data)


def _read(body: str) -> _Reader:
    reader = _Reader()
    reader.feed(body)
    reader.close()
    return reader


def plain_text(body: str) -> str:
    """The text of a body, white space collapsed."""
    return " ".join("".join(_read(body).text).split())


def questions(body: str) -> tuple[tuple[str, str], ...]:
    """The (question, answer) pairs of the FAQ: of the last h2 section that is headed so, or whose h3 (two or more) are all questions."""
    for section in reversed(_read(body).sections):
        pairs = tuple((q, " ".join(a.split())) for q, a in section.questions if q and a.strip())
        if pairs and (FAQ_HEADING.search(section.heading) or (len(pairs) > 1 and all(q.endswith(("?", "\uff1f")) for q, _ in pairs))):
            return pairs
    return ()


def reading_minutes(body: str) -> int:
    """How long reading takes, at least 1: 220 words a minute, or 500 characters of scripts written without spaces.

    Source: Brysbaert 2019, "How many words do we read per minute?" (238 for silent reading of non-fiction; rounded down).
    """
    text = plain_text(body)
    dense = sum(1 for c in text if "\u3040" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7af")
    return max(1, round(dense / 500 if dense > len(text) / 3 else len(text.split()) / 220))


def with_addresses(value: Any, urls: Mapping[str, str]) -> Any:
    """Structured data with the article's own image addresses replaced by those they have on the target."""
    if isinstance(value, dict):
        return {k: with_addresses(v, urls) for k, v in value.items()}
    if isinstance(value, list):
        return [with_addresses(v, urls) for v in value]
    return urls.get(value, value) if isinstance(value, str) else value
