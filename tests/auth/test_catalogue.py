"""The shared catalogue: everybody reads it, developers and system users write it, and a file is reported row by row."""

import pytest

from infra import catalogue
from tests.auth.conftest import Api, World


@pytest.fixture
def developer(world: World) -> Api:
    return world.api(world.operator, "developer")


def test_everybody_reads_what_was_installed(world: World) -> None:
    for tenant, role in ((world.a, "viewer"), (world.b, "owner")):
        api = world.api(tenant, role)
        assert [i["name"] for i in api.get("auth/industries").body["results"]] == ["Coffee"]
        assert len(api.get("auth/industry-sectors?industry=coffee").body["results"]) == 4
        assert {"trial", "starter", "agency", "system"} <= {p["id"] for p in api.get("auth/plans").body["results"]}
        page = api.get("auth/seed-keywords?search=grinder&ordering=-volume&page_size=3").body
        assert len(page["results"]) == 3 and page["next"] and page["results"][0]["keyword"] == "best coffee grinder"


def test_installing_again_changes_nothing(world: World) -> None:
    assert not any(catalogue.install(world.deps).values())


@pytest.mark.parametrize("role", ["viewer", "editor", "admin", "owner"])
@pytest.mark.parametrize("path", ["plans", "industries", "industry-sectors", "seed-keywords"])
def test_tenants_write_nothing_here(world: World, role: str, path: str) -> None:
    api = world.api(world.a, role)
    there = world.api(world.a).get(f"auth/{path}").body["results"][0]["id"]
    replies = [
        api.post(f"auth/{path}", {"name": "x"}),
        api.patch(f"auth/{path}/{there}", {"is_active": False}),
        api.delete(f"auth/{path}/{there}"),
    ]
    assert [r.status for r in replies] == [403, 403, 403]
    assert api.post(f"auth/{path}/{there}/restore").status == 404, "no tenant restores what an operator deleted"


def test_a_system_accounts_admin_writes_it_too(world: World) -> None:
    assert world.api(world.operator, "admin").post("auth/industries", {"name": "Gardening"}).data["id"] == "gardening"
    assert world.api(world.operator, "viewer").post("auth/industries", {"name": "Fishing"}).status == 403
    assert world.api(world.operator, "developer").delete("auth/industries/gardening").status == 200


def test_names_are_unique_and_parents_exist(developer: Api) -> None:
    assert developer.post("auth/industries", {"name": "coffee"}).code == "duplicate"
    assert developer.post("auth/industry-sectors", {"name": "Rooms", "industry": "none"}).status == 404
    assert developer.delete("auth/industries/coffee").code == "conflict"
    assert developer.delete("auth/industry-sectors/coffee.brewing").code == "conflict"


def test_a_seed_is_there_once_and_comes_back_with_new_values(developer: Api) -> None:
    body = {"keyword": "Siphon  Coffee", "industry_sector": "coffee.brewing", "country": "US", "volume": 90}
    made = developer.post("auth/seed-keywords", body)
    assert (made.status, made.data["keyword"], made.data["country"], made.data["industry"]) == (201, "Siphon Coffee", "us", "coffee")
    assert developer.post("auth/seed-keywords", {**body, "keyword": "siphon coffee"}).code == "duplicate"
    assert developer.post("auth/seed-keywords", {**body, "country": None}).status == 201
    developer.delete(f"auth/seed-keywords/{made.data['id']}")
    again = developer.post("auth/seed-keywords", {**body, "volume": 100})
    assert (again.data["id"], again.data["volume"]) == (made.data["id"], 100)


@pytest.mark.parametrize("field", ["keyword", "country"])
def test_a_seeds_text_must_be_text(developer: Api, field: str) -> None:
    body = {"industry_sector": "coffee.brewing", "keyword": "moka pot", "country": "us", field: True}
    assert list(developer.post("auth/seed-keywords", body).body["error"]["fields"]) == [field]


@pytest.mark.parametrize(
    "query", ["industry=none", "industry_sector=coffee.none", "intent=none", "volume_min=x", "nonsense=1", "ordering=name", "is_active=2"]
)
def test_filters_are_checked(world: World, query: str) -> None:
    assert world.api(world.a).get(f"auth/seed-keywords?{query}").status == (404 if query.startswith("industry") else 400)


def test_filters_combine(world: World) -> None:
    found = world.api(world.a).get("auth/seed-keywords?industry_sector=coffee.coffee-grinders&intent=commercial&volume_min=5000").body
    assert sorted(s["keyword"] for s in found["results"]) == [
        "best coffee grinder",
        "coffee grinder for espresso",
        "hand coffee grinder",
        "single dose grinder",
    ]


FILE = """keyword,industry,sector,volume,difficulty,country,is_active
siphon brewer review,Coffee,Brewing,"1,300",22,us,true
turkish coffee pot,Coffee,Brewing,,-,us,
Siphon Brewer Review,Coffee,Brewing,5,5,us,true
wrong industry,coffee,Brewing,5,5,us,true
wrong sector,Coffee,Brewing ,5,5,us,true
wrong sector,Coffee,Roasting,5,5,us,true
too hard,Coffee,Brewing,5,101,us,true
no number,Coffee,Brewing,many,5,us,true
,Coffee,Brewing,5,5,us,true
wrong country,Coffee,Brewing,5,5,usa,true
"""


class TestImport:
    def test_every_row_is_reported(self, developer: Api) -> None:
        dry = developer.ask("POST", "auth/seed-keywords/import_csv?dry_run=true", FILE.encode(), content_type="text/csv")
        assert (dry.status, dry.data["created"]) == (200, 3)
        first = developer.ask("POST", "auth/seed-keywords/import_csv", FILE.encode(), content_type="text/csv").data
        assert [first[k] for k in ("created", "updated", "unchanged", "rejected")] == [3, 0, 0, 7]
        outcomes = [(r["row"], r["outcome"]) for r in first["rows"]]
        assert outcomes == [
            (2, "created"),
            (3, "created"),
            (4, "rejected"),
            (5, "rejected"),
            (6, "created"),
            *((n, "rejected") for n in range(7, 12)),
        ]
        assert all(r["reason"] for r in first["rows"] if r["outcome"] == "rejected")
        pot = developer.get("auth/seed-keywords?search=turkish").body["results"][0]
        assert (pot["volume"], pot["difficulty"], pot["is_active"]) == (None, None, True)
        changed = FILE.replace('"1,300"', "1400")
        second = developer.ask("POST", "auth/seed-keywords/import_csv", changed.encode(), content_type="text/csv").data
        assert [second[k] for k in ("created", "updated", "unchanged", "rejected")] == [0, 1, 2, 7]

    def test_an_unreadable_file_stores_nothing(self, developer: Api) -> None:
        reply = developer.ask("POST", "auth/seed-keywords/import_csv", b"term;volume\nx;1\n", content_type="text/csv")
        assert (reply.status, reply.code) == (400, "unreadable_file")

    def test_only_operators_import(self, world: World) -> None:
        reply = world.api(world.a).ask("POST", "auth/seed-keywords/import_csv", FILE.encode(), content_type="text/csv")
        assert reply.status == 403
