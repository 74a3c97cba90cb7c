"""The writer's routes, called by the owner of a fresh account with one site and one sector; AI work runs with the offline models."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from chalicelib.adapters.offline_image import OfflineImageModel
from chalicelib.adapters.offline_text import OfflineTextModel
from chalicelib.ai import routes as ai
from chalicelib.integration import routes as integration
from chalicelib.integration.connections import Connections
from chalicelib.planner import routes as planner
from chalicelib.system import routes as system
from chalicelib.writer import routes as writer
from tests.conftest import ContextFactory, Place
from tests.fakes import RememberingPublisher
from tests.rest import Rest, account

HTML = "<h2>Frames</h2><p>A frame carries you.</p><h2>Wheels</h2><p>Wheels turn. They turn well.</p>"


@pytest.fixture
def publisher() -> RememberingPublisher:
    return RememberingPublisher()


@pytest.fixture
def api(ctx: ContextFactory, publisher: RememberingPublisher) -> Rest:
    context = ctx()
    account(context)
    deps = replace(
        context.deps,
        text=lambda choice: OfflineTextModel(),
        image=lambda choice: OfflineImageModel(),
        publisher=lambda tenant, site_name, connection: publisher,
    )
    return Rest([writer.router, *ai.ROUTERS, integration.router, planner.router, system.router], deps, context.scope)


@dataclass(frozen=True)
class Desk:
    """A writer's place: a cluster of a sector, and what can be made there."""

    api: Rest
    place: Place
    cluster: str

    @property
    def where(self) -> dict[str, str]:
        return {"site_id": self.place.site_id, "sector_id": self.place.sector_id}

    def made(self, path: str, **fields: Any) -> dict[str, Any]:
        reply = self.api.post(f"writer/{path}", fields)
        assert reply.status == 201, reply.body
        data: dict[str, Any] = reply.data
        return data

    def content(self, title: str = "Road bikes", html: str = HTML, **fields: Any) -> dict[str, Any]:
        shape = {"title": title, "html": html, "cluster": self.cluster, "content_type": "post", "content_structure": "guide"}
        return self.made("content", **{**self.where, **shape, **fields})

    def task(self, title: str = "Road bikes", **fields: Any) -> dict[str, Any]:
        shape = {"title": title, "cluster": self.cluster, "content_type": "post", "content_structure": "guide", "word_count": 400}
        return self.made("tasks", **{**self.where, **shape, "keywords": "road bikes, best road bikes", **fields})

    def written(self) -> dict[str, Any]:
        """A content that was written by AI from a task."""
        task = self.task()
        done = self.api.finished(self.api.post("writer/tasks/auto_generate_content", {"ids": [task["id"]]}))
        assert done["state"] == "succeeded", done
        data: dict[str, Any] = self.api.get(f"writer/content/{done['result']['succeeded'][0]['result']['content']}").data
        return data

    def connected(self) -> "Desk":
        Connections(self.api.ctx).create({"site_id": self.place.site_id, "name": "Static", "target": "static"})
        return self


@pytest.fixture
def desk(api: Rest, place: Place) -> Desk:
    reply = api.post("planner/clusters", {"site_id": place.site_id, "sector_id": place.sector_id, "name": "Bicycles"})
    return Desk(api, place, reply.data["id"])
