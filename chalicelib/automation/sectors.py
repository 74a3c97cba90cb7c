"""Stage 1: all pending keywords of a sector in one call, by blocks where there are more than a call takes.

The item of a sector is its id; of its second block `<id>.2`, which begins when the first is done, and so on.
"""

from chalicelib.ai import registry
from chalicelib.ai.engine import Done
from chalicelib.ai.engine import run as ai_run
from chalicelib.ai.function import Report
from chalicelib.ai.functions.auto_cluster import MAX_KEYWORDS, MIN_KEYWORDS
from chalicelib.ai.operations import results
from chalicelib.auth.sites import SECTOR, counts
from chalicelib.automation.config import AutomationConfig
from chalicelib.automation.run_caps import run_options
from chalicelib.automation.run_items import RunItems
from chalicelib.automation.run_record import Run, operation
from chalicelib.automation.waiting import Waiting
from chalicelib.core.context import Context
from chalicelib.planner.keywords import Keyword, Keywords


def sectors_on(ctx: Context, run: Run) -> list[str]:
    """Those of the run's sectors that it still works on: not those that were switched off or deleted meanwhile."""
    found = ctx.repository(SECTOR).get_many(run.sectors)
    return [s for s in run.sectors if s in found and counts(found[s])]


def sector_of(item: str) -> str:
    """The sector that a stage's item lies in: an object's id begins with it, as a block of its keywords does."""
    return item.partition("-")[0].partition(".")[0]


def sectors_to_cluster(ctx: Context, sectors: list[str], config: AutomationConfig) -> list[Waiting]:
    counts = {s: len(Keywords(ctx).pending(s)) for s in sectors}
    return [Waiting(s, min(n, MAX_KEYWORDS)) for s, n in counts.items() if n >= MIN_KEYWORDS]


def further_blocks(ctx: Context, run: Run) -> list[Waiting]:
    """For each sector whose last block is done, the next one, when it left enough keywords that nobody has looked at yet."""
    found = []
    for sector in run.sectors:
        block = 1
        while (outcome := RunItems(ctx).recorded(run, 1, [_item(sector, block)]).get(_item(sector, block))) is not None:
            if outcome != "done":
                break
            block += 1
        if block > 1 and outcome is None and len(keywords := _block(ctx, sector, run.id, block)) >= MIN_KEYWORDS:
            found.append(Waiting(_item(sector, block), len(keywords)))
    return found


def cluster_sector(ctx: Context, item: str, op: str, run_id: str, report: Report) -> Done:
    """Cluster one block of a sector's keywords."""
    sector, _, block = item.partition(".")
    ids = tuple(k.id for k in _block(ctx, sector, run_id, int(block or 1)))
    return ai_run(ctx, registry.get("auto_cluster"), sector, op=op, options=run_options(ctx, run_id, ids=ids), report=report)


def _item(sector: str, block: int) -> str:
    return sector if block == 1 else f"{sector}.{block}"


def _block(ctx: Context, sector: str, run_id: str, block: int) -> list[Keyword]:
    """The pending keywords that no earlier block of the run has looked at, at most a call's worth. The index that lists them may
    still show keywords that have a cluster by now, so they are read again."""
    left = set()
    for earlier in range(1, block):
        for result in results(ctx, operation(run_id, 1, _item(sector, earlier))):
            left |= {one["id"] for one in result.get("left", [])}
    keywords = Keywords(ctx)
    listed = [k.id for k in keywords.pending(sector) if k.id not in left]
    fresh = keywords.repository.get_many(listed).values()
    return [k for k in fresh if not k.cluster and not k.disabled and k.status == "new"][:MAX_KEYWORDS]
