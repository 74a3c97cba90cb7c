"""Every tool's export, row by row; the fixtures are published headers with invented rows."""

import json
from pathlib import Path
from typing import Any

import pytest

from chalicelib.core.errors import AppError, TooLarge, UnreadableFile, ValidationFailed
from chalicelib.planner.keyword_file_rows import KeywordRow
from chalicelib.planner.keyword_files import KeywordFile, read_keyword_file

FIXTURES = Path(__file__).parents[1] / "data" / "csv_fixtures"
EXPECTED: dict[str, dict[str, Any]] = json.loads((FIXTURES / "expected.json").read_text(encoding="utf-8"))
EXAMPLES = Path(__file__).parents[2] / "examples"


def read(text: str, filename: str = "file.csv", **options: Any) -> KeywordFile:
    return read_keyword_file(text.encode(), filename=filename, **options)


def kept(file: KeywordFile) -> list[KeywordRow]:
    return [row for row in file.rows if row.outcome == "ok"]


def triples(file: KeywordFile) -> list[tuple[str, int | None, int | None]]:
    return [(row.keyword, row.volume, row.difficulty) for row in kept(file)]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_fixture(name: str) -> None:
    expected, data = EXPECTED[name], (FIXTURES / name).read_bytes()
    if "error" in expected:
        with pytest.raises(AppError) as caught:
            read_keyword_file(data, filename=name)
        assert caught.value.status == 400 and name in caught.value.message and "foo, bar" in caught.value.message
        return
    file = read_keyword_file(data, filename=name)
    assert {key: getattr(file, key) for key in ("tool", "header_row", "locale") if key in expected} == {
        key: expected[key] for key in ("tool", "header_row", "locale") if key in expected
    }
    rows = [{key: getattr(row, key, row.extra.get(key)) for key in want} for row, want in zip(kept(file), expected["rows"], strict=True)]
    assert rows == expected["rows"]
    assert (file.count("duplicate"), file.count("rejected")) == (expected.get("duplicates", 0), expected.get("rejected", 0))


# --- generic, ours, columns ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        "Keyword,Search Volume,KD %,Search Intent",
        "keywords,avg. search volume,kd (%),intent",
        "关键词,搜索量,难度,意图",
        "Query,Volume,Difficulty,User Intent",
        "search_term,search_volume,keyword_difficulty,search_intent",
        "Keyword *,Volume:,KD,Intent",
        "Suchbegriff,Suchvolumen,Schwierigkeit,Suchintention",
        "Từ khóa,Lượng tìm kiếm,Độ khó,Ý định",
        "KEYWORD,VOLUME (US),DIFFICULTY (0-100),INTENT",
        "Keyword,Search Volume (United States),SEO Difficulty,Intent",
    ],
)
def test_other_names_of_the_columns(header: str) -> None:
    file = read(f"{header}\ndog bed,1.2K,45.4,C\n")
    assert (file.tool, triples(file), file.rows[0].intents) == ("generic", [("dog bed", 1200, 45)], ["commercial"])


def test_the_market_in_the_name_of_the_volume_column() -> None:
    assert read("Keyword,Volume (US)\na b,1\n").rows[0].country == "us"
    assert "volume" not in read("Keyword,Volume (Global)\na b,1\n").columns_used


def test_headers_in_decomposed_letters_are_the_same() -> None:
    import unicodedata

    assert read(unicodedata.normalize("NFD", "Từ khoá,Volume") + "\nquà tặng,100\n").rows[0].volume == 100


def test_our_own_files() -> None:
    file = read("keyword,volume,difficulty,intent,status,cluster\ndog beds,5400,45,commercial,Mapped,Beds\n")
    assert (file.tool, file.rows[0].status, file.rows[0].cluster) == ("igny8", "mapped", "Beds")
    seeds = read("keyword,industry,sector,volume,difficulty,country,is_active\ndog beds,Pets,Dogs,5400,45,US,true\n")
    assert (seeds.tool, seeds.rows[0].country, seeds.rows[0].extra) == (
        "igny8",
        "us",
        {"industry": "Pets", "sector": "Dogs", "is_active": True},
    )


def test_a_second_column_of_the_same_meaning_is_ignored_with_a_reason() -> None:
    file = read("Keyword,Search Volume,Volume,Owner\na b,10,20,Lan\n")
    assert file.columns_used["volume"] == "Volume" and file.rows[0].volume == 20
    assert {"column": "Search Volume", "reason": "another column is the volume"} in file.columns_ignored
    assert {"column": "Owner", "reason": "not used"} in file.columns_ignored


def test_mapping_wins_over_the_names() -> None:
    file = read("Search phrase,Monthly demand,Volume\nmugs,100,7\n", mapping={"keyword": "search phrase", "volume": "Monthly demand"})
    assert triples(file) == [("mugs", 100, None)]
    assert file.columns_used == {"keyword": "Search phrase", "volume": "Monthly demand"}


@pytest.mark.parametrize(
    ("mapping", "tool", "words"),
    [
        ({"keyword": "nope"}, None, "nope"),
        ({"volume": "nope"}, None, "nope"),
        ({"colour": "Volume"}, None, "colour"),
        ({"keyword": ""}, None, "keyword"),
        ({"keyword": "Keyword", "volume": "keyword"}, None, "twice"),
        (None, "excel", "excel"),
    ],
)
def test_options_that_cannot_be(mapping: dict[str, str] | None, tool: str | None, words: str) -> None:
    with pytest.raises(ValidationFailed, match=words) as caught:
        read("Keyword,Volume\na b,1\n", mapping=mapping, tool=tool)
    assert caught.value.fields


# --- rows ---------------------------------------------------------------------------------------------------------------


def test_bad_rows_cost_only_themselves_and_say_why() -> None:
    long = "x" * 201
    file = read(
        "keyword,volume,difficulty,intent,status\n"
        "good,1,2,informational,new\n"
        ",100,1,informational,new\n"
        "\n"
        ",,,,\n"
        "hard,1,101,commercial,new\n"
        "negative,-5,1,commercial,new\n"
        "below,5,-1,commercial,new\n"
        f"{long},1,1,commercial,new\n"
        "---,1,1,commercial,new\n"
        "shifted, cell,1,1,commercial,new\n"
        "keyword,volume,difficulty,intent,status\n"
        "odd number,abc,1,commercial,new\n"
        '"last, one",7,"9",commercial,new\n'
    )
    assert [(r.row, r.outcome) for r in file.rows] == [
        (2, "ok"),
        (3, "rejected"),
        (6, "rejected"),
        (7, "rejected"),
        (8, "rejected"),
        (9, "rejected"),
        (10, "rejected"),
        (11, "rejected"),
        (12, "rejected"),
        (13, "ok"),
        (14, "ok"),
    ]
    reasons = {r.row: str(r.reason) for r in file.rows}
    assert "empty" in reasons[3] and "outside 0-100" in reasons[6] and "negative" in reasons[7] and "outside 0-100" in reasons[8]
    assert "200" in reasons[9] and "letter" in reasons[10] and "unquoted" in reasons[11] and "header" in reasons[12]
    assert file.rows[9].volume is None and "'abc'" in reasons[13]
    assert file.rows[-1].keyword == "last, one"


def test_duplicates_by_normalised_text_and_market() -> None:
    file = read("Keyword,Country,Volume\nDog Bed,us,10\ndog  bed,US,20\ndog bed,gb,30\ndog bed,uk,40\nd\u2019or,us,1\nd'or,us,1\n")
    assert [(r.outcome, r.country) for r in file.rows] == [
        ("ok", "us"),
        ("duplicate", "us"),
        ("ok", "uk"),
        ("duplicate", "uk"),
        ("ok", "us"),
        ("duplicate", "us"),
    ]
    assert file.rows[0].volume == 10 and file.rows[1].reason == "the same keyword as row 2"


def test_exact_beats_estimated_beats_nothing() -> None:
    file = read("Keyword,Volume,KD,Intent\na b,,44,I\na b,1K-10K,,\na b,1300,,\na b,<10,,\n")
    assert [r.outcome for r in file.rows] == ["duplicate", "duplicate", "ok", "duplicate"]
    (row,) = kept(file)
    assert (row.volume, row.difficulty, row.intents) == (1300, 44, ["informational"]) and "estimated" not in row.extra


def test_numbers_are_read_by_whole_columns() -> None:
    assert triples(read("Keyword;Volume;KD\na;1.300;45,5\nb;12.100;46\nc;90;6,1\n")) == [("a", 1300, 46), ("b", 12100, 46), ("c", 90, 6)]
    assert triples(read("Keyword;Volume;KD\na;1.300;45.5\nb;170.0;46\n")) == [("a", 1, 46), ("b", 170, 46)]
    assert triples(read('Keyword,Volume,KD\na,"1,300",45.123\nb,2M,7%\n')) == [("a", 1300, 45), ("b", 2_000_000, 7)]
    assert triples(read("Keyword\tVolume\na\t1\u202f300\nb\t<10\nc\t\u2013\n")) == [("a", 1300, None), ("b", 0, None), ("c", None, None)]


def test_neutralised_cells_are_restored_and_formulas_stay_text() -> None:
    file = read('keyword,volume\n\'=cmd|calc,1\n=sum of all,2\n\'-5 sleeping bag,3\n\'quoted\' words,4\n"=""dog bed""",5\n@home jobs,6\n')
    assert [r.keyword for r in file.rows] == ["=cmd|calc", "=sum of all", "-5 sleeping bag", "'quoted' words", "dog bed", "@home jobs"]


def test_multi_line_cells_and_control_characters() -> None:
    file = read('Keyword,Notes,Volume\n"dog\nbed","one\ntwo, ""three""\n",5\ncat\x00\x07 bed,x,6\n5" pipe,y,7\n')
    assert [(r.row, r.keyword, r.volume) for r in file.rows] == [(2, "dog bed", 5), (3, "cat bed", 6), (4, '5" pipe', 7)]


def test_a_quotation_mark_that_never_closes_costs_one_row() -> None:
    more = "".join(f'"kw {i}",{i}\n' for i in range(500))
    file = read(f'keyword,volume\n"dog bed,100\n{more}"tail,5')
    assert [r.row for r in file.rows if r.outcome == "rejected"] == [2, 503]
    assert file.count("ok") == 500 and "quotation" in str(file.rows[0].reason)


def test_limits() -> None:
    text = "keyword\n" + "".join(f"k {i}\n" for i in range(11))
    assert len(read(text, max_rows=11).rows) == 11
    with pytest.raises(TooLarge, match=r"big\.csv.*10 rows"):
        read(text, "big.csv", max_rows=10)
    with pytest.raises(TooLarge, match="10 rows"):
        read(text * 20, "big.csv", max_rows=10)


def test_a_header_below_an_introduction() -> None:
    file = read("My report\n\nmade by us,2026\n" + "\n" * 30 + "Keyword,Volume\na b,5\n")
    assert (file.header_row, file.rows[0].row) == (34, 35)
    with pytest.raises(UnreadableFile, match="first 40 rows"):
        read("x,y\n" * 40 + "Keyword,Volume\na b,5\n")


@pytest.mark.parametrize(
    ("name", "tool", "least"),
    [
        ("keywords.csv", "generic", 100),
        ("keywords-dog-training.csv", "semrush-kmt", 60),
        ("keywords-pension-planning.csv", "ahrefs-ke", 60),
    ],
)
def test_the_examples_are_clean(name: str, tool: str, least: int) -> None:
    file = read_keyword_file((EXAMPLES / name).read_bytes(), filename=name)
    assert file.tool == tool and len(file.rows) >= least and len(kept(file)) == len(file.rows)
    assert all(row.intent for row in file.rows) and len({row.intent for row in file.rows}) >= 3


@pytest.mark.parametrize("cell", ["(" * 32_000, "a [" * 10_000, "a [" * 8_000 + ")" * 8_000 + "x", "1 " * 16_000])
def test_a_header_that_is_no_name_costs_no_more_than_its_length(cell: str) -> None:
    """By its square, four megabytes of such cells would take minutes."""
    header = ",".join(["keyword", *[cell] * 100])
    assert [r.keyword for r in read(f"{header}\ndog bed\n").rows] == ["dog bed"]
