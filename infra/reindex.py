"""`make reindex`: what is derived from stored objects, made anew from the entities' declarations while the table is in use.

An index attribute, a collection, a searched text, a default that a filter asks for, a unique value, a counter: a release that adds one
finds older items without it. And a restored table has lost its due list. This fills them; docs/operations.md has the three steps of a
release. Ends with 1 when something could not be done.
"""

import argparse
import importlib
import pkgutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

import chalicelib
from chalicelib.core.context import Deps
from chalicelib.core.entity import INDEXES, Entity, Record
from chalicelib.core.errors import Duplicate, Stale
from chalicelib.core.ids import creation_order, stamp
from chalicelib.core.repository import Repository
from chalicelib.core.scope import Scope
from chalicelib.core.table import Item, Key, Write, check, put
from chalicelib.core.wire import from_dynamo, to_dynamo
from infra.command import act
from infra.reindex_counters import recount
from infra.reindex_due import put_due
from infra.tenant_data import Deployment

DERIVED = ("lp", "cl", "q", *INDEXES)  # attributes that an item has only where its entity says so
POSITION: Key = ("G#REINDEX", "META")  # in the operations table: where the reading stands
NAMED = 20  # troubles that are told word for word
RATE = 200  # items read a second
TRIES = 8


@dataclass
class Done:
    """Counts by what became of the items; troubles: in words. A dry run counts as changed what it would change."""

    counts: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    troubles: list[str] = field(default_factory=list)

    def trouble(self, key: Key, said: str) -> None:
        self.counts["in trouble"] += 1
        self.troubles.append(f"{key[0]} {key[1]}: {said}")


def entities() -> dict[str, Entity[Any]]:
    """Every entity of the application, by name."""
    found: dict[str, Entity[Any]] = {}
    for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
        if ".adapters" in module.name:
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Entity):
                found[value.name] = value
    return found


def changes(entity: Entity[Any], item: Item) -> tuple[dict[str, Any], list[str]]:
    """What the stored item lacks or has wrongly, and which derived attributes it has and should not. Raises: ValidationError, KeyError."""
    tenant = item["pk"].partition("#")[0]
    record = entity.from_item({**item, "c": item.get("c") or creation_order(item["created_at"])})
    wanted = entity.to_item(tenant, record)
    new = {
        name: value for name, value in wanted.items() if name not in item or (name in DERIVED and to_dynamo(value) != to_dynamo(item[name]))
    }
    return new, [name for name in DERIVED if name in item and name not in wanted]


def filling(key: Key, item: Item, new: dict[str, Any], gone: list[str]) -> Write:
    """One update, only of the item as it was read. Its version stays: it is the same document. Condition error: Stale."""
    names = {f"#n{i}": name for i, name in enumerate([*new, *gone])}
    sets = ", ".join(f"#n{i} = :n{i}" for i in range(len(new)))
    removes = ", ".join(f"#n{i}" for i in range(len(new), len(names)))
    expression = " ".join(part for part in (sets and f"SET {sets}", removes and f"REMOVE {removes}") if part)
    values = {f":n{i}": value for i, value in enumerate(new.values())}
    condition, seen = _unchanged(item)
    return Write("Update", key, expression=expression, condition=condition, names={**names, **seen[0]}, values={**values, **seen[1]})


def _unchanged(item: Item) -> tuple[str, tuple[dict[str, str], dict[str, Any]]]:
    names = {"#version": "version"}
    if "version" not in item:
        return "attribute_exists(pk) AND attribute_not_exists(#version)", (names, {})
    return "#version = :seen", (names, {":seen": item["version"]})


class Reindex:
    """One walk over the business table. dry: nothing is written. pause: waits that many seconds."""

    def __init__(self, deps: Deps, *, dry: bool, rate: int = RATE, pause: Callable[[float], None] = time.sleep) -> None:
        self._deps, self._dry, self._rate, self._pause = deps, dry, rate, pause
        self._entities = entities()
        self.done = Done()

    def run(self, *, fresh: bool = False) -> Done:
        """Go on where the last walk was cut off, or from the beginning. Then counters."""
        for page in self._pages(fresh):
            for item in page:
                self._item(item)
            self._claims(page)
            self._due(page)
        self.done.counts.update(recount(self._deps, self._entities.values(), dry=self._dry, pause=self._pause))
        return self.done

    def _pages(self, fresh: bool) -> Iterator[list[Item]]:
        """As many items a second as the rate says. A page's position is kept once it was worked on."""
        table, ops = self._deps.table, self._deps.ops
        kept = None if fresh or self._dry else ops.get(POSITION)
        start: dict[str, Any] = {"ExclusiveStartKey": {k: {"S": kept[f"at_{k}"]} for k in ("pk", "sk")}} if kept and "at_pk" in kept else {}
        while True:
            began = time.monotonic()
            answer = table.client.scan(TableName=table.name, ConsistentRead=True, Limit=self._rate, **start)
            yield [{k: from_dynamo(v) for k, v in item.items()} for item in answer["Items"]]
            self.done.counts["read"] += len(answer["Items"])
            last = answer.get("LastEvaluatedKey")
            if not self._dry:
                at = {f"at_{k}": last[k]["S"] for k in ("pk", "sk")} if last else {}
                ops.write(put(POSITION, {"at": stamp(self._deps.clock.now()), **at}))
            if last is None:
                return
            start = {"ExclusiveStartKey": last}
            self._pause(max(0.0, 1 - (time.monotonic() - began)))

    def _item(self, item: Item) -> None:
        """Fill one item; when somebody changes it meanwhile, as it is then."""
        key, entity = (item["pk"], item["sk"]), self._entities.get(item.get("kind", ""))
        if entity is None:
            return
        now: Item | None = item
        for _ in range(TRIES):
            if now is None:
                return
            try:
                new, gone = changes(entity, now)
            except (ValidationError, KeyError, ValueError) as error:
                return self.done.trouble(key, f"is no {entity.name}: {_first(error)}")
            if not new and not gone:
                return
            try:
                if not self._dry:
                    self._deps.table.write(filling(key, now, new, gone))
            except Stale:
                self.done.counts["met a writer"] += 1
                now = self._deps.table.get(key)
                continue
            self.done.counts["changed"] += 1
            self.done.kinds[entity.name] += 1
            return
        self.done.trouble(key, "is changed all the time; start the command again")

    def _claims(self, page: Iterable[Item]) -> None:
        """Take the unique values of live objects that nobody has taken."""
        for item in page:
            entity = self._entities.get(item.get("kind", ""))
            if entity is None or not entity.unique or item.get("deleted_at") or item["pk"].startswith("G#"):
                continue
            try:
                record = entity.from_item(item)
            except (ValidationError, KeyError):
                continue  # `_item` has said so
            self._claim((item["pk"], item["sk"]), item, entity, record)

    def _due(self, page: Iterable[Item]) -> None:
        for item in page:
            try:
                self.done.counts["automations put on the due list"] += put_due(self._deps, item, dry=self._dry)
            except (ValidationError, KeyError):
                continue  # `_item` has said so

    def _claim(self, key: Key, item: Item, entity: Entity[Any], record: Record) -> None:
        repository = Repository(entity, Scope.worker(key[0].partition("#")[0]), self._deps.table, self._deps.clock)
        for claim in repository.claiming(record):
            there = self._deps.table.get(claim.key)
            if there is not None and there.get("of") == record.id:
                continue
            if there is None and not self._dry:
                try:
                    self._deps.table.transact([check(key, "version = :seen", seen=item["version"]), claim])
                except Stale:  # whoever changed it has taken its values, by the code that is deployed
                    self.done.counts["met a writer"] += 1
                    continue
                except Duplicate:
                    there = self._deps.table.get(claim.key)
            if there is None:
                self.done.counts["unique values taken"] += 1
            else:
                self.done.trouble(key, f"{claim.key[1]} is {there.get('of')}'s: two objects have one unique value")


def _first(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def told(done: Done, *, dry: bool, seconds: float) -> str:
    would = "would be " if dry else ""
    lines = [f"{done.counts['read']:,} items read in {seconds:.1f} s, {done.counts['changed']:,} {would}changed"]
    lines += [f"  {kind}: {number:,}" for kind, number in done.kinds.most_common() if number]
    for what in ("unique values taken", "automations put on the due list", "counters mended", "counters in use", "met a writer"):
        if done.counts[what]:
            lines.append(f"  {what}: {done.counts[what]:,}")
    lines += [f"  {trouble}" for trouble in done.troubles[:NAMED]]
    if len(done.troubles) > NAMED:
        lines.append(f"  and {len(done.troubles) - NAMED} more")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make reindex")
    parser.add_argument("--stage", required=True)
    parser.add_argument("--dry", action="store_true", help="only say what would change")
    parser.add_argument("--fresh", action="store_true", help="from the beginning, not from where the last one was cut off")
    parser.add_argument("--rate", type=int, default=RATE, help="items read a second")
    asked = parser.parse_args(arguments)
    if asked.rate < 1:
        parser.error("RATE must be at least 1")

    def filled(here: Deployment) -> int:
        began = time.monotonic()
        done = Reindex(here.deps, dry=asked.dry, rate=asked.rate).run(fresh=asked.fresh)
        print(told(done, dry=asked.dry, seconds=time.monotonic() - began))
        return 1 if done.troubles or done.counts["counters in use"] else 0

    return act(asked.stage, filled)


if __name__ == "__main__":
    sys.exit(main())
