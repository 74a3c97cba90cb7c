"""Who calls, and where: the seeded logins, and a site of this run's own that is deleted at its end.

`BASE_URL` names a server to test (started with THROTTLE=off and seeded; `DEMO_PASSWORD` if it is not the default; where its mails land:
`LOCAL_DATA`, a folder, or `MAILS_URL`, an address that lists them). Without it one is started on a free port with empty data.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.e2e.blackbox.client import Api, Surface
from tests.e2e.blackbox.making import made, name
from tests.e2e.blackbox.target import PASSWORD, Target
from tests.e2e.served import Served


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    if url := os.environ.get("BASE_URL"):
        data = os.environ.get("LOCAL_DATA")
        mails = Path(data) / "outbox" if data else os.environ.get("MAILS_URL")
        yield Target(url.rstrip("/").removesuffix("/api/v1"), mails)
        return
    folder = tmp_path_factory.mktemp("served")
    server = Served(folder).start()
    try:
        yield Target(server.url, folder / "outbox")
    finally:
        if server.process.poll() is None:
            server.stop()


@pytest.fixture(scope="session")
def public(target: Target) -> Api:
    document = requests.get(f"{target.url}/api/v1/openapi.json", timeout=30)
    assert document.status_code == 200
    return Api(target.url, Surface(document.json()))


@pytest.fixture(scope="session")
def owner(public: Api) -> Api:
    return public.sign_in("owner@demo.test", PASSWORD)


@pytest.fixture(scope="session")
def editor(public: Api) -> Api:
    return public.sign_in("editor@demo.test", PASSWORD)


@pytest.fixture(scope="session")
def viewer(public: Api) -> Api:
    return public.sign_in("viewer@demo.test", PASSWORD)


@pytest.fixture(scope="session")
def other(public: Api) -> Api:
    """The owner of another account."""
    return public.sign_in("owner@other.test", PASSWORD)


@pytest.fixture(scope="session")
def developer(public: Api) -> Api:
    return public.sign_in("developer@igny8.test", PASSWORD)


@pytest.fixture(scope="session")
def site(owner: Api, editor: Api, viewer: Api) -> Iterator[str]:
    """A site of an industry, published as static pages; editor and viewer are granted it."""
    made_site = made(owner, "auth/sites/", name=name("Site"), slug=name("site"), industry="coffee")
    for caller in (editor, viewer):
        made(owner, "auth/site-access/", site_id=made_site["id"], user=caller.get("auth/me/").data["id"])
    made(owner, "integration/connections/", site_id=made_site["id"], name="Pages", target="static")
    yield made_site["id"]
    owner.delete(f"auth/sites/{made_site['id']}/")


@pytest.fixture
def where(owner: Api, site: str) -> Iterator[dict[str, Any]]:
    """site_id and sector_id of a sector that no other test uses."""
    sector = made(
        owner, "auth/sectors/", site_id=site, name=name("Sector"), slug=name("sector"), industry_sector="coffee.espresso-machines"
    )
    yield {"site_id": site, "sector_id": sector["id"]}
    owner.delete(f"auth/sectors/{sector['id']}/")
