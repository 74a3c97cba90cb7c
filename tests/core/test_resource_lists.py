"""What a client sees of a resource's lists: links both ways, page numbers, counts, budgets, cursors and parameters."""

from typing import Any

import pytest

from tests.conftest import ContextFactory, Place, make_site
from tests.core.shelf import ROUTE_OF_ONE, Client, listed, made, refused, titles


@pytest.fixture
def shelf(client: Client, place: Place) -> list[dict[str, Any]]:
    """23 books: 12 done, 11 drafts; every third without pages."""
    out = []
    for n in range(23):
        book = made(client, place, title=f"Book {n:02d}", pages=None if n % 3 == 0 else n)
        out.append(client.ask("PATCH", ROUTE_OF_ONE, {"status": "done"}, id=book["id"]).json["data"] if n % 2 == 0 else book)
    return out


def test_links_lead_through_the_list_and_back(client: Client, shelf: list[dict[str, Any]]) -> None:
    page = listed(client, page_size=5, ordering="title")
    assert (page["count"], page["count_is"], page["complete"], page["previous"]) == (23, "maintained", True, None)
    pages = [page]
    while page["next"]:
        page = client.url(page["next"]).json
        pages.append(page)
    assert [t for p in pages for t in titles(p)] == [b["title"] for b in shelf]
    assert (page["count"], page["count_is"]) == (23, "exact")
    for before in reversed(pages[:-1]):
        page = client.url(page["previous"]).json
        assert titles(page) == titles(before)
        assert page["count"] == 23
        assert titles(client.url(page["next"]).json) == titles(pages[pages.index(before) + 1])
    assert page["previous"] is None


def test_page_numbers_are_slices(client: Client, shelf: list[dict[str, Any]]) -> None:
    everything = titles(listed(client, ordering="-pages"))
    assert len(everything) == 23
    assert sorted(everything[-8:]) == [f"Book {n:02d}" for n in range(0, 22, 3)], "no pages come last"
    for size in (1, 4, 23, 100):
        for number in range(1, 26):
            page = listed(client, ordering="-pages", page=number, page_size=size)
            assert titles(page) == everything[(number - 1) * size : number * size]
            assert (page["next"] is None) == (number * size >= 23)
            assert (page["previous"] is None) == (number == 1)
    second = listed(client, ordering="-pages", page=2, page_size=5)
    assert titles(client.url(second["next"]).json) == everything[10:15]
    assert titles(client.url(second["previous"]).json) == everything[:5]
    refused(client.ask("GET", "books", query={"page": ["51"], "page_size": ["100"]}), 400, "validation_error", "cursor")


def test_counts_tell_the_truth(client: Client, shelf: list[dict[str, Any]]) -> None:
    def counted(**query: Any) -> tuple[int, str]:
        page = listed(client, **query)
        return page["count"], page["count_is"]

    assert counted(page_size=3) == (23, "maintained")
    assert counted(page_size=3, status="done") == (12, "maintained")
    assert counted(page_size=50, status="done") == (12, "exact")
    assert counted(page_size=3, pages_min=10) == (4, "at_least")
    assert counted(page_size=50, pages_min=10) == (9, "exact")
    assert counted(page_size=3, search="book") == (4, "at_least")
    client.ask("DELETE", ROUTE_OF_ONE, id=shelf[0]["id"])
    assert counted(page_size=3) == (22, "maintained")
    assert counted(page_size=3, status="done") == (11, "maintained")
    assert counted(deleted="true") == (1, "exact")
    client.ask("POST", "books/{id}/restore", id=shelf[0]["id"])
    assert counted(page_size=3, status="done") == (12, "maintained")
    assert counted(deleted="true") == (0, "exact")


def test_a_small_budget_is_said_and_the_links_still_lead_to_everything(client: Client, shelf: list[dict[str, Any]]) -> None:
    page = client.ask("GET", "frugal", query={"search": ["Book 2"], "page_size": ["2"]}).json
    found, incomplete = titles(page), 0
    while page["next"]:
        if not page["complete"]:
            incomplete += 1
            assert page["count_is"] == "at_least"
            assert page["count"] <= 23
        page = client.url(page["next"]).json
        found += titles(page)
    assert found == ["Book 22", "Book 21", "Book 20"]
    assert incomplete
    refused(
        client.ask("GET", "frugal", query={"search": ["Book 00"], "page": ["2"], "page_size": ["1"]}), 400, "validation_error", "cursor"
    )


def test_cursors_fit_one_tenant_and_one_query(client: Client, shelf: list[dict[str, Any]]) -> None:
    cursor = listed(client, page_size=2, ordering="title", status="done")["next"].rpartition("cursor=")[2]
    ask = {"page_size": ["2"], "ordering": ["title"], "status": ["done"]}
    assert client.ask("GET", "books", query={**ask, "cursor": [cursor]}).status == 200
    assert client.ask("GET", "books", query={**ask, "page_size": ["3"], "cursor": [cursor]}).status == 200

    def changed(at: int) -> str:
        return cursor[:at] + ("y" if cursor[at] == "x" else "x") + cursor[at + 1 :]

    wrong = [{**ask, "cursor": [c]} for c in ("", "x", "ü", "=", cursor[:-1], cursor + "AA", changed(0), changed(40), "A" * 5000)]
    wrong += [{**ask, "ordering": ["-title"], "cursor": [cursor]}, {**ask, "status": ["draft"], "cursor": [cursor]}, {"cursor": [cursor]}]
    for query in wrong:
        refused(client.ask("GET", "books", query=query), 400, "validation_error", "cursor")
    refused(client.ask("GET", "books", query={**ask, "page": ["1"], "cursor": [cursor]}), 400, "validation_error", "page")
    client.token = "stranger"
    refused(client.ask("GET", "books", query={**ask, "cursor": [cursor]}), 400, "validation_error", "cursor")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("colour", "red", "status"),
        ("status", "other", "draft, done"),
        ("status", "", "draft"),
        ("ordering", "score", "-title"),
        ("ordering", "--title", "title"),
        ("ordering", "", "title"),
        ("page_size", "0", "1 to 100"),
        ("page_size", "101", "100"),
        ("page_size", "x", "100"),
        ("page_size", "9" * 5000, "100"),
        ("page", "0", "1 to"),
        ("page", "-1", "1 to"),
        ("page", "0" * 20 + "1", "1 to"),
        ("pages_min", "many", "whole number"),
        ("pages_min", "1.5", "whole"),
        ("pages_min", "1_0", "whole"),
        ("pages_min", "9" * 30, "range"),
        ("pages_min", "9" * 5000, "whole"),
        ("pages_max", "\u0663", "whole"),
        ("deleted", "yes", "true"),
        ("search", "x" * 201, "200"),
        ("sequel", "", "characters"),
        ("site_id", "", "leave it out"),
        ("sector_id", "", "leave it out"),
    ],
)
def test_parameters_that_are_wrong_are_named_with_what_is_allowed(client: Client, place: Place, name: str, value: str, says: str) -> None:
    error = refused(client.ask("GET", "books", query={name: [value]}), 400, "validation_error", name)
    assert says in error["fields"][name][0]


def test_parameters_given_twice_or_in_two_ways(client: Client, place: Place) -> None:
    refused(client.ask("GET", "books", query={"status": ["draft", "done"]}), 400, "validation_error", "status")
    one, two = made(client, place, title="1"), made(client, place, title="2")
    refused(client.ask("GET", "books", query={"sequel": [one["id"]], "sequel_id": [two["id"]]}), 400, "validation_error", "sequel_id")
    made(client, place, title="3", sequel=one["id"])
    assert titles(listed(client, sequel=one["id"], sequel_id=one["id"])) == ["3"]
    refused(client.ask("GET", "books", query={"sequel": [place.sector_id + "-nothing"]}), 404, "not_found")
    refused(client.ask("GET", ROUTE_OF_ONE, id=one["id"], query={"status": ["draft"]}), 400, "validation_error", "status")


def test_a_deleted_sites_objects_are_in_no_list(client: Client, place: Place, ctx: ContextFactory) -> None:
    from chalicelib.auth.sites import Sites

    gone = make_site(ctx())[0]
    made(client, gone, title="Gone")
    made(client, place, title="Here")
    Sites(ctx()).delete(gone.site_id)
    assert titles(listed(client)) == ["Here"]
    refused(client.ask("GET", "books", query={"site_id": [gone.site_id]}), 404, "not_found")
