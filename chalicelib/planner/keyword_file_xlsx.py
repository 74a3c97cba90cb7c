"""Excel workbooks and zip archives with the standard library alone, read as streams under limits, without XML entities."""

import io
import zipfile
import zlib
from collections.abc import Callable
from typing import Any
from xml.parsers import expat

from chalicelib.core.errors import TooLarge, UnreadableFile

MAX_UNPACKED_BYTES = 100 * 1024 * 1024
MAX_MEMBERS = 2_000
MAX_COLUMNS = 256
MAX_CELLS_OF_A_ROW = 16_384  # Source: Excel's own limit
MAX_STRINGS = 1_000_000
MAX_CELL_CHARS = 32_767  # Source: Excel's own limit
MAX_ROW_NUMBER = 1_048_576
PREAMBLE_ROWS = 40  # above the header; not counted as data
_CHUNK = 256 * 1024
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    KeyError,
    OverflowError,
    MemoryError,
)
_XML_ERROR = expat.ExpatError


class Archive:
    """A zip whose members are unpacked under one common limit, whatever their headers claim."""

    def __init__(self, data: bytes, filename: str) -> None:
        """Raises: UnreadableFile, TooLarge."""
        self.filename = filename
        self.left = MAX_UNPACKED_BYTES
        try:
            self.zip = zipfile.ZipFile(io.BytesIO(data))
            self.names = [info.filename for info in self.zip.infolist() if not info.is_dir()]
        except Exception as error:  # zipfile raises struct.error, UnicodeDecodeError and more on damaged directories
            raise UnreadableFile(f"{filename}: the archive is damaged ({type(error).__name__}).") from None
        if len(self.names) > MAX_MEMBERS:
            raise TooLarge(f"{filename}: the archive holds {len(self.names):,} files; at most {MAX_MEMBERS:,} are read.", limit=MAX_MEMBERS)

    def stream(self, name: str, take: Callable[[bytes], object]) -> None:
        """Unpack a member piece by piece into `take`. Raises: UnreadableFile, TooLarge."""
        try:
            member = self.zip.open(name)
        except _BROKEN as error:
            raise self._damaged(name, error) from None
        with member:
            while True:
                try:
                    piece = member.read(_CHUNK)
                except _BROKEN as error:
                    raise self._damaged(name, error) from None
                if not piece:
                    return
                self.left -= len(piece)
                if self.left < 0:
                    raise TooLarge(
                        f"{self.filename}: unpacked, the file is larger than {MAX_UNPACKED_BYTES // 1024**2} MB.", limit=MAX_UNPACKED_BYTES
                    )
                take(piece)

    def read(self, name: str) -> bytes:
        """All of a member. Raises: UnreadableFile, TooLarge."""
        pieces: list[bytes] = []
        self.stream(name, pieces.append)
        return b"".join(pieces)

    def _damaged(self, name: str, error: BaseException) -> UnreadableFile:
        what = "has a password" if isinstance(error, RuntimeError) and "password" in str(error) else f"is damaged ({type(error).__name__})"
        return UnreadableFile(f"{self.filename}: {name} in the archive {what}.")


def is_workbook(archive: Archive) -> bool:
    """True for .xlsx, by its content."""
    return "[Content_Types].xml" in archive.names and any(name.startswith("xl/") for name in archive.names)


class _Xml:
    """An expat parser that knows local names, refuses document types (and with them entities), and collects text."""

    def __init__(self, archive: Archive, member: str) -> None:
        self.archive, self.member = archive, member
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = lambda name, attributes: self.start(name.rpartition(":")[2], attributes)
        self.parser.EndElementHandler = lambda name: self.end(name.rpartition(":")[2])

    def _refuse(self, *_: Any) -> None:
        raise UnreadableFile(f"{self.archive.filename}: {self.member} declares a document type, which is not accepted.")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        raise NotImplementedError

    def end(self, name: str) -> None: ...

    def run(self) -> None:
        try:
            self.archive.stream(self.member, self.parser.Parse)
            self.parser.Parse(b"", True)
        except (_XML_ERROR, LookupError) as error:
            raise UnreadableFile(f"{self.archive.filename}: {self.member} is damaged ({error}).") from None


class _Elements(_Xml):
    """The attributes of all elements of one name, in order."""

    def __init__(self, archive: Archive, member: str, wanted: str) -> None:
        super().__init__(archive, member)
        self.wanted, self.found = wanted, list[dict[str, str]]()
        self.run()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == self.wanted:
            self.found.append({key.rpartition(":")[2]: value for key, value in attributes.items()})


class _SharedStrings(_Xml):
    def __init__(self, archive: Archive, member: str) -> None:
        super().__init__(archive, member)
        self.strings: list[str] = []
        self.parts: list[str] = []
        self.phonetic = False
        self.run()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "si":
            self.parts = []
        elif name == "rPh":  # how a Japanese word is read, not part of the text
            self.phonetic = True
        elif name == "t" and not self.phonetic:
            self.parser.CharacterDataHandler = self.parts.append

    def end(self, name: str) -> None:
        if name == "si":
            self.strings.append("".join(self.parts)[:MAX_CELL_CHARS])
            if len(self.strings) > MAX_STRINGS:
                raise TooLarge(f"{self.archive.filename}: the workbook has more than {MAX_STRINGS:,} texts.", limit=MAX_STRINGS)
        elif name == "rPh":
            self.phonetic = False
        elif name == "t":
            self.parser.CharacterDataHandler = None


class _Sheet(_Xml):
    def __init__(self, archive: Archive, member: str, shared: list[str], max_rows: int) -> None:
        super().__init__(archive, member)
        self.shared, self.max_rows = shared, max_rows
        self.rows: list[tuple[int, list[str]]] = []
        self.number = 0
        self.cells: list[str] = []
        self.column = -1
        self.seen = 0
        self.kind = "n"
        self.parts: list[str] = []
        self.phonetic = False
        self.run()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            self.seen += 1
            if self.seen > MAX_CELLS_OF_A_ROW:
                raise UnreadableFile(f"{self.archive.filename}: row {self.number} of a sheet has more cells than Excel has columns.")
            self.column = _column(attributes["r"]) if "r" in attributes else self.column + 1
            self.kind, self.parts = attributes.get("t", "n"), []
        elif name in ("v", "t") and not self.phonetic:
            self.parser.CharacterDataHandler = self.parts.append
        elif name == "row":
            stated = attributes.get("r", "")
            self.number = (
                int(stated) if stated.isdecimal() and len(stated) < 8 and self.number < int(stated) <= MAX_ROW_NUMBER else self.number + 1
            )
            self.cells, self.column, self.seen = [], -1, 0
        elif name == "rPh":
            self.phonetic = True

    def end(self, name: str) -> None:
        if name in ("v", "t"):
            self.parser.CharacterDataHandler = None
        elif name == "c":
            text = _cell(self.kind, "".join(self.parts), self.shared)
            if text and 0 <= self.column < MAX_COLUMNS:
                self.cells.extend([""] * (self.column + 1 - len(self.cells)))
                self.cells[self.column] = text
        elif name == "row":
            if self.cells:
                self.rows.append((self.number, self.cells))
                if len(self.rows) > self.max_rows + PREAMBLE_ROWS:
                    raise TooLarge(f"{self.archive.filename}: a sheet has more than {self.max_rows:,} rows.", limit=self.max_rows)
        elif name == "rPh":
            self.phonetic = False


def _column(reference: str) -> int:
    """`B7` -> 1; anything odd -> beyond the last column, where it is dropped."""
    index = 0
    for letter in reference[:4]:
        if not ("A" <= letter <= "Z"):
            break
        index = index * 26 + ord(letter) - 64
    return index - 1 if index else MAX_COLUMNS


def _cell(kind: str, raw: str, shared: list[str]) -> str:
    if kind == "s":
        return shared[int(raw)] if raw.strip().isascii() and raw.strip().isdigit() and len(raw) < 9 and int(raw) < len(shared) else ""
    if kind == "b":
        return "true" if raw.strip() == "1" else "false"
    if kind == "e":  # #N/A, #REF!: no value
        return ""
    if kind == "n" and raw:
        return _plain_number(raw)
    return raw[:MAX_CELL_CHARS]


def _plain_number(raw: str) -> str:
    """A stored number such as `8.7000000000000002` or `1.3E3` as people write it, never readable as thousands."""
    try:
        value = float(raw)
    except ValueError:
        return raw[:MAX_CELL_CHARS]
    if value != value or abs(value) > 1e15:
        return raw[:40]
    if value.is_integer():
        return str(int(value))
    text = f"{value:.10f}".rstrip("0")
    return text + "0" if len(text.rpartition(".")[2]) == 3 else text


def read_sheets(archive: Archive, max_rows: int) -> list[tuple[str, list[tuple[int, list[str]]]]]:
    """All sheets of a workbook in its order: (name, [(row number, cells)]); rows without content are left out.

    Raises: UnreadableFile, TooLarge (a sheet of more than `max_rows` rows, or too much when unpacked).
    """
    names = {name.casefold(): name for name in archive.names}
    if "xl/workbook.xml" not in names:
        raise UnreadableFile(f"{archive.filename}: the workbook has no list of sheets.")
    relations = (
        _Elements(archive, names["xl/_rels/workbook.xml.rels"], "Relationship").found if "xl/_rels/workbook.xml.rels" in names else []
    )
    targets = {r.get("Id", ""): r.get("Target", "") for r in relations}
    shared_member = names.get("xl/sharedstrings.xml")
    shared = _SharedStrings(archive, shared_member).strings if shared_member else []
    sheets = []
    for position, sheet in enumerate(_Elements(archive, names["xl/workbook.xml"], "sheet").found, 1):
        target = targets.get(sheet.get("id", ""), f"worksheets/sheet{position}.xml")
        path = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
        member = names.get(path.casefold())
        if member and "chartsheet" not in path:
            sheets.append((sheet.get("name", f"Sheet{position}"), _Sheet(archive, member, shared, max_rows).rows))
    if not sheets:
        raise UnreadableFile(f"{archive.filename}: the workbook has no sheet that can be read.")
    return sheets
