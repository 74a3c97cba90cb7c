"""DynamoDB as far as the ledger uses it, in memory and fast, so that properties are searched with thousands of histories.

It raises on any expression it does not know. `test_memory_dynamodb.py` does the same with it and with moto and compares.
"""

import re
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

Wire = dict[str, Any]
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: bool(a == b),
    "<=": lambda a, b: bool(a <= b),
    ">=": lambda a, b: bool(a >= b),
}
_COMPARISON = re.compile(r"(#?\w+) (=|<=|>=) (:\w+)")
_BETWEEN = re.compile(r"(#?\w+) BETWEEN (:\w+) AND (:\w+)")
_BEGINS = re.compile(r"begins_with\((#?\w+), (:\w+)\)")
_SET = re.compile(r"(#?\w+) = (?:(#?\w+) ([+-]) )?(:\w+)")
_ADD = re.compile(r"(#?\w+) (:\w+)")


class MemoryDynamoDB:
    """One table with the keys `pk` and `sk` and indexes that have `sk` as their range."""

    def __init__(self) -> None:
        self._items: dict[str, dict[str, Wire]] = {}
        self._tokens: set[str] = set()
        self._lock = threading.Lock()  # one call at a time; a transaction is one call

    # -- calls
    def get_item(self, *, TableName: str, Key: Wire, ConsistentRead: bool) -> Wire:
        found = self._items.get(Key["pk"]["S"], {}).get(Key["sk"]["S"])
        return {"Item": found} if found else {}

    def batch_get_item(self, *, RequestItems: Wire) -> Wire:
        ((table, part),) = RequestItems.items()
        answers = [self.get_item(TableName=table, Key=key, ConsistentRead=True) for key in part["Keys"]]
        return {"Responses": {table: [a["Item"] for a in answers if a]}, "UnprocessedKeys": {}}

    def put_item(self, **ask: Any) -> Wire:
        return self._alone("Put", ask)

    def update_item(self, **ask: Any) -> Wire:
        return {"Attributes": self._alone("Update", ask)["new"]}

    def delete_item(self, **ask: Any) -> Wire:
        return self._alone("Delete", ask)

    def transact_write_items(self, *, TransactItems: list[Wire], ClientRequestToken: str) -> Wire:
        with self._lock:
            if ClientRequestToken in self._tokens:
                return {}
            actions = [next(iter(action.items())) for action in TransactItems]
            olds = [self._present(ask) for _, ask in actions]
            if not all(_holds(ask, old) for (_, ask), old in zip(actions, olds, strict=True)):
                reasons = [_reason(ask, old) for (_, ask), old in zip(actions, olds, strict=True)]
                raise _error("TransactionCanceledException", "TransactWriteItems", CancellationReasons=reasons)
            for kind, ask in actions:
                self._apply(kind, ask)
            self._tokens.add(ClientRequestToken)
            return {}

    def query(self, **ask: Any) -> Wire:
        values, names = ask["ExpressionAttributeValues"], ask["ExpressionAttributeNames"]
        first, _, rest = ask["KeyConditionExpression"].partition(" AND ")
        assert first == "#hash = :hash", first
        wanted = values[":hash"]["S"]
        if ask.get("IndexName"):
            found = [i for part in self._items.values() for i in part.values() if i.get(names["#hash"], {}).get("S") == wanted]
        else:
            found = list(self._items.get(wanted, {}).values())
        kept = [i for i in found if _all(rest, i, values, names) and _all(ask.get("FilterExpression", ""), i, values, names)]
        kept.sort(key=lambda i: (i["sk"]["S"], i["pk"]["S"]), reverse=not ask["ScanIndexForward"])
        return {"Items": kept, "ScannedCount": len(found)}

    # -- writes
    def _alone(self, kind: str, ask: Wire) -> Wire:
        with self._lock:
            old = self._present(ask)
            if not _holds(ask, old):
                raise _error("ConditionalCheckFailedException", kind, **({"Item": old} if old else {}))
            return {"new": self._apply(kind, ask)}

    def _present(self, ask: Wire) -> Wire | None:
        key = ask.get("Item") or ask["Key"]
        return self._items.get(key["pk"]["S"], {}).get(key["sk"]["S"])

    def _apply(self, kind: str, ask: Wire) -> Wire:
        key = ask.get("Item") or ask["Key"]
        part = self._items.setdefault(key["pk"]["S"], {})
        if kind == "Delete":
            return part.pop(key["sk"]["S"], {})
        item = ask["Item"] if kind == "Put" else _updated({**(self._present(ask) or ask["Key"])}, ask)
        part[key["sk"]["S"]] = item
        return dict(item)


def _updated(item: Wire, ask: Wire) -> Wire:
    expression, values, names = ask["UpdateExpression"], ask["ExpressionAttributeValues"], ask.get("ExpressionAttributeNames", {})
    verb, _, rest = expression.partition(" ")
    old = dict(item)
    for clause in rest.split(", "):
        if verb == "SET" and (match := _SET.fullmatch(clause)):
            target, source, sign, value = match.groups()
            new = values[value]
            if source:
                by = _plain(new) if sign == "+" else -_plain(new)
                new = {"N": str(_plain(old[names.get(source, source)]) + by)}
        elif verb == "ADD" and (match := _ADD.fullmatch(clause)):
            target, value = match.groups()
            new = {"N": str(_plain(old.get(names.get(target, target), {"N": "0"})) + _plain(values[value]))}
        else:
            raise NotImplementedError(expression)
        item[names.get(target, target)] = new
    return item


def _holds(ask: Wire, old: Wire | None) -> bool:
    values, names = ask.get("ExpressionAttributeValues", {}), ask.get("ExpressionAttributeNames", {})
    text = ask.get("ConditionExpression", "")
    return any(_all(part, old or {}, values, names) for part in text.split(" OR "))


def _all(text: str, item: Wire, values: Wire, names: dict[str, str]) -> bool:
    if match := _BETWEEN.fullmatch(text):
        name, low, high = match.groups()
        return bool(_plain(values[low]) <= _plain(item[names.get(name, name)]) <= _plain(values[high]))
    return all(_true(part, item, values, names) for part in text.split(" AND ")) if text else True


def _true(clause: str, item: Wire, values: Wire, names: dict[str, str]) -> bool:
    if clause == "attribute_not_exists(pk)":
        return not item
    if match := _BEGINS.fullmatch(clause):
        return str(_plain(item[names.get(match[1], match[1])])).startswith(_plain(values[match[2]]))
    match = _COMPARISON.fullmatch(clause)
    if not match:
        raise NotImplementedError(clause)
    have, bound = item.get(names.get(match[1], match[1])), values[match[3]]
    return have is not None and have.keys() == bound.keys() and _ORDER[match[2]](_plain(have), _plain(bound))


def _plain(value: Wire) -> Any:
    ((kind, raw),) = value.items()
    assert kind in ("N", "S"), f"no comparison or arithmetic with a {kind}"
    return raw if kind == "S" else int(raw) if raw.lstrip("-").isdigit() else Decimal(raw)


def _reason(ask: Wire, old: Wire | None) -> Wire:
    if _holds(ask, old):
        return {"Code": "None"}
    return {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed", **({"Item": old} if old else {})}


def _error(code: str, operation: str, **more: Any) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": code}, **more}
    return ClientError(response, operation)
