"""A DynamoDB client in memory: as strict about conditions as AWS, and fast enough for hundreds of whole runs.

It answers what `core.table` asks of a client; what it does not know it refuses. `test_memory_tables.py` does the same with it and with
moto and compares.
"""

import re
from typing import Any

from botocore.exceptions import ClientError

from tests.automation.chaos.expressions import Wire, changes, condition, plain

Key = tuple[str, str]
PAGE_ROWS = 1000
_BELOW = re.compile(r"#hash = :hash AND sk < (:\w+)")
# Index -> its range key. Their hash key stands in the query; `infra/resources/tables.yaml`, which a test compares.
INDEXES = {"byC": "c", "byV": "v", "byD": "d", "byK": "k", "byN": "n", "byCL": "sk"}


class MemoryClient:
    """Any number of tables with the keys `pk` and `sk`. One call at a time: the callers are of one thread."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, dict[str, Wire]]] = {}
        self._tokens: set[str] = set()

    # -- reading
    def get_item(self, *, TableName: str, Key: Wire, ConsistentRead: bool) -> Wire:
        found = self._find(TableName, Key)
        return {"Item": dict(found)} if found else {}

    def batch_get_item(self, *, RequestItems: Wire) -> Wire:
        answers = {
            table: [dict(found) for key in part["Keys"] if (found := self._find(table, key))] for table, part in RequestItems.items()
        }
        return {"Responses": answers, "UnprocessedKeys": {}}

    def query(self, **ask: Any) -> Wire:
        names, values, index = ask["ExpressionAttributeNames"], ask["ExpressionAttributeValues"], ask.get("IndexName")
        table = self.tables.get(ask["TableName"], {})
        if index:
            hash_name, range_name = names["#hash"], INDEXES[index]
            wanted = values[":hash"]
            rows = [i for part in table.values() for i in part.values() if i.get(hash_name) == wanted and range_name in i]
        else:
            range_name, rows = "sk", list(table.get(values[":hash"]["S"], {}).values())
            if match := _BELOW.fullmatch(ask["KeyConditionExpression"]):  # a long list of what is due is looked at often
                most = values[match[1]]["S"]
                rows = [i for i in rows if i["sk"]["S"] < most]
        test, kept = condition(ask["KeyConditionExpression"]), condition(ask.get("FilterExpression", ""))
        rows = [i for i in rows if test(i, names, values)]
        place = {id(i): (plain(i[range_name]), i["pk"]["S"], i["sk"]["S"]) for i in rows}
        forward = ask["ScanIndexForward"]
        rows.sort(key=lambda i: place[id(i)], reverse=not forward)
        if start := ask.get("ExclusiveStartKey"):
            after = (plain(start[range_name]), start["pk"]["S"], start["sk"]["S"])
            rows = [i for i in rows if (place[id(i)] > after if forward else place[id(i)] < after)]
        limit = min(ask.get("Limit") or PAGE_ROWS, PAGE_ROWS)
        page = rows[:limit]
        answer: Wire = {"Items": [dict(i) for i in page if kept(i, names, values)], "ScannedCount": len(page)}
        if page and len(rows) >= limit:  # as AWS: also when the limit hits the exact end
            last = page[-1]
            answer["LastEvaluatedKey"] = {n: last[n] for n in {"pk", "sk", range_name, names["#hash"]}}
        return answer

    def scan(self, *, TableName: str, ConsistentRead: bool) -> Wire:
        return {"Items": [dict(i) for part in self.tables.get(TableName, {}).values() for i in part.values()]}

    # -- writing
    def put_item(self, **ask: Any) -> Wire:
        return self._alone("Put", ask)

    def update_item(self, **ask: Any) -> Wire:
        return {"Attributes": self._alone("Update", ask)}

    def delete_item(self, **ask: Any) -> Wire:
        return self._alone("Delete", ask)

    def transact_write_items(self, *, TransactItems: list[Wire], ClientRequestToken: str) -> Wire:
        if ClientRequestToken in self._tokens:
            return {}
        actions = [next(iter(action.items())) for action in TransactItems]
        keys = [(ask["TableName"], *self._key(ask)) for _, ask in actions]
        if len(set(keys)) != len(keys):
            raise error("ValidationException", "Transaction request cannot include multiple operations on one item")
        olds = [self._find(ask["TableName"], ask.get("Item") or ask["Key"]) for _, ask in actions]
        held = [_holds(ask, old) for (_, ask), old in zip(actions, olds, strict=True)]
        if not all(held):
            reasons = [
                {"Code": "None"} if ok else {"Code": "ConditionalCheckFailed", **({"Item": dict(old)} if old else {})}
                for ok, old in zip(held, olds, strict=True)
            ]
            raise error("TransactionCanceledException", "", CancellationReasons=reasons)
        for kind, ask in actions:
            self._apply(kind, ask)
        self._tokens.add(ClientRequestToken)
        return {}

    def _alone(self, kind: str, ask: Wire) -> Wire:
        old = self._find(ask["TableName"], ask.get("Item") or ask["Key"])
        if not _holds(ask, old):
            raise error("ConditionalCheckFailedException", kind, **({"Item": dict(old)} if old else {}))
        return self._apply(kind, ask)

    def _apply(self, kind: str, ask: Wire) -> Wire:
        pk, sk = self._key(ask)
        part = self.tables.setdefault(ask["TableName"], {}).setdefault(pk, {})
        if kind == "ConditionCheck":
            return {}
        if kind == "Delete":
            part.pop(sk, None)
            return {}
        if kind == "Put":
            part[sk] = dict(ask["Item"])
            return {}
        old = part.get(sk) or dict(ask["Key"])
        new = dict(old)
        for change in changes(ask["UpdateExpression"]):
            change(new, old, ask.get("ExpressionAttributeNames", {}), ask.get("ExpressionAttributeValues", {}))
        part[sk] = new
        return dict(new)

    def _find(self, table: str, key: Wire) -> Wire | None:
        return self.tables.get(table, {}).get(key["pk"]["S"], {}).get(key["sk"]["S"])

    @staticmethod
    def _key(ask: Wire) -> Key:
        key = ask.get("Item") or ask["Key"]
        return key["pk"]["S"], key["sk"]["S"]


def _holds(ask: Wire, old: Wire | None) -> bool:
    test = condition(ask.get("ConditionExpression", ""))
    return test(old or {}, ask.get("ExpressionAttributeNames", {}), ask.get("ExpressionAttributeValues", {}))


def error(code: str, message: str, **more: Any) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": message}, **more}
    return ClientError(response, "DynamoDB")
