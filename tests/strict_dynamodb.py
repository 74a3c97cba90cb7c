"""A DynamoDB client that refuses what AWS refuses and moto accepts: rules about keys in queries, key lengths, nesting, empty sets."""

import re
from collections.abc import Callable
from typing import Any

SORT_KEY_MAX_BYTES = 1024  # Source: DynamoDB, "Quotas": sort keys, of indexes too, 1-1024 bytes; partition keys 1-2048
NESTING_MAX = 32
_OPERANDS = re.compile(r"(#\w+) (?:(BETWEEN) (:\w+) AND (:\w+)|(>=|<=|<|>|=) (:\w+))")


class StrictClient:
    """Passes every call on to `client` after the checks; a broken rule is an AssertionError, so that no code handles it by chance."""

    def __init__(self, client: Any, indexes: dict[str | None, tuple[str, str]]) -> None:
        self._client, self._indexes = client, indexes

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        call = getattr(self._client, operation)
        check = getattr(self, f"_check_{operation}", None)
        if check is None:
            return call  # type: ignore[no-any-return]

        def checked(**request: Any) -> Any:
            check(request)
            return call(**request)

        return checked

    def _check_query(self, ask: dict[str, Any]) -> None:
        names, values = ask["ExpressionAttributeNames"], ask["ExpressionAttributeValues"]
        keys = self._indexes[ask.get("IndexName")]
        for placeholder in re.findall(r"#\w+", ask.get("FilterExpression", "")):
            assert names[placeholder] not in keys, f"Filter Expression can only contain non-primary key attributes: {names[placeholder]}"
        assert not (ask.get("IndexName") and ask.get("ConsistentRead")), "Consistent reads are not supported on global secondary indexes"
        for text in (ask["KeyConditionExpression"], ask.get("FilterExpression", "")):
            for _, between, low, high, _, _ in _OPERANDS.findall(text):
                if between:
                    assert _plain(values[low]) <= _plain(values[high]), "The BETWEEN operator requires upper bound to be greater than lower"
        start = ask.get("ExclusiveStartKey")
        if start is not None:
            assert set(start) == {*keys, *self._indexes[None]}, f"The provided starting key is invalid: {sorted(start)}"
            assert start[keys[0]] == values[":hash"], "The provided starting key is outside query boundaries"
            for name, between, low, high, op, bound in _OPERANDS.findall(ask["KeyConditionExpression"]):
                value = _plain(start[names[name]])
                ends = (_plain(values[low]), _plain(values[high])) if between else (_plain(values[bound]),)
                inside = ends[0] <= value <= ends[1] if between else _holds(value, op, ends[0])
                assert inside, "The provided starting key is outside query boundaries based on provided conditions"

    def _check_get_item(self, ask: dict[str, Any]) -> None:
        self._check_keys(ask["Key"])

    def _check_batch_get_item(self, ask: dict[str, Any]) -> None:
        keys = [tuple(map(_plain, (k["pk"], k["sk"]))) for part in ask["RequestItems"].values() for k in part["Keys"]]
        assert 1 <= len(keys) <= 100, "Too many items requested for the BatchGetItem call"
        assert len(set(keys)) == len(keys), "Provided list of item keys contains duplicates"

    def _check_put_item(self, ask: dict[str, Any]) -> None:
        self._check_keys(ask["Item"])
        self._check_values({"M": ask["Item"]}, 0)

    def _check_update_item(self, ask: dict[str, Any]) -> None:
        self._check_keys(ask["Key"])
        for value in ask.get("ExpressionAttributeValues", {}).values():
            self._check_values(value, 1)

    def _check_delete_item(self, ask: dict[str, Any]) -> None:
        self._check_keys(ask["Key"])

    def _check_transact_write_items(self, ask: dict[str, Any]) -> None:
        seen = set()
        for action in ask["TransactItems"]:
            ((kind, request),) = action.items()
            target = request["Item"] if kind == "Put" else request["Key"]
            key = (request["TableName"], _plain(target["pk"]), _plain(target["sk"]))
            assert key not in seen, f"Transaction request cannot include multiple operations on one item: {key}"
            seen.add(key)
            getattr(self, f"_check_{ {'Put': 'put', 'Update': 'update'}.get(kind, 'delete') }_item")(request)

    def _check_keys(self, attributes: dict[str, Any]) -> None:
        for name, (hash_name, sort_name) in self._indexes.items():
            for attribute, most in ((hash_name, 2 * SORT_KEY_MAX_BYTES), (sort_name, SORT_KEY_MAX_BYTES)):
                value = attributes.get(attribute)
                if isinstance(value, dict) and "S" in value:
                    size = len(value["S"].encode())
                    assert 1 <= size <= most, f"key {attribute} of {name or 'the table'} has {size} bytes"

    def _check_values(self, value: dict[str, Any], depth: int) -> None:
        assert depth <= NESTING_MAX, "Nesting Levels have exceeded supported limits"
        ((kind, raw),) = value.items()
        assert kind != "SS" or raw, "An string set may not be empty"
        for part in raw.values() if kind == "M" else raw if kind == "L" else ():
            self._check_values(part, depth + 1)


def _plain(value: dict[str, Any]) -> Any:
    ((kind, raw),) = value.items()
    return float(raw) if kind == "N" and not raw.lstrip("-").isdigit() else int(raw) if kind == "N" else raw


def _holds(value: Any, op: str, bound: Any) -> bool:
    return bool({">=": value >= bound, "<=": value <= bound, "<": value < bound, ">": value > bound, "=": value == bound}[op])
