"""Sorted indexes over moto's DynamoDB tables, because moto sorts the whole table for every Query."""

import bisect
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table

PAGE_BYTES = 1024 * 1024  # Source: DynamoDB, "Paginating table query results": a page ends at 1 MB
Entry = tuple[Any, ...]


class _Top:
    """Greater than any key value; ends a range that begins with a prefix tuple."""

    def __lt__(self, other: object) -> bool:
        return False

    def __gt__(self, other: object) -> bool:
        return True


_TOP = _Top()


def sort_value(value: DynamoType) -> Any:
    """A key attribute as something Python orders as DynamoDB does (numbers by value, strings by code point, which is UTF-8 order)."""
    return Decimal(value.value) if value.type == "N" else value.value


class TableIndexes:
    """The base table and its single-attribute global secondary indexes, each as partitions of sorted entries.

    An entry of the base table is `(sort key,)`; of an index `(index sort key, table hash key, table sort key)`.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self.keys: dict[str | None, tuple[str, str | None]] = {None: (table.hash_key_attr, table.range_key_attr)}
        for index in table.global_indexes:
            hashes = [k["AttributeName"] for k in index.schema if k["KeyType"] == "HASH"]
            ranges = [k["AttributeName"] for k in index.schema if k["KeyType"] == "RANGE"]
            if len(hashes) == 1 and len(ranges) <= 1:
                self.keys[index.name] = (hashes[0], ranges[0] if ranges else None)
        self.types = {a["AttributeName"]: a["AttributeType"] for a in table.attr}
        self._partitions: dict[str | None, dict[Any, list[Entry]]] = {name: {} for name in self.keys}
        for partition in table.items.values():
            for item in partition.values():
                self.move(None, item.attrs)

    def check_types(self, attrs: dict[str, Any]) -> None:
        """Raises: MockValidationException when an index key has another type than the table declares (AWS refuses, moto does not)."""
        for name, (hash_attr, range_attr) in self.keys.items():
            for attr in (hash_attr, range_attr):
                if attr is None or attr not in attrs:
                    continue
                actual = attrs[attr].type if isinstance(attrs[attr], DynamoType) else next(iter(attrs[attr]))
                if actual != self.types[attr]:
                    raise MockValidationException(
                        f"One or more parameter values were invalid: Type mismatch for Index Key {attr} Expected: {self.types[attr]} "
                        f"Actual: {actual}" + (f" IndexName: {name}" if name else "")
                    )

    def _entries(self, attrs: dict[str, DynamoType] | None) -> dict[str | None, tuple[Any, Entry]]:
        if not attrs:
            return {}
        hash_attr, range_attr = self.keys[None]
        assert range_attr is not None  # tables without a sort key are left to moto
        base: Entry = (sort_value(attrs[hash_attr]), sort_value(attrs[range_attr]))
        found: dict[str | None, tuple[Any, Entry]] = {None: (base[0], base[1:])}
        for name, (index_hash, index_range) in self.keys.items():
            if name is not None and index_hash in attrs and (index_range is None or index_range in attrs):
                sort = (sort_value(attrs[index_range]),) if index_range else ("",)
                found[name] = (sort_value(attrs[index_hash]), (*sort, *base))
        return found

    def move(self, old: dict[str, DynamoType] | None, new: dict[str, DynamoType] | None) -> None:
        """Replace the entries of one item by those of its new attributes (None: the item does not exist)."""
        before, after = self._entries(old), self._entries(new)
        for name in before.keys() | after.keys():
            if before.get(name) == after.get(name):
                continue
            if name in before:
                value, entry = before[name]
                entries = self._partitions[name].get(value, [])
                at = bisect.bisect_left(entries, entry)
                if at < len(entries) and entries[at] == entry:
                    entries.pop(at)
            if name in after:
                value, entry = after[name]
                entries = self._partitions[name].setdefault(value, [])
                at = bisect.bisect_left(entries, entry)
                if at == len(entries) or entries[at] != entry:
                    entries.insert(at, entry)

    def item_of(self, name: str | None, hash_value: Any, entry: Entry) -> Item:
        """The item an entry stands for."""
        pk, sk = (hash_value, entry[0]) if name is None else entry[-2:]
        table = self.table
        item = table.items[DynamoType({table.hash_key_type: str(pk) if isinstance(pk, Decimal) else pk})][
            DynamoType({str(table.range_key_type): str(sk) if isinstance(sk, Decimal) else sk})
        ]
        assert isinstance(item, Item)
        return item

    def entries(
        self, name: str | None, hash_value: Any, comparison: str | None, values: Sequence[Any], start: Entry | None, forward: bool
    ) -> Iterator[Entry]:
        """The entries of one partition within a key condition, in order, after `start` (exclusive)."""
        entries = self._partitions[name].get(hash_value, [])
        low, high = _bounds(entries, comparison.upper() if comparison else None, values)
        if start is not None and forward:
            low = max(low, bisect.bisect_right(entries, start))
        elif start is not None:
            high = min(high, bisect.bisect_left(entries, start))
        positions = range(low, high) if forward else range(high - 1, low - 1, -1)
        return (entries[at] for at in positions)


def _bounds(entries: list[Entry], comparison: str | None, values: Sequence[Any]) -> tuple[int, int]:
    if comparison is None:
        return 0, len(entries)
    first: Entry = (values[0],)
    after: Entry = (values[0], _TOP)
    if comparison in ("EQ", "="):
        return bisect.bisect_left(entries, first), bisect.bisect_right(entries, after)
    if comparison in ("LT", "<"):
        return 0, bisect.bisect_left(entries, first)
    if comparison in ("LE", "<="):
        return 0, bisect.bisect_right(entries, after)
    if comparison in ("GT", ">"):
        return bisect.bisect_right(entries, after), len(entries)
    if comparison in ("GE", ">="):
        return bisect.bisect_left(entries, first), len(entries)
    if comparison == "BETWEEN":
        if values[0] > values[1]:
            raise MockValidationException("Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to be greater")
        return bisect.bisect_left(entries, first), bisect.bisect_right(entries, (values[1], _TOP))
    if comparison == "BEGINS_WITH":
        return bisect.bisect_left(entries, first), bisect.bisect_left(entries, (values[0] + "\U0010ffff",))
    raise MockValidationException(f"Unknown key comparison {comparison}")


def indexes_of(table: Table) -> TableIndexes:
    """The table's indexes, built at first use and kept with it."""
    found = table.__dict__.get("_sorted_indexes")
    if not isinstance(found, TableIndexes):
        found = TableIndexes(table)
        table.__dict__["_sorted_indexes"] = found
    return found
