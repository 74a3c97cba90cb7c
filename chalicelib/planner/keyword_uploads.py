"""Keyword files that are too large for a request: uploaded to the file store by a signed address, imported by a queue worker."""

from datetime import timedelta
from typing import Any

from chalicelib.core.context import Context
from chalicelib.core.errors import AppError, NotFound, TooLarge
from chalicelib.core.ids import ulid
from chalicelib.core.table import Key, put
from chalicelib.planner.keyword_files import read_keyword_file
from chalicelib.planner.keyword_import import store
from chalicelib.system import progress

MAX_UPLOAD_BYTES = 50_000_000
MAX_UPLOAD_ROWS = 100_000
UPLOAD_SECONDS = 900  # how long the signed address accepts the file
KEEP = timedelta(days=2)
KIND = "import_keywords"  # of the message, which shares the AI work's queue
ROWS_SHOWN = 200  # in the task's result, which has to fit an item; all rows are in the report


def _key(ctx: Context, upload_id: str) -> Key:
    return f"{ctx.tenant}#UPLOAD", upload_id


def open_upload(ctx: Context, filename: str, size: int) -> dict[str, Any]:
    """Where to PUT the file, and the id to import it by. size: bytes, exactly. Raises: TooLarge."""
    if size > MAX_UPLOAD_BYTES:
        raise TooLarge(f"The file has {size:,} bytes; at most {MAX_UPLOAD_BYTES:,} are imported.")
    now = ctx.deps.clock.now()
    upload_id = ulid(now)
    path = f"{ctx.tenant}/uploads/{upload_id}"
    row = {"path": path, "filename": filename, "size": size, "ttl": int((now + KEEP).timestamp())}
    ctx.deps.ops.write(put(_key(ctx, upload_id), row))
    url = ctx.deps.files.upload_url(path, size, UPLOAD_SECONDS)
    return {"upload_id": upload_id, "url": url, "method": "PUT", "expires_in": UPLOAD_SECONDS}


def submit(
    ctx: Context, upload_id: str, site_id: str, sector_id: str, *, dry_run: bool, mapping: dict[str, str] | None, tool: str | None
) -> dict[str, Any]:
    """Queue the import of an uploaded file and answer {task_id, accepted}. Raises: NotFound, ValidationFailed, UpstreamUnavailable."""
    ctx.sector(site_id, sector_id)
    upload = ctx.deps.ops.get(_key(ctx, upload_id))
    if upload is None:
        raise NotFound("There is no such upload.")
    task_id = progress.open_task(ctx, KIND, 1)
    body = {
        "kind": KIND,
        "tenant": ctx.tenant,
        "user": ctx.scope.user_id,
        "task_id": task_id,
        "path": upload["path"],
        "filename": upload["filename"],
        "site_id": site_id,
        "sector_id": sector_id,
        "dry_run": dry_run,
        "mapping": mapping,
        "tool": tool,
    }
    with progress.failing(ctx, task_id):
        ctx.deps.jobs.send("ai", body)
    return {"task_id": task_id, "accepted": 1}


def work(ctx: Context, body: dict[str, Any], *, last: bool) -> None:
    """Import an uploaded file. Delivered again, it goes on with the rows that are missing.

    Raises: Retryable, unless this is the last delivery; what no delivery can mend, so that the message goes to the dead letters.
    """
    task_id = body["task_id"]

    def show(done: int, of: int) -> None:
        progress.report(ctx, task_id, percentage=10 + 90 * done // max(1, of), phase="SAVE", message=f"{done:,} of {of:,} keywords stored.")

    progress.report(ctx, task_id, percentage=0, phase="PREP", message="Reading the file.")
    try:
        data = ctx.deps.files.get(body["path"])
        if len(data) > MAX_UPLOAD_BYTES:
            raise TooLarge(f"The file has {len(data):,} bytes; at most {MAX_UPLOAD_BYTES:,} are imported.")
        file = read_keyword_file(data, filename=body["filename"], mapping=body["mapping"], tool=body["tool"], max_rows=MAX_UPLOAD_ROWS)
        report = store(
            ctx,
            body["site_id"],
            body["sector_id"],
            file,
            dry_run=body["dry_run"],
            max_rows=MAX_UPLOAD_ROWS,
            import_id=task_id,
            progress=show,
        )
    except AppError as error:
        if error.retryable and not last:
            raise
        message = "The uploaded file is not there; PUT it to the address first." if isinstance(error, NotFound) else error.message
        progress.close(ctx, task_id, "failed", message, error={**error.body(), "message": message})
        return
    except Exception as error:
        if last:
            message = f"An unexpected error ({type(error).__name__}); the message lies in the dead-letter queue."
            progress.close(ctx, task_id, "failed", message, error={"code": AppError.code, "message": message})
        raise
    report["rows"] = report["rows"][:ROWS_SHOWN]
    said = f"{report['created']} created, {report['duplicates']} duplicates, {report['rejected']} rejected."
    progress.close(ctx, task_id, "succeeded", said, result=report)
