"""Numbers of keyword tools: separators, suffixes, ranges, empty marks, and the buckets of Keyword Planner."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.planner.keyword_numbers import (
    Reading,
    are_planner_buckets,
    bucket_reading,
    compact,
    decimal_mark,
    read_number,
    to_integer,
)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("0", 0),
        ("1234", 1234),
        ("1,234", 1234),
        ("1.234", 1234),
        ("1 234", 1234),
        ("1\u00a0234", 1234),
        ("1\u202f234", 1234),
        ("1'234", 1234),
        ("1\u2019234", 1234),
        ("1,234,567", 1234567),
        ("1.234.567", 1234567),
        ("12,34,567", 1234567),
        ("1,234.5", 1234.5),
        ("1.234,5", 1234.5),
        ("170.0", 170),
        ("170,0", 170),
        ("1.2K", 1200),
        ("1,2k", 1200),
        ("1.2 K", 1200),
        ("2M", 2_000_000),
        ("1.5m", 1_500_000),
        ("3万", 30_000),
        ("10 Tsd.", 10_000),
        ("5 mil", 5_000),
        ("2 тыс.", 2_000),
        ("$1,300", 1300),
        ("€ 1.300", 1300),
        ("1300 USD", 1300),
        ("US$40", 40),
        ("R$ 12", 12),
        ("12 kr", 12),
        ("45%", 45),
        ("45.61 %", 45.61),
        ("3,0\u00a0%", 3),
        ("\uff11\uff12\uff13", 123),
        ("  880 ", 880),
        ("'880", 880),
        ('="880"', 880),
        ("1.3E+04", 13000),
        ("-5", -5),
        ("\u22125", -5),
    ],
)
def test_one_number(cell: str, value: float) -> None:
    assert read_number(cell, whole=True) == Reading(value)


@pytest.mark.parametrize(
    "cell", ["", " ", "-", "\u2013", "\u2014", "--", "n/a", "N/A", "#N/A", "null", "None", "NaN", "no data", "k.A.", "%", "$"]
)
def test_an_empty_cell_is_none_and_never_zero(cell: str) -> None:
    reading = read_number(cell, whole=True)
    assert reading.value is None and not reading.unreadable


@pytest.mark.parametrize(
    "cell", ["abc", "high", "12 34", "1.2.3", "1,2,3", "2024-05", "10-5", "1..2", "+", "x1", "1e999", "9" * 200, "12,3456,789"]
)
def test_what_is_no_number_is_said_to_be_none(cell: str) -> None:
    assert read_number(cell, whole=True) == Reading(unreadable=True)


@pytest.mark.parametrize(
    ("cell", "low", "shown"),
    [
        ("1K \u2013 10K", 1000, "1K-10K"),
        ("1K-10K", 1000, "1K-10K"),
        ("100 - 1K", 100, "100-1K"),
        ("100\u20131K", 100, "100-1K"),
        ("10 \u2014 100", 10, "10-100"),
        ("1-10K", 1000, "1K-10K"),
        ("100K - 1M", 100_000, "100K-1M"),
        ("1 000 \u2013 10 000", 1000, "1K-10K"),
        ("1.000\u201310.000", 1000, "1K-10K"),
        ("1,000 to 10,000", 1000, "1K-10K"),
        ("1 mil a 10 mil", 1000, "1K-10K"),
        ("1000\uff5e1万", 1000, "1K-10K"),
        ("0-10", 0, "0-10"),
        ("<10", 0, "0-10"),
        ("< 10", 0, "0-10"),
        ("\u2264 50", 0, "0-50"),
        (">100K", 100_000, "100K+"),
        ("1M+", 1_000_000, "1M+"),
    ],
)
def test_ranges_give_their_lower_bound_and_say_so(cell: str, low: float, shown: str) -> None:
    assert read_number(cell, whole=True) == Reading(low, shown, True)


def test_about_is_an_estimate_without_a_range() -> None:
    assert read_number("~500", whole=True) == Reading(500, None, True)


@pytest.mark.parametrize(
    ("column", "mark"),
    [
        (["1,234", "5,400", "90"], ""),
        (["1.234", "85.18"], "."),
        (["1.234", "6,1"], ","),
        (["1.234.567", "1.234"], ","),
        (["1,234,567", "12"], "."),
        (["0.345"], "."),
        (["12345.678"], "."),
        (["1,234.50", "1.5"], "."),
        (["1.5", "1,5"], ""),
        (["1.2K", "1.234"], ""),
        (["n/a", "", "-"], ""),
    ],
)
def test_the_column_tells_which_mark_is_decimal(column: list[str], mark: str) -> None:
    assert decimal_mark(column) == mark


def test_the_same_cell_reads_differently_in_different_columns() -> None:
    assert read_number("1.234", ".", whole=True).value == 1.234
    assert read_number("1.234", ",", whole=True).value == 1234
    assert read_number("1.234", "", whole=True).value == 1234
    assert read_number("1.234", "", whole=False).value == 1.234
    assert read_number("1,234", ".", whole=False).value == 1234


def test_a_cell_that_contradicts_its_column_is_read_by_what_it_proves() -> None:
    assert read_number("6,15", ".", whole=False).value == 6.15


def test_rounding_is_half_up() -> None:
    assert [to_integer(v) for v in (0.5, 1.5, 2.5, 85.18, 85.5, 0.49)] == [1, 2, 3, 85, 86, 0]


def test_bounds_are_written_short() -> None:
    assert [compact(v) for v in (0, 10, 100, 1000, 1500, 10_000, 1_234, 1_000_000, 2_500_000)] == [
        "0",
        "10",
        "100",
        "1K",
        "1.5K",
        "10K",
        "1234",
        "1M",
        "2.5M",
    ]


def test_planner_buckets() -> None:
    assert are_planner_buckets([50_000, 500, 0, None], has_months=True, months_filled=False)
    assert are_planner_buckets([500.0, 50], has_months=False, months_filled=False)
    assert not are_planner_buckets([50, 500], has_months=True, months_filled=True)
    assert not are_planner_buckets([50, 480], has_months=True, months_filled=False)
    assert not are_planner_buckets([50, 0], has_months=False, months_filled=False)
    assert not are_planner_buckets([None], has_months=True, months_filled=False)
    shown = [bucket_reading(v).volume_range for v in (0, 50, 500, 5_000, 50_000, 500_000, 5_000_000)]
    assert shown == ["0-10", "10-100", "100-1K", "1K-10K", "10K-100K", "100K-1M", "1M-10M"]


@given(st.text(max_size=40), st.sampled_from(["", ".", ","]), st.booleans())
def test_any_text_is_read_or_refused(cell: str, mark: str, whole: bool) -> None:
    reading = read_number(cell, mark, whole=whole)
    assert not (reading.unreadable and reading.value is not None)


@given(st.integers(0, 10**12), st.sampled_from([",", ".", " ", "\u00a0", "\u202f", "'", ""]))
def test_grouped_integers_come_back(number: int, separator: str) -> None:
    written = f"{number:,}".replace(",", separator)
    assert read_number(written, whole=True).value == number
