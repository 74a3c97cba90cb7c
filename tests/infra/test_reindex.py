"""Items of an older shape get what they lack, while somebody changes them, and nothing that anybody wrote is lost."""

import threading
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.auth.accounts import ACCOUNT
from chalicelib.automation.schedule import DUE, save_config
from chalicelib.core.context import Context, Deps
from chalicelib.core.ids import new_tenant_id
from chalicelib.core.repository import ListRequest
from chalicelib.core.scope import Scope
from chalicelib.core.table import Item, Query, Table, put, remove, update
from chalicelib.integration.connections import CONNECTION
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.keyword_identity import keyword_id
from chalicelib.planner.keywords import KEYWORD
from infra.reindex import POSITION, Done, Reindex, entities, told
from tests.conftest import ContextFactory, Place, Tables, make_site

KEYWORDS = 60


@pytest.fixture(autouse=True)
def _empty(tables: Tables) -> None:
    """Each test has the tables to itself: the walk is over all accounts."""
    for table in (tables.app, tables.ops):
        for item in list(table.scan_all()):
            table.write(remove((item["pk"], item["sk"])))


class Account:
    """A tenant with keywords whose items are as an older release left them."""

    def __init__(self, ctx: Context, place: Place) -> None:
        self.ctx, self.place, self.keywords = ctx, place, ctx.repository(KEYWORD)
        accounts = ctx.repository(ACCOUNT)
        accounts.create(accounts.new("", ctx.tenant, name="Old", slug="old"))
        for n in range(KEYWORDS):
            name = f"keyword {n:02d}"
            made = self.keywords.new(place.sector_id, keyword_id(name, None, ""), keyword=name, volume_override=n, difficulty_override=1)
            self.keywords.create(made)

    @property
    def table(self) -> Table:
        return self.ctx.deps.table

    def items(self) -> list[Item]:
        return self.table.query_all(Query(f"{self.ctx.tenant}#{self.place.sector_id}#K", consistent=True))

    def strip(self, *attributes: str) -> None:
        """As if the code that wrote them had not known these attributes."""
        names = {f"#a{n}": name for n, name in enumerate(attributes)}
        for item in self.items():
            self.table.write(update((item["pk"], item["sk"]), "REMOVE " + ", ".join(names), names=names))

    def listed(self, ordering: str = "-volume", **filters: Any) -> list[str]:
        wanted = ListRequest([self.place.sector_id], filters=filters, ordering=ordering, page_size=100)
        return [row["keyword"] for row in self.keywords.page(wanted).rows]

    def reindex(self, *, dry: bool = False, fresh: bool = False, rate: int = 25, deps: Deps | None = None) -> Done:
        return Reindex(deps or self.ctx.deps, dry=dry, rate=rate, pause=lambda seconds: None).run(fresh=fresh)


@pytest.fixture
def old(ctx: ContextFactory, place: Place) -> Account:
    return Account(ctx(), place)


def test_an_index_a_collection_and_a_default_are_filled(old: Account) -> None:
    before, listed = old.items(), old.listed()
    old.strip("v", "cl", "disabled")
    assert old.listed() == []  # an index has only what has its attribute
    dry = old.reindex(dry=True)
    assert (dry.counts["changed"], dry.kinds["keyword"], dry.troubles) == (KEYWORDS, KEYWORDS, [])
    assert f"{KEYWORDS} would be changed" in told(dry, dry=True, seconds=1)
    assert old.listed() == []
    done = old.reindex()
    assert done.counts["changed"] == KEYWORDS and done.troubles == []
    assert old.items() == before and old.listed() == listed
    assert old.reindex().counts["changed"] == 0


def test_what_an_entity_no_longer_says_goes(old: Account) -> None:
    item = old.items()[0]
    old.table.write(update((item["pk"], item["sk"]), "SET k = :k, cl = :cl", k=7, cl=f"{old.ctx.tenant}#K#gone"))
    assert old.reindex().kinds == {"keyword": 1}
    assert old.items()[0] == item


def test_a_writer_at_the_same_time_loses_nothing(old: Account) -> None:
    """Whoever changes keywords meanwhile, and however the two meet, the last word is the writer's and the index follows it."""
    old.strip("v", "n")
    ids, stop, written = [i["id"] for i in old.items()], threading.Event(), dict[str, int]()

    def write() -> None:
        for round_ in range(1000):
            for public_id in ids:
                if stop.is_set():
                    return
                old.keywords.patch(public_id, {"volume_override": round_ + 1000})
                written[public_id] = round_ + 1000

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            assert old.reindex(rate=10).troubles == []
    finally:
        stop.set()
        writer.join()
    stored = {i["id"]: i for i in old.items()}
    assert written
    for public_id, item in stored.items():
        assert item["volume_override"] == item["v"] == written.get(public_id, item["volume"])
        assert item["n"] == item["keyword"]
    assert old.reindex(dry=True).counts["changed"] == 0


def test_who_comes_between_reading_and_writing_is_seen(old: Account) -> None:
    """Each item is changed by somebody right before it would be filled."""
    old.strip("v")

    class Between(Table):
        def write(self, action: Any) -> Item | None:
            if action.kind == "Update" and action.expression.startswith("SET #n0") and action.key not in met:
                met.add(action.key)
                item = self.get(action.key)
                assert item is not None
                old.keywords.patch(item["id"], {"volume_override": 5000})
            return super().write(action)

    met: set[Any] = set()
    table = Between(old.table.client, old.table.name)
    done = old.reindex(deps=replace(old.ctx.deps, table=table))
    assert len(met) == KEYWORDS and done.counts["met a writer"] == KEYWORDS and done.counts["changed"] == 0
    assert {(i["volume_override"], i["v"], i["version"]) for i in old.items()} == {(5000, 5000, 2)}


def test_cut_off_it_goes_on_from_there(old: Account) -> None:
    old.strip("v")

    class CutOff(Exception):
        pass

    pages = []

    def pause(seconds: float) -> None:
        pages.append(seconds)
        if len(pages) == 3:
            raise CutOff

    first = Reindex(old.ctx.deps, dry=False, rate=10, pause=pause)
    with pytest.raises(CutOff):
        first.run()
    kept = old.ctx.deps.ops.get(POSITION)
    assert kept is not None and "at_pk" in kept
    total = sum(1 for _ in old.table.scan_all())
    second = old.reindex(rate=10)
    assert first.done.counts["read"] == 30 and second.counts["read"] == total - 30
    assert first.done.counts["changed"] + second.counts["changed"] == KEYWORDS
    kept = old.ctx.deps.ops.get(POSITION)
    assert kept is not None and "at_pk" not in kept  # the next one begins anew
    assert old.reindex(fresh=True).counts["read"] == total


def test_no_more_items_a_second_than_asked(old: Account) -> None:
    waited: list[float] = []
    done = Reindex(old.ctx.deps, dry=True, rate=10, pause=waited.append).run()
    pages = -(-done.counts["read"] // 10)
    assert len(waited) >= pages - 1 and all(0 <= seconds <= 1 for seconds in waited)


def test_counters_are_made_anew(old: Account) -> None:
    key = (f"{old.ctx.tenant}#{old.place.sector_id}#N", "K")
    right = old.table.get(key)
    assert right is not None and right["total"] == KEYWORDS
    for wrong in (None, {"total": 3}, {"total": KEYWORDS, "status:new": KEYWORDS, "status:gone": 4}):
        old.table.write(remove(key) if wrong is None else put(key, wrong))
        assert old.reindex(dry=True).counts["counters mended"] == 1
        assert old.reindex().counts["counters mended"] == 1
        stored = old.table.get(key)
        assert stored is not None and {k: v for k, v in stored.items() if v} == right
        assert old.keywords.count([old.place.sector_id], {"status": "new"}) == KEYWORDS
    assert old.reindex().counts["counters mended"] == 0


def test_a_counter_in_use_is_left_alone(old: Account) -> None:
    key = (f"{old.ctx.tenant}#{old.place.sector_id}#N", "K")
    old.table.write(update(key, "ADD #t :one", names={"#t": "total"}, one=1))

    def pause(seconds: float) -> None:
        old.table.write(update(key, "ADD #t :one", names={"#t": "total"}, one=1))

    done = Reindex(old.ctx.deps, dry=False, rate=1000, pause=pause).run()
    assert (done.counts["counters in use"], done.counts["counters mended"]) == (1, 0)


def test_a_unique_value_is_taken_for_the_first_and_the_second_is_told(old: Account) -> None:
    clusters = old.ctx.repository(CLUSTER)
    assert CLUSTER.unique
    one, other = (clusters.create(clusters.new(old.place.sector_id, name=name)) for name in ("one", "other"))
    partition = f"{old.ctx.tenant}#{old.place.sector_id}#U"
    for item in old.table.query_all(Query(partition)):
        old.table.write(remove((item["pk"], item["sk"])))
    assert old.reindex(dry=True).counts["unique values taken"] == 2
    assert old.table.query_all(Query(partition)) == []
    assert old.reindex().counts["unique values taken"] == 2
    assert clusters.holder(old.place.sector_id, name="one") == one.id
    key = clusters.key(other.id)
    old.table.write(update(key, "SET #n = :one", names={"#n": "name"}, one="one"))  # as if nobody had looked
    done = old.reindex()
    assert len(done.troubles) == 1 and f"is {one.id}'s: two objects have one unique value" in done.troubles[0]
    assert clusters.holder(old.place.sector_id, name="one") == one.id


def test_what_cannot_be_read_is_told_and_left(old: Account) -> None:
    item = old.items()[0]
    old.table.write(update((item["pk"], item["sk"]), "SET #s = :bad REMOVE v", names={"#s": "status"}, bad="nonsense"))
    done = old.reindex()
    assert len(done.troubles) == 1 and "is no keyword" in done.troubles[0] and done.counts["changed"] == 0


def test_of_all_tenants_and_none_of_nobodys(ctx: ContextFactory, old: Account) -> None:
    tenant = new_tenant_id()
    other_ctx = Context(Scope.worker(tenant), old.ctx.deps)
    other = Account(other_ctx, make_site(other_ctx)[0])
    old.table.write(put((f"{tenant}#SOMETHING", "else"), {"of": "nobody", "kind": "unknown"}))
    for account in (old, other):
        account.strip("d")
    assert old.reindex().counts["changed"] == 2 * KEYWORDS
    assert len(other.listed("-difficulty")) == KEYWORDS


def test_deleted_objects_stay_in_their_own_list(old: Account) -> None:
    gone = old.keywords.delete(old.items()[0]["id"])
    assert gone.deleted_at
    old.strip("lp")
    old.reindex()
    assert len(old.listed()) == KEYWORDS - 1
    assert {i["lp"].endswith("#deleted") for i in old.items()} == {True, False}


def test_an_automation_that_is_not_on_the_due_list_is_put_there(old: Account) -> None:
    save_config(old.ctx, old.place.site_id, {"enabled": True, "frequency": "daily"})
    ops = old.ctx.deps.ops
    (row,) = ops.query_all(Query(DUE))
    ops.write(remove((row["pk"], row["sk"])))  # as after a restore, which the operations table has not
    assert old.reindex(dry=True).counts["automations put on the due list"] == 1
    assert ops.query_all(Query(DUE)) == []
    assert old.reindex().counts["automations put on the due list"] == 1
    assert ops.query_all(Query(DUE)) == [row]
    assert old.reindex().counts["automations put on the due list"] == 0


def test_every_entity_is_known() -> None:
    assert {KEYWORD.name, CLUSTER.name, CONNECTION.name, "credit_transaction", "seed_keyword", "run"} <= entities().keys()
