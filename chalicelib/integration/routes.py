"""HTTP of publishing targets."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from chalicelib.auth.sites import get_site
from chalicelib.core.resource import resource_routes
from chalicelib.core.routing import Call, Router
from chalicelib.integration import publish_routes
from chalicelib.integration.connections import CONNECTION, SECRET_FIELDS, Connections, Target, publisher_of

router = Router("integration", tag="Integration", throttle="default")


class ConnectionBody(BaseModel):
    """app_password and api_key are write-only."""

    model_config = ConfigDict(extra="forbid")

    site_id: str
    name: str
    target: Target
    url: str = ""
    base_url: str = ""
    username: str = ""
    app_password: str = ""
    api_key: str = ""
    default_status: str = "publish"
    is_active: bool = True


resource_routes(
    router, "connections", Connections, CONNECTION, read="admin", write="admin", create_body=ConnectionBody, write_only=SECRET_FIELDS
)


@router.post("connections/{id}/test_connection", role="admin", summary="Test a connection without changing anything", answer=dict[str, Any])
def test_connection(call: Call) -> Any:
    connections = Connections(call.ctx)
    connection = connections.get(call.id)
    found = publisher_of(call.ctx, connection, get_site(call.ctx, connection.site_id).name).check()
    return {"ok": found.ok, "message": found.message, "details": found.details}


router.routes += publish_routes.router.routes
