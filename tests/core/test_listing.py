"""Lists over many partitions against the plain answer: every filter with every ordering, both ways, at any page size and scan budget."""

import itertools
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.core.ids import new_site_id, new_tenant_id, random_id
from chalicelib.core.listing import Walked
from chalicelib.core.repository import ListRequest, Repository
from chalicelib.core.scope import Scope
from chalicelib.core.table import put_new
from tests.conftest import Tables
from tests.core.lists import CLUSTERS, LISTED, WORDS, Listed, expected, orderings
from tests.fakes import FixedClock

NAMES = sorted(LISTED)


def fill(
    tables: Tables, listed: Listed, rows: list[dict[str, Any]], sectors: list[str], steps: list[float]
) -> tuple[Repository[Any], list[Any]]:
    """Store the rows as objects of a tenant of their own; returns its repository and the stored records."""
    clock = FixedClock()
    repository: Repository[Any] = Repository(listed.entity, Scope.worker(new_tenant_id()), tables.app, clock)
    records = []
    for row, step in zip(rows, itertools.cycle(steps)):
        clock.forward(step)
        fields = {k: v for k, v in row.items() if not k.startswith("_")}
        sector = sectors[row["_sector"] % len(sectors)]
        if listed.cluster:
            fields[listed.cluster] = row["_cluster"] and f"{sector}-{row['_cluster']}"
        record = repository.new(sector, **fields)
        if row["_gone"]:
            record = repository.changed(record, deleted_at="2026-11-20T12:00:00.000Z")
        tables.app.write(put_new(repository.key(record.id), listed.entity.to_item(repository.scope.tenant, record)))
        records.append(record)
    return repository, records


def new_sectors(number: int) -> list[str]:
    site = new_site_id()
    return [site + random_id(4) for _ in range(number)]


def follow(repository: Repository[Any], request: ListRequest, places: dict[str, Any], *, forward: bool, most: int) -> list[Walked]:
    """All pages in one direction. Fails when they do not end."""
    pages = []
    for _ in range(most):
        page = repository.page(ListRequest(**{**vars(request), "starts": places, "forward": forward}))
        pages.append(page)
        if not page.more:
            return pages
        places = page.ends
    raise AssertionError(f"no end after {most} pages")


def ids(items: list[Any]) -> list[str]:
    return [i["id"] if isinstance(i, dict) else i.id for i in items]


def check(repository: Repository[Any], listed: Listed, records: list[Any], request: ListRequest) -> None:
    """Walk the whole list forwards, and from every page back to the beginning."""
    wanted = ids(expected(listed, records, request))
    small = request.budget < len(records) + 50
    most = 2 * (len(records) + 2) * max(1, len(request.owners)) + 10
    pages = follow(repository, request, {}, forward=True, most=most)
    assert [i for page in pages for i in ids(page.rows)] == wanted
    at = 0
    for n, page in enumerate(pages):
        if not small:
            assert page.complete
            assert ids(page.rows) == wanted[n * request.page_size : (n + 1) * request.page_size]
            assert n == 0 or page.rows, "an empty page was announced"
        assert page.more or page.complete
        back = follow(repository, request, page.begins, forward=False, most=most)
        assert [i for p in reversed(back) for i in ids(p.rows)] == wanted[:at]
        if not small:
            assert all(p.complete for p in back)
            sizes = [len(p.rows) for p in back]
            assert sizes == ([request.page_size] * n or [0]), "the way back has the same pages"
        if back[0].rows or n == 0:  # and from there forward again
            again = repository.page(ListRequest(**{**vars(request), "starts": back[0].begins, "budget": 16_000}))
            assert ids(again.rows) == wanted[at : at + request.page_size]
        at += len(page.rows)


def requests(listed: Listed, sectors: list[str]) -> st.SearchStrategy[ListRequest]:
    """Any filters together, any ordering, page size and budget."""
    entity = listed.entity
    names = [n for n in entity.filters if n != "cluster_id"]
    chosen = st.lists(st.sampled_from(names), unique=True, max_size=4).flatmap(
        lambda some: st.fixed_dictionaries({n: st.sampled_from(listed.values(n)) for n in some})
    )

    def parsed(texts: dict[str, str]) -> dict[str, Any]:
        values = {n: entity.filters[n].parse(n, t) for n, t in texts.items()}
        return {n: f"{sectors[0]}-{v}" if entity.filters[n].related else v for n, v in values.items()}

    return st.builds(
        ListRequest,
        owners=st.integers(1, len(sectors)).map(lambda n: sectors[:n]),
        filters=chosen.map(parsed),
        search=st.just("") | st.sampled_from(WORDS),
        ordering=st.sampled_from(orderings(entity)),
        page_size=st.integers(1, 12),
        deleted=st.sampled_from([False, False, False, True]),
        budget=st.sampled_from([16_000, 16_000, 1, 2, 5, 9, 20]),
    )


@pytest.mark.parametrize("name", NAMES)
def test_any_list_equals_the_plain_answer_both_ways(tables: Tables, name: str) -> None:
    listed = LISTED[name]

    @settings(max_examples=25)
    @given(
        data=st.data(),
        rows=st.lists(listed.rows, max_size=30),
        steps=st.lists(st.sampled_from([0, 0.0004, 0.001, 1.7]), min_size=1, max_size=5),
    )
    def run(data: st.DataObject, rows: list[dict[str, Any]], steps: list[float]) -> None:
        sectors = new_sectors(data.draw(st.integers(1, 4), label="sectors"))
        repository, records = fill(tables, listed, rows, sectors, steps)
        for request in data.draw(st.lists(requests(listed, sectors), min_size=1, max_size=4), label="requests"):
            check(repository, listed, records, request)

    run()


@pytest.mark.parametrize("name", NAMES)
def test_every_filter_with_every_ordering_and_every_pair_with_some(tables: Tables, name: str) -> None:
    listed, chance = LISTED[name], random.Random(name)
    entity, sectors = listed.entity, new_sectors(2)
    picks = {
        "_sector": [0, 1, 1],
        "_cluster": [*CLUSTERS] if listed.cluster_required else [None, *CLUSTERS],
        "_gone": [False] * 9 + [True],
        **{k: PICKS[k] for k in listed.fields if k != "status"},
        "status": next(list(f.choices) for f in entity.filters.values() if f.field == "status"),
    }
    rows = [{k: chance.choice(v) for k, v in picks.items()} for _ in range(40)]
    repository, records = fill(tables, listed, rows, sectors, [0.001])
    names = [*(n for n in entity.filters if n != "cluster_id"), *(["search"] if entity.search else [])]
    combinations = [c for size in range(3) for c in itertools.combinations(names, size)]
    all_orderings = orderings(entity)
    for combination, ordering in ((c, o) for c in combinations for o in (all_orderings if len(c) < 2 else chance.sample(all_orderings, 2))):
        filters = {}
        for filter_name in combination:
            if filter_name != "search":
                value = entity.filters[filter_name].parse(filter_name, chance.choice(listed.values(filter_name)))
                filters[filter_name] = f"{sectors[0]}-{value}" if entity.filters[filter_name].related else value
        search = chance.choice(WORDS) if "search" in combination else ""
        size = chance.choice([3, 7, 50])
        request = ListRequest(owners=sectors, filters=filters, search=search, ordering=ordering, page_size=size)
        pages = follow(repository, request, {}, forward=True, most=50)
        assert [i for page in pages for i in ids(page.rows)] == ids(expected(listed, records, request)), (filters, search, ordering)


PICKS: dict[str, list[Any]] = {
    "keyword": ["Oak", "oak pine", "Pine", "ash tree"],
    "name": ["Oak", "oak pine", "Pine", "ash tree"],
    "title": ["Oak", "oak pine", "Pine", "ash tree"],
    "idea_title": ["Oak", "oak pine", "Pine", "ash tree"],
    "volume_override": [None, 0, 1, 2, 3],
    "difficulty_override": [None, 0, 1, 2, 3],
    "intent_override": [None, "commercial", "navigational"],
    "seed_keyword_id": [None, "seed1"],
    "volume": [None, 0, 1, 2, 3],
    "difficulty": [None, 0, 1, 2, 3],
    "keywords_count": [0, 1, 2],
    "description": ["", "about Pine"],
    "target_keywords": [[], ["oak"]],
    "keywords": ["", "oak, larch"],
    "word_count": [100, 101, 5000],
    "content_type": ["post", "page"],
    "content_structure": ["article", "guide"],
    "source": ["igny8", "wordpress"],
    "sync_status": ["none", "failed"],
}
