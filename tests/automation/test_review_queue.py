"""What waits for an editor: which contents, in which order, with what an editor wants to know, and what reading it costs."""

from typing import Any

import pytest

from chalicelib.automation import routes as automation
from chalicelib.automation.schedule import save_config
from chalicelib.core.context import Context
from chalicelib.core.ids import new_tenant_id
from chalicelib.integration.connections import Connections
from chalicelib.integration.drip import schedule
from chalicelib.integration.slots import Slots
from chalicelib.writer import routes as writer
from chalicelib.writer.content import CONTENT, body_write
from tests.conftest import ContextFactory, Place, Tables, make_site
from tests.fakes import FixedClock
from tests.rest import Rest, account

PATH = "automation/review_queue"
BLOCKER = {"code": "empty", "severity": "blocker", "message": "There is nothing in it."}
WARNING = {"code": "short", "severity": "warning", "message": "It is short."}


@pytest.fixture
def api(ctx: ContextFactory) -> Rest:
    context = ctx()
    account(context)
    return Rest([automation.router, writer.router], context.deps, context.scope)


def waiting(context: Context, sector_id: str, title: str, **fields: Any) -> str:
    """A content in review."""
    contents = context.repository(CONTENT)
    content = contents.new(sector_id, None, **{"title": title, "status": "review", "revision": 1, **fields})
    return contents.create(content, body_write(context, content.id, 1, "<p>Text.</p>")).id


def titles(api: Rest, **parameters: Any) -> list[str]:
    reply = api.get(PATH, **parameters)
    assert reply.status == 200, reply.body
    return [row["title"] for row in reply.results]


def test_by_score_or_age_over_all_sites(api: Rest) -> None:
    clock = api.deps.clock
    assert isinstance(clock, FixedClock)
    one, two = make_site(api.ctx, sectors=2), make_site(api.ctx)
    for place, title, score in ((one[0], "a", 70), (two[0], "b", 90), (one[1], "c", None), (one[0], "d", 80)):
        waiting(api.ctx, place.sector_id, title, score=score)
        clock.forward(seconds=60)
    assert titles(api) == ["a", "b", "c", "d"] and titles(api, ordering="-created_at") == ["d", "c", "b", "a"]
    assert titles(api, ordering="-score") == ["b", "d", "a", "c"] and titles(api, ordering="score") == ["c", "a", "d", "b"]
    assert titles(api, site_id=one[0].site_id, ordering="-score") == ["d", "a", "c"]
    assert titles(api, sector_id=one[0].sector_id, ordering="-score") == ["d", "a"]
    assert titles(api, score_min="75") == ["b", "d"] and titles(api, score_max="70", ordering="-score") == ["a"]
    assert titles(api, search="B") == ["b"]
    assert api.get(PATH, ordering="title").status == 400 and api.get(PATH, deleted="true").status == 400


@pytest.mark.parametrize("ordering", ["score", "-score", "created_at", "-created_at"])
def test_following_next_and_previous_shows_each_once(api: Rest, ordering: str) -> None:
    places = make_site(api.ctx, sectors=3)
    made = [waiting(api.ctx, places[n % 3].sector_id, f"t{n}", score=n % 4 * 10) for n in range(11)]
    seen: list[str] = []
    reply = api.get(PATH, ordering=ordering, page_size=4, site_id=places[0].site_id)
    pages = [reply]
    while reply.body["next"]:
        reply = api.get(reply.body["next"].partition("/api/v1/")[2])
        pages.append(reply)
    seen = [row["id"] for page in pages for row in page.results]
    assert sorted(seen) == sorted(made) and len(pages) == 3
    assert (pages[-1].body["count"], pages[-1].body["count_is"]) == (11, "exact")
    back = api.get(pages[2].body["previous"].partition("/api/v1/")[2])
    assert [r["id"] for r in back.results] == [r["id"] for r in pages[1].results]
    scores = [row["score"] for page in pages for row in page.results]
    if ordering.endswith("score"):
        assert scores == sorted(scores, reverse=ordering.startswith("-"))


def test_a_cursor_of_the_contents_list_is_none_of_the_queues(api: Rest) -> None:
    place = make_site(api.ctx)[0]
    for n in range(3):
        waiting(api.ctx, place.sector_id, f"t{n}")
    cursor = api.get("writer/content", ordering="created_at", page_size=1).body["next"].partition("cursor=")[2]
    assert api.get(f"{PATH}?ordering=created_at&page_size=1&cursor={cursor}").error["fields"].keys() == {"cursor"}


def test_only_what_waits_is_in_it(api: Rest, place: Place) -> None:
    """The same contents that a run counts as waiting for review."""
    ctx = api.ctx
    Connections(ctx).create({"site_id": place.site_id, "name": "Static", "target": "static"})
    good = waiting(ctx, place.sector_id, "waits", score=50)
    for title, fields in (
        ("draft", {"status": "draft"}),
        ("published", {"status": "published"}),
        ("taken back", {"held": True}),
        ("imported", {"source": "wordpress"}),
    ):
        waiting(ctx, place.sector_id, title, **fields)
    later = waiting(ctx, place.sector_id, "scheduled")
    schedule(ctx, later, api.deps.clock.now().replace(year=api.deps.clock.now().year + 1, day=1))
    gone = waiting(ctx, place.sector_id, "deleted")
    ctx.repository(CONTENT).delete(gone)
    for ordering in ("score", "-score", "created_at"):
        assert titles(api, ordering=ordering) == ["waits"]
    assert api.post(f"writer/content/{good}/reject", {"note": "No."}).status == 200
    assert titles(api) == titles(api, ordering="score") == []
    assert api.post("writer/content/bulk_update", {"ids": [good], "status": "review"}).data["succeeded"] == [good]
    assert titles(api) == titles(api, ordering="score") == ["waits"]


def test_what_an_editor_wants_to_know(api: Rest, place: Place) -> None:
    ctx, clock = api.ctx, api.deps.clock
    assert isinstance(clock, FixedClock)
    findings = [BLOCKER, *[{**WARNING, "message": f"It is short {n}."} for n in range(4)]]
    poor = waiting(ctx, place.sector_id, "poor", score=40, blockers=1, findings=findings, images_total=2, images_open=1)
    good = waiting(ctx, place.sector_id, "good", score=91, images_total=2)
    clock.forward(seconds=5 * 3600)
    rows = {r["id"]: r for r in api.get(PATH).results}
    assert rows[poor]["findings"] == {
        "blocker": 1,
        "warning": 4,
        "info": 0,
        "gravest": ["There is nothing in it.", "It is short 0.", "It is short 1."],
    }
    assert (rows[poor]["images_ready"], rows[good]["images_ready"], rows[good]["age_seconds"]) == (False, True, 5 * 3600)
    assert [rows[i]["passes"] for i in (poor, good)] == [False, False], "publishing is manual"
    save_config(ctx, place.site_id, {"publish_mode": "gated", "gate_score": 40})
    assert {r["title"]: r["passes"] for r in api.get(PATH).results} == {"poor": False, "good": True}
    save_config(ctx, place.site_id, {"publish_mode": "auto"})
    assert {r["title"]: r["passes"] for r in api.get(PATH).results} == {"poor": True, "good": True}
    assert api.post(f"writer/content/{good}/approve", {}).status == 200
    assert titles(api, approved="true") == ["good"] and titles(api, approved="false", blockers_max="0") == []


def test_the_next_slot_is_the_first_free_place(api: Rest, place: Place) -> None:
    ctx = api.ctx
    first, second, third = (waiting(ctx, place.sector_id, t) for t in ("first", "second", "third"))
    Connections(ctx).create({"site_id": place.site_id, "name": "Static", "target": "static"})
    assert {r["next_slot"] for r in api.get(PATH).results} == {None}
    Slots(ctx).put(place.site_id, {"enabled": True, "times": ["09:00"], "max_per_day": 1, "time_zone": "Pacific/Honolulu"})
    taken = []
    for content in (first, second):
        (slot,) = {r["next_slot"] for r in api.get(PATH).results}
        taken.append(schedule(ctx, content).publish_at)
        assert slot == taken[-1]
    assert [r["id"] for r in api.get(PATH).results] == [third] and len(set(taken)) == 2


def test_others_see_nothing_of_it(api: Rest) -> None:
    mine, hidden = make_site(api.ctx)[0], make_site(api.ctx)[0]
    waiting(api.ctx, mine.sector_id, "mine")
    waiting(api.ctx, hidden.sector_id, "hidden")
    viewer = api.as_role("viewer", [mine.site_id])
    assert titles(viewer) == ["mine"] and viewer.get(PATH, site_id=hidden.site_id).status == 404
    stranger = api.of_tenant(new_tenant_id())
    assert titles(stranger) == [] and stranger.get(PATH, site_id=mine.site_id).status == 404


@pytest.mark.parametrize("ordering", ["score", "-score", "created_at", "-created_at"])
def test_a_page_reads_what_waits_and_nothing_else(api: Rest, tables: Tables, ordering: str) -> None:
    places = make_site(api.ctx, sectors=2)
    for place in places:
        for n in range(30):
            for status in ("review", "published", "draft"):
                waiting(api.ctx, place.sector_id, f"{status} {n}", status=status, score=n)
    read: list[int] = []

    def answered(parsed: dict[str, Any], **event: Any) -> None:
        read.append(parsed["ScannedCount"])

    tables.client.meta.events.register("after-call.dynamodb.Query", answered)
    try:
        assert len(titles(api, site_id=places[0].site_id, ordering=ordering, page_size=10)) == 10
    finally:
        tables.client.meta.events.unregister("after-call.dynamodb.Query", answered)
    assert len(read) == 1 + len(places), "the site's sectors, and one query in each"
    assert sum(read[1:]) <= 60, read
