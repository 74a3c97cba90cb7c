"""Contents: writing, checks, terms, review, revisions."""

from typing import Any

from tests.e2e.blackbox.client import Api
from tests.e2e.blackbox.making import ARTICLE, cluster, content, crud, kind, made, name, task


def test_contents_are_made_changed_deleted_and_restored(owner: Api, where: dict[str, Any]) -> None:
    body = {"title": name("Article"), "html": ARTICLE, **kind(cluster(owner, where))}
    one = crud(owner, "writer/content/", {**where, **body}, {"meta_title": "Espresso"}, verbs="put patch delete restore")
    read = owner.get(f"writer/content/{one}/").data
    assert (read["status"], read["source"]) == ("draft", "igny8") and "Fresh beans" in read["html"]
    assert owner.post("writer/content/bulk_delete/", {"content_ids": [one, "unknown"]}).data["succeeded"] == [one]


def test_a_body_larger_than_an_item_is_kept_whole(owner: Api, where: dict[str, Any]) -> None:
    html = "".join(f"<p>Paragraph {n} about espresso and water.</p>" for n in range(12_000))
    assert len(html) > 450_000
    one = content(owner, where, html=html)["id"]
    assert owner.get(f"writer/content/{one}/").data["html"].count("<p>") == 12_000


def test_an_article_is_checked_and_its_metadata_mapped(owner: Api, where: dict[str, Any]) -> None:
    one = content(owner, where)["id"]
    stored = owner.post(f"writer/content/{one}/validate/", {}).data
    assert stored["html"] is None and 0 <= stored["score"] <= 100
    sent = owner.post(f"writer/content/{one}/validate/", {"html": "<p>Hi</p><script>x</script>"}).data
    assert "<script" not in sent["html"] and sent["findings"]
    assert owner.post(f"writer/content/{one}/map_metadata/").data
    assert owner.get(f"writer/content/{one}/images/").data["content"] == one


def test_terms_are_added_and_removed(owner: Api, where: dict[str, Any]) -> None:
    one, path = content(owner, where)["id"], "taxonomy_terms/"
    term = made(owner, "writer/taxonomies/", **where, name=name("Term"))["id"]
    owner.post(f"writer/content/{one}/{path}", {"ids": [term], "tags": ["fresh"], "categories": ["Coffee"]})
    terms = owner.get(f"writer/content/{one}/{path}").data
    assert len(terms) == 3 and term in [t["id"] for t in terms]
    owner.delete(f"writer/content/{one}/{path}", {"ids": [term]})
    assert len(owner.get(f"writer/content/{one}/{path}").data) == 2


def test_review_moves_an_article(owner: Api, editor: Api, where: dict[str, Any]) -> None:
    one = content(owner, where)["id"]
    path = f"writer/content/{one}/"
    assert editor.post("writer/content/bulk_update/", {"ids": [one], "status": "review", "note": "Look"}).data["succeeded"] == [one]
    editor.post(f"{path}reject/", {}, status=400)
    assert editor.post(f"{path}reject/", {"note": "More facts"}).data["status"] == "draft"
    failed = owner.post("writer/content/bulk_update/", {"ids": [one], "status": "published"}).data["failed"]
    assert [row["id"] for row in failed] == [one]
    editor.post("writer/content/bulk_update/", {"content_ids": [one], "status": "review"})
    approved = editor.post(f"{path}approve/", {"note": "Good"}).data
    assert approved["status"] == "review" and owner.every("writer/content/", **where, approved="true")[0]["id"] == one


def test_revisions_are_kept_and_restored(owner: Api, where: dict[str, Any]) -> None:
    one = content(owner, where)["id"]
    path = f"writer/content/{one}/"
    assert owner.patch(path, {"html": "<h2>New</h2><p>Other words.</p>"}).data["revision"] == 2
    assert [row["revision"] for row in owner.get(f"{path}revisions/").data] == [2, 1]
    assert "Fresh beans" in owner.get(f"{path}revisions/1/").data["html"]
    restored = owner.post(f"{path}revisions/1/restore/").data
    assert "Fresh beans" in restored["html"] and restored["revision"] == 3
    owner.get(f"{path}revisions/9/", status=404)


def test_an_article_is_written_and_written_anew(owner: Api, where: dict[str, Any]) -> None:
    job = task(owner, where)["id"]
    done = owner.done("writer/tasks/auto_generate_content/", {"task_ids": [job]})
    assert done["accepted"] == 1
    one = owner.get(f"writer/tasks/{job}/").data["content"]
    first = owner.get(f"writer/content/{one}/").data
    assert first["html"] and first["revision"] == 1
    owner.post("writer/tasks/auto_generate_content/", {"task_ids": [job]}, status=400)
    owner.done(f"writer/content/{one}/regenerate/", {"instructions": "For beginners."})
    assert owner.get(f"writer/content/{one}/").data["revision"] == 2


def test_where_an_article_comes_from(owner: Api, viewer: Api, other: Api, where: dict[str, Any]) -> None:
    done = owner.done("writer/tasks/auto_generate_content/", {"task_ids": [task(owner, where)["id"]]})
    assert [(i["state"], i["percentage"]) for i in done["items"]] == [("done", 100)]
    one = done["result"]["succeeded"][0]["result"]["content"]
    told = owner.get(f"writer/content/{one}/provenance/").data
    made = told["revisions"][0]
    assert (told["origin"], told["task"]["origin"], told["cluster"]["origin"], told["idea"]) == ("ai", "manual", "manual", None)
    assert made["origin"] == "ai" and made["provenance"]["function"] == "generate_content" and made["provenance"]["prompt_version"]
    paid = owner.get(f"billing/usage/{made['charge']['operation']}/").data
    assert paid["credits_used"] == made["charge"]["credits"] == told["spent"]["credits"] > 0
    assert viewer.get(f"writer/content/{one}/provenance/").data["content"] == one
    own = content(owner, where)["id"]
    assert owner.get(f"writer/content/{own}/provenance/").data["revisions"][0]["origin"] == "manual"
    other.get(f"writer/content/{one}/provenance/", status=404)


def test_prompts_and_answers_are_kept_for_admins(owner: Api, editor: Api, other: Api, where: dict[str, Any]) -> None:
    done = owner.done("writer/tasks/auto_generate_content/", {"task_ids": [task(owner, where)["id"]]})
    one = done["result"]["succeeded"][0]["result"]["content"]
    call = owner.get(f"writer/content/{one}/provenance/").data["revisions"][0]["provenance"]["call"]
    kept = owner.get(f"system/ai-calls/{call}/").data
    assert kept["function"] == "generate_content" and kept["questions"][0]["prompt"] and kept["questions"][0]["replies"][0]["text"]
    listed = owner.get("system/ai-calls/", date=kept["at"][:10], function="generate_content", outcome="answered").data["calls"]
    assert call in [row["id"] for row in listed]
    editor.get("system/ai-calls/", status=403)
    editor.get(f"system/ai-calls/{call}/", status=403)
    other.get(f"system/ai-calls/{call}/", status=404)
    owner.get("system/ai-calls/", status=400, date="yesterday")
