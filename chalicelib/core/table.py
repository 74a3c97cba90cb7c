"""The only caller of DynamoDB: typed values in and out, composable conditional writes, transactions, and one retry rule."""

import random
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

from chalicelib.core.errors import AppError, Stale, TableBusy, TooLarge
from chalicelib.core.wire import from_dynamo, possible_key, to_dynamo

Item = dict[str, Any]
Key = tuple[str, str]

BATCH_GET_MAX = 100  # Source: DynamoDB API reference, BatchGetItem
TRANSACT_MAX = 100  # Source: TransactWriteItems
_BUSY = {
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "TransactionConflictException",
    "TransactionInProgressException",
    "InternalServerError",
    "ServiceUnavailable",
}
_BUSY_REASONS = {"TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"}  # of a cancelled transaction
_TRIES = 12
_TOO_LARGE = ("Item size", "item size", "cannot include more than", "4 MB", "4MB")


def _item(wire: dict[str, Any]) -> Item:
    return {k: from_dynamo(v) for k, v in wire.items()}


OnFail = Callable[[Item | None], Exception]


@dataclass(frozen=True)
class Write:
    """One conditional write, alone or as an action of a transaction.

    expression: an UpdateExpression for `Update`. values/names: as in DynamoDB, with `:` and `#`, Python values.
    on_fail: builds the error when the condition does not hold, from the item that was there; default `Stale`.
    """

    kind: Literal["Put", "Update", "Delete", "ConditionCheck"]
    key: Key
    item: Item | None = None
    expression: str = ""
    condition: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    on_fail: OnFail | None = None
    table: str = ""  # physical name; empty = the table it is given to

    def failed(self, old: Item | None) -> Exception:
        return self.on_fail(old) if self.on_fail else Stale()

    def request(self, table: str) -> dict[str, Any]:
        out: dict[str, Any] = {"TableName": self.table or table, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        if self.kind == "Put":
            out["Item"] = {k: to_dynamo(v) for k, v in {**(self.item or {}), "pk": self.key[0], "sk": self.key[1]}.items()}
        else:
            out["Key"] = {"pk": {"S": self.key[0]}, "sk": {"S": self.key[1]}}
        if self.expression:
            out["UpdateExpression"] = self.expression
        if self.condition:
            out["ConditionExpression"] = self.condition
        if self.values:
            out["ExpressionAttributeValues"] = {k: to_dynamo(v) for k, v in self.values.items()}
        if self.names:
            out["ExpressionAttributeNames"] = self.names
        return out


def put(key: Key, item: Item, condition: str = "", *, on_fail: OnFail | None = None, table: str = "", **values: Any) -> Write:
    return Write("Put", key, item, condition=condition, values={f":{k}": v for k, v in values.items()}, on_fail=on_fail, table=table)


def put_new(key: Key, item: Item, *, on_fail: OnFail | None = None, table: str = "") -> Write:
    return put(key, item, "attribute_not_exists(pk)", on_fail=on_fail, table=table)


def update(
    key: Key,
    expression: str,
    condition: str = "",
    *,
    on_fail: OnFail | None = None,
    table: str = "",
    names: dict[str, str] | None = None,
    **values: Any,
) -> Write:
    return Write(
        "Update",
        key,
        expression=expression,
        condition=condition,
        names=names or {},
        table=table,
        values={f":{k}": v for k, v in values.items()},
        on_fail=on_fail,
    )


def remove(key: Key, condition: str = "", *, on_fail: OnFail | None = None, table: str = "", **values: Any) -> Write:
    return Write("Delete", key, condition=condition, values={f":{k}": v for k, v in values.items()}, on_fail=on_fail, table=table)


def check(key: Key, condition: str, *, on_fail: OnFail | None = None, table: str = "", **values: Any) -> Write:
    return Write("ConditionCheck", key, condition=condition, values={f":{k}": v for k, v in values.items()}, on_fail=on_fail, table=table)


@dataclass(frozen=True)
class QueryPage:
    """items: what passed the filter; position: where to go on (None at the end); scanned: rows read before the filter."""

    items: list[Item]
    position: Item | None
    scanned: int


@dataclass(frozen=True)
class Query:
    """One Query. condition: a further key condition (`AND …`); names and values as in DynamoDB; limit: rows read, not rows kept."""

    hash_value: str
    index: str | None = None
    hash_name: str = "pk"
    condition: str = ""
    filter: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    forward: bool = True
    limit: int | None = None
    start: Item | None = None
    consistent: bool = False


class Table:
    """One DynamoDB table. client: a boto3 `dynamodb` client; sleep: for the waits between tries (tests pass one that returns)."""

    def __init__(self, client: Any, name: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self.client, self.name, self._sleep = client, name, sleep
        self._meetings = _TRIES  # how often a transaction may meet another one

    def at_once(self) -> Self:
        """The same table, whose `transact` raises TableBusy as soon as it meets another transaction: for callers that had better read
        again than repeat what was true before."""
        same = copy(self)
        same._meetings = 1
        return same

    # -- reading
    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        if not possible_key(key):
            return None
        answer = self._call("get_item", TableName=self.name, Key={"pk": {"S": key[0]}, "sk": {"S": key[1]}}, ConsistentRead=consistent)
        return _item(answer["Item"]) if "Item" in answer else None

    def get_many(self, keys: Iterable[Key], *, consistent: bool = True) -> dict[Key, Item]:
        """Those of the keys that exist; any number of keys, 100 a round trip."""
        wanted, out = [k for k in dict.fromkeys(keys) if possible_key(k)], {}
        for at in range(0, len(wanted), BATCH_GET_MAX):
            ask: Any = {
                self.name: {
                    "Keys": [{"pk": {"S": p}, "sk": {"S": s}} for p, s in wanted[at : at + BATCH_GET_MAX]],
                    "ConsistentRead": consistent,
                }
            }
            for attempt in range(_TRIES):
                answer = self._call("batch_get_item", RequestItems=ask)
                for wire in answer["Responses"].get(self.name, []):
                    item = _item(wire)
                    out[(item["pk"], item["sk"])] = item
                ask = answer.get("UnprocessedKeys")
                if not ask:
                    break
                self._pause(attempt)
            else:
                raise TableBusy()
        return out

    def query(self, q: Query) -> QueryPage:
        names = {"#hash": q.hash_name, **q.names}
        ask: dict[str, Any] = {
            "TableName": self.name,
            "KeyConditionExpression": "#hash = :hash" + (f" AND {q.condition}" if q.condition else ""),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {":hash": to_dynamo(q.hash_value), **{k: to_dynamo(v) for k, v in q.values.items()}},
            "ScanIndexForward": q.forward,
        }
        if q.index:
            ask["IndexName"] = q.index
        elif q.consistent:
            ask["ConsistentRead"] = True
        if q.filter:
            ask["FilterExpression"] = q.filter
        if q.limit:
            ask["Limit"] = q.limit
        if q.start:
            ask["ExclusiveStartKey"] = {k: to_dynamo(v) for k, v in q.start.items()}
        answer = self._call("query", **ask)
        last = answer.get("LastEvaluatedKey")
        return QueryPage([_item(w) for w in answer["Items"]], _item(last) if last else None, answer["ScannedCount"])

    def query_all(self, q: Query) -> list[Item]:
        """Every item of the query, whatever the number of round trips. For collections known to be small."""
        out: list[Item] = []
        while True:
            page = self.query(q)
            out += page.items
            if page.position is None:
                return out
            q = replace(q, start=page.position)

    def scan_all(self) -> Iterable[Item]:
        """Every item of the table: for audits and exports by an operator, never for a request."""
        start: dict[str, Any] = {}
        while True:
            answer = self._call("scan", TableName=self.name, ConsistentRead=True, **start)
            yield from (_item(w) for w in answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    # -- writing
    def write(self, action: Write) -> Item | None:
        """Do one write. An update returns the new item.

        Raises: the action's `on_fail` error (default Stale) when its condition does not hold; TableBusy.
        """
        call = {"Put": "put_item", "Update": "update_item", "Delete": "delete_item"}[action.kind]
        ask = action.request(self.name)
        if not action.condition:
            del ask["ReturnValuesOnConditionCheckFailure"]
        if action.kind == "Update":
            ask["ReturnValues"] = "ALL_NEW"
        try:
            answer = self._call(call, **ask)
        except _ConditionFailed as failed:
            if action.kind == "Put" and failed.old is not None and failed.old == _item(ask["Item"]):
                return None  # our own write: its reply was lost and the transport sent it again
            raise action.failed(failed.old) from None
        return _item(answer["Attributes"]) if "Attributes" in answer else None

    def transact(self, actions: Sequence[Write]) -> None:
        """All of the writes or none. 1-100 actions on different items.

        Raises: the error of the first action whose condition does not hold; TableBusy when conflicts do not end.
        """
        if not 1 <= len(actions) <= TRANSACT_MAX:
            raise ValueError(f"a transaction takes 1-{TRANSACT_MAX} actions, not {len(actions)}")
        if len(actions) == 1 and actions[0].kind != "ConditionCheck":
            self.write(actions[0])
            return
        items = [{a.kind: a.request(self.name)} for a in actions]
        token = str(uuid.uuid4())  # one for all tries: what an earlier one did, though its answer was lost, is not done again
        for attempt in range(self._meetings):
            try:
                self._call("transact_write_items", TransactItems=items, ClientRequestToken=token)
                return
            except _Cancelled as cancelled:
                reasons = cancelled.reasons
            for action, reason in zip(actions, reasons, strict=False):
                if reason.get("Code") == "ConditionalCheckFailed":
                    raise action.failed(_item(reason["Item"]) if reason.get("Item") else None)
            for reason in reasons:
                if reason.get("Code", "None") not in {"None", *_BUSY_REASONS}:
                    if any(sign in reason.get("Message", "") for sign in _TOO_LARGE):
                        raise TooLarge("The object is too large to be stored.")
                    raise RuntimeError(f"transaction refused: {reason.get('Code')} {reason.get('Message', '')}")
            if attempt + 1 < self._meetings:
                self._pause(attempt)
        raise TableBusy()

    # -- one place for transport errors
    def _call(self, operation: str, **ask: Any) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

        for attempt in range(_TRIES):
            try:
                answer: dict[str, Any] = getattr(self.client, operation)(**ask)
                return answer
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code == "ConditionalCheckFailedException":
                    old = error.response.get("Item")
                    raise _ConditionFailed(_item(old) if old else None) from None
                if code == "TransactionCanceledException":
                    raise _Cancelled(error.response.get("CancellationReasons", [])) from None
                if code == "ValidationException" and any(sign in error.response["Error"].get("Message", "") for sign in _TOO_LARGE):
                    raise TooLarge("The object is too large to be stored.") from None
                if code not in _BUSY:
                    raise
            except ParamValidationError:
                raise  # a mistake of ours: asking again cannot help
            except BotoCoreError as error:
                raise TableBusy(f"The database does not answer ({type(error).__name__}).") from error
            self._pause(attempt)
        raise TableBusy()

    def _pause(self, attempt: int) -> None:
        self._sleep(random.uniform(0, min(1.0, 0.01 * 2**attempt)))  # full jitter; Source: AWS Architecture Blog, backoff and jitter


class _ConditionFailed(AppError):
    def __init__(self, old: Item | None) -> None:
        super().__init__()
        self.old = old


class _Cancelled(AppError):
    def __init__(self, reasons: list[dict[str, Any]]) -> None:
        super().__init__()
        self.reasons = reasons
