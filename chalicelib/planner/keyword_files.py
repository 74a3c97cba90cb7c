"""Keyword files: read the exports of the known keyword tools into rows with an outcome each, and write our own CSV."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core.errors import TooLarge, UnreadableFile, ValidationFailed
from chalicelib.planner.keyword_cells import neutralise_cell
from chalicelib.planner.keyword_file_bytes import HEADER_SEARCH_ROWS, NO_DELIMITER, Row, Table, read_tables
from chalicelib.planner.keyword_file_formats import (
    OUR_COLUMNS,
    TOOLS,
    Columns,
    market_of_filename,
    normalise_header,
    read_header,
    score_header,
)
from chalicelib.planner.keyword_file_names import COUNTRY_FILTERS
from chalicelib.planner.keyword_file_rows import KeywordRow, RowReader
from chalicelib.planner.keyword_markets import market

EXPORT_COLUMNS = ("keyword", "volume", "difficulty", "intent", "status", "cluster")
SEARCH_CONSOLE_CAP = 1_000


@dataclass
class KeywordFile:
    """What a file holds.

    tool: see `keyword_file_formats.TOOLS`. header_row: 1-based. columns_used: our column -> their header. columns_ignored:
    `{"column", "reason"}` each. rows: in the order of the file, rows without any content left out. market: of the whole file, from
    its name or its filters. locale: of a Search Console export. tables: names of the sheets or files read; tables_skipped:
    `{"table", "reason"}` each. notes: for a person.
    """

    tool: str
    header_row: int
    columns_used: dict[str, str]
    columns_ignored: list[dict[str, str]]
    rows: list[KeywordRow]
    market: str | None = None
    locale: str | None = None
    encoding: str = ""
    delimiter: str = ""
    tables: list[str] = field(default_factory=list)
    tables_skipped: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def count(self, outcome: str) -> int:
        """How many rows have this outcome: `ok`, `duplicate` or `rejected`."""
        return sum(1 for row in self.rows if row.outcome == outcome)


def read_keyword_file(
    data: bytes, *, filename: str = "", mapping: dict[str, str] | None = None, tool: str | None = None, max_rows: int = 100_000
) -> KeywordFile:
    """Read an export of a keyword tool: CSV in any usual encoding, .xlsx, or the .zip of Search Console.

    filename: only for messages and for the market some tools write into it. mapping: our column (see OUR_COLUMNS) -> their header,
    for files with other names. tool: overrides the detection. max_rows: data rows of the whole file.

    Raises: UnreadableFile (empty, no text, damaged, no keyword column), ValidationFailed (mapping or tool), TooLarge.
    Source: rules of the tools' formats as published exports show them; what is guessed is never written as an exact number.
    """
    name = filename.rpartition("/")[2].rpartition("\\")[2][:200] or "the file"
    wanted = _check_options(mapping, tool)
    tables = read_tables(data, name, lambda cells: score_header(cells, wanted), max_rows)
    if not any(any(cell.strip() for cell in row.cells) for table in tables for row in table.rows[:1000]):
        raise UnreadableFile(f"{name}: the file is empty.")
    found, skipped = _find_headers(tables, wanted, tool)
    if not found:
        raise _no_keyword_column(name, tables, mapping, wanted)
    first = next((entry for entry in found if entry[2].tool != "generic"), found[0])
    out = KeywordFile(
        tool=first[2].tool,
        header_row=first[0].rows[first[1]].number,
        columns_used={},
        columns_ignored=[],
        rows=[],
        encoding=first[0].encoding,
        delimiter="" if first[0].delimiter == NO_DELIMITER else first[0].delimiter,
        locale=first[2].locale,
        tables_skipped=skipped,
        tables=[table.name for table, _, _ in found if table.name],
    )
    out.market = market_of_filename(filename, out.tool) or _filtered_country(tables)
    _check_mapping(mapping, wanted, [columns for _, _, columns in found])
    reader = RowReader(out.market)
    for table, header_at, columns in found:
        used = {**columns.used, **{f"month {month}": at for at, month in columns.months.items()}}
        for ours, at in used.items():
            out.columns_used.setdefault(ours, columns.header[at].strip())
        known = {entry["column"] for entry in out.columns_ignored}
        out.columns_ignored += [{"column": c, "reason": r} for c, r in columns.ignored if c not in known]
        rows = _filled(table.rows[header_at + 1 :])
        if len(reader.rows) + len(rows) > max_rows:
            raise TooLarge(f"{name}: the file has more than {max_rows:,} rows.", limit=max_rows)
        reader.read(rows, columns, sheet=table.name if len(found) > 1 else "")
    out.rows = reader.rows
    if out.tool == "gsc" and len(out.rows) == SEARCH_CONSOLE_CAP:
        out.notes.append("Search Console exports stop at 1,000 rows: this one is probably cut off.")
    if out.tool == "gsc":
        out.notes.append("Search Console counts impressions of your own site, not searches: the search volume stays empty.")
    return out


def _check_options(mapping: dict[str, str] | None, tool: str | None) -> dict[str, str]:
    """The mapping with normalised headers. Raises: ValidationFailed."""
    if tool is not None and tool not in TOOLS:
        raise ValidationFailed.field("tool", f"unknown tool {tool!r}; one of {', '.join(TOOLS)}")
    wanted: dict[str, str] = {}
    for ours, their in (mapping or {}).items():
        if ours not in OUR_COLUMNS:
            raise ValidationFailed.field("mapping", f"unknown column {ours!r}; one of {', '.join(OUR_COLUMNS)}")
        if not isinstance(their, str) or not normalise_header(their):
            raise ValidationFailed.field("mapping", f"{ours} needs the name of a column of the file")
        if normalise_header(their) in wanted.values():
            raise ValidationFailed.field("mapping", f"the column {their!r} is given twice")
        wanted[ours] = normalise_header(their)
    return wanted


def _find_headers(
    tables: list[Table], wanted: dict[str, str], tool: str | None
) -> tuple[list[tuple[Table, int, Columns]], list[dict[str, str]]]:
    """(table, index of its header row, columns) of each table with a keyword column, and the tables without one."""
    found, skipped = [], []
    for table in tables:
        scores = [score_header(row.cells, wanted) for row in table.rows[:HEADER_SEARCH_ROWS]]
        best = max(scores, default=0)
        if best:
            at = scores.index(best)
            found.append((table, at, read_header(table.rows[at].cells, tool=tool, wanted=wanted)))
        else:
            reason = f"no keyword column in the first {HEADER_SEARCH_ROWS} rows" if table.rows else "empty"
            skipped.append({"table": table.name, "reason": reason})
    if any(columns.tool == "gsc" for _, _, columns in found):  # its other tables are pages, countries and days
        skipped += [{"table": t.name, "reason": "not a table of queries"} for t, _, c in found if c.tool != "gsc"]
        found = [entry for entry in found if entry[2].tool == "gsc"]
    return [entry for entry in found if "keyword" in entry[2].used], skipped


def _shown_header(tables: list[Table]) -> list[str]:
    """The row that looks most like a header when none names a keyword: the first one with most cells."""
    rows = [row.cells for table in tables for row in table.rows[:HEADER_SEARCH_ROWS]]
    widest: list[str] = max(rows, key=lambda cells: sum(1 for cell in cells if cell.strip()), default=[])
    return [cell.strip()[:80] for cell in widest[:60]]


def _no_keyword_column(
    name: str, tables: list[Table], mapping: dict[str, str] | None, wanted: dict[str, str]
) -> UnreadableFile | ValidationFailed:
    header = _shown_header(tables)
    if "keyword" in wanted:
        return ValidationFailed.field("mapping", f"{name}: there is no column {(mapping or {})['keyword']!r}; found: {', '.join(header)}")
    return UnreadableFile(
        f"{name}: there is no keyword column in the first {HEADER_SEARCH_ROWS} rows. Found: {', '.join(header)}. "
        'Name it with mapping, for example {"keyword": "<their column>"}.',
        header=header,
        hint="mapping",
    )


def _check_mapping(mapping: dict[str, str] | None, wanted: dict[str, str], all_columns: list[Columns]) -> None:
    there = {normalise_header(cell) for columns in all_columns for cell in columns.header}
    for ours, their in wanted.items():
        if their not in there:
            header = ", ".join(cell.strip()[:80] for cell in all_columns[0].header[:60])
            raise ValidationFailed.field("mapping", f"there is no column {(mapping or {})[ours]!r}; found: {header}")


def _filled(rows: list[Row]) -> list[Row]:
    return [row for row in rows if any(cell and not cell.isspace() for cell in row.cells)]


def _filtered_country(tables: list[Table]) -> str | None:
    """The country of a Search Console export, which stands only in its table of filters."""
    for table in tables:
        if len(table.rows) > 50 or table.name == "":
            continue
        for row in table.rows:
            if len(row.cells) == 2 and normalise_header(row.cells[0]) in COUNTRY_FILTERS and row.cells[1].strip():
                return market(row.cells[1])
    return None


# --- export -------------------------------------------------------------------------------------------------------------


def write_keyword_csv(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """UTF-8 CSV of EXPORT_COLUMNS; None and missing values are empty cells; reading it gives the same keywords back."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(EXPORT_COLUMNS)
    for row in rows:
        values = (row.get(column) for column in EXPORT_COLUMNS)
        writer.writerow(["" if v is None else neutralise_cell(v) if isinstance(v, str) else v for v in values])
    return out.getvalue().encode("utf-8", "replace")
