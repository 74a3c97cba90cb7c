"""HTTP of planning: keywords and their files, clusters, ideas."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict

from chalicelib.core.errors import NotFound, TooLarge, UnreadableFile, ValidationFailed
from chalicelib.core.multipart import file_of
from chalicelib.core.resource import resource_routes
from chalicelib.core.routing import JSON, Call, Router
from chalicelib.planner.clusters import CLUSTER, Clusters
from chalicelib.planner.ideas import IDEA, Ideas
from chalicelib.planner.keyword_files import read_keyword_file
from chalicelib.planner.keyword_import import MAX_SYNC_BYTES, store
from chalicelib.planner.keywords import KEYWORD, Keywords

router = Router("planner", tag="Planner", throttle="planner")
FILE_TYPES = (
    "multipart/form-data",
    "text/csv",
    "text/plain",
    "application/octet-stream",
    "application/zip",
    "application/vnd.ms-excel",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
)


class ImportQuery(BaseModel):
    """mapping: JSON object, our column -> the file's."""

    model_config = ConfigDict(extra="forbid")

    site_id: str
    sector_id: str
    dry_run: bool = False
    mapping: str | None = None
    tool: str | None = None
    filename: str | None = None


@router.post(
    "keywords/import_keywords",
    "keywords/import_csv",
    summary="Import a keyword file",
    query=ImportQuery,
    accepts=(*FILE_TYPES, JSON),
    answer=dict[str, Any],
    errors=(UnreadableFile, TooLarge, NotFound, ValidationFailed),
)
def import_keywords(call: Call) -> Any:
    """The file as multipart field `file` or as the raw body."""
    query: ImportQuery = call.query
    call.ctx.sector(query.site_id, query.sector_id)  # before the file is read: a foreign id says nothing about files
    upload = file_of(call)
    mapping = _mapping(upload.fields.get("mapping") or query.mapping)
    if len(upload.data) > MAX_SYNC_BYTES:
        raise TooLarge(f"{upload.filename or 'The file'} has {len(upload.data)} bytes; at most {MAX_SYNC_BYTES} are read at once.")
    file = read_keyword_file(
        upload.data, filename=upload.filename or query.filename or "", mapping=mapping, tool=upload.fields.get("tool") or query.tool
    )
    dry_run = query.dry_run or upload.fields.get("dry_run") == "true"
    return store(call.ctx, query.site_id, query.sector_id, file, dry_run=dry_run)


def _mapping(text: str | None) -> dict[str, str] | None:
    if not text:
        return None
    try:
        mapping = json.loads(text)
    except ValueError:
        mapping = None
    if not isinstance(mapping, dict) or not all(isinstance(k, str) and isinstance(v, str) for k, v in mapping.items()):
        raise ValidationFailed.field("mapping", "must be a JSON object of our column names to the file's.")
    return mapping


resource_routes(router, "keywords", Keywords, KEYWORD)
resource_routes(router, "clusters", Clusters, CLUSTER)
resource_routes(router, "ideas", Ideas, IDEA)
