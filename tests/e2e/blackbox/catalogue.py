"""Plans, industries, their sectors and seed keywords: read by all, written by developers."""

from typing import Any

from tests.e2e.blackbox.client import Api
from tests.e2e.blackbox.making import crud, made, name


def test_plans(developer: Api, viewer: Api) -> None:
    crud(developer, "auth/plans/", {"name": name("Plan"), "slug": name("plan"), "max_sites": 3}, {"max_sites": 4})
    assert {"trial", "agency"} <= {plan["slug"] for plan in viewer.every("auth/plans/")}
    viewer.post("auth/plans/", {"name": "x", "slug": "x"}, status=403)


def test_industries_sectors_and_seeds(developer: Api, owner: Api) -> None:
    industry = made(developer, "auth/industries/", name=name("Tea"), slug=name("tea"))["id"]
    sector = made(developer, "auth/industry-sectors/", industry=industry, name=name("Green"), slug=name("green"))["id"]
    assert [row["id"] for row in owner.every("auth/industry-sectors/", industry=industry)] == [sector]
    body = {"industry_sector": sector, "keyword": name("green tea"), "volume": 10}
    crud(developer, "auth/seed-keywords/", body, {"volume": 20}, put={"volume": 20, "difficulty": 5})
    crud(developer, "auth/industry-sectors/", {"industry": industry, "name": name("Black"), "slug": name("black")}, {"description": "Dark"})
    crud(developer, "auth/industries/", {"name": name("Cocoa"), "slug": name("cocoa")}, {"description": "Sweet"})
    owner.post("auth/seed-keywords/", body, status=403)
    developer.delete(f"auth/industry-sectors/{sector}/")
    developer.delete(f"auth/industries/{industry}/")


def test_seeds_are_imported_from_a_file(developer: Api, owner: Api) -> None:
    industry = made(developer, "auth/industries/", name=name("Juice"), slug=name("juice"))
    sector = made(developer, "auth/industry-sectors/", industry=industry["id"], name="Apple", slug="apple")
    text = f"industry,sector,keyword,volume\n{industry['name']},{sector['name']},apple juice,90\n"
    sent: dict[str, Any] = {"files": {"file": ("seeds.csv", text, "text/csv")}}
    assert developer.post("auth/seed-keywords/import_csv/", params={"dry_run": "true"}, **sent).data["created"] == 1
    assert developer.post("auth/seed-keywords/import_csv/", **sent).data["created"] == 1
    assert developer.post("auth/seed-keywords/import_csv/", **sent).data["created"] == 0
    seed = owner.every("auth/seed-keywords/", industry_sector=sector["id"])[0]
    assert (seed["keyword"], seed["volume"]) == ("apple juice", 90)
    owner.post("auth/seed-keywords/import_csv/", status=403, **sent)
    developer.delete(f"auth/seed-keywords/{seed['id']}/")
