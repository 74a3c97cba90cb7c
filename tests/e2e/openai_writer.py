"""An OpenAI on loopback whose answers the offline writer composes from nothing but the prompt: what the prompt lacks, the article lacks.

It speaks chat completions with structured outputs and counts tokens (four characters each), so that estimates can be held to it.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chalicelib.adapters.offline_text import COMPOSERS
from tests.adapters.scripted_server import Asked, Reply, api_error, chat, json_reply

KEY = "sk-proj-0123456789abcdefghij"
MODEL = "gpt-6-luna"
FUNCTIONS = {
    "ClusterNames": "auto_cluster",
    "Ideas": "generate_ideas",
    "ArticleDraft": "generate_content",
    "ArticleOutline": "generate_content",
    "ArticleSection": "generate_content",
    "ArticleRest": "generate_content",
    "FaqSection": "generate_content",
    "ImagePrompts": "generate_image_prompts",
}
PARTS = {"ArticleOutline": "outline", "ArticleSection": "section", "ArticleRest": "rest", "FaqSection": "faq"}
CHARACTERS_PER_TOKEN = 4
NONE = "(none)"


@dataclass
class Call:
    """One question that was answered: its function, the facts read from its prompt, tokens, and whether it asked for a repair."""

    function: str
    facts: dict[str, Any]
    tokens_in: int
    tokens_out: int
    repair: bool


@dataclass
class OpenAIWriter:
    """Give it to `LoopbackServer`. before: a fault instead of an answer. spoil: what becomes of an answer's text on its way; a text it
    has cut is sent with `finish_reason` length."""

    before: Callable[[Asked], Reply | None] = lambda asked: None
    spoil: Callable[[Call, str], str] = lambda call, text: text
    calls: list[Call] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            return api_error(
                401, "invalid_api_key", f"Incorrect API key provided: {KEY[:8]}****. You can find your API key in your account."
            )
        if (asked.method, asked.path) != ("POST", "/v1/chat/completions"):
            return api_error(404, None, f"Invalid URL ({asked.method} {asked.path})")
        sent = asked.json()
        if sent["model"] != MODEL:
            return api_error(404, "model_not_found", f"The model `{sent['model']}` does not exist or you do not have access to it.")
        fault = self.before(asked)
        return fault if fault is not None else self._answer(sent)

    def _answer(self, sent: dict[str, Any]) -> Reply:
        form = sent["response_format"]["json_schema"]
        function = FUNCTIONS[form["name"]]
        facts = facts_of(function, sent["messages"][1]["content"])
        if part := PARTS.get(form["name"]):
            facts |= part_of(part, sent["messages"][1]["content"])
        text = json.dumps(COMPOSERS[function](facts, json.dumps(facts, sort_keys=True)), ensure_ascii=False)
        tokens_in = tokens(json.dumps(sent["messages"], ensure_ascii=False)) + tokens(json.dumps(form))
        call = Call(function, facts, tokens_in, tokens(text), repair=len(sent["messages"]) > 2)
        self.calls.append(call)
        spoilt = self.spoil(call, text)
        usage = {"prompt_tokens": call.tokens_in, "completion_tokens": call.tokens_out, "total_tokens": call.tokens_in + call.tokens_out}
        return chat(spoilt, "length" if len(spoilt) < len(text) else "stop", model=MODEL, usage=usage)


def no_quota() -> Reply:
    said = "You exceeded your current quota, please check your plan and billing details."
    return api_error(429, "insufficient_quota", said)


def slow_down() -> Reply:
    return json_reply({"error": {"message": "Rate limit reached.", "type": "tokens", "param": None, "code": "rate_limit_exceeded"}}, 429,
                      retry_after_ms="20")  # fmt: skip


def tokens(text: str) -> int:
    """About as many as a tokenizer counts in English."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def facts_of(function: str, prompt: str) -> dict[str, Any]:
    """The facts a prompt was rendered from, read from its tags and labelled lines as a model reads them.

    Raises: AssertionError when the prompt lacks one.
    """
    return _READERS[function](prompt)


def _clusters(prompt: str) -> dict[str, Any]:
    clusters = []
    for item in _list(_tag(prompt, "clusters")):
        found = _object(item, "key", "keywords")
        keywords = [_keyword(one, "volume", "intent") for one in found["keywords"].split(" | ")]
        clusters.append({"key": found["key"], "keywords": keywords})
    return {
        "language": _line(prompt, "Language of names and descriptions"),
        "market": _line(prompt, "Market the searchers live in"),
        "clusters": clusters,
        "taken_names": _list(_tag(prompt, "taken_names")),
    }


def _ideas(prompt: str) -> dict[str, Any]:
    count = re.search(r"^Plan exactly (\d+) ideas", prompt, re.MULTILINE)
    assert count
    return {
        "cluster": _lines(_tag(prompt, "cluster"), "name", "description"),
        "keywords": [_keyword(item, "volume", "difficulty", "intent") for item in _list(_tag(prompt, "keywords"))],
        "count": int(count[1]),
        "taken_titles": _list(_tag(prompt, "taken_titles")),
        "language": _line(prompt, "Language of everything you write"),
        "market": _line(prompt, "Market"),
        "tone": _line(prompt, "Tone of voice"),
        "audience": _line(prompt, "Audience"),
        "site": _lines(_tag(prompt, "site"), "name", "domain"),
        "strategy": _lines(_tag(prompt, "strategy")) or None,
    }


def _article(prompt: str) -> dict[str, Any]:
    kind, _, structure = _line(prompt, "Type and structure").partition(", ")
    length = re.fullmatch(r"about (\d+) words .*", _line(prompt, "Length of the body"))
    assert length
    outline = []
    for item in _list(_tag(prompt, "outline")):
        section = _object(item, "heading", "points")
        outline.append({"heading": section["heading"], "points": [p for p in section["points"].split(" | ") if p]})
    return {
        **{
            name: _text(_tag(prompt, name))
            for name in ("title", "description", "primary_keyword", "brief", "cta", "present_text", "instructions")
        },
        "content_type": kind,
        "content_structure": structure,
        "keywords": _list(_tag(prompt, "keywords")),
        "outline": outline,
        "word_count": int(length[1]),
        "audience": _line(prompt, "Audience"),
        "tone": _line(prompt, "Tone of voice"),
        "language": _line(prompt, "Language").removesuffix(" (the whole answer)"),
        "market": _line(prompt, "Market").removesuffix(" (its spelling, units and customs)"),
        "cluster": _lines(_tag(prompt, "cluster"), "name", "description"),
        "cluster_keywords": [_keyword(item, "intent") for item in _list(_tag(prompt, "related_keywords"))],
        "site": _lines(_tag(prompt, "site"), "name", "domain"),
        "strategy": _lines(_tag(prompt, "strategy")) or None,
        "author": _lines(_tag(prompt, "author")) or None,
        "links": [_object(item, "title", "url") for item in _list(_tag(prompt, "links"))],
    }


def part_of(part: str, prompt: str) -> dict[str, Any]:
    """The further facts of a question for a part of an article."""
    if part == "outline":
        count = re.search(r"at least (\d+) and at most (\d+) of them", prompt)
        assert count
        return {"part": part, "sections_least": int(count[1]), "sections_most": int(count[2])}
    plan = []
    for item in _list(_tag(prompt, "plan")):
        found = _object(item, "heading", "points", "words", "keywords")
        lists = {name: [one for one in found[name].split(" | ") if one] for name in ("points", "keywords")}
        plan.append({"heading": found["heading"], "words": int(found["words"]), **lists})
    facts: dict[str, Any] = {"part": part, "plan": plan}
    if part == "rest":
        asked = re.search(r"about (\d+) questions", prompt)
        assert asked
        return {**facts, "faq_count": int(asked[1]), "uncovered": _list(_tag(prompt, "uncovered"))}
    return {**facts, "section_heading": _text(_tag(prompt, "section_heading"))} if part == "section" else facts


def _pictures(prompt: str) -> dict[str, Any]:
    count = re.search(r"prompts for exactly (\d+) images in the article", prompt)
    assert count
    return {
        "title": _text(_tag(prompt, "title")),
        "primary_keyword": _text(_tag(prompt, "primary_keyword")),
        "headings": _list(_tag(prompt, "headings")),
        "in_article_count": int(count[1]),
        "style": _line(prompt, "Style of all images"),
        "language": _line(prompt, "Language of the alternative texts").removesuffix(" (the prompts themselves are in English)"),
    }


_READERS: dict[str, Callable[[str], dict[str, Any]]] = {
    "auto_cluster": _clusters,
    "generate_ideas": _ideas,
    "generate_content": _article,
    "generate_image_prompts": _pictures,
}


def _tag(prompt: str, name: str) -> str:
    found = re.search(rf"^<{name}>\n(.*?)\n</{name}>$", prompt, re.MULTILINE | re.DOTALL)
    assert found, f"the prompt has no <{name}>"
    return found[1]


def _line(prompt: str, label: str) -> str:
    found = re.search(rf"^{re.escape(label)}: (.*)$", prompt, re.MULTILINE)
    assert found, f"the prompt has no line {label!r}"
    return re.sub(r"</?[a-z_]+>", "", found[1])


def _text(text: str) -> str:
    return "" if text == NONE else text


def _list(text: str) -> list[str]:
    if text == NONE:
        return []
    items = re.split(r"^- ", text, flags=re.MULTILINE)[1:]
    return [item.removesuffix("\n") for item in items]


def _object(item: str, *names: str) -> dict[str, str]:
    """`a: x; b: y` as an object with these names; what an item leaves out is empty."""
    parts = re.split(rf"(?:^|; )({'|'.join(names)}): ", item)[1:]
    found = dict(zip(parts[::2], parts[1::2], strict=True))
    return {name: found.get(name, "") for name in names}


def _keyword(item: str, *figures: str) -> dict[str, Any]:
    found = _object(item, "keyword", *figures)
    return {n: (int(v) if n in ("volume", "difficulty") and v else v or None) for n, v in found.items()}


def _lines(text: str, *names: str) -> dict[str, str]:
    """`a: x` line by line; names: those that are always there, empty when left out."""
    found = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line) if text != NONE else {}
    return {**dict.fromkeys(names, ""), **found}
