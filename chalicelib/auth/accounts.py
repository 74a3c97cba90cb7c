"""Accounts: the tenants. An account's id is the tenant id that begins each of its partition keys."""

from typing import Any, Literal

from pydantic import Field

from chalicelib.core.context import Context
from chalicelib.core.entity import Entity, Placement, Record
from chalicelib.core.service import Service

AccountStatus = Literal["active", "suspended", "trial", "cancelled"]
SHUT_OUT = frozenset({"suspended", "cancelled"})


class Account(Record):
    """system: the operator's own account, whose users cross tenants. price_overrides and limits come with the plan."""

    name: str = Field(min_length=1, max_length=120)
    slug: str = Field(min_length=1, max_length=80)
    owner: str | None = None
    plan: str = "trial"
    status: AccountStatus = "trial"
    system: bool = False
    language: str = "en"
    market: str = ""
    tone: str = ""


ACCOUNT: Entity[Account] = Entity(
    name="account",
    plural="accounts",
    model=Account,
    letter="A",
    place=Placement(
        kind="account",
        key=lambda tenant, public_id: (f"{tenant}#A", "META"),
        owner=lambda public_id: "",
        lists=lambda tenant, owner: f"{tenant}#A#META",
        make_id=lambda owner, tail: tail,
    ),
    index={"n": "name"},
    patch=frozenset({"name", "language", "market", "tone"}),
    soft_delete=False,
)


class Accounts(Service[Account]):
    entity = ACCOUNT

    def own(self) -> Account:
        """The account of the scope. Raises: NotFound."""
        return self.get(self.ctx.tenant)


def account_summary(account: Account, credits: int) -> dict[str, Any]:
    """The account as a login shows it."""
    return {"id": account.id, "name": account.name, "credits": credits, "status": account.status, "plan": account.plan}


def own_account(ctx: Context) -> Account:
    return Accounts(ctx).own()
