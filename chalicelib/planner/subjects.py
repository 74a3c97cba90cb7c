"""What each idea and content of a site is about, in one small item beside the object: what new ideas are compared with, without reading
the objects.

The items are written by every write of an idea or content (`Entity.beside`), without a vector; who compares adds it
(`remember`), for the embedding model in use. A change of title or keyword drops the vector, a deletion the item.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from chalicelib.core.context import Context
from chalicelib.core.errors import Stale
from chalicelib.core.ids import site_of
from chalicelib.core.table import TRANSACT_MAX, Key, Query, Write, put, put_new, remove, update
from chalicelib.planner.search_terms import LIKE, contradict, likeness, terms

Kind = Literal["idea", "content"]
_COMPLETE = "~complete"  # sort key of the mark that all objects made before these items were kept have theirs


@dataclass(frozen=True)
class Subject:
    """title: of the idea or content; keyword: its primary keyword, '' when it has none (imported contents). vector: of `search`, as
    `ai.similarity` packs it, made by `model`; empty when nobody has compared it yet."""

    type: Kind
    id: str
    title: str
    keyword: str = ""
    model: str = ""
    vector: bytes = b""

    @property
    def search(self) -> str:
        """The search that it answers."""
        return self.keyword or self.title


def partition(tenant: str, site_id: str) -> str:
    return f"{tenant}#{site_id}#SJ"


def _key(tenant: str, subject: Subject) -> Key:
    return partition(tenant, site_of(subject.id)), f"{subject.type}#{subject.id}"


def subject_of(kind: Kind, record: Any) -> Subject | None:
    """record: an Idea or a Content; None for one that is deleted."""
    if record is None or record.deleted_at:
        return None
    title = record.idea_title if kind == "idea" else record.title
    return Subject(kind, record.id, title, (record.primary_keyword or "").strip())


def beside_idea(tenant: str, old: Any, new: Any) -> list[Write]:
    return _beside("idea", tenant, old, new)


def beside_content(tenant: str, old: Any, new: Any) -> list[Write]:
    return _beside("content", tenant, old, new)


def _beside(kind: Kind, tenant: str, old: Any, new: Any) -> list[Write]:
    before, after = subject_of(kind, old), subject_of(kind, new)
    if before == after:
        return []
    if after is None:
        assert before is not None
        return [remove(_key(tenant, before))]
    return [put(_key(tenant, after), _item(after))]


def _item(subject: Subject) -> dict[str, Any]:
    return {"title": subject.title, "keyword": subject.keyword}


def subjects(ctx: Context, site_id: str) -> list[Subject]:
    """Of all live ideas and contents of the site, whatever their sector. Some 600 bytes each: 5,000 are three round trips.

    Raises: NotFound for a site that the scope does not see.
    """
    ctx.scope.need_site(site_id)
    found, complete = _stored(ctx, site_id)
    sectors = _sectors(ctx, site_id)
    if not complete:
        _complete(ctx, sectors, site_id, {(s.type, s.id) for s in found})
        found, _ = _stored(ctx, site_id)
    return [s for s in found if s.id.partition("-")[0] in sectors]


def _stored(ctx: Context, site_id: str) -> tuple[list[Subject], bool]:
    items = ctx.deps.table.query_all(Query(partition(ctx.tenant, site_id), consistent=True))
    found, complete = [], False
    for item in items:
        kind, _, public_id = item["sk"].partition("#")
        if item["sk"] == _COMPLETE:
            complete = True
        else:
            found.append(Subject(kind, public_id, item["title"], item["keyword"], item.get("model", ""), bytes(item.get("vector", b""))))
    return found, complete


def _complete(ctx: Context, sectors: Iterable[str], site_id: str, known: set[tuple[str, str]]) -> None:
    """Add the items of objects that were made before there were such items, once for each site."""
    from chalicelib.planner.ideas import IDEA  # which knows subjects
    from chalicelib.writer.content import CONTENT

    writes = []
    for kind, entity in (("idea", IDEA), ("content", CONTENT)):
        for item in _every(ctx, sectors, entity.letter):
            subject = subject_of(kind, entity.from_item(item))  # type: ignore[arg-type]
            if subject is not None and (kind, subject.id) not in known:
                writes.append(put_new(_key(ctx.tenant, subject), _item(subject)))
    _store(ctx, writes)
    ctx.deps.table.write(put((partition(ctx.tenant, site_id), _COMPLETE), {}))


def _sectors(ctx: Context, site_id: str) -> set[str]:
    """Ids of the site's sectors; what is in a deleted one nobody sees."""
    q = Query(f"{ctx.tenant}#A", condition="begins_with(sk, :s)", values={":s": f"W#{site_id}#S#"}, consistent=True)
    return {sector["id"] for sector in ctx.deps.table.query_all(q) if not sector.get("deleted_at")}


def _every(ctx: Context, sectors: Iterable[str], letter: str) -> Iterable[dict[str, Any]]:
    for sector in sectors:
        yield from ctx.deps.table.query_all(Query(f"{ctx.tenant}#{sector}#{letter}", consistent=True))


def most_alike(ctx: Context, site_id: str, keyword: str, title: str, language: str) -> dict[str, Any] | None:
    """{type, id, title, similarity} of what a new idea would compete with, judged by words alone, which costs no call of a model."""
    wanted, named = terms(keyword or title, language), terms(title, language)
    best: tuple[float, Subject] | None = None
    sectors, (found, _) = _sectors(ctx, site_id), _stored(ctx, site_id)  # a warning adds nothing for older objects
    for subject in (s for s in found if s.id.partition("-")[0] in sectors):
        own = terms(subject.search, language)
        like = 1.0 if named and named == terms(subject.title, language) else 0.0 if contradict(wanted, own) else likeness(wanted, own)
        if like >= LIKE and (best is None or like > best[0]):
            best = like, subject
    if best is None:
        return None
    return {"type": best[1].type, "id": best[1].id, "title": best[1].title, "similarity": round(best[0], 2)}


def remember(ctx: Context, found: Sequence[Subject]) -> None:
    """Keep the vectors of subjects that are still about the same."""
    names = {"#t": "title", "#k": "keyword", "#m": "model", "#v": "vector"}
    writes = [
        update(
            _key(ctx.tenant, subject),
            "SET #m = :model, #v = :vector",
            "#t = :title AND #k = :keyword",
            names=names,
            model=subject.model,
            vector=subject.vector,
            title=subject.title,
            keyword=subject.keyword,
        )
        for subject in found
    ]
    _store(ctx, writes)


def _store(ctx: Context, writes: Sequence[Write]) -> None:
    """The writes, in as few round trips as possible; one whose object has changed or gone meanwhile is left out."""
    for at in range(0, len(writes), TRANSACT_MAX):
        some = writes[at : at + TRANSACT_MAX]
        try:
            ctx.deps.table.transact(some)
        except Stale:
            for one in some:
                _unless_stale(ctx, one)


def _unless_stale(ctx: Context, one: Write) -> None:
    try:
        ctx.deps.table.write(one)
    except Stale:
        return  # what is there is newer than what was read
