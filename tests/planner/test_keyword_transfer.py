"""Keyword files over HTTP: import at once and by an upload, the report, export, and export read back."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.auth.catalogue import INDUSTRY, INDUSTRY_SECTOR, SEED
from chalicelib.auth.sites import SECTOR, SITE
from chalicelib.core.entity import Entity
from chalicelib.core.ids import new_tenant_id, random_id
from chalicelib.planner.keyword_files import read_keyword_file
from chalicelib.planner.keyword_identity import keyword_id
from chalicelib.planner.keyword_import import BATCH, store
from chalicelib.planner.keyword_uploads import MAX_UPLOAD_BYTES
from chalicelib.planner.keywords import KEYWORD
from tests.conftest import Place, make_site
from tests.planner.test_keywords import add, cluster, figures
from tests.rest import Reply, Rest

CSV = "keyword,volume,difficulty,intent\nroad bikes,900,31,commercial\n=cmd|' /C calc'!A0,5,,\nroad bikes,900,31,commercial\n,7,,\n"


def send(api: Rest, place: Place, text: str | bytes, path: str = "import_keywords", **parameters: Any) -> Reply:
    data = text.encode() if isinstance(text, str) else text
    where = {"site_id": place.site_id, "sector_id": place.sector_id, **parameters}
    return api.post(f"planner/keywords/{path}", data, mime="text/csv", parameters=where)


def many(rows: int) -> str:
    return "keyword,volume\n" + "".join(f"keyword number {n},{n}\n" for n in range(rows))


@pytest.mark.parametrize("path", ["import_keywords", "import_csv"])
def test_every_row_of_a_file_is_reported(api: Rest, place: Place, path: str) -> None:
    report = send(api, place, CSV, path).data
    assert (report["created"], report["duplicates"], report["rejected"]) == (2, 1, 1)
    assert [r["outcome"] for r in report["rows"]] == ["created", "created", "duplicate", "rejected"]
    again = send(api, place, CSV, path).data
    assert (again["created"], again["duplicates"], again["rejected"]) == (0, 3, 1)
    assert api.get("planner/keywords", sector_id=place.sector_id).body["count"] == 2


def test_a_country_that_nobody_knows_is_kept_as_it_is_named(api: Rest, place: Place) -> None:
    report = send(api, place, "keyword,volume,country\nroad bikes,900,Liechtenstein\nroad bikes,10,US\n").data
    assert [r["outcome"] for r in report["rows"]] == ["created", "created"]
    assert {k["country"] for k in api.get("planner/keywords", sector_id=place.sector_id).results} == {"liechtenstein", "us"}
    assert add(api, place, "city bikes", country="Liechtenstein")["country"] == "liechtenstein"


def test_a_dry_run_stores_nothing(api: Rest, place: Place) -> None:
    assert send(api, place, CSV, dry_run="true").data["created"] == 2
    assert api.get("planner/keywords", sector_id=place.sector_id).body["count"] == 0


def test_a_deleted_keyword_is_imported_again(api: Rest, place: Place) -> None:
    send(api, place, CSV)
    gone = api.get("planner/keywords", search="road", sector_id=place.sector_id).results[0]["id"]
    api.delete(f"planner/keywords/{gone}")
    assert send(api, place, CSV).data["created"] == 1
    assert api.get(f"planner/keywords/{gone}").data["volume"] == 900


def test_a_form_names_file_mapping_and_tool(api: Rest, place: Place) -> None:
    parts = {"file": ("words.csv", "Wort;Anfragen\nrennrad;10\n"), "mapping": ("", json.dumps({"keyword": "Wort", "volume": "Anfragen"}))}
    form = b"".join(
        f'--xx\r\nContent-Disposition: form-data; name="{name}"{f"; filename={file}" if file else ""}\r\n\r\n{text}\r\n'.encode()
        for name, (file, text) in parts.items()
    )
    where = {"site_id": place.site_id, "sector_id": place.sector_id}
    reply = api.post("planner/keywords/import_keywords", form + b"--xx--\r\n", mime="multipart/form-data; boundary=xx", parameters=where)
    assert reply.status == 200, reply.body
    assert (reply.data["created"], reply.data["rows"][0]["volume"]) == (1, 10)


def test_what_is_too_large_names_the_other_way(api: Rest, place: Place) -> None:
    for reply in (send(api, place, many(5_001)), send(api, place, b"keyword\n" + b"x" * 4_000_001)):
        assert (reply.status, reply.error["code"], reply.error["hint"]) == (413, "too_large", "uploads")
    assert api.post("planner/keywords/uploads", {"filename": "a.csv", "size": MAX_UPLOAD_BYTES + 1}).status == 413
    assert api.get("planner/keywords", sector_id=place.sector_id).body["count"] == 0


def test_an_upload_is_imported_by_a_task_that_reports_every_row(api: Rest, place: Place) -> None:
    text = many(6_000).encode()
    upload = api.post("planner/keywords/uploads", {"filename": "many.csv", "size": len(text)})
    assert upload.status == 201 and set(upload.data) == {"upload_id", "url", "method", "expires_in"}
    path = upload.data["url"].removeprefix("https://files.test/").partition("?")[0]
    api.deps.files.put(path, text, "text/csv")
    where = {"site_id": place.site_id, "sector_id": place.sector_id}
    asked = api.post("planner/keywords/import_keywords", {"upload_id": upload.data["upload_id"]}, parameters=where)
    done = api.finished(asked)
    assert (done["state"], done["percentage"], done["result"]["created"]) == ("succeeded", 100, 6_000), done
    report = json.loads(api.deps.files.get(done["result"]["report_url"].removeprefix("https://files.test/").partition("?")[0]))
    assert len(report["rows"]) == 6_000 and {r["outcome"] for r in report["rows"]} == {"created"}
    assert api.get("planner/keywords", sector_id=place.sector_id, page_size=1).body["count"] == 6_000
    assert api.as_role("viewer").get(f"system/settings/task_progress/{asked.data['task_id']}").status == 200
    assert api.of_tenant(new_tenant_id()).get(f"system/settings/task_progress/{asked.data['task_id']}").status == 404


def test_an_upload_that_is_imported_twice_counts_what_it_made(api: Rest, place: Place) -> None:
    """The worker died after the first batches and the message came again."""
    store(api.ctx, place.site_id, place.sector_id, read_keyword_file(many(50).encode()), dry_run=False, import_id="task-1")
    file = read_keyword_file(many(120).encode())
    report = store(api.ctx, place.site_id, place.sector_id, file, dry_run=False, import_id="task-1")
    assert (report["created"], report["duplicates"]) == (120, 0)
    assert api.get("planner/keywords", sector_id=place.sector_id).body["count"] == 120


def _reported(reports: list[dict[str, Any]], rows: int) -> list[int]:
    """How many keywords each import says it has created; every row is reported by each."""
    assert all(r["created"] + r["duplicates"] == len(r["rows"]) == rows for r in reports)
    duplicates = [row for r in reports for row in r["rows"] if row["outcome"] == "duplicate"]
    assert {row["reason"] for row in duplicates} == {"This keyword is in the sector already."}
    return [r["created"] for r in reports]


def test_imports_that_overtake_each_other_report_what_each_has_stored(api: Rest, place: Place) -> None:
    """The second begins and ends after the first batch of the first, and so the third within the second."""
    rows = 3 * BATCH
    file, reports = read_keyword_file(many(rows).encode()), list[dict[str, Any]]()

    def begin(more: int) -> None:
        waiting = [more] if more else []

        def progress(done: int, of: int) -> None:
            if waiting:
                begin(waiting.pop() - 1)

        reports.append(store(api.ctx, place.site_id, place.sector_id, file, dry_run=False, progress=progress))

    begin(2)
    assert _reported(reports, rows) == [BATCH, BATCH, BATCH]
    assert api.get("planner/keywords", sector_id=place.sector_id, page_size=1).body["count"] == rows


def test_eight_imports_of_one_file_at_once_create_each_keyword_once(api: Rest, place: Place) -> None:
    rows, together = 30, threading.Barrier(8)
    file = read_keyword_file(many(rows).encode())

    def one(number: int) -> dict[str, Any]:
        together.wait(timeout=30)
        return store(api.ctx, place.site_id, place.sector_id, file, dry_run=False)

    with ThreadPoolExecutor(8) as pool:
        assert sum(_reported(list(pool.map(one, range(8))), rows)) == rows
    assert api.get("planner/keywords", sector_id=place.sector_id, page_size=1).body["count"] == rows


def test_an_upload_that_never_came_fails_with_a_reason(api: Rest, place: Place) -> None:
    where = {"site_id": place.site_id, "sector_id": place.sector_id}
    assert api.post("planner/keywords/import_keywords", {"upload_id": "none"}, parameters=where).status == 404
    upload = api.post("planner/keywords/uploads", {"filename": "a.csv", "size": 10}).data["upload_id"]
    other = api.of_tenant(new_tenant_id())
    assert other.post("planner/keywords/import_keywords", {"upload_id": upload}, parameters=where).status == 404
    done = api.finished(api.post("planner/keywords/import_keywords", {"upload_id": upload}, parameters=where))
    assert done["state"] == "failed" and "PUT it" in done["message"]


@pytest.mark.parametrize("path", ["export", "export_csv"])
def test_what_is_exported_reads_back_as_the_same_keywords(api: Rest, place: Place, path: str) -> None:
    home = cluster(api, place, 'Bikes, "fast"')
    add(api, place, "road bikes", volume=900, difficulty=31, intent="commercial", cluster=home)
    add(api, place, "=1+1")
    add(api, place, 'gravel, "light"\u00a0bikes', volume=0)
    reply = api.get(f"planner/keywords/{path}", sector_id=place.sector_id)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert reply.body.splitlines()[:3] == [
        "keyword,volume,difficulty,intent,status,cluster",
        'road bikes,900,31,commercial,mapped,"Bikes, ""fast"""',
        "'=1+1,,,,new,",
    ]
    second = make_site(api.ctx)[0]
    assert send(api, second, reply.body).data["created"] == 3
    names = ("keyword", "volume", "difficulty", "intent")
    first, back = (api.get("planner/keywords", sector_id=p.sector_id, ordering="created_at").results for p in (place, second))
    assert [[k[n] for n in names] for k in first] == [[k[n] for n in names] for k in back]


def test_an_export_takes_ids_filters_and_nothing_else(api: Rest, place: Place) -> None:
    made = [add(api, place, f"bike {n}", volume=n)["id"] for n in range(4)]
    assert len(api.get("planner/keywords/export", ids=f"{made[0]}, {made[2]}").body.splitlines()) == 3
    assert len(api.get("planner/keywords/export", volume_min=2, search="bike").body.splitlines()) == 3
    assert api.get("planner/keywords/export", ids="nothing").status == 404
    assert api.get("planner/keywords/export", ids="").status == 400
    assert api.get("planner/keywords/export", colour="red").status == 400
    assert api.get("planner/keywords/export", cluster="nothing").status == 404


def _seeded(api: Rest) -> tuple[Place, str, str]:
    """A site of an industry, a sector of its industry sector, and two seeds: one of that sector and one of another."""
    name = random_id(6)
    entities: list[tuple[Entity[Any], str, dict[str, Any]]] = [(INDUSTRY, f"i{name}", {"name": f"Industry {name}", "slug": f"i{name}"})]
    for part in ("one", "two"):
        sector = f"i{name}.{part}"
        entities.append((INDUSTRY_SECTOR, sector, {"name": part, "slug": part, "industry": f"i{name}"}))
        seed = {
            "keyword": f"seed {part}",
            "industry": f"i{name}",
            "industry_sector": sector,
            "country": "us",
            "volume": 70,
            "difficulty": 20,
        }
        entities.append((SEED, keyword_id(f"seed {part}", "us", sector), seed))
    for entity, tail, fields in entities:
        repository = api.ctx.repository(entity)
        repository.create(repository.new("", tail, **fields))
    place = make_site(api.ctx)[0]
    api.ctx.repository(SITE).patch(place.site_id, {"industry": f"i{name}"})
    api.ctx.repository(SECTOR).patch(place.sector_id, {"industry_sector": f"i{name}.one"})
    return place, keyword_id("seed one", "us", f"i{name}.one"), keyword_id("seed two", "us", f"i{name}.two")


def test_seeds_of_the_own_industry_become_keywords(api: Rest) -> None:
    place, fits, foreign = _seeded(api)
    where = {"site_id": place.site_id, "sector_id": place.sector_id}
    reply = api.post("planner/keywords/bulk_add_from_seed", {**where, "seed_ids": [fits, foreign, "nothing"]})
    assert reply.status == 200, reply.body
    assert reply.data["succeeded"] == [fits]
    assert {f["id"]: f["code"] for f in reply.data["failed"]} == {foreign: "validation_error", "nothing": "not_found"}
    made = api.get(f"planner/keywords/{reply.data['keyword_ids'][0]}").data
    assert (made["keyword"], made["volume"], made["difficulty"], made["seed_keyword_id"]) == ("seed one", 70, 20, fits)
    again = api.post("planner/keywords/bulk_add_from_seed", {**where, "ids": [fits]})
    assert [f["code"] for f in again.data["failed"]] == ["duplicate"]
    same = api.post("planner/keywords", {**where, "keyword": "Seed  ONE", "country": "us"})
    assert same.status == 409, "one's own keyword of the same words is the same keyword"


def test_a_seeds_figure_shows_until_it_is_overridden(api: Rest) -> None:
    place, fits, _ = _seeded(api)
    home = cluster(api, place)
    body = {"site_id": place.site_id, "sector_id": place.sector_id, "seed_keyword_id": fits, "cluster": home}
    made = api.post("planner/keywords", body).data
    assert (made["volume"], figures(api, home)) == (70, (1, 70, 20))
    api.patch(f"planner/keywords/{made['id']}", {"volume_override": 5})
    assert figures(api, home) == (1, 5, 20)
    assert [k["volume"] for k in api.get("planner/keywords", sector_id=place.sector_id, volume_max=10).results] == [5]
    assert api.patch(f"planner/keywords/{made['id']}", {"volume_override": None}).data["volume"] == 70


def test_a_sector_without_industry_takes_no_seeds(api: Rest, place: Place) -> None:
    _, fits, _ = _seeded(api)
    where = {"site_id": place.site_id, "sector_id": place.sector_id}
    reply = api.post("planner/keywords", {**where, "seed_keyword_id": fits})
    assert (reply.status, list(reply.error["fields"])) == (400, ["seed_keyword_id"])
    assert api.post("planner/keywords", {**where, "seed_keyword_id": "nothing"}).status == 404
    assert api.post("planner/keywords/bulk_add_from_seed", {"sector_id": place.sector_id, "ids": [fits]}).status == 400


def test_every_alias_answers_as_the_first_name_does(api: Rest) -> None:
    handlers = {(r.method, r.path): r.handler for r in api.routers[0].routes}
    for method, one, other in (
        ("POST", "import_keywords", "import_csv"),
        ("GET", "export", "export_csv"),
        ("POST", "bulk_update", "bulk_update_status"),
    ):
        assert handlers[method, f"planner/keywords/{one}"] is handlers[method, f"planner/keywords/{other}"]
    assert KEYWORD.filters["cluster"].field == KEYWORD.filters["cluster_id"].field
