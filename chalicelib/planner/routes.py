"""HTTP of planning: keywords and their files, clusters, ideas."""

from typing import Any

from chalicelib.core.bulk import Body, BulkAnswer, Ids, each, ids_field
from chalicelib.core.resource import resource_routes
from chalicelib.core.routing import Call
from chalicelib.planner.answers import IdeaAnswer, IdeasQueued
from chalicelib.planner.clusters import CLUSTER, Clusters
from chalicelib.planner.ideas import IDEA, Ideas, IdeaStatus, NewIdea
from chalicelib.planner.keyword_routes import router
from chalicelib.writer.tasks import queue_idea

__all__ = ["router"]

resource_routes(router, "clusters", Clusters, CLUSTER)
resource_routes(router, "ideas", Ideas, IDEA, create_body=NewIdea, answer=IdeaAnswer)


class IdeaIds(Body):
    ids: Ids = ids_field("idea_ids")


class IdeaStatuses(IdeaIds):
    status: IdeaStatus


@router.post("ideas/bulk_update", summary="Set ideas' status", body=IdeaStatuses, answer=BulkAnswer)
def bulk_update(call: Call) -> Any:
    ideas, status = Ideas(call.ctx), call.body.status
    return each(call.body.ids, lambda one: ideas.patch(one, {"status": status}))


@router.post("ideas/bulk_delete", summary="Delete ideas", body=IdeaIds, answer=BulkAnswer)
def bulk_delete(call: Call) -> Any:
    return each(call.body.ids, Ideas(call.ctx).delete)


@router.post("ideas/bulk_queue_to_writer", summary="Make ideas writing tasks", body=IdeaIds, answer=IdeasQueued)
def bulk_queue_to_writer(call: Call) -> Any:
    """What stage 3 of a run does. Answers by idea id, and the ids of the tasks made."""
    tasks: list[str] = []
    answer = each(call.body.ids, lambda one: tasks.append(queue_idea(call.ctx, one).id))
    return {**answer, "task_ids": tasks}
