"""A small application for testing the local stack: its template and its handlers."""

import base64
import hashlib
import json
import os
import threading
from typing import Any

import boto3

seen: list[Any] = []
failures: dict[str, int] = {}
_lock = threading.Lock()


class Flaky(Exception):
    """Passes when tried again."""


class Hopeless(Exception):
    """Never passes."""


def double(event: Any, context: Any) -> Any:
    assert context.get_remaining_time_in_millis() > 0
    return {"n": event["n"] * 2}


def flaky(event: Any, context: Any) -> Any:
    with _lock:
        failures["flaky"] = failures.get("flaky", 0) + 1
        if failures["flaky"] < 3:
            raise Flaky("not yet")
    return event


def hopeless(event: Any, context: Any) -> Any:
    raise Hopeless("never")


def worker(event: Any, context: Any) -> Any:
    """Answers task tokens; a record whose body says so fails."""
    failed = []
    for record in event["Records"]:
        body = json.loads(record["body"])
        seen.append(body)
        if body.get("fail"):
            failed.append({"itemIdentifier": record["messageId"]})
        elif "token" in body:
            client = boto3.client("stepfunctions")
            if body["image"] == 3:
                client.send_task_failure(taskToken=body["token"], error="BadImage", cause="number three")
            else:
                client.send_task_success(taskToken=body["token"], output=json.dumps({"drawn": body["image"]}))
    return {"batchItemFailures": failed}


def tick(event: Any, context: Any) -> None:
    with _lock:
        failures["tick"] = failures.get("tick", 0) + 1
        if failures["tick"] == 1:
            raise Flaky("first time")
    seen.append({"tick": event["detail-type"], "table": os.environ["TABLE_NAME"]})


def watch(event: Any, context: Any) -> None:
    for record in event["Records"]:
        seen.append((record["eventName"], record["dynamodb"]["Keys"]["sk"]["S"], record["dynamodb"].get("NewImage", {}).get("v")))


def _function(handler: str, **properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::Serverless::Function", "Properties": {"Handler": f"tests.infra.toy_template.{handler}", **properties}}


def _key(*names: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=False)]


DEFINITION = {
    "StartAt": "Numbers",
    "States": {
        "Numbers": {
            "Type": "Map",
            "ItemsPath": "$.numbers",
            "MaxConcurrency": 3,
            "ItemSelector": {"n.$": "$$.Map.Item.Value"},
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "INLINE"},
                "StartAt": "Double",
                "States": {
                    "Double": {
                        "Type": "Task",
                        "Resource": "arn:aws:states:::lambda:invoke",
                        "Parameters": {"FunctionName": "${double}", "Payload.$": "$"},
                        "OutputPath": "$.Payload",
                        "End": True,
                    }
                },
            },
            "ResultPath": "$.doubled",
            "Next": "Flaky",
        },
        "Flaky": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": "${flaky}", "Payload.$": "$"},
            "OutputPath": "$.Payload",
            "Retry": [{"ErrorEquals": ["Flaky"], "IntervalSeconds": 1, "MaxAttempts": 3, "BackoffRate": 1.0}],
            "Next": "Hopeless",
        },
        "Hopeless": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": "${hopeless}", "Payload.$": "$"},
            "Catch": [{"ErrorEquals": ["Hopeless"], "ResultPath": "$.error", "Next": "Images"}],
            "End": True,
        },
        "Images": {
            "Type": "Map",
            "ItemsPath": "$.images",
            "MaxConcurrency": 4,
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "INLINE"},
                "StartAt": "Draw",
                "States": {
                    "Draw": {
                        "Type": "Task",
                        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                        "TimeoutSeconds": 60,
                        "Parameters": {"QueueUrl": "${queue}", "MessageBody": {"token.$": "$$.Task.Token", "image.$": "$"}},
                        "Catch": [{"ErrorEquals": ["BadImage"], "ResultPath": "$", "Next": "Skipped"}],
                        "End": True,
                    },
                    "Skipped": {"Type": "Pass", "End": True},
                },
            },
            "ResultPath": "$.drawn",
            "End": True,
        },
    },
}


def template() -> dict[str, Any]:
    attributes = [{"AttributeName": n, "AttributeType": t} for n, t in (("pk", "S"), ("sk", "S"), ("lp", "S"), ("v", "N"))]
    return {
        "Parameters": {"Stage": {"Type": "String", "Default": "local"}, "MaxReceives": {"Type": "Number", "Default": 2}},
        "Conditions": {"IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}, "IsLocal": {"Fn::Not": [{"Condition": "IsProd"}]}},
        "Globals": {
            "Function": {
                "Runtime": "python3.11",
                "Timeout": 30,
                "Environment": {"Variables": {"TABLE_NAME": {"Ref": "Table"}, "STAGE": {"Ref": "Stage"}}},
            }
        },
        "Resources": {
            "Machine": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {
                    "StateMachineName": {"Fn::Sub": "toy-${Stage}"},
                    "DefinitionString": json.dumps(DEFINITION),
                    "DefinitionSubstitutions": {
                        "double": {"Fn::GetAtt": ["Double", "Arn"]},
                        "flaky": {"Fn::GetAtt": "Flaky.Arn"},
                        "hopeless": {"Fn::Sub": "${Hopeless.Arn}"},
                        "queue": {"Ref": "Queue"},
                    },
                    "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                },
            },
            "Double": _function("double"),
            "Flaky": _function(
                "flaky", Environment={"Variables": {"MACHINE_ARN": {"Fn::Sub": "arn:${AWS::Partition}:states:x:toy-${Stage}"}}}
            ),
            "Hopeless": _function("hopeless"),
            "Worker": _function(
                "worker",
                Events={
                    "Source": {
                        "Type": "SQS",
                        "Properties": {
                            "Queue": {"Fn::GetAtt": ["Queue", "Arn"]},
                            "BatchSize": 5,
                            "FunctionResponseTypes": ["ReportBatchItemFailures"],
                        },
                    }
                },
            ),
            "Tick": _function("tick", Events={"Every": {"Type": "Schedule", "Properties": {"Schedule": "rate(5 minutes)"}}}),
            "Watch": _function(
                "watch",
                Events={"Source": {"Type": "DynamoDB", "Properties": {"Stream": {"Fn::GetAtt": ["Table", "StreamArn"]}, "BatchSize": 10}}},
            ),
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}},
            "Queue": {
                "Type": "AWS::SQS::Queue",
                "Properties": {
                    "VisibilityTimeout": 180,
                    "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": {"Ref": "MaxReceives"}},
                },
            },
            "Dead": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Fn::Join": ["-", ["toy", {"Ref": "Stage"}, "dead"]]}}},
            "Table": {
                "Type": "AWS::DynamoDB::Table",
                "Properties": {
                    "AttributeDefinitions": attributes,
                    "KeySchema": _key("pk", "sk"),
                    "BillingMode": "PAY_PER_REQUEST",
                    "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
                    "DeletionProtectionEnabled": {"Fn::If": ["IsProd", True, {"Ref": "AWS::NoValue"}]},
                    "GlobalSecondaryIndexes": [
                        {"IndexName": "byV", "KeySchema": _key("lp", "v"), "Projection": {"ProjectionType": "ALL"}},
                    ],
                },
            },
            "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {}},
            "Pool": {"Type": "AWS::Cognito::UserPool", "Properties": {"UserPoolName": "toy"}},
            "Client": {
                "Type": "AWS::Cognito::UserPoolClient",
                "Properties": {
                    "UserPoolId": {"Ref": "Pool"},
                    "ExplicitAuthFlows": ["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
                },
            },
            "Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": {}}},
            "Alias": {"Type": "AWS::KMS::Alias", "Properties": {"AliasName": "alias/toy", "TargetKeyId": {"Ref": "Key"}}},
            "Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {"GenerateSecretString": {"PasswordLength": 40}}},
            "Alarm": {"Type": "AWS::CloudWatch::Alarm", "Condition": "IsProd", "Properties": {}},
            "Logs": {"Type": "AWS::Logs::LogGroup", "Condition": "IsLocal", "Properties": {"LogGroupName": "/toy"}},
        },
        "Outputs": {"Name": {"Value": {"Fn::Sub": ["${stage}-${Table}-${!literal}", {"stage": {"Ref": "Stage"}}]}}},
    }


def fingerprint(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()
