"""Progress of a task with many items: what is shown while it goes, how much is written, and writers that come late or twice."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.core.context import Context
from chalicelib.core.errors import NotFound, UpstreamUnavailable
from chalicelib.core.ids import new_tenant_id
from chalicelib.core.table import Table, Write
from chalicelib.system import progress
from chalicelib.system.progress import Reporter
from tests.conftest import ContextFactory
from tests.fakes import FixedClock


class CountingTable(Table):
    """A real table that counts what is read and written."""

    def __init__(self, inner: Table) -> None:
        super().__init__(inner.client, inner.name)
        self.writes, self.reads = 0, 0

    def write(self, action: Write) -> Any:
        self.writes += 1
        return super().write(action)

    def get(self, key: Any, *, consistent: bool = True) -> Any:
        self.reads += 1
        return super().get(key, consistent=consistent)


@pytest.fixture
def table(ctx: ContextFactory) -> CountingTable:
    return CountingTable(ctx().deps.ops)


@pytest.fixture
def owner(ctx: ContextFactory, table: CountingTable) -> Context:
    context = ctx()
    return replace(context, deps=replace(context.deps, ops=table))


def states(shown: dict[str, Any]) -> list[tuple[str, int]]:
    return [(i["state"], i["percentage"]) for i in shown["items"]]


def test_work_that_cannot_be_queued_ends_its_task(owner: Context) -> None:
    task = progress.open_task(owner, "sync", 1)
    with progress.failing(owner, task):
        pass
    assert progress.progress(owner, task)["state"] == "pending"
    with pytest.raises(UpstreamUnavailable), progress.failing(owner, task):
        raise UpstreamUnavailable("The queue takes nothing.")
    shown = progress.progress(owner, task)
    assert (shown["state"], shown["message"]) == ("failed", "The queue takes nothing.")
    assert shown["error"]["code"] == UpstreamUnavailable.code


def test_each_item_and_the_whole(owner: Context, clock: FixedClock) -> None:
    task = progress.open_task(owner, "generate_content", ["a", "b", "c"])
    shown = progress.progress(owner, task)
    assert (shown["state"], shown["percentage"], shown["message"]) == ("pending", 0, "Waiting to begin.")
    assert states(shown) == [("pending", 0)] * 3 and shown["steps"] == []
    reporter = Reporter(owner, task)
    reporter.show("a", "AI_CALL", 60, "Writing section 3 of 8.")
    shown = progress.progress(owner, task)
    assert (shown["state"], shown["percentage"], shown["phase"]) == ("running", 20, "AI_CALL")
    assert shown["message"] == "0 of 3 done: Writing section 3 of 8."
    clock.forward(2)
    reporter.ended("a", "done", 7)
    clock.forward(2)
    reporter.show("b", "PREP", 10)
    shown = progress.progress(owner, task)
    assert states(shown) == [("done", 100), ("running", 10), ("pending", 0)] and shown["percentage"] == 36
    assert shown["message"] == "1 of 3 done: Gathers what is needed."
    assert [(s["item"], s["outcome"], s["credits"]) for s in shown["steps"]] == [("a", "done", 7)]
    progress.close(owner, task, "succeeded", "3 done, 0 failed.", result={"succeeded": []})
    shown = progress.progress(owner, task)
    assert (shown["state"], shown["percentage"], shown["message"]) == ("succeeded", 100, "3 done, 0 failed.")


def test_one_item_says_itself_what_is_done(owner: Context) -> None:
    task = progress.open_task(owner, "generate_content", ["a"])
    Reporter(owner, task).show("a", "SAVE", 80)
    shown = progress.progress(owner, task)
    assert (shown["percentage"], shown["phase"], shown["message"]) == (80, "SAVE", "Saves.")


def test_asking_costs_one_read(owner: Context, table: CountingTable) -> None:
    task = progress.open_task(owner, "generate_images", [f"image-{n}" for n in range(50)])
    before = table.reads
    progress.progress(owner, task)
    assert table.reads - before == 1


def test_a_worker_writes_once_a_second_and_always_the_last(owner: Context, table: CountingTable, clock: FixedClock) -> None:
    items = [f"image-{n}" for n in range(50)]
    task = progress.open_task(owner, "generate_images", items)
    before, reporter = table.writes, Reporter(owner, task)
    for n, item in enumerate(items):  # 50 items, 350 reports, in ten seconds
        for percentage in (0, 10, 30, 60, 80, 99):
            reporter.show(item, "AI_CALL", percentage)
        reporter.ended(item, "done", 1)
        if n % 5 == 4:
            clock.forward(1)
    reporter.flush()
    assert table.writes - before <= 12
    shown = progress.progress(owner, task)
    assert states(shown) == [("done", 100)] * 50 and len(shown["steps"]) == 50


def test_two_workers_do_not_wipe_out_each_other(owner: Context, clock: FixedClock) -> None:
    task = progress.open_task(owner, "publish", ["a", "b"])
    one, two = Reporter(owner, task), Reporter(owner, task)
    one.show("a", "SAVE", 80)
    two.show("b", "AI_CALL", 30)
    clock.forward(2)
    one.ended("a", "failed", message="It refused.", code="upstream_unavailable")
    two.ended("b", "done")
    shown = progress.progress(owner, task)
    assert [(s["item"], s["outcome"], s["message"]) for s in shown["steps"]] == [("a", "failed", "It refused."), ("b", "done", "")]


def test_a_late_report_of_several_items_keeps_what_is_new_of_it(owner: Context, clock: FixedClock) -> None:
    task = progress.open_task(owner, "generate_images", ["a", "b"])
    late, quick = Reporter(owner, task), Reporter(owner, task)
    late.show("a", "INIT", 0)
    late.show("a", "PREP", 10)
    late.show("b", "PREP", 10)
    clock.forward(5)
    quick.show("a", "SAVE", 80)
    late.flush()
    assert states(progress.progress(owner, task)) == [("running", 80), ("running", 10)]


def test_a_closed_task_stays_closed(owner: Context) -> None:
    task = progress.open_task(owner, "generate_images", ["a"])
    progress.close(owner, task, "succeeded", "1 done, 0 failed.")
    Reporter(owner, task).show("a", "INIT", 0)
    progress.report(owner, task, percentage=5, phase="PREP")
    progress.close(owner, task, "failed", "Too late.")
    shown = progress.progress(owner, task)
    assert (shown["state"], shown["message"], shown["percentage"]) == ("succeeded", "1 done, 0 failed.", 100)


def test_work_without_items_rises_too(owner: Context) -> None:
    task = progress.open_task(owner, "import_keywords", 1)
    progress.report(owner, task, percentage=40, phase="SAVE", message="400 of 1,000 keywords stored.")
    progress.report(owner, task, percentage=0, phase="PREP", message="Reading the file.")
    shown = progress.progress(owner, task)
    assert (shown["percentage"], shown["phase"], shown["items"]) == (40, "SAVE", [])


def test_another_tenant_sees_nothing(owner: Context, ctx: ContextFactory) -> None:
    task = progress.open_task(owner, "publish", ["a"])
    with pytest.raises(NotFound):
        progress.progress(ctx(tenant=new_tenant_id()), task)


REPORTS = st.tuples(st.sampled_from("abc"), st.sampled_from(["INIT", "PREP", "AI_CALL", "PARSE", "SAVE"]), st.integers(0, 120))
MOVES = st.one_of(
    st.tuples(st.just("show"), st.integers(0, 2), REPORTS),
    st.tuples(st.just("end"), st.integers(0, 2), st.tuples(st.sampled_from("abc"), st.sampled_from(["done", "failed", "skipped"]))),
    st.tuples(st.just("flush"), st.integers(0, 2), st.just(())),
    st.tuples(st.just("wait"), st.integers(1, 3), st.just(())),
)


@given(moves=st.lists(MOVES, max_size=30))
@settings(max_examples=40)
def test_the_percentage_never_falls_whoever_writes_when(ctx: ContextFactory, clock: FixedClock, moves: list[Any]) -> None:
    """Three workers on the same items, in any order, with whatever they still hold back."""
    owner = ctx()
    task = progress.open_task(owner, "generate_images", ["a", "b", "c"])
    workers = [Reporter(owner, task) for _ in range(3)]
    seen = [progress.progress(owner, task)]
    doing: dict[str, Callable[..., None]] = {}
    for kind, number, arguments in moves:
        if kind == "wait":
            clock.forward(number)
            continue
        doing = {"show": workers[number].show, "end": workers[number].ended, "flush": workers[number].flush}
        doing[kind](*arguments)
        seen.append(progress.progress(owner, task))
    for before, after in itertools.pairwise(seen):
        assert after["percentage"] >= before["percentage"]
        assert all(b <= a for (_, b), (_, a) in zip(states(before), states(after), strict=True))
