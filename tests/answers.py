"""Holds what a route answers to the model it declares: what the OpenAPI document promises, and nothing that it keeps to itself."""

from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from pydantic import TypeAdapter

from chalicelib.core.routing import Route


@cache
def _validator(kind: Any) -> Draft202012Validator:
    return Draft202012Validator(_closed(TypeAdapter(kind).json_schema(mode="serialization")))


def _closed(schema: Any) -> Any:
    """No fields beyond those that are declared, wherever an object's fields are."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: _closed(value) for key, value in schema.items()}
    if isinstance(out.get("properties"), dict) and out.get("type") == "object":
        out.setdefault("additionalProperties", False)
    return out


def check_answer(route: Route, status: int, body: Any) -> None:
    """Raises: AssertionError when a success of this route is not what it declares."""
    if status >= 300 or not isinstance(body, dict) or not route.enveloped:
        return
    kind = route.accepted if status == 202 and route.accepted is not None else route.listed or route.answer
    if kind is None:
        return
    for value in body["results"] if route.listed is not None else [body["data"]]:
        problems = [f"{list(e.absolute_path)}: {e.message[:300]}" for e in _validator(kind).iter_errors(value)]
        assert not problems, f"{route.method} {route.path} answers otherwise than it declares: {problems[:5]}"
