"""HTTP of publishing targets."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.auth.sites import get_site
from chalicelib.core.answers import answer_model
from chalicelib.core.bulk import Body
from chalicelib.core.errors import Conflict, Duplicate, NotAuthenticated, NotFound, PlanLimit, TooLarge, ValidationFailed
from chalicelib.core.idempotency import HEADER
from chalicelib.core.resource import resource_routes, version_wanted
from chalicelib.core.routing import BASE, Answer, Call, Router
from chalicelib.core.service import reject_unknown
from chalicelib.integration import drip, publish_routes, remote_jobs, reports
from chalicelib.integration.connections import CONNECTION, SECRET_FIELDS, Connections, Target, new_signing_secret, publisher_of
from chalicelib.integration.slots import SLOTS, Slots

router = Router("integration", tag="Integration", throttle="default")


_HAS_SECRETS: dict[str, Any] = {**{f"has_{name}": bool for name in SECRET_FIELDS}, "reports_back": bool}
_SEALED = [f"{name}_sealed" for name in (*SECRET_FIELDS, "report_secret")]
ConnectionAnswer = answer_model(CONNECTION.model, hidden=_SEALED, **_HAS_SECRETS)
# signing_secret: the one made here for a webhook created without api_key, in this answer only; else null.
CreatedConnection = answer_model(CONNECTION.model, hidden=_SEALED, called="CreatedConnection", signing_secret=str | None, **_HAS_SECRETS)


class TaskAccepted(BaseModel):
    task_id: str
    accepted: int


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
    found = publisher_of(call.ctx, connection, get_site(call.ctx, connection.site_id).name, waited_for=True).check()
    return {"ok": found.ok, "message": found.message, "details": found.details}


class Reports(BaseModel):
    """reports_back: whether the site reports from now on; message: for a person."""

    reports_back: bool
    message: str


@router.post(
    "connections/{id}/reports", role="admin", summary="Have the site report what is changed there", answer=Reports, errors=(Conflict,)
)
def reports_on(call: Call) -> Any:
    """Tells our companion plugin where to report, with a new secret that both keep. Needs its key, or an administrator's password."""
    base, _, _ = call.url.partition(f"{BASE}/")
    connections = Connections(call.ctx)
    _, on = reports.switch_on(call.ctx, connections.get(call.id), f"{base}{BASE}/")
    said = (
        "The site reports what people change there."
        if on
        else "The IGNY8 Bridge plugin is not active there, or this login may not set it up."
    )
    return {"reports_back": on, "message": said}


@router.post(
    "connections/{id}/sync",
    role="editor",
    summary="Pull terms and statuses from a target",
    answer=TaskAccepted,
    status=202,
    errors=(Conflict,),
)
def sync(call: Call) -> Any:
    """Terms become taxonomy terms here; contents whose posts were published, edited, taken offline, trashed or deleted there say so."""
    return remote_jobs.start_sync(call.ctx, Connections(call.ctx).get(call.id))


class ImportBody(Body):
    """sector_id: where the contents go; the site's default sector when left out."""

    sector_id: str | None = None


@router.post(
    "connections/{id}/import",
    role="editor",
    summary="Take over the posts a site has",
    body=ImportBody,
    answer=TaskAccepted,
    status=202,
    errors=(Conflict, NotFound),
)
def import_posts(call: Call) -> Any:
    """Published posts and pages become contents with `source: wordpress`; done again, what was edited there is brought up to date."""
    return remote_jobs.start_import(call.ctx, Connections(call.ctx).get(call.id), call.body.sector_id)


class ReportQuery(BaseModel):
    """connection: as in the address that the plugin was given."""

    model_config = ConfigDict(extra="forbid")

    connection: str = Field("", max_length=200)


class ReportTaken(BaseModel):
    """applied: whether it told anything new."""

    event: str
    applied: bool


@router.post(
    reports.PATH.removeprefix("integration/"),
    role=None,
    summary="A report of the companion plugin",
    query=ReportQuery,
    body_schema=reports.Report,
    answer=ReportTaken,
    errors=(NotAuthenticated, Conflict, TooLarge),
)
def report(call: Call) -> Any:
    """Signed with HMAC-SHA256 over `<X-IGNY8-Timestamp>.<body>` in `X-IGNY8-Signature: sha256=<hex>`, at most five minutes old; the same
    report again is 409."""
    return reports.receive(call.deps, call.query.connection, call.headers, call.raw)


class SiteQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    site_id: str


class ToCome(BaseModel):
    content: str
    publish_at: str


# scheduled: what is to come, the next first, at most 100
SlotsAnswer = answer_model(SLOTS.model, called="PublishSlotsAnswer", scheduled=list[ToCome])


@router.get("publish_slots", summary="When a site's articles go online", query=SiteQuery, answer=SlotsAnswer, errors=(NotFound,))
def publish_slots(call: Call) -> Any:
    site_id = call.query.site_id
    return {**Slots(call.ctx).of_site(site_id).model_dump(), "scheduled": drip.scheduled(call.ctx, site_id)}


@router.put(
    "publish_slots",
    role="admin",
    summary="Set when a site's articles go online",
    query=SiteQuery,
    body_schema=SLOTS.patch_shape(),
    answer=SlotsAnswer,
)
def set_publish_slots(call: Call) -> Any:
    """What is left out stays as it is; what has its place already keeps it. With slots in use, automation puts what it publishes there."""
    site_id, body = call.query.site_id, reject_unknown(SLOTS, call.body, SLOTS.patch)
    saved = Slots(call.ctx).put(site_id, body, if_match=version_wanted(call))
    return {**saved.model_dump(), "scheduled": drip.scheduled(call.ctx, site_id)}


router.routes += publish_routes.router.routes
