"""Workbooks and archives: all their tables are read, and what is damaged, hostile or too large is a clear 4xx."""

import io
import zipfile
from collections.abc import Sequence
from xml.sax.saxutils import escape

import pytest

from chalicelib.core.errors import AppError, TooLarge, UnreadableFile
from chalicelib.planner import keyword_file_xlsx
from chalicelib.planner.keyword_files import KeywordFile, read_keyword_file


def keywords(file: KeywordFile) -> list[str]:
    return [row.keyword for row in file.rows]


# --- workbooks ----------------------------------------------------------------------------------------------------------

Cells = Sequence[Sequence[str | int | float | bool | None]]


def letters(index: int) -> str:
    out = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        out = chr(65 + rest) + out
    return out


def workbook(sheets: Sequence[tuple[str, Cells]], *, inline: bool = False, prefix: str = "", doctype: str = "") -> bytes:
    """A minimal .xlsx, with shared or inline strings, and optionally a namespace prefix as some writers use."""
    strings: list[str] = []
    p = f"{prefix}:" if prefix else ""
    space = f'xmlns{":" + prefix if prefix else ""}="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'

    def cell(value: str | int | float | bool, place: str) -> str:
        if isinstance(value, bool):
            return f'<{p}c r="{place}" t="b"><{p}v>{int(value)}</{p}v></{p}c>'
        if isinstance(value, int | float):
            return f'<{p}c r="{place}"><{p}v>{value!r}</{p}v></{p}c>'
        if inline:
            return f'<{p}c r="{place}" t="inlineStr"><{p}is><{p}t>{escape(value)}</{p}t></{p}is></{p}c>'
        strings.append(value)
        return f'<{p}c r="{place}" t="s"><{p}v>{len(strings) - 1}</{p}v></{p}c>'

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        names = "".join(f'<{p}sheet name="{escape(name)}" sheetId="{i}" r:id="rId{i}"/>' for i, (name, _) in enumerate(sheets, 1))
        archive.writestr("xl/workbook.xml", f'<{p}workbook {space} xmlns:r="r"><{p}sheets>{names}</{p}sheets></{p}workbook>')
        links = "".join(f'<Relationship Id="rId{i}" Target="worksheets/data{i}.xml"/>' for i, _ in enumerate(sheets, 1))
        archive.writestr("xl/_rels/workbook.xml.rels", f"<Relationships>{links}</Relationships>")
        for i, (_, rows) in enumerate(sheets, 1):
            body = "".join(
                f'<{p}row r="{n}">' + "".join(cell(v, f"{letters(c)}{n}") for c, v in enumerate(row) if v is not None) + f"</{p}row>"
                for n, row in enumerate(rows, 1)
                if row
            )
            archive.writestr(
                f"xl/worksheets/data{i}.xml",
                f"<?xml version='1.0'?>{doctype}<{p}worksheet {space}><{p}sheetData>{body}</{p}sheetData></{p}worksheet>",
            )
        items = "".join(f"<{p}si><{p}t>{escape(s)}</{p}t><{p}rPh><{p}t>reading</{p}t></{p}rPh></{p}si>" for s in strings)
        archive.writestr("xl/sharedStrings.xml", f"<{p}sst {space}>{items}</{p}sst>")
    return out.getvalue()


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("prefix", ["", "x"])
def test_all_sheets_of_a_workbook(inline: bool, prefix: str) -> None:
    data = workbook(
        [
            ("Read me", [["Exported with groups"]]),
            (
                "Dogs",
                [
                    ["Keyword", "Volume", "KD %", "Intent"],
                    ["dog & bed", 60500, 28.5, "I"],
                    [],
                    ["größe", "1,300", None, 0],
                    [2024, None, 7],
                ],
            ),
            ("Cats", [["volume", "keyword"], [5, "cat bed"], [6, "Dog  & bed"], [1.3e3, None]]),
            ("Empty", []),
        ],
        inline=inline,
        prefix=prefix,
    )
    file = read_keyword_file(data, filename="groups.xlsx")
    assert [(r.extra["sheet"], r.row, r.keyword, r.volume, r.difficulty, r.intents) for r in file.rows if r.outcome == "ok"] == [
        ("Dogs", 2, "dog & bed", 60500, 29, ["informational"]),
        ("Dogs", 4, "größe", 1300, None, ["commercial"]),
        ("Dogs", 5, "2024", None, 7, []),
        ("Cats", 2, "cat bed", 5, None, []),
    ]
    assert file.rows[4].reason == "the same keyword as row 2 of Dogs" and file.rows[5].outcome == "rejected"
    assert (file.header_row, file.tables) == (1, ["Dogs", "Cats"])
    assert [entry["table"] for entry in file.tables_skipped] == ["Read me", "Empty"]


def test_semrush_and_search_console_workbooks() -> None:
    semrush = workbook(
        [("dogs", [["Keyword", "Intent", "Volume", "Keyword Difficulty", "CPC (USD)"], ["dog bed", "Commercial", 40500, 43, 0.87]])]
    )
    file = read_keyword_file(semrush, filename="dogs_broad-match_uk_2026-05-01.xlsx")
    assert (file.tool, file.market, file.rows[0].volume, file.rows[0].extra["cpc"]) == ("semrush-kmt", "uk", 40500, 0.87)
    console = workbook(
        [
            ("Chart", [["Date", "Clicks"], [45000, 3]]),
            ("Queries", [["Top queries", "Clicks", "Impressions", "CTR", "Position"], ["norway pass", 12, 340, 0.035, 8.2]]),
            ("Pages", [["Top pages", "Clicks", "Impressions", "CTR", "Position"], ["https://x.test/", 12, 340, 0.035, 8.2]]),
            ("Filters", [["Filter", "Value"], ["Search type", "Web"], ["Country", "United Kingdom"]]),
        ]
    )
    file = read_keyword_file(console, filename="site.xlsx")
    assert (file.tool, file.market, keywords(file), file.rows[0].country) == ("gsc", "uk", ["norway pass"], "uk")
    assert file.rows[0].extra == {"impressions": 340, "clicks": 12, "position": 8.2, "ctr": 0.035}


def test_a_workbook_written_by_openpyxl() -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["Keyword", "Volume", "Difficulty"])
    book.active.append(["Köln büro", 1234.5, 85.18])
    book.create_chartsheet("chart")
    out = io.BytesIO()
    book.save(out)
    file = read_keyword_file(out.getvalue(), filename="book.xlsx")
    assert [(r.keyword, r.volume, r.difficulty) for r in file.rows] == [("Köln büro", 1235, 85)]


def test_xml_entities_are_refused() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    with pytest.raises(UnreadableFile, match="document type"):
        read_keyword_file(workbook([("s", [["Keyword"], ["a"]])], doctype=bomb), filename="evil.xlsx")


def test_a_damaged_workbook() -> None:
    data = workbook([("s", [["Keyword"], ["a b"]])])
    broken = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(broken, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name)[:-12] if "data1" in name else old.read(name))
    for wrong in (broken.getvalue(), data[: len(data) // 2], data[:60] + b"\x00" * 40 + data[100:]):
        with pytest.raises(UnreadableFile, match=r"book\.xlsx"):
            read_keyword_file(wrong, filename="book.xlsx")


def test_a_sheet_with_too_many_rows_and_cells_far_away() -> None:
    rows = [["Keyword"], *[[f"k {i}"] for i in range(60)]]
    with pytest.raises(TooLarge, match=r"10 rows"):
        read_keyword_file(workbook([("s", rows)]), filename="b.xlsx", max_rows=10)
    data = workbook([("s", [["Keyword"] + [None] * 16_000 + ["far"], ["a b"] + [None] * 16_000 + ["away"]])])
    assert keywords(read_keyword_file(data)) == ["a b"]
    with pytest.raises(UnreadableFile, match="more cells"):
        read_keyword_file(workbook([("s", [["Keyword"] * 16_385])]), filename="wide.xlsx")


# --- archives -----------------------------------------------------------------------------------------------------------


def archive(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in files.items():
            made.writestr(name, data)
    return out.getvalue()


def test_a_german_search_console_archive() -> None:
    data = archive(
        {
            "Seiten.csv": 'Häufigste Seiten,Klicks,Impressionen,Klickrate,Position\nhttps://x.test/,12,400,"3,0 %","4,2"\n'.encode(),
            "Suchanfragen.csv": 'Häufigste Suchanfragen,Klicks,Impressionen,Klickrate,Position\nbüro,9,1.300,"3,0 %","6,1"\n'.encode(),
            "Länder.csv": b'Land,Klicks,Impressionen,Klickrate,Position\nDeutschland,9,300,"3,0 %","6,1"\n',
            "Filter.csv": b"Filter,Wert\nSuchtyp,Web\nLand,Deutschland\n",
            "__MACOSX/._Suchanfragen.csv": b"\x00\x05\x16\x07",
        }
    )
    file = read_keyword_file(data, filename="x.zip")
    (row,) = file.rows
    assert (file.tool, file.locale, file.market, file.tables) == ("gsc", "de", "de", ["Suchanfragen.csv"])
    assert (row.keyword, row.country, row.volume, row.extra) == (
        "büro",
        "de",
        None,
        {"impressions": 1300, "clicks": 9, "ctr": 3.0, "position": 6.1},
    )


def test_queries_by_page_are_evidence_and_no_sum() -> None:
    data = archive(
        {
            "Queries.csv": b"Top queries,Clicks,Impressions,CTR,Position\noffice,12,400,3%,4.0\n",
            "Queries by page.csv": b"Top queries,Top pages,Clicks,Impressions,CTR,Position\n"
            b"office,https://x.test/a,10,300,3%,4.0\noffice,https://x.test/b,2,100,2%,9.0\n",
        }
    )
    file = read_keyword_file(data)
    (row,) = [r for r in file.rows if r.outcome == "ok"]
    assert (row.extra["clicks"], row.extra["ranking_urls"]) == (12, ["https://x.test/a", "https://x.test/b"])


def test_an_archive_without_queries() -> None:
    with pytest.raises(UnreadableFile, match="no CSV"):
        read_keyword_file(archive({"a.png": b"x"}), filename="a.zip")
    with pytest.raises(UnreadableFile, match="keyword column"):
        read_keyword_file(archive({"Pages.csv": b"Top pages,Clicks\nhttps://x.test/,1\n"}), filename="a.zip")


def test_archives_that_grow_are_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyword_file_xlsx, "MAX_UNPACKED_BYTES", 1_000_000)
    for data in (archive({"a.csv": b"0" * 3_000_000}), archive({f"{i}.csv": b"keyword\n" * 50_000 for i in range(3)})):
        assert len(data) < 20_000
        with pytest.raises(TooLarge, match="bomb"):
            read_keyword_file(data, filename="bomb.zip")
    with pytest.raises(TooLarge, match="bomb"):
        read_keyword_file(workbook([("s", [["Keyword"], ["x" * 2_000_000]])]), filename="bomb.xlsx")
    with pytest.raises(TooLarge, match="files"):
        read_keyword_file(archive({f"{i}.txt": b"" for i in range(2_001)}), filename="bomb.zip")


def test_an_archive_that_lies_about_its_sizes() -> None:
    data = bytearray(archive({"a.csv": b"keyword\n" + b"dog bed\n" * 1000}))
    at = data.rfind(b"PK\x01\x02")
    data[at + 24 : at + 28] = (5).to_bytes(4, "little")  # the size it claims to unpack to
    with pytest.raises(AppError):
        read_keyword_file(bytes(data), filename="liar.zip")
