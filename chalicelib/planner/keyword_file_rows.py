"""From table rows to keyword rows: each column's numbers read as a whole, bad rows rejected one by one, duplicates joined."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chalicelib.planner.keyword_cells import restore_cell
from chalicelib.planner.keyword_file_bytes import Row
from chalicelib.planner.keyword_file_formats import Columns
from chalicelib.planner.keyword_identity import clean_text, normalise_keyword
from chalicelib.planner.keyword_intents import INTENTS, IntentCell, intents_of_flags, is_true, primary_intent, read_intents
from chalicelib.planner.keyword_markets import market
from chalicelib.planner.keyword_numbers import (
    PLANNER_BUCKETS,
    Reading,
    are_planner_buckets,
    bucket_reading,
    decimal_mark,
    is_empty,
    read_number,
    to_integer,
)

MAX_KEYWORD_CHARS = 200
MAX_VOLUME = 10**12
_WHOLE = ("volume", "impressions", "clicks", "traffic_potential")
_DECIMAL = ("difficulty", "cpc", "position", "ctr")
_TEXTS = ("seed_keyword", "page", "topic", "page_type", "industry", "sector")
_NO_TEXT = frozenset(("", "-", "\u2013", "\u2014", "n/a", "null", "none"))


@dataclass(slots=True)
class KeywordRow:
    """One row. row: its number in the file or sheet. outcome: `ok`, `duplicate` or `rejected`; reason: why, or what was left out.

    volume, difficulty: integers, None when the file does not say. intents: all that the file names. country: a code such as `us`, the
    file's own where the row names none.
    extra: what else the tool says, only what it says: volume_range, estimated, impressions, clicks, ctr (percent), position, cpc,
    cpc_currency, parent, ranking_urls, serp_features, traffic_potential, branded, local, monthly, page, topic, page_type,
    seed_keyword, tags, industry, sector, is_active, intent_other, sheet.
    """

    row: int
    keyword: str
    volume: int | None = None
    difficulty: int | None = None
    intents: list[str] = field(default_factory=list)
    country: str | None = None
    outcome: str = "ok"
    reason: str | None = None
    status: str | None = None
    cluster: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def intent(self) -> str | None:
        """The one to store."""
        return primary_intent(self.intents)


def _text(cell: str) -> str | None:
    text = clean_text(restore_cell(cell.strip(" ")))
    return None if text.casefold() in _NO_TEXT else text[:500]


def _list(cell: str) -> list[str]:
    return [part for part in map(clean_text, cell.replace("|", ",").replace(";", ",").split(",")) if part][:100]


class RowReader:
    """Collects the rows of a file, table by table; duplicates are found across tables."""

    def __init__(self, file_market: str | None) -> None:
        self.market = file_market
        self.rows: list[KeywordRow] = []
        self._seen: dict[tuple[str, str | None], KeywordRow] = {}

    def read(self, rows: list[Row], columns: Columns, sheet: str = "") -> None:
        """rows: below the header, none of them blank."""
        table = _TableReader(rows, columns, self.market)
        for row in rows:
            read = table.row(row)
            if sheet:
                read.extra["sheet"] = sheet
            self.rows.append(read)
            if read.outcome == "ok":
                self._join(read)

    def _join(self, new: KeywordRow) -> None:
        identity = (normalise_keyword(new.keyword), new.country)
        old = self._seen.setdefault(identity, new)
        if old is new:
            return
        kept, lost = (new, old) if _trust(new) > _trust(old) else (old, new)
        self._seen[identity] = kept
        where = f" of {kept.extra['sheet']}" if "sheet" in kept.extra and kept.extra["sheet"] != lost.extra.get("sheet") else ""
        lost.outcome, lost.reason = "duplicate", f"the same keyword as row {kept.row}{where}"
        kept.difficulty = lost.difficulty if kept.difficulty is None else kept.difficulty
        kept.intents = kept.intents or list(lost.intents)
        kept.status, kept.cluster = kept.status or lost.status, kept.cluster or lost.cluster
        # Several pages that rank for one keyword are evidence of pages in each other's way, never a sum.
        urls = dict.fromkeys((*old.extra.get("ranking_urls", ()), *new.extra.get("ranking_urls", ())))
        if urls:
            best = min((old, new), key=lambda r: r.extra.get("position") or 10**6)
            kept.extra["ranking_urls"] = list(dict.fromkeys((*best.extra.get("ranking_urls", ()), *urls)))
            if "position" in best.extra:
                kept.extra["position"] = best.extra["position"]


def _trust(row: KeywordRow) -> int:
    """An exact volume beats an estimate, which beats none."""
    return 0 if row.volume is None else 1 if row.extra.get("estimated") else 2


class _TableReader:
    """Reads the rows of one table; knows what its columns as a whole say about numbers."""

    def __init__(self, rows: list[Row], columns: Columns, file_market: str | None) -> None:
        self.columns, self.market = columns, columns.market or file_market
        self.at = columns.used
        self.width = len(columns.header)
        self.readers: dict[str, Callable[[str], Reading]] = {}
        marks = {name: decimal_mark(self._cells(rows, name)) for name in _DECIMAL if name in self.at}
        told = {mark for mark in marks.values() if mark}
        file_mark = told.pop() if len(told) == 1 else ""
        for name in (*_WHOLE, *_DECIMAL):
            if name in self.at:
                whole = name in _WHOLE
                self.readers[name] = _cached_reader(decimal_mark(self._cells(rows, name)) if whole else marks[name] or file_mark, whole)
        self.month_reader = _cached_reader("", True)
        self.intents: dict[str, IntentCell] = {}
        self.buckets = columns.tool == "gkp" and "volume" in self.at and self._has_buckets(rows)

    def _cells(self, rows: list[Row], name: str) -> set[str]:
        at = self.at[name]
        return {row.cells[at] for row in rows if at < len(row.cells)}

    def _has_buckets(self, rows: list[Row]) -> bool:
        volumes = {self.readers["volume"](cell) for cell in self._cells(rows, "volume")}
        months = self.columns.months
        filled = any(at < len(row.cells) and not is_empty(row.cells[at]) for row in rows for at in months)
        exact = [reading.value for reading in volumes if not reading.estimated]
        return are_planner_buckets(exact, has_months=bool(months), months_filled=filled)

    def row(self, row: Row) -> KeywordRow:
        """The keyword row, with the outcome `ok` or `rejected`."""
        cells = row.cells

        def cell(name: str) -> str:
            at = self.at.get(name, -1)
            return cells[at] if 0 <= at < len(cells) else ""

        raw = cell("keyword")
        keyword = clean_text(restore_cell(raw.strip(" ")[:2000]))
        read = KeywordRow(row.number, keyword[:MAX_KEYWORD_CHARS])
        problem = self._keyword_problem(row, raw, keyword)
        if problem:
            return _reject(read, problem)
        read.country = market(_text(cell("country")) or "") or self.market
        notes: list[str] = []
        problem = self._numbers(read, cell, notes)
        if problem:
            return _reject(read, problem)
        self._intents(read, cell)
        read.status = (_text(cell("status")) or "").casefold() or None
        read.cluster = _text(cell("cluster"))
        self._texts(read, cell, cells)
        read.reason = "; ".join(notes) or None
        return read

    def _keyword_problem(self, row: Row, raw: str, keyword: str) -> str | None:
        if row.broken:
            return "a quotation mark is opened and never closed"
        if not keyword:
            return "the keyword is empty"
        if "\ufffd" in raw:
            return "the keyword has damaged characters"
        if len(keyword) > MAX_KEYWORD_CHARS or len(raw) > 2000:
            return f"the keyword is longer than {MAX_KEYWORD_CHARS} characters"
        if not any(unicodedata.category(c)[0] in "LNS" for c in keyword):
            return "the keyword has no letter or digit"
        if tuple(row.cells) == self.columns.header:
            return "the header again"
        if any(extra.strip() for extra in row.cells[self.width :]):
            return f"the row has {len(row.cells)} cells, the header {self.width}: is a delimiter inside an unquoted cell?"
        return None

    def _numbers(self, read: KeywordRow, cell: Callable[[str], str], notes: list[str]) -> str | None:
        for name, reader in self.readers.items():
            raw = cell(name)
            if not raw:
                continue
            reading = reader(raw)
            value = reading.value
            if reading.unreadable:
                notes.append(f"{name} {clean_text(raw)[:40]!r} is not a number and was left empty")
            if value is None:
                continue
            if name == "volume":
                if not 0 <= value <= MAX_VOLUME:
                    return f"volume {clean_text(raw)[:40]} is {'negative' if value < 0 else 'impossibly large'}"
                if self.buckets and not reading.estimated and value in PLANNER_BUCKETS:
                    reading = bucket_reading(value)
                read.volume = to_integer(reading.value or 0)
                if reading.estimated:
                    read.extra["estimated"] = True
                if reading.volume_range:
                    read.extra["volume_range"] = reading.volume_range
            elif name == "difficulty":
                if not 0 <= value <= 100:
                    return f"difficulty {clean_text(raw)[:40]} is outside 0-100"
                read.difficulty = to_integer(value)
            elif abs(value) <= MAX_VOLUME:
                read.extra[name] = to_integer(value) if name in _WHOLE else value
        return None

    def _intents(self, read: KeywordRow, cell: Callable[[str], str]) -> None:
        found = IntentCell()
        if raw := cell("intent"):
            cached = self.intents.get(raw)
            if cached is None:
                cached = self.intents[raw] = read_intents(restore_cell(raw)[:500])
            found = cached
        flags = {intent: cell(f"is_{intent}") for intent in INTENTS if f"is_{intent}" in self.at}
        read.intents = list(dict.fromkeys((*found.intents, *(intents_of_flags(flags) if flags else ()))))
        for name, value in (("branded", found.branded), ("local", found.local)):
            flag = cell(f"is_{name}").strip()
            if value is not None or flag:
                read.extra[name] = is_true(flag) if flag else value
        if found.other:
            read.extra["intent_other"] = list(found.other)

    def _texts(self, read: KeywordRow, cell: Callable[[str], str], cells: list[str]) -> None:
        extra = read.extra
        if parent := _text(cell("parent")):
            extra["parent"] = parent
        if url := _text(cell("url")):
            extra["ranking_urls"] = [url]
        for name in ("serp_features", "tags"):
            if values := _list(cell(name)):
                extra[name] = values
        for name in _TEXTS:
            if name in self.at and (text := _text(cell(name))):
                extra[name] = text
        if active := _text(cell("is_active")):
            extra["is_active"] = is_true(active)
        if "cpc" in extra and (currency := _text(cell("currency")) or self.columns.currency):
            extra["cpc_currency"] = currency.upper()[:10]
        months = {month: self.month_reader(cells[at]).value for at, month in self.columns.months.items() if at < len(cells) and cells[at]}
        monthly = {month: to_integer(value) for month, value in months.items() if value is not None and 0 <= value <= MAX_VOLUME}
        if monthly:
            extra["monthly"] = monthly


def _reject(read: KeywordRow, reason: str) -> KeywordRow:
    return KeywordRow(read.row, read.keyword, country=read.country, outcome="rejected", reason=reason)


def _cached_reader(mark: str, whole: bool) -> Callable[[str], Reading]:
    """Columns repeat their numbers; each text is read once."""
    known: dict[str, Reading] = {}

    def read(cell: str) -> Reading:
        reading = known.get(cell)
        if reading is None:
            reading = known[cell] = read_number(cell, mark, whole=whole)
        return reading

    return read
