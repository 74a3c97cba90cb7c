"""The system's routes, called by the owner of a fresh account."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.ai import routes as ai
from chalicelib.core.context import ProviderChoice
from chalicelib.planner import routes as planner
from chalicelib.system import routes as system
from chalicelib.writer import routes as writer
from tests.conftest import ContextFactory
from tests.fakes import ScriptedImages, ScriptedText
from tests.rest import Rest, account


class Models:
    """Text and image models whose answers the test writes, and the choices they were made for."""

    def __init__(self) -> None:
        self.text, self.images = ScriptedText(), ScriptedImages()
        self.choices: list[tuple[str, ProviderChoice]] = []

    def made(self, kind: str, model: Any) -> Any:
        def make(choice: ProviderChoice) -> Any:
            self.choices.append((kind, choice))
            return model

        return make


@pytest.fixture
def models() -> Models:
    return Models()


@pytest.fixture
def api(ctx: ContextFactory, models: Models) -> Rest:
    context = ctx()
    account(context)
    deps = replace(context.deps, text=models.made("text", models.text), image=models.made("image", models.images))
    return Rest([system.router, *ai.ROUTERS, planner.router, writer.router], deps, context.scope)
