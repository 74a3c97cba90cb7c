"""The tight form of an answer: its JSON schema with nearly all that is checked afterwards, for servers that decode by it.

OpenAI's own structured outputs refuse lengths and patterns, and a schema of its own for each question would make each question wait
for it to be compiled. Servers that decode by a grammar (llama.cpp, vLLM, Ollama) obey such a schema at once: a model can then neither
run on for ever nor invent a keyword. What the grammar cuts ends with a sentence or an entry, and every check is made all the same.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel

from chalicelib.ai.answer_fields import Chars, Entries

Node = dict[str, Any]
Change = Callable[[Node], Node]

LONGEST_COUNTED = 1_800  # characters; grammars unroll what they count
VALUES_NAMED = 200
# The most that the prompts ask for: sentences of a text, entries of a list.
SENTENCES = {"excerpt": 2, "meta_description": 2, "description": 2, "answer": 4, "summary": 2, "brief": 5, "cta": 1, "alt": 1, "prompt": 4}
ENTRIES = {"tags": 5, "categories": 2, "faq": 6, "points": 4, "outline": 10}
GIVEN = frozenset({"primary_keyword", "keywords", "after_heading"})  # come first: a model keeps to what it has just written

# Text inside a JSON string, as grammars made of patterns see it: no quotation mark, no backslash, no line break.
_END = "[.!?\u2026\u3002\uff01\uff1f\u061f\u0964]"
_INSIDE = r'([^"\\\n<>.!?\u2026\u3002\uff01\uff1f\u061f\u0964]|[0-9][.][0-9])'
_PLAIN = r'[^"\\\n<>]'
SENTENCE_CHARACTERS = 220
PARAGRAPH_SENTENCES, FAQ_ENTRIES = 5, 5


def tight_form(schema: type[BaseModel], facts: Mapping[str, Any]) -> Node:
    """The schema of an answer to a question with these facts."""
    refine = _REFINED.get(schema.__name__)
    return _node(schema, (), "", refine(facts) if refine else {})


def _node(annotation: Any, metadata: Sequence[Any], name: str, changes: Mapping[str, Change]) -> Node:
    if get_origin(annotation) is Annotated:
        base, *more = get_args(annotation)
        return _node(base, [*more, *metadata], name, changes)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = {n: annotation.model_fields[n] for n in sorted(annotation.model_fields, key=lambda n: n not in GIVEN)}
        properties = {n: _node(f.annotation, f.metadata, n, changes) for n, f in fields.items()}
        node: Node = {"type": "object", "properties": properties, "required": list(fields), "additionalProperties": False}
    elif get_origin(annotation) is list:
        (entry,) = get_args(annotation)
        node = {"type": "array", "items": _node(entry, (), "", changes)}
        node = {**node, **_entries(next((m for m in metadata if isinstance(m, Entries)), None), name)}
    elif get_origin(annotation) is Literal:
        node = {"type": "string", "enum": list(get_args(annotation))}
    elif annotation is int:
        node = {"type": "integer"}
    elif annotation is str:
        node = {"type": "string", **_text(next((m for m in metadata if isinstance(m, Chars)), None), name)}
    else:
        raise TypeError(f"no tight form of {name}: {annotation}")
    return changes[name](node) if name in changes else node


def _entries(limits: Entries | None, name: str) -> Node:
    most = ENTRIES.get(name) or (limits.longest if limits else None)
    return {"minItems": limits.shortest if limits else 0, **({"maxItems": most} if most else {})}


def _text(limits: Chars | None, name: str) -> Node:
    """What is too long by one character is seen to be too long: a text is never cut to fit, but at the end of a sentence."""
    if limits is None:
        return {}
    node: Node = {"description": limits.meaning, "minLength": limits.shortest}
    if name in SENTENCES:
        node["pattern"] = f"^{_sentences(SENTENCES[name], max(2, limits.shortest - 1))}$"
    if limits.longest <= LONGEST_COUNTED:
        node["maxLength"] = limits.longest + 1
    return node


def _sentences(most: int, least_characters: int = 8) -> str:
    first = f"{_INSIDE}{{{least_characters},{SENTENCE_CHARACTERS}}}{_END}"
    further = f"( ?{_INSIDE}{{8,{SENTENCE_CHARACTERS}}}{_END})"
    return f"{first}{further}{{0,{most - 1}}}" if most > 1 else first


def _blocks(sentences: int = PARAGRAPH_SENTENCES) -> str:
    """One element of an article's body under a heading. sentences: of a paragraph, at most."""
    text = _sentences(sentences)
    cell = f"{_PLAIN}{{1,80}}"
    lists = "|".join(f"<{tag}>(<li>{_PLAIN}{{3,160}}</li>){{2,8}}</{tag}>" for tag in ("ul", "ol"))
    row = f"<tr>(<td>{cell}</td>){{2,4}}</tr>"
    table = f"<table><thead><tr>(<th>{cell}</th>){{2,4}}</tr></thead><tbody>({row}){{2,8}}</tbody></table>"
    return f"(<p>{text}</p>|{lists}|{table})"


def _body(words: int) -> str:
    """An introduction, sections and an FAQ. words: asked for; short articles have room for few and short ones."""

    sentences = _room(words, 60, 2, PARAGRAPH_SENTENCES)
    paragraph = f"<p>{_sentences(sentences)}</p>"
    section = f"<h2>{_PLAIN}{{5,90}}</h2>({_blocks(sentences)}){{1,{_room(words, 100, 1, 6)}}}"
    faq = f"<h2>{_PLAIN}{{3,60}}</h2>(<h3>{_PLAIN}{{3,140}}[?\uff1f\u061f]</h3>{paragraph}){{1,{_room(words, 100, 1, FAQ_ENTRIES)}}}"
    return f"^({paragraph}){{1,{_room(words, 150, 1, 2)}}}({section}){{1,{_room(words, 90, 1, 16)}}}{faq}$"


def _room(words: int, words_each: int, least: int, most: int) -> int:
    """How many pieces of so many words a text of `words` has room for."""
    return max(least, min(most, words // words_each))


def _one_of(values: Sequence[str]) -> Change:
    named = list(dict.fromkeys(values))
    return lambda node: {"type": "string", "enum": named} if 0 < len(named) <= VALUES_NAMED else node


def _some_of(values: Sequence[str], least: int = 0) -> Change:
    named = list(dict.fromkeys(values))
    if not named:
        return lambda node: {"const": []}
    return lambda node: {**node, "items": _one_of(named)(node["items"]), "minItems": least, "maxItems": len(named)}


def _all_of(values: Sequence[str]) -> Change:
    """Each of the values, in their order."""
    fixed = [{"type": "string", "const": v} for v in dict.fromkeys(values)]
    return lambda node: {"type": "array", "prefixItems": fixed, "minItems": len(fixed), "maxItems": len(fixed)}


def _one_each(key: str, values: Sequence[str]) -> Change:
    """An entry for each of the values, which stands in the entry's field `key`."""

    def change(node: Node) -> Node:
        entry = node["items"]
        fixed = [{**entry, "properties": {**entry["properties"], key: {"type": "string", "const": v}}} for v in values]
        return {"type": "array", "prefixItems": fixed, "minItems": len(fixed), "maxItems": len(fixed)}

    return change


def _exactly(count: int) -> Change:
    return lambda node: {**node, "minItems": count, "maxItems": count}


def _with(**more: Any) -> Change:
    return lambda node: {**node, **more}


def _names(facts: Mapping[str, Any]) -> dict[str, Change]:
    return {"clusters": _one_each("key", [c["key"] for c in facts["clusters"]])}


def _ideas(facts: Mapping[str, Any]) -> dict[str, Change]:
    keywords = [k["keyword"] for k in facts["keywords"]]
    count = min(int(facts["count"]), len(keywords))
    return {
        "ideas": _exactly(count),
        "primary_keyword": _one_of(keywords),
        "keywords": _all_of(keywords) if count == 1 else _some_of(keywords, 1),
        "content_structure": _with(pattern="^[a-z]{2,14}(_[a-z]{2,14}){0,3}$"),
        "estimated_word_count": _with(minimum=300, maximum=5000),
    }


def _fields(facts: Mapping[str, Any]) -> dict[str, Change]:
    primary = facts["primary_keyword"]
    return {"primary_keyword": _one_of([primary]), "secondary_keywords": _some_of([k for k in facts["keywords"] if k != primary])}


def _article(facts: Mapping[str, Any]) -> dict[str, Change]:
    words = int(facts["word_count"])
    return {**_fields(facts), "faq": _with(maxItems=_room(words, 100, 1, FAQ_ENTRIES)), "html": _with(pattern=_body(words))}


def _section(facts: Mapping[str, Any]) -> dict[str, Change]:
    return {"html": _with(pattern=f"^({_blocks()}|<h3>{_PLAIN}{{5,90}}</h3>){{0,8}}<p>{_sentences(PARAGRAPH_SENTENCES)}</p>$")}


def _outline(facts: Mapping[str, Any]) -> dict[str, Change]:
    words = int(facts["word_count"])
    return {
        "sections": _with(minItems=int(facts["sections_least"]), maxItems=int(facts["sections_most"])),
        "keywords": _some_of([facts["primary_keyword"], *facts["keywords"]]),
        "words": _with(minimum=min(50, words), maximum=words),
    }


def _pictures(facts: Mapping[str, Any]) -> dict[str, Change]:
    headings = list(dict.fromkeys(facts["headings"]))
    return {"in_article": _exactly(min(int(facts["in_article_count"]), len(headings))), "after_heading": _one_of(headings)}


_REFINED: dict[str, Callable[[Mapping[str, Any]], dict[str, Change]]] = {
    "ClusterNames": _names,
    "Ideas": _ideas,
    "ArticleDraft": _article,
    "ArticleOutline": _outline,
    "ArticleSection": _section,
    "ArticleRest": _fields,
    "ImagePrompts": _pictures,
}
