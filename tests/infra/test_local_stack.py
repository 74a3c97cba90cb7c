"""The local stack runs a toy application: functions, queues with dead letters, a state machine, schedules, streams, presigned URLs."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from infra.local.provision import Provisioner
from infra.local.stack import LocalStack, NotAtRest
from infra.local.template import TemplateError
from tests.infra import toy_template as toy


@pytest.fixture(scope="module")
def running() -> Iterator[LocalStack]:
    with LocalStack(toy.template()) as stack:
        yield stack


@pytest.fixture
def stack(running: LocalStack) -> LocalStack:
    running.drain()
    toy.seen.clear()
    toy.failures.clear()
    return running


def start(stack: LocalStack, name: str, body: dict[str, Any]) -> str:
    arn = stack.stack.physical_id("Machine")
    return str(boto3.client("stepfunctions").start_execution(stateMachineArn=arn, name=name, input=json.dumps(body))["executionArn"])


def test_the_template_is_resolved(stack: LocalStack) -> None:
    made = stack.stack
    assert made.outputs == {"Name": "local-igny8-local-Table-${literal}"}
    assert set(made.functions) == {f"igny8-local-{name}" for name in ("Double", "Flaky", "Hopeless", "Worker", "Tick", "Watch")}
    assert made.environment == {"TABLE_NAME": "igny8-local-Table", "STAGE": "local", "MACHINE_ARN": "arn:aws:states:x:toy-local"}
    assert "Alarm" not in made.resources and made.physical_id("Logs") == "/toy"
    assert made.queue_sources[0].partial and made.queue_sources[0].batch_size == 5
    assert made.schedules[0].expression == "rate(5 minutes)"
    assert (
        boto3.client("dynamodb").describe_table(TableName="igny8-local-Table")["Table"]["GlobalSecondaryIndexes"][0]["IndexName"] == "byV"
    )
    assert len(boto3.client("secretsmanager").get_secret_value(SecretId=made.physical_id("Secret"))["SecretString"]) == 40


def test_a_state_machine_maps_retries_catches_and_waits_for_tokens(stack: LocalStack) -> None:
    arn = start(stack, "all", {"numbers": [1, 2, 3], "images": [1, 2, 3, 4]})
    assert stack.drain() == 4
    found = boto3.client("stepfunctions").describe_execution(executionArn=arn)
    assert found["status"] == "SUCCEEDED"
    output = json.loads(found["output"])
    assert output["doubled"] == [{"n": 2}, {"n": 4}, {"n": 6}]
    assert output["error"]["Error"] == "Hopeless"
    assert output["drawn"] == [{"drawn": 1}, {"drawn": 2}, {"Error": "BadImage", "Cause": "number three"}, {"drawn": 4}]
    assert toy.failures["flaky"] == 3


def test_only_failed_messages_come_back_and_end_in_the_dead_letters(stack: LocalStack) -> None:
    sqs, url = boto3.client("sqs"), stack.stack.physical_id("Queue")
    for number in range(4):
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"number": number, "fail": number == 2}))
    assert stack.drain() == 4
    for _ in range(2):
        stack.make_visible()
        stack.drain()
    assert [body["number"] for body in toy.seen if body["fail"]] == [2, 2]
    assert len(toy.seen) == 5
    dead = sqs.receive_message(QueueUrl=stack.stack.physical_id("Dead"))["Messages"]
    assert [json.loads(message["Body"])["number"] for message in dead] == [2]
    sqs.delete_message(QueueUrl=stack.stack.physical_id("Dead"), ReceiptHandle=dead[0]["ReceiptHandle"])


def test_a_schedule_fires_when_due_and_is_tried_again(stack: LocalStack) -> None:
    now = datetime.now(UTC)
    assert stack.tick(now) == 0
    assert stack.tick(now + timedelta(minutes=6)) == 1
    stack.drain()
    assert toy.seen == [{"tick": "Scheduled Event", "table": "igny8-local-Table"}]
    assert toy.failures["tick"] == 2


def test_stream_records_arrive_in_order_and_only_for_writes_that_stand(stack: LocalStack) -> None:
    table, client = "igny8-local-Table", boto3.client("dynamodb")
    put: dict[str, Any] = {"TableName": table, "Item": {"pk": {"S": "s"}, "sk": {"S": "1"}, "v": {"N": "1"}}}
    client.put_item(**put)
    impossible = {
        "ConditionCheck": {"TableName": table, "Key": {"pk": {"S": "no"}, "sk": {"S": "no"}}, "ConditionExpression": "attribute_exists(pk)"}
    }
    with pytest.raises(ClientError):
        client.transact_write_items(TransactItems=[{"Put": {**put, "Item": {**put["Item"], "v": {"N": "7"}}}}, impossible])
    client.update_item(
        TableName=table, Key={"pk": {"S": "s"}, "sk": {"S": "1"}}, UpdateExpression="ADD v :o", ExpressionAttributeValues={":o": {"N": "1"}}
    )
    client.delete_item(TableName=table, Key={"pk": {"S": "s"}, "sk": {"S": "1"}})
    stack.drain()
    assert toy.seen == [("INSERT", "1", {"N": "1"}), ("MODIFY", "1", {"N": "2"}), ("REMOVE", "1", None)]


def test_an_invocation_reports_the_class_of_what_was_raised(stack: LocalStack) -> None:
    answer = boto3.client("lambda").invoke(FunctionName="igny8-local-Hopeless", Payload=b"{}")
    assert answer["FunctionError"] == "Unhandled"
    body = json.loads(answer["Payload"].read())
    assert (body["errorType"], body["errorMessage"]) == ("Hopeless", "never")


def test_drain_says_what_did_not_come_to_rest(stack: LocalStack) -> None:
    arn = start(stack, "stuck", {"numbers": [], "images": [1]})
    with pytest.raises(NotAtRest, match="stuck"):
        stack.drain(timeout_seconds=0)
    boto3.client("stepfunctions").stop_execution(executionArn=arn)
    stack.drain()


def test_queues_are_worked_by_threads_when_serving(stack: LocalStack) -> None:
    toy.failures["flaky"] = 2
    stack.serve_events()
    try:
        arn = start(stack, "served", {"numbers": [1], "images": [1, 2]})
        for _ in range(1500):
            if not stack.running_executions():
                break
            time.sleep(0.02)
        assert boto3.client("stepfunctions").describe_execution(executionArn=arn)["status"] == "SUCCEEDED"
    finally:
        stack.pollers.stop()


def fetch(url: str, method: str = "GET", data: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[int, bytes, str | None]:
    request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read(), answer.headers.get("Content-Type")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers.get("Content-Type")


def test_presigned_urls_work_until_they_expire_and_not_when_changed(stack: LocalStack) -> None:
    bucket = stack.stack.physical_id("Bucket")
    s3 = boto3.client("s3", endpoint_url=stack.files.url, config=Config(signature_version="s3v4"))
    upload = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "a b/ü.csv", "ContentType": "text/csv"}, ExpiresIn=60)
    assert fetch(upload, "PUT", b"x,y\n", {"Content-Type": "text/csv"})[0] == 200
    assert fetch(upload, "PUT", b"x,y\n", {"Content-Type": "text/html"})[0] == 403
    assert boto3.client("s3").get_object(Bucket=bucket, Key="a b/ü.csv")["Body"].read() == b"x,y\n"
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b/ü.csv"}, ExpiresIn=60)
    assert fetch(url) == (200, b"x,y\n", "text/csv")
    assert fetch(url, headers={"Range": "bytes=2-"})[:2] == (206, b"y\n")
    assert fetch(url.replace("%C3%BC", "u"))[0] == 403
    assert fetch(f"{stack.files.url}/{bucket}/a%20b/%C3%BC.csv")[0] == 403
    gone = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b/ü.csv"}, ExpiresIn=-1)
    assert fetch(gone)[0] == 403


def test_stacks_follow_one_another_empty_and_leave_no_trace_in_the_environment() -> None:
    # the module's stack is up, so a second one must be refused and must not disturb it
    with pytest.raises(RuntimeError, match="another LocalStack"):
        LocalStack(toy.template()).start()
    assert boto3.client("sqs").list_queues()["QueueUrls"]


def provision(resources: dict[str, Any], **rest: Any) -> Any:
    return Provisioner({"Resources": resources, **rest}, "x", {}).run()


def test_unknown_types_references_and_circles_are_named(stack: LocalStack) -> None:
    with pytest.raises(TemplateError, match="AWS::Redshift::Cluster"):
        provision({"A": {"Type": "AWS::Redshift::Cluster"}})
    with pytest.raises(TemplateError, match="no such resource or parameter: Nowhere"):
        provision({"A": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "Nowhere"}}}})
    topic = {"Type": "AWS::SNS::Topic"}
    with pytest.raises(TemplateError, match="A -> B -> A"):
        provision({"A": {**topic, "DependsOn": "B"}, "B": {**topic, "Properties": {"DisplayName": {"Fn::GetAtt": ["A", "Arn"]}}}})
    with pytest.raises(TemplateError, match="only one"):
        function = {"Type": "AWS::Serverless::Function", "Properties": {"Handler": "a.b", "Environment": {"Variables": {"V": "1"}}}}
        other = {"Type": "AWS::Serverless::Function", "Properties": {"Handler": "a.b", "Environment": {"Variables": {"V": "2"}}}}
        provision({"F": function, "G": other})
