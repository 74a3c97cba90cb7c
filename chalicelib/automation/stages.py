"""The seven stages, declared in one tuple: what waits for each, and how one item of it is done. The manual endpoints do the same
work through the same functions; a stage only adds what is pending."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from chalicelib.ai import registry
from chalicelib.ai.engine import Done
from chalicelib.ai.engine import run as ai_run
from chalicelib.ai.function import Report
from chalicelib.ai.functions.auto_cluster import MIN_KEYWORDS
from chalicelib.ai.functions.generate_ideas import ideas_wanted
from chalicelib.auth.sites import get_site
from chalicelib.automation.config import AutomationConfig
from chalicelib.automation.run_caps import run_options
from chalicelib.automation.run_record import STAGE_NAMES, Run
from chalicelib.automation.sectors import cluster_sector, further_blocks, sectors_to_cluster
from chalicelib.automation.waiting import Waiting
from chalicelib.core.context import Context
from chalicelib.core.entity import Entity
from chalicelib.core.errors import Conflict
from chalicelib.core.ids import site_of
from chalicelib.integration.connections import Connections
from chalicelib.planner.clusters import CLUSTER, Cluster, pending_clusters
from chalicelib.planner.ideas import IDEA, pending_ideas
from chalicelib.planner.keywords import Keywords
from chalicelib.writer.content import CONTENT, Content, Contents, waiting_contents
from chalicelib.writer.tasks import TASK, queue_idea, queued_tasks

# A queue's worker may die at every delivery but the last, half an hour each (infra/resources/queues.yaml; a test compares them).
QUEUE_SECONDS = 9_900
Pending = Callable[[Context, list[str], AutomationConfig], list[Waiting]]
RunItem = Callable[[Context, str, str, str, Report], Done]  # context, item id, operation key, run id, how to say how far it is


def _nothing_more(ctx: Context, run: Run) -> list[Waiting]:
    return []


def _never(ctx: Context, site_id: str, sectors: list[str], config: AutomationConfig, found: int) -> str | None:
    return None


@dataclass(frozen=True)
class Stage:
    """pending: what waits, by the index, oldest first; made: those of the ids (what the stage before has just made, which an index
    may not show yet) that wait; further: what an item that is done left for another; run: does one item in a Lambda, or queue: items
    go through this SQS queue with a task token; operation: of the price table; concurrency: items at once; skip: why the whole
    stage is left out, if so, when so many items were found; makes: ids of what an item came to, which is what waits for the next stage."""

    number: int
    pending: Pending
    made: Callable[[Context, Iterable[str], AutomationConfig], list[Waiting]] = lambda ctx, ids, config: []
    further: Callable[[Context, Run], list[Waiting]] = _nothing_more
    run: RunItem | None = None
    queue: Literal["images", "publish"] | None = None
    operation: str | None = None
    concurrency: int = 5
    timeout_seconds: int = QUEUE_SECONDS
    skip: Callable[[Context, str, list[str], AutomationConfig, int], str | None] = _never
    makes: Callable[[str, dict[str, Any]], list[str]] = lambda item, result: [item]

    @property
    def name(self) -> str:
        return STAGE_NAMES[self.number]

    @property
    def function(self) -> str:
        """Name of the stage's Lambda."""
        return f"stage_{self.number}"


Units = Callable[[Context, Any], int]
Wanted = Callable[[Any, AutomationConfig], bool]


def _stage(
    number: int,
    entity: Entity[Any],
    collection: Callable[[str], str],
    *,
    units: Units = lambda ctx, record: 0,
    wanted: Wanted = lambda record, config: True,
    **more: Any,
) -> Stage:
    """A stage whose items are the records of one collection of each sector. units: of the stage's price, the most an item may take."""

    def pending(ctx: Context, sectors: list[str], config: AutomationConfig) -> list[Waiting]:
        found = [r for sector in sectors for r in ctx.repository(entity).collection(collection(sector))]
        return [Waiting(r.id, units(ctx, r)) for r in found if wanted(r, config)]

    def made(ctx: Context, ids: Iterable[str], config: AutomationConfig) -> list[Waiting]:
        assert entity.collection is not None, entity.name
        found = ctx.repository(entity).get_many(ids).values()
        return [Waiting(r.id, units(ctx, r)) for r in found if entity.collection(r) == collection(r.sector_id) and wanted(r, config)]

    return Stage(number, pending, made, **more)


def _by_function(name: str) -> RunItem:
    def run(ctx: Context, item: str, op: str, run_id: str, report: Report) -> Done:
        return ai_run(ctx, registry.get(name), item, op=op, options=run_options(ctx, run_id), report=report)

    return run


def _too_few(ctx: Context, site_id: str, sectors: list[str], config: AutomationConfig, found: int) -> str | None:
    if found:
        return None
    most = max((len(Keywords(ctx).pending(s, MIN_KEYWORDS)) for s in sectors), default=0)
    return f"Too few keywords to cluster: {most} of at least {MIN_KEYWORDS} in a sector." if most else "No keyword waits for a cluster."


def _ideas_of_cluster(ctx: Context, cluster: Cluster) -> int:
    return ideas_wanted(get_site(ctx, site_of(cluster.id)), cluster.keywords_count)


def _queue_idea(ctx: Context, idea_id: str, op: str, run_id: str, report: Report) -> Done:
    try:
        return Done({"task": queue_idea(ctx, idea_id).id})
    except Conflict as conflict:
        idea = ctx.repository(IDEA).get(idea_id)
        if idea.task:  # an earlier delivery made it
            return Done({"task": idea.task})
        return Done(skipped=conflict.message)


def passes(content: Content, config: AutomationConfig) -> bool:
    """Whether a content in review is published without an editor."""
    if config.publish_mode == "manual":
        return False
    if config.publish_mode == "gated":
        return content.blockers == 0 and (content.score or 0) >= config.gate_score
    return True


def not_wanted(content: Content, config: AutomationConfig) -> str | None:
    """Why a content that a run has chosen for publishing is not to be published any more, if so: an editor has taken it back, or the
    settings are others by now."""
    if content.status != "review" or content.held:
        return "An editor has taken it back."
    if not passes(content, config):
        manual = config.publish_mode == "manual"
        return "Publishing is manual now." if manual else f"It does not reach the gate of {config.gate_score} any more."
    return None


def _not_publishing(ctx: Context, site_id: str, sectors: list[str], config: AutomationConfig, found: int) -> str | None:
    waiting = sum(len(Contents(ctx).waiting(s, "review")) for s in sectors)
    if not waiting:
        return "No content waits for review."
    if config.publish_mode == "manual":
        return f"Publishing is manual: {waiting} contents wait for review."
    if Connections(ctx).active(site_id) is None:
        return f"The site has no publishing target; {waiting} contents wait for review."
    if not found:
        return f"None of the {waiting} contents in review reaches the gate of {config.gate_score}."
    return None


def _contents(step: str) -> Callable[[str], str]:
    return lambda sector: waiting_contents(sector, step)


def _listed(name: str) -> Callable[[str, dict[str, Any]], list[str]]:
    """The result's ids under this name: a list of them, or one."""

    def ids(item: str, result: dict[str, Any]) -> list[str]:
        found = result.get(name) or []
        return found if isinstance(found, list) else [found]

    return ids


STAGES: tuple[Stage, ...] = (
    Stage(
        1,
        sectors_to_cluster,
        further=further_blocks,
        run=cluster_sector,
        operation="clustering",
        skip=_too_few,
        makes=_listed("clusters"),
    ),
    _stage(
        2,
        CLUSTER,
        pending_clusters,
        units=_ideas_of_cluster,
        run=_by_function("generate_ideas"),
        operation="idea",
        makes=_listed("ideas"),
    ),
    _stage(3, IDEA, pending_ideas, run=_queue_idea, makes=_listed("task")),
    _stage(
        4,
        TASK,
        queued_tasks,
        units=lambda ctx, task: int(task.word_count),
        run=_by_function("generate_content"),
        operation="content",
        makes=_listed("content"),
    ),
    _stage(
        5,
        CONTENT,
        _contents("prompts"),
        units=lambda ctx, content: 1,
        run=_by_function("generate_image_prompts"),
        operation="image_prompts",
    ),
    _stage(6, CONTENT, _contents("images"), units=lambda ctx, content: int(content.images_open), queue="images", operation="image"),
    _stage(7, CONTENT, _contents("review"), wanted=passes, queue="publish", concurrency=4, skip=_not_publishing),
)


def stage(number: int) -> Stage:
    return STAGES[number - 1]
