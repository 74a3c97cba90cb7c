"""A client of the tiny application in `shelf`, as people of different rights."""

import pytest

from chalicelib.core.context import Deps
from chalicelib.core.scope import Scope
from tests.conftest import Place
from tests.core.shelf import Client


@pytest.fixture
def client(deps: Deps, tenant: str, place: Place) -> Client:
    scopes = {
        "owner": Scope(tenant, "u1", "owner"),
        "viewer": Scope(tenant, "u2", "viewer"),
        "editor": Scope(tenant, "u3", "editor", frozenset({place.site_id})),
        "outsider": Scope(tenant, "u4", "editor", frozenset()),
        "stranger": Scope("other000", "u5", "owner"),
    }
    return Client(deps, scopes)
