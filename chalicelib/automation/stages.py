"""The seven stages, declared in one tuple: what waits for each, and how one item of it is done. The manual endpoints do the same
work through the same functions; a stage only adds what is pending."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from chalicelib.ai import registry
from chalicelib.ai.engine import Done
from chalicelib.ai.engine import run as ai_run
from chalicelib.ai.function import Options
from chalicelib.ai.functions.auto_cluster import MIN_KEYWORDS
from chalicelib.automation.config import AutomationConfig
from chalicelib.automation.runs import STAGE_NAMES
from chalicelib.core.context import Context
from chalicelib.core.errors import Conflict
from chalicelib.integration.connections import Connections
from chalicelib.planner.clusters import Clusters
from chalicelib.planner.ideas import IDEA, Ideas
from chalicelib.planner.keywords import Keywords
from chalicelib.writer.content import Content, Contents
from chalicelib.writer.tasks import Tasks, queue_idea

Pending = Callable[[Context, list[str], AutomationConfig], list[str]]
RunItem = Callable[[Context, str, str, str], Done]  # context, item id, operation key, run id


@dataclass(frozen=True)
class Stage:
    """pending: ids of all items that wait (of sectors, for stage 1); run: does one item in a Lambda; queue: instead, items go
    through this SQS queue with a task token; concurrency: items at once; skip: why the whole stage has nothing to do, if so."""

    number: int
    pending: Pending
    run: RunItem | None = None
    queue: Literal["images", "publish"] | None = None
    concurrency: int = 5
    timeout_seconds: int = 900
    skip: Callable[[Context, str, list[str], AutomationConfig], str | None] = lambda ctx, site, sectors, config: None

    @property
    def name(self) -> str:
        return STAGE_NAMES[self.number]

    @property
    def function(self) -> str:
        """Name of the stage's Lambda."""
        return f"stage_{self.number}"


def _by_function(name: str) -> RunItem:
    def run(ctx: Context, item: str, op: str, run_id: str) -> Done:
        return ai_run(ctx, registry.get(name), item, op=op, options=Options(run_id=run_id))

    return run


def _of_sectors(find: Callable[[Context, str], list[Any]]) -> Pending:
    def pending(ctx: Context, sectors: list[str], config: AutomationConfig) -> list[str]:
        return [record.id for sector in sectors for record in find(ctx, sector)]

    return pending


def _sectors_to_cluster(ctx: Context, sectors: list[str], config: AutomationConfig) -> list[str]:
    return [s for s in sectors if len(Keywords(ctx).pending(s, MIN_KEYWORDS)) >= MIN_KEYWORDS]


def _too_few(ctx: Context, site_id: str, sectors: list[str], config: AutomationConfig) -> str | None:
    counts = [len(Keywords(ctx).pending(s, MIN_KEYWORDS)) for s in sectors]
    if any(n >= MIN_KEYWORDS for n in counts):
        return None
    most = max(counts, default=0)
    return f"Too few keywords to cluster: {most} of at least {MIN_KEYWORDS} in a sector." if most else "No keyword waits for a cluster."


def _queue_idea(ctx: Context, idea_id: str, op: str, run_id: str) -> Done:
    try:
        return Done({"task": queue_idea(ctx, idea_id).id})
    except Conflict as conflict:
        idea = ctx.repository(IDEA).get(idea_id)
        if idea.task:  # an earlier delivery made it
            return Done({"task": idea.task})
        return Done(skipped=conflict.message)


def _publishable(ctx: Context, sectors: list[str], config: AutomationConfig) -> list[str]:
    return [c.id for s in sectors for c in Contents(ctx).waiting(s, "review") if passes(c, config)]


def passes(content: Content, config: AutomationConfig) -> bool:
    """Whether a content in review is published without an editor."""
    if config.publish_mode == "manual":
        return False
    if config.publish_mode == "gated":
        return content.blockers == 0 and (content.score or 0) >= config.gate_score
    return True


def _not_publishing(ctx: Context, site_id: str, sectors: list[str], config: AutomationConfig) -> str | None:
    waiting = sum(len(Contents(ctx).waiting(s, "review")) for s in sectors)
    if config.publish_mode == "manual":
        return f"Publishing is manual: {waiting} contents wait for review." if waiting else "No content waits for review."
    if waiting and Connections(ctx).active(site_id) is None:
        return f"The site has no publishing target; {waiting} contents wait for review."
    return None


STAGES: tuple[Stage, ...] = (
    Stage(1, _sectors_to_cluster, _by_function("auto_cluster"), skip=_too_few),
    Stage(2, _of_sectors(lambda ctx, s: Clusters(ctx).pending(s)), _by_function("generate_ideas")),
    Stage(3, _of_sectors(lambda ctx, s: Ideas(ctx).pending(s)), _queue_idea),
    Stage(4, _of_sectors(lambda ctx, s: Tasks(ctx).pending(s)), _by_function("generate_content")),
    Stage(5, _of_sectors(lambda ctx, s: Contents(ctx).waiting(s, "prompts")), _by_function("generate_image_prompts")),
    Stage(6, _of_sectors(lambda ctx, s: Contents(ctx).waiting(s, "images")), queue="images", concurrency=5, timeout_seconds=3600),
    Stage(7, _publishable, queue="publish", concurrency=4, timeout_seconds=3600, skip=_not_publishing),
)


def stage(number: int) -> Stage:
    return STAGES[number - 1]
