"""The caps of a site: how much of what waits may still be begun in this run, on this day and in this month."""

from chalicelib.automation.config import AutomationConfig
from chalicelib.automation.run_caps import caps
from chalicelib.automation.run_record import Run
from chalicelib.automation.stages import Stage
from chalicelib.automation.waiting import Waiting
from chalicelib.billing.caps import CapReached, counted
from chalicelib.core.context import Context
from chalicelib.system.provider_choice import price_for


def costs(ctx: Context, stage: Stage, items: list[Waiting]) -> list[int]:
    """The most each of the items may be charged, in credits."""
    if stage.operation is None:
        return [0] * len(items)
    price = price_for(ctx, stage.operation)
    return [price.charge(i.units) for i in items]


Affordable = tuple[list[Waiting], CapReached | None]


def affordable(ctx: Context, run: Run, stage: Stage, batch: list[Waiting], config: AutomationConfig) -> Affordable:
    """As many of the batch, from the first on, as all caps leave room for, with what is reserved under them at this moment; if none,
    the cap that is in the way. What is let through counts when it is reserved, where the caps hold under any concurrency."""
    prices, limits = costs(ctx, stage, batch), [c for c in caps(ctx, run, config) if c.limit is not None]
    if not limits or not any(prices):
        return batch, None
    taken = counted(ctx.deps.table, ctx.tenant, [c.name for c in limits])
    fits, reached = len(batch), None
    for cap in limits:
        assert cap.limit is not None
        total = 0
        for at, cost in enumerate(prices[:fits]):
            total += cost
            if cost and taken[cap.name] + total > cap.limit:
                fits, reached = at, CapReached(cap.name, cap.limit, cost, taken[cap.name])
                break
    return batch[:fits], None if fits else reached
