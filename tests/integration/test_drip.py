"""Publishing later: at a time of one's own and in the site's slots, across changes of the clock, each once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.auth.accounts import ACCOUNT
from chalicelib.core.errors import UpstreamUnavailable
from chalicelib.integration import drip
from chalicelib.integration.slots import DAYS, PublishSlots, places_after
from chalicelib.writer.content import CONTENT
from tests.fakes import RecordingJobs
from tests.writer.conftest import Desk


def slots(**fields: Any) -> PublishSlots:
    system = {"id": "x", "site_id": "x", "created_at": "", "updated_at": "", "version": 1, "order": ""}
    return PublishSlots(**{**system, **fields})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"times": ["09:00"]}, ["09:00"]),
        ({"times": ["18:00", "09:00", "12:00"], "max_per_day": 2}, ["09:00", "12:00"]),
        ({"times": ["09:00", "18:00"], "max_per_day": 5}, ["09:00", "09:00", "09:00", "18:00", "18:00"]),
        ({"days": ["sat"]}, []),
    ],
)
def test_the_places_of_a_day(fields: dict[str, Any], expected: list[str]) -> None:
    friday = datetime(2026, 11, 20).date()
    assert [p.strftime("%H:%M") for p in slots(**fields).places(friday)] == expected


@given(
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"]),
    days=st.sets(st.sampled_from(DAYS), min_size=1),
    times=st.sets(st.times().map(lambda t: t.strftime("%H:%M")), min_size=1, max_size=5),
    most=st.integers(1, 8),
    start=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),
)
def test_places_lie_ahead_in_order_and_never_more_a_day_than_allowed(
    zone: str, days: set[str], times: set[str], most: int, start: datetime
) -> None:
    own = slots(time_zone=zone, days=list(days), times=list(times), max_per_day=most)
    found = [place for place, _ in zip(places_after(own, start), range(40), strict=False)]
    moments = [m for m, _ in found]
    assert len(found) == 40 and moments == sorted(moments) and all(m > start for m in moments)
    assert len({name for _, name in found}) == 40
    by_day: dict[str, int] = {}
    for moment, name in found:
        assert DAYS[datetime.fromisoformat(name[:10]).weekday()] in days
        assert abs(moment.astimezone(ZoneInfo(zone)).date() - datetime.fromisoformat(name[:10]).date()) <= timedelta(days=1)
        by_day[name[:10]] = by_day.get(name[:10], 0) + 1
    assert max(by_day.values()) <= most


def turned_on(desk: Desk, **fields: Any) -> dict[str, Any]:
    body = {"enabled": True, "times": ["09:00", "15:00"], "max_per_day": 2, "time_zone": "Europe/Berlin", **fields}
    reply = desk.api.put(f"integration/publish_slots/?site_id={desk.place.site_id}", body)
    assert reply.status == 200, reply.body
    data: dict[str, Any] = reply.data
    return data


def due(desk: Desk, *of: str) -> list[str]:
    """One look of the scheduler: which of these contents it queued. Contents of other tests may be in the list too."""
    drip.publish_due(desk.api.deps)
    jobs = desk.api.deps.jobs
    assert isinstance(jobs, RecordingJobs)
    jobs.sent[:] = [m for m in jobs.sent if m.body["content"] in of]
    return [m.body["content"] for m in jobs.sent]


def at(desk: Desk, moment: datetime) -> Any:
    """The clock of the test's deployment, set."""
    clock: Any = desk.api.deps.clock
    clock.forward(seconds=(moment - clock.now()).total_seconds())


def test_contents_take_the_next_free_places_and_go_online_in_turn(desk: Desk, publisher: Any) -> None:
    desk.connected()
    turned_on(desk)
    ids = [desk.content(f"Drip {n}")["id"] for n in range(3)]
    times = [desk.api.post(f"writer/content/{i}/schedule", {}).data["publish_at"] for i in ids]
    assert times == sorted(set(times)) and all(datetime.fromisoformat(t) > desk.api.deps.clock.now() for t in times)
    shown = desk.api.get("integration/publish_slots", site_id=desk.place.site_id).data["scheduled"]
    assert [(s["content"], s["publish_at"]) for s in shown] == list(zip(ids, times, strict=True))
    assert due(desk, *ids) == []
    for n, time in enumerate(times):
        at(desk, datetime.fromisoformat(time))
        assert due(desk, *ids) == [ids[n]]
        desk.api.work_off()
        assert due(desk, *ids) == []
        assert sorted(publisher.posts) == sorted(ids[: n + 1])
    assert desk.api.get(f"writer/content/{ids[0]}").data["publish_at"] is None
    assert desk.api.get("integration/publish_slots", site_id=desk.place.site_id).data["scheduled"] == []


def test_missed_ticks_are_made_up_for_and_double_ticks_do_nothing_twice(desk: Desk, publisher: Any) -> None:
    desk.connected()
    soon = desk.api.deps.clock.now() + timedelta(hours=1)
    ids = [desk.content(f"Late {n}")["id"] for n in range(3)]
    for i in ids:
        assert desk.api.post(f"writer/content/{i}/schedule", {"publish_at": soon.isoformat()}).status == 200
    at(desk, soon + timedelta(days=2))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: drip.publish_due(desk.api.deps), range(2)))
    due(desk, *ids)
    desk.api.work_off()
    assert sorted(publisher.posts) == sorted(ids)
    assert [desk.api.get(f"writer/content/{i}").data["sync_status"] for i in ids] == ["synced"] * 3


def test_two_at_once_never_share_a_place(desk: Desk) -> None:
    desk.connected()
    turned_on(desk, times=["09:00"], max_per_day=1)
    ids = [desk.content(f"Race {n}")["id"] for n in range(6)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda i: drip.schedule(desk.api.ctx, i).publish_at, ids))
    assert len(set(found)) == 6


def test_a_schedule_is_replaced_taken_back_and_its_place_is_free_again(desk: Desk, publisher: Any) -> None:
    desk.connected()
    turned_on(desk)
    one, two = desk.content("One")["id"], desk.content("Two")["id"]
    first = desk.api.post(f"writer/content/{one}/schedule", {}).data["publish_at"]
    assert desk.api.post(f"writer/content/{one}/schedule", {}).data["publish_at"] != "" and len(listed(desk)) == 1
    assert desk.api.post(f"writer/content/{one}/unschedule").data["publish_at"] is None
    assert listed(desk) == []
    assert desk.api.post(f"writer/content/{two}/schedule", {}).data["publish_at"] == first, "its place is free again"
    far = desk.api.deps.clock.now() + timedelta(days=30)
    desk.api.post(f"writer/content/{two}/schedule", {"publish_at": far.isoformat()})
    assert [s["content"] for s in listed(desk)] == [two]
    desk.api.patch(f"writer/content/{two}", {"status": "review"})
    desk.api.post(f"writer/content/{two}/reject", {"note": "No."})
    at(desk, far + timedelta(minutes=1))
    assert due(desk, one, two) == []
    assert publisher.posts == {} and listed(desk) == []


def listed(desk: Desk) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = desk.api.get("integration/publish_slots", site_id=desk.place.site_id).data["scheduled"]
    return found


def test_a_queue_that_does_not_answer_loses_nothing(desk: Desk, publisher: Any) -> None:
    desk.connected()
    one = desk.content("One")["id"]
    soon = desk.api.deps.clock.now() + timedelta(minutes=1)
    desk.api.post(f"writer/content/{one}/schedule", {"publish_at": soon.isoformat()})
    at(desk, soon)

    class Down(RecordingJobs):
        def send(self, queue: str, body: dict[str, Any], delay_seconds: int = 0) -> str:
            raise UpstreamUnavailable("SQS is away.")

    assert drip.publish_due(replace(desk.api.deps, jobs=Down())) == 0
    assert due(desk, one) == [one]
    desk.api.work_off()
    assert list(publisher.posts) == [one]


def test_a_worker_that_is_faster_than_the_schedule_has_the_last_word(desk: Desk, publisher: Any) -> None:
    desk.connected()
    one = desk.content("One")["id"]
    soon = desk.api.deps.clock.now() + timedelta(minutes=1)
    desk.api.post(f"writer/content/{one}/schedule", {"publish_at": soon.isoformat()})
    at(desk, soon)

    class Eager(RecordingJobs):
        def send(self, queue: str, body: dict[str, Any], delay_seconds: int = 0) -> str:
            if body["content"] != one:
                return "left"
            desk.api.deps.jobs.send(queue, body)
            desk.api.work_off()
            return "done"

    drip.publish_due(replace(desk.api.deps, jobs=Eager()))
    found = desk.api.get(f"writer/content/{one}").data
    assert (found["sync_status"], found["status"], found["publish_at"]) == ("synced", "published", None)
    assert due(desk, one) == [] and listed(desk) == []


def test_put_back_as_it_was_before_its_time_it_waits_for_nothing(desk: Desk, publisher: Any) -> None:
    one = desk.connected().content("One")["id"]
    path = f"writer/content/{one}"
    desk.api.finished(desk.api.post(f"{path}/publish"))
    desk.api.patch(path, {"title": "Two"})
    soon = desk.api.deps.clock.now() + timedelta(minutes=1)
    assert desk.api.post(f"{path}/schedule", {"publish_at": soon.isoformat()}).status == 200
    desk.api.patch(path, {"title": "One"})
    at(desk, soon)
    assert due(desk, one) == [one]
    desk.api.work_off()
    assert desk.api.get(path).data["sync_status"] == "synced"


@pytest.mark.parametrize("how", ["publish", "reject", "delete"])
def test_a_place_that_nobody_waits_for_any_more_is_free(desk: Desk, publisher: Any, how: str) -> None:
    desk.connected()
    turned_on(desk)
    one, two, three = (desk.content(name)["id"] for name in ("One", "Two", "Three"))
    desk.api.patch(f"writer/content/{one}", {"status": "review"})
    first = desk.api.post(f"writer/content/{one}/schedule", {}).data["publish_at"]
    if how == "publish":
        desk.api.finished(desk.api.post(f"writer/content/{one}/publish"))
    elif how == "reject":
        assert desk.api.post(f"writer/content/{one}/reject", {"note": "No."}).status == 200
    else:
        assert desk.api.delete(f"writer/content/{one}").status == 200
    assert listed(desk) == []
    assert desk.api.post(f"writer/content/{two}/schedule", {}).data["publish_at"] == first
    assert desk.api.post(f"writer/content/{three}/schedule", {}).data["publish_at"] > first
    assert [s["content"] for s in listed(desk)] == [two, three]


def test_nothing_goes_online_for_an_account_that_is_suspended(desk: Desk, publisher: Any) -> None:
    desk.connected()
    one, soon, ctx = desk.content("One")["id"], desk.api.deps.clock.now() + timedelta(minutes=1), desk.api.ctx
    desk.api.post(f"writer/content/{one}/schedule", {"publish_at": soon.isoformat()})
    ctx.repository(ACCOUNT).patch(ctx.tenant, {"status": "suspended"})
    at(desk, soon)
    assert due(desk, one) == []
    found = desk.api.get(f"writer/content/{one}").data
    assert (found["sync_status"], found["publish_at"]) == ("failed", None) and "account" in found["sync_reason"]


@pytest.mark.parametrize(("closed", "said"), [("inactive", "switched off"), ("deleted", "deleted")])
def test_nothing_goes_online_on_a_site_that_is_closed(desk: Desk, publisher: Any, closed: str, said: str) -> None:
    desk.connected()
    one, soon, ctx = desk.content("One")["id"], desk.api.deps.clock.now() + timedelta(minutes=1), desk.api.ctx
    desk.api.post(f"writer/content/{one}/schedule", {"publish_at": soon.isoformat()})
    ctx.repository(ACCOUNT).patch(ctx.tenant, {"closed": {desk.place.site_id: closed}})
    at(desk, soon)
    assert due(desk, one) == [] and not publisher.posts
    found = ctx.repository(CONTENT).get(one)
    assert (found.sync_status, found.publish_at) == ("failed", None) and said in (found.sync_reason or "")


def test_what_is_refused(desk: Desk) -> None:
    content = desk.content()["id"]
    path = f"writer/content/{content}/schedule"
    assert desk.api.post(path, {}).status == 409, "no target"
    desk.connected()
    assert "publish slots" in desk.api.post(path, {}).error["message"]
    now = desk.api.deps.clock.now()
    for bad in ((now - timedelta(minutes=1)).isoformat(), (now + timedelta(days=400)).isoformat(), "tomorrow", "2026-12-01T10:00:00"):
        reply = desk.api.post(path, {"publish_at": bad})
        assert (reply.status, list(reply.error["fields"])) == (400, ["publish_at"]), bad
    assert desk.api.as_role("viewer").post(path, {}).status == 403
    assert desk.api.of_tenant("stranger").post(path, {}).status == 404
    where = f"integration/publish_slots/?site_id={desk.place.site_id}"
    for bad_slots in ({"times": ["25:00"]}, {"times": []}, {"days": ["someday"]}, {"time_zone": "Mars"}, {"max_per_day": 0}, {"more": 1}):
        reply = desk.api.put(where, bad_slots)
        assert (reply.status, next(iter(reply.error["fields"])).split(".")[0]) == (400, next(iter(bad_slots))), bad_slots
    assert desk.api.as_role("editor").put(where, {"enabled": True}).status == 403


def test_force_sends_again_what_has_not_changed(desk: Desk, publisher: Any) -> None:
    content = desk.connected().content()["id"]
    path = f"writer/content/{content}/publish"
    desk.api.finished(desk.api.post(path))
    publisher.posts.clear()
    assert desk.api.post(path).status == 409
    assert desk.api.finished(desk.api.post(f"{path}?force=true"))["state"] == "succeeded" and list(publisher.posts) == [content]
