"""Contents over HTTP: clean HTML, revisions, review, terms, checks, deleting and restoring."""

from typing import Any

import pytest

from chalicelib.core.ids import new_tenant_id
from tests.conftest import make_site
from tests.fakes import FixedClock
from tests.writer.conftest import HTML, Desk


@pytest.mark.parametrize("missing", ["title", "cluster", "content_type", "content_structure", "site_id"])
def test_a_content_needs_a_title_a_cluster_and_a_kind(desk: Desk, missing: str) -> None:
    body = {**desk.where, "title": "Bikes", "cluster": desk.cluster, "content_type": "post", "content_structure": "guide"}
    del body[missing]
    reply = desk.api.post("writer/content", body)
    assert (reply.status, list(reply.error["fields"])) == (400, [missing])


def test_a_content_begins_as_a_checked_draft(desk: Desk) -> None:
    made = desk.content(title="Röad bikes", primary_keyword="road bikes")
    assert (made["status"], made["source"], made["revision"], made["slug"], made["html"]) == ("draft", "igny8", 1, "road-bikes", HTML)
    assert made["word_count"] == 11 and made["score"] is not None and made["findings"]
    assert (made["cluster_name"], made["sector_name"], made["has_images"], made["wp_post_id"]) == ("Bicycles", "Sector 0", False, None)
    assert desk.api.get(f"writer/content/{made['id']}").data == made
    assert desk.api.get(f"planner/clusters/{desk.cluster}").data["content_count"] == 1
    empty = desk.content(html="")
    assert (empty["revision"], empty["html"], empty["score"]) == (0, "", None)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("# Title\n\n## Part\n\nText *here*.", "<h2>Part</h2>"),
        ("plain text\n\nmore", "<p>plain text</p>"),
        ('<p onclick="x()">a<script>alert(1)</script></p>', "<p>a</p>"),
        ("<html><head><title>x</title></head><body><article><p>in</p></article><footer>out</footer></body></html>", "<p>in</p>"),
        ('<p><a href="javascript:alert(1)">b</a></p>', "<p>"),
    ],
)
def test_every_html_that_is_written_is_normalised(desk: Desk, sent: str, stored: str) -> None:
    made = desk.content(html=sent)
    changed = desk.api.patch(f"writer/content/{desk.content()['id']}", {"html": sent}).data
    for html in (made["html"], changed["html"]):
        assert html.startswith(stored) and "script" not in html and "onclick" not in html and "out" not in html
    assert desk.api.patch(f"writer/content/{made['id']}", {"html": "<script>x</script>"}).status == 400
    assert desk.api.patch(f"writer/content/{made['id']}", {"html": 5}).status == 400


def test_a_changed_body_is_a_new_revision_and_an_old_one_comes_back(desk: Desk) -> None:
    made = desk.content()
    path = f"writer/content/{made['id']}"
    same = desk.api.patch(path, {"html": HTML}).data
    assert (same["revision"], same["version"]) == (1, made["version"])
    second = desk.api.patch(path, {"html": "<p>Other words altogether.</p>", "note": "Shorter"}).data
    assert (second["revision"], second["word_count"], second["note"]) == (2, 3, "Shorter")
    listed = desk.api.get(f"{path}/revisions").data
    assert [(r["revision"], r["current"], r["note"]) for r in listed] == [(2, True, "Shorter"), (1, False, "")]
    assert all("gz" not in r and r["created_by"] == "user000001" for r in listed)
    assert desk.api.get(f"{path}/revisions/1").data["html"] == HTML
    back = desk.api.post(f"{path}/revisions/1/restore").data
    assert (back["revision"], back["html"], back["word_count"]) == (3, HTML, made["word_count"])
    assert len(desk.api.get(f"{path}/revisions").data) == 3
    for wrong in ("9", "0", "x", "-1", "99999999999"):
        assert desk.api.post(f"{path}/revisions/{wrong}/restore").status == 404
    assert desk.api.of_tenant(new_tenant_id()).get(f"{path}/revisions/1").status == 404


def test_a_body_larger_than_an_item_lies_in_the_file_store(desk: Desk) -> None:
    import random

    words = random.Random(1)
    html = "".join(f"<p>{words.randbytes(12).hex()} {words.randbytes(12).hex()}</p>" for _ in range(4_000))
    made = desk.content(html=html)
    assert len(desk.api.deps.files.list(f"{desk.api.ctx.tenant}/content/{made['id']}/")) == 1
    assert desk.api.get(f"writer/content/{made['id']}").data["html"] == html
    desk.api.patch(f"writer/content/{made['id']}", {"html": HTML})
    assert desk.api.get(f"writer/content/{made['id']}/revisions/1").data["html"] == html


def test_what_the_check_reads_is_checked_again(desk: Desk) -> None:
    made = desk.content(primary_keyword="road bikes")
    assert any(f["code"] == "keyword_missing" for f in made["findings"])
    better = desk.api.patch(f"writer/content/{made['id']}", {"html": HTML + "<p>The best road bikes are road bikes.</p>"}).data
    assert not any(f["code"] == "keyword_missing" for f in better["findings"]) and better["score"] > made["score"]
    other = desk.api.patch(f"writer/content/{made['id']}", {"primary_keyword": "frames"}).data
    assert other["revision"] == 2 and other["findings"] != better["findings"]


def test_put_replaces_and_patch_keeps(desk: Desk) -> None:
    made = desk.content(excerpt="Short", meta_title="Meta", tags=["a"])
    path = f"writer/content/{made['id']}"
    whole = {"title": "New", "cluster": desk.cluster, "content_type": "page", "content_structure": "landing_page"}
    put = desk.api.put(path, {**whole, **desk.where}).data
    assert (put["title"], put["excerpt"], put["meta_title"], put["tags"], put["html"]) == ("New", "", None, [], HTML)
    assert desk.api.put(path, {"title": "x"}).status == 400
    assert desk.api.patch(path, {"excerpt": "E", "status": None, "score": 100, "external_id": "9"}).data["external_id"] is None
    assert desk.api.patch(path, {"colour": "red"}).status == 400
    assert desk.api.patch(path, {"title": "x"}, headers={"if-match": '"1"'}).status == 412
    assert desk.api.patch(path, {"cluster": "nothing"}).status in (400, 404)


def test_status_moves_only_as_it_may(desk: Desk) -> None:
    made = desk.content()
    path = f"writer/content/{made['id']}"
    assert desk.api.patch(path, {"status": "published"}).status == 400
    assert desk.api.post(f"{path}/approve", {}).status == 409
    assert desk.api.post(f"{path}/reject", {"note": "no"}).status == 409
    review = desk.api.patch(path, {"status": "review"}).data
    assert (review["status"], review["held"]) == ("review", False)
    yes = desk.api.post(f"{path}/approve", {"note": "Good"}).data
    assert (yes["status"], yes["approved"], yes["approved_by"], yes["note"]) == ("review", True, "user000001", "Good")
    assert [c["id"] for c in desk.api.get("writer/content", approved="true").results] == [made["id"]]
    assert desk.api.patch(path, {"html": "<p>Changed after the approval.</p>"}).data["approved"] is False
    assert desk.api.post(f"{path}/reject", {}).status == 400
    no = desk.api.post(f"{path}/reject", {"note": "Too short"}).data
    assert (no["status"], no["note"], no["held"], no["approved"]) == ("draft", "Too short", True, False)
    assert desk.api.as_role("viewer").post(f"{path}/approve", {}).status == 403
    empty = desk.content(html="")
    assert desk.api.patch(f"writer/content/{empty['id']}", {"status": "review"}).status == 400


def test_bulk_update_moves_with_a_note_and_names_what_it_cannot(desk: Desk) -> None:
    ids = [desk.content(f"Content {n}")["id"] for n in range(2)]
    done = desk.api.post("writer/content/bulk_update", {"ids": [*ids, "nothing"], "status": "review", "note": "Look"}).data
    assert (done["succeeded"], [f["code"] for f in done["failed"]]) == (ids, ["not_found"])
    assert {c["note"] for c in desk.api.get("writer/content", status="review").results} == {"Look"}
    refused = desk.api.post("writer/content/bulk_update", {"content_ids": ids, "status": "published"}).data
    assert [f["code"] for f in refused["failed"]] == ["validation_error"] * 2
    assert desk.api.post("writer/content/bulk_update", {"ids": ids, "status": "gone"}).status == 400


def test_a_rejected_content_is_left_alone_by_automation_until_it_is_in_review_again(desk: Desk) -> None:
    from chalicelib.writer.content import Contents

    made = desk.content()["id"]
    contents = Contents(desk.api.ctx)

    def waits(step: str) -> list[str]:
        return [c.id for c in contents.waiting(desk.place.sector_id, step)]

    assert waits("prompts") == [made]
    desk.api.patch(f"writer/content/{made}", {"status": "review"})
    assert waits("review") == [made]
    desk.api.post(f"writer/content/{made}/reject", {"note": "no"})
    assert waits("prompts") + waits("images") + waits("review") == []
    desk.api.patch(f"writer/content/{made}", {"status": "review"})
    assert waits("review") == [made]


def test_terms_are_linked_counted_and_named(desk: Desk) -> None:
    made = desk.content()["id"]
    term = desk.made("taxonomies", site_id=desk.place.site_id, name="Bikes & More")
    assert (term["slug"], term["taxonomy_type"], term["count"]) == ("bikes-more", "category", 0)
    path = f"writer/content/{made}/taxonomy_terms"
    shown = desk.api.post(path, {"term_ids": [term["id"]], "tags": ["Speed"]}).data
    assert (shown["categories"], shown["tags"], len(shown["taxonomy_terms"])) == (["Bikes & More"], ["Speed"], 2)
    assert {t["name"] for t in desk.api.get(path).data} == {"Bikes & More", "Speed"}
    assert desk.api.get(f"writer/taxonomies/{term['id']}").data["count"] == 1
    assert desk.api.post(path, {"ids": [term["id"]]}).data["version"] == shown["version"], "twice changes nothing"
    gone = desk.api.delete(path, {"ids": [term["id"]]}).data
    assert (gone["categories"], len(gone["taxonomy_terms"]), desk.api.get(f"writer/taxonomies/{term['id']}").data["count"]) == ([], 1, 0)
    for wrong in ({}, {"ids": ["nothing"]}, {"ids": []}):
        assert desk.api.post(path, wrong).status == 400
    foreign = make_site(desk.api.ctx)[0].site_id
    other = desk.made("taxonomies", site_id=foreign, name="Other")
    assert desk.api.post(path, {"ids": [other["id"]]}).status == 400
    assert desk.api.post("writer/taxonomies", {"site_id": foreign, "name": "other"}).status == 409


def test_metadata_is_mapped_once(desk: Desk) -> None:
    made = desk.content(categories=["Bikes"], tags=["Speed", "Light"], primary_keyword="road bikes")["id"]
    first = desk.api.post(f"writer/content/{made}/map_metadata").data
    assert (len(first["taxonomy_terms"]), first["role"], first["metadata"]["focus_keyword"]) == (3, "hub", "road bikes")
    again = desk.api.post(f"writer/content/{made}/map_metadata").data
    assert again == first
    maps = desk.api.get("writer/cluster-maps", content_id=made).results
    assert [(m["role"], m["source"], m["cluster_name"], m["keywords"]) for m in maps] == [("hub", "blueprint", "Bicycles", ["road bikes"])]
    twice = {"content": made, "cluster": desk.cluster, "role": "hub"}
    assert desk.api.post("writer/cluster-maps", twice).status == 409
    assert desk.api.post("writer/cluster-maps", {**twice, "role": "supporting"}).status == 201
    assert desk.api.post("writer/cluster-maps", {"cluster": desk.cluster}).status == 400
    assert desk.api.post("writer/cluster-maps", {"content": "nothing", "cluster": desk.cluster}).status in (400, 404)


def test_a_check_can_be_asked_for_before_saving(desk: Desk) -> None:
    made = desk.content()
    path = f"writer/content/{made['id']}/validate"
    kept = desk.api.post(path).data
    assert (kept["score"], kept["html"]) == (made["score"], None)
    tried = desk.api.post(path, {"html": "<p>x</p><script>y</script>"}).data
    assert tried["html"] == "<p>x</p>" and tried["findings"] != kept["findings"]
    assert desk.api.get(f"writer/content/{made['id']}").data["revision"] == 1


def test_deleting_keeps_the_post_and_takes_the_images_along(desk: Desk) -> None:
    made = desk.content()["id"]
    image = desk.made("images", content=made, image_type="featured", prompt="A bike")["id"]
    lost = desk.made("images", content=made, image_type="in_article", prompt="A wheel")["id"]
    desk.api.delete(f"writer/images/{lost}")
    clock = desk.api.deps.clock
    assert isinstance(clock, FixedClock)
    clock.forward(1)
    gone = desk.api.delete(f"writer/content/{made}")
    assert (gone.data, gone.body.get("message")) == ({"id": made, "external_id": None, "external_url": None}, None)
    assert desk.api.get(f"writer/content/{made}").status == desk.api.get(f"writer/images/{image}").status == 404
    assert desk.api.get(f"planner/clusters/{desk.cluster}").data["content_count"] == 0
    assert desk.api.as_role("editor").post(f"writer/content/{made}/restore").status == 403
    back = desk.api.post(f"writer/content/{made}/restore").data
    assert (back["html"], back["images_total"]) == (HTML, 1)
    assert desk.api.get(f"writer/images/{image}").status == 200 and desk.api.get(f"writer/images/{lost}").status == 404
    assert desk.api.get(f"planner/clusters/{desk.cluster}").data["content_count"] == 1


def test_a_content_written_by_ai_is_written_anew_whole_or_in_part(desk: Desk) -> None:
    made = desk.written()
    path = f"writer/content/{made['id']}"
    heading = made["html"].split("<h2>")[1].split("</h2>")[0]
    done = desk.api.finished(desk.api.post(f"{path}/regenerate", {"section": heading.upper(), "instructions": "Shorter, please."}))
    assert done["state"] == "succeeded", done
    part: dict[str, Any] = desk.api.get(path).data
    assert part["revision"] == 2 and f"<h2>{heading}</h2>" in part["html"]
    assert part["html"].split("<h2>")[0] == made["html"].split("<h2>")[0], "what stands before the section is as it was"
    assert part["html"].split("<h2>")[2:] == made["html"].split("<h2>")[2:]
    done = desk.api.finished(desk.api.post(f"{path}/regenerate", {"instructions": "For beginners."}))
    assert done["state"] == "succeeded", done
    whole = desk.api.get(path).data
    assert (whole["revision"], whole["title"], whole["task"], whole["slug"]) == (3, made["title"], made["task"], made["slug"])
    assert "For beginners" in desk.api.get(f"{path}/revisions").data[0]["note"]
    assert desk.api.post(f"{path}/regenerate", {"section": "Not there"}).status == 404
    empty = desk.content(html="")
    assert desk.api.post(f"writer/content/{empty['id']}/regenerate", {}).status == 409


def test_another_account_reaches_nothing_of_a_content(desk: Desk) -> None:
    made = desk.content()["id"]
    other = desk.api.of_tenant(new_tenant_id())
    for method, path in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/approve"),
        ("POST", "/validate"),
        ("POST", "/map_metadata"),
        ("POST", "/regenerate"),
        ("POST", "/generate_image_prompts"),
        ("POST", "/unpublish"),
        ("POST", "/publish"),
        ("GET", "/wordpress_status"),
        ("GET", "/images"),
        ("GET", "/taxonomy_terms"),
        ("GET", "/revisions"),
    ):
        reply = other.call(method, f"writer/content/{made}{path}", {} if method != "GET" else None)
        assert reply.status == 404 and "Road" not in str(reply.body), (method, path, reply.body)
