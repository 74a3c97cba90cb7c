"""HTTP of keywords: files in and out, bulk actions, and the usual routes."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from chalicelib.core.bulk import Accepted, Body, BulkAnswer, Ids, each, ids_field
from chalicelib.core.errors import Duplicate, NotFound, TooLarge, UnreadableFile, ValidationFailed
from chalicelib.core.multipart import file_of
from chalicelib.core.resource import resource_routes
from chalicelib.core.routing import JSON, Answer, Call, Router
from chalicelib.planner import keyword_uploads
from chalicelib.planner.answers import ImportReport, KeywordAnswer, SeedsAdded
from chalicelib.planner.keyword_export import export
from chalicelib.planner.keyword_files import read_keyword_file
from chalicelib.planner.keyword_import import MAX_SYNC_BYTES, UPLOAD_HINT, store
from chalicelib.planner.keywords import KEYWORD, Keywords, KeywordStatus, NewKeyword
from chalicelib.system.progress import REPORT_SECONDS

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


class UploadBody(Body):
    """size: bytes of the file, exactly."""

    filename: str = Field(min_length=1, max_length=200)
    size: int = Field(ge=1)


class UploadAnswer(BaseModel):
    """PUT the file to `url`, then import it by `upload_id`."""

    upload_id: str
    url: str
    method: str
    expires_in: int


@router.post(
    "keywords/uploads",
    summary="Where to upload a large keyword file",
    body=UploadBody,
    answer=UploadAnswer,
    status=201,
    errors=(TooLarge,),
)
def open_upload(call: Call) -> Any:
    return keyword_uploads.open_upload(call.ctx, call.body.filename, call.body.size)


class ImportQuery(BaseModel):
    """mapping: JSON object, our column -> the file's. tool: overrides the detection."""

    model_config = ConfigDict(extra="forbid")

    site_id: str
    sector_id: str
    dry_run: bool = False
    mapping: str | None = None
    tool: str | None = None
    filename: str | None = None


class ImportUpload(Body):
    """The JSON body: an uploaded file instead of one sent along."""

    upload_id: str = Field(min_length=1, max_length=60)
    dry_run: bool = False
    mapping: dict[str, str] | None = None
    tool: str | None = None


@router.post(
    "keywords/import_keywords",
    "keywords/import_csv",
    summary="Import a keyword file",
    query=ImportQuery,
    body=ImportUpload,
    accepts=(*FILE_TYPES, JSON),
    answer=ImportReport,
    accepted=Accepted,
    errors=(UnreadableFile, TooLarge, NotFound, ValidationFailed),
)
def import_keywords(call: Call) -> Any:
    """The file as multipart field `file` or as the raw body: 200 with the report. An uploaded one by its id: 202 with a task."""
    query: ImportQuery = call.query
    call.ctx.sector(query.site_id, query.sector_id)  # before the file is read: a foreign id says nothing about files
    mapping = _mapping(query.mapping)
    if isinstance(call.body, ImportUpload):
        wanted = call.body
        task = keyword_uploads.submit(
            call.ctx,
            wanted.upload_id,
            query.site_id,
            query.sector_id,
            dry_run=query.dry_run or wanted.dry_run,
            mapping=wanted.mapping or mapping,
            tool=wanted.tool or query.tool,
        )
        return Answer(task, status=202)
    upload = file_of(call)
    if len(upload.data) > MAX_SYNC_BYTES:
        name = upload.filename or "The file"
        raise TooLarge(f"{name} has {len(upload.data):,} bytes; at most {MAX_SYNC_BYTES:,} are read at once. {UPLOAD_HINT}", hint="uploads")
    file = read_keyword_file(
        upload.data,
        filename=upload.filename or query.filename or "",
        mapping=_mapping(upload.fields.get("mapping")) or mapping,
        tool=upload.fields.get("tool") or query.tool,
    )
    dry_run = query.dry_run or upload.fields.get("dry_run") == "true"
    report = store(call.ctx, query.site_id, query.sector_id, file, dry_run=dry_run)
    if path := report.pop("report", None):
        report["report_url"] = call.deps.files.url(path, REPORT_SECONDS)
    return report


def _mapping(text: str | None) -> dict[str, str] | None:
    if not text:
        return None
    try:
        mapping = json.loads(text)
    except (ValueError, RecursionError):
        mapping = None
    if not isinstance(mapping, dict) or not all(isinstance(k, str) and isinstance(v, str) for k, v in mapping.items()):
        raise ValidationFailed.field("mapping", "must be a JSON object of our column names to the file's.")
    return mapping


ExportQuery = create_model(
    "ExportQuery",
    __config__=ConfigDict(extra="forbid"),
    **{name: (str | None, None) for name in ("site_id", "sector_id", "ids", "search", *KEYWORD.filters)},  # type: ignore[call-overload]
)


@router.get(
    "keywords/export",
    "keywords/export_csv",
    summary="Keywords as CSV",
    query=ExportQuery,
    produces="text/csv",
    errors=(NotFound, ValidationFailed, TooLarge),
)
def export_keywords(call: Call) -> Any:
    """All keywords, those the filters leave, or with `ids` (comma-separated) those alone."""
    text = export(call.ctx, call.parameters)
    headers = {"Content-Type": "text/csv; charset=utf-8", "Content-Disposition": 'attachment; filename="keywords.csv"'}
    return Answer(body=text, headers=headers)


class KeywordIds(Body):
    ids: Ids = ids_field("keyword_ids")


class KeywordStatuses(KeywordIds):
    status: KeywordStatus


@router.post("keywords/bulk_delete", summary="Delete keywords", body=KeywordIds, answer=BulkAnswer)
def bulk_delete(call: Call) -> Any:
    return each(call.body.ids, Keywords(call.ctx).delete)


@router.post("keywords/bulk_update", "keywords/bulk_update_status", summary="Set keywords' status", body=KeywordStatuses, answer=BulkAnswer)
def bulk_update(call: Call) -> Any:
    keywords, status = Keywords(call.ctx), call.body.status
    return each(call.body.ids, lambda one: keywords.patch(one, {"status": status}))


class SeedIds(Body):
    site_id: str
    sector_id: str
    ids: Ids = ids_field("seed_ids", "seed_keyword_ids")


@router.post(
    "keywords/bulk_add_from_seed",
    summary="Add keywords of the shared catalogue",
    body=SeedIds,
    answer=SeedsAdded,
    errors=(NotFound, ValidationFailed, Duplicate),
)
def bulk_add_from_seed(call: Call) -> Any:
    """Answers by seed id, and the ids of the keywords made."""
    wanted, keywords, made = call.body, Keywords(call.ctx), []
    call.ctx.sector(wanted.site_id, wanted.sector_id)

    def add(seed_id: str) -> None:
        made.append(keywords.add(keywords.from_seed(wanted.site_id, wanted.sector_id, seed_id)).id)

    return {**each(wanted.ids, add), "keyword_ids": made}


resource_routes(router, "keywords", Keywords, KEYWORD, create_body=NewKeyword, answer=KeywordAnswer)
