"""What is deployed, item by item, as `make package` writes it: nothing of it can go missing unnoticed."""

import fnmatch
import json
from collections.abc import Iterator
from typing import Any

import pytest

from infra import derive
from infra.build import template
from infra.target import Target

STAGES = [f"Stage{n}" for n in range(1, 8)]
WORKERS = {"AiWorker": "Ai", "ImageWorker": "Images", "PublishWorker": "Publish"}
SCHEDULES = {
    "Scheduler": "rate(5 minutes)",
    "Sweeper": "rate(5 minutes)",
    "MonthlyGrant": "rate(1 day)",
    "LedgerAudit": "rate(1 day)",
}
OTHERS = ["APIHandler", "RunControl"]


@pytest.fixture(scope="module")
def declared() -> dict[str, Any]:
    """As it is sent: plain JSON."""
    plain: dict[str, Any] = json.loads(json.dumps(template("prod", Target.named("3.13", "arm64"))))
    return plain


@pytest.fixture(scope="module")
def found(declared: dict[str, Any]) -> dict[str, Any]:
    """Logical id -> properties."""
    return {name: resource.get("Properties", {}) for name, resource in declared["Resources"].items()}


def of_type(declared: dict[str, Any], kind: str) -> list[str]:
    return sorted(name for name, resource in declared["Resources"].items() if resource["Type"] == kind)


def events(properties: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from properties.get("Events", {}).values()


class TestFunctions:
    def test_there_are_the_api_the_seven_stages_workers_and_schedules(self, declared: dict[str, Any]) -> None:
        assert set(derive.functions(declared)) == {*STAGES, *WORKERS, *SCHEDULES, *OTHERS}

    def test_all_are_of_the_architecture_python_and_stage_asked_for(self, declared: dict[str, Any]) -> None:
        for name, properties in derive.functions(declared).items():
            assert (properties["Runtime"], properties["Architectures"]) == ("python3.13", ["arm64"]), name
            assert properties["Environment"]["Variables"]["STAGE"] == "prod", name
            assert properties["Tracing"] == "Active" and properties["CodeUri"] == "./deployment.zip", name

    def test_each_has_logs_that_end_and_an_alarm(self, declared: dict[str, Any], found: dict[str, Any]) -> None:
        for name in derive.functions(declared):
            assert found[f"{name}Logs"]["LogGroupName"] == {"Fn::Sub": f"/aws/lambda/${{{name}}}"}
            assert found[f"{name}ErrorsAlarm"]["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": name}}]
        for name in of_type(declared, "AWS::Logs::LogGroup"):
            assert found[name]["RetentionInDays"] == {"Ref": "LogRetentionDays"}, name

    def test_concurrency_is_reserved_for_the_api_and_one_of_each_schedule(self, found: dict[str, Any]) -> None:
        reserved = {n: p["ReservedConcurrentExecutions"] for n, p in found.items() if "ReservedConcurrentExecutions" in p}
        none = {"Ref": "AWS::NoValue"}
        assert reserved == {
            "APIHandler": {"Fn::If": ["ReservesConcurrency", {"Ref": "ApiConcurrency"}, none]},
            **{name: {"Fn::If": ["ReservesConcurrency", 1, none]} for name in SCHEDULES},
        }

    def test_schedules(self, found: dict[str, Any]) -> None:
        assert {n: e["Properties"]["Schedule"] for n, p in found.items() for e in events(p) if e["Type"] == "Schedule"} == SCHEDULES


class TestQueues:
    @pytest.mark.parametrize(("worker", "queue"), WORKERS.items())
    def test_each_has_a_worker_dead_letters_and_partial_batches(self, found: dict[str, Any], worker: str, queue: str) -> None:
        (event,) = events(found[worker])
        assert event["Type"] == "SQS"
        assert event["Properties"]["Queue"] == {"Fn::Sub": f"${{{queue}Queue.Arn}}"}
        assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert event["Properties"]["ScalingConfig"] == {"MaximumConcurrency": {"Ref": f"{queue}Concurrency"}}
        assert found[f"{queue}Queue"]["RedrivePolicy"] == {
            "deadLetterTargetArn": {"Fn::GetAtt": [f"{queue}DeadLetters", "Arn"]},
            "maxReceiveCount": {"Ref": "MaxReceiveCount"},
        }
        assert found[f"{queue}Queue"]["VisibilityTimeout"] >= 6 * found[worker]["Timeout"]
        assert found[f"{queue}DeadLetters"]["MessageRetentionPeriod"] == 14 * 24 * 3600
        assert found[f"{queue}DeadLettersAlarm"]["Threshold"] == 0 and f"{queue}QueueAgeAlarm" in found

    def test_there_are_no_others(self, declared: dict[str, Any]) -> None:
        assert of_type(declared, "AWS::SQS::Queue") == sorted(f"{q}{kind}" for q in WORKERS.values() for kind in ("Queue", "DeadLetters"))


class TestTables:
    def test_the_business_table(self, found: dict[str, Any]) -> None:
        table = found["AppTable"]
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
        assert table["DeletionProtectionEnabled"] is True
        assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
        assert "TimeToLiveSpecification" not in table, "nothing in it may expire"

    def test_nobody_here_reads_its_stream(self, found: dict[str, Any]) -> None:
        """It is for what is attached later (infra/resources/tables.yaml); a reader of ours would want dead letters and an alarm."""
        assert [name for name, properties in found.items() for event in events(properties) if event["Type"] == "DynamoDB"] == []

    def test_the_operations_table(self, found: dict[str, Any]) -> None:
        assert found["OpsTable"]["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
        assert found["OpsTable"]["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}


class TestStorageAndIdentity:
    def test_the_bucket_is_private_speaks_tls_and_forgets(self, declared: dict[str, Any], found: dict[str, Any]) -> None:
        assert of_type(declared, "AWS::S3::Bucket") == ["Bucket"]
        assert set(found["Bucket"]["PublicAccessBlockConfiguration"].values()) == {True}
        assert found["Bucket"]["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        (statement,) = found["BucketPolicy"]["PolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        rules = {rule["Id"]: rule for rule in found["Bucket"]["LifecycleConfiguration"]["Rules"]}
        assert {rule["Status"] for rule in rules.values()} == {"Enabled"}
        assert set(rules) == {"abandoned-uploads", "replaced-versions", "prompts-and-answers"}

    def test_users_keys_and_secrets(self, declared: dict[str, Any], found: dict[str, Any]) -> None:
        assert found["UserPool"]["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
        assert found["UserPoolClient"]["UserPoolId"] == {"Ref": "UserPool"}
        assert found["UserPoolClient"]["PreventUserExistenceErrors"] == "ENABLED"
        assert of_type(declared, "AWS::SecretsManager::Secret") == ["ProviderKeys", "SigningSecret"]
        assert "SecretString" not in json.dumps(found["ProviderKeys"]), "a key has no business in the template"
        assert found["SecretsKey"]["EnableKeyRotation"] is True

    @pytest.mark.parametrize("name", ["AppTable", "Bucket", "UserPool", "SecretsKey", "ProviderKeys"])
    def test_customers_data_stays_when_the_stack_goes(self, declared: dict[str, Any], name: str) -> None:
        resource = declared["Resources"][name]
        assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"


class TestStateMachine:
    def test_it_logs_and_is_traced(self, found: dict[str, Any]) -> None:
        assert found["Pipeline"]["TracingConfiguration"] == {"Enabled": True}
        logging = found["Pipeline"]["LoggingConfiguration"]
        assert logging["Level"] == "ERROR" and logging["IncludeExecutionData"] is False
        assert logging["Destinations"] == [{"CloudWatchLogsLogGroup": {"LogGroupArn": {"Fn::GetAtt": ["PipelineLogs", "Arn"]}}}]

    def test_it_calls_the_seven_stages_and_no_function_that_is_not_there(self, found: dict[str, Any]) -> None:
        called = {v["Fn::GetAtt"][0] for v in found["Pipeline"]["DefinitionSubstitutions"].values() if "Fn::GetAtt" in v}
        assert called == {*STAGES, "RunControl"}


class TestApi:
    def test_all_methods_go_to_the_one_function(self, found: dict[str, Any]) -> None:
        paths = found["RestAPI"]["DefinitionBody"]["paths"]
        for path, methods in paths.items():
            for method, operation in methods.items():
                integration = operation["x-amazon-apigateway-integration"]
                assert integration["type"] == "aws_proxy" and "${APIHandler.Arn}" in integration["uri"]["Fn::Sub"], (method, path)
        assert "/api/v1/health" in paths

    def test_it_is_throttled_traced_and_answers_refusals_itself(self, found: dict[str, Any]) -> None:
        api = found["RestAPI"]
        (settings,) = api["MethodSettings"]
        assert (settings["ResourcePath"], settings["HttpMethod"]) == ("/*", "*")
        assert settings["ThrottlingRateLimit"] == 50 and settings["ThrottlingBurstLimit"] == 100
        assert api["TracingEnabled"] is True and api["EndpointConfiguration"] == "REGIONAL"
        assert {"DEFAULT_4XX", "DEFAULT_5XX", "THROTTLED", "MISSING_AUTHENTICATION_TOKEN", "REQUEST_TOO_LARGE"} <= set(
            api["GatewayResponses"]
        )
        assert all("ResponseTemplates" in response for response in api["GatewayResponses"].values())


class TestWatching:
    def test_every_alarm_tells_the_topic_of_trouble_and_of_its_end(self, declared: dict[str, Any], found: dict[str, Any]) -> None:
        alarms = of_type(declared, "AWS::CloudWatch::Alarm")
        assert len(alarms) > len(derive.functions(declared))
        for name in alarms:
            assert found[name]["AlarmActions"] == found[name]["OKActions"] == [{"Ref": "AlarmTopic"}], name

    def test_the_dashboard_is_json_and_shows_what_is_there(self, declared: dict[str, Any], found: dict[str, Any]) -> None:
        body = found["Dashboard"]["DashboardBody"]["Fn::Sub"]
        widgets = json.loads(body)["widgets"]
        named = {
            name.partition(".")[0] for name in derive.PLACEHOLDER.findall(body.replace("AWS::", "")) if name not in ("StackName", "Region")
        }
        assert len(widgets) >= 10 and named <= set(declared["Resources"])
        for queue in WORKERS.values():
            assert f"${{{queue}Queue.QueueName}}" in body


class TestParametersAndOutputs:
    def test_each_parameter_says_what_it_is_and_has_a_default(self, declared: dict[str, Any]) -> None:
        for name, parameter in declared["Parameters"].items():
            assert parameter["Description"].endswith(".") and "Default" in parameter, name

    @pytest.mark.parametrize(
        "pattern",
        ["EndpointURL", "StateMachineArn", "UserPoolId", "*TableName", "BucketName", "*QueueUrl", "*DeadLettersUrl", "ProviderKeysArn"],
    )
    def test_what_the_commands_need_is_told(self, declared: dict[str, Any], pattern: str) -> None:
        assert fnmatch.filter(declared["Outputs"], pattern)

    def test_two_stages_can_live_in_one_account(self, found: dict[str, Any]) -> None:
        """What has a name of ours has the stack's in it."""
        kinds = ("Table", "Bucket", "Queue", "Role", "StateMachine", "UserPool", "Topic", "Alarm", "LogGroup", "Dashboard", "Secret")
        named = [(resource, kind, p[f"{kind}Name"]) for resource, p in found.items() for kind in kinds if f"{kind}Name" in p]
        assert {kind for _, kind, _ in named} == {"StateMachine", "UserPool", "LogGroup", "Dashboard"}
        for resource, kind, name in named:
            of_function = kind == "LogGroup" and name == {"Fn::Sub": f"/aws/lambda/${{{resource.removesuffix('Logs')}}}"}
            assert of_function or "AWS::StackName" in json.dumps(name), (resource, kind)
