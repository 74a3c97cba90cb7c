"""The planner's routes, called by the owner of a fresh account with one site and one sector; AI work runs with the offline writer."""

from dataclasses import replace

import pytest

from chalicelib.adapters.offline_embedder import TfidfEmbedder
from chalicelib.adapters.offline_text import OfflineTextModel
from chalicelib.ai import routes as ai
from chalicelib.planner import routes
from chalicelib.system import routes as system
from tests.conftest import ContextFactory
from tests.rest import Rest, account


@pytest.fixture
def api(ctx: ContextFactory) -> Rest:
    context = ctx()
    account(context)
    deps = replace(context.deps, text=lambda choice: OfflineTextModel(), embedder=lambda choice: TfidfEmbedder())
    return Rest([routes.router, *ai.ROUTERS, system.router], deps, context.scope)
