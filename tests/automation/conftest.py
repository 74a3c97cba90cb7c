"""One local stack for each module, a new account for each test."""

from collections.abc import Iterator

import pytest

from tests.automation.pipeline import Account, World
from tests.automation.pipeline import world as the_world


@pytest.fixture(scope="module")
def _world() -> Iterator[World]:
    with the_world() as made:
        yield made


@pytest.fixture
def world(_world: World) -> Iterator[World]:
    """The world with an empty script. What a test scripted must have happened."""
    _world.begin()
    yield _world
    _world.end()


@pytest.fixture
def account(world: World) -> Account:
    return world.account()
