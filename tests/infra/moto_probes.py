"""What moto does where the local stack needs something else. Run as a program it asks plain moto; the tests ask the patched one.

Every probe answers with plain JSON. `python -m tests.infra.moto_probes` prints all answers of unpatched moto.
"""

import json
import os
from collections.abc import Callable
from typing import Any

import boto3
from botocore.exceptions import ClientError
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import Table
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.asl.utils import boto_client
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

ACCOUNT, REGION = "123456789012", "us-east-1"
CONFIG: Any = {"lambda": {"use_docker": False}, "stepfunctions": {"execute_state_machine": True}}
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
ENVIRONMENT = {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
}
T: dict[str, str] = {"TableName": "t"}


def prepare() -> None:
    """The table that the DynamoDB probes use, three items of one partition in it."""
    boto3.client("dynamodb").create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": a, "AttributeType": t} for a, t in (("pk", "S"), ("sk", "S"), ("lp", "S"), ("v", "N"))],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "byV",
                "KeySchema": [{"AttributeName": "lp", "KeyType": "HASH"}, {"AttributeName": "v", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    for number in range(3):
        boto3.client("dynamodb").put_item(**T, Item=key("a", number))


def key(pk: str, sk: Any) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": str(sk)}}


def outcome(call: Callable[[], Any]) -> str:
    """`accepted`, the error's code, or the class of what broke."""
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    except Exception as error:
        return type(error).__name__
    return "accepted"


def query(**more: Any) -> Any:
    values = {":p": {"S": "a"}, **more.pop("values", {})}
    return boto3.client("dynamodb").query(**T, **{"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": values, **more})


def limit_at_the_exact_end_has_a_cursor() -> Any:
    return "LastEvaluatedKey" in query(Limit=3)


def query_walks_the_whole_table() -> Any:
    walked = 0
    original = Table.all_items

    def counted(self: Table) -> Any:
        nonlocal walked
        walked += 1
        return original(self)

    Table.all_items = counted
    try:
        query()
    finally:
        Table.all_items = original
    return walked > 0


def batch_of_26() -> Any:
    requests = [{"PutRequest": {"Item": key("b", number)}} for number in range(26)]
    return outcome(lambda: boto3.client("dynamodb").batch_write_item(RequestItems={"t": requests}))


def transaction_over_4_mb() -> Any:
    actions: Any = [{"Put": {**T, "Item": {**key("c", n), "b": {"S": "x" * 350_000}}}} for n in range(13)]
    return outcome(lambda: boto3.client("dynamodb").transact_write_items(TransactItems=actions))


def same_token_twice_counts() -> Any:
    update = {**T, "Key": key("d", 1), "UpdateExpression": "ADD n :o", "ExpressionAttributeValues": {":o": {"N": "1"}}}
    for _ in range(2):
        boto3.client("dynamodb").transact_write_items(TransactItems=[{"Update": update}], ClientRequestToken="token-1")
    return boto3.client("dynamodb").get_item(**T, Key=key("d", 1))["Item"]["n"]["N"]


def get_26_in_a_transaction() -> Any:
    gets: Any = [{"Get": {**T, "Key": key("a", number)}} for number in range(26)]
    return outcome(lambda: boto3.client("dynamodb").transact_get_items(TransactItems=gets))


def unused_value_in_a_query() -> Any:
    return outcome(lambda: query(values={":x": {"S": "unused"}}))


def expression_over_4_kb() -> Any:
    return outcome(lambda: query(FilterExpression=" OR ".join(["sk = :p"] * 500)))


def between_the_wrong_way_round() -> Any:
    return outcome(lambda: query(KeyConditionExpression="pk = :p AND sk BETWEEN :y AND :x", values={":x": {"S": "1"}, ":y": {"S": "2"}}))


def index_key_of_the_wrong_type() -> Any:
    item = {**key("e", 1), "lp": {"S": "L"}, "v": {"S": "five"}}
    return outcome(lambda: boto3.client("dynamodb").put_item(**T, Item=item))


def failed_transaction_replaces_the_table() -> Any:
    before = dynamodb_backends[ACCOUNT][REGION].tables["t"]
    check = {"ConditionCheck": {**T, "Key": key("no", 1), "ConditionExpression": "attribute_exists(pk)"}}
    actions: Any = [{"Put": {**T, "Item": key("f", 1)}}, check]
    assert outcome(lambda: boto3.client("dynamodb").transact_write_items(TransactItems=actions)) == "TransactionCanceledException"
    assert "Item" not in boto3.client("dynamodb").get_item(**T, Key=key("f", 1))
    return dynamodb_backends[ACCOUNT][REGION].tables["t"] is not before


def failed_update_leaves_an_item() -> Any:
    values: Any = {":b": {"S": "x" * 410_000}}
    update = {**T, "Key": key("g", 1), "UpdateExpression": "SET b = :b", "ExpressionAttributeValues": values}
    assert outcome(lambda: boto3.client("dynamodb").update_item(**update)) == "ValidationException"
    return "Item" in boto3.client("dynamodb").get_item(**T, Key=key("g", 1))


def task_token_states() -> Any:
    """What a failing task's cause becomes, and what its token is worth afterwards."""
    url = boto3.client("sqs").create_queue(QueueName="tokens")["QueueUrl"]
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token"}},
        "End": True,
    }
    states = boto3.client("stepfunctions")
    definition = json.dumps({"StartAt": "W", "States": {"W": task}})
    machine = states.create_state_machine(name="tokens", definition=definition, roleArn=ROLE)["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine, name="one")["executionArn"]
    found = boto3.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"][0]
    token = json.loads(found["Body"])["token"]
    states.send_task_failure(taskToken=token, error="Broken", cause="because")
    while states.describe_execution(executionArn=execution)["status"] == "RUNNING":
        os.sched_yield()
    cause = states.describe_execution(executionArn=execution).get("cause")
    return [cause, outcome(lambda: states.send_task_success(taskToken=token, output="{}"))]


def token_while_an_execution_is_starting() -> Any:
    states = boto3.client("stepfunctions")
    definition = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
    arn = states.create_state_machine(name="starting", definition=definition, roleArn=ROLE)["stateMachineArn"]
    states.start_execution(stateMachineArn=arn, name="one")
    machine = next(m for m in stepfunctions_parser_backends[ACCOUNT][REGION].state_machines if m.arn == arn)
    execution = machine.executions[0]
    while execution.exec_status == ExecutionStatus.RUNNING:
        os.sched_yield()
    worker = execution.exec_worker
    execution.exec_status, execution.exec_worker = ExecutionStatus.RUNNING, execution._get_start_execution_worker()
    try:
        return outcome(lambda: states.send_task_success(taskToken="00000000-0000-4000-8000-000000000000", output="{}"))
    finally:
        execution.exec_status, execution.exec_worker = ExecutionStatus.SUCCEEDED, worker


def clients_of_state_machines_are_shared() -> Any:
    from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils

    ask: Any = lambda_eval_utils.boto_client_for
    assert callable(boto_client.boto_client_for)
    return ask(region=REGION, service="lambda") is ask(region=REGION, service="lambda")


PROBES: dict[str, Callable[[], Any]] = {
    probe.__name__: probe
    for probe in (
        limit_at_the_exact_end_has_a_cursor,
        query_walks_the_whole_table,
        batch_of_26,
        transaction_over_4_mb,
        same_token_twice_counts,
        get_26_in_a_transaction,
        unused_value_in_a_query,
        expression_over_4_kb,
        between_the_wrong_way_round,
        index_key_of_the_wrong_type,
        failed_transaction_replaces_the_table,
        failed_update_leaves_an_item,
        task_token_states,
        token_while_an_execution_is_starting,
        clients_of_state_machines_are_shared,
    )
}


def main() -> None:
    from moto import mock_aws

    os.environ.update(ENVIRONMENT)
    with mock_aws(config=CONFIG):
        prepare()
        print(json.dumps({name: probe() for name, probe in PROBES.items()}))


if __name__ == "__main__":
    main()
