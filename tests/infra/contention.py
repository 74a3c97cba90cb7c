"""Other workers who are always a moment earlier: the first write of each kind by each function meets one, so that what the code does then
is seen too (to read again, to wait, to try once more). Put between botocore and the table as a hook of its events."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from botocore.awsrequest import AWSResponse

from infra import uses

_IDS = re.compile(r"[a-z0-9]{6,}|\d+")


class Contention:
    """transactions: how often the first transaction of a kind meets another one; conditions: whether the first conditional write of a
    kind finds something else than it expects; lag: functions whose first look into each index comes before what was just written."""

    def __init__(self, *, transactions: int = 0, conditions: bool = False, lag: Sequence[str] = ()) -> None:
        self._transactions, self._conditions, self._lag = transactions, conditions, tuple(lag)
        self.met: dict[tuple[str, str, str], int] = {}

    def __call__(self, model: Any, params: dict[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]] | None:
        function = uses.acting_now()
        asked = json.loads(params["body"])
        if not function:
            return None
        if model.name == "Query" and "IndexName" in asked and function.endswith(self._lag or ("-",)):
            return self._once((function, model.name, asked["IndexName"]), 1, None)
        if model.name == "TransactWriteItems":
            return self._once(
                (function, model.name, _kind(asked["TransactItems"])), self._transactions, _conflict(len(asked["TransactItems"]))
            )
        if self._conditions and asked.get("ConditionExpression"):
            return self._once((function, model.name, _kind([{"": asked}])), 1, {"__type": "ConditionalCheckFailedException"})
        return None

    def _once(self, kind: tuple[str, str, str], times: int, error: dict[str, Any] | None) -> tuple[AWSResponse, dict[str, Any]] | None:
        """error: None for an answer of nothing."""
        met = self.met.get(kind, 0)
        if met >= times:
            return None
        self.met[kind] = met + 1
        status = 400 if error else 200
        parsed: dict[str, Any] = {"ResponseMetadata": {"HTTPStatusCode": status}}
        if error:
            parsed |= {"Error": {"Code": error["__type"], "Message": "another was first"}, **error}
        else:
            parsed |= {"Items": [], "Count": 0, "ScannedCount": 0}
        return AWSResponse("https://dynamodb", status, {}, None), parsed


def _conflict(length: int) -> dict[str, Any]:
    reasons = [{"Code": "TransactionConflict"}, *({"Code": "None"} for _ in range(length - 1))]
    return {"__type": "TransactionCanceledException", "CancellationReasons": reasons}


def _kind(items: list[dict[str, Any]]) -> str:
    """What kinds of items a write is about: their keys without ids."""
    keys = []
    for item in items:
        (given,) = item.values()
        key = given.get("Key") or given["Item"]
        keys.append(_IDS.sub("", key["pk"]["S"]) + "/" + _IDS.sub("", key["sk"]["S"]))
    return " ".join(sorted(set(keys)))


@contextmanager
def contended(client: Any, contention: Contention) -> Iterator[None]:
    """While inside, what this DynamoDB client writes meets others."""
    client.meta.events.register_first("before-call.dynamodb", contention)
    try:
        yield
    finally:
        client.meta.events.unregister("before-call.dynamodb", contention)
