"""Sites and sectors."""

from tests.e2e.blackbox.client import Api
from tests.e2e.blackbox.making import crud, made, name

ALL = "put patch delete restore"


def test_sites_are_made_changed_deleted_and_restored(owner: Api) -> None:
    body = {"name": name("Site"), "slug": name("site"), "industry": "coffee"}
    one = crud(owner, "auth/sites/", body, {"name": name("Renamed")}, verbs=ALL)
    owner.delete(f"auth/sites/{one}/")


def test_sectors_are_made_changed_deleted_and_restored(owner: Api, site: str) -> None:
    body = {"site_id": site, "name": name("Sector"), "slug": name("sector"), "industry_sector": "coffee.brewing"}
    one = crud(owner, "auth/sectors/", body, {"name": name("Renamed")}, verbs=ALL)
    owner.delete(f"auth/sectors/{one}/")


def test_a_site_has_five_active_sectors_at_most(owner: Api) -> None:
    one = made(owner, "auth/sites/", name=name("Site"), slug=name("site"))["id"]
    for number in range(5):
        made(owner, "auth/sectors/", site_id=one, name=f"Sector {number}", slug=f"sector-{number}")
    owner.post("auth/sectors/", {"site_id": one, "name": "Sixth", "slug": "sixth"}, status=409)
    assert len(owner.every("auth/sectors/", site_id=one)) == 5
    owner.delete(f"auth/sites/{one}/")
