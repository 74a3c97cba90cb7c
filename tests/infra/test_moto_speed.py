"""What is done once instead of for each call gives the same answers; and moto still needs it."""

import inspect
import json
from typing import Any

import pytest
from moto.core import common_models, responses
from moto.core.utils import method_names_from_class
from moto.dynamodb.models.dynamo_type import Item
from moto.dynamodb.responses import DynamoHandler
from moto.sqs.responses import SQSResponse
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser, ASLParserException
from moto.stepfunctions.parser.asl.utils import json_path

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


def test_moto_forgets_earlier_versions_of_an_item(tables: Tables) -> None:
    assert "instances_tracked" in inspect.getsource(common_models), "moto keeps no list of its objects any more"
    key = {"pk": {"S": "versions"}, "sk": {"S": "1"}}
    before = len(Item.instances_tracked)
    for n in range(20):
        tables.client.put_item(TableName=tables.app.name, Item={**key, "v": {"N": str(n)}})
        tables.client.get_item(TableName=tables.app.name, Key=key)
    assert len(Item.instances_tracked) == before


def test_an_expression_is_parsed_once_and_means_the_same_each_time(tables: Tables) -> None:
    client, key = tables.client, {"pk": {"S": "expression"}, "sk": {"S": "1"}}
    ask = {"TableName": tables.app.name, "Key": key, "UpdateExpression": "SET #a = :n ADD hits :one", "ReturnValues": "ALL_NEW"}
    for n in range(3):
        values = {":n": {"S": f"value {n}"}, ":one": {"N": "1"}}
        item = client.update_item(**ask, ExpressionAttributeNames={"#a": f"name{n}"}, ExpressionAttributeValues=values)["Attributes"]
        assert item[f"name{n}"] == {"S": f"value {n}"} and item["hits"] == {"N": str(n + 1)}
    for _ in range(2):  # what is wrong is wrong again
        with pytest.raises(client.exceptions.ClientError, match="Syntax error"):
            client.update_item(**{**ask, "UpdateExpression": "SET = :one"}, ExpressionAttributeValues={":one": {"N": "1"}})


def test_a_definition_is_parsed_once_and_executed_apart() -> None:
    definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
    first, tree = AmazonStateLanguageParser.parse(definition)
    second, again = AmazonStateLanguageParser.parse(definition)
    assert tree is again and first is not second
    for _ in range(2):
        with pytest.raises(ASLParserException):
            AmazonStateLanguageParser.parse('{"StartAt": 3}')


def test_json_paths_are_parsed_once() -> None:
    assert json_path.parse("$.a.b") is json_path.parse("$.a.b")
    assert [json_path.extract_json("$.a.b", {"a": {"b": n}}) for n in range(3)] == [0, 1, 2]
