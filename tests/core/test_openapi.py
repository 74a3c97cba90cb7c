"""The OpenAPI document: valid, complete, true to the routes it is made from, and the one that is committed and served."""

import json
import re
from pathlib import Path
from typing import Any, Literal

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from pydantic import BaseModel, ConfigDict

import app as product
from chalicelib.core.context import Deps
from chalicelib.core.documentation import with_documentation
from chalicelib.core.errors import OutOfCredits
from chalicelib.core.openapi import LOCAL_SERVER, document, document_path
from chalicelib.core.openapi_errors import errors_of
from chalicelib.core.routing import JSON, Router
from infra.build import openapi
from tests.core.api_calls import Client, application

ROOT = Path(__file__).parents[2]
METHODS = ("get", "post", "put", "patch", "delete")
Json = dict[str, Any]


@pytest.fixture(scope="module")
def spec() -> Json:
    return document(product.routes)


def operations(spec: Json) -> list[tuple[str, str, Json]]:
    return [(path, method, item[method]) for path, item in spec["paths"].items() for method in METHODS if method in item]


def parameters(spec: Json, operation: Json) -> dict[str, Json]:
    found = [spec["components"]["parameters"][p["$ref"].rpartition("/")[2]] if "$ref" in p else p for p in operation["parameters"]]
    return {p["name"]: p for p in found}


def response(spec: Json, operation: Json, status: int) -> Json:
    given: Json = operation["responses"][str(status)]
    return spec["components"]["responses"][given["$ref"].rpartition("/")[2]] if "$ref" in given else given


def test_it_is_valid_openapi_3_1(spec: Json) -> None:
    assert spec["openapi"].startswith("3.1")
    validate(spec)


def test_every_route_of_the_app_is_in_it_and_nothing_else(spec: Json) -> None:
    served = {(path, method.lower()) for path, methods in product.app.table.items() for method in methods}
    documented = {(path.rstrip("/"), method) for path, method, _ in operations(spec)}
    assert documented == served


def test_it_is_the_committed_one() -> None:
    committed = (ROOT / "docs" / "openapi.json").read_text(encoding="utf-8")
    assert committed == openapi(), "run `python -m infra.build openapi`"


def test_operation_ids_are_unique_and_every_operation_says_what_it_is(spec: Json) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(spec)]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[a-z][a-z0-9_]*", name) for name in ids)
    known = {tag["name"] for tag in spec["tags"]}
    for path, method, operation in operations(spec):
        assert operation["summary"] and operation["description"], (method, path)
        assert set(operation["tags"]) <= known
    assert all(tag["description"] for tag in spec["tags"])


def test_security_and_headers_follow_the_route(spec: Json) -> None:
    for route in product.routes:
        operation = spec["paths"][document_path(route)][route.method.lower()]
        given = parameters(spec, operation)
        signed_in = route.role is not None
        assert operation["security"] == ([{"bearer": []}] if signed_in else []), route
        assert ("X-Account-Id" in given) == signed_in
        assert ("Idempotency-Key" in given) == (signed_in and route.method == "POST" and not route.secret)
        assert set(re.findall(r"{(\w+)}", route.path)) == {n for n, p in given.items() if p["in"] == "path"}
        if route.query is not None:
            assert {n for n, p in given.items() if p["in"] == "query"} == {f.alias or n for n, f in route.query.model_fields.items()}
        else:
            assert "query" not in {p["in"] for p in given.values()}


def test_errors_follow_the_route(spec: Json) -> None:
    for route in product.routes:
        operation = spec["paths"][document_path(route)][route.method.lower()]
        for status, errors in errors_of(route).items():
            schema = response(spec, operation, status)["content"][JSON]["schema"]
            codes = schema["allOf"][1]["properties"]["error"]["properties"]["code"]["enum"]
            assert set(codes) == {e.code for e in errors}
        wanted = {400, 405, 500, 503} | ({401, 403, 404} if route.role else set()) | ({429} if route.throttle else set())
        wanted |= {409} if route.role and route.method != "GET" else set()
        wanted |= {413, 415} if route.method in ("POST", "PUT", "PATCH") else set()
        wanted |= {412} if route.role and route.method in ("PUT", "PATCH") else set()
        assert wanted <= set(errors_of(route)), route
    found = {int(status) for _, _, o in operations(spec) for status in o["responses"]}
    assert {200, 201, 202, 302, 400, 401, 402, 403, 404, 405, 409, 412, 413, 415, 429, 500, 503} <= found


def test_lists_are_in_the_list_envelope_and_say_what_may_be_asked_for(spec: Json) -> None:
    operation = spec["paths"]["/api/v1/planner/keywords/"]["get"]
    schema = operation["responses"]["200"]["content"][JSON]["schema"]
    assert schema["allOf"][0] == {"$ref": "#/components/schemas/ListEnvelope"}
    assert schema["allOf"][1]["properties"]["results"]["items"] == {"$ref": "#/components/schemas/Keyword"}
    given = parameters(spec, operation)
    assert given["status"]["schema"]["enum"] == ["new", "mapped"]
    assert {"volume", "-volume", "created_at"} <= set(given["ordering"]["schema"]["enum"])
    assert (given["page_size"]["schema"]["maximum"], given["page_size"]["schema"]["default"]) == (100, 25)
    assert given["volume_min"]["schema"]["type"] == "integer"
    assert all(p["description"] for p in given.values())


def test_bodies_of_resources_hold_what_a_client_may_set(spec: Json) -> None:
    schemas = spec["components"]["schemas"]
    create, patch = schemas["ClusterCreate"], schemas["ClusterPatch"]
    assert {"site_id", "sector_id", "name"} == set(create["required"]) and "keywords_count" not in create["properties"]
    assert "required" not in patch and "site_id" not in patch["properties"]
    assert "order" not in schemas["Cluster"]["properties"], "what is stored for ordering is no field of the answer"


def test_answers_hold_every_field_and_nothing_hidden(spec: Json) -> None:
    schemas = spec["components"]["schemas"]
    assert {"status", "deleted_at", "cluster_name", "sector_name"} <= set(schemas["Keyword"]["required"])
    assert {"url", "file_url", "content_title"} <= set(schemas["Image"]["required"])
    assert {"stages", "credits", "task_id"} <= set(schemas["Run"]["required"]) and "execution" not in schemas["Run"]["properties"]
    assert not {n for n in schemas["User"]["properties"] if n in ("ended", "tokens_after")}
    assert not {n for n in schemas["Connection"]["properties"] if n.endswith("_sealed")}
    assert not [n for n in schemas if "__" in n], "two models of one name"
    assert "results" not in schemas["ListEnvelope"]["properties"], "a generated client would take every item for unknown"


def test_every_answer_says_what_it_is(spec: Json) -> None:
    loose = []
    for path, method, operation in operations(spec):
        for status in ("200", "201", "202"):
            media = operation["responses"].get(status, {}).get("content", {}).get(JSON)
            if media is None or path.endswith("openapi.json"):
                continue
            schema = media["schema"]
            parts = schema["properties"] if "properties" in schema else schema["allOf"][1]["properties"]
            data = parts["data"] if "data" in parts else parts["results"]["items"]
            item = data.get("items", data)
            if item.get("type") == "object" and "properties" not in item and item.get("additionalProperties", True) is True:
                loose.append(f"{method} {path} {status}")
    assert not loose


def test_an_import_answers_its_report_or_a_task(spec: Json) -> None:
    responses = spec["paths"]["/api/v1/planner/keywords/import_keywords/"]["post"]["responses"]
    kinds = {s: responses[s]["content"][JSON]["schema"]["properties"]["data"]["$ref"].rpartition("/")[2] for s in ("200", "202")}
    assert kinds == {"200": "ImportReport", "202": "Accepted"}


def test_uploads_take_a_form_or_the_file_itself(spec: Json) -> None:
    content = spec["paths"]["/api/v1/planner/keywords/import_keywords/"]["post"]["requestBody"]["content"]
    assert content["multipart/form-data"]["schema"]["properties"]["file"]["format"] == "binary"
    assert content["text/csv"]["schema"]["format"] == "binary"


def test_every_example_is_what_its_schema_allows(spec: Json) -> None:
    def value(example: Json) -> Any:
        return (spec["components"]["examples"][example["$ref"].rpartition("/")[2]] if "$ref" in example else example)["value"]

    def check(schema: Json, example: Any, where: str) -> None:
        validator = Draft202012Validator({**schema, "components": spec["components"]})
        problems = [f"{where}: {error.message} at {list(error.path)}" for error in validator.iter_errors(example)]
        assert not problems, "\n".join(problems)

    def check_content(content: Json, where: str) -> None:
        for media in content.values():
            for example in [media["example"]] if "example" in media else [value(e) for e in media.get("examples", {}).values()]:
                check(media["schema"], example, where)

    for path, method, operation in operations(spec):
        check_content(operation.get("requestBody", {}).get("content", {}), f"{method} {path} body")
        for status in operation["responses"]:
            check_content(response(spec, operation, int(status)).get("content", {}), f"{method} {path} {status}")
        for name, p in parameters(spec, operation).items():
            if "example" in p:
                check(p["schema"], p["example"], f"{method} {path} {name}")


def test_every_json_answer_but_the_document_itself_has_an_example(spec: Json) -> None:
    for path, method, operation in operations(spec):
        for status in operation["responses"]:
            media = response(spec, operation, int(status)).get("content", {}).get(JSON)
            if media and not path.endswith("openapi.json"):
                assert "example" in media or "examples" in media, (method, path, status)


class ThingQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: Literal["s", "m"] | None = None
    count: int


class ThingBody(BaseModel):
    name: str
    code: str


toy = Router("toy", tag="Toy", throttle="ai")


@toy.post("things", "goods", summary="Make", body=ThingBody, query=ThingQuery, answer=list[ThingBody], status=202, errors=(OutOfCredits,))
def make(call: Any) -> Any:
    """Makes things."""


@toy.get("things/export", summary="Export", produces="text/csv", role=None, throttle="")
def export(call: Any) -> Any:
    raise AssertionError


def test_a_declaration_becomes_an_operation() -> None:
    made = document(toy.routes)
    validate({**made, "components": {**made["components"]}})
    operation, alias = (made["paths"][f"/api/v1/toy/{name}/"]["post"] for name in ("things", "goods"))
    size, count = operation["parameters"][:2]
    assert size == {"name": "size", "in": "query", "required": False, "schema": {"enum": ["s", "m"], "type": "string"}}
    assert (count["required"], count["schema"]) == (True, {"type": "integer"})
    assert operation["responses"]["202"]["content"][JSON]["schema"]["properties"]["data"]["items"] == {
        "$ref": "#/components/schemas/ThingBody"
    }
    assert "402" in operation["responses"] and operation["requestBody"]["required"]
    assert "Makes things." in operation["description"] and "10 requests" in operation["description"] and operation["x-role"] == "editor"
    assert "under another name" in alias["description"] and "`POST /api/v1/toy/things/`" in alias["description"]
    exported = made["paths"]["/api/v1/toy/things/export/"]["get"]
    assert exported["responses"]["200"]["content"] == {"text/csv": {"schema": {"type": "string"}}}
    assert exported["security"] == [] and "429" not in exported["responses"]


def test_two_routes_of_one_operation_id_are_refused() -> None:
    twice = Router("toy", tag="Toy", throttle="ai")
    twice.get("a-b", summary="A")(lambda call: None)
    twice.get("a_b", summary="B")(lambda call: None)
    with pytest.raises(ValueError, match="get_toy_a_b"):
        document(twice.routes)


def test_the_served_document_is_the_same_at_the_callers_address(deps: Deps) -> None:
    ask = Client(application(with_documentation(toy.routes), deps, {}))
    for path in ("/api/v1/openapi.json", "/api/v1/openapi.json/"):
        reply = ask("GET", path, Origin="https://app.test", X_Forwarded_Proto="https")
        assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
        served = reply.json
        assert served.pop("servers") == [{"url": "https://api.test"}]
        expected = json.loads(json.dumps(document(with_documentation(toy.routes))))
        assert expected.pop("servers") == [{"url": LOCAL_SERVER}]
        assert served == expected
        assert reply.headers["access-control-allow-origin"] == "https://app.test"
