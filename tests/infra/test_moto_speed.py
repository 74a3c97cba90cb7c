"""What is done once instead of for each call gives the same answers; and moto still needs it."""

import inspect
from typing import Any

import pytest
from moto.core import responses
from moto.core.utils import method_names_from_class
from moto.dynamodb.models.dynamo_type import Item
from moto.dynamodb.responses import DynamoHandler
from moto.sqs.responses import SQSResponse

from infra.local import dynamodb_patches, moto_speed
from tests.conftest import Tables


@pytest.fixture(autouse=True)
def _installed() -> None:
    moto_speed.install()


def test_the_methods_of_a_service_are_looked_up_once() -> None:
    assert "getmembers" in inspect.getsource(method_names_from_class), "moto looks them up otherwise by now"
    for service in (DynamoHandler, SQSResponse):
        assert responses.method_names_from_class(service) == method_names_from_class(service)
        assert responses.method_names_from_class(service) is responses.method_names_from_class(service)


@pytest.mark.parametrize("body", ['{"a": 1}', "<a><RequestId>old</RequestId></a>", "<RequestId></RequestId>", b"bytes", None])
def test_answers_get_their_request_id_as_before(body: Any) -> None:
    headers, text = moto_speed._enrich({"status": 200}, body)  # type: ignore[dict-item]
    theirs, expected = moto_speed._moto_enrich({"status": 200}, body)  # type: ignore[dict-item]
    assert headers.keys() == theirs.keys() and headers["status"] == theirs["status"] == "200"
    assert hidden(text, headers) == hidden(expected, theirs)


def hidden(body: Any, headers: dict[str, str]) -> Any:
    """The body without its own request id."""
    return body.replace(headers["x-amzn-requestid"], "ID") if isinstance(body, str) else body


def test_the_size_of_an_item_follows_every_change(tables: Tables) -> None:
    client, name = tables.client, tables.app.name

    def stored() -> Item:
        page = client.query(TableName=name, KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": {"S": "size"}})
        assert page["Items"]
        table = dynamodb_patches.models.dynamodb_backends["123456789012"]["us-east-1"].tables[name]
        return next(item for partition in table.items.values() for item in partition.values() if item.hash_key.value == "size")

    key = {"pk": {"S": "size"}, "sk": {"S": "1"}}
    client.put_item(TableName=name, Item={**key, "a": {"S": "x" * 10}})
    assert moto_speed.item_bytes(stored()) == stored().size()
    client.update_item(TableName=name, Key=key, UpdateExpression="SET a = :a", ExpressionAttributeValues={":a": {"S": "x" * 500}})
    assert moto_speed.item_bytes(stored()) == stored().size() > 500
    update = {"TableName": name, "Key": key, "UpdateExpression": "SET b = :b", "ExpressionAttributeValues": {":b": {"S": "y" * 300}}}
    client.transact_write_items(TransactItems=[{"Update": update}])
    assert moto_speed.item_bytes(stored()) == stored().size() > 800
    failing = {"TableName": name, "Key": {**key, "sk": {"S": "2"}}, "ConditionExpression": "attribute_exists(pk)"}
    with pytest.raises(client.exceptions.TransactionCanceledException):
        client.transact_write_items(
            TransactItems=[{"Update": {**update, "UpdateExpression": "SET b = :b, c = :b"}}, {"ConditionCheck": failing}]
        )
    assert moto_speed.item_bytes(stored()) == stored().size() > 800
    client.put_item(TableName=name, Item=key)
    assert moto_speed.item_bytes(stored()) == stored().size() < 50
