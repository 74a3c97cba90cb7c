"""Making accounts and users: the table's items and the user pool's entry, in an order that a second try can finish."""

from chalicelib.auth.accounts import ACCOUNT, Account
from chalicelib.auth.users import USER, User, email_key, username
from chalicelib.billing.credits import Ledger
from chalicelib.core.context import Context, Deps
from chalicelib.core.errors import Duplicate
from chalicelib.core.ids import new_tenant_id, new_user_id
from chalicelib.core.scope import Scope
from chalicelib.core.table import Write, put_new


def create_account(
    deps: Deps,
    *,
    name: str,
    slug: str,
    email: str,
    password: str,
    role: str = "owner",
    status: str = "trial",
    plan: str = "trial",
    credits: int = 0,
    system: bool = False,
) -> tuple[Account, User]:
    """An account with its first user and an open ledger.

    Raises: Duplicate (the e-mail address or slug is taken), ValidationFailed (the password is too weak).
    """
    tenant = new_tenant_id()
    ctx = Context(Scope.worker(tenant), deps)
    accounts, ledger = ctx.repository(ACCOUNT), Ledger(deps.table, tenant, deps.clock)
    user = _user(ctx, email, role, "")
    account = accounts.new("", tenant, name=name, slug=slug, owner=user.id, status=status, plan=plan, system=system)
    taken = Duplicate("An account of this name exists already.", fields={"slug": ["is taken."]})
    slug_taken = put_new((f"G#SLUG#{slug}", "META"), {"tenant": tenant}, on_fail=lambda old: taken)
    ctx.transact(*accounts.creating(account), slug_taken, *_user_writes(ctx, user), ledger.opening())
    deps.user_pool.create(username(tenant, user.id), email, password)
    if credits:
        ledger.grant("welcome", credits, kind="subscription", description="Credits to begin with")
    return account, user


def create_user(ctx: Context, *, email: str, password: str, role: str, name: str = "", sites: list[str] | None = None) -> User:
    """A further user of the account. Raises: Duplicate, ValidationFailed."""
    user = _user(ctx, email, role, name, sites)
    ctx.transact(*_user_writes(ctx, user))
    ctx.deps.user_pool.create(username(ctx.tenant, user.id), email, password)
    return user


def _user(ctx: Context, email: str, role: str, name: str, sites: list[str] | None = None) -> User:
    return ctx.repository(USER).new("", new_user_id(), email=email.strip(), role=role, name=name, sites=sites or [])


def _user_writes(ctx: Context, user: User) -> list[Write]:
    taken = Duplicate("This e-mail address is in use.", fields={"email": ["is in use."]})
    pointer = put_new(email_key(user.email), {"tenant": ctx.tenant, "user": user.id}, on_fail=lambda old: taken)
    return [*ctx.repository(USER).creating(user), pointer]
