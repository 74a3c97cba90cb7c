"""HTTP of identity and tenancy: sign-in, the caller, sites and sectors."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.auth.accounts import Accounts, account_summary
from chalicelib.auth.identity import login
from chalicelib.auth.sites import SECTOR, SITE, Sectors, Sites
from chalicelib.auth.users import USER
from chalicelib.billing.credits import Ledger
from chalicelib.core.context import Context
from chalicelib.core.errors import NotAuthenticated, Throttled
from chalicelib.core.resource import resource_routes
from chalicelib.core.routing import Call, Router

router = Router("auth", tag="Identity", throttle="auth")


class LoginBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: str = Field(min_length=3, max_length=254)
    password: str = Field(min_length=1, max_length=256)


class LoginAnswer(BaseModel):
    access: str
    refresh: str
    expires_in: int
    user: dict[str, Any]


def _credits(ctx: Context) -> int:
    return Ledger(ctx.deps.table, ctx.tenant, ctx.deps.clock).balance().available


@router.post("login", role=None, summary="Sign in", body=LoginBody, answer=LoginAnswer, errors=(NotAuthenticated, Throttled))
def sign_in(call: Call) -> Any:
    return login(call.deps, call.body.email, call.body.password, _credits)


@router.get("me", summary="The signed-in user", answer=dict[str, Any])
def me(call: Call) -> Any:
    ctx = call.ctx
    user = ctx.repository(USER).find(ctx.scope.user_id)
    account = account_summary(Accounts(ctx).own(), _credits(ctx))
    shown = (
        user.model_dump(include={"id", "email", "name", "role", "active_site"})
        if user
        else {"id": ctx.scope.user_id, "email": ctx.scope.email, "role": ctx.scope.role}
    )
    return {**shown, "account": account}


resource_routes(router, "sites", Sites, SITE, write="admin")
resource_routes(router, "sectors", Sectors, SECTOR, write="admin")
