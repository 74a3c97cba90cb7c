"""The soak's own tools: its keyword file, what it counts of an execution, and that its search for cross-talk finds some."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib import deps as wiring
from chalicelib.core.context import Deps
from chalicelib.planner.keyword_files import read_keyword_file
from infra import catalogue, soak_sites
from infra.build import template
from infra.local.stack import LocalStack
from infra.soak_keywords import keyword_file
from infra.soak_measure import DOLLARS_PER_TRANSITION, history
from infra.soak_memory import Growth, Look, deep_bytes, growth, slope, stored_kb
from infra.soak_sites import SoakSite


def test_the_keyword_file_is_the_same_every_time_and_can_be_read() -> None:
    data = keyword_file(1000)
    assert data == keyword_file(1000) and keyword_file(10) == b"".join(data.splitlines(keepends=True)[:11])
    found = read_keyword_file(data)
    assert len({row.keyword for row in found.rows}) == 1000 and all(row.volume is not None for row in found.rows)
    with pytest.raises(ValueError, match="only 1050"):
        keyword_file(2000)


class Histories:
    """Step Functions' answers to get_execution_history, page by page."""

    def __init__(self, **executions: list[list[str]]) -> None:
        self.executions = executions

    def get_paginator(self, name: str) -> "Histories":
        assert name == "get_execution_history"
        return self

    def paginate(self, executionArn: str, PaginationConfig: dict[str, int]) -> Iterator[dict[str, list[dict[str, str]]]]:
        yield from ({"events": [{"type": kind} for kind in page]} for page in self.executions[executionArn])


def test_transitions_are_states_entered_and_retries() -> None:
    first = [["ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskFailed"], ["TaskScheduled", "TaskSucceeded", "TaskStateExited"]]
    client = Histories(a=first, b=[["ExecutionStarted", "ChoiceStateEntered", "ChoiceStateExited", "ExecutionSucceeded"]])
    found = history(client, ["a", "b"])
    assert (found.executions, found.events, found.longest, found.transitions) == (2, 11, 7, 3)
    assert found.dollars == 3 * DOLLARS_PER_TRANSITION


def test_the_slope_of_memory_is_that_after_the_warm_up() -> None:
    loading = [Look(4, done, 100 + 10 * done) for done in range(10)]
    steady = [Look(4, done, 200 + 0.5 * done) for done in range(10, 31)]
    assert slope([*loading, *steady]) == (pytest.approx(512), pytest.approx(0, abs=1e-6))
    assert slope(steady[:2]) == (0.0, 0.0) and slope([Look(4, 5, 1.0)] * 9) == (0.0, 0.0)
    uneven = [Look(4, done, 100 + (done % 2) * 8) for done in range(31)]
    found, error = slope(uneven)
    assert abs(found) < 2 * error


def test_memory_is_flat_when_it_grows_with_what_is_stored() -> None:
    looks = [Look(stage, done, 300 + done * 0.25) for stage in (4, 5) for done in range(20)]
    assert growth(looks, 256).kb == pytest.approx(512) and growth(looks, 256).flat and not growth(looks, 200).flat
    assert Growth(400, 60, 150).allowed_kb == 420


def test_the_size_of_an_object_is_that_of_all_it_refers_to() -> None:
    one = "x" * 10_000
    assert 10_000 < deep_bytes([[one, one, {"again": one}]]) < 11_000
    assert deep_bytes([str, test_what_strays_is_found]) == 0


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Deps, list[SoakSite], Path]]:
    """Three sites of two accounts whose runs went on at once."""
    folder = tmp_path_factory.mktemp("soak")
    with LocalStack(template("local"), folder) as stack:
        wiring.use(None)
        deps = wiring.current()
        catalogue.install(deps)
        sites = soak_sites.make_sites(deps, accounts=2, each=2)[:3]
        stack.serve_events()
        soak_sites.run_all(sites)
        stack.drain(60)
        try:
            yield deps, sites, folder / "static"
        finally:
            wiring.use(None)


def test_sites_that_run_at_once_keep_apart(ran: tuple[Deps, list[SoakSite], Path]) -> None:
    deps, sites, static = ran
    found = soak_sites.check(deps, sites, static)
    assert found.wrong == [] and (found.sites, found.articles) == (3, 3) and found.objects > 100 and found.files > 10
    assert all(kb > 10 for kb in stored_kb().values())


def test_what_strays_is_found(ran: tuple[Deps, list[SoakSite], Path]) -> None:
    deps, sites, static = ran
    mine, neighbour, stranger = sites
    by_site = [i for i in deps.table.scan_all() if i.get("kind") == "content" and i["site_id"] == mine.site]
    (item,) = by_site
    for field, value, said in (
        ("excerpt", f"about a {neighbour.word} grinder", neighbour.word),
        ("task", f"{neighbour.site}xyza-1", f"names ['{neighbour.site}']"),
        ("excerpt", f"about a {stranger.word} grinder", stranger.word),
    ):
        deps.table.client.put_item(**_put(deps, {**item, field: value}))
        wrong = soak_sites.check(deps, sites, static).wrong
        assert len(wrong) == 1 and said in wrong[0], wrong
    deps.table.client.put_item(**_put(deps, item))
    name = next(n for n in deps.files.list(f"{mine.ctx.tenant}/images/"))
    kept = deps.files.get(name)
    deps.files.put(name, stranger.word.encode(), "image/jpeg")
    assert [stranger.word in line for line in soak_sites.check(deps, sites, static).wrong] == [True]
    deps.files.put(name, kept, "image/jpeg")
    (static / mine.site / "stray.txt").write_text(neighbour.word, encoding="utf-8")
    assert [neighbour.word in line for line in soak_sites.check(deps, sites, static).wrong] == [True]
    (static / mine.site / "stray.txt").unlink()
    unfinished = [replace(mine, run=neighbour.run), neighbour, stranger]
    assert any(
        "credits, the ledger does not" in line or "charged for something else" in line for line in _checked(deps, unfinished, static)
    )


def _checked(deps: Deps, sites: list[SoakSite], static: Path) -> list[str]:
    return soak_sites.check(deps, sites, static).wrong


def _put(deps: Deps, item: dict[str, object]) -> dict[str, object]:
    from chalicelib.core.wire import to_dynamo

    return {"TableName": deps.table.name, "Item": {k: to_dynamo(v) for k, v in item.items()}}
