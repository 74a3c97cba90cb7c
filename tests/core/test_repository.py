"""Objects of a scope: versions, soft delete, unique values and counters hold after any history; nobody reaches what is not theirs."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.auth.sites import SECTOR, SITE
from chalicelib.core.context import Context
from chalicelib.core.entity import Entity, Placement, SiteRecord, Unique, in_account, in_sector
from chalicelib.core.errors import Duplicate, NotFound, PreconditionFailed, Stale, ValidationFailed
from chalicelib.core.ids import new_site_id, new_tenant_id, random_id
from chalicelib.core.repository import ListRequest, Repository
from chalicelib.core.scope import Scope
from chalicelib.core.table import Query, Table, Write, check
from chalicelib.writer.taxonomies import TAXONOMY
from tests.conftest import ContextFactory, Place, Tables, make_site
from tests.core.shelf import BOOK, Book
from tests.fakes import FixedClock


@pytest.fixture
def books(ctx: ContextFactory, place: Place) -> Repository[Book]:
    return ctx().repository(BOOK)


# --- one object -------------------------------------------------------------------------------------------------------------------


def test_a_record_is_stored_and_read_whole(books: Repository[Book], place: Place) -> None:
    book = books.create(books.new(place.sector_id, title="One", pages=3, notes={"a": None}))
    assert books.get(book.id) == book
    assert (book.site_id, book.sector_id, book.version, book.created_at, book.updated_at) == (
        place.site_id, place.sector_id, 1, "2026-11-20T12:00:00.000Z", "2026-11-20T12:00:00.000Z",
    )  # fmt: skip
    item = books.table.get(books.key(book.id))
    assert item is not None
    assert {"deleted_at", "sequel"}.isdisjoint(item), "fields without a value are not stored"
    with pytest.raises(Duplicate) as raised:
        books.create(book.model_copy(update={"title": "Another"}))
    assert raised.value.extra == {"existing_id": book.id}


def test_system_fields_cannot_be_given_and_bad_ones_are_refused(books: Repository[Book], place: Place) -> None:
    book = books.new(place.sector_id, title="One", version=7, site_id="other", created_at="never", order="x")
    assert (book.version, book.site_id, book.created_at[:4]) == (1, place.site_id, "2026")
    with pytest.raises(ValidationFailed):
        books.new(place.sector_id, title="")


def test_each_change_is_a_version_and_no_change_is_none(books: Repository[Book], place: Place, clock: FixedClock) -> None:
    book = books.create(books.new(place.sector_id, title="One"))
    clock.forward(60)
    changed = books.patch(book.id, {"pages": 4})
    assert (changed.version, changed.pages, changed.updated_at, changed.created_at) == (2, 4, "2026-11-20T12:01:00.000Z", book.created_at)
    assert changed.order == book.order, "a change does not move the object in the order of creation"
    assert books.patch(book.id, {"pages": 4}).version == 2
    assert books.patch(book.id, {}).version == 2
    assert books.patch(book.id, lambda present: {"pages": (present.pages or 0) + 1}).pages == 5
    with pytest.raises(PreconditionFailed):
        books.patch(book.id, {"pages": 9}, if_match=2)
    with pytest.raises(ValidationFailed):
        books.patch(book.id, {"pages": -5})
    with pytest.raises(Stale):
        books.save(book, books.changed(book, title="Late"))
    assert books.get(book.id).version == 3


def test_a_patch_that_was_overtaken_reads_again(books: Repository[Book], place: Place, tables: Tables) -> None:
    book = books.create(books.new(place.sector_id, title="One"))
    overtaken = [True, True]

    def change(present: Book) -> dict[str, Any]:
        if overtaken:
            overtaken.pop()
            books.patch(present.id, lambda p: {"score": p.score + 1})
        return {"pages": present.score}

    changed = books.patch(book.id, change)
    assert (changed.pages, changed.score, changed.version) == (2, 2, 4)


def test_extra_writes_are_part_of_it(books: Repository[Book], place: Place) -> None:
    never: Write = check((f"{books.scope.tenant}#none", "none"), "attribute_exists(pk)", on_fail=lambda old: NotFound("no"))
    with pytest.raises(NotFound):
        books.create(books.new(place.sector_id, title="One"), never)
    assert books.page(ListRequest([place.sector_id])).rows == []
    assert books.count([place.sector_id], {}) == 0
    assert books.create(books.new(place.sector_id, title="One")).version == 1, "its title was not taken either"


def test_soft_delete_and_restore(books: Repository[Book], place: Place) -> None:
    book = books.create(books.new(place.sector_id, title="One"))
    with pytest.raises(PreconditionFailed):
        books.delete(book.id, if_match=5)
    gone = books.delete(book.id, if_match=1)
    assert gone.deleted_at
    assert books.find(book.id) is None
    assert books.get(book.id, deleted=True).version == 2
    assert books.get_many([book.id]) == {}
    with pytest.raises(NotFound):
        books.delete(book.id)
    assert books.page(ListRequest([place.sector_id])).rows == []
    assert [i["id"] for i in books.page(ListRequest([place.sector_id], deleted=True)).rows] == [book.id]
    back = books.restore(book.id)
    assert (back.deleted_at, back.version) == (None, 3)
    assert books.restore(book.id).version == 3
    assert [i["id"] for i in books.page(ListRequest([place.sector_id])).rows] == [book.id]


def test_get_many_keeps_the_ids_order_and_drops_what_is_not_there(books: Repository[Book], place: Place) -> None:
    made = [books.create(books.new(place.sector_id, title=str(n))).id for n in range(120)]
    wanted = [*reversed(made), made[0], "nothing", f"{place.sector_id}-nothing"]
    assert list(books.get_many(wanted)) == list(reversed(made))


def test_ranked_reads_by_rank_then_age(books: Repository[Book], place: Place) -> None:
    made = [books.create(books.new(place.sector_id, title=str(n), status="done" if n % 2 else "draft")) for n in range(6)]
    assert [b.id for b in books.ranked(place.sector_id, "done")] == [b.id for b in made[1::2]]
    assert [b.id for b in books.ranked(place.sector_id, "done", "draft")] == [b.id for b in [*made[::2], *made[1::2]]]
    assert [b.id for b in books.ranked(place.sector_id, "draft", limit=2)] == [made[0].id, made[2].id]


# --- histories --------------------------------------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["create", "create", "rename", "finish", "draft", "delete", "restore", "pages"]),
        st.integers(0, 5),
        st.sampled_from("abcd"),
    ),
    max_size=25,
)


@settings(max_examples=60)
@given(STEPS)
def test_counters_and_unique_titles_hold_after_any_history(tables: Tables, steps: list[tuple[str, int, str]]) -> None:
    repository = Repository(BOOK, Scope.worker(new_tenant_id()), tables.app, FixedClock())
    sector, model = new_site_id() + random_id(4), {}
    for act, which, title in steps:
        ids = list(model)
        chosen = ids[which % len(ids)] if ids else None
        taken = {r.title for r in model.values() if not r.deleted_at and r.id != chosen}
        try:
            if act == "create":
                chosen = None
                taken = {r.title for r in model.values() if not r.deleted_at}
                done = repository.create(repository.new(sector, title=title))
            elif chosen is None:
                continue
            elif act == "delete":
                done = repository.delete(chosen)
            elif act == "restore":
                title = model[chosen].title
                done = repository.restore(chosen)
            else:
                changes = {
                    "rename": {"title": title},
                    "finish": {"status": "done"},
                    "draft": {"status": "draft"},
                    "pages": {"pages": which},
                }
                done = repository.patch(chosen, changes[act])
        except Duplicate:
            assert act in ("create", "rename", "restore")
            assert title in taken
            continue
        except NotFound:
            assert chosen
            assert model[chosen].deleted_at
            continue
        assert act not in ("create", "rename") or done.title not in taken
        model[done.id] = done
    live = [r for r in model.values() if not r.deleted_at]
    assert repository.count([sector], {}) == len(live)
    for status, number in {"draft": 0, "done": 0, **Counter(r.status for r in live)}.items():
        assert repository.count([sector], {"status": status}) == number
    sentinels = tables.app.query_all(Query(f"{repository.scope.tenant}#{sector}#U"))
    assert {s["sk"].rpartition("#")[2]: s["of"] for s in sentinels} == {r.title: r.id for r in live}
    assert {r.id: r for r in repository.get_many(model).values()} == {r.id: r for r in live}


def test_the_counter_knows_only_what_is_counted(books: Repository[Book], ctx: ContextFactory, place: Place) -> None:
    assert books.count([place.sector_id], {"pages_min": 1}) is None
    assert books.count([place.sector_id], {"status": "draft", "pages_min": 1}) is None
    assert ctx().repository(SECTOR).count([place.site_id], {}) is None, "an entity without counters is not counted as 0"
    assert ctx().repository(SITE).count([""], {}) is None


def test_unique_values_of_a_site_free_on_rename_and_delete(ctx: ContextFactory, place: Place) -> None:
    terms = ctx().repository(TAXONOMY)
    first = terms.create(terms.new(place.site_id, name="A", slug="a", taxonomy_type="tag", external_id="7", external_taxonomy="post_tag"))
    assert terms.create(terms.new(place.site_id, name="A", slug="a", taxonomy_type="category")).id
    with pytest.raises(Duplicate):
        terms.create(terms.new(place.site_id, name="A", slug="b", taxonomy_type="tag", external_id="7", external_taxonomy="post_tag"))
    terms.patch(first.id, {"slug": "renamed", "external_id": None})
    again = terms.create(terms.new(place.site_id, name="A", slug="a", taxonomy_type="tag", external_id="7", external_taxonomy="post_tag"))
    terms.delete(again.id)
    with pytest.raises(NotFound):
        terms.get(again.id, deleted=True)
    assert (
        terms.create(
            terms.new(place.site_id, name="A", slug="a", taxonomy_type="tag", external_id="7", external_taxonomy="post_tag")
        ).version
        == 1
    )
    assert terms.count([place.site_id], {"taxonomy_type": "tag"}) == 2


def test_long_unique_values_that_begin_alike_are_different(ctx: ContextFactory, place: Place) -> None:
    terms, start = ctx().repository(TAXONOMY), "ü" * 1500
    for tail in "ab":
        terms.create(terms.new(place.site_id, name="A", slug=tail, external_id=start + tail, external_taxonomy="x"))
    with pytest.raises(Duplicate):
        terms.create(terms.new(place.site_id, name="A", slug="c", external_id=start + "a", external_taxonomy="x"))


class _InterruptedTable(Table):
    """Lets somebody else act before the next transaction."""

    meanwhile: Any = None

    def transact(self, actions: Any) -> None:
        act, self.meanwhile = self.meanwhile, None
        if act:
            act()
        super().transact(actions)


def test_a_delete_for_good_that_was_overtaken_reads_again(ctx: ContextFactory, place: Place, tables: Tables) -> None:
    terms = ctx().repository(TAXONOMY)
    term = terms.create(terms.new(place.site_id, name="A", slug="a"))
    table = _InterruptedTable(tables.app.client, tables.app.name, sleep=lambda s: None)
    table.meanwhile = lambda: terms.patch(term.id, {"slug": "b"})
    slow = Repository(TAXONOMY, terms.scope, table, terms.clock)
    assert slow.delete(term.id).slug == "b"
    sentinels = tables.app.query_all(Query(f"{terms.scope.tenant}#{place.site_id}#U", condition="begins_with(sk, :x)", values={":x": "X#"}))
    assert sentinels == []
    assert terms.count([place.site_id], {}) == 0


# --- who may see what -------------------------------------------------------------------------------------------------------------


def reaches(context: Context, entity: Entity[Any], public_id: str, owner: str) -> None:
    """Fails when any way of reading or writing finds the object."""
    repository: Repository[Any] = context.repository(entity)
    assert repository.find(public_id) is None
    assert repository.get_many([public_id]) == {}
    for act in (repository.get, repository.delete, repository.restore, lambda i: repository.patch(i, {"title": "Mine"})):
        with pytest.raises(NotFound) as raised:
            act(public_id)
        assert raised.value.message == NotFound.default
    if context.scope.sites is not None:
        with pytest.raises(NotFound):
            repository.page(ListRequest([owner]))
        with pytest.raises(NotFound):
            repository.ranked(owner, "draft")
    else:
        assert repository.page(ListRequest([owner])).rows == []
        assert repository.ranked(owner, "draft") == []


def test_foreign_tenants_and_unseen_sites_find_nothing(ctx: ContextFactory, books: Repository[Book], place: Place) -> None:
    book = books.create(books.new(place.sector_id, title="One"))
    reaches(ctx(tenant=new_tenant_id()), BOOK, book.id, place.sector_id)
    reaches(ctx(role="editor", sites=set()), BOOK, book.id, place.sector_id)
    reaches(ctx(role="editor", sites={"zzzzzz"}), BOOK, book.id, place.sector_id)
    seen = ctx(role="editor", sites={place.site_id}).repository(BOOK)
    assert seen.get(book.id) == book
    assert seen.ranked(place.sector_id, "draft") == [book]
    with pytest.raises(NotFound):
        ctx(tenant=new_tenant_id()).repository(BOOK).under((books.key(book.id)[0], ""))
    assert ctx(role="editor", sites=set()).repository(BOOK).under((books.key(book.id)[0], "")) == []
    assert books.under((books.key(book.id)[0], "")) == [book]


@pytest.mark.parametrize("wrong", ["", "-", "x", "x-", "-x", "x" * 11 + "-y", "\x00-", "#" * 10 + "-x", "\U0001f600" * 3000])
def test_ids_that_are_none_are_not_found(books: Repository[Book], wrong: str) -> None:
    assert books.find(wrong) is None
    assert books.get_many([wrong]) == {}
    with pytest.raises(NotFound):
        books.patch(wrong, {"title": "x"})


def test_an_id_reaches_only_its_own_kind(ctx: ContextFactory, place: Place) -> None:
    """A site lies at W#<site>, its sectors at W#<site>#S#<sector>: an id with `#` must not read one as the other."""
    sites = ctx().repository(SITE)
    assert sites.get(place.site_id).id == place.site_id
    assert sites.find(f"{place.site_id}#S#{place.sector_id}") is None
    notes = replace(BOOK, name="note", place=in_sector("Z"))
    books = ctx().repository(BOOK)
    book = books.create(books.new(place.sector_id, title="One"))
    assert ctx().repository(notes).find(book.id) is None
    assert ctx().repository(notes).under((books.key(book.id)[0], "")) == []


# --- declarations -----------------------------------------------------------------------------------------------------------------


class Note(SiteRecord):
    kind: str = ""


def test_a_declaration_that_cannot_work_fails_at_import() -> None:
    wrong: list[dict[str, Any]] = [
        {"orderings": {"created_at": "c", "title": "k"}},
        {"orderings": {"created_at": "x"}},
        {"default_ordering": "-pages2"},
        {"search": ("colour",)},
        {"create": frozenset({"colour"})},
        {"unique": (Unique(("colour",)),)},
        {"counted": ("colour",)},
        {"model": Note},
    ]
    for change in wrong:
        with pytest.raises(TypeError):
            replace(BOOK, **change)


def test_account_owned_objects_have_counters_of_the_account(tables: Tables, clock: FixedClock) -> None:
    shelf = replace(BOOK, name="manual", place=in_account("MAN"), unique=())
    repository: Repository[Any] = Repository(shelf, Scope.worker(new_tenant_id()), tables.app, clock)
    plain = Placement("account", shelf.place.key, shelf.place.owner, shelf.place.lists, shelf.place.make_id)
    assert plain == shelf.place
    fields = {"site_id": "s", "sector_id": "s"}
    made = [repository.create(repository.new("", title=str(n), **fields)) for n in range(3)]
    repository.delete(made[0].id)
    assert repository.count([""], {}) == 2
    assert [i["id"] for i in repository.page(ListRequest([""])).rows] == [made[2].id, made[1].id]


def test_many_sites_lists_merge(ctx: ContextFactory) -> None:
    books = ctx().repository(BOOK)
    places = [p for _ in range(3) for p in make_site(ctx(), sectors=3)]
    made = [books.create(books.new(p.sector_id, title=str(n))) for n, p in enumerate(places * 3)]
    rows = books.page(ListRequest([p.sector_id for p in places], page_size=20)).rows
    assert [i["id"] for i in rows] == [b.id for b in reversed(made)][:20]
    assert books.count([p.sector_id for p in places], {"status": "draft"}) == 27
