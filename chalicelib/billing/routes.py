"""HTTP of credits: balance, transactions, usage, prices, limits, and top-ups by the operator."""

import re
from dataclasses import asdict
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.billing.answers import BalanceAnswer, PlanLimits, PriceRow, TopUpAnswer, UsageSummary
from chalicelib.billing.credits import ledger_of
from chalicelib.billing.plans import limits, plan_prices
from chalicelib.billing.prices import OWN_KEY_PERCENT, price_rows
from chalicelib.billing.summary import period, usage_summary
from chalicelib.billing.usage import TRANSACTION, USAGE
from chalicelib.core.errors import IdempotencyMismatch, NotFound, OutOfCredits, ValidationFailed
from chalicelib.core.resource import resource_routes
from chalicelib.core.routing import Call, Router
from chalicelib.core.service import Service

router = Router("billing", tag="Billing", throttle="billing")
_REFERENCE = re.compile(r"[A-Za-z0-9._~:-]{1,150}")


class Transactions(Service[Any]):
    entity = TRANSACTION


class Usage(Service[Any]):
    entity = USAGE


class TopUpBody(BaseModel):
    """amount: credits; an adjustment may be negative. reference: the same one again adds nothing (or the header Idempotency-Key)."""

    model_config = ConfigDict(extra="forbid")

    amount: int = Field(ge=-(10**9), le=10**9)
    transaction_type: Literal["purchase", "adjustment", "refund"] = "purchase"
    reference: str | None = Field(None, min_length=1, max_length=150)
    description: str = Field("", max_length=500)


class SummaryQuery(BaseModel):
    """start, end: days as YYYY-MM-DD, both included."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    start: str | None = Field(None, alias="from")
    end: str | None = Field(None, alias="to")
    site_id: str | None = None


@router.get("balance", summary="Credits of the account", answer=BalanceAnswer)
def balance(call: Call) -> Any:
    return asdict(ledger_of(call.ctx).balance())


@router.get("prices", summary="The account's price table", answer=list[PriceRow])
def prices(call: Call) -> Any:
    """One row for each operation; own_key_percent: share of the price that is due with the account's own provider key."""
    overrides = plan_prices(call.ctx)
    percent = int(overrides.get(OWN_KEY_PERCENT, 0))
    return [{**row, OWN_KEY_PERCENT: percent} for row in price_rows(overrides)]


@router.get("limits", summary="What the plan allows, and what is used", answer=PlanLimits)
def plan_limits(call: Call) -> Any:
    return limits(call.ctx)


@router.get(
    "usage/summary", role="admin", summary="Usage by day, operation and site", query=SummaryQuery, answer=UsageSummary, errors=(NotFound,)
)
def summary(call: Call) -> Any:
    first, until = period(call.deps.clock.now(), call.query.start, call.query.end)
    return usage_summary(call.ctx, first, until, call.query.site_id)


@router.post(
    "topup",
    role="developer",
    summary="Add credits to the account",
    body=TopUpBody,
    answer=TopUpAnswer,
    status=201,
    errors=(IdempotencyMismatch, OutOfCredits),
)
def top_up(call: Call) -> Any:
    """The account is the one that `X-Account-Id` names."""
    body: TopUpBody = call.body
    reference = body.reference or call.headers.get("idempotency-key", "")
    if not _REFERENCE.fullmatch(reference):
        raise ValidationFailed.field("reference", "is required here or as Idempotency-Key: 1-150 letters, digits and ._~:-")
    if body.amount == 0 or (body.amount < 0 and body.transaction_type != "adjustment"):
        raise ValidationFailed.field("amount", "must be above 0; only an adjustment takes credits away.")
    ledger = ledger_of(call.ctx)
    number = ledger.grant(f"topup:{reference}", body.amount, kind=body.transaction_type, description=body.description)
    return {**asdict(ledger.balance()), "transaction": f"{number:012d}"}


resource_routes(router, "transactions", Transactions, TRANSACTION, read="admin", verbs="list get")
resource_routes(router, "usage", Usage, USAGE, read="admin", verbs="list get")
