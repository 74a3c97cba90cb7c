"""Which tool wrote a keyword file and what each of its columns is, decided by the header and never by the file's name."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from chalicelib.planner.keyword_file_names import COLUMN_NAMES, PLANNER_COMPETITION, PLANNER_VOLUME, SEARCH_CONSOLE
from chalicelib.planner.keyword_markets import is_market, market, market_code

TOOLS = ("igny8", "semrush-kmt", "semrush-ksb", "semrush-api", "semrush-positions", "ahrefs-ke", "ahrefs-se", "gkp", "gsc", "generic")

# Columns that mean something only in files of some tools; elsewhere the same words are other things.
_ONLY: dict[str, dict[str, tuple[str, ...]]] = {
    "semrush-positions": {"position": ("position",), "url": ("url",)},
    "ahrefs-se": {
        "position": ("current position", "position"),
        "url": ("current url", "url"),
        "is_branded": ("branded",),
        "is_local": ("local",),
        "is_informational": ("informational",),
        "is_commercial": ("commercial",),
        "is_transactional": ("transactional",),
        "is_navigational": ("navigational",),
    },
    "generic": {
        "position": ("position", "current position", "rank"),
        "url": ("url", "ranking url", "landing page"),
        "clicks": ("clicks",),
        "impressions": ("impressions",),
        "ctr": ("ctr",),
    },
}
_KSB_ONLY = ("seed_keyword", "page", "topic", "page_type", "tags")
_SEED_ONLY = ("industry", "sector", "is_active")
OUR_COLUMNS = tuple(name for name in COLUMN_NAMES if name not in ("currency", *_SEED_ONLY))

_REASONS: dict[str, str] = {
    "global volume": "searches in the whole world, never the volume of a market",
    "global traffic potential": "traffic in the whole world, not of a market",
    "competition": "competition between advertisers, not the difficulty of ranking",
    "competitive density": "competition between advertisers, not the difficulty of ranking",
    "content references": "pages shared by all keywords of a page, not results of this keyword",
    "competitors": "pages shared by all keywords of a page, not results of this keyword",
    "#": "a row number",
    "trend": "not used: it names no months",
    "trends": "not used: it names no months",
    **dict.fromkeys(PLANNER_COMPETITION, "competition between advertisers, not the difficulty of ranking"),
}
_FORECAST = re.compile(r"sv forecasting trend|forecast")
_CPC = re.compile(r"cpc \(?([a-z]{3})\)?")
_MONTH = re.compile(r"searches: ?(.+)")
_EDGES = re.compile(r"^[\s\ufeff'\"*]+|[\s'\"*:]+$")


def normalise_header(name: str) -> str:
    """A header name for comparison: NFC, case folded, spaces for underscores; letters of every script kept."""
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()).replace("_", " ").replace("\u200b", "")
    return _EDGES.sub("", " ".join(text.split()))


def _index(names: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, int]]:
    out: dict[str, tuple[str, int]] = {}
    for column, aliases in names.items():
        for order, alias in enumerate(aliases):
            out.setdefault(normalise_header(alias), (column, order))
    return out


_BASE = _index({name: aliases for name, aliases in COLUMN_NAMES.items() if name not in (*_KSB_ONLY, *_SEED_ONLY)})
_KSB = _index({name: COLUMN_NAMES[name] for name in _KSB_ONLY})
_SEED = _index({name: COLUMN_NAMES[name] for name in _SEED_ONLY})
_SPECIAL = {tool: _index(names) for tool, names in _ONLY.items()}
_QUERIES = frozenset(normalise_header(alias) for names in SEARCH_CONSOLE.values() for alias in names["keyword"])
_PLANNER = frozenset(map(normalise_header, (*PLANNER_VOLUME, *PLANNER_COMPETITION)))
_CONSOLE: dict[str, tuple[str, int]] = {}
for _names in SEARCH_CONSOLE.values():
    for _alias, _found in _index(_names).items():
        _CONSOLE.setdefault(_alias, _found)
_ANY = {**_SEED, **_KSB, **_CONSOLE, **_SPECIAL["ahrefs-se"], **_BASE}
_MAGIC = frozenset(
    ("intent", "trend", "keyword difficulty", "competitive density", "serp features", "number of results", "click potential")
)


_AHREFS = frozenset(("global volume", "parent keyword", "parent topic", "traffic potential", "cps"))
_INTENT_FLAGS = frozenset(("branded", "local", "informational", "commercial", "transactional", "navigational"))
_LAST = 1000  # the order of names that give way to any other
_UNIT = re.compile(r"(.*\S) ?[(\[](.+)[)\]]")
_NAME_CHARS = 200  # a longer cell is no column's name; the form above would take time by its square
_WITH_UNIT = ("volume", "difficulty", "cpc", "keyword", "intent")
_COMPARED = re.compile(r".+ (clicks|impressions|ctr|position)")


def _lookup(name: str, index: Mapping[str, tuple[str, int]]) -> tuple[str, int, str | None]:
    """Our column of a header name (or ''), the order of the name, and the market it states: `volume (us)`, `difficulty (0-100)`."""
    if name in index:
        return (*index[name], None)
    if name in _REASONS:
        return "", 0, None
    if len(name) <= _NAME_CHARS and (match := _UNIT.fullmatch(name)):
        column, order = index.get(match[1], ("", 0))
        known = is_market(match[2])
        if column in _WITH_UNIT and (known or len(match[2]) <= 5) and match[2] != "all":
            return column, order + _LAST // 2, market(match[2]) if known and column == "volume" else None
    return "", 0, None


@dataclass(frozen=True)
class Columns:
    """The columns of one table. tool: one of TOOLS. used: our column -> index. months: index -> name of the month.
    ignored: (their name, reason). currency, market: as the names of the CPC and the volume column state them. locale: of a Search
    Console file."""

    tool: str
    header: tuple[str, ...]
    used: dict[str, int]
    months: dict[int, str] = field(default_factory=dict)
    ignored: tuple[tuple[str, str], ...] = ()
    currency: str | None = None
    locale: str | None = None
    market: str | None = None


def score_header(cells: Sequence[str], wanted: Mapping[str, str] | None = None) -> int:
    """How many columns we know this row names; 0 unless one of them is the keyword. wanted: our column -> their header (normalised)."""
    names = [normalise_header(cell) for cell in cells if cell and len(cell) < 120]
    asked = {their: ours for ours, their in (wanted or {}).items()}
    found = {asked.get(n) or _lookup(n, _ANY)[0] for n in names} - {""}
    if "keyword" not in found:
        return 0
    return len(found) + sum(1 for n in names if n not in _ANY and (n in _REASONS or _CPC.fullmatch(n) or n in _MAGIC))


def _locale(names: frozenset[str]) -> str | None:
    """The language of a Search Console header, None when it is not one."""
    best, most = None, 1
    for locale, columns in SEARCH_CONSOLE.items():
        if names.isdisjoint(map(normalise_header, columns["keyword"])):
            continue
        hits = sum(
            1 for column in ("clicks", "impressions", "ctr", "position") if not names.isdisjoint(map(normalise_header, columns[column]))
        )
        if hits >= most + (best is not None) and not names.isdisjoint(map(normalise_header, (*columns["clicks"], *columns["impressions"]))):
            best, most = locale, hits
    return best


def detect_tool(header: Iterable[str]) -> str:
    """The tool whose export has these columns. header: the cells of the header row. Returns one of TOOLS, `generic` when none fits."""
    names = frozenset(normalise_header(cell) for cell in header)
    if names & _PLANNER or any(_MONTH.fullmatch(n) for n in names):
        return "gkp"
    compared = names & _QUERIES and {m[1] for n in names if (m := _COMPARED.fullmatch(n))} >= {"clicks", "impressions"}
    if (_locale(names) or compared) and names.isdisjoint(("volume", "search volume")):
        return "gsc"
    if len(names & _INTENT_FLAGS) >= 3 or names >= {"current position", "current url"}:
        return "ahrefs-se"
    if "seed keyword" in names or names >= {"database", "page type"}:
        return "semrush-ksb"
    if names & {"keyword intents", "serp features by keyword", "position type"} or names >= {"position", "url", "search volume"}:
        return "semrush-positions"
    if "keyword difficulty index" in names or names >= {"database", "search volume"}:
        return "semrush-api"
    if names >= {"industry", "sector"}:
        return "igny8"
    if names & _AHREFS or any(n.startswith("sv trend") for n in names):
        return "ahrefs-ke"
    if names >= {"#", "keyword", "difficulty", "volume"} or names >= {"keyword", "country", "difficulty", "volume", "cpc"}:
        return "ahrefs-ke"
    magic = (names & _MAGIC) | {n for n in names if _CPC.fullmatch(n)}
    if "volume" in names and len(magic) >= 2 and magic != {"intent", "trend"}:
        return "semrush-kmt"
    if "competitive density" in names:
        return "semrush-kmt"
    if "status" in names and "keyword" in names and names & {"volume", "difficulty", "intent"}:
        return "igny8"
    return "generic"


def read_header(header: Sequence[str], *, tool: str | None = None, wanted: Mapping[str, str] | None = None) -> Columns:
    """What each column of a table is. tool: overrides the detection. wanted: our column -> their header (normalised), which wins."""
    names = [normalise_header(cell) for cell in header]
    tool = tool or detect_tool(header)
    index = dict(_BASE)
    if tool == "gsc":
        index = {**index, **_CONSOLE}
    elif tool in ("semrush-ksb", "igny8"):
        index = {**index, **(_KSB if tool == "semrush-ksb" else _SEED)}
    else:
        index = {**index, **_SPECIAL.get(tool, {})}
    for alias in _QUERIES:
        index.setdefault(alias, ("keyword", _LAST))  # `Query` is a keyword column in any file, after the better names
    asked = {their: ours for ours, their in (wanted or {}).items()}
    used: dict[str, int] = {}
    order: dict[str, int] = {}
    months: dict[int, str] = {}
    currency = volume_market = None
    for at, name in enumerate(names):
        column, rank, stated = (asked[name], -1, None) if name in asked else _lookup(name, index)
        if tool == "gsc" and not column and (match := _COMPARED.fullmatch(name)):
            column, rank = match[1], _LAST  # a comparison of two periods; the first is the recent one
        if match := _CPC.fullmatch(name):
            column, rank, currency = column or "cpc", rank, match[1].upper()
        if tool == "gkp" and (match := _MONTH.fullmatch(name)):
            months[at] = header[at].partition(":")[2].strip()
        elif column and (column not in used or rank < order[column]):
            used[column], order[column] = at, rank
            volume_market = stated if column == "volume" else volume_market
    taken = {*used.values(), *months}
    ignored = []
    for at, name in enumerate(names):
        if at in taken or not name:
            continue
        other = asked.get(name) or _lookup(name, index)[0]
        reason = _REASONS.get(name) or ("a forecast, not searches" if _FORECAST.search(name) else "")
        ignored.append((header[at].strip(), reason or (f"another column is the {other}" if other else "not used")))
    locale = _locale(frozenset(names)) if tool == "gsc" else None
    return Columns(tool, tuple(header), used, months, tuple(ignored), currency, locale, volume_market)


_NAME_PATTERNS = (
    re.compile(r"organic\.positions-(?:mobile-)?([a-z]{2})-\d{8}"),
    re.compile(r"(?:^|[/\\])google_([a-z]{2})_"),
    re.compile(r"_([a-z]{2})_\d{4}-\d{2}-\d{2}"),
)
_NAME_END = re.compile(r"[_-]([a-z]{2})(?: ?\(\d+\))?\.[a-z]{3,4}$")


def market_of_filename(filename: str, tool: str) -> str | None:
    """The market that Semrush and Ahrefs write into the file's name, such as `…_us_2026-05-01.csv`; None when there is none."""
    name = filename.casefold()
    for pattern in (*_NAME_PATTERNS, *((_NAME_END,) if tool.startswith(("semrush", "ahrefs")) else ())):
        if (match := pattern.search(name)) and (code := market_code(match[1])):
            return code
    return None
