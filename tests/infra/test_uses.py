"""What a call to AWS needs, who is making it, and where it is written down."""

from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra import uses
from infra.uses import Recorder, acting, acting_now, needed

QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/ai"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:igny8-local-pipeline"


@pytest.mark.parametrize(
    ("service", "operation", "asked", "expected"),
    [
        ("dynamodb", "GetItem", {"TableName": "t"}, [("dynamodb:GetItem", "t")]),
        ("dynamodb", "Query", {"TableName": "t"}, [("dynamodb:Query", "t")]),
        ("dynamodb", "Query", {"TableName": "t", "IndexName": "byC"}, [("dynamodb:Query", "t/index/byC")]),
        (
            "dynamodb",
            "BatchGetItem",
            {"RequestItems": {"t": {}, "o": {}}},
            [("dynamodb:BatchGetItem", "t"), ("dynamodb:BatchGetItem", "o")],
        ),
        (
            "dynamodb",
            "TransactWriteItems",  # no action of its own: each part needs what it would need alone
            {"TransactItems": [{kind: {"TableName": "t"}} for kind in ("Put", "Update", "Delete", "ConditionCheck")]},
            [(f"dynamodb:{a}", "t") for a in ("PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem")],
        ),
        ("s3", "GetObject", {"Bucket": "b", "Key": "ten/images/i/1.png"}, [("s3:GetObject", "b/-/images/-"), ("s3:ListBucket", "b")]),
        ("s3", "PutObject", {"Bucket": "b", "Key": "ten/tests/x"}, [("s3:PutObject", "b/-/tests/-")]),
        (
            "s3",
            "PutObject",
            {"Bucket": "b", "Key": "ten/prompts/2026/x", "Tagging": "keep-days=30"},
            [("s3:PutObject", "b/-/prompts/-"), ("s3:PutObjectTagging", "b/-/prompts/-")],
        ),
        ("s3", "DeleteObject", {"Bucket": "b", "Key": "odd"}, [("s3:DeleteObject", "b/odd")]),
        ("s3", "ListObjectsV2", {"Bucket": "b"}, [("s3:ListBucket", "b")]),
        ("sqs", "SendMessage", {"QueueUrl": QUEUE}, [("sqs:SendMessage", QUEUE)]),
        ("kms", "Encrypt", {"KeyId": "k"}, [("kms:Encrypt", "k")]),
        ("kms", "Decrypt", {"CiphertextBlob": b""}, [("kms:Decrypt", "*")]),
        ("secretsmanager", "GetSecretValue", {"SecretId": "s"}, [("secretsmanager:GetSecretValue", "s")]),
        ("stepfunctions", "StartExecution", {"stateMachineArn": MACHINE}, [("states:StartExecution", MACHINE)]),
        (
            "stepfunctions",
            "StopExecution",
            {"executionArn": MACHINE.replace(":stateMachine:", ":execution:") + ":r-1"},
            [("states:StopExecution", f"{MACHINE}/execution")],
        ),
        ("stepfunctions", "SendTaskSuccess", {"taskToken": "x"}, [("states:SendTaskSuccess", "*")]),
        ("cognito-idp", "AdminGetUser", {"UserPoolId": "p"}, [("cognito-idp:AdminGetUser", "p")]),
        ("cognito-idp", "InitiateAuth", {"ClientId": "c"}, []),  # the user's own, which no policy is asked for
    ],
)
def test_what_a_call_needs(service: str, operation: str, asked: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert needed(service, operation, asked) == expected


@pytest.mark.parametrize(("service", "operation"), [("dynamodb", "UpdateTable"), ("s3", "HeadObject"), ("sns", "Publish")])
def test_a_call_that_nobody_taught_it_is_an_error(service: str, operation: str) -> None:
    with pytest.raises(KeyError):
        needed(service, operation, {"Bucket": "b", "Key": "k"})


def test_only_calls_inside_a_function_are_its_own() -> None:
    with acting("Outer"):
        with acting("Inner"):
            assert acting_now() == "Inner"
        assert acting_now() == "Outer"
    assert acting_now() == ""


def test_calls_and_signed_addresses_are_written_down_by_logical_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    recorder = Recorder({"igny8-files": "Bucket", "stack-Stage1": "Stage1"})
    with mock_aws():
        recorder.start()
        s3 = boto3.session.Session().client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="igny8-files")  # by nobody: not a function's
        with acting("stack-Stage1"):
            s3.put_object(Bucket="igny8-files", Key="ten/images/one", Body=b"1")
            s3.generate_presigned_url("get_object", Params={"Bucket": "igny8-files", "Key": "ten/sites/one"})
        recorder.stop(tmp_path)
        with acting("stack-Stage1"):
            s3.delete_object(Bucket="igny8-files", Key="ten/images/one")  # nobody listens any more
    assert uses.read(tmp_path) == {
        ("Stage1", "s3:PutObject", "Bucket/-/images/-"),
        ("Stage1", "s3:GetObject", "Bucket/-/sites/-"),
        ("Stage1", "s3:ListBucket", "Bucket"),
    }


def test_files_of_several_processes_are_one_record(tmp_path: Path) -> None:
    for use in (("A", "s3:GetObject", "Bucket"), ("B", "s3:GetObject", "Bucket"), ("A", "s3:GetObject", "Bucket")):
        recorder = Recorder({})
        recorder.start()
        recorder.uses.add(use)
        recorder.stop(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2 and len(uses.read(tmp_path)) == 2
