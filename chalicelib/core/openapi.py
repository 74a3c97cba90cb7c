"""The OpenAPI 3.1 document, made from the declared routes alone: what is served, committed (`docs/openapi.json`) and fuzzed."""

import inspect
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel

from chalicelib.core.entity import Record
from chalicelib.core.idempotency import KEPT_SECONDS, MAX_KEY_CHARACTERS, applies
from chalicelib.core.openapi_errors import ERROR_SCHEMA, REQUEST_ID, THROTTLE_HEADERS, ErrorResponses, errors_of, takes_body, versioned
from chalicelib.core.openapi_schemas import Examples, Mode, Schema, object_schema, parameter_schema, schemas_of
from chalicelib.core.openapi_text import DESCRIPTION, LIST_FIELDS, TAGS
from chalicelib.core.routing import JSON, Route
from chalicelib.core.throttle import RATES

Json = dict[str, Any]
LOCAL_SERVER = "http://127.0.0.1:8000"
_FORM = "multipart/form-data"
_VARIABLE = re.compile(r"{(\w+)}")


def document(routes: Iterable[Route], server: str = LOCAL_SERVER) -> Json:
    """The document of these routes. server: address in front of `/api/v1`, without a slash at the end.

    Raises: ValueError for two routes of one operation id.
    """
    return _Document(list(routes), server).made()


def document_path(route: Route) -> str:
    """The path as the document names it: as the contract writes it, which is with a trailing slash but for what lies directly below the
    base (`health`, `docs`, `openapi.json`). Every path answers with and without."""
    return route.full_path + ("/" if "/" in route.path else "")


class _Document:
    def __init__(self, routes: list[Route], server: str) -> None:
        self.routes, self.server = routes, server
        self.errors = ErrorResponses()
        self.shown: dict[str, Json] = {}
        self.schemas, self.components = schemas_of(self._types())
        self.examples = Examples(self.components)

    def made(self) -> Json:
        paths: dict[str, Json] = {}
        first: dict[tuple[str, Any], Route] = {}  # the same handler again is an alias
        names: dict[str, Route] = {}
        for route in self.routes:
            original = first.setdefault((route.method, route.handler), route)
            if names.setdefault(route.operation_id, route) is not route:
                raise ValueError(f"two routes have the operation id {route.operation_id}")
            operation = self._operation(route, original)
            paths.setdefault(document_path(route), {})[route.method.lower()] = operation
        return {
            "openapi": "3.1.0",
            "info": {
                "title": "IGNY8 Serverless",
                "version": "1",
                "summary": "Keywords in, published articles out.",
                "description": DESCRIPTION,
                "license": {"name": "MIT", "identifier": "MIT"},
            },
            "servers": [{"url": self.server}],
            "tags": [{"name": tag, "description": TAGS.get(tag, "")} for tag in dict.fromkeys(r.tag for r in self.routes)],
            "paths": paths,
            "components": {
                "securitySchemes": {
                    "bearer": {
                        "type": "http",
                        "scheme": "bearer",
                        "bearerFormat": "JWT",
                        "description": "The `access` token of `auth/login/`.",
                    }
                },
                "parameters": _PARAMETERS,
                "headers": _HEADERS,
                "examples": dict(sorted(self.shown.items())),
                "responses": dict(sorted(self.errors.components.items())),
                "schemas": {**self.components, "Error": ERROR_SCHEMA, "ListEnvelope": _LIST_SCHEMA},
            },
        }

    def _types(self) -> dict[str, tuple[Any, Mode]]:
        types: dict[str, tuple[Any, Mode]] = {}
        for route in self.routes:
            name = route.operation_id
            if (body := route.body_schema or route.body) is not None:
                types[f"{name} body"] = (body, "validation")
            if route.answer is not None or route.listed is not None:
                types[f"{name} answer"] = (route.listed if route.listed is not None else route.answer, "serialization")
            if route.accepted is not None:
                types[f"{name} accepted"] = (route.accepted, "serialization")
        return types

    # -- one operation
    def _operation(self, route: Route, original: Route) -> Json:
        operation: Json = {
            "operationId": route.operation_id,
            "summary": route.summary,
            "description": _description(route, original),
            "tags": [route.tag],
            "security": [{"bearer": []}] if route.role is not None else [],
            "parameters": self._parameters(route),
        }
        if (body := self._body(route)) is not None:
            operation["requestBody"] = body
        operation["responses"] = {str(route.status): self._success(route)}
        if route.accepted is not None:
            operation["responses"]["202"] = self._accepted(route)
        for status, errors in errors_of(route).items():
            operation["responses"][str(status)] = self.errors.reference(status, errors)
        if route.role is not None:
            operation["x-role"] = route.role
        return operation

    def _parameters(self, route: Route) -> list[Json]:
        found: list[Json] = [
            {
                "name": name,
                "in": "path",
                "required": True,
                "description": "Id of the object." if name == "id" else f"The {name} in question.",
                "schema": {"type": "string", "minLength": 1},
                "example": self.examples.value({"type": "string"}, name if name == "id" else f"{name}_id"),
            }
            for name in _VARIABLE.findall(route.path)
        ]
        if route.query is not None:
            schema = object_schema(route.query)
            required = schema.get("required", ())
            for name, part in schema.get("properties", {}).items():
                plain = parameter_schema(part)
                given = {"name": name, "in": "query", "required": name in required, "schema": plain}
                if "description" in part:
                    given["description"] = part["description"]
                if name in required:
                    given["example"] = self.examples.value(plain, name)
                found.append(given)
        if route.role is not None:
            found.append({"$ref": "#/components/parameters/AccountId"})
        if applies(route):
            found.append({"$ref": "#/components/parameters/IdempotencyKey"})
        if versioned(route):
            found.append({"$ref": "#/components/parameters/IfMatch"})
        return found

    def _body(self, route: Route) -> Json | None:
        if not takes_body(route):
            return None
        model = route.body_schema or route.body
        content: Json = {}
        for mime in route.accepts:
            if mime == JSON:
                if model is not None:
                    schema = self.schemas[f"{route.operation_id} body"]
                    content[mime] = {"schema": schema, "example": self.examples.body(schema)}
                elif len(route.accepts) > 1:
                    content[mime] = {"schema": {"type": "object"}}
            elif mime == _FORM:
                content[mime] = {"schema": _FORM_SCHEMA}
            else:
                content[mime] = {"schema": {"type": "string", "format": "binary", "description": "The file itself."}}
        if not content:
            return None
        required = len(route.accepts) > 1 or (model is not None and _has_required(model))
        return {"required": required, "content": content}

    def _success(self, route: Route) -> Json:
        headers = dict.fromkeys(THROTTLE_HEADERS if route.throttle else ())
        if isinstance(route.answer, type) and issubclass(route.answer, Record) and not route.listed:
            headers["ETag"] = None
        if applies(route):
            headers["Idempotent-Replayed"] = None
        if 300 <= route.status < 400:
            headers["Location"] = None
        out: Json = {"description": _status_text(route), "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in headers}}
        if 300 <= route.status < 400:
            return out
        if route.produces != JSON:
            return {**out, "content": {route.produces: {"schema": {"type": "string"}}}}
        key = f"{route.operation_id} answer"
        schema = self.schemas.get(key, {"type": "object"} if not route.enveloped else {})
        if not route.enveloped:
            return {**out, "content": {JSON: {"schema": schema}}}
        listed = route.listed is not None
        return {**out, "content": {JSON: {"schema": _listed(schema) if listed else _single(schema), **self._shown(schema, listed=listed)}}}

    def _accepted(self, route: Route) -> Json:
        headers = {name: {"$ref": f"#/components/headers/{name}"} for name in (THROTTLE_HEADERS if route.throttle else ())}
        schema = self.schemas[f"{route.operation_id} accepted"]
        return {
            "description": _ACCEPTED,
            "headers": headers,
            "content": {JSON: {"schema": _single(schema), **self._shown(schema, listed=False)}},
        }

    def _shown(self, schema: Schema, *, listed: bool) -> Json:
        """The example of an answer; those of one component are written down once."""
        example = self.examples.value(schema)
        envelope = {**_LIST_EXAMPLE, "results": [example]} if listed else {"success": True, "data": example}
        envelope["request_id"] = REQUEST_ID
        if "$ref" not in schema:
            return {"example": envelope}
        name = schema["$ref"].rpartition("/")[2] + ("List" if listed else "")
        self.shown[name] = {"value": envelope}
        return {"examples": {name: {"$ref": f"#/components/examples/{name}"}}}


def _description(route: Route, original: Route) -> str:
    parts = []
    if original is not route:
        parts.append(f"The same as `{original.method} {document_path(original)}`, under another name.")
    if "<locals>" not in route.handler.__qualname__ and (text := inspect.getdoc(route.handler)):
        parts.append(text)
    parts.append("Needs no sign-in." if route.role is None else f"Least role: `{route.role}`.")
    if route.throttle:
        who = "user" if route.role is not None else "network address"
        parts.append(f"At most {RATES[route.throttle]} requests a minute and {who} (scope `{route.throttle}`).")
    return "\n\n".join(parts)


def _status_text(route: Route) -> str:
    if route.status == 202:
        return _ACCEPTED
    return "The page of the list." if route.listed is not None else HTTPStatus(route.status).phrase


def _has_required(model: type[BaseModel]) -> bool:
    return any(info.is_required() for info in model.model_fields.values())


def _single(data: Schema) -> Schema:
    return {
        "type": "object",
        "required": ["success", "data", "request_id"],
        "properties": {"success": {"const": True}, "data": data, "message": {"type": "string"}, "request_id": {"type": "string"}},
    }


def _listed(item: Schema) -> Schema:
    results = {"type": "object", "required": ["results"], "properties": {"results": {"type": "array", "items": item}}}
    return {"allOf": [{"$ref": "#/components/schemas/ListEnvelope"}, results]}


_ACCEPTED = "Accepted: the work goes on in the background."
_LIST_EXAMPLE: Json = {"success": True, "count": 1, "count_is": "exact", "complete": True, "next": None, "previous": None}
_LIST_SCHEMA: Json = {
    "type": "object",
    "required": ["success", "count", "count_is", "complete", "next", "previous", "request_id"],
    "properties": LIST_FIELDS,
}
_FORM_SCHEMA: Json = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": {"type": "string", "format": "binary", "description": "The file."}},
}
_HEADERS: Json = {
    "X-Throttle-Limit": {"description": "Requests a minute in this scope.", "schema": {"type": "integer"}},
    "X-Throttle-Remaining": {"description": "How many of them are left now.", "schema": {"type": "integer"}},
    "X-Throttle-Reset": {"description": "Seconds until the present window ends.", "schema": {"type": "integer"}},
    "Retry-After": {"description": "Seconds to wait before the next try.", "schema": {"type": "integer", "minimum": 1}},
    "ETag": {"description": 'The object\'s version in quotes, for `If-Match`: `"3"`.', "schema": {"type": "string"}},
    "Location": {"description": "Where to go.", "schema": {"type": "string"}},
    "Idempotent-Replayed": {
        "description": "`true`: this is the answer to an earlier request with this key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}
_PARAMETERS: Json = {
    "AccountId": {
        "name": "X-Account-Id",
        "in": "header",
        "description": "For developers and system users alone (403 for others): the account to work in. Each use is logged.",
        "schema": {"type": "string"},
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": f"Makes sending again safe: for {KEPT_SECONDS // 3600} hours the same key and body get the first answer, "
        "another body 409 `idempotency_mismatch`, a second one at the same time 409 `conflict` with Retry-After.",
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARACTERS, "pattern": "^[!-~]([ -~]*[!-~])?$"},
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "The version you have read (the ETag): 412 when the object has changed since. Without it the last write wins.",
        "schema": {"type": "string", "pattern": r'^("[0-9]{1,18}"|[0-9]{1,18}|\*)$'},
    },
}
