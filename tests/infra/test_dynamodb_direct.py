"""Calls of DynamoDB that never become an HTTP request are answered as those that do."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.local import gateway
from infra.local.stack import LocalStack
from tests.infra import moto_probes
from tests.infra.moto_probes import T, key

BINARY: dict[str, Any] = {
    "b": {"B": b"\x00\xff"},
    "s": {"BS": [b"\x01"]},
    "m": {"M": {"B": {"S": "no bytes"}, "l": {"L": [{"B": b"\x02"}]}}},
}
CONDITION = {"ConditionExpression": "attribute_exists(gone)", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
COUNTED = {"UpdateExpression": "ADD n :o SET x = :b", "ExpressionAttributeValues": {":o": {"N": "1"}, ":b": {"B": b"\x03"}}}
PUT_AND_UPDATE = [{"Put": {**T, "Item": key("d", 3)}}, {"Update": {**T, "Key": key("d", 0), **COUNTED}}]
PUT_AND_DELETE = [{"Put": {**T, "Item": key("d", 4)}}, {"Delete": {**T, "Key": key("d", 0), **CONDITION}}]
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "put": ("put_item", {**T, "Item": {**key("d", 1), **BINARY}, "ReturnValues": "ALL_OLD"}),
    "get": ("get_item", {**T, "Key": key("d", 0)}),
    "get nothing": ("get_item", {**T, "Key": key("d", 99)}),
    "get some": ("get_item", {**T, "Key": key("d", 0), "ProjectionExpression": "#n", "ExpressionAttributeNames": {"#n": "m"}}),
    "update": ("update_item", {**T, "Key": key("d", 0), **COUNTED, "ReturnValues": "ALL_NEW"}),
    "delete": ("delete_item", {**T, "Key": key("d", 0), "ReturnValues": "ALL_OLD"}),
    "query": ("query", {**T, "KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": {"S": "d"}}, "Limit": 1}),
    "scan": ("scan", {**T, "FilterExpression": "pk = :p", "ExpressionAttributeValues": {":p": {"S": "d"}}}),
    "batch": ("batch_get_item", {"RequestItems": {"t": {"Keys": [key("d", 0), key("d", 99)]}}}),
    "batch write": ("batch_write_item", {"RequestItems": {"t": [{"PutRequest": {"Item": key("d", 2)}}]}}),
    "transaction": ("transact_write_items", {"TransactItems": PUT_AND_UPDATE}),
    "read together": ("transact_get_items", {"TransactItems": [{"Get": {**T, "Key": key("d", 0)}}]}),
    "condition": ("put_item", {**T, "Item": key("d", 0), **CONDITION}),
    "cancelled": ("transact_write_items", {"TransactItems": PUT_AND_DELETE}),
    "no such table": ("get_item", {"TableName": "none", "Key": key("d", 0)}),
    "invalid": ("query", {**T, "KeyConditionExpression": "pk = :p"}),
}


@pytest.fixture(scope="module", autouse=True)
def stack() -> Iterator[LocalStack]:
    with LocalStack({"Resources": {}}) as made:
        moto_probes.prepare()
        yield made


def ask(client: Any, operation: str, request: dict[str, Any]) -> Any:
    """The answer, or the error's own; without what differs between any two calls."""
    try:
        answer = getattr(client, operation)(**request)
    except ClientError as error:
        answer = error.response
    return {**answer, "ResponseMetadata": {k: answer["ResponseMetadata"][k] for k in ("HTTPStatusCode", "RetryAttempts")}}


@pytest.mark.parametrize("name", CALLS)
def test_the_answer_is_that_of_a_request(name: str) -> None:
    direct, sent = boto3.client("dynamodb"), boto3.client("dynamodb")
    sent.meta.events.unregister("before-call", gateway._before_call)
    answers, left = [], []
    for client in (direct, sent):
        for sk in range(5):
            client.delete_item(**T, Key=key("d", sk))
        client.put_item(**T, Item={**key("d", 0), **BINARY, "n": {"N": "7"}})
        gateway.reset()
        answers.append(ask(client, *CALLS[name]))
        assert sum(gateway.calls().values()) == 1
        left.append(ask(client, *CALLS["scan"])["Items"])
    assert answers[0] == answers[1] and left[0] == left[1]


def test_nothing_stored_is_shared_with_the_caller() -> None:
    client, item = boto3.client("dynamodb"), {**key("own", 1), "m": {"M": {"a": {"S": "as stored"}}}}
    client.put_item(**T, Item=item)
    item["m"]["M"]["a"]["S"] = "changed by who put it"
    client.get_item(**T, Key=key("own", 1))["Item"]["m"]["M"]["a"]["S"] = "changed by who read it"
    assert client.get_item(**T, Key=key("own", 1))["Item"]["m"]["M"]["a"]["S"] == "as stored"


def test_hooks_of_others_come_first() -> None:
    client, seen = boto3.client("dynamodb"), []
    client.meta.events.register("before-call", lambda model, **_: seen.append(model.name))
    client.get_item(**T, Key=key("d", 0))
    assert seen == ["GetItem"]
