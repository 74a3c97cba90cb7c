"""moto's DynamoDB made atomic, ordered and as strict as AWS where the design relies on it.

moto 5.2.5 copies the whole table for every transaction and puts that copy back when one fails, undoing what other threads
wrote meanwhile; it sorts the whole table for every Query; it accepts requests that AWS refuses. Here every request runs under
one lock and inside a `Request`, which remembers what it changed: a failed request is undone item by item, a successful one is
reported to the listeners (journal, streams). Parsing expressions and storing items stay moto's.
"""

import base64
import copy
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from moto.core.responses import ActionResult
from moto.dynamodb import models, responses
from moto.dynamodb.models import table as table_module
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table
from moto.dynamodb.models.utilities import dynamo_to_dict

from infra.local.dynamodb_index import PAGE_BYTES, indexes_of, sort_value
from infra.local.moto_speed import changed, item_bytes

LOCK = threading.RLock()


def attribute_json(value: DynamoType) -> dict[str, Any]:
    """An attribute in DynamoDB's own JSON, all the way down (binary values as base64 text)."""
    if value.is_map():
        return {value.type: {name: attribute_json(part) for name, part in value.value.items()}}
    if value.is_list():
        return {value.type: [attribute_json(part) for part in value.value]}
    plain: dict[str, Any] = value.to_json()
    return plain


@dataclass
class Change:
    """One written item. old: its image before the request, None when it did not exist."""

    table: Table
    hash_key: DynamoType
    range_key: DynamoType | None
    old: Item | None

    def current(self) -> Item | None:
        return self.table.get_item(self.hash_key, self.range_key)


@dataclass
class Request:
    changes: list[Change] = field(default_factory=list)

    def undo(self) -> None:
        """Put every changed item back as it was."""
        for change in reversed(self.changes):
            table, now = change.table, change.current()
            if change.range_key is None:
                if change.old is None:
                    table.items.pop(change.hash_key, None)
                else:
                    table.items[change.hash_key] = change.old  # type: ignore[assignment]
                continue
            indexes_of(table).move(now.attrs if now else None, change.old.attrs if change.old else None)
            if change.old is None:
                table.items[change.hash_key].pop(change.range_key, None)
            else:
                table.items[change.hash_key][change.range_key] = change.old
        self.changes.clear()


Listener = Callable[[list[Change]], None]
listeners: list[Listener] = []
_scope = threading.local()


@contextmanager
def request() -> Iterator[Request]:
    """Everything written inside belongs together: undone when the block raises or calls `undo`, reported to the listeners else."""
    with LOCK:
        outer: Request | None = getattr(_scope, "request", None)
        if outer is not None:  # a call from inside a call (moto's own) belongs to the outer one
            yield outer
            return
        _scope.request = current = Request()
        try:
            yield current
            if current.changes:
                for listener in listeners:
                    listener(current.changes)
        except BaseException:
            current.undo()
            raise
        finally:
            _scope.request = None


def _record(table: Table, hash_key: DynamoType, range_key: DynamoType | None, old: Item | None) -> None:
    current: Request | None = getattr(_scope, "request", None)
    if current is not None:
        current.changes.append(Change(table, hash_key, range_key, old))


_moto_put = Table.put_item
_moto_delete = Table.delete_item
_moto_query = Table.query
_moto_update = models.DynamoDBBackend.update_item


def _put_item(self: Table, item_attrs: dict[str, Any], *args: Any, **kwargs: Any) -> Item:
    with LOCK:
        if self.range_key_attr is None:
            known = self.get_item(DynamoType(item_attrs[self.hash_key_attr])) if self.hash_key_attr in item_attrs else None
            item = _moto_put(self, item_attrs, *args, **kwargs)
            _record(self, item.hash_key, None, known)
            return item
        indexes = indexes_of(self)
        indexes.check_types(item_attrs)
        old = None
        if self.hash_key_attr in item_attrs and self.range_key_attr in item_attrs:
            old = self.get_item(DynamoType(item_attrs[self.hash_key_attr]), DynamoType(item_attrs[self.range_key_attr]))
        item = _moto_put(self, item_attrs, *args, **kwargs)
        indexes.move(old.attrs if old else None, item.attrs)
        _record(self, item.hash_key, item.range_key, old)
        return item


def _delete_item(self: Table, hash_key: DynamoType, range_key: DynamoType | None) -> Item | None:
    with LOCK:
        gone = _moto_delete(self, hash_key, range_key)
        if gone is not None:
            if self.range_key_attr is not None:
                indexes_of(self).move(gone.attrs, None)
            _record(self, hash_key, range_key, gone)
        return gone


def _update_item(self: models.DynamoDBBackend, table_name: str, key: dict[str, Any], *args: Any, **kwargs: Any) -> Item:
    with LOCK:
        table = self.get_table(table_name)
        hash_key, range_key = self.get_keys_value(table, key)
        old = copy.deepcopy(table.get_item(hash_key, range_key))  # moto changes the item in place
        stub = {table.hash_key_attr: hash_key}
        if range_key is not None and table.range_key_attr is not None:
            stub[table.range_key_attr] = range_key
        _record(table, hash_key, range_key, old)
        item = _moto_update(self, table_name, key, *args, **kwargs)
        changed(item)
        if table.range_key_attr is not None:
            indexes = indexes_of(table)
            indexes.check_types(item.attrs)
            indexes.move(old.attrs if old else stub, item.attrs)
        return item


def _query(
    self: Table,
    hash_key: DynamoType | None,
    range_comparison: str | None,
    range_objs: list[DynamoType],
    limit: int | None,
    exclusive_start_key: dict[str, Any] | None,
    scan_index_forward: bool,
    projection_expressions: list[list[str]] | None,
    index_name: str | None = None,
    consistent_read: bool = False,
    filter_expression: Any = None,
    hash_key_conditions: list[tuple[str, DynamoType]] | None = None,
    range_key_conditions: list[tuple[str, str, list[DynamoType]]] | None = None,
    **filter_kwargs: Any,
) -> tuple[list[Item], int, dict[str, Any] | None]:
    """As moto's, but in time proportional to the page, and with LastEvaluatedKey when Limit ends on the last item."""
    plain = self.range_key_attr is not None and not filter_kwargs and len(range_key_conditions or []) <= 1
    if not plain or index_name not in indexes_of(self).keys or (consistent_read and index_name):
        whole: tuple[list[Item], int, dict[str, Any] | None] = _moto_query(
            self, hash_key, range_comparison, range_objs, limit, exclusive_start_key, scan_index_forward, projection_expressions,
            index_name, consistent_read, filter_expression, hash_key_conditions, range_key_conditions, **filter_kwargs,
        )  # fmt: skip
        return whole
    indexes = indexes_of(self)
    range_attr = indexes.keys[index_name][1]
    wanted = hash_key_conditions[0][1] if hash_key_conditions else hash_key
    assert wanted is not None
    start: tuple[Any, ...] | None = None
    if exclusive_start_key:
        given = {k: DynamoType(v) for k, v in exclusive_start_key.items()}
        start = (sort_value(given[range_attr]) if range_attr else "",)
        if index_name:
            start += (sort_value(given[self.hash_key_attr]), sort_value(given[str(self.range_key_attr)]))
    hash_value = sort_value(wanted)
    page: list[Item] = []
    size = scanned = 0
    last: Item | None = None
    for entry in indexes.entries(index_name, hash_value, range_comparison, [sort_value(v) for v in range_objs], start, scan_index_forward):
        item = indexes.item_of(index_name, hash_value, entry)
        of_item = item_bytes(item)
        if scanned and size + of_item > PAGE_BYTES:
            break
        size, scanned, last = size + of_item, scanned + 1, item
        seen = self.get_index(index_name).project(item) if index_name else item
        if filter_expression is None or filter_expression.expr(seen):
            page.append(seen)
        if limit and scanned == limit:
            break
    else:
        last = None
    if projection_expressions:
        page = [item.project(projection_expressions) for item in page]
    return page, scanned, self._get_last_evaluated_key(last, index_name) if last is not None else None


DATA_OPERATIONS = frozenset(
    [
        "GetItem",
        "PutItem",
        "UpdateItem",
        "DeleteItem",
        "Query",
        "Scan",
        "BatchGetItem",
        "BatchWriteItem",
        "TransactGetItems",
        "TransactWriteItems",
    ]
)
_moto_serialized = responses.DynamoHandler.serialized


def _plain(value: Any) -> Any:
    if isinstance(value, DynamoType):
        return value.to_json()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} in an answer of DynamoDB")


def _keep_result(self: responses.DynamoResult, result: object) -> None:
    ActionResult.__init__(self, result)


def _serialized(self: responses.DynamoHandler, action_result: ActionResult) -> Any:
    """moto walks every answer attribute by attribute along botocore's shapes (1 ms per item); items are JSON already."""
    result = action_result.result
    if self._get_action() in DATA_OPERATIONS and isinstance(result, dict):
        headers = {"content-type": "application/x-amz-json-1.0", **self.response_headers}
        return 200, headers, json.dumps(result, default=_plain)
    if isinstance(action_result, responses.DynamoResult):
        action_result = ActionResult(dynamo_to_dict(result))
    return _moto_serialized(self, action_result)


def _same_table(self: Table, memo: dict[int, Any]) -> Table:
    """moto copies a table only to roll a transaction back, which `Request.undo` does."""
    return self


def _no_stream(self: table_module.StreamShard, old: Item | None, new: Item | None) -> None:
    """moto keeps every stream record for ever and serialises it twice; streams here are listeners."""


def install() -> None:
    """Replace moto's functions; calling it again changes nothing."""
    Table.put_item = _put_item  # type: ignore[method-assign]
    Table.delete_item = _delete_item  # type: ignore[method-assign]
    Table.query = _query  # type: ignore[method-assign,assignment]
    responses.DynamoResult.__init__ = _keep_result  # type: ignore[method-assign]
    responses.DynamoHandler.serialized = _serialized  # type: ignore[method-assign]
    Table.__deepcopy__ = _same_table  # type: ignore[attr-defined]
    table_module.StreamShard.add = _no_stream  # type: ignore[method-assign]
    models.DynamoDBBackend.update_item = _update_item  # type: ignore[method-assign]
    responses.TRANSACTION_MAX_ITEMS = 100  # Source: DynamoDB, "TransactGetItems": up to 100 actions
