"""Encodings and delimiters: what can be read is read, everything else is a clear 4xx."""

# ruff: noqa: RUF001 - letters and dashes of other scripts are what is tested

import codecs

import pytest

from chalicelib.core.errors import UnreadableFile
from chalicelib.planner.keyword_files import KeywordFile, read_keyword_file

TEXT = "Keyword,Volume,KD\ncafé à paris,100,10\nмебель,200,20\n家具,300,30\n"


def keywords(file: KeywordFile) -> list[str]:
    return [row.keyword for row in file.rows]


# --- encodings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bom", "encoding", "named"),
    [
        (b"", "utf-8", "utf-8"),
        (codecs.BOM_UTF8, "utf-8", "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16-le", "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be", "utf-16-be"),
        (b"", "utf-16-le", "utf-16-le"),
        (b"", "utf-16-be", "utf-16-be"),
        (b"", "utf-32", "utf-32"),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(bom: bytes, encoding: str, named: str, newline: str) -> None:
    file = read_keyword_file(bom + TEXT.replace("\n", newline).encode(encoding))
    assert file.encoding == named
    assert [(r.keyword, r.volume, r.difficulty) for r in file.rows] == [("café à paris", 100, 10), ("мебель", 200, 20), ("家具", 300, 30)]


def test_windows_1252() -> None:
    file = read_keyword_file("Keyword,Volume\ncafé à paris,100\nKöln “Büro” – 5 €,7\n".encode("cp1252"))
    assert (file.encoding, keywords(file)) == ("cp1252", ["café à paris", "Köln “Büro” – 5 €"])


@pytest.mark.parametrize(
    ("text", "encoding"), [("мебель для дома и офиса\n" * 3, "cp1251"), ("家具を買う場所\n" * 9, "shift_jis"), ("买家具\n" * 9, "gbk")]
)
def test_other_encodings_are_refused_instead_of_garbled(text: str, encoding: str) -> None:
    with pytest.raises(UnreadableFile, match="UTF-8"):
        read_keyword_file(("Keyword\n" + text).encode(encoding), filename="f.csv")


def test_one_damaged_character_rejects_its_row_only() -> None:
    data = ("Keyword,Volume\n" + "".join(f"größe {i} für möbel,{i}\n" for i in range(20))).encode() + b"caf\xc3,5\n"
    file = read_keyword_file(data)
    assert (file.encoding, file.count("ok"), file.rows[-1].outcome, file.rows[-1].reason) == (
        "utf-8",
        20,
        "rejected",
        "the keyword has damaged characters",
    )


def test_a_utf16_file_cut_in_the_middle_of_a_character() -> None:
    assert keywords(read_keyword_file(codecs.BOM_UTF16_LE + "Keyword\tVolume\ndog bed\t5\n".encode("utf-16-le")[:-1])) == ["dog bed"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n \n",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\x00" * 50,
        b",,\n,,\n",
        b"%PDF-1.7\n1 0 obj",
        b"\x89PNG\r\n\x1a\n\x00\x00",
        b"\xff\xd8\xff\xe0JFIF",
        b"GIF89a",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 100,
        b"\x1f\x8b\x08\x00",
        bytes(range(256)) * 20,
        b"PK\x03\x04 not a zip",
        b"PK\x05\x06" + b"\x00" * 18,
        b'{"keyword": "a"}',
        b"<html><body>keyword</body></html>",
        b"keyword volume\x00\x01\x02\x03" * 50,
        b"1,2\n3,4\n",
    ],
)
def test_what_is_no_keyword_file_is_a_400_that_names_it(data: bytes) -> None:
    with pytest.raises(UnreadableFile) as caught:
        read_keyword_file(data, filename="dir/upload.csv")
    assert "upload.csv" in caught.value.message and "dir/" not in caught.value.message


# --- delimiters ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(delimiter: str) -> None:
    rows = [["Keyword", "Intent", "Volume"], ['"a, b; c | d"', '"I, C; T"', "5"], ["plain", "I", "6"]]
    file = read_keyword_file("\n".join(delimiter.join(row) for row in rows).encode())
    assert (file.delimiter, keywords(file), file.rows[1].volume) == (delimiter, ["a, b; c | d", "plain"], 6)


def test_excel_separator_line() -> None:
    file = read_keyword_file(b"sep=;\r\nKeyword;Volume\r\na, b, c, d, e;5\r\n")
    assert (file.header_row, keywords(file)) == (2, ["a, b, c, d, e"])


def test_a_single_column_keeps_its_commas() -> None:
    file = read_keyword_file(b'Keyword\ndog bed, large\n"cat; small, red"\n')
    assert keywords(file) == ["dog bed, large", "cat; small, red"] and file.delimiter == ""


def test_more_commas_in_the_cells_than_delimiters() -> None:
    file = read_keyword_file(b"Keyword;SERP Features;Volume\na;x, y, z, w, v;1\nb;x, y, z, w, v;2\n")
    assert file.delimiter == ";" and [r.volume for r in file.rows] == [1, 2]
