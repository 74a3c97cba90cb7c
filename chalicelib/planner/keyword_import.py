"""Stores the rows of a keyword file: new keywords in, duplicates and rejected rows reported, all or nothing per batch."""

import json
from typing import Any

from chalicelib.core.context import Context
from chalicelib.core.errors import Duplicate, TooLarge
from chalicelib.core.ids import ulid
from chalicelib.core.table import Write
from chalicelib.planner.keyword_files import KeywordFile, KeywordRow, keyword_id, market, primary_intent
from chalicelib.planner.keywords import KEYWORD, Keyword

MAX_SYNC_BYTES = 4_000_000
MAX_SYNC_ROWS = 5_000
ROWS_SHOWN = 1_000
BATCH = 99  # keywords a transaction; the hundredth action counts them
_TRIES = 5


def store(ctx: Context, site_id: str, sector_id: str, file: KeywordFile, *, dry_run: bool, max_rows: int = MAX_SYNC_ROWS) -> dict[str, Any]:
    """Import a file's rows into a sector and report on each (contract, "Keyword files").

    Raises: NotFound, ValidationFailed (site and sector), TooLarge (more than `max_rows` rows). Nothing is stored by a dry run.
    """
    sector = ctx.sector(site_id, sector_id)
    if len(file.rows) > max_rows:
        raise TooLarge(f"The file has {len(file.rows)} rows; at most {max_rows} are read at once.")
    repository = ctx.repository(KEYWORD)
    shown: list[dict[str, Any]] = []
    wanted: dict[str, Keyword] = {}
    for row in file.rows:
        outcome = row.outcome if row.outcome != "ok" else "created"
        if row.outcome == "ok":
            keyword = _keyword(ctx, sector_id, sector.get("industry_sector") or "", row, file)
            if keyword.id in wanted:
                outcome = "duplicate"
            else:
                wanted[keyword.id] = keyword
        shown.append(_shown(row, outcome))
    present = repository.get_many(wanted)
    for line, row in zip(shown, file.rows, strict=True):
        if line["outcome"] == "created" and _id(sector_id, sector.get("industry_sector") or "", row, file) in present:
            line |= {"outcome": "duplicate", "reason": "This keyword is in the sector already."}
    new = [k for i, k in wanted.items() if i not in present]
    if not dry_run:
        for at in range(0, len(new), BATCH):
            _create(ctx, new[at : at + BATCH])
    totals = {
        name: sum(1 for line in shown if line["outcome"] == outcome)
        for name, outcome in (("created", "created"), ("duplicates", "duplicate"), ("rejected", "rejected"))
    }
    report = {
        "tool": file.tool,
        "header_row": file.header_row,
        "columns_used": file.columns_used,
        "columns_ignored": file.columns_ignored,
        "dry_run": dry_run,
        "notes": file.notes,
        **totals,
        "rows": shown[:ROWS_SHOWN],
    }
    if len(shown) > ROWS_SHOWN:
        path = f"{ctx.tenant}/imports/{ulid(ctx.deps.clock.now())}.json"
        ctx.deps.files.put(path, json.dumps({**report, "rows": shown}).encode(), "application/json")
        report["report_url"] = ctx.deps.files.url(path, 3600)
    return report


def _country(row: KeywordRow, file: KeywordFile) -> str | None:
    text = row.country or file.market
    return market(text) if text else None


def _id(sector_id: str, industry_sector: str, row: KeywordRow, file: KeywordFile) -> str:
    return f"{sector_id}-{keyword_id(row.keyword, _country(row, file), industry_sector)}"


def _keyword(ctx: Context, sector_id: str, industry_sector: str, row: KeywordRow, file: KeywordFile) -> Keyword:
    """A keyword with a private seed: the file's figures are the tenant's overrides, never the shared catalogue's."""
    country = _country(row, file)
    attributes = {**row.extra, **({"intents": row.intents} if len(row.intents) > 1 else {})}
    return ctx.repository(KEYWORD).new(
        sector_id,
        keyword_id(row.keyword, country, industry_sector),
        keyword=row.keyword,
        country=country,
        volume_override=row.volume,
        difficulty_override=row.difficulty,
        intent_override=primary_intent(row.intents),
        attribute_values=attributes,
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


def _create(ctx: Context, keywords: list[Keyword]) -> None:
    """Store a batch in one transaction. Keywords that were deleted before come back with the new values; those that another import
    stored at the same moment are left alone."""
    repository = ctx.repository(KEYWORD)
    for attempt in range(_TRIES):
        # the first try takes them all as new, which they nearly always are; what is there is read only when that fails
        stored = {k.id: repository.find(k.id, deleted=True) for k in keywords} if attempt else {}
        writes: list[Write] = []
        pairs: list[tuple[Keyword | None, Keyword | None]] = []
        for keyword in keywords:
            old = stored.get(keyword.id)
            if old is None:
                writes += repository.creating(keyword, counted=False)
                pairs.append((None, keyword))
            elif old.deleted_at:
                again = repository.changed(old, **_values(keyword), deleted_at=None, cluster=None, status="new")
                writes += repository.changing(old, again, counted=False)
                pairs.append((old, again))
        if not writes:
            return
        try:
            ctx.transact(*writes, *repository.counting(pairs))
            return
        except Duplicate:
            continue
    raise Duplicate("Another import changes the same keywords; try again.")


def _values(keyword: Keyword) -> dict[str, Any]:
    names = ("keyword", "country", "volume_override", "difficulty_override", "intent_override", "attribute_values")
    return {n: getattr(keyword, n) for n in names}
