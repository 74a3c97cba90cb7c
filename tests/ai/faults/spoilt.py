"""Answers of a model that cannot be used: what it may say instead of what was asked for, for each text function."""

import json
import re
from collections.abc import Callable
from typing import Any

from chalicelib.core.errors import InvalidAnswer
from tests.adapters.scripted_server import Asked, Reply
from tests.ai.faults.catalogue import Case
from tests.ai.faults.wire import Fault, changed, said
from tests.ai.faults.works import CLUSTER, CONTENT, IDEAS, PROMPTS, TEXT, Work

Answer = dict[str, Any]
GERMAN = (
    "Wer zu Hause guten Kaffee trinken will, braucht eine Maschine, die den Druck hält, und frische Bohnen, die nicht zu lange im Regal "
    "lagen. Das Wasser ist dabei ebenso wichtig wie die Mühle, und mit ein wenig Geduld wird auch der erste Versuch nicht schlecht. "
)


def unusable(name: str, works: tuple[Work, ...], fault: Fault, says: str) -> Case:
    return Case(name, fault, InvalidAnswer, says, works=works)


def _choice(change: Callable[[dict[str, Any]], Any]) -> Fault:
    """The good completion with a changed choice."""

    def spoil(asked: Asked, good: Reply) -> Reply:
        def body(answer: dict[str, Any]) -> dict[str, Any]:
            change(answer["choices"][0])
            return answer

        return changed(good, body)

    return spoil


def _refusal(choice: dict[str, Any]) -> None:
    choice["message"] = {"role": "assistant", "content": None, "refusal": "I can't help with that."}


def _filtered(choice: dict[str, Any]) -> None:
    choice["finish_reason"] = "content_filter"
    choice["message"]["content"] = ""


def _with_html(change: Callable[[str], str]) -> Fault:
    return said(lambda answer: {**answer, "html": change(answer["html"])})


def _cut(answer: Answer) -> str:
    text = json.dumps(answer)
    return text[: len(text) // 2]


def _first(answer: Answer, objects: str, **fields: Any) -> Answer:
    """The answer with other fields in the first object of a list."""
    head, *rest = answer[objects]
    return {**answer, objects: [{**head, **fields}, *rest]}


def _german_article(html: str) -> str:
    return re.sub(r"<p>.*?</p>", f"<p>{GERMAN}</p>", html, flags=re.DOTALL)


def _replies(change: Callable[[Answer], Answer]) -> Fault:
    """The good reply with another body."""
    return lambda asked, good: changed(good, change)


# Of every text function.
ANY: list[Case] = [
    unusable("finish_reason length", TEXT, said(_cut, "length"), "cut off"),
    unusable("answer cut, says stop", TEXT, said(_cut), "form asked for|JSON"),
    unusable("content_filter", TEXT, _choice(_filtered), "content filter"),
    unusable("refusal", TEXT, _choice(_refusal), "refuses"),
    unusable("wrong schema", TEXT, said(lambda answer: {"answer": answer}), "form asked for"),
    unusable("unknown field", TEXT, said(lambda answer: {**answer, "confidence": 0.9}), "confidence"),
    unusable("prose", TEXT, said(lambda answer: "Sure! Here is what you asked for."), "form asked for|JSON"),
    unusable("fenced JSON", TEXT, said(lambda answer: f"```json\n{json.dumps(answer)}\n```"), "form asked for|JSON"),
    unusable("no content", TEXT, said(lambda answer: None), "empty"),
    unusable("blank content", TEXT, said(lambda answer: "  \n"), "empty|form asked for|JSON"),
    unusable("empty choices", TEXT, _replies(lambda answer: {**answer, "choices": []}), "OpenAI's form"),
    unusable("choice without message", TEXT, _replies(lambda answer: {**answer, "choices": [{"index": 0}]}), "empty|form"),
]

OF_ONE: list[Case] = [
    unusable("invented cluster", (CLUSTER,), said(lambda a: _first(a, "clusters", key="c99")), "Unknown cluster keys"),
    unusable("missing cluster", (CLUSTER,), said(lambda a: {"clusters": a["clusters"][:1]}), "Cluster keys without a name"),
    unusable("double cluster", (CLUSTER,), said(lambda a: {"clusters": [*a["clusters"], a["clusters"][0]]}), "named twice"),
    unusable("one name for all", (CLUSTER,), said(lambda a: _first(a, "clusters", name=a["clusters"][1]["name"])), "Names used twice"),
    unusable("markup in a name", (CLUSTER,), said(lambda a: _first(a, "clusters", name="<b>Espresso</b>")), "markup"),
    unusable(
        "wrong language",
        (CLUSTER,),
        said(lambda a: {"clusters": [{**c, "description": GERMAN} for c in a["clusters"]]}),
        "written in",
    ),
    unusable("invented keyword", (IDEAS,), said(lambda a: _first(a, "ideas", primary_keyword="espresso martini")), "not given"),
    unusable(
        "missing keyword", (IDEAS,), said(lambda a: _first(a, "ideas", keywords=[a["ideas"][0]["primary_keyword"]])), "no idea covers"
    ),
    unusable("double keyword", (IDEAS,), said(lambda a: {"ideas": [a["ideas"][0], a["ideas"][0]]}), "more than one idea"),
    unusable("no ideas", (IDEAS,), said(lambda a: {"ideas": []}), "ideas"),
    unusable("wrong language", (IDEAS,), said(lambda a: _first(a, "ideas", description=GERMAN, brief=GERMAN * 2)), "written in"),
    unusable("invented keyword", (CONTENT,), said(lambda a: {**a, "secondary_keywords": ["espresso martini"]}), "not given"),
    unusable(
        "missing keyword", (CONTENT,), _with_html(lambda html: html.replace("cups", "mugs").replace("Cups", "Mugs")), "does not cover"
    ),
    unusable("other primary", (CONTENT,), said(lambda a: {**a, "primary_keyword": "tea"}), "primary_keyword must be"),
    unusable("empty HTML", (CONTENT,), _with_html(lambda html: ""), "html"),
    unusable("HTML without text", (CONTENT,), _with_html(lambda html: "<p></p>" * 20), "words"),
    unusable("unsafe HTML", (CONTENT,), _with_html(lambda html: html + "<script>alert(1)</script>"), "script"),
    unusable("event handler", (CONTENT,), _with_html(lambda html: html.replace("<p>", '<p onclick="x()">', 1)), "onclick"),
    unusable("script address", (CONTENT,), _with_html(lambda html: html + '<p><a href="javascript:x()">Go on.</a></p>'), "javascript"),
    unusable(
        "foreign link", (CONTENT,), _with_html(lambda html: html + '<p><a href="https://evil.test/">More.</a></p>'), "Links that were not"
    ),
    unusable("cut article", (CONTENT,), _with_html(lambda html: html[: html.rindex("<p>") + 9]), "cut|end|close|unfinished"),
    unusable("Markdown", (CONTENT,), _with_html(lambda html: html.replace("<h2>", "## ").replace("</h2>", "\n")), "(?i)markdown"),
    unusable("placeholder", (CONTENT,), _with_html(lambda html: html + "<p>[Insert your company name here]</p>"), "(?i)placeholder"),
    unusable("wrong language", (CONTENT,), _with_html(_german_article), "written in"),
    unusable("too few pictures", (PROMPTS,), said(lambda a: {**a, "in_article": []}), "asked for"),
    unusable("invented heading", (PROMPTS,), said(lambda a: _first(a, "in_article", after_heading="Milk")), "Headings that do not exist"),
    unusable("one text for all", (PROMPTS,), said(lambda a: _first(a, "in_article", alt=a["featured"]["alt"])), "used twice"),
    unusable(
        "wrong language",
        (PROMPTS,),
        said(lambda a: {**_first(a, "in_article", alt=GERMAN[:290]), "featured": {**a["featured"], "alt": GERMAN[130:400]}}),
        "written in",
    ),
]
ANSWERS = [*ANY, *OF_ONE]
