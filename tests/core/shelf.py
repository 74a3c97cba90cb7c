"""A tiny application of one sector-owned entity, called as API Gateway calls: event in, answer out."""

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field

from chalicelib.core.api import Igny8
from chalicelib.core.context import Deps
from chalicelib.core.entity import Entity, Filter, SectorRecord, Unique, in_sector
from chalicelib.core.errors import NotAuthenticated
from chalicelib.core.resource import resource_routes
from chalicelib.core.routing import Call, Router
from chalicelib.core.scope import Scope
from chalicelib.core.service import Service
from tests.conftest import Place


class Book(SectorRecord):
    title: str = Field(min_length=1, max_length=60)
    pages: int | None = Field(None, ge=0, le=10_000)
    status: Literal["draft", "done"] = "draft"
    notes: dict[str, Any] = Field(default_factory=dict)
    sequel: str | None = None
    score: int = 0


BOOK: Entity[Book] = Entity(
    name="book",
    plural="books",
    model=Book,
    letter="Z",
    place=in_sector("Z"),
    index={"n": "title", "v": "pages"},
    filters={
        "status": Filter("status", choices=("draft", "done")),
        "sequel": Filter("sequel", related=lambda: BOOK),
        "sequel_id": Filter("sequel", related=lambda: BOOK),
        "pages_min": Filter("pages", "ge", "integer"),
        "pages_max": Filter("pages", "le", "integer"),
    },
    orderings={"created_at": "c", "title": "n", "pages": "v", "status": "d"},
    search=("title",),
    unique=(Unique(("title",)),),
    create=frozenset({"title", "pages", "notes", "sequel"}),
    patch=frozenset({"title", "pages", "notes", "status", "sequel"}),
    counted=("status",),
    ranked=("status", ("draft", "done")),
)


class Books(Service[Book]):
    entity = BOOK
    related = {"sequel": BOOK}  # noqa: RUF012


class FrugalBooks(Books):
    scan_budget_rows = 4


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> Any:
        return self.json["error"]


@dataclass
class Client:
    """Calls the application as the given scopes: the bearer token is a key of `scopes`."""

    deps: Deps
    scopes: dict[str, Scope]
    token: str = "owner"
    app: Igny8 = field(init=False)

    def __post_init__(self) -> None:
        router = Router("shelf", tag="Shelf", throttle="default")
        resource_routes(router, "books", Books, BOOK)
        resource_routes(router, "frugal", FrugalBooks, BOOK, verbs="list")
        router.post("echo", summary="Say it again")(lambda call: call.body)
        router.get("broken", summary="Fail")(_broken)
        self.app = Igny8("shelf")
        self.app.serve(router.routes, lambda: self.deps, self._authenticate)

    def _authenticate(self, deps: Deps, headers: dict[str, str]) -> Scope:
        scope = self.scopes.get(headers.get("authorization", "").removeprefix("Bearer "))
        if scope is None:
            raise NotAuthenticated()
        return scope

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: str | None = None,
        query: dict[str, list[str]] | None = None,
        id: str = "",
        **headers: str,
    ) -> Reply:
        """path: below /api/v1/shelf/, with `{id}` where an id goes. headers: underscores for hyphens."""
        resource = f"/api/v1/shelf/{path}"
        text = raw if raw is not None else None if body is None else json.dumps(body)
        event = {
            "httpMethod": method,
            "path": resource.replace("{id}", id) + "/",
            "headers": {
                "Authorization": f"Bearer {self.token}",
                "Host": "api.test",
                **{k.replace("_", "-"): v for k, v in headers.items()},
            },
            "queryStringParameters": {k: v[-1] for k, v in query.items()} if query else None,
            "multiValueQueryStringParameters": query or None,
            "pathParameters": {"id": id} if "{id}" in path else None,
            "requestContext": {
                "resourcePath": resource,
                "httpMethod": method,
                "path": resource.replace("{id}", id),
                "requestId": "request-1",
            },
            "body": text,
            "isBase64Encoded": False,
        }
        answer = self.app(event, None)
        assert isinstance(answer["body"], str)
        return Reply(answer["statusCode"], answer["headers"], answer["body"])

    def url(self, address: str) -> Reply:
        """Follow a `next` or `previous` link."""
        from urllib.parse import parse_qs, urlsplit

        parts = urlsplit(address)
        path = parts.path.removeprefix("/api/v1/shelf/").strip("/")
        return self.ask("GET", path, query=parse_qs(parts.query, keep_blank_values=True))


ROUTE_OF_ONE = "books/{id}"


def body(place: Place, **fields: Any) -> dict[str, Any]:
    return {"site_id": place.site_id, "sector_id": place.sector_id, "title": "A title", **fields}


def made(client: Client, place: Place, **fields: Any) -> dict[str, Any]:
    reply = client.ask("POST", "books", body(place, **fields))
    assert reply.status == 201, reply.text
    data: dict[str, Any] = reply.json["data"]
    return data


def refused(reply: Reply, status: int, code: str, *fields: str) -> dict[str, Any]:
    """The error of a refusal, after checking its whole shape."""
    assert reply.status == status, reply.text
    assert set(reply.json) == {"success", "error", "request_id"}
    assert reply.json["success"] is False
    assert reply.json["request_id"] == "request-1"
    error: dict[str, Any] = reply.error
    assert error["code"] == code
    assert error["message"]
    for name in fields:
        assert error["fields"][name], error
    return error


def listed(client: Client, **query: Any) -> dict[str, Any]:
    reply = client.ask("GET", "books", query={k: [str(v)] for k, v in query.items()})
    assert reply.status == 200, reply.text
    page: dict[str, Any] = reply.json
    assert set(page) == {"success", "count", "count_is", "complete", "next", "previous", "results", "request_id"}
    return page


def titles(page: dict[str, Any]) -> list[str]:
    return [b["title"] for b in page["results"]]


def _broken(call: Call) -> None:
    raise LookupError("a secret detail")
