"""HTTP of writing: tasks, contents, images, taxonomy terms, the content-cluster map."""

from typing import Any

from chalicelib.core.bulk import Body, BulkAnswer, Ids, each, ids_field
from chalicelib.core.resource import resource_routes
from chalicelib.core.routing import Call, Router
from chalicelib.writer import content_routes, image_routes
from chalicelib.writer.answers import ClusterMapAnswer, TaskAnswer
from chalicelib.writer.cluster_map import CLUSTER_MAP, ClusterMaps, NewClusterMap
from chalicelib.writer.tasks import TASK, NewTask, Tasks, TaskStatus
from chalicelib.writer.taxonomies import TAXONOMY, NewTaxonomy, Taxonomies

router = Router("writer", tag="Writer", throttle="writer")

resource_routes(router, "tasks", Tasks, TASK, create_body=NewTask, answer=TaskAnswer)
resource_routes(router, "taxonomies", Taxonomies, TAXONOMY, create_body=NewTaxonomy)
resource_routes(router, "cluster-maps", ClusterMaps, CLUSTER_MAP, create_body=NewClusterMap, answer=ClusterMapAnswer)


class TaskIds(Body):
    ids: Ids = ids_field("task_ids")


class TaskStatuses(TaskIds):
    status: TaskStatus


@router.post("tasks/bulk_delete", summary="Delete tasks", body=TaskIds, answer=BulkAnswer)
def bulk_delete(call: Call) -> Any:
    return each(call.body.ids, Tasks(call.ctx).delete)


@router.post("tasks/bulk_update", summary="Set tasks' status", body=TaskStatuses, answer=BulkAnswer)
def bulk_update(call: Call) -> Any:
    tasks, status = Tasks(call.ctx), call.body.status
    return each(call.body.ids, lambda one: tasks.patch(one, {"status": status}))


router.routes += [*content_routes.router.routes, *image_routes.router.routes]
