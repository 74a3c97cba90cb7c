"""What a client sees of a resource's objects: envelope, errors, bodies, versions and tenancy, through the whole dispatcher."""

import json
from typing import Any

import pytest

from tests.conftest import ContextFactory, Place, make_site
from tests.core.shelf import ROUTE_OF_ONE, Client, body, made, refused

# --- objects ----------------------------------------------------------------------------------------------------------------------


def test_create_read_change_delete_restore(client: Client, place: Place) -> None:
    reply = client.ask("POST", "books", body(place, title="  Oak \u00e4 ", pages=3, notes={"a": [1, None, 2.5], "b": None}))
    assert (reply.status, reply.headers["ETag"], reply.headers["Content-Type"]) == (201, '"1"', "application/json")
    assert set(reply.json) == {"success", "data", "request_id"}
    book = reply.json["data"]
    assert (book["title"], book["pages"], book["notes"], book["version"]) == ("Oak ä", 3, {"a": [1, None, 2.5], "b": None}, 1)
    assert book["created_at"] == "2026-11-20T12:00:00.000Z"
    assert client.ask("GET", ROUTE_OF_ONE, id=book["id"]).json["data"] == book
    changed = client.ask("PATCH", ROUTE_OF_ONE, {"pages": None}, id=book["id"])
    assert (changed.status, changed.headers["ETag"], changed.json["data"]["pages"], changed.json["data"]["version"]) == (
        200,
        '"2"',
        None,
        2,
    )
    gone = client.ask("DELETE", ROUTE_OF_ONE, id=book["id"])
    assert (gone.status, gone.json["data"]) == (200, {"id": book["id"]})
    refused(client.ask("GET", ROUTE_OF_ONE, id=book["id"]), 404, "not_found")
    refused(client.ask("DELETE", ROUTE_OF_ONE, id=book["id"]), 404, "not_found")
    assert client.ask("POST", "books/{id}/restore", id=book["id"]).json["data"]["title"] == "Oak ä"
    assert client.ask("GET", ROUTE_OF_ONE, id=book["id"]).status == 200


def test_put_replaces_and_patch_changes(client: Client, place: Place) -> None:
    book = made(client, place, pages=3, notes={"k": 1})
    assert client.ask("PATCH", ROUTE_OF_ONE, {"title": "New"}, id=book["id"]).json["data"]["pages"] == 3
    put = client.ask("PUT", ROUTE_OF_ONE, {"title": "Whole"}, id=book["id"]).json["data"]
    assert (put["title"], put["pages"], put["notes"], put["id"], put["created_at"]) == ("Whole", None, {}, book["id"], book["created_at"])
    refused(client.ask("PUT", ROUTE_OF_ONE, {"pages": 1}, id=book["id"]), 400, "validation_error", "title")
    assert client.ask("PUT", ROUTE_OF_ONE, {**put, "title": "As read"}, id=book["id"]).status == 200, "what was read can be sent back"


def test_read_only_fields_are_ignored_and_unknown_ones_named(client: Client, place: Place) -> None:
    book = made(client, place, id="mine", version=7, score=9, created_at="never", account_id="other000", deleted_at="now")
    assert (book["version"], book["score"], book["deleted_at"]) == (1, 0, None)
    after = client.ask(
        "PATCH", ROUTE_OF_ONE, {"score": 5, "id": "x", "sector_id": "elsewhere", "site_id": "other", "version": 9}, id=book["id"]
    )
    assert after.json["data"] == book
    for method, path in (("POST", "books"), ("PATCH", ROUTE_OF_ONE), ("PUT", ROUTE_OF_ONE)):
        error = refused(client.ask(method, path, body(place, colour="red"), id=book["id"]), 400, "validation_error", "colour")
        assert "title" in error["fields"]["colour"][0], "it says what is allowed"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""),
        ("title", "x" * 61),
        ("title", None),
        ("title", 5),
        ("pages", -1),
        ("pages", 10_001),
        ("pages", "many"),
        ("pages", [1]),
        ("pages", True),
        ("notes", []),
        ("notes", "text"),
        ("sequel", 5),
        ("sequel", ["x"]),
    ],
)
def test_bad_values_are_named_on_create_and_patch(client: Client, place: Place, field: str, value: Any) -> None:
    refused(client.ask("POST", "books", body(place, **{field: value})), 400, "validation_error", field)
    book = made(client, place)
    refused(client.ask("PATCH", ROUTE_OF_ONE, {field: value}, id=book["id"]), 400, "validation_error", field)
    assert client.ask("GET", ROUTE_OF_ONE, id=book["id"]).json["data"] == book, "nothing was stored"


def test_if_match(client: Client, place: Place) -> None:
    book = made(client, place)
    for given in ('"2"', "2", 'W/"1"', "x", '""', "9" * 5000, '"1", "2"'):
        for method in ("PATCH", "PUT", "DELETE"):
            sent = {"title": "Other"} if method != "DELETE" else None
            refused(client.ask(method, ROUTE_OF_ONE, sent, id=book["id"], If_Match=given), 412, "precondition_failed")
    assert client.ask("PATCH", ROUTE_OF_ONE, {"title": "Two"}, id=book["id"], If_Match='"1"').headers["ETag"] == '"2"'
    assert client.ask("PATCH", ROUTE_OF_ONE, {"title": "Three"}, id=book["id"], If_Match="*").headers["ETag"] == '"3"'
    refused(client.ask("PATCH", ROUTE_OF_ONE, {"title": "Two"}, id=book["id"], If_Match='"2"'), 412, "precondition_failed")
    assert client.ask("DELETE", ROUTE_OF_ONE, id=book["id"], If_Match='"3"').status == 200


def test_a_taken_title_is_a_duplicate_until_it_is_free(client: Client, place: Place) -> None:
    first, second = made(client, place, title="Same"), made(client, place, title="Other")
    refused(client.ask("POST", "books", body(place, title="same ")), 409, "duplicate", "title")
    refused(client.ask("PATCH", ROUTE_OF_ONE, {"title": "SAME"}, id=second["id"]), 409, "duplicate", "title")
    client.ask("DELETE", ROUTE_OF_ONE, id=first["id"])
    assert client.ask("PATCH", ROUTE_OF_ONE, {"title": "SAME"}, id=second["id"]).status == 200
    refused(client.ask("POST", "books/{id}/restore", id=first["id"]), 409, "duplicate", "title")


def test_what_a_changed_object_points_at_may_be_gone_but_new_pointers_must_exist(client: Client, place: Place, ctx: ContextFactory) -> None:
    sequel = made(client, place, title="Two")
    book = made(client, place, title="One", sequel=sequel["id"])
    client.ask("DELETE", ROUTE_OF_ONE, id=sequel["id"])
    assert client.ask("PATCH", ROUTE_OF_ONE, {"pages": 5}, id=book["id"]).status == 200
    for gone in (sequel["id"], "nothing", "x" * 3000):
        refused(client.ask("PATCH", ROUTE_OF_ONE, {"sequel": gone}, id=book["id"]), 404, "not_found", "sequel")
        refused(client.ask("POST", "books", body(place, sequel=gone)), 404, "not_found", "sequel")
    elsewhere = make_site(ctx())[0]
    far = made(client, elsewhere, title="Far")
    refused(client.ask("PATCH", ROUTE_OF_ONE, {"sequel": far["id"]}, id=book["id"]), 400, "validation_error", "sequel")


# --- who sees what ----------------------------------------------------------------------------------------------------------------


def test_foreign_unseen_and_unknown_ids_answer_alike(client: Client, place: Place) -> None:
    book = made(client, place)
    wanted = client.ask("GET", ROUTE_OF_ONE, id="zzzzzzzzzz-zzzz").text
    strange = ["x", "-", "a-b", "", book["id"] + "x", "#" * 10 + "-x", book["id"].upper(), "x" * 5000, "W#" + place.site_id, "ü" * 900]
    for token, ids in (("stranger", [book["id"]]), ("outsider", [book["id"]]), ("owner", strange)):
        client.token = token
        for public_id in ids:
            for method, sent in (("GET", None), ("PUT", {"title": "Mine"}), ("PATCH", {"title": "Mine"}), ("DELETE", None)):
                reply = client.ask(method, ROUTE_OF_ONE, sent, id=public_id)
                assert (reply.status, reply.text) == (404, wanted), (token, method, public_id)
    client.token = "stranger"
    refused(client.ask("POST", "books", body(place)), 404, "not_found")
    for query in ({"site_id": [place.site_id]}, {"sector_id": [place.sector_id]}, {"sequel": [book["id"]]}):
        refused(client.ask("GET", "books", query=query), 404, "not_found")
    assert client.ask("GET", "books").json["results"] == []
    client.token = "outsider"
    refused(client.ask("GET", "books", query={"site_id": [place.site_id]}), 404, "not_found")
    assert client.ask("GET", "books").json["results"] == []
    client.token = "editor"
    assert [b["id"] for b in client.ask("GET", "books").json["results"]] == [book["id"]]


def test_owner_ids_must_be_plain_and_fit_together(client: Client, place: Place, ctx: ContextFactory) -> None:
    other = make_site(ctx())[0]
    for wrong in ("", None, 5, []):
        refused(client.ask("POST", "books", {**body(place), "site_id": wrong}), 400, "validation_error", "site_id")
    for wrong in ("unknown", f"{place.site_id}#S#{place.sector_id}", "x" * 3000):
        refused(client.ask("POST", "books", {**body(place), "site_id": wrong}), 404, "not_found")
        refused(client.ask("POST", "books", {**body(place), "sector_id": wrong}), 404, "not_found")
        refused(client.ask("GET", "books", query={"site_id": [wrong]}), 404, "not_found")
    refused(client.ask("POST", "books", {**body(place), "sector_id": other.sector_id}), 400, "validation_error", "sector_id")


def test_roles(client: Client, place: Place) -> None:
    book = made(client, place)
    client.token = "viewer"
    assert client.ask("GET", ROUTE_OF_ONE, id=book["id"]).status == 200
    refused(client.ask("PATCH", ROUTE_OF_ONE, {"title": "x"}, id=book["id"]), 403, "forbidden")
    refused(client.ask("POST", "books/{id}/restore", id=book["id"]), 403, "forbidden")
    refused(client.ask("GET", "books", query={"deleted": ["true"]}), 403, "forbidden")
    client.token = "nobody"
    refused(client.ask("GET", "books"), 401, "not_authenticated")


# --- HTTP -------------------------------------------------------------------------------------------------------------------------


def test_unknown_routes_methods_and_types(client: Client, place: Place) -> None:
    refused(client.ask("GET", "shelves"), 404, "not_found")
    reply = client.ask("PUT", "books", {})
    refused(reply, 405, "method_not_allowed")
    assert reply.headers["Allow"] == "GET, HEAD, POST, OPTIONS"
    for kind in ("text/plain", "text/csv", "application/xml", "nonsense", ""):
        refused(client.ask("POST", "books", body(place), Content_Type=kind), 415, "unsupported_media_type")
    assert client.ask("POST", "books", body(place), Content_Type="Application/JSON; charset=utf-8").status == 201
    assert client.ask("POST", "echo", Content_Type="text/plain").json["data"] == {}, "an empty body has no type"


@pytest.mark.parametrize(
    "raw",
    [
        "{",
        "nul",
        "[1]",
        '"text"',
        "1",
        "null",
        '{"title": NaN}',
        '{"notes": {"a": Infinity}}',
        '{"notes": {"a": 1e999}}',
        '{"notes": {"a": 1e200}}',
        '{"notes": {"a": ' + "9" * 50 + "}}",
        '{"notes": {"a": ' + "9" * 5000 + "}}",
        '{"title": "\\ud800"}',
        '{"\\udc00": 1}',
        '{"notes": {"a": "\\ud83d"}}',
        '{"notes": ' + '{"a":' * 30 + "1" + "}" * 31,
        "[" * 100_000,
        '{"a":' * 5000 + "1" + "}" * 5000,
    ],
)
def test_json_that_cannot_be_meant(client: Client, place: Place, raw: str) -> None:
    refused(client.ask("POST", "books", raw=raw), 400, "validation_error")
    refused(client.ask("POST", "echo", raw=raw), 400, "validation_error")


def test_sizes(client: Client, place: Place) -> None:
    refused(client.ask("POST", "books", raw='{"title": "' + "x" * 1_000_000 + '"}'), 413, "too_large")
    refused(client.ask("POST", "books", body(place, notes={"text": "x" * 500_000})), 413, "too_large")
    emoji = made(client, place, title="\U0001f600" * 60)
    assert client.ask("GET", ROUTE_OF_ONE, id=emoji["id"]).json["data"]["title"] == "\U0001f600" * 60


def test_errors_show_nothing_of_the_inside(client: Client) -> None:
    reply = client.ask("GET", "broken")
    refused(reply, 500, "internal_error")
    assert "secret" not in reply.text
    assert "LookupError" not in reply.text


def test_an_answer_that_cannot_be_sent_is_an_internal_error(client: Client) -> None:
    client.app.table["/api/v1/shelf/broken"]["GET"] = client.app.table["/api/v1/shelf/broken"]["GET"].__class__(
        "GET", "shelf/broken", lambda call: {"text": "\ud800"}, "viewer", "Fail", "Shelf", "default"
    )
    refused(client.ask("GET", "broken"), 500, "internal_error")


def test_head_options_and_cors(client: Client, place: Place) -> None:
    book = made(client, place)
    head = client.ask("HEAD", ROUTE_OF_ONE, id=book["id"])
    assert (head.status, head.text, head.headers["ETag"]) == (200, "", '"1"')
    client.token = "nobody"
    options = client.ask("OPTIONS", "books", Origin="https://app.test")
    assert (options.status, options.text, options.headers["Allow"]) == (204, "", "GET, HEAD, POST, OPTIONS")
    assert options.headers["Access-Control-Allow-Origin"] == "https://app.test"
    assert "If-Match" in options.headers["Access-Control-Allow-Headers"]
    for reply in (client.ask("GET", "books", Origin="https://app.test"), client.ask("GET", "shelves", Origin="https://app.test")):
        assert reply.status in (401, 404)
        assert reply.headers["Access-Control-Allow-Origin"] == "https://app.test"
        assert "ETag" in reply.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Origin" not in client.ask("GET", "books", Origin="https://evil.test").headers
    assert "Access-Control-Allow-Origin" not in client.ask("GET", "books").headers
    assert client.ask("GET", "books").headers["X-Content-Type-Options"] == "nosniff"


def test_numbers_come_back_as_they_were(client: Client, place: Place) -> None:
    notes = {
        "int": 2**60,
        "negative": -5,
        "float": 0.1,
        "zero": 0,
        "true": True,
        "text": "1",
        "list": [],
        "dict": {},
        "none": None,
        "small": 1e-100,
    }
    assert json.loads(json.dumps(made(client, place, notes=notes)["notes"])) == notes
