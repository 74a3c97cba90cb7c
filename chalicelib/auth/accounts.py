"""Accounts: the tenants. An account's id is the tenant id that begins each of its partition keys."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from chalicelib.core.context import Context, Deps
from chalicelib.core.entity import Entity, Placement, Record
from chalicelib.core.errors import Forbidden, NotFound
from chalicelib.core.service import Service
from chalicelib.core.table import Query
from chalicelib.system.authors import AUTHOR
from chalicelib.system.strategies import STRATEGY

AccountStatus = Literal["active", "suspended", "trial", "cancelled"]
SHUT_OUT = frozenset({"suspended", "cancelled"})
CLOSED_SAID = {"inactive": "switched off", "deleted": "deleted"}
_ALL = "G#ACCOUNTS"  # list partition of every account, so that schedules find them without a scan


class Account(Record):
    """system: the operator's own account, whose users cross tenants. plan: slug of the plan, which sets limits and prices.
    closed: sites and sectors that are switched off or deleted -> which of the two; kept here because every request reads it.
    keep_prompts: prompts and answers are kept for 30 days, so that an admin can look them up (`system/ai-calls/`)."""

    name: str = Field(min_length=1, max_length=120)
    slug: str = Field(min_length=1, max_length=80)
    owner: str | None = None
    plan: str = "trial"
    status: AccountStatus = "trial"
    system: bool = False
    language: str = Field("en", pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
    market: str = Field("", max_length=60)
    tone: str = Field("", max_length=200)
    default_author: str | None = None
    strategy: str | None = None
    keep_prompts: bool = True
    closed: dict[str, Literal["inactive", "deleted"]] = Field(default_factory=dict)

    def hidden(self, role: str) -> frozenset[str]:
        """What this role does not see: owners and admins see inactive sites, nobody deleted ones (ruling: inventory, Roles)."""
        return frozenset(i for i, why in self.closed.items() if why == "deleted" or role not in ("owner", "admin"))

    def why_shut(self, site_id: str) -> str | None:
        """Why nothing may be begun on the site, if so."""
        if self.status in SHUT_OUT:
            return f"The account is {self.status}."
        closed = self.closed.get(site_id)
        return f"The site is {CLOSED_SAID[closed]}." if closed else None


ACCOUNT: Entity[Account] = Entity(
    name="account",
    plural="accounts",
    model=Account,
    letter="A",
    place=Placement(
        kind="account",
        key=lambda tenant, public_id: (f"{tenant}#A", "META"),
        owner=lambda public_id: "",
        lists=lambda tenant, owner: _ALL,
        make_id=lambda owner, tail: tail,
    ),
    index={"n": "name"},
    patch=frozenset({"name", "language", "market", "tone", "default_author", "strategy", "keep_prompts", "plan", "status"}),
    soft_delete=False,
)
OPERATORS_ONLY = ("plan", "status")  # nobody gives the own account a better plan or lifts its suspension


class Accounts(Service[Account]):
    entity = ACCOUNT
    related = {"default_author": AUTHOR, "strategy": STRATEGY}  # noqa: RUF012

    def own(self) -> Account:
        """The account of the scope. Raises: NotFound."""
        return self.get(self.ctx.tenant)

    def changes(self, present: Account, changes: dict[str, Any]) -> dict[str, Any]:
        if not self.ctx.scope.allows("developer"):
            for name in OPERATORS_ONLY:
                if name in changes and changes[name] != getattr(present, name):
                    raise Forbidden(f"Only the operator changes an account's {name}.")
        self.check_related(present.model_copy(update=changes), names=[n for n in self.related if isinstance(changes.get(n), str)])
        return changes


def account_summary(account: Account, credits: int) -> dict[str, Any]:
    """The account as a login shows it."""
    return {"id": account.id, "name": account.name, "credits": credits, "status": account.status, "plan": account.plan}


def own_account(ctx: Context) -> Account:
    """Raises: NotFound."""
    if (account := find_account(ctx)) is None:
        raise NotFound()
    return account


def find_account(ctx: Context) -> Account | None:
    """The scope's account, looked up once for each piece of work."""
    return ctx.remembered("account", lambda: ctx.repository(ACCOUNT).find(ctx.tenant))


def why_shut(ctx: Context, site_id: str) -> str | None:
    """Why nothing may be begun on a site in the account's name, if so: the account is shut out, or the site is switched off or deleted."""
    account = find_account(ctx)
    return account.why_shut(site_id) if account else None


def all_accounts(deps: Deps) -> Iterator[Account]:
    """Every account, oldest first, page by page (from an index, so the newest may be missing for moments). For schedules."""
    query = Query(_ALL, index="byC", hash_name="lp", limit=500)
    while True:
        page = deps.table.query(query)
        yield from (ACCOUNT.from_item(item) for item in page.items)
        if page.position is None:
            return
        query = replace(query, start=page.position)
