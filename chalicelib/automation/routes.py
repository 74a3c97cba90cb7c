"""HTTP of automation: settings, estimate, runs and what can be done with them."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from chalicelib.auth.sites import active_sectors
from chalicelib.automation import control
from chalicelib.automation.answers import Estimate, LogLine, PipelineOverview, RunAnswer, RunFailure
from chalicelib.automation.config import CONFIG, Configs, config_of
from chalicelib.automation.estimate import estimate
from chalicelib.automation.review_queue import ReviewItem, ReviewQueue, ReviewQueueParameters
from chalicelib.automation.runs import RUN, Run, Runs
from chalicelib.automation.schedule import save_config
from chalicelib.automation.stages import STAGES
from chalicelib.core.answers import answer_model
from chalicelib.core.errors import Conflict, OutOfCredits, RunActive
from chalicelib.core.repository import ListRequest
from chalicelib.core.resource import list_answer, resource_routes, version_wanted
from chalicelib.core.routing import Answer, Call, Router
from chalicelib.core.service import reject_unknown

router = Router("automation", tag="Automation", throttle="default")
ConfigAnswer = answer_model(CONFIG.model)


class SiteQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    site_id: str


class SectorQuery(SiteQuery):
    sector_id: str | None = None


class RunNow(BaseModel):
    model_config = ConfigDict(extra="forbid")

    site_id: str
    sector_id: str | None = None


def _sectors(call: Call, site_id: str, sector_id: str | None) -> list[str]:
    if sector_id:
        call.ctx.sector(site_id, sector_id)
        return [sector_id]
    call.ctx.site(site_id)
    return [s.id for s in active_sectors(call.ctx, site_id)]


@router.get("config", summary="Automation settings of a site", query=SiteQuery, answer=ConfigAnswer)
def read_config(call: Call) -> Any:
    return Configs(call.ctx).present([config_of(call.ctx, call.query.site_id)])[0]


@router.put(
    "config",
    "update_config",
    role="admin",
    summary="Change automation settings",
    query=SiteQuery,
    body_schema=CONFIG.patch_shape(),
    answer=ConfigAnswer,
)
def write_config(call: Call) -> Any:
    body = reject_unknown(CONFIG, call.body, CONFIG.patch)
    config = save_config(call.ctx, call.query.site_id, body, if_match=version_wanted(call))
    return Configs(call.ctx).present([config])[0]


@router.get("estimate", summary="What a run would cost", query=SectorQuery, answer=Estimate)
def read_estimate(call: Call) -> Any:
    return estimate(call.ctx, call.query.site_id, _sectors(call, call.query.site_id, call.query.sector_id))


@router.get("pipeline_overview", summary="What waits for each stage", query=SectorQuery, answer=PipelineOverview)
def pipeline_overview(call: Call) -> Any:
    sectors, config = _sectors(call, call.query.site_id, call.query.sector_id), config_of(call.ctx, call.query.site_id)
    waiting = {s: s.pending(call.ctx, sectors, config) for s in STAGES}
    # of stage 1 people count keywords, not sectors
    counts = {s: sum(w.units for w in found) if s.number == 1 else len(found) for s, found in waiting.items()}
    return {"stages": [{"number": s.number, "name": s.name, "pending": counts[s]} for s in STAGES]}


@router.post("run_now", summary="Start a run", body=RunNow, answer=RunAnswer, status=202, errors=(OutOfCredits, RunActive))
def run_now(call: Call) -> Any:
    return Runs(call.ctx).shown(control.start(call.ctx, call.body.site_id, call.body.sector_id))


@router.get("current_run", summary="The run that holds the site, if any", query=SiteQuery, answer=RunAnswer | None)
def current_run(call: Call) -> Any:
    call.ctx.site(call.query.site_id)
    run = Runs(call.ctx).holder(call.query.site_id)
    return Runs(call.ctx).shown(run) if run else None


@router.get("history", summary="The last 20 runs of a site", query=SiteQuery, answer=list[RunAnswer])  # type: ignore[valid-type]
def history(call: Call) -> Any:
    call.ctx.site(call.query.site_id)
    runs = Runs(call.ctx)
    return runs.present(runs.repository.records(runs.repository.page(ListRequest([call.query.site_id], page_size=20)).rows))


@router.get("review_queue", summary="Contents that wait for an editor", query=ReviewQueueParameters, listed=ReviewItem)
def review_queue(call: Call) -> Answer:
    return list_answer(call, ReviewQueue(call.ctx))


def _shown(call: Call, run: Run) -> Any:
    return Runs(call.ctx).shown(run)


resource_routes(router, "runs", Runs, RUN, answer=RunAnswer, verbs="list get")


@router.post("runs/{id}/pause", summary="Pause after the items in hand", answer=RunAnswer, errors=(Conflict,))
def pause(call: Call) -> Any:
    return _shown(call, control.pause(call.ctx, call.id))


@router.post("runs/{id}/resume", summary="Go on with what is not done", answer=RunAnswer, errors=(Conflict,))
def resume(call: Call) -> Any:
    return _shown(call, control.resume(call.ctx, call.id))


@router.post("runs/{id}/cancel", summary="End the run and free the site", answer=RunAnswer, errors=(Conflict,))
def cancel(call: Call) -> Any:
    return _shown(call, control.cancel(call.ctx, call.id))


@router.post("runs/{id}/retry_failed", summary="Try the failed items again", answer=RunAnswer, errors=(Conflict, RunActive))
def retry_failed(call: Call) -> Any:
    return _shown(call, control.retry_failed(call.ctx, call.id))


class LogQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    before: str | None = None


@router.get("runs/{id}/logs", summary="The run's log, newest first", query=LogQuery, answer=list[LogLine])
def logs(call: Call) -> Any:
    return Runs(call.ctx).logs(call.id, start=call.query.before)


@router.get("runs/{id}/failures", summary="The run's failed items", answer=list[RunFailure])
def failures(call: Call) -> Answer:
    runs = Runs(call.ctx)
    return Answer(runs.failures(runs.get(call.id)))
