"""Numbers as keyword tools write them: which mark is decimal is decided by the whole column, since one cell cannot tell."""

import math
import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from chalicelib.planner.keyword_file_names import NO_NUMBER


class Reading(NamedTuple):
    """One cell. value: None when the cell is empty or unreadable, never a guessed 0; the lower bound of a range.

    volume_range: `1K-10K` when the cell is a range or a bound. estimated: the value is not exact. unreadable: the cell holds
    something, but no number.
    """

    value: float | None = None
    volume_range: str | None = None
    estimated: bool = False
    unreadable: bool = False


_NOTHING = Reading()
_UNREADABLE = Reading(unreadable=True)

_SUFFIXES: dict[str, float] = {
    **dict.fromkeys(("k", "tsd", "tsd.", "tys", "tys.", "mil", "mila", "тыс", "тыс.", "bin", "千", "천"), 1e3),
    **dict.fromkeys(("万", "萬", "만"), 1e4),
    **dict.fromkeys(("m", "mm", "mio", "mio.", "mln", "mln.", "mn", "mi", "млн", "млн."), 1e6),
    **dict.fromkeys(("亿", "億", "억"), 1e8),
    **dict.fromkeys(("b", "bn", "mrd", "mrd.", "mld", "млрд"), 1e9),
}
_SUFFIX = "|".join(sorted((re.escape(s) for s in _SUFFIXES), key=len, reverse=True))
_CURRENCY_CODES = "usd|eur|gbp|aud|cad|nzd|chf|sek|nok|dkk|pln|czk|huf|ron|brl|mxn|cop|ars|clp|inr|jpy|cny|krw|try|rub|uah|zar|sgd|hkd|aed"
_CURRENCY = re.compile(
    rf"^(?:us|ca|au|nz|hk|r|{_CURRENCY_CODES}|kr\.?|rs\.?)\s*(?=[\d.,])|(?<=[\d\s.,])(?:{_CURRENCY_CODES}|kr|zł|kč|ft|lei)\.?$"
)
_DIGITS = r"[+-]?(?:\d[\d.,' ]*|[.,]\d+)(?:e[+-]?\d{1,3})?"
_PART = rf"({_DIGITS})\s*({_SUFFIX})?"
_NUMBER = re.compile(rf"{_PART}")
# … stays: NFKC turns it into three dots
_RANGE = re.compile(rf"{_PART}\s*(?:-|~|to|bis|a|à|do|до|…|\.\.+)\s*{_PART}")
_BELOW = re.compile(rf"(?:<=?|≤|under|less than|unter|up to|bis)\s*{_PART}")
_ABOVE = re.compile(rf"(?:>=?|≥|over|more than|über)\s*{_PART}|{_PART}\s*\+")
_ABOUT = re.compile(rf"(?:~|≈|ca\.?|circa|about)\s*{_PART}")
_GROUPS = re.compile(r"[+-]?\d{1,3}(?:[.,' ]\d{2,3})*[.,' ]\d{3}")
_PLAIN = re.compile(r"\d{1,15}")
_DASHES = str.maketrans(
    {
        "\u2010": "-",
        "\u2011": "-",
        "\u2012": "-",
        "\u2013": "-",
        "\u2014": "-",
        "\u2015": "-",
        "\u2212": "-",
        "\u301c": "~",
        "\u2019": "'",
        "\u02bc": "'",
        "\u066c": ",",
        "\u066b": ".",
    }
)


def _tidy(cell: str) -> str:
    """Lower case, plain dashes and spaces, without percent sign, currency and the apostrophe that marks text in a spreadsheet."""
    text = cell.strip()
    if text.startswith('="') and text.endswith('"'):
        text = text[2:-1]
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_DASHES)
        text = "".join(c for c in text if unicodedata.category(c) not in ("Sc", "Cf"))
    text = " ".join(text.replace("$", "").replace("%", "").casefold().split()).removeprefix("'")
    return _CURRENCY.sub("", text).strip()


def is_empty(cell: str) -> bool:
    """True for an empty cell and for the marks that tools write instead: dashes, `n/a`, `no data` and so on."""
    return cell.strip().casefold() in NO_NUMBER or _tidy(cell) in NO_NUMBER


def _evidence(digits: str) -> str:
    """The decimal mark that this number alone proves: `.`, `,` or nothing."""
    digits = digits.partition("e")[0].lstrip("+-").replace(" ", "").replace("'", "")
    dots, commas = digits.count("."), digits.count(",")
    if dots and commas:
        return digits[max(digits.rfind("."), digits.rfind(","))] if min(dots, commas) == 1 else ""
    if dots + commas != 1:
        return "" if not dots + commas else ("," if dots else ".")
    mark = "." if dots else ","
    before, _, after = digits.partition(mark)
    return mark if len(after) != 3 or len(before) > 3 or before in ("", "0") else ""


def decimal_mark(cells: Iterable[str]) -> str:
    """The decimal mark of a column: `.` or `,`, or an empty string when the cells do not tell or contradict one another."""
    found: set[str] = set()
    for cell in set(cells):
        if "." not in cell and "," not in cell:
            continue
        match = _NUMBER.fullmatch(_tidy(cell))
        if match and not match[2]:  # 1.2K says nothing about 1.234
            found.add(_evidence(match[1]))
    found.discard("")
    return found.pop() if len(found) == 1 else ""


def _number(digits: str, suffix: str | None, mark: str, whole: bool) -> float | None:
    """The value of one number. mark: the column's decimal mark or ''. whole: without any proof, a mark separates thousands."""
    mantissa, _, exponent = digits.strip().partition("e")
    mantissa = mantissa.strip()
    decimal = _evidence(mantissa)
    if mark and not (decimal and decimal != mark):
        decimal = mark
    if not decimal and mantissa.count(".") + mantissa.count(",") == 1:
        only = "." if "." in mantissa else ","
        if (suffix and only == ".") or (not suffix and not whole):
            decimal = only
    head, _, tail = mantissa.rpartition(decimal) if decimal and decimal in mantissa else (mantissa, "", "")
    if (any(c in head for c in ".,' ") and not _GROUPS.fullmatch(head)) or not (tail.isdigit() or not tail):
        return None
    plain = "".join(c for c in head if c not in ".,' ") or "0"
    try:
        value = float(f"{plain}.{tail or '0'}" + (f"e{exponent}" if exponent else "")) * (_SUFFIXES[suffix] if suffix else 1)
    except ValueError:  # a lone sign
        return None
    return round(value, 6) if math.isfinite(value) else None


def compact(value: float) -> str:
    """A bound as people write it: 100, 1K, 1.5K, 10M."""
    for size, letter in ((1e6, "M"), (1e3, "K")):
        if value >= size and value % (size / 10) == 0:
            return f"{value / size:g}{letter}"
    return f"{value:.0f}"


def _bounds(low: float, high: float) -> Reading:
    return Reading(low, f"{compact(low)}-{compact(high)}", True)


def read_number(cell: str, mark: str = "", *, whole: bool = False) -> Reading:
    """Read one cell.

    mark: the column's decimal mark, from `decimal_mark`. whole: the column counts things, so a single mark before three digits
    separates thousands when nothing proves otherwise; in other columns it is decimal.
    Ranges and bounds give their lower bound: `1K - 10K` is 1000, `<10` is 0, `>100K` and `100K+` are 100000, all estimated.
    """
    if _PLAIN.fullmatch(cell) and cell.isascii():
        return Reading(float(cell))
    if len(cell) > 100:
        return _UNREADABLE
    text = _tidy(cell)
    if text in NO_NUMBER or cell.strip().casefold() in NO_NUMBER:
        return _NOTHING
    if match := _NUMBER.fullmatch(text):
        value = _number(match[1], match[2], mark, whole)
        return _UNREADABLE if value is None else Reading(value)
    if match := _RANGE.fullmatch(text):
        high = _number(match[3], match[4], mark, whole)
        low = _number(match[1], match[2], mark, whole)
        bare = _number(match[3], None, mark, whole)
        if match[4] and not match[2] and low is not None and bare is not None and low < bare:
            low = _number(match[1], match[4], mark, whole)  # 1-10K means 1K-10K, while 100-1K means 100
        return _UNREADABLE if low is None or high is None or high < low else _bounds(low, high)
    if match := _BELOW.fullmatch(text):
        high = _number(match[1], match[2], mark, whole)
        return _UNREADABLE if high is None or high < 0 else _bounds(0.0, high)
    if match := _ABOVE.fullmatch(text):
        low = _number(match[1] or match[3], match[2] or match[4], mark, whole)
        return _UNREADABLE if low is None else Reading(low, f"{compact(low)}+", True)
    if match := _ABOUT.fullmatch(text):
        low = _number(match[1], match[2], mark, whole)
        return _UNREADABLE if low is None else Reading(low, None, True)
    return _UNREADABLE


def to_integer(value: float) -> int:
    """Rounded half up, as people round."""
    return math.floor(value + 0.5)


PLANNER_BUCKETS: dict[int, tuple[float, float]] = {
    0: (0, 10),
    50: (10, 100),
    500: (100, 1e3),
    5_000: (1e3, 1e4),
    50_000: (1e4, 1e5),
    500_000: (1e5, 1e6),
    5_000_000: (1e6, 1e7),
}
# Exact averages are rounded to values such as 480, 590, 4400, 5400: of the bucket values only 0 and 50 can also be exact.
_ONLY_BUCKETS = frozenset(PLANNER_BUCKETS) - {0, 50}


def are_planner_buckets(volumes: Iterable[float | None], *, has_months: bool, months_filled: bool) -> bool:
    """True when a Google Keyword Planner file carries the buckets that accounts with little spend get, instead of averages.

    volumes: the column of average monthly searches. has_months: the file has columns of single months. months_filled: any cell
    of those columns holds something, which only exact files have.
    Source: real exports, where every volume is one of 0, 50, 500, 5000, ... and every month is empty.
    """
    seen = {v for v in volumes if v is not None}
    if not seen or months_filled or not seen <= set(PLANNER_BUCKETS):
        return False
    return has_months or bool(seen & _ONLY_BUCKETS)


def bucket_reading(value: float) -> Reading:
    """The range a Keyword Planner bucket stands for: 500 is 100-1K, its lower bound stored."""
    return _bounds(*PLANNER_BUCKETS[int(value)])
