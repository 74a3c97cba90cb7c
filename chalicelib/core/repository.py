"""Repository: one entity's objects as one scope may see them. Every write is conditional and composable with others in a transaction."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic

from chalicelib.core.entity import Entity, M, Unique, normalise, rank_base, validated
from chalicelib.core.errors import Duplicate, NotFound, PreconditionFailed, Stale
from chalicelib.core.ids import creation_order, site_of, stamp, ulid
from chalicelib.core.listing import SCAN_BUDGET_ROWS, Condition, Walk, Walked, walk
from chalicelib.core.scope import Scope
from chalicelib.core.table import Item, Key, Query, Table, Write, put, put_new, remove, update
from chalicelib.ports import Clock

_STALE_TRIES = 8
_SENTINEL_MAX_CHARACTERS = 240  # longer values are hashed: a sort key has at most 1024 bytes


@dataclass(frozen=True)
class ListRequest:
    """owners: site or sector ids whose collections are listed ([''] for account-owned entities); filters: parsed values by name."""

    owners: Sequence[str]
    filters: dict[str, Any] = field(default_factory=dict)
    search: str = ""
    ordering: str = ""
    page_size: int = 25
    starts: dict[str, Any] = field(default_factory=dict)
    forward: bool = True
    deleted: bool = False
    budget: int = SCAN_BUDGET_ROWS


class Repository(Generic[M]):
    """The objects of `entity` within `scope`. Another tenant's or an unseen site's id is NotFound, in the same words as an unknown id."""

    def __init__(self, entity: Entity[M], scope: Scope, table: Table, clock: Clock) -> None:
        self.entity, self.scope, self.table, self.clock = entity, scope, table, clock

    # -- reading
    def key(self, public_id: str) -> Key:
        """Raises: NotFound."""
        owner = self.entity.place.owner(public_id)
        if owner:
            self.scope.need_site(owner)
        return self.entity.place.key(self.scope.tenant, public_id)

    def find(self, public_id: str, *, deleted: bool = False) -> M | None:
        try:
            item = self.table.get(self.key(public_id))
        except NotFound:
            return None
        return self._live(item, public_id, deleted)

    def get(self, public_id: str, *, deleted: bool = False) -> M:
        """Raises: NotFound."""
        record = self.find(public_id, deleted=deleted)
        if record is None:
            raise NotFound()
        return record

    def get_many(self, ids: Iterable[str]) -> dict[str, M]:
        """Those of the ids that exist, in the ids' order."""
        keys: dict[Key, str] = {}
        for public_id in dict.fromkeys(ids):
            try:
                keys[self.key(public_id)] = public_id
            except NotFound:
                continue
        found = self.table.get_many(keys)
        live = {i: self._live(found[k], i, False) for k, i in keys.items() if k in found}
        return {i: r for i, r in live.items() if r is not None}

    def holder(self, owner: str, **values: Any) -> str | None:
        """Id of the owner's live object with these values, which are those of one `Unique` of the entity; None when they are free."""
        unique = next(u for u in self.entity.unique if set(u.fields) == set(values))
        value = unique.joined(values)
        item = self.table.get(self._sentinel_key(unique, owner, value)) if value is not None else None
        return str(item["of"]) if item else None

    def _live(self, item: Item | None, public_id: str, deleted: bool) -> M | None:
        """The record of the item, if it is this entity's and has exactly this id (an id may hold any characters, `#` included)."""
        if item is None or item.get("kind") != self.entity.name or item.get("id") != public_id or (item.get("deleted_at") and not deleted):
            return None
        return self.entity.from_item(item)

    def _seen(self, items: Iterable[Item]) -> list[M]:
        """The live records of this entity among the items, of sites that the scope sees."""
        live = [r for i in items if (r := self._live(i, i.get("id", ""), False)) is not None]
        owner = self.entity.place.owner
        return [r for r in live if self.entity.place.kind == "account" or self.scope.sees(owner(r.id))]

    def collection(self, name: str, limit: int | None = None) -> list[M]:
        """The live objects with this collection value (index byCL), at most `limit`."""
        q = Query(f"{self.scope.tenant}#{name}", index="byCL", hash_name="cl", limit=limit)
        return self._seen(self.table.query(q).items if limit else self.table.query_all(q))

    def ranked(self, owner: str, *values: str, limit: int | None = None) -> list[M]:
        """The objects of one owner whose ranked field has one of these (adjacent) values, by rank, then oldest first. Raises: NotFound."""
        assert self.entity.ranked, self.entity.name
        self.scope.need_site(owner)
        ranks = sorted(self.entity.ranked[1].index(v) for v in values)
        q = Query(
            self.entity.place.lists(self.scope.tenant, owner),
            index="byD",
            hash_name="lp",
            condition="d BETWEEN :low AND :high",
            values={":low": rank_base(ranks[0]), ":high": rank_base(ranks[-1] + 1) - 1},
            limit=limit,
        )
        return self._seen(self.table.query(q).items if limit else self.table.query_all(q))

    def under(self, key: Key) -> list[M]:
        """All live objects whose primary key begins so: a partition of the tenant, sort key prefix (empty: the whole partition).

        Raises: NotFound for another tenant's partition.
        """
        if not key[0].startswith(f"{self.scope.tenant}#"):
            raise NotFound()
        condition, values = ("begins_with(sk, :prefix)", {":prefix": key[1]}) if key[1] else ("", {})
        q = Query(key[0], condition=condition, values=values, consistent=True)
        return self._seen(self.table.query_all(q))

    def page(self, request: ListRequest) -> Walked:
        """One page of raw items in list order; `records()` reads them. Raises: NotFound for an owner that the scope does not see."""
        for owner in request.owners:
            if owner:
                self.scope.need_site(owner)
        descending, attribute, conditions = self.plan(request)
        suffix = "#deleted" if request.deleted else ""
        partitions = {o: self.entity.place.lists(self.scope.tenant, o) + suffix for o in request.owners}
        wanted = Walk(partitions, attribute, descending, conditions, request.page_size, request.starts, request.forward, request.budget)
        return walk(wanted, self.table.query)

    def records(self, items: Iterable[Item]) -> list[M]:
        return [self.entity.from_item(i) for i in items]

    def plan(self, request: ListRequest) -> tuple[bool, str, tuple[Condition, ...]]:
        ordering = request.ordering or self.entity.default_ordering
        descending, name = ordering.startswith("-"), ordering.lstrip("-")
        attribute = self.entity.orderings[name]
        by_field = {source: a for a, source in self.entity.index.items() if isinstance(source, str) and a != "n"}
        conditions, ranked = [], self.entity.ranked
        for filter_name, value in request.filters.items():
            f = self.entity.filters[filter_name]
            if ranked and f.field == ranked[0] and f.op == "eq" and attribute in ("c", "d"):
                rank = ranked[1].index(value)  # within the one rank, the order of ranks and of creation are the same
                attribute = "d"
                conditions.append(Condition("d", "between", (rank_base(rank), rank_base(rank + 1) - 1)))
                continue
            op = {"eq": "=", "ge": ">=", "le": "<="}[f.op]
            conditions.append(Condition(f.field if f.op == "eq" else by_field.get(f.field, f.field), op, value))
        if request.search:
            conditions.append(Condition(self.entity.search_attribute, "contains", normalise(request.search)))
        return descending, attribute, tuple(conditions)

    def count(self, owners: Iterable[str], filters: dict[str, Any]) -> int | None:
        """The maintained number of live objects, or None when these filters are not counted."""
        fields = {self.entity.filters[n].field: v for n, v in filters.items()}
        counted = all(self.entity.filters[n].op == "eq" and self.entity.filters[n].field in self.entity.counted for n in filters)
        if not self.entity.counted or not counted or len(filters) > 1:
            return None
        attribute = next((f"{f}:{v}" for f, v in fields.items()), "total")
        found = self.table.get_many(self._counter_key(o) for o in owners)
        return sum(int(i.get(attribute, 0)) for i in found.values())

    # -- writing
    def new(self, owner: str, tail: str | None = None, /, **fields: Any) -> M:
        """A validated record that is not stored yet. Raises: ValidationFailed."""
        now = self.clock.now()
        at = stamp(now)
        data = {
            **fields,
            "id": self.entity.place.make_id(owner, tail or ulid(now)),
            "created_at": at,
            "updated_at": at,
            "version": 1,
            "order": creation_order(at),
        }
        if self.entity.place.kind != "account":
            data["site_id"] = site_of(owner)
        if self.entity.place.kind == "sector":
            data["sector_id"] = owner
        return validated(self.entity.model, data)

    def changed(self, old: M, /, **changes: Any) -> M:
        """The next version of a record, validated as a whole. Raises: ValidationFailed."""
        data = {**old.model_dump(), **changes, "order": old.order, "version": old.version + 1, "updated_at": stamp(self.clock.now())}
        return validated(self.entity.model, data)

    def creating(self, record: M, *, counted: bool = True) -> list[Write]:
        """The writes that store a new record, its unique sentinels and counters. counted=False: the caller adds one `counting`
        for a batch, since a transaction may touch an item once."""
        writes = [put_new(self.key(record.id), self._stored(record), on_fail=self._exists)]
        writes += self.claiming(record)
        writes += self.entity.beside(self.scope.tenant, None, record)
        return writes + (self.counting([(None, record)]) if counted else [])

    def claiming(self, record: M) -> list[Write]:
        """The writes of `creating` that take the record's unique values."""
        return [self._sentinel(u, record, add=True) for u in self.entity.unique if u.value(record) is not None]

    def changing(self, old: M, new: M, *, counted: bool = True) -> list[Write]:
        """The writes that replace `old`, if it is still there in that version, by `new`. Condition error: Stale."""
        item = self._stored(new)
        writes = [put(self.key(new.id), item, "version = :seen", seen=old.version)]
        for u in self.entity.unique:
            before = None if old.deleted_at else u.value(old)
            after = None if new.deleted_at else u.value(new)
            if before != after:
                writes += [self._sentinel(u, old, add=False)] if before is not None else []
                writes += [self._sentinel(u, new, add=True)] if after is not None else []
        writes += self.entity.beside(self.scope.tenant, old, new)
        return writes + (self.counting([(old, new)]) if counted else [])

    def create(self, record: M, *extra: Write) -> M:
        """Raises: Duplicate, or what an extra write's condition raises."""
        self.table.transact([*self.creating(record), *extra])
        return record

    def save(self, old: M, new: M, *extra: Write) -> M:
        """Raises: Stale when `old` has moved on."""
        self.table.transact([*self.changing(old, new), *extra])
        return new

    def patch(
        self, public_id: str, changes: dict[str, Any] | Callable[[M], dict[str, Any]], *, if_match: int | None = None, deleted: bool = False
    ) -> M:
        """Read, change, write; again when somebody else wrote between. changes: fields, or a function of the present record.

        Raises: NotFound, ValidationFailed, PreconditionFailed, Duplicate.
        """
        for _ in range(_STALE_TRIES):
            old = self.get(public_id, deleted=deleted)
            if if_match is not None and old.version != if_match:
                raise PreconditionFailed()
            wanted = changes(old) if callable(changes) else changes
            if all(getattr(old, k) == v for k, v in wanted.items()):
                return old
            try:
                return self.save(old, self.changed(old, **wanted))
            except Stale:
                continue
        raise Stale()

    def delete(self, public_id: str, *, if_match: int | None = None) -> M:
        """Soft delete where the entity has it, else for good. Raises: NotFound, PreconditionFailed."""
        if self.entity.soft_delete:
            return self.patch(public_id, {"deleted_at": stamp(self.clock.now())}, if_match=if_match)
        for _ in range(_STALE_TRIES):
            old = self.get(public_id)
            if if_match is not None and old.version != if_match:
                raise PreconditionFailed()
            try:
                self.table.transact(self.deleting(old))
            except Stale:
                continue
            return old
        raise Stale()

    def deleting(self, old: M) -> list[Write]:
        writes = [remove(self.key(old.id), "version = :seen", seen=old.version)]
        writes += [self._sentinel(u, old, add=False) for u in self.entity.unique if u.value(old) is not None]
        writes += self.entity.beside(self.scope.tenant, old, None)
        return writes + self.counting([(old, None)])

    def restore(self, public_id: str) -> M:
        """Raises: NotFound, Duplicate when its unique value is taken meanwhile."""
        return self.patch(public_id, {"deleted_at": None}, deleted=True)

    def counting(self, pairs: Iterable[tuple[M | None, M | None]]) -> list[Write]:
        """One counter update for (old, new) pairs of one owner; none when nothing counted changes."""
        deltas: dict[str, int] = {}
        owner = ""
        for old, new in pairs:
            for record, step in ((old, -1), (new, 1)):
                if record is None or record.deleted_at:
                    continue
                owner = self.entity.place.owner(record.id)
                for name in ["total", *(f"{f}:{getattr(record, f)}" for f in self.entity.counted)]:
                    deltas[name] = deltas.get(name, 0) + step
        deltas = {k: v for k, v in deltas.items() if v}
        if not deltas or not self.entity.counted:
            return []
        names = {f"#n{i}": name for i, name in enumerate(deltas)}
        expression = "ADD " + ", ".join(f"#n{i} :n{i}" for i in range(len(deltas)))
        values: dict[str, Any] = {f"n{i}": v for i, v in enumerate(deltas.values())}
        return [update(self._counter_key(owner), expression, names=names, **values)]

    def _counter_key(self, owner: str) -> Key:
        within = "A" if self.entity.place.kind == "account" else owner
        return f"{self.scope.tenant}#{within}#N", self.entity.letter

    def _stored(self, record: M) -> Item:
        return self.entity.to_item(self.scope.tenant, record)

    def _exists(self, old: Item | None) -> Exception:
        return Duplicate(existing_id=old.get("id") if old else None)

    def _sentinel_key(self, unique: Unique, owner: str, value: str) -> Key:
        within = {"account": "A", "site": site_of(owner), "sector": owner}[unique.within]
        if len(value) > _SENTINEL_MAX_CHARACTERS:
            value = "sha256:" + hashlib.sha256(value.encode()).hexdigest()
        return f"{self.scope.tenant}#{within}#U", f"{self.entity.letter}#{'+'.join(unique.fields)}#{value}"

    def _sentinel(self, unique: Unique, record: M, *, add: bool) -> Write:
        key = self._sentinel_key(unique, self.entity.place.owner(record.id), unique.value(record) or "")
        if not add:
            return remove(key)
        names = ", ".join(unique.fields)
        taken = Duplicate(f"{self.entity.name} with this {names} exists already.", fields={unique.fields[0]: ["is taken."]})
        return put_new(key, {"of": record.id}, on_fail=lambda old: taken)
