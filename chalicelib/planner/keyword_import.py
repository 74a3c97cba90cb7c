"""Stores the rows of a keyword file: new keywords in, duplicates and rejected rows reported, all or nothing per batch."""

import json
from collections.abc import Callable
from typing import Any

from chalicelib.billing.plans import check, use
from chalicelib.core.context import Context
from chalicelib.core.errors import Duplicate, Stale, TooLarge
from chalicelib.core.ids import ulid
from chalicelib.core.table import Write
from chalicelib.planner.keyword_file_rows import KeywordRow
from chalicelib.planner.keyword_files import KeywordFile
from chalicelib.planner.keyword_identity import keyword_id
from chalicelib.planner.keywords import KEYWORD, Keyword

MAX_SYNC_BYTES = 4_000_000
MAX_SYNC_ROWS = 5_000
ROWS_SHOWN = 1_000
UPLOAD_HINT = "Send larger files by planner/keywords/uploads/."
BATCH = 98  # keywords a transaction; two more actions count them, for the sector and for the plan
_TRIES = 5


def store(
    ctx: Context,
    site_id: str,
    sector_id: str,
    file: KeywordFile,
    *,
    dry_run: bool,
    max_rows: int = MAX_SYNC_ROWS,
    import_id: str | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> dict[str, Any]:
    """Import a file's rows into a sector and report on each (contract, "Keyword files"). Nothing is stored by a dry run.

    import_id: of an upload; done again, what an earlier try of it stored counts as created. progress: called with keywords stored
    and to be stored. The report's `rows` are the first 1,000; `report` is the key of the file with all of them, when there are more.

    Raises: NotFound, ValidationFailed (site and sector), TooLarge (more than `max_rows` rows).
    """
    sector = ctx.sector(site_id, sector_id)
    if len(file.rows) > max_rows:
        raise TooLarge(f"The file has {len(file.rows):,} rows; at most {max_rows:,} are read at once. {UPLOAD_HINT}", hint="uploads")
    repository, industry_sector = ctx.repository(KEYWORD), sector.get("industry_sector") or ""
    lines: list[tuple[dict[str, Any], str | None]] = []  # what is shown of a row, and the id of the keyword it makes
    wanted: dict[str, Keyword] = {}
    for row in file.rows:
        if row.outcome != "ok":
            lines.append((_shown(row, row.outcome), None))
            continue
        keyword = _keyword(ctx, sector_id, industry_sector, row, import_id)
        again = keyword.id in wanted
        wanted.setdefault(keyword.id, keyword)
        lines.append((_shown(row, "duplicate" if again else "created"), None if again else keyword.id))
    present = {i for i, k in repository.get_many(wanted).items() if import_id is None or k.import_id != import_id}
    new = [k for i, k in wanted.items() if i not in present]
    if not dry_run and new:
        check(ctx, keywords=len(new))  # before the first batch, so that a plan's limit leaves no half of a file
        for at in range(0, len(new), BATCH):
            present |= _create(ctx, new[at : at + BATCH])
            progress(min(at + BATCH, len(new)), len(new))
    for line, public_id in lines:
        if public_id in present:
            line |= {"outcome": "duplicate", "reason": "This keyword is in the sector already."}
    shown = [line for line, _ in lines]
    report: dict[str, Any] = {
        "tool": file.tool,
        "header_row": file.header_row,
        "columns_used": file.columns_used,
        "columns_ignored": file.columns_ignored,
        "dry_run": dry_run,
        "notes": file.notes,
        **{name: sum(1 for line in shown if line["outcome"] == name.removesuffix("s")) for name in ("created", "duplicates", "rejected")},
        "rows": shown[:ROWS_SHOWN],
    }
    if len(shown) > ROWS_SHOWN:
        report["report"] = f"{ctx.tenant}/imports/{import_id or ulid(ctx.deps.clock.now())}.json"
        ctx.deps.files.put(report["report"], json.dumps({**report, "rows": shown}).encode(), "application/json")
    return report


def _keyword(ctx: Context, sector_id: str, industry_sector: str, row: KeywordRow, import_id: str | None) -> Keyword:
    """A keyword with a private seed: the file's figures are the tenant's overrides, never the shared catalogue's."""
    attributes = {**row.extra, **({"intents": row.intents} if len(row.intents) > 1 else {})}
    return ctx.repository(KEYWORD).new(
        sector_id,
        keyword_id(row.keyword, row.country, industry_sector),
        keyword=row.keyword,
        country=row.country,
        volume_override=row.volume,
        difficulty_override=row.difficulty,
        intent_override=row.intent,
        attribute_values=attributes,
        import_id=import_id,
    )


def _shown(row: KeywordRow, outcome: str) -> dict[str, Any]:
    line = {
        "row": row.row,
        "keyword": row.keyword,
        "volume": row.volume,
        "difficulty": row.difficulty,
        "intents": row.intents,
        "outcome": outcome,
    }
    return {**line, **({"reason": row.reason} if row.reason else {}), **({"extra": row.extra} if row.extra else {})}


def _create(ctx: Context, keywords: list[Keyword]) -> set[str]:
    """Store a batch in one transaction. Keywords that were deleted before come back with the new values; those that another import
    stored at the same moment are left alone, and their ids returned."""
    repository = ctx.repository(KEYWORD)
    for attempt in range(_TRIES):
        # the first try takes them all as new, which they nearly always are; what is there is read only when that fails
        stored = {k.id: repository.find(k.id, deleted=True) for k in keywords} if attempt else {}
        writes: list[Write] = []
        theirs: set[str] = set()
        added = 0
        pairs: list[tuple[Keyword | None, Keyword | None]] = []
        for keyword in keywords:
            old = stored.get(keyword.id)
            if old is None:
                writes += repository.creating(keyword, counted=False)
                added += 1
                pairs.append((None, keyword))
            elif old.deleted_at:
                again = repository.changed(old, **_values(keyword), deleted_at=None, cluster=None, status="new")
                writes += repository.changing(old, again, counted=False)
                pairs.append((old, again))
            elif keyword.import_id is None or old.import_id != keyword.import_id:
                theirs.add(keyword.id)
        if not writes:
            return theirs
        try:
            ctx.transact(*writes, *repository.counting(pairs), *use(ctx, keywords=added))
            return theirs
        except (Duplicate, Stale):
            continue
    raise Duplicate("Another import changes the same keywords; try again.")


def _values(keyword: Keyword) -> dict[str, Any]:
    names = ("keyword", "country", "volume_override", "difficulty_override", "intent_override", "attribute_values", "import_id")
    return {n: getattr(keyword, n) for n in names}
