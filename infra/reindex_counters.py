"""Counters of lists, compared with what there is and mended where they differ, while both may change.

A counter is set only when it stood still while two readings of its list agreed, and on condition that it still does.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from chalicelib.auth.accounts import all_accounts
from chalicelib.core.context import Deps
from chalicelib.core.entity import Entity
from chalicelib.core.errors import Stale
from chalicelib.core.table import Item, Key, Query, Write

TRIES = 5
SECONDS = 1.0  # between two readings of an index, which follows its table a moment later
_KEYS = frozenset({"pk", "sk"})


def recount(deps: Deps, entities: Iterable[Entity[Any]], *, dry: bool, pause: Callable[[float], None]) -> Counter[str]:
    """How many counters were mended (or, dry, are wrong), and how many could not be looked at for their being in use."""
    done: Counter[str] = Counter()
    counted = [e for e in entities if e.counted]
    for account in all_accounts(deps):
        for kind, owner in _owners(deps, account.id):
            for entity in counted:
                if entity.place.kind == kind:
                    done[_mended(deps, entity, account.id, owner, dry, pause)] += 1
    del done[""]
    return done


def _owners(deps: Deps, tenant: str) -> Iterator[tuple[str, str]]:
    yield "account", ""
    for item in deps.table.query_all(Query(f"{tenant}#A", condition="begins_with(sk, :w)", values={":w": "W#"}, consistent=True)):
        yield ("sector" if item.get("kind") == "sector" else "site"), str(item["id"])


def _mended(deps: Deps, entity: Entity[Any], tenant: str, owner: str, dry: bool, pause: Callable[[float], None]) -> str:
    """What became of one counter; empty when it was right."""
    key: Key = (f"{tenant}#{owner or 'A'}#N", entity.letter)
    for _ in range(TRIES):
        before = deps.table.get(key) or {}
        found = _counts(deps, entity, tenant, owner)
        if not _differs(before, found):
            return ""
        pause(SECONDS)
        if _counts(deps, entity, tenant, owner) != found or (deps.table.get(key) or {}) != before:
            continue
        if dry:
            return "counters mended"
        try:
            deps.table.write(_setting(key, before, found))
            return "counters mended"
        except Stale:
            continue
    return "counters in use"


def _counts(deps: Deps, entity: Entity[Any], tenant: str, owner: str) -> dict[str, int]:
    query, found = Query(entity.place.lists(tenant, owner), index="byC", hash_name="lp"), Counter[str]()
    while True:
        page = deps.table.query(query)
        for item in page.items:
            values = {name: item.get(name, entity.model.model_fields[name].default) for name in entity.counted}
            found.update(["total", *(f"{name}:{value}" for name, value in values.items())])
        if page.position is None:
            return dict(found)
        query = replace(query, start=page.position)


def _differs(stored: Item, found: dict[str, int]) -> bool:
    """A figure that is not there counts as zero."""
    names = (stored.keys() | found.keys()) - _KEYS
    return any(stored.get(name, 0) != found.get(name, 0) for name in names)


def _setting(key: Key, before: Item, found: dict[str, int]) -> Write:
    """Set all figures, if all are as they were read. Condition error: Stale."""
    figures = sorted((before.keys() | found.keys()) - _KEYS)
    names = {f"#n{i}": name for i, name in enumerate(figures)}
    conditions, values = [], {}
    for i, name in enumerate(figures):
        values[f":new{i}"] = found.get(name, 0)
        if name in before:
            conditions.append(f"#n{i} = :old{i}")
            values[f":old{i}"] = before[name]
        else:
            conditions.append(f"attribute_not_exists(#n{i})")
    expression = "SET " + ", ".join(f"#n{i} = :new{i}" for i in range(len(figures)))
    return Write("Update", key, expression=expression, condition=" AND ".join(conditions), names=names, values=values)
