"""JSON Schemas of the declared types for the OpenAPI document, and an example value of each."""

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter

Schema = dict[str, Any]
Mode = Literal["validation", "serialization"]
REFERENCE = "#/components/schemas/"
_DEPTH_MAX = 6

# What the fields are called -> a value as it may look. Endings (`_id`) come after whole names.
_EXAMPLES: dict[str, Any] = {
    "id": "k7q2m9x4tb-3h8v6",
    "site_id": "k7q2m9",
    "sector_id": "k7q2m9x4tb",
    "email": "owner@demo.test",
    "password": "Demo-pass-1!",
    "version": 3,
    "keyword": "trail running shoes",
    "primary_keyword": "trail running shoes",
    "keywords": "trail running shoes",
    "name": "Trail running",
    "title": "How to choose trail running shoes",
    "description": "What to look for, by terrain.",
    "slug": "trail-running",
    "country": "us",
    "language": "en",
    "market": "us",
    "volume": 1900,
    "difficulty": 34,
    "status": "new",
    "intent": "commercial",
    "timezone": "Europe/Berlin",
    "domain": "shop.example",
    "message": "Done.",
    "html": "<h2>Grip</h2><p>…</p>",
    "task_id": "01jd4x9v7q2m9x4tb3h8v6k7q2",
    "username": "editor",
    "role": "editor",
}
_IDS = frozenset({"cluster", "idea", "task", "content", "author", "strategy", "parent", "run"})  # fields that name an object, by its id
_USUALLY_NULL = frozenset({"deleted_at", "error", "skip_reason", "reason"})
_FORMATS: dict[str, str] = {"date-time": "2026-11-20T12:00:00.000Z", "date": "2026-11-20", "time": "06:00", "uri": "https://shop.example/"}


def schemas_of(types: Mapping[str, tuple[Any, Mode]]) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """JSON Schema of every type, under the key it is given by, and the components they refer to."""
    asked = [(key, mode, TypeAdapter(kind)) for key, (kind, mode) in types.items()]
    found, definitions = TypeAdapter.json_schemas(asked, ref_template=REFERENCE + "{model}")
    components = {name: _tidy(schema) for name, schema in sorted(definitions.get("$defs", {}).items())}
    return {key: _tidy(schema) for (key, _), schema in found.items()}, components


def object_schema(model: type[BaseModel]) -> Schema:
    """JSON Schema of a model of plain fields (a query string), by itself."""
    schema: Schema = _tidy(model.model_json_schema())
    if "$defs" in schema:
        raise ValueError(f"{model.__name__}: a query parameter is a plain value or a Literal, not a model or an Enum")
    return schema


def _tidy(schema: Any) -> Any:
    """Without what pydantic adds and nobody reads: titles made from names, defaults of None."""
    if not isinstance(schema, dict):
        return schema
    out: Schema = {}
    for key, value in schema.items():
        if key == "title" or (key == "default" and value is None):
            continue
        if key == "properties":
            out[key] = {name: _tidy(part) for name, part in value.items()}
        elif isinstance(value, list):
            out[key] = [_tidy(part) for part in value]
        else:
            out[key] = _tidy(value) if key in ("items", "additionalProperties", "not") else value
    return out


def parameter_schema(schema: Schema) -> Schema:
    """The schema of a query parameter: an optional one is left out rather than null."""
    out = {k: v for k, v in schema.items() if k not in ("description", "anyOf")}
    choices = [part for part in schema.get("anyOf", ()) if part.get("type") != "null"]
    if "type" in out or not choices:
        return out
    return {**choices[0], **out} if len(choices) == 1 else {"anyOf": choices, **out}


class Examples:
    """Makes a value that a schema allows. components: what `$ref` points to."""

    def __init__(self, components: Mapping[str, Schema]) -> None:
        self._components = components

    def body(self, schema: Schema) -> Any:
        """A request: the required fields, or all of them where none is."""
        resolved = self._resolve(schema)
        required = resolved.get("required", ())
        chosen = {n: p for n, p in resolved.get("properties", {}).items() if not required or n in required}
        return self.value({**resolved, "properties": chosen}) if "properties" in resolved else self.value(resolved)

    def value(self, schema: Schema, name: str = "", depth: int = 0) -> Any:
        schema = self._resolve(schema)
        for key in ("examples", "enum"):
            if schema.get(key):
                return schema[key][0]
        for key in ("const", "default"):
            if key in schema:
                return schema[key]
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            if name in _USUALLY_NULL and {"type": "null"} in choices:
                return None
            return self.value(next((c for c in choices if c.get("type") != "null"), choices[0]), name, depth)
        match schema.get("type"):
            case "object":
                return {n: self.value(p, n, depth + 1) for n, p in schema.get("properties", {}).items()} if depth < _DEPTH_MAX else {}
            case "array":
                wanted = max(schema.get("minItems", 0), 1) if depth < _DEPTH_MAX else schema.get("minItems", 0)
                return [self.value(schema.get("items", {}), re.sub("s$", "", name), depth + 1)] * min(
                    wanted, schema.get("maxItems", wanted)
                )
            case "string":
                return _text(schema, name)
            case "integer" | "number":
                return _number(schema, name)
            case "boolean":
                return True
        return None

    def _resolve(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            schema = {**self._components[schema["$ref"].removeprefix(REFERENCE)], **{k: v for k, v in schema.items() if k != "$ref"}}
        for part in schema.get("allOf", ()):
            found = self._resolve(part)
            schema = {**found, **schema, "properties": {**found.get("properties", {}), **schema.get("properties", {})}}
        return schema


def _text(schema: Schema, name: str) -> str:
    known = _FORMATS.get(schema.get("format", ""))
    if known is None and name.endswith("_at"):
        known = _FORMATS["date-time"]
    if known is None and re.search("(^|_)(url|uri|link)$", name):
        known = _FORMATS["uri"]
    if known is None:
        named = _EXAMPLES.get(name, _EXAMPLES["id"] if name.endswith("_id") or name in _IDS else None)
        known = named if isinstance(named, str) else f"{name.replace('_', ' ') or 'text'}"
    least, most = schema.get("minLength", 0), schema.get("maxLength", 10**6)
    if "pattern" in schema:  # a test validates every example, so that a field whose pattern fits none of these is noticed
        known = next((text for text in (known, name, "06:00", "a", "1") if re.search(schema["pattern"], text)), known)
    return known.ljust(least, "x")[:most]


def _number(schema: Schema, name: str) -> int:
    named = _EXAMPLES.get(name)
    low = int(schema["exclusiveMinimum"]) + 1 if "exclusiveMinimum" in schema else int(schema.get("minimum", 0))
    value = max(named if isinstance(named, int) else 10, low)
    return min(value, int(schema.get("maximum", value)))
