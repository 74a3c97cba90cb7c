"""The exports of Semrush, Ahrefs, Keyword Planner and Search Console, with their traps; headers as published, rows invented."""

# ruff: noqa: RUF001 - letters and dashes of other scripts are what is tested

import codecs
from typing import Any

import pytest

from chalicelib.core.errors import UnreadableFile
from chalicelib.planner.keyword_file_rows import KeywordRow
from chalicelib.planner.keyword_files import KeywordFile, read_keyword_file


def read(text: str, filename: str = "file.csv", **options: Any) -> KeywordFile:
    return read_keyword_file(text.encode(), filename=filename, **options)


def kept(file: KeywordFile) -> list[KeywordRow]:
    return [row for row in file.rows if row.outcome == "ok"]


def triples(file: KeywordFile) -> list[tuple[str, int | None, int | None]]:
    return [(row.keyword, row.volume, row.difficulty) for row in kept(file)]


# --- Semrush ------------------------------------------------------------------------------------------------------------

KMT = "Keyword,Intent,Volume,Trend,Keyword Difficulty,CPC (USD),Competitive Density,SERP Features,Number of Results"


def test_semrush_keyword_magic_with_market_in_the_name() -> None:
    file = read(
        f'{KMT}\n"dog beds","Commercial, Transactional","1,300","0.2,1.0",58,1.25,0.9,"Sitelinks, AI Overview",9\n',
        "dog-beds_broad-match_us_2026-05-01.csv",
    )
    (row,) = file.rows
    assert (file.tool, file.market, row.country, row.volume, row.difficulty, row.intent) == (
        "semrush-kmt",
        "us",
        "us",
        1300,
        58,
        "transactional",
    )
    assert row.extra == {"cpc": 1.25, "cpc_currency": "USD", "serp_features": ["Sitelinks", "AI Overview"]}
    assert {entry["column"] for entry in file.columns_ignored} == {"Trend", "Competitive Density", "Number of Results"}
    assert "advertisers" in next(entry["reason"] for entry in file.columns_ignored if entry["column"] == "Competitive Density")


def test_semrush_of_2019_has_decimal_difficulty_and_no_intent() -> None:
    file = read("Keyword,Volume,Keyword Difficulty,CPC (AUD),Competitive Density\ndog bed,1900,85.18,0.5,1\ncat bed,880,42.5,0.4,1\n")
    assert file.tool == "semrush-kmt"
    assert triples(file) == [("dog bed", 1900, 85), ("cat bed", 880, 43)]
    assert file.rows[0].extra["cpc_currency"] == "AUD" and file.rows[0].intents == []


def test_semrush_empty_is_unknown_and_zero_is_zero() -> None:
    file = read(f"{KMT}\na b,,0,,,,,,n/a\nc d,Informational,n/a,,-,,,,\n")
    assert triples(file) == [("a b", 0, None), ("c d", None, None)]


def test_semrush_keyword_strategy_builder() -> None:
    header = (
        "Database,Keyword,Seed keyword,Page,Topic,Page type,Tags,Volume,Keyword Difficulty,CPC (USD),Competitive Density,Number of Results,"
        "Intent,SERP Features,Trend,Click potential,Content references,Competitors"
    )
    pairs = '"""a.com"":""https://a.com/""\n""b.com"":""https://b.com/"""'
    file = read(
        f'{header}\nus,dog beds,dog,dog bed guide,dogs,Sub page,"x, y",40500,43,0.87,1.00,3010,"Commercial, Informational",'
        f'"Site Links, Adwords Bottom","0.2,1",80,{pairs},{pairs}\nau,dog beds,dog,,,,,320,12,,,,Informational,,,,,\n',
        "dogs_clusters_2026-02-13.csv",
    )
    assert (file.tool, file.market) == ("semrush-ksb", None)
    assert [(r.keyword, r.country, r.volume, r.row) for r in kept(file)] == [("dog beds", "us", 40500, 2), ("dog beds", "au", 320, 3)]
    assert file.rows[0].extra | {
        "page": "dog bed guide",
        "topic": "dogs",
        "page_type": "Sub page",
        "seed_keyword": "dog",
        "tags": ["x", "y"],
    } == (file.rows[0].extra)
    assert {"Content references", "Competitors", "Click potential"} <= {entry["column"] for entry in file.columns_ignored}


def test_semrush_api_headers() -> None:
    file = read("Keyword;Search Volume;CPC;Competition;Number of Results;Keyword Difficulty Index\ndog bed;8100;1.2;0.9;10;67.5\n")
    assert (file.tool, file.delimiter) == ("semrush-api", ";")
    assert triples(file) == [("dog bed", 8100, 68)]


def test_semrush_positions_join_the_urls_of_a_keyword() -> None:
    header = (
        "Keyword,Position,Previous position,Search Volume,Keyword Difficulty,CPC,URL,Traffic,Traffic (%),Traffic Cost,Competition,"
        "Number of Results,Trends,Timestamp,SERP Features by Keyword,Keyword Intents,Position Type"
    )
    file = read(
        f"{header}\n"
        'mugs,11,9,12100,38,0.65,https://x.test/b,40,0.1,25,0.84,98,"[100,82]",2026-06-28,people_also_ask,informational,Organic\n'
        'mugs,4,6,12100,38,0.65,https://x.test/a,480,1.2,310,0.84,98,"[100,82]",2026-06-28,"ai_overview,organic",informational,Organic\n',
        "x.test-organic.Positions-uk-20260628-2026-06-29T10_00_00Z.csv",
    )
    (row,) = kept(file)
    assert (file.tool, file.market, row.country, row.volume) == ("semrush-positions", "uk", "uk", 12100)
    assert (row.extra["position"], row.extra["ranking_urls"]) == (4, ["https://x.test/a", "https://x.test/b"])
    assert file.rows[1].outcome == "duplicate" and "row 2" in str(file.rows[1].reason)


# --- Ahrefs -------------------------------------------------------------------------------------------------------------


def test_ahrefs_keywords_explorer_2026() -> None:
    header = (
        "#,Keyword,Country,Difficulty,Volume,CPC,CPS,Parent Keyword,Last Update,SERP Features,Global volume,Traffic potential,"
        "Global traffic potential,First seen,Intents,Languages,SV trend (03-2024 - 02-2026),"
        "SV Forecasting trend (03-2026 - 03-2027),Category"
    )
    file = read(
        f'{header}\n1,gift ideas,gb,24,9000,0.5,1.1,gifts,2026-02-27,"People also ask,Thumbnail",15000,21000,26000,2015-03-01,'
        '"Informational,Commercial,Branded,Local",en,"1, 2","3, 4",/Shopping\n',
        "google_gb_gift_matching-terms_2026-03-01_10-00-00.csv",
    )
    (row,) = file.rows
    assert (file.tool, file.market, row.country, row.volume, row.difficulty) == ("ahrefs-ke", "uk", "uk", 9000, 24)
    assert row.extra == {
        "traffic_potential": 21000,
        "cpc": 0.5,
        "branded": True,
        "local": True,
        "parent": "gifts",
        "serp_features": ["People also ask", "Thumbnail"],
    }
    reasons = {entry["column"]: entry["reason"] for entry in file.columns_ignored}
    assert "whole world" in reasons["Global volume"] and "forecast" in reasons["SV Forecasting trend (03-2026 - 03-2027)"]


def test_ahrefs_global_volume_is_never_the_volume() -> None:
    file = read("#,Keyword,Country,Difficulty,Global volume\n1,dog bed,us,57,90500\n")
    assert "volume" not in file.columns_used and file.rows[0].volume is None


def test_ahrefs_of_2020() -> None:
    header = "#,Keyword,Country,Difficulty,Volume,CPC,Clicks,CPS,Return Rate,Parent Keyword,Last Update,SERP Features,Global volume"
    file = read(f"{header}\n1,dog bed,us,57,22200,1,15000,1.1,1.2,dog beds,2020-01-01,,90500\n")
    assert file.tool == "ahrefs-ke" and "clicks" not in file.columns_used and triples(file) == [("dog bed", 22200, 57)]


def test_ahrefs_names_of_countries_and_parent_topic() -> None:
    file = read('"Keyword","Country","Difficulty","Volume","Parent Topic"\n"gifts","United States",57,"22,200","gift"\n')
    assert (file.tool, file.rows[0].country, file.rows[0].volume, file.rows[0].extra["parent"]) == ("ahrefs-ke", "us", 22200, "gift")


def test_ahrefs_site_explorer_flags_in_any_case() -> None:
    header = (
        "Keyword,Volume,KD,CPC,Current position,Current URL,Previous URL,Branded,Local,Informational,Commercial,Transactional,Navigational"
    )
    file = read(f"{header}\nx coupon,320,3,0.2,2,https://x.test/c,,TRUE,FALSE,FALSE,FALSE,TRUE,TRUE\n")
    (row,) = file.rows
    assert (file.tool, row.intents, row.intent, row.extra["branded"], row.extra["local"]) == (
        "ahrefs-se",
        ["transactional", "navigational"],
        "transactional",
        True,
        False,
    )
    assert row.extra["position"] == 2 and row.extra["ranking_urls"] == ["https://x.test/c"]


# --- Google Keyword Planner ---------------------------------------------------------------------------------------------

PLANNER = 'Keyword Stats 2026-05-09 at 21_25_18\n"May 1, 2025 - April 30, 2026"\n'
PLANNER_HEADER = (
    "Keyword\tCurrency\tSegmentation\tAvg. monthly searches\tThree month change\tCompetition\tCompetition (indexed value)\tIn Account"
)


def test_planner_ranges_as_text_utf16_with_an_empty_line() -> None:
    rows = "mugs\tUSD\t\t100K \u2013 1M\t0%\tHigh\t88\t\ncups\tUSD\t\t1K \u2013 10K\t0%\tAlto\t90\t\n"
    text = f"Keyword Stats\nJan 2025 - Dec 2025\n\n{PLANNER_HEADER}\n{rows}"
    file = read_keyword_file(codecs.BOM_UTF16_LE + text.encode("utf-16-le"), filename="kp.csv")
    assert (file.tool, file.header_row, file.encoding, file.delimiter) == ("gkp", 4, "utf-16-le", "\t")
    assert [(r.row, r.volume, r.extra["volume_range"], r.extra["estimated"]) for r in file.rows] == [
        (5, 100_000, "100K-1M", True),
        (6, 1000, "1K-10K", True),
    ]
    assert "difficulty" not in file.columns_used


def test_planner_exact_numbers_with_decimals() -> None:
    file = read(f"{PLANNER}{PLANNER_HEADER}\nolla\tCOP\t\t170.0\t200%\tAlto\t89\nsarten\tCOP\t\t12100.0\t0%\tAlto\t100\tIn\n")
    assert triples(file) == [("olla", 170, None), ("sarten", 12100, None)]
    assert "estimated" not in file.rows[0].extra


def test_planner_buckets_without_month_columns_need_proof() -> None:
    buckets = read(f"{PLANNER}{PLANNER_HEADER}\na\tUSD\t\t500\t\t\t\nb\tUSD\t\t0\t\t\t\nc\tUSD\t\t\t\t\t\n")
    assert [(r.volume, r.extra.get("volume_range")) for r in buckets.rows] == [(100, "100-1K"), (0, "0-10"), (None, None)]
    exact = read(f"{PLANNER}{PLANNER_HEADER}\na\tUSD\t\t50\t\t\t\nb\tUSD\t\t480\t\t\t\n")
    assert [r.volume for r in exact.rows] == [50, 480]


def test_planner_months_make_the_file_exact() -> None:
    file = read(f"{PLANNER}Keyword\tAvg. monthly searches\tSearches: May 2025\tSearches: Jun 2025\na\t500\t400\t600\nb\t50\t\t\n")
    assert [r.volume for r in file.rows] == [500, 50] and file.rows[0].extra["monthly"] == {"May 2025": 400, "Jun 2025": 600}


def test_planner_in_german() -> None:
    file = read(
        "Keyword-Statistik\n1. Mai 2025\nKeyword\tWährung\tDurchschn. Suchanfragen pro Monat\tWettbewerb\tWettbewerb (indexierter Wert)\n"
        "hundebett\tEUR\t1.000\u201310.000\tHoch\t90\n"
    )
    assert (file.tool, file.rows[0].volume, file.rows[0].difficulty) == ("gkp", 1000, None)


# --- Google Search Console ----------------------------------------------------------------------------------------------

CONSOLE = {
    "en": "Top queries,Clicks,Impressions,CTR,Position",
    "de": "Häufigste Suchanfragen;Klicks;Impressionen;Klickrate;Durchschnittliche Position",
    "fr": "Requêtes les plus fréquentes,Clics,Impressions,CTR,Position moyenne",
    "es": "Consultas principales,Clics,Impresiones,CTR,Posición media",
    "it": "Query principali,Clic,Impressioni,CTR,Posizione media",
    "nl": "Populairste zoekopdrachten,Klikken,Vertoningen,CTR,Positie",
    "pl": "Najpopularniejsze zapytania,Kliknięcia,Wyświetlenia,CTR,Pozycja",
    "tr": "En popüler sorgular,Tıklama,Görüntüleme,CTR,Ortalama konum",
    "cs": "Nejčastější dotazy,Kliknutí,Zobrazení,CTR,Průměrná pozice",
    "sv": "Vanligaste sökfrågorna,Klick,Visningar,Klickfrekvens,Genomsnittlig position",
    "ja": "上位のクエリ,クリック数,表示回数,CTR,掲載順位",
    "ko": "인기 검색어,클릭수,노출수,클릭률,평균 게재순위",
    "zh": "热门查询,点击次数,展示次数,点击率,平均排名",
    "zh-tw": "熱門查詢,點擊次數,曝光次數,點閱率,平均排名",
    "ru": "Поисковый запрос,Клики,Показы,CTR,Позиция",
    "pt": "Principais consultas,Cliques,Impressões,CTR,Posição",
    "da": "Mest populære forespørgsler,Klik,Eksponeringer,CTR,Placering",
    "nb": "Vanligste søk,Klikk,Visninger,CTR,Posisjon",
    "fi": "Suosituimmat kyselyt,Klikkaukset,Näyttökerrat,CTR,Sijainti",
    "hu": "Leggyakoribb lekérdezések,Kattintások,Megjelenések,CTR,Pozíció",
    "ro": "Principalele interogări,Clicuri,Afișări,CTR,Poziție",
    "uk": "Найпопулярніші запити,Кліки,Покази,CTR,Позиція",
    "el": "Κορυφαία ερωτήματα,Κλικ,Εμφανίσεις,CTR,Θέση",
    "vi": "Cụm từ tìm kiếm hàng đầu,Lượt nhấp,Lượt hiển thị,CTR,Vị trí",
    "id": "Kueri teratas,Klik,Tayangan,CTR,Posisi",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("locale", sorted(CONSOLE))
def test_search_console_in_every_language(locale: str, encoding: str) -> None:
    header = CONSOLE[locale]
    row = "büro mieten;9;1.300;3,0\u00a0%;6,1" if ";" in header else "büro mieten,9,1300,3.0%,6.1"
    file = read_keyword_file(f"{header}\r\n{row}\r\n".encode(encoding), filename="Queries.csv")
    assert (file.tool, file.locale, set(file.columns_used)) == ("gsc", locale, {"keyword", "clicks", "impressions", "ctr", "position"})
    (read_row,) = file.rows
    assert (read_row.keyword, read_row.volume, read_row.difficulty) == ("büro mieten", None, None)
    assert read_row.extra == {"clicks": 9, "impressions": 1300, "ctr": 3.0, "position": 6.1}


def test_search_console_comparison_takes_the_first_period() -> None:
    file = read(
        "Top queries,8/1/26 - 8/31/26 Clicks,7/1/26 - 7/31/26 Clicks,8/1/26 - 8/31/26 Impressions,"
        "7/1/26 - 7/31/26 Impressions\na b,5,3,50,30\n"
    )
    assert (file.tool, file.rows[0].extra) == ("gsc", {"clicks": 5, "impressions": 50})


def test_search_console_says_when_it_is_cut_off() -> None:
    rows = "".join(f"idea {i},1,10,1%,9\n" for i in range(1000))
    assert any("1,000 rows" in note for note in read(f"{CONSOLE['en']}\n{rows}").notes)


def test_an_unknown_language_is_refused_and_can_be_mapped() -> None:
    text = "Alpha,Beta,Gamma\nfoo,10,100\n"
    with pytest.raises(UnreadableFile, match="Alpha, Beta, Gamma"):
        read(text)
    file = read(text, mapping={"keyword": "alpha", "impressions": "Gamma"}, tool="gsc")
    assert (file.tool, file.rows[0].keyword, file.rows[0].extra) == ("gsc", "foo", {"impressions": 100})
