"""Each patch of moto is right, and still needed: a probe that plain moto answers rightly says its patch can go."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.local import gateway, moto_patches
from infra.local.stack import LocalStack
from tests.infra import moto_probes
from tests.infra.moto_probes import T, key

# probe -> (plain moto, AWS)
EXPECTED: dict[str, tuple[Any, Any]] = {
    "limit_at_the_exact_end_has_a_cursor": (False, True),
    "query_walks_the_whole_table": (True, False),
    "batch_of_26": ("accepted", "ValidationException"),
    "transaction_over_4_mb": ("accepted", "ValidationException"),
    "same_token_twice_counts": ("2", "1"),
    "get_26_in_a_transaction": ("ValidationException", "accepted"),
    "unused_value_in_a_query": ("accepted", "ValidationException"),
    "expression_over_4_kb": ("accepted", "ValidationException"),
    "between_the_wrong_way_round": ("accepted", "ValidationException"),
    "index_key_of_the_wrong_type": ("accepted", "ValidationException"),
    "failed_transaction_replaces_the_table": (True, False),
    "failed_update_leaves_an_item": (True, False),
    "task_token_states": ([None, "InvalidToken"], ["because", "TaskTimedOut"]),
    "token_while_an_execution_is_starting": ("AttributeError", "TaskTimedOut"),
    "clients_of_state_machines_are_shared": (False, True),
}


@pytest.fixture(scope="module")
def plain() -> dict[str, Any]:
    """What unpatched moto answers; in a process of its own, because patches stay."""
    command = [sys.executable, "-m", "tests.infra.moto_probes"]
    done = subprocess.run(command, cwd=Path(__file__).resolve().parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


@pytest.fixture(scope="module", autouse=True)
def patched() -> Iterator[LocalStack]:
    with LocalStack({"Resources": {}}) as stack:
        moto_probes.prepare()
        yield stack


def test_the_patches_were_written_for_this_moto() -> None:
    assert version("moto") == moto_patches.MOTO_VERSION


@pytest.mark.parametrize("name", EXPECTED)
def test_a_patch_makes_moto_answer_as_aws(name: str) -> None:
    assert moto_probes.PROBES[name]() == EXPECTED[name][1]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_patch_is_still_needed(name: str, plain: dict[str, Any]) -> None:
    assert plain[name] == EXPECTED[name][0], f"moto changed: look whether the patch for {name} can go"


def test_failed_transactions_do_not_undo_what_others_wrote() -> None:
    rounds = 40

    def bad() -> None:
        client = boto3.client("dynamodb")
        condition = {**T, "Key": key("zz", 1), "UpdateExpression": "SET x = :o", "ConditionExpression": "attribute_exists(pk)"}
        for _ in range(rounds):
            with pytest.raises(ClientError):
                client.transact_write_items(TransactItems=[{"Update": {**condition, "ExpressionAttributeValues": {":o": {"N": "1"}}}}])

    def good() -> None:
        client = boto3.client("dynamodb")
        for _ in range(rounds):
            client.update_item(**T, Key=key("count", 1), UpdateExpression="ADD n :o", ExpressionAttributeValues={":o": {"N": "1"}})

    threads = [threading.Thread(target=work) for work in (bad, good, bad, good)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert boto3.client("dynamodb").get_item(**T, Key=key("count", 1))["Item"]["n"]["N"] == str(2 * rounds)


def test_only_one_of_many_conditional_puts_wins() -> None:
    wins: list[int] = []

    def race() -> None:
        client = boto3.client("dynamodb")
        for number in range(15):
            try:
                client.put_item(**T, Item=key("race", number), ConditionExpression="attribute_not_exists(pk)")
            except ClientError:
                continue
            wins.append(number)

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(wins) == list(range(15))


def walk(**request: Any) -> list[str]:
    """Every sort key of a query, page by page."""
    found: list[str] = []
    client = boto3.client("dynamodb")
    while True:
        page = client.query(**T, **request)
        found += [item["sk"]["S"] for item in page["Items"]]
        if "LastEvaluatedKey" not in page:
            return found
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


@pytest.mark.parametrize("limit", [1, 2, 5, 100])
@pytest.mark.parametrize("forward", [True, False])
def test_pages_of_an_index_follow_numbers_ties_and_removals(limit: int, forward: bool) -> None:
    client = boto3.client("dynamodb")
    for sk, v in (("a", 100), ("b", 9), ("c", -1), ("d", 9), ("e", 9)):
        client.put_item(**T, Item={**key("num", sk), "lp": {"S": "num"}, "v": {"N": str(v)}})
    client.update_item(**T, Key=key("num", "c"), UpdateExpression="ADD v :d", ExpressionAttributeValues={":d": {"N": "1000"}})
    client.update_item(**T, Key=key("num", "e"), UpdateExpression="REMOVE lp")
    request = {"IndexName": "byV", "KeyConditionExpression": "lp = :p AND v BETWEEN :l AND :h", "Limit": limit, "ScanIndexForward": forward}
    values = {":p": {"S": "num"}, ":l": {"N": "9"}, ":h": {"N": "998"}}
    expected = ["b", "d", "a", "c"]
    assert walk(**request, ExpressionAttributeValues=values) == (expected[:-1] if forward else expected[2::-1])


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("begins_with(sk, :x)", ["b1", "b2"]),
        ("sk < :x", ["a1"]),
        ("sk <= :y", ["a1", "b1"]),
        ("sk > :y", ["b2", "c1"]),
        ("sk >= :y", ["b1", "b2", "c1"]),
        ("sk = :y", ["b1"]),
    ],
)
def test_key_conditions_of_the_table(condition: str, expected: list[str]) -> None:
    for sk in ("b2", "a1", "c1", "b1"):
        boto3.client("dynamodb").put_item(**T, Item=key("cond", sk))
    name = ":x" if ":x" in condition else ":y"
    values = {":p": {"S": "cond"}, name: {"S": "b" if name == ":x" else "b1"}}
    assert walk(KeyConditionExpression=f"pk = :p AND {condition}", ExpressionAttributeValues=values) == expected


def test_a_failed_transaction_puts_every_item_and_index_entry_back() -> None:
    client = boto3.client("dynamodb")
    for sk in ("1", "2"):
        client.put_item(**T, Item={**key("undo", sk), "lp": {"S": "undo"}, "v": {"N": sk}})
    actions: Any = [
        {"Update": {**T, "Key": key("undo", "1"), "UpdateExpression": "SET v = :v", "ExpressionAttributeValues": {":v": {"N": "9"}}}},
        {"Delete": {**T, "Key": key("undo", "2")}},
        {"Put": {**T, "Item": {**key("undo", "3"), "lp": {"S": "undo"}, "v": {"N": "3"}}}},
        {
            "ConditionCheck": {
                **T,
                "Key": key("undo", "4"),
                "ConditionExpression": "attribute_exists(pk)",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        },
    ]
    with pytest.raises(ClientError) as error:
        client.transact_write_items(TransactItems=actions)
    reasons: Any = error.value.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["None", "None", "None", "ConditionalCheckFailed"]
    request = {"KeyConditionExpression": "lp = :p", "ExpressionAttributeValues": {":p": {"S": "undo"}}, "IndexName": "byV"}
    rows = client.query(**T, **request)["Items"]
    assert [(row["sk"]["S"], row["v"]["N"]) for row in rows] == [("1", "1"), ("2", "2")]
    assert walk(KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": {"S": "undo"}}) == ["1", "2"]


def test_a_token_used_with_other_parameters_is_a_mismatch() -> None:
    def put(sk: str) -> None:
        boto3.client("dynamodb").transact_write_items(TransactItems=[{"Put": {**T, "Item": key("tok", sk)}}], ClientRequestToken="mine")

    put("1")
    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        put("2")


def test_binary_values_keep_their_bytes_through_every_reading() -> None:
    client = boto3.client("dynamodb")
    item = {**key("bin", "1"), "b": {"B": b"\x00\xff"}, "s": {"BS": [b"\x01"]}, "m": {"M": {"l": {"L": [{"B": b"\x02"}, {"NULL": True}]}}}}
    client.put_item(**T, Item=item)
    assert client.get_item(**T, Key=key("bin", "1"))["Item"] == item
    assert client.get_item(**T, Key=key("bin", "1"), ProjectionExpression="b, s")["Item"] == {"b": item["b"], "s": item["s"]}
    assert client.scan(**T, FilterExpression="pk = :p", ExpressionAttributeValues={":p": {"S": "bin"}})["Items"] == [item]


def test_calls_are_counted() -> None:
    gateway.reset()
    boto3.client("dynamodb").get_item(**T, Key=key("a", 1))
    boto3.client("sqs").list_queues()
    assert gateway.calls() == {"dynamodb.GetItem": 1, "sqs.ListQueues": 1}
