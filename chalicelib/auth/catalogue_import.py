"""The catalogue's CSV import: `keyword,industry,sector,volume,difficulty,country,is_active`, every row reported.

Industries and sectors are matched by their exact names and never made here. A seed that is there already keeps its words and takes
the file's volume, difficulty, intent and activity.
"""

import csv
import io
from typing import Any

from chalicelib.auth.catalogue import SEED, IndustrySector, SeedKeyword, SeedKeywords, all_industries, all_sectors
from chalicelib.core.context import Context
from chalicelib.core.errors import TooLarge, UnreadableFile, ValidationFailed
from chalicelib.planner.keyword_file_bytes import decode
from chalicelib.planner.keyword_intents import INTENTS

COLUMNS = ("keyword", "industry", "sector", "volume", "difficulty", "country", "is_active", "intent")
REQUIRED = COLUMNS[:3]
ROWS_MAX, BYTES_MAX, REPORTED_MAX = 5_000, 4_000_000, 1_000  # Source: contract, "Keyword files"
_TRUE, _FALSE = frozenset({"", "1", "true", "yes"}), frozenset({"0", "false", "no"})
_ABSENT = frozenset({"", "-", "–", "n/a", "na", "none", "null"})  # noqa: RUF001 - exports write a dash


def import_seeds(ctx: Context, data: bytes, filename: str = "", *, dry_run: bool = False) -> dict[str, Any]:
    """{created, updated, unchanged, rejected, rows: [{row, keyword, outcome, reason?, id?}]}, the first 1,000 rows.

    Raises: UnreadableFile (nothing is stored then), TooLarge.
    """
    rows = _rows(data, filename)
    seeds = SeedKeywords(ctx)
    sectors = _sectors_by_name(ctx)
    lines: list[dict[str, Any]] = []
    wanted: dict[str, tuple[dict[str, Any], SeedKeyword]] = {}
    for number, row in rows:
        line: dict[str, Any] = {"row": number, "keyword": row["keyword"]}
        lines.append(line)
        try:
            seed = seeds.new(_fields(row), _sector(sectors, row))
        except ValidationFailed as error:
            line.update(outcome="rejected", reason=error.message)
            continue
        if seed.id in wanted:
            line.update(outcome="rejected", reason=f"is the keyword of row {wanted[seed.id][0]['row']} again.", id=seed.id)
            continue
        wanted[seed.id] = (line, seed)
    there = ctx.deps.table.get_many(SEED.place.key("", i) for i in wanted)
    for identity, (line, seed) in wanted.items():
        item = there.get(SEED.place.key("", identity))
        line.update(id=identity, outcome=_store(seeds, seed, SEED.from_item(item) if item else None, dry_run=dry_run))
    counts = {name: sum(line["outcome"] == name for line in lines) for name in ("created", "updated", "unchanged", "rejected")}
    return {**counts, "rows": lines[:REPORTED_MAX]}


def _store(seeds: SeedKeywords, seed: SeedKeyword, there: SeedKeyword | None, *, dry_run: bool) -> str:
    values = {**seed.model_dump(include=set(SEED.patch)), "deleted_at": None}
    if there is not None and all(getattr(there, k) == v for k, v in values.items()):
        return "unchanged"
    if not dry_run:
        if there is None:
            seeds.repository.create(seed)
        else:
            seeds.repository.patch(seed.id, values, deleted=True)
    return "created" if there is None else "updated"


def _rows(data: bytes, filename: str) -> list[tuple[int, dict[str, str]]]:
    if len(data) > BYTES_MAX:
        raise TooLarge(f"The file has {len(data)} bytes; at most {BYTES_MAX} are read.")
    text, _ = decode(data, filename)
    try:
        table = list(csv.reader(io.StringIO(text)))
    except csv.Error as error:
        raise UnreadableFile(f"The file is no CSV: {error}.") from None
    header = [cell.strip().lower() for cell in table[0]] if table else []
    if missing := [c for c in REQUIRED if c not in header]:
        raise UnreadableFile(f"The first row must name the columns {', '.join(COLUMNS)}; missing: {', '.join(missing)}.")
    if len(table) - 1 > ROWS_MAX:
        raise TooLarge(f"The file has {len(table) - 1} rows; at most {ROWS_MAX} are read at once.")
    found = ((n, dict(zip(header, (c.strip() for c in row), strict=False))) for n, row in enumerate(table[1:], 2) if any(row))
    return [(n, {c: row.get(c, "") for c in COLUMNS}) for n, row in found]


def _sectors_by_name(ctx: Context) -> dict[tuple[str, str], IndustrySector]:
    names = {i.id: i.name for i in all_industries(ctx)}
    return {(names[s.industry], s.name): s for s in all_sectors(ctx) if s.industry in names}


def _sector(sectors: dict[tuple[str, str], IndustrySector], row: dict[str, str]) -> IndustrySector:
    if found := sectors.get((row["industry"], row["sector"])):
        return found
    if row["industry"] not in {industry for industry, _ in sectors}:
        raise ValidationFailed.field("industry", f"there is no industry named exactly {row['industry']!r} that has sectors.")
    raise ValidationFailed.field("sector", f"there is no sector named exactly {row['sector']!r} in {row['industry']}.")


def _fields(row: dict[str, str]) -> dict[str, Any]:
    active, intent = row["is_active"].lower(), row["intent"].lower()
    if active not in _TRUE | _FALSE:
        raise ValidationFailed.field("is_active", "must be true or false.")
    if intent and intent not in INTENTS:
        raise ValidationFailed.field("intent", f"must be one of {', '.join(INTENTS)}.")
    return {
        "keyword": row["keyword"],
        "volume": _number(row, "volume"),
        "difficulty": _number(row, "difficulty"),
        "country": row["country"] or None,
        "intent": intent or None,
        "is_active": active in _TRUE,
    }


def _number(row: dict[str, str], name: str) -> int | None:
    text = row[name].replace(",", "").lower()
    if text in _ABSENT:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 13:
        raise ValidationFailed.field(name, "must be a whole number, or empty when unknown.")
    return int(text)
