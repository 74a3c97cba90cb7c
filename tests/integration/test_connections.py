"""Connections keep their secrets: never answered, never sent to another address than the one they were given for."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core.context import Context
from chalicelib.core.errors import ValidationFailed
from chalicelib.integration.connections import Connections

Make = Callable[..., Context]
SECRET = "abcd efgh ijkl mnop"


def _made(ctx: Context, place: Any, **more: Any) -> Any:
    fields = {
        "site_id": place.site_id,
        "name": "Blog",
        "target": "wordpress",
        "url": "https://blog.example.com",
        "username": "editor",
        "app_password": SECRET,
    }
    return Connections(ctx).create({**fields, **more})


def test_a_secret_is_sealed_and_never_answered(ctx: Make, place: Any) -> None:
    here = ctx()
    made = _made(here, place)
    shown = Connections(here).present([made])[0]
    assert shown["has_app_password"] is True
    assert SECRET not in str(shown) and "sealed" not in str(shown)
    stored = here.deps.table.get(Connections(here).repository.key(made.id))
    assert SECRET not in str(stored)


@pytest.mark.parametrize("change", [{"url": "https://evil.example.com"}, {"username": "admin"}])
def test_another_address_or_user_needs_the_secret_anew(ctx: Make, place: Any, change: dict[str, str]) -> None:
    here = ctx()
    made = _made(here, place)
    with pytest.raises(ValidationFailed, match="app_password"):
        Connections(here).patch(made.id, change)
    assert Connections(here).get(made.id) == made
    moved = Connections(here).patch(made.id, {**change, "app_password": "new one"})
    assert moved.app_password_sealed != made.app_password_sealed


def test_a_secret_can_be_rotated_alone(ctx: Make, place: Any) -> None:
    here = ctx()
    made = _made(here, place)
    assert Connections(here).patch(made.id, {"app_password": "another"}).app_password_sealed != made.app_password_sealed


def test_a_change_leaves_no_incomplete_connection(ctx: Make, place: Any) -> None:
    here = ctx()
    made = _made(here, place)
    with pytest.raises(ValidationFailed, match="username"):
        Connections(here).patch(made.id, {"username": "", "app_password": SECRET})


@pytest.mark.parametrize(
    "url", ["https://[bad", "ftp://x.example", "https://", 'https://x/"><script>', "https://x:99999", "javascript:alert(1)", "https://a b"]
)
def test_an_address_that_is_none_is_refused(ctx: Make, place: Any, url: str) -> None:
    with pytest.raises(ValidationFailed, match="url"):
        _made(ctx(), place, url=url)
