"""Keyword files: every tool's, large ones at once and by an upload, and export read back."""

import json
from collections import Counter
from typing import Any

import pytest
import requests

from tests.e2e.blackbox.client import Api, Reply
from tests.e2e.blackbox.making import cluster, keywords, made
from tests.e2e.served import ROOT

FIXTURES = ROOT / "tests" / "data" / "csv_fixtures"
EXPECTED: dict[str, dict[str, Any]] = json.loads((FIXTURES / "expected.json").read_text(encoding="utf-8"))
CSV = {"Content-Type": "text/csv"}


def _sent(
    api: Api, where: dict[str, Any], data: bytes | str, *, path: str = "import_keywords", status: int | None = None, **more: Any
) -> Reply:
    sent = data.encode() if isinstance(data, str) else data
    return api.post(f"planner/keywords/{path}/", params={**where, **more}, data=sent, headers=CSV, status=status)


def _many(rows: int, first: int = 0) -> str:
    return "keyword,volume\n" + "".join(f"coffee number {n},{n}\n" for n in range(first, first + rows))


@pytest.mark.parametrize("file", sorted(EXPECTED))
def test_fixture(owner: Api, where: dict[str, Any], file: str) -> None:
    expected, form = EXPECTED[file], {"file": (file, (FIXTURES / file).read_bytes(), "text/csv")}
    if "error" in expected:
        error = owner.post("planner/keywords/import_keywords/", params=where, files=form, status=400).error
        assert error["code"] == "unreadable_file" and "foo, bar" in error["message"]
        assert owner.every("planner/keywords/", **where) == []
        return
    report = owner.post("planner/keywords/import_keywords/", params=where, files=form).data
    for key in ("tool", "header_row"):
        assert report[key] == expected.get(key, report[key])
    assert (report["duplicates"], report["rejected"]) == (expected.get("duplicates", 0), expected.get("rejected", 0))
    created = [row for row in report["rows"] if row["outcome"] == "created"]
    for row, want in zip(created, expected["rows"], strict=True):
        shown = {**row.get("extra", {}), **row}
        assert set(shown["intents"]) == set(want["intents"])
        # the market is the keyword's, as stored below
        assert {key: shown.get(key) for key in want if key not in ("intents", "country")} == {
            key: want[key] for key in want if key not in ("intents", "country")
        }
    stored = {row["keyword"]: row for row in owner.every("planner/keywords/", **where)}
    assert len(stored) == report["created"] == len(created)
    for want in expected["rows"]:
        kept = stored[want["keyword"]]
        assert (kept["volume"], kept["difficulty"]) == (want["volume"], want["difficulty"])
        assert kept["country"] == want.get("country", kept["country"])


def test_both_names_of_import_and_export_answer_alike(owner: Api, where: dict[str, Any]) -> None:
    text = "keyword,volume\nmoka pot,5\nmoka pot,5\n,3\n"
    dry = [_sent(owner, where, text, path=path, dry_run="true").bare() for path in ("import_keywords", "import_csv")]
    assert dry[0] == dry[1] and owner.every("planner/keywords/", **where) == []
    assert _sent(owner, where, text, path="import_csv").data["created"] == 1
    real = [_sent(owner, where, text, path=path).bare() for path in ("import_keywords", "import_csv")]
    assert real[0] == real[1] and (real[0]["data"]["duplicates"], real[0]["data"]["rejected"]) == (2, 1)
    files = [owner.get(f"planner/keywords/{path}/", **where) for path in ("export", "export_csv")]
    assert files[0].body == files[1].body
    for header in ("content-type", "content-disposition"):
        assert files[0].headers[header] == files[1].headers[header]


def test_what_is_exported_reads_back(owner: Api, site: str, where: dict[str, Any]) -> None:
    home = cluster(owner, where, 'Beans, "dark"')
    body = {"volume": 900, "difficulty": 31, "intent": "commercial"}
    made(owner, "planner/keywords/", **where, keyword="dark beans", cluster=home, **body)
    made(owner, "planner/keywords/", **where, keyword="=1+1")
    made(owner, "planner/keywords/", **where, keyword='beans, "light"', volume=0)
    text = owner.get("planner/keywords/export/", **where).body
    assert b"\n'=1+1," in text.replace(b"\r\n", b"\n")
    sector = made(owner, "auth/sectors/", site_id=site, name="Read back", slug="read-back")["id"]
    second = {"site_id": site, "sector_id": sector}
    assert _sent(owner, second, text).data["created"] == 3
    names = ("keyword", "volume", "difficulty", "intent")
    first, back = ({tuple(row[n] for n in names) for row in owner.every("planner/keywords/", **at)} for at in (where, second))
    assert first == back
    owner.delete(f"auth/sectors/{sector}/")


def test_an_export_of_some(owner: Api, where: dict[str, Any]) -> None:
    ids = keywords(owner, where, "one bean", "two beans", "three beans")
    assert len(owner.get("planner/keywords/export/", ids=",".join(ids[:2])).body.splitlines()) == 3
    assert len(owner.get("planner/keywords/export/", **where, search="beans").body.splitlines()) == 3


def test_a_mapping_names_the_columns(owner: Api, where: dict[str, Any]) -> None:
    mapping = json.dumps({"keyword": "Wort", "volume": "Anfragen"})
    report = _sent(owner, where, "Wort;Anfragen\nkaffee;10\n", mapping=mapping).data
    assert (report["created"], report["rows"][0]["volume"]) == (1, 10)


def test_five_thousand_rows_at_once(owner: Api, where: dict[str, Any]) -> None:
    report = _sent(owner, where, _many(5_000)).data
    assert (report["created"], report["duplicates"], report["rejected"], len(report["rows"])) == (5_000, 0, 0, 1_000)
    whole = requests.get(report["report_url"], timeout=30).json()
    assert [row["keyword"] for row in whole["rows"]] == [f"coffee number {n}" for n in range(5_000)]
    assert owner.get("planner/keywords/", **where, page_size=1).body["count"] == 5_000
    too_many = _sent(owner, where, _many(5_001), status=413).error
    assert (too_many["code"], too_many["hint"]) == ("too_large", "uploads")


def test_ten_thousand_rows_by_an_upload_and_a_task(owner: Api, where: dict[str, Any]) -> None:
    text = (_many(9_998) + "coffee number 0,1\n,5\n").encode()
    upload = owner.post("planner/keywords/uploads/", {"filename": "many.csv", "size": len(text)}, status=201).data
    assert upload["method"] == "PUT"
    assert requests.put(upload["url"], data=text, timeout=60).status_code == 200
    done = owner.done("planner/keywords/import_keywords/", {"upload_id": upload["upload_id"]}, params=where)
    report = done["result"]
    assert (report["created"], report["duplicates"], report["rejected"]) == (9_998, 1, 1)
    rows = requests.get(report["report_url"], timeout=30).json()["rows"]
    assert Counter(row["outcome"] for row in rows) == {"created": 9_998, "duplicate": 1, "rejected": 1}
    first = rows[0]["row"]
    assert [row["row"] for row in rows] == list(range(first, first + 10_000)) and all(row.get("reason") for row in rows[-2:])
    assert owner.get("planner/keywords/", **where, page_size=1).body["count"] == 9_998


def test_an_upload_over_fifty_megabytes_is_refused(owner: Api) -> None:
    assert owner.post("planner/keywords/uploads/", {"filename": "a.csv", "size": 50_000_001}, status=413).error["code"] == "too_large"
