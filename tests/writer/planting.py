"""How faults are planted into good articles."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalicelib.writer.html import plain_text
from chalicelib.writer.languages import language_code
from chalicelib.writer.readability import sketch

Article = dict[str, Any]
Change = Callable[[Article, str], Article]


@dataclass(frozen=True)
class Fault:
    """code: of the finding it must cause. texts: what is planted, by language; `*` fits any. plant: how. with_it: findings that are
    bound to come along. only: the languages it is planted in, when the text fits any."""

    name: str
    code: str
    texts: dict[str, str]
    plant: Change
    blocker: bool = False
    with_it: frozenset[str] = frozenset()


def body(change: Callable[[str, str], str]) -> Change:
    return lambda article, text: {**article, "html": change(article["html"], text)}


def field(name: str) -> Change:
    return lambda article, text: {**article, name: text.replace("@", article["primary_keyword"]).replace("#", article["title"])}


@body
def paragraph(html: str, text: str) -> str:
    """As a paragraph of its own, before the last section."""
    return raw_html(html, f"<p>{text}</p>\n")


@body
def raw(html: str, text: str) -> str:
    return raw_html(html, text)


def raw_html(html: str, text: str) -> str:
    before, last, after = html.rpartition("<h2>")
    return before + text + last + after


@body
def first(html: str, text: str) -> str:
    return f"<p>{text}</p>\n{html}"


@body
def at_end(html: str, text: str) -> str:
    return f"{html.rstrip()}\n{text}"


@body
def cut(html: str, text: str) -> str:
    """Cut off in the middle of a later paragraph, as a model is at its limit of tokens."""
    at = html.rindex("<p>", 0, int(len(html) * 0.85))
    end = html.index("</p>", at)
    return html[: (at + end) // 2].rsplit(" ", 1)[0]


@body
def without_headings(html: str, text: str) -> str:
    for level in "23":
        html = html.replace(f"<h{level}>", "<p><b>").replace(f"</h{level}>", "</b></p>")
    return html


@body
def doubled(html: str, text: str) -> str:
    """The longest paragraph twice."""
    paragraphs = [part.partition("</p>")[0] for part in html.split("<p>")[1:]]
    longest = max(paragraphs, key=lambda one: len(plain_text(one)))
    return raw_html(html, f"<p>{longest}</p>")


@body
def reworded(html: str, text: str) -> str:
    """The longest paragraph twice, the second time with a few other words."""
    paragraphs = [part.partition("</p>")[0] for part in html.split("<p>")[1:]]
    words = max(paragraphs, key=lambda one: len(plain_text(one))).split()
    return raw_html(html, f"<p>{' '.join(text if n in (3, 17) else word for n, word in enumerate(words))}</p>")


def stuffed(article: Article, text: str) -> Article:
    times = " ".join(f"{article['primary_keyword'].capitalize()} {text} {n}." for n in range(8))
    return {**article, "html": raw_html(article["html"], f"<p>{times}</p>")}


def long_brief(article: Article, text: str) -> Article:
    return {**article, "word_count": int(article["word_count"] * float(text))}


def near_copy(article: Article, text: str) -> Article:
    words = article["html"].split(" ")
    other = " ".join("anders" if n % 60 == 59 and "<" not in word else word for n, word in enumerate(words))
    return {**article, "others": [sketch(other, language_code(article["language"]))]}


def pictures(article: Article, text: str) -> Article:
    return {**article, "html": raw_html(article["html"], text)}


ANY = "*"
