"""The two read-only books a customer sees: credit transactions (what changed the balance) and the usage log (what was paid for).

Both are rows of the account's ledger partition, written by `credits.Ledger` alone: a transaction is an entry, a usage row is a
settled reservation, so neither can say anything else than the ledger does.
"""

from typing import Any, Literal, get_args

from pydantic import Field

from chalicelib.core.entity import Entity, Filter, Record, in_account, in_site, validated

PARTITION = "B"
TransactionType = Literal["purchase", "usage", "refund", "adjustment", "subscription", "reservation", "release"]
TRANSACTION_TYPES: tuple[str, ...] = get_args(TransactionType)


class CreditTransaction(Record):
    """One change of the balance, never changed itself. amount: credits, negative for usage. reference: the operation, or the key of
    the grant, that caused it. A reservation and its release move credits within the balance, so they make no entry."""

    transaction_type: TransactionType
    amount: int
    balance_after: int
    description: str = ""
    reference: str = ""


class CreditUsage(Record):
    """One paid operation. cost_usd: what the provider took, None when unknown (0 is a fact, for example of `offline`);
    tokens likewise. object_ids: what was made or worked on. details: whatever else the operation recorded."""

    operation_type: str = Field(min_length=1)
    credits_used: int = Field(ge=0)
    cost_usd: float | None = Field(None, ge=0)
    model: str | None = None
    provider: str | None = None
    tokens_in: int | None = Field(None, ge=0)
    tokens_out: int | None = Field(None, ge=0)
    object_ids: list[str] = Field(default_factory=list)
    run_id: str | None = None
    site_id: str | None = None
    generated_by: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)


_FACTS = frozenset(CreditUsage.model_fields) - frozenset(Record.model_fields) - {"credits_used", "details"}


def usage_row(operation_id: str, at: str, order: str, credits_used: int, facts: dict[str, Any]) -> CreditUsage:
    """The usage row of an operation. facts: fields of CreditUsage by name; others go into `details`. Raises: ValidationFailed."""
    known = {k: v for k, v in facts.items() if k in _FACTS}
    further = {k: v for k, v in facts.items() if k not in _FACTS}
    system = {"id": operation_id, "created_at": at, "updated_at": at, "order": order, "credits_used": credits_used}
    return validated(CreditUsage, {**known, "details": further, **system})


class _TypeFilter(Filter):
    """`deduction` is an older name of `usage`."""

    def parse(self, name: str, text: str) -> Any:
        return super().parse(name, "usage" if text == "deduction" else text)


_TIMES = {"created_after": Filter("created_at", "ge"), "created_before": Filter("created_at", "le")}


def _site() -> Entity[Any]:
    from chalicelib.auth.sites import SITE  # auth opens ledgers, so it is imported when asked for

    return SITE


def _run() -> Entity[Any]:
    """A run as billing knows it: only that it exists. What else it is, is automation's."""
    return Entity(name="run", plural="runs", model=Record, place=in_site("R"), letter="R", soft_delete=False)


TRANSACTION: Entity[CreditTransaction] = Entity(
    name="credit_transaction",
    plural="credit transactions",
    model=CreditTransaction,
    place=in_account("L", partition=PARTITION),
    letter="L",
    filters={"transaction_type": _TypeFilter("transaction_type", choices=TRANSACTION_TYPES), "reference": Filter("reference"), **_TIMES},
    soft_delete=False,
)
USAGE: Entity[CreditUsage] = Entity(
    name="credit_usage",
    plural="credit usage",
    model=CreditUsage,
    place=in_account("H", partition=PARTITION),
    letter="H",
    filters={
        **{n: Filter(n) for n in ("operation_type", "model", "provider", "generated_by")},
        "run_id": Filter("run_id", related=_run),
        "site_id": Filter("site_id", related=_site),
        **_TIMES,
    },
    soft_delete=False,
)
