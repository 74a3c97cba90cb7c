"""Making accounts and users: the user pool's entry first, which alone can do nothing, then all of the table's items in one transaction."""

import secrets

from slugify import slugify

from chalicelib.auth.access import GRANT, grant_id, site_is_there
from chalicelib.auth.accounts import ACCOUNT, Account
from chalicelib.auth.users import USER, User, counting_owners, email_key, username
from chalicelib.billing import plans
from chalicelib.billing.credits import Ledger
from chalicelib.core.context import Context, Deps
from chalicelib.core.errors import Duplicate
from chalicelib.core.ids import new_tenant_id, new_user_id, random_id
from chalicelib.core.scope import Scope
from chalicelib.core.table import Write, put_new

_SLUG_TRIES = 5


class SlugTaken(Duplicate):
    default = "An account of this name exists already."


def register(deps: Deps, *, email: str, password: str, account_name: str, name: str = "") -> tuple[Account, User]:
    """A new customer: account with a slug made from its name, owner, trial plan and the plan's credits. Raises as `create_account`."""
    slug = slugify(account_name, max_length=60) or "account"
    for attempt in range(_SLUG_TRIES):
        try:
            one = slug if not attempt else f"{slug}-{random_id(5)}"
            return create_account(deps, name=account_name, slug=one, email=email, password=password, user_name=name)
        except SlugTaken:
            continue
    raise SlugTaken()


def create_account(
    deps: Deps,
    *,
    name: str,
    slug: str,
    email: str,
    password: str,
    role: str = "owner",
    status: str = "trial",
    plan: str = plans.FIRST_PLAN,
    credits: int = 0,
    system: bool = False,
    user_name: str = "",
) -> tuple[Account, User]:
    """An account with its first user, an open ledger, the plan's credits of this month, and `credits` besides.

    Raises: Duplicate (the e-mail address or slug is taken), ValidationFailed (the password is too weak, or there is no such plan).
    """
    plans.the_plan(deps, plan)
    tenant = new_tenant_id()
    ctx = Context(Scope.worker(tenant), deps)
    accounts, ledger = ctx.repository(ACCOUNT), Ledger(deps.table, tenant, deps.clock)
    user = _user(ctx, email, role, user_name)
    account = accounts.new("", tenant, name=name, slug=slug, owner=user.id, status=status, plan=plan, system=system)
    taken = SlugTaken(fields={"slug": ["is taken."]})
    slug_taken = put_new((f"G#SLUG#{slug}", "META"), {"tenant": tenant}, on_fail=lambda old: taken)
    _store(ctx, user, password, [*accounts.creating(account), slug_taken, ledger.opening(), *plans.use(ctx, users=1)])
    plans.renew_credits(deps, account)
    if credits:
        ledger.grant("welcome", credits, kind="purchase", description="Credits to begin with")
    return account, user


def create_user(ctx: Context, *, email: str, password: str | None, role: str, name: str = "", sites: list[str] | None = None) -> User:
    """A further user of the account, who sees these sites. Without a password a code to set one is mailed.

    Raises: Duplicate, ValidationFailed, PlanLimit, NotFound (a site).
    """
    user = _user(ctx, email, role, name, sites)
    writes, grants = plans.use(ctx, users=1), ctx.repository(GRANT)
    for site_id in user.sites:
        ctx.site(site_id)
        writes += [*grants.creating(grants.new("", grant_id(user.id, site_id), user=user.id, site_id=site_id)), site_is_there(ctx, site_id)]
    _store(ctx, user, password or _unknown_password(), writes)
    if password is None:
        ctx.deps.user_pool.send_code(username(ctx.tenant, user.id))
    return user


def _unknown_password() -> str:
    """One that nobody knows and every policy takes."""
    return secrets.token_urlsafe(32) + "aA1!"


def _user(ctx: Context, email: str, role: str, name: str, sites: list[str] | None = None) -> User:
    return ctx.repository(USER).new("", new_user_id(), email=email.strip(), role=role, name=name, sites=sites or [])


def _store(ctx: Context, user: User, password: str, writes: list[Write]) -> None:
    """A crash in between leaves a pool entry that no record knows, so nobody can sign in by it, and the address stays free."""
    taken = Duplicate("This e-mail address is in use.", fields={"email": ["is in use."]})
    if ctx.deps.table.get(email_key(user.email)) is not None:
        raise taken
    pointer = put_new(email_key(user.email), {"tenant": ctx.tenant, "user": user.id}, on_fail=lambda old: taken)
    pool, name = ctx.deps.user_pool, username(ctx.tenant, user.id)
    pool.create(name, user.email, password)
    try:
        ctx.transact(*ctx.repository(USER).creating(user), pointer, *counting_owners(ctx, None, user), *writes)
    except Exception:
        pool.delete(name)
        raise
