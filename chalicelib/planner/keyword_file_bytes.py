"""From the bytes of an upload to tables of text cells: encodings, delimiters, workbooks and archives, with hard limits."""

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from chalicelib.core.errors import TooLarge, UnreadableFile
from chalicelib.planner.keyword_file_xlsx import PREAMBLE_ROWS, Archive, is_workbook, read_sheets

MAX_BYTES = 50 * 1024 * 1024
HEADER_SEARCH_ROWS = PREAMBLE_ROWS
_DELIMITERS = (",", ";", "\t", "|")
NO_DELIMITER = "\x1f"  # of a file with one column
_MAX_LINES_PER_ROW = 100
_MAX_LINE_CHARS = 1_000_000
_MAX_CELLS = 1_000
_SAMPLE_LINES = 400
_SAMPLE_CHARS = 200_000

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"RIFF", "a media file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file (.xls) or one with a password"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"SQLite format 3", "a database"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"PAR1", "a Parquet file"),
    (b"{\\rtf", "an RTF document"),
)


@dataclass
class Row:
    """number: 1-based, counted as a spreadsheet counts rows. broken: a quotation mark is opened and never closed."""

    number: int
    cells: list[str]
    broken: bool = False


@dataclass
class Table:
    """One CSV file or one sheet. name: of the sheet or of the file inside an archive, '' for a single CSV."""

    name: str
    rows: list[Row] = field(default_factory=list)
    encoding: str = ""
    delimiter: str = ""


def read_tables(data: bytes, filename: str, score: Callable[[Sequence[str]], int], max_rows: int) -> list[Table]:
    """All tables of an upload: one for a CSV, one per sheet of a workbook, one per CSV of an archive.

    score: how many known columns a row names; decides the delimiter. max_rows: data rows a table may have.
    Raises: UnreadableFile, TooLarge (both name the file).
    """
    if len(data) > MAX_BYTES:
        raise TooLarge(f"{filename}: the file has {len(data):,} bytes; at most {MAX_BYTES:,} are read.", limit=MAX_BYTES)
    if not data.strip(b"\x00 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise UnreadableFile(f"{filename}: the file is empty.")
    if data[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _archive_tables(data, filename, score, max_rows)
    text, encoding = decode(data, filename)
    return [csv_table("", text, encoding, filename, score, max_rows)]


def _archive_tables(data: bytes, filename: str, score: Callable[[Sequence[str]], int], max_rows: int) -> list[Table]:
    archive = Archive(data, filename)
    if is_workbook(archive):
        return [Table(name, [Row(number, cells) for number, cells in rows], "xlsx") for name, rows in read_sheets(archive, max_rows)]
    tables = []
    for name in archive.names:
        base = name.rpartition("/")[2]
        if not base.casefold().endswith((".csv", ".tsv", ".txt")) or base.startswith(".") or name.startswith("__MACOSX/"):
            continue
        inner = archive.read(name)
        where = f"{filename}: {base}"
        if inner.strip(b"\x00 \t\r\n\xef\xbb\xbf\xff\xfe"):
            text, encoding = decode(inner, where)
            tables.append(csv_table(base, text, encoding, where, score, max_rows))
    if not tables:
        raise UnreadableFile(f"{filename}: the archive holds no CSV file with content.")
    return tables


# --- text ---------------------------------------------------------------------------------------------------------------


def decode(data: bytes, filename: str) -> tuple[str, str]:
    """The text and the name of its encoding: BOM, then the pattern of zero bytes, then UTF-8, then Windows-1252.

    Raises: UnreadableFile when the bytes are no text or text in another encoding, which would become letter salad.
    """
    for magic, what in _MAGIC:
        if data.startswith(magic):
            raise UnreadableFile(f"{filename}: this is {what}. Upload a CSV, an .xlsx workbook or a Search Console .zip.")
    text, encoding = _decode(data, filename)
    text = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    sample = text[:_SAMPLE_CHARS]
    controls = sum(1 for c in sample if c < " " and c not in "\t\n\f\v") if re.search("[\x00-\x08\x0e-\x1f]", sample) else 0
    if controls > max(3, len(sample) // 50) or (encoding.startswith("utf-16") and not _is_plausible(sample)):
        raise UnreadableFile(f"{filename}: the bytes are not text.")
    return text.replace("\x00", ""), encoding


def _decode(data: bytes, filename: str) -> tuple[str, str]:
    if data.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        return data[: len(data) // 4 * 4].decode("utf-32", "replace"), "utf-32"
    for bom, name in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if data.startswith(bom):
            return data[2 : len(data) // 2 * 2].decode(name, "replace"), name
    if data.startswith(b"\xef\xbb\xbf"):
        return data[3:].decode("utf-8", "replace"), "utf-8-sig"
    if name := _utf16_without_bom(data):
        return data[: len(data) // 2 * 2].decode(name, "replace"), name
    text = data.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    if not bad or bad * 5 < sum(1 for c in text if c > "\x7f") - bad:
        return text, "utf-8"  # a few damaged characters in a file that is UTF-8 otherwise: their rows are rejected, not all letters changed
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        raise UnreadableFile(f"{filename}: the text is neither UTF-8 nor UTF-16 nor Windows-1252. Save it as UTF-8.") from None
    letters = [c for c in text[:_SAMPLE_CHARS] if c.isalpha()]
    if len(letters) > 20 and sum(1 for c in letters if c > "\x7f") > 0.45 * len(letters):
        raise UnreadableFile(f"{filename}: the text seems to be in a regional encoding that cannot be told apart. Save it as UTF-8.")
    return text, "cp1252"


def _utf16_without_bom(data: bytes) -> str:
    """Text in Latin letters has a zero in every second byte; delimiters and digits alone make some in any language."""
    sample = data[:4096]
    if len(sample) < 4 or b"\x00" not in sample:
        return ""
    half = len(sample) / 2
    even, odd = sample[0::2].count(0) / half, sample[1::2].count(0) / half
    if odd > 0.2 and even < 0.02:
        return "utf-16-le"
    return "utf-16-be" if even > 0.2 and odd < 0.02 else ""


def _is_plausible(sample: str) -> bool:
    """False for random bytes read as UTF-16: those hit unassigned, private and broken characters all the time."""
    odd = sum(1 for c in sample[:5000] if unicodedata.category(c) in ("Cn", "Co", "Cs") or c == "\ufffd")
    return odd <= max(2, len(sample[:5000]) // 50)


# --- delimiters and rows ------------------------------------------------------------------------------------------------


def csv_table(name: str, text: str, encoding: str, filename: str, score: Callable[[Sequence[str]], int], max_rows: int) -> Table:
    """Split a text into rows. Raises: TooLarge when it has more than `max_rows` data rows."""
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    delimiter = choose_delimiter(lines, score)
    table = Table(name, [], encoding, delimiter)
    filled = 0
    for row in split_rows(lines, delimiter):
        table.rows.append(row)
        filled += bool(row.cells)
        if filled > max_rows + HEADER_SEARCH_ROWS:
            raise TooLarge(f"{filename}: the file has more than {max_rows:,} rows.", limit=max_rows)
    return table


def choose_delimiter(lines: list[str], score: Callable[[Sequence[str]], int]) -> str:
    """The delimiter under which some row of the first 40 names most columns; without any, the one that splits most evenly."""
    first = lines[0].strip().strip('"').casefold() if lines else ""
    if first.startswith("sep=") and len(first) <= 5:
        return first[4:] or "\t"
    sample, size = [], 0
    for line in lines[:_SAMPLE_LINES]:
        sample.append(line[:_SAMPLE_CHARS])
        size += len(line)
        if size > _SAMPLE_CHARS:
            break
    best, most, width = "", 0, 0
    for delimiter in _DELIMITERS:
        for _, row in zip(range(HEADER_SEARCH_ROWS), split_rows(sample, delimiter), strict=False):
            points = score(row.cells)
            if (points, len(row.cells)) > (most, width) and points:
                best, most, width = delimiter, points, len(row.cells)
    if best:
        return best if width > 1 else NO_DELIMITER  # a single column: what looks like a delimiter belongs to the keyword
    unquoted = [re.sub(r'"[^"]*"', "", line) for line in sample if line.strip()]
    counts = {d: sorted(line.count(d) for line in unquoted)[len(unquoted) // 2] if unquoted else 0 for d in _DELIMITERS}
    return max(_DELIMITERS, key=lambda d: counts[d])


class _Lines:
    """Feeds the csv reader and ends a row that swallows too many lines because of a quotation mark that is never closed."""

    def __init__(self, lines: list[str]) -> None:
        self.lines, self.at, self.limit = lines, 0, 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.at >= min(len(self.lines), self.limit):
            raise StopIteration
        self.at += 1
        return self.lines[self.at - 1] + "\n"


def split_rows(lines: list[str], delimiter: str) -> Iterator[Row]:
    """Rows of cells; a quoted cell may span lines. A row with an unbalanced quotation mark is marked broken and costs no other row."""
    feed = _Lines(lines)
    reader = csv.reader(feed, delimiter=delimiter)
    number = 0
    while feed.at < len(lines):
        number += 1
        start = feed.at
        if '"' not in lines[start] or len(lines[start]) > _MAX_LINE_CHARS:
            feed.at += 1
            cells = lines[start][:_MAX_LINE_CHARS].split(delimiter, _MAX_CELLS) if lines[start] else []
            yield Row(number, cells, len(lines[start]) > _MAX_LINE_CHARS)
            continue
        feed.limit = start + _MAX_LINES_PER_ROW
        try:
            cells = next(reader)
            broken = bool(cells) and cells[-1].endswith("\n")
            if feed.at - start > 1 and not broken:
                for _ in csv.reader(io.StringIO("\n".join(lines[start : feed.at]), newline=""), delimiter=delimiter, strict=True):
                    pass
        except (csv.Error, StopIteration):
            broken, cells = True, []
        if broken:
            feed.at = start + 1
            cells = lines[start].split(delimiter, _MAX_CELLS)
            reader = csv.reader(feed, delimiter=delimiter)
        yield Row(number, cells, broken)
