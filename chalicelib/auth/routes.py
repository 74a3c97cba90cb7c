"""HTTP of identity and tenancy: sessions, the caller, the account, its people and places, and the shared catalogue."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.auth import sessions
from chalicelib.auth.access import GRANT, SiteGrants
from chalicelib.auth.accounts import ACCOUNT, Account, Accounts, account_summary
from chalicelib.auth.answers import Me, SeedImportReport, SignedIn, UserAnswer
from chalicelib.auth.catalogue import (
    INDUSTRY,
    INDUSTRY_SECTOR,
    SEED,
    Industries,
    IndustrySectors,
    NewIndustry,
    NewIndustrySector,
    SeedKeywords,
)
from chalicelib.auth.catalogue_import import import_seeds
from chalicelib.auth.onboarding import register
from chalicelib.auth.people import Invitation, Users
from chalicelib.auth.sites import SECTOR, SITE, Sectors, Sites
from chalicelib.auth.users import EMAIL, USER
from chalicelib.billing import plans
from chalicelib.billing.credits import ledger_of
from chalicelib.core.answers import answer_model
from chalicelib.core.context import Context
from chalicelib.core.errors import Duplicate, NotAuthenticated, PreconditionFailed, Throttled, TooLarge, UnreadableFile, ValidationFailed
from chalicelib.core.multipart import file_of
from chalicelib.core.resource import resource_routes, version_wanted
from chalicelib.core.routing import Answer, Call, Router
from chalicelib.core.service import reject_unknown

router = Router("auth", tag="Identity", throttle="auth")
AccountAnswer = answer_model(Account)


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RegisterBody(Body):
    """account_name: by default the person's name, else the address before its @."""

    email: str = Field(min_length=3, max_length=254, pattern=EMAIL)
    password: str = Field(min_length=1, max_length=256)
    account_name: str | None = Field(None, min_length=1, max_length=120)
    name: str = Field("", max_length=120)


class LoginBody(Body):
    email: str = Field(min_length=3, max_length=254)
    password: str = Field(min_length=1, max_length=256)


class RefreshBody(Body):
    refresh: str = Field(min_length=1, max_length=8192)


class LogoutBody(Body):
    """refresh: the session's refresh token; it ends with the session even if it is not given."""

    refresh: str | None = Field(None, min_length=1, max_length=8192)


class PasswordBody(Body):
    current_password: str = Field(min_length=1, max_length=256)
    new_password: str = Field(min_length=1, max_length=256)


class ResetBody(Body):
    email: str = Field(min_length=3, max_length=254)


class ConfirmBody(Body):
    email: str = Field(min_length=3, max_length=254)
    code: str = Field(min_length=1, max_length=64)
    new_password: str = Field(min_length=1, max_length=256)


class MeBody(Body):
    """active_site: id of a site the user may see, or null."""

    name: str | None = Field(None, max_length=120)
    active_site: str | None = None


def _credits(ctx: Context) -> int:
    return ledger_of(ctx).balance().available


def _token(call: Call) -> str:
    return call.headers["authorization"].partition(" ")[2].strip()


# -- sessions
@router.post(
    "register", role=None, summary="Open an account", body=RegisterBody, answer=SignedIn, status=201, errors=(Duplicate, Throttled)
)
def sign_up(call: Call) -> Any:
    body: RegisterBody = call.body
    account_name = body.account_name or body.name or body.email.partition("@")[0]
    register(call.deps, email=body.email, password=body.password, account_name=account_name, name=body.name)
    return sessions.login(call.deps, body.email, body.password, _credits)


@router.post("login", role=None, summary="Sign in", body=LoginBody, answer=SignedIn, errors=(NotAuthenticated, Throttled))
def sign_in(call: Call) -> Any:
    return sessions.login(call.deps, call.body.email, call.body.password, _credits)


@router.post("token/refresh", role=None, summary="A fresh access token", body=RefreshBody, answer=SignedIn, errors=(NotAuthenticated,))
def refresh(call: Call) -> Any:
    return sessions.refresh(call.deps, call.body.refresh, _credits)


@router.post("logout", role="viewer", summary="End this session at once", body=LogoutBody, answer=dict[str, bool])
def sign_out(call: Call) -> Any:
    sessions.logout(call.deps, _token(call), call.body.refresh)
    return {"ended": True}


@router.post(
    "password/change", role="viewer", summary="Change the password; other sessions end", body=PasswordBody, answer=SignedIn, secret=True
)
def change_password(call: Call) -> Any:
    return sessions.change_password(call.deps, _token(call), call.body.current_password, call.body.new_password, _credits)


@router.post("password/reset", role=None, summary="Mail a code to set a new password", body=ResetBody, answer=dict[str, bool])
def reset_password(call: Call) -> Any:
    sessions.send_reset(call.deps, call.body.email)
    return Answer({"sent": True}, message="If the address is known, a code is on its way.")


@router.post("password/reset/confirm", role=None, summary="Set a new password by a mailed code", body=ConfirmBody, answer=dict[str, bool])
def confirm_reset(call: Call) -> Any:
    try:
        sessions.confirm_reset(call.deps, call.body.email, call.body.code, call.body.new_password)
    except ValidationFailed as error:
        renamed = {"new_password" if k == "password" else k: v for k, v in (error.fields or {}).items()}
        raise ValidationFailed(error.message, fields=renamed or None) from None
    return {"changed": True}


# -- the caller and the account
def _me(ctx: Context) -> dict[str, Any]:
    user = ctx.repository(USER).find(ctx.scope.user_id)
    account = account_summary(Accounts(ctx).own(), _credits(ctx))
    if user is None:  # a crossing developer is no user of this account
        return {"id": ctx.scope.user_id, "email": ctx.scope.email, "role": ctx.scope.role, "account": account}
    fields = {"id", "email", "name", "role", "active_site", "sites", "created_at", "updated_at", "version"}
    return {**user.model_dump(include=fields), "account": account}


@router.get("me", summary="The signed-in user", answer=Me)
def me(call: Call) -> Any:
    return _me(call.ctx)


@router.patch("me", role="viewer", summary="Change the signed-in user", body=MeBody, answer=Me)
def change_me(call: Call) -> Any:
    ctx, body = call.ctx, call.body
    changes = {k: getattr(body, k) for k in body.model_fields_set if k == "active_site" or getattr(body, k) is not None}
    if changes.get("active_site"):
        ctx.site(changes["active_site"])
    ctx.repository(USER).patch(ctx.scope.user_id, changes, if_match=version_wanted(call))
    return _me(ctx)


@router.get("account", summary="The account", answer=AccountAnswer)
def account(call: Call) -> Any:
    own = Accounts(call.ctx).own()
    return Answer(own.model_dump(), headers={"ETag": f'"{own.version}"'})


@router.patch(
    "account",
    role="admin",
    summary="Change the account",
    body_schema=ACCOUNT.patch_shape(),
    answer=AccountAnswer,
    errors=(PreconditionFailed,),
)
def change_account(call: Call) -> Any:
    changes = reject_unknown(ACCOUNT, call.body, ACCOUNT.patch)
    if "plan" in changes:
        plans.the_plan(call.deps, str(changes["plan"]))
    changed = Accounts(call.ctx).patch(call.ctx.tenant, changes, if_match=version_wanted(call))
    if "plan" in changes and changed.status == "active":
        plans.renew_credits(call.deps, changed)
    return Answer(changed.model_dump(), headers={"ETag": f'"{changed.version}"'})


resource_routes(router, "users", Users, USER, read="admin", write="admin", create_body=Invitation, answer=UserAnswer)
resource_routes(router, "site-access", SiteGrants, GRANT, read="admin", write="admin", verbs="list create get delete")
resource_routes(router, "sites", Sites, SITE, write="admin")
resource_routes(router, "sectors", Sectors, SECTOR, write="admin")

# -- the catalogue: shared, so not even a tenant's admin restores what an operator deleted
_CATALOGUE = "list create get put patch delete"
resource_routes(router, "plans", plans.Plans, plans.PLAN, write="developer", verbs=_CATALOGUE)
resource_routes(router, "industries", Industries, INDUSTRY, write="developer", create_body=NewIndustry, verbs=_CATALOGUE)
resource_routes(
    router, "industry-sectors", IndustrySectors, INDUSTRY_SECTOR, write="developer", create_body=NewIndustrySector, verbs=_CATALOGUE
)


class SeedImportQuery(Body):
    dry_run: bool = False


@router.post(
    "seed-keywords/import_csv",
    role="developer",
    summary="Import seed keywords",
    query=SeedImportQuery,
    accepts=("multipart/form-data", "text/csv", "text/plain", "application/octet-stream"),
    answer=SeedImportReport,
    errors=(UnreadableFile, TooLarge),
)
def import_seed_keywords(call: Call) -> Any:
    """The file as multipart field `file` or as the raw body."""
    upload = file_of(call)
    dry_run = call.query.dry_run or upload.fields.get("dry_run") == "true"
    return import_seeds(call.ctx, upload.data, upload.filename or "seed keywords", dry_run=dry_run)


resource_routes(router, "seed-keywords", SeedKeywords, SEED, write="developer", verbs=_CATALOGUE)
