"""Plans: what an account may have and do, what that costs it, and the credits it gets each month.

Other features call `use` where they create: it returns the writes that count what is created, to go into the same transaction, so
that a limit holds under any concurrency. `plan_prices` is what `billing.prices` takes as overrides.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field, field_validator

from chalicelib.auth.accounts import Account, find_account
from chalicelib.billing.credits import Ledger
from chalicelib.billing.prices import Overrides, price_table
from chalicelib.core.context import Context, Deps
from chalicelib.core.entity import Entity, Filter, Record, in_catalogue, validated
from chalicelib.core.errors import IdempotencyMismatch, PlanLimit, ValidationFailed
from chalicelib.core.service import Service
from chalicelib.core.table import Item, Key, Write, update

# What is limited: how many there are at any time, and how many may come to be in a calendar month (UTC).
STANDING = ("users", "sites")
MONTHLY = ("keywords", "clusters", "ideas", "words", "images", "ai_requests")
RESOURCES = (*STANDING, *MONTHLY)
Limit = Field(None, ge=0, le=10**12)


class Plan(Record):
    """max_*: the most of each, None for no limit. included_credits, else credits_per_month, are the credits of a month.

    price_overrides: as `billing.prices.price_table` takes them, `own_key_percent` among them. is_active: new accounts may choose it.
    """

    slug: str = Field(min_length=1, max_length=40, pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$")
    name: str = Field(min_length=1, max_length=120)
    description: str = Field("", max_length=500)
    is_active: bool = True
    max_users: int | None = Field(None, ge=1, le=10**6)
    max_sites: int | None = Field(None, ge=1, le=10**6)
    max_keywords: int | None = Limit
    max_clusters: int | None = Limit
    max_ideas: int | None = Limit
    max_words: int | None = Limit
    max_images: int | None = Limit
    max_ai_requests: int | None = Limit
    included_credits: int = Field(0, ge=0, le=10**9)
    credits_per_month: int = Field(0, ge=0, le=10**9)
    price_overrides: dict[str, Any] = Field(default_factory=dict)

    @field_validator("price_overrides")
    @classmethod
    def _prices(cls, value: dict[str, Any]) -> dict[str, Any]:
        try:
            price_table(value)
        except ValidationFailed as error:
            raise ValueError(error.message) from None
        return value

    @property
    def monthly_credits(self) -> int:
        return self.included_credits or self.credits_per_month

    def limit(self, resource: str) -> int | None:
        value: int | None = getattr(self, f"max_{resource}")
        return value


_WRITABLE = frozenset(Plan.model_fields) - frozenset(Record.model_fields) - {"slug"}
PLAN: Entity[Plan] = Entity(
    name="plan",
    plural="plans",
    model=Plan,
    letter="PLAN",
    place=in_catalogue("PLAN"),
    index={"n": "name"},
    filters={"is_active": Filter("is_active", kind="boolean")},
    orderings={"created_at": "c", "name": "n"},
    default_ordering="created_at",
    create=_WRITABLE | {"slug"},
    patch=_WRITABLE,
)
_EPOCH = "2026-01-01T00:00:00.000Z"


def _default(slug: str, name: str, credits: int, limits: tuple[int | None, ...]) -> Plan:
    fields = {f"max_{r}": n for r, n in zip(RESOURCES, limits, strict=True)}
    data = {"id": slug, "slug": slug, "name": name, "credits_per_month": credits, "created_at": _EPOCH, "updated_at": _EPOCH}
    return validated(Plan, {**data, **fields})


# users, sites; a month: keywords, clusters, ideas, words, images, AI requests
DEFAULT_PLANS: Mapping[str, Plan] = {
    p.slug: p
    for p in (
        _default("trial", "Trial", 500, (2, 1, 1_000, 100, 200, 30_000, 100, 300)),
        _default("starter", "Starter", 2_000, (3, 3, 10_000, 1_000, 1_000, 150_000, 500, 2_000)),
        _default("agency", "Agency", 10_000, (25, 50, 200_000, 20_000, 20_000, 2_000_000, 10_000, 50_000)),
        _default("system", "System", 0, (None,) * len(RESOURCES)),
    )
}
FIRST_PLAN = "trial"
_NO_ACCOUNT = DEFAULT_PLANS["system"]  # without an account record nobody is billed: tools and background work of our own


class Plans(Service[Plan]):
    """Deleting a plan takes it out of the list; accounts that have it keep it."""

    entity = PLAN

    def create(self, body: dict[str, Any]) -> Plan:
        fields = {k: v for k, v in body.items() if k in PLAN.create}
        return self.repository.create(self.repository.new("", str(fields.get("slug", "")), **fields))


def install_plans(ctx: Context) -> int:
    """Store the default plans that are not there yet. Returns how many."""
    repository, made = ctx.repository(PLAN), 0
    for slug, plan in DEFAULT_PLANS.items():
        if repository.find(slug, deleted=True) is None:
            repository.create(repository.new("", slug, **plan.model_dump(include=set(PLAN.create))))
            made += 1
    return made


def plan_named(deps: Deps, slug: str) -> Plan | None:
    """The plan as stored, deleted ones too, else the default of that name."""
    item = deps.table.get(PLAN.place.key("", slug))
    return PLAN.from_item(item) if item else DEFAULT_PLANS.get(slug)


def plan_of(ctx: Context) -> Plan:
    """The plan of the scope's account, looked up once for each piece of work. Raises: ValidationFailed when there is none of its name."""

    def look_up() -> Plan:
        account = find_account(ctx)
        return the_plan(ctx.deps, account.plan) if account else _NO_ACCOUNT

    return ctx.remembered("plan", look_up)


def the_plan(deps: Deps, slug: str) -> Plan:
    """Raises: ValidationFailed."""
    plan = plan_named(deps, slug)
    if plan is None:
        raise ValidationFailed.field("plan", "there is no such plan.")
    return plan


def plan_prices(ctx: Context) -> Overrides:
    """The price overrides of the account's plan, for `billing.prices`: operation -> credits or parts, and `own_key_percent`."""
    return plan_of(ctx).price_overrides


# -- limits
def _month(now: datetime) -> str:
    return f"{now:%Y-%m}"


def _counter(ctx: Context, period: str) -> Key:
    return ctx.key("L", period)


def use(ctx: Context, **amounts: int) -> list[Write]:
    """The writes that count what is about to be created, for the transaction that creates it: `use(ctx, keywords=120)`.

    amounts: resource (users, sites; keywords, clusters, ideas, words, images, ai_requests of this month) -> how many more. At most
    two writes; they may stand beside each other, but one transaction takes one call. Condition error: PlanLimit.
    Raises: PlanLimit when an amount alone is over the limit; ValueError for a resource that is none or a number below 0.
    """
    if unknown := [r for r in amounts if r not in RESOURCES or amounts[r] < 0]:
        raise ValueError(f"not a limited resource, or below 0: {', '.join(unknown)}")
    plan, writes = plan_of(ctx), []
    for period, group in (("now", STANDING), (_month(ctx.deps.clock.now()), MONTHLY)):
        wanted = {r: amounts[r] for r in group if amounts.get(r)}
        if wanted:
            writes.append(_counting(ctx, plan, period, wanted))
    return writes


def _counting(ctx: Context, plan: Plan, period: str, wanted: dict[str, int]) -> Write:
    key, limits = _counter(ctx, period), {r: limit for r in wanted if (limit := plan.limit(r)) is not None}

    def refused(old: Item | None) -> PlanLimit:
        used = {r: int((old or {}).get(r, 0)) for r in wanted}
        over = next((r for r in limits if used[r] + wanted[r] > limits[r]), next(iter(wanted)))
        return _limit_reached(plan, over, used[over])

    if any(wanted[r] > limits[r] for r in limits):
        raise refused(ctx.deps.table.get(key))
    names = {f"#{r}": r for r in wanted}
    values: dict[str, Any] = {**wanted, **{f"{r}_room": limits[r] - wanted[r] for r in limits}}
    condition = " AND ".join(f"(attribute_not_exists(#{r}) OR #{r} <= :{r}_room)" for r in limits)
    return update(key, "ADD " + ", ".join(f"#{r} :{r}" for r in wanted), condition, names=names, on_fail=refused, **values)


def _limit_reached(plan: Plan, resource: str, used: int) -> PlanLimit:
    span = "" if resource in STANDING else " a month"
    limit = plan.limit(resource)
    return PlanLimit(
        f"The plan {plan.name} has {limit} {resource.replace('_', ' ')}{span}; {used} are used.", resource=resource, limit=limit, used=used
    )


def check(ctx: Context, plan: Plan | None = None, /, **amounts: int) -> None:
    """Ask early whether so much may be used, before work that costs something; `use` decides in the end. plan: the account's, when
    the caller has read it. Raises: PlanLimit."""
    plan, used = plan or plan_of(ctx), used_now(ctx)
    for resource, amount in amounts.items():
        limit = plan.limit(resource)
        if limit is not None and used[resource] + amount > limit:
            raise _limit_reached(plan, resource, used[resource])


def release(ctx: Context, **amounts: int) -> list[Write]:
    """The write that gives back users or sites which are no more. What a month has used stays used."""
    if unknown := [r for r in amounts if r not in STANDING]:
        raise ValueError(f"not given back: {', '.join(unknown)}")
    names, values = {f"#{r}": r for r in amounts}, dict[str, Any]({r: -n for r, n in amounts.items()})
    return [update(_counter(ctx, "now"), "ADD " + ", ".join(f"#{r} :{r}" for r in amounts), names=names, **values)]


def used_now(ctx: Context) -> dict[str, int]:
    """Resource -> how much is used, now or in this month."""
    keys = [_counter(ctx, "now"), _counter(ctx, _month(ctx.deps.clock.now()))]
    found = ctx.deps.table.get_many(keys)
    counts = {k: v for key in keys for k, v in found.get(key, {}).items()}
    return {r: int(counts.get(r, 0)) for r in RESOURCES}


def limits(ctx: Context) -> dict[str, Any]:
    """The plan, its credits a month, and for each resource its limit (None: none), what is used and what is left."""
    plan, used, month = plan_of(ctx), used_now(ctx), _month(ctx.deps.clock.now())
    rows = []
    for resource in RESOURCES:
        limit = plan.limit(resource)
        left = None if limit is None else max(0, limit - used[resource])
        period = "now" if resource in STANDING else month
        rows.append({"resource": resource, "period": period, "limit": limit, "used": used[resource], "left": left})
    return {"plan": plan.slug, "name": plan.name, "credits_per_month": plan.monthly_credits, "limits": rows}


# -- credits
def renew_credits(deps: Deps, account: Account) -> bool:
    """Begin the account's month: what is left of the plan's credits becomes its allowance again. Once for each month and plan.

    Returns whether the account's plan has credits at all.
    """
    plan = the_plan(deps, account.plan)
    if not plan.monthly_credits:
        return False
    month = _month(deps.clock.now())
    try:
        Ledger(deps.table, account.id, deps.clock).renew_plan(
            f"plan:{month}:{plan.slug}", plan.monthly_credits, description=f"Credits of the plan {plan.name} for {month}"
        )
    except IdempotencyMismatch:
        return True  # this month was begun with another allowance; the plan's new one counts from the next
    return True
