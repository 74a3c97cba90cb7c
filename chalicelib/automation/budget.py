"""The caps of a site: how much of what waits may still be begun today and in this run."""

from chalicelib.automation.config import AutomationConfig
from chalicelib.automation.run_record import Run
from chalicelib.automation.runs import Runs
from chalicelib.automation.stages import Stage
from chalicelib.automation.waiting import Waiting
from chalicelib.core.context import Context
from chalicelib.system.provider_choice import price_for


def costs(ctx: Context, stage: Stage, items: list[Waiting]) -> list[int]:
    """The most each of the items may be charged, in credits."""
    if stage.operation is None:
        return [0] * len(items)
    price = price_for(ctx, stage.operation)
    return [price.charge(i.units) for i in items]


def affordable(ctx: Context, run: Run, stage: Stage, batch: list[Waiting], config: AutomationConfig) -> tuple[list[Waiting], str, bool]:
    """As many of the batch, from the first on, as the caps allow; if none: why not, and whether it is for today only."""
    left: list[tuple[int, str, bool]] = []
    runs = Runs(ctx)
    if config.max_credits_per_run is not None:
        spent = sum(s["credits"] for s in runs.stages(run))
        left.append((config.max_credits_per_run - spent, f"a run's cap is {config.max_credits_per_run} and {spent} are spent", False))
    if config.max_credits_per_day is not None:
        spent = runs.spent_today(run)
        left.append((config.max_credits_per_day - spent, f"a day's cap is {config.max_credits_per_day} and {spent} are spent today", True))
    prices = costs(ctx, stage, batch)
    for credits, why, today in sorted(left):
        total = 0
        for at, cost in enumerate(prices):
            total += cost
            if cost and total > credits:
                if at == 0:
                    return [], f"The next item may take {cost} credits; {why}.", today
                batch, prices = batch[:at], prices[:at]
                break
    return batch, "", False
