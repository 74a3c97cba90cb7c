"""The whole product against a real WordPress: published through the API, changed by people there, found again by sync, by reports and
by import."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.adapters.system_clock import SystemClock
from chalicelib.deps import publisher as publisher_of
from infra.wordpress.site import WordPressSite
from tests.adapters.scripted_server import Asked, LoopbackServer, Reply, json_reply
from tests.rest import Rest
from tests.writer.conftest import Desk, api, desk, publisher  # noqa: F401


@pytest.fixture
def connected(desk: Desk, wordpress: WordPressSite) -> tuple[Desk, str]:  # noqa: F811
    """A desk whose site has the real WordPress for a target, by the plugin's key."""
    deps = desk.api.deps
    real = replace(
        deps,
        clock=SystemClock(),
        publisher=lambda tenant, name, connection: publisher_of(deps.config, deps.files, tenant, name, connection),
    )
    here = replace(desk, api=Rest(desk.api.routers, real, desk.api.scope))
    fields = {"name": "WP", "target": "wordpress", "url": wordpress.url, "api_key": wordpress.bridge_key}
    made = here.api.post("integration/connections", {"site_id": desk.place.site_id, **fields})
    assert made.status == 201, made.body
    tested = here.api.post(f"integration/connections/{made.data['id']}/test_connection").data
    assert tested["ok"] is True, tested
    return here, made.data["id"]


def published(desk: Desk, title: str) -> dict[str, Any]:  # noqa: F811
    content = desk.content(title)["id"]
    done = desk.api.finished(desk.api.post(f"writer/content/{content}/publish"))
    assert done["state"] == "succeeded", done
    data: dict[str, Any] = desk.api.get(f"writer/content/{content}").data
    return data


def run(desk: Desk, path: str) -> dict[str, Any]:  # noqa: F811
    done = desk.api.finished(desk.api.post(path, {}))
    assert done["state"] == "succeeded", done
    result: dict[str, Any] = done["result"]
    return result


def test_drift_is_seen_and_taken_over(connected: tuple[Desk, str], wordpress: WordPressSite) -> None:
    here, connection = connected
    edited, trashed, deleted, same = (published(here, f"Drift {n}") for n in ("edited", "trashed", "deleted", "same"))
    wordpress.php(
        f"sleep(1); wp_update_post(['ID'=>{edited['external_id']},'post_title'=>'By hand','post_name'=>'by-hand']);"
        f"wp_trash_post({trashed['external_id']}); wp_delete_post({deleted['external_id']}, true);"
    )
    seen = here.api.get(f"writer/content/{edited['id']}/wordpress_status").data
    assert (seen["asked"], seen["drift"], seen["remote_title"]) == (True, "edited", "By hand")
    found = run(here, f"integration/connections/{connection}/sync")
    assert {k: found.get(k) for k in ("posts", "edited", "trashed", "deleted")} == {"posts": 4, "edited": 1, "trashed": 1, "deleted": 1}
    shown = {c["id"]: c for c in here.api.get("writer/content", site_id=here.place.site_id).results}
    assert [shown[c["id"]]["status"] for c in (edited, trashed, deleted, same)] == ["published", "draft", "draft", "published"]
    assert shown[edited["id"]]["external_url"].endswith("/by-hand/")
    for content in (trashed, deleted, edited):
        done = here.api.finished(here.api.post(f"writer/content/{content['id']}/publish"))
        assert done["state"] == "succeeded"
    posts = wordpress.php("echo json_encode(array_map(fn($p) => $p->post_title, get_posts(['numberposts'=>-1,'s'=>'Drift'])));")
    assert sorted(json.loads(posts)) == ["Drift deleted", "Drift edited", "Drift same", "Drift trashed"]
    assert {"edited", "trashed", "deleted"}.isdisjoint(run(here, f"integration/connections/{connection}/sync"))


def test_unpublished_with_its_post_and_published_again(connected: tuple[Desk, str], wordpress: WordPressSite) -> None:
    here, _ = connected
    content = published(here, "Gone and back")
    gone = here.api.post(f"writer/content/{content['id']}/unpublish?delete_remote=true")
    assert gone.status == 200 and wordpress.php(f"echo get_post_status({content['external_id']});") == "trash"
    assert here.api.finished(here.api.post(f"writer/content/{content['id']}/publish"))["state"] == "succeeded"
    assert wordpress.php(f"echo get_post_status({content['external_id']});") == "publish"


def test_what_the_site_has_is_imported_once_and_never_what_is_ours(connected: tuple[Desk, str], wordpress: WordPressSite) -> None:
    here, connection = connected
    wordpress.php(
        "for ($i = 0; $i < 30; $i++) { $id = wp_insert_post(['post_title'=>\"Import me $i\",'post_name'=>\"import-me-$i\","
        "'post_status'=>'publish','post_content'=>\"<!-- wp:paragraph -->\\n<p>Grown here $i.</p>\\n<!-- /wp:paragraph -->\"]);"
        "wp_set_object_terms($id, ['Old news'], 'category'); wp_set_object_terms($id, ['t & t'], 'post_tag'); }"
    )
    ours = published(here, "Ours, not to be imported")
    first = run(here, f"integration/connections/{connection}/import")
    assert first["imported"] >= 30 and first["ours"] >= 1 and first["failed"] == []
    again = run(here, f"integration/connections/{connection}/import")
    assert again.get("imported", 0) == 0 and again["unchanged"] == first["imported"]
    page = here.api.get("writer/content", site_id=here.place.site_id, source="wordpress", page_size=100)
    mine = {c["title"]: c for c in page.results if c["title"].startswith("Import me")}
    assert len(mine) == 30 and ours["title"] not in {c["title"] for c in page.results}
    one = here.api.get(f"writer/content/{mine['Import me 7']['id']}").data
    assert (one["html"], one["categories"], one["tags"], one["status"]) == ("<p>Grown here 7.</p>", ["Old news"], ["t & t"], "published")
    wordpress.php(f"sleep(1); wp_update_post(['ID'=>{one['external_id']},'post_content'=>'<p>Newer.</p>']);")
    assert run(here, f"integration/connections/{connection}/import")["updated"] == 1
    assert here.api.get(f"writer/content/{one['id']}").data["html"] == "<p>Newer.</p>"


@pytest.fixture
def callback(connected: tuple[Desk, str]) -> Iterator[str]:
    """This process's API where WordPress can reach it."""
    here, _ = connected

    def answer(asked: Asked) -> Reply:
        query = "&".join(f"{k}={v}" for k, v in asked.query.items())
        reply = here.api.post(f"{asked.path.partition('/api/v1/')[2]}?{query}", asked.body, headers=dict(asked.headers))
        return json_reply(reply.body, reply.status)

    with LoopbackServer(answer) as server:
        yield server.url


def test_what_people_do_there_arrives_signed(connected: tuple[Desk, str], wordpress: WordPressSite, callback: str) -> None:
    here, connection = connected
    content = published(here, "Reported")
    public = replace(here.api.deps, config=replace(here.api.deps.config, public_url=callback))
    there = Rest(here.api.routers, public, here.api.scope)
    on = there.post(f"integration/connections/{connection}/reports")
    assert on.data["reports_back"] is True, on.body
    wordpress.php(f"sleep(1); wp_update_post(['ID'=>{content['external_id']},'post_title'=>'Changed by hand']);")
    shown = here.api.get(f"writer/content/{content['id']}").data
    assert "Edited on its site" in shown["sync_reason"] and shown["external_metadata"]["remote_title"] == "Changed by hand"
    wordpress.php(f"wp_trash_post({content['external_id']});")
    assert here.api.get(f"writer/content/{content['id']}").data["status"] == "draft"
    wordpress.php(f"wp_untrash_post({content['external_id']}); wp_publish_post({content['external_id']});")
    assert here.api.get(f"writer/content/{content['id']}").data["status"] == "published"
    wordpress.php(f"wp_delete_post({content['external_id']}, true);")
    gone = here.api.get(f"writer/content/{content['id']}").data
    assert (gone["status"], gone["external_id"]) == ("draft", None)
    assert wordpress.php("echo count(get_option('igny8_bridge_outbox', []));") == "0"
