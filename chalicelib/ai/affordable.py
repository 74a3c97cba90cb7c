"""Says before anything is queued whether the account can pay for it; the reservation of the work itself decides in the end."""

from collections.abc import Iterable

from chalicelib.billing.credits import ledger_of
from chalicelib.core.context import Context
from chalicelib.core.errors import OutOfCredits
from chalicelib.system.provider_choice import price_for


def cost(ctx: Context, operation: str, units: Iterable[int]) -> int:
    """Credits for several calls of an operation; units: of each call (keywords, ideas, words, contents, images)."""
    price = price_for(ctx, operation)
    return sum(price.charge(n) for n in units)


def need_credits(ctx: Context, operation: str, units: Iterable[int]) -> int:
    """The credits that the work will take. Raises: OutOfCredits."""
    required = cost(ctx, operation, units)
    if required:
        available = ledger_of(ctx).balance().available
        if available < required:
            raise OutOfCredits(required, available)
    return required
