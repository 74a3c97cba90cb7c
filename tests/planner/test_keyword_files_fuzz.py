"""Whatever arrives is a keyword file or an error of ours with a 4xx; what we export comes back."""

import io
import random
import zipfile

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.core.errors import AppError
from chalicelib.planner.keyword_file_rows import MAX_VOLUME
from chalicelib.planner.keyword_files import EXPORT_COLUMNS, read_keyword_file, write_keyword_csv
from chalicelib.planner.keyword_identity import clean_text, normalise_keyword
from chalicelib.planner.keyword_intents import INTENTS

PIECES = st.sampled_from(
    [
        "Keyword",
        "keyword,volume,difficulty,intent,status",
        "Top queries",
        "Clicks",
        "Impressions",
        "Volume",
        "KD",
        "Intent",
        "Country",
        "Avg. monthly searches",
        "Searches: May 2025",
        "Database",
        "URL",
        "Position",
        ",",
        ";",
        "\t",
        "|",
        '"',
        '""',
        "\n",
        "\r\n",
        "\r",
        "\x00",
        "1,234",
        "1.234",
        "1K - 10K",
        "<10",
        "n/a",
        "-",
        "500",
        "1e999",
        "dog bed",
        "'=x",
        "=x",
        "\ufeff",
        "\u202f",
        "C, I",
        "1,0",
        "sep=;",
        "é",
        "家",
        "\ufffd",
        " ",
    ]
)


def check(data: bytes) -> None:
    try:
        file = read_keyword_file(data, filename="fuzz.csv", max_rows=200)
    except AppError as error:
        assert 400 <= error.status < 500 and "fuzz.csv" in error.message
        return
    seen = set()
    for row in file.rows:
        assert row.outcome in ("ok", "duplicate", "rejected") and (row.reason or row.outcome == "ok")
        assert (len(row.keyword) <= 200 and row.row > file.header_row) or "sheet" in row.extra
        assert row.volume is None or (type(row.volume) is int and 0 <= row.volume <= MAX_VOLUME)
        assert row.difficulty is None or (type(row.difficulty) is int and 0 <= row.difficulty <= 100)
        assert set(row.intents) <= set(INTENTS)
        if row.outcome == "ok":
            identity = (normalise_keyword(row.keyword), row.country)
            assert identity[0] and identity not in seen
            seen.add(identity)


@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    check(data)


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=60).map("".join), st.sampled_from(["utf-8", "utf-16", "utf-16-be", "utf-8-sig"]))
def test_any_text_of_likely_pieces(text: str, encoding: str) -> None:
    check(text.encode(encoding))


@given(st.lists(PIECES, max_size=40).map("".join))
def test_any_rows_below_a_good_header(text: str) -> None:
    check(f"Keyword,Volume,KD,Intent,Country,URL,Position\n{text}".encode())


@settings(max_examples=150)
@given(st.integers(0, 2**32 - 1))
def test_damaged_workbooks(seed: int) -> None:
    chance = random.Random(seed)
    sheet = "<worksheet><sheetData>" + "".join(
        f'<row r="{n}"><c r="A{n}" t="inlineStr"><is><t>{"Keyword" if n == 1 else "dog bed"}</t></is></c></row>' for n in (1, 2)
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", chance.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", '<workbook><sheets><sheet name="s" id="r1"/></sheets></workbook>')
        archive.writestr("xl/worksheets/sheet1.xml", sheet + "</sheetData></worksheet>")
    data = bytearray(out.getvalue())
    for _ in range(chance.randint(1, 6)):
        data[chance.randrange(4, len(data))] = chance.randrange(256)
    check(bytes(data))


CELLS = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
TRICKY = st.builds(
    "".join, st.lists(st.sampled_from(["'", "=", "+", "-", "@", "\t", "\r", "\n", '"', ",", ";", "a", " ", "é"]), max_size=6)
)
ROWS = st.fixed_dictionaries(
    {
        "keyword": st.one_of(CELLS, TRICKY).map(lambda t: clean_text(f"{t}k")),
        "volume": st.none() | st.integers(0, MAX_VOLUME),
        "difficulty": st.none() | st.integers(0, 100),
        "intent": st.none() | st.sampled_from(INTENTS),
        "status": st.none() | st.sampled_from(["new", "mapped"]),
        "cluster": st.none() | st.one_of(CELLS, TRICKY).map(lambda t: clean_text(f"{t}c")),
    }
)


@settings(max_examples=300)
@given(st.lists(ROWS, max_size=8, unique_by=lambda row: normalise_keyword(row["keyword"])))
def test_what_we_export_comes_back(rows: list[dict[str, object]]) -> None:
    data = write_keyword_csv(rows)
    file = read_keyword_file(data)
    assert file.tool == "igny8" and tuple(file.columns_used) == EXPORT_COLUMNS
    back = [{name: getattr(row, name) for name in EXPORT_COLUMNS} for row in file.rows]
    assert back == rows and all(row.outcome == "ok" for row in file.rows)


def test_exported_cells_are_no_formulas() -> None:
    rows = [{"keyword": text, "cluster": text} for text in ("=1+1", "+1", "-1", "@x", "\tx", "\rx", "'=1", "plain", "it's")]
    text = write_keyword_csv(rows).decode()
    assert text.splitlines()[0] == "keyword,volume,difficulty,intent,status,cluster"
    assert text.split("\r\n")[1:5] == ["'=1+1,,,,,'=1+1", "'+1,,,,,'+1", "'-1,,,,,'-1", "'@x,,,,,'@x"]
    assert "''=1,,,,,''=1" in text and "plain,,,,,plain" in text and "it's,,,,,it's" in text
    for line in text.split("\r\n")[1:]:
        assert not line.lstrip('"').startswith(("=", "+", "-", "@", "\t", "\r"))
