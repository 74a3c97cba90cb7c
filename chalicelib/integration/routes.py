"""HTTP of publishing targets."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from chalicelib.auth.sites import get_site
from chalicelib.core.answers import answer_model
from chalicelib.core.errors import Duplicate, PlanLimit, ValidationFailed
from chalicelib.core.idempotency import HEADER
from chalicelib.core.resource import resource_routes
from chalicelib.core.routing import Answer, Call, Router
from chalicelib.core.service import reject_unknown
from chalicelib.integration import publish_routes
from chalicelib.integration.connections import CONNECTION, SECRET_FIELDS, Connections, Target, new_signing_secret, publisher_of

router = Router("integration", tag="Integration", throttle="default")


_HAS_SECRETS: dict[str, Any] = {f"has_{name}": bool for name in SECRET_FIELDS}
_SEALED = [f"{name}_sealed" for name in SECRET_FIELDS]
ConnectionAnswer = answer_model(CONNECTION.model, hidden=_SEALED, **_HAS_SECRETS)
# signing_secret: the one made here for a webhook created without api_key, in this answer only; else null.
CreatedConnection = answer_model(CONNECTION.model, hidden=_SEALED, called="CreatedConnection", signing_secret=str | None, **_HAS_SECRETS)


class ConnectionTest(BaseModel):
    """ok: the target would take a content; details: what was found there."""

    ok: bool
    message: str
    details: dict[str, Any]


class ConnectionBody(BaseModel):
    """app_password and api_key are write-only. A webhook needs url; api_key is the secret that signs its deliveries (docs/webhook.md):
    16 characters or more, or left out to have one made, which the answer then holds as `signing_secret`, once."""

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
    router,
    "connections",
    Connections,
    CONNECTION,
    read="admin",
    write="admin",
    write_only=SECRET_FIELDS,
    answer=ConnectionAnswer,
    verbs="list get put patch delete",
)


@router.post(
    "connections",
    role="admin",
    summary="Create a connection",
    body_schema=ConnectionBody,
    answer=CreatedConnection,
    status=201,
    errors=(Duplicate, PlanLimit),
)
def create_connection(call: Call) -> Answer:
    body, made = reject_unknown(CONNECTION, call.body, ConnectionBody.model_fields), None
    if body.get("target") == "webhook" and not body.get("api_key"):
        if HEADER in call.headers:  # the answer would be kept for a day, with the secret in it
            raise ValidationFailed.field(
                "api_key", "is required with an Idempotency-Key: a secret made here is answered once and kept nowhere."
            )
        made = new_signing_secret()
        body = {**body, "api_key": made}
    connections = Connections(call.ctx)
    record = connections.create(body)
    answer = {**connections.present([record])[0], "signing_secret": made}
    return Answer(answer, status=201, headers={"ETag": f'"{record.version}"'})


@router.post("connections/{id}/test_connection", role="admin", summary="Test a connection without changing anything", answer=ConnectionTest)
def test_connection(call: Call) -> Any:
    connections = Connections(call.ctx)
    connection = connections.get(call.id)
    found = publisher_of(call.ctx, connection, get_site(call.ctx, connection.site_id).name).check()
    return {"ok": found.ok, "message": found.message, "details": found.details}


router.routes += publish_routes.router.routes
