"""What billing answers: balance, prices, limits of the plan, usage added up."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class BalanceAnswer(BaseModel):
    """Credits; balance = reserved + available."""

    balance: int
    reserved: int
    available: int


class TopUpAnswer(BalanceAnswer):
    transaction: str


class PriceRow(BaseModel):
    """`credits` for every started `per` units, at least `minimum`. own_key_percent: share due with the account's own provider key."""

    operation: str
    credits: int
    per: int
    minimum: int
    unit: str
    own_key_percent: int


class LimitRow(BaseModel):
    """period: `now`, or the month (YYYY-MM) that is counted. limit, left: null for no limit."""

    resource: Literal["users", "sites", "keywords", "clusters", "ideas", "words", "images", "ai_requests"]
    period: str
    limit: int | None
    used: int
    left: int | None


class PlanLimits(BaseModel):
    """plan: its slug; name: for people."""

    plan: str
    name: str
    credits_per_month: int
    limits: list[LimitRow]


class UsageSum(BaseModel):
    """cost_usd: of the operations whose cost is known, null when none is; unknown_costs: how many are not in it."""

    credits: int
    operations: int
    tokens_in: int
    tokens_out: int
    cost_usd: float | None
    unknown_costs: int


class UsageOfDay(UsageSum):
    day: str


class UsageOfOperation(UsageSum):
    operation_type: str


class UsageOfSite(UsageSum):
    """site_id: null for what belongs to no site."""

    site_id: str | None


class UsageSummary(BaseModel):
    """from, to: days, both included."""

    model_config = ConfigDict(serialize_by_alias=True)

    first: str = Field(alias="from")
    last: str = Field(alias="to")
    total: UsageSum
    by_day: list[UsageOfDay]
    by_operation: list[UsageOfOperation]
    by_site: list[UsageOfSite]
