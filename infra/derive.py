"""What follows from the app and must not be listed twice: policies, log groups, alarms, event sources, the state machine's wiring."""

import json
import re
from pathlib import Path
from typing import Any

import yaml
from chalice.utils import to_cfn_resource_name

FUNCTION = "AWS::Serverless::Function"
INFRA = Path(__file__).resolve().parent
ROOT = INFRA.parent
DEFINITION = INFRA / "state_machine.asl.json"
PLACEHOLDER = re.compile(r"\$\{([A-Za-z0-9_]+)\}")
VISIBILITY_FACTOR = 6  # Source: AWS Lambda developer guide, "Using Lambda with Amazon SQS", configuring a queue.

Json = dict[str, Any]


class BuildError(Exception):
    """The app and the infrastructure do not fit together; the message says what to change."""


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms (!Ref, !Sub, !GetAtt ...), without touching yaml's global loader."""


def _intrinsic(loader: _Loader, suffix: str, node: yaml.Node) -> Json:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = str(value).split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {name: value}


_Loader.add_multi_constructor("!", _intrinsic)


def load_yaml(path: Path) -> Json:
    """One YAML file with CloudFormation's short forms written out as `Fn::` objects."""
    loaded = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    assert isinstance(loaded, dict), path
    return loaded


def combine(into: Json, other: Json, where: str = "") -> Json:
    """Merge `other` into `into`, section by section. Raises: BuildError when both say something about the same value."""
    for key, value in other.items():
        if key not in into:
            into[key] = value
        elif isinstance(into[key], dict) and isinstance(value, dict):
            combine(into[key], value, f"{where}/{key}")
        else:
            raise BuildError(f"infra/resources: {where}/{key} is said twice")
    return into


def resources() -> Json:
    """All of infra/resources/*.yaml as one template."""
    template: Json = {}
    for path in sorted((INFRA / "resources").glob("*.yaml")):
        combine(template, load_yaml(path))
    return template


# --- policies ---------------------------------------------------------------------------------------------------------------------


def permissions() -> Json:
    """infra/permissions.yaml."""
    return load_yaml(INFRA / "permissions.yaml")


def policies(page: Json) -> dict[str, Json]:
    """Function name -> IAM policy document, from infra/permissions.yaml. Raises: BuildError on an unknown resource."""
    documents: dict[str, Json] = {}
    for function, granted in page["functions"].items():
        unknown = [name for name in granted if name not in page["resources"]]
        if unknown:
            raise BuildError(f"infra/permissions.yaml: {function} names unknown resources {unknown}")
        documents[function] = {"Version": "2012-10-17", "Statement": [*_statements(granted, page["resources"]), *_observability(function)]}
    return documents


def _statements(granted: dict[str, str], resources: Json) -> list[Json]:
    """One statement for the resources of a service on which the same may be done: a role's policies may have 10,240 characters in all."""
    together: dict[tuple[str, ...], list[str]] = {}
    for name, actions in granted.items():
        service = resources[name]["service"]
        together.setdefault(tuple(f"{service}:{action}" for action in sorted(actions.split())), []).append(name)
    return [
        {"Sid": _sid(names[0]), "Effect": "Allow", "Action": list(actions), "Resource": [resources[name]["arn"] for name in names]}
        for actions, names in together.items()
    ]


def _sid(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", name.title())


def _observability(function: str) -> list[Json]:
    # The function's physical name is not known here without a cycle (function -> role -> function): its prefix is.
    name = "APIHandler" if function == "api_handler" else to_cfn_resource_name(function)
    group = f"arn:${{AWS::Partition}}:logs:${{AWS::Region}}:${{AWS::AccountId}}:log-group:/aws/lambda/${{AWS::StackName}}-{name}-*"
    return [
        {"Sid": "Logs", "Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": {"Fn::Sub": group}},
        {
            "Sid": "Traces",  # these know no resource
            "Effect": "Allow",
            "Action": ["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
            "Resource": "*",
        },
    ]


# --- from the functions Chalice declares ------------------------------------------------------------------------------------------


def functions(template: Json) -> dict[str, Json]:
    """Logical id -> properties of every Lambda function of a SAM template."""
    return {name: r["Properties"] for name, r in template["Resources"].items() if r["Type"] == FUNCTION}


def logs_and_alarms(app: Json, ours: Json) -> Json:
    """A log group and an error alarm per function, an age alarm per queue, an alarm on anything in a dead-letter queue."""
    derived: Json = {}
    for name in functions(app):
        derived[f"{name}Logs"] = {
            "Type": "AWS::Logs::LogGroup",
            "DeletionPolicy": "Delete",
            "UpdateReplacePolicy": "Delete",
            # By Ref of the function, not by a name of ours: Chalice names the API's group after an id it then removes (chalice#2079).
            "Properties": {"LogGroupName": {"Fn::Sub": f"/aws/lambda/${{{name}}}"}, "RetentionInDays": {"Ref": "LogRetentionDays"}},
        }
        derived[f"{name}ErrorsAlarm"] = _alarm(
            f"{name} ended with an error more than five times in five minutes.",
            ("AWS/Lambda", "Errors", "FunctionName", {"Ref": name}),
            threshold=5,
        )
    queues = {name: r for name, r in ours["Resources"].items() if r.get("Type") == "AWS::SQS::Queue"}
    for name, queue in queues.items():
        dimension = {"Fn::GetAtt": [name, "QueueName"]}
        if "RedrivePolicy" in queue["Properties"]:
            derived[f"{name}AgeAlarm"] = _alarm(
                f"The oldest message of {name} has waited for over an hour.",
                ("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", dimension),
                threshold=3600,
                statistic="Maximum",
            )
        else:
            derived[f"{name}Alarm"] = _alarm(
                f"{name} holds messages that failed every delivery: look at them, then redrive or delete.",
                ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", dimension),
                threshold=0,
                statistic="Maximum",
            )
    return {"Resources": derived}


def _alarm(description: str, metric: tuple[str, str, str, Any], *, threshold: int, statistic: str = "Sum") -> Json:
    namespace, name, dimension, value = metric
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": description,
            "Namespace": namespace,
            "MetricName": name,
            "Dimensions": [{"Name": dimension, "Value": value}],
            "Statistic": statistic,
            "Period": 300,
            "EvaluationPeriods": 1,
            "Threshold": threshold,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
            "AlarmActions": [{"Ref": "AlarmTopic"}],
            "OKActions": [{"Ref": "AlarmTopic"}],
        },
    }


def event_sources(app: Json, ours: Json) -> Json:
    """Queue and stream consumers: our queues instead of names, and partial batch failures, which Chalice cannot say.

    `queue="images"` in the app means the resource ImagesQueue. Raises: BuildError when there is none, or when its visibility
    timeout is too short for the function.
    """
    derived: Json = {}
    for name, properties in functions(app).items():
        for event_id, event in properties.get("Events", {}).items():
            if event["Type"] == "SQS":
                queue = _queue(name, properties["Timeout"], event["Properties"]["Queue"], ours)
                # Fn::Sub, as Chalice's own: another intrinsic would be merged beside it
                changed: Json = {
                    "Queue": {"Fn::Sub": f"${{{queue}.Arn}}"},
                    "ScalingConfig": {"MaximumConcurrency": {"Ref": queue.removesuffix("Queue") + "Concurrency"}},
                }
            elif event["Type"] == "DynamoDB":
                changed = {
                    "Stream": {"Fn::GetAtt": ["AppTable", "StreamArn"]},
                    "BisectBatchOnFunctionError": True,
                    "MaximumRetryAttempts": 20,
                }
            else:
                continue
            changed["FunctionResponseTypes"] = ["ReportBatchItemFailures"]
            derived[name] = {"Properties": {"Events": {event_id: {"Properties": changed}}}}
    return {"Resources": derived}


def _queue(function: str, timeout_seconds: int, declared: Any, ours: Json) -> str:
    """Logical id of the queue that a function listens to."""
    queue_name = str(declared.get("Fn::Sub", "")).rpartition(":")[2] if isinstance(declared, dict) else str(declared)
    queue = to_cfn_resource_name(queue_name) + "Queue"
    if queue not in ours["Resources"]:
        raise BuildError(f"{function} listens to queue {queue_name!r}, but infra/resources/queues.yaml has no {queue}")
    visibility = ours["Resources"][queue]["Properties"]["VisibilityTimeout"]
    if visibility < VISIBILITY_FACTOR * timeout_seconds:
        raise BuildError(
            f"{queue}: VisibilityTimeout {visibility} is under {VISIBILITY_FACTOR} x {timeout_seconds} s, the timeout of {function}"
        )
    return queue


def concurrency(app: Json) -> Json:
    """Room of their own in the account's concurrency: the API always has some, and a schedule's function never runs beside itself."""
    reserved: Json = {}
    for name, properties in functions(app).items():
        kinds = {event["Type"] for event in properties.get("Events", {}).values()}
        if name == "APIHandler":
            reserved[name] = {"Ref": "ApiConcurrency"}
        elif "Schedule" in kinds:
            reserved[name] = 1
    return {
        "Resources": {
            name: {"Properties": {"ReservedConcurrentExecutions": {"Fn::If": ["ReservesConcurrency", amount, {"Ref": "AWS::NoValue"}]}}}
            for name, amount in reserved.items()
        }
    }


def runtime(app: Json, python: str) -> Json:
    """The Python that the functions run on, where it is not the one that packages. python: "3.13", or "" for Chalice's choice."""
    return {"Resources": {name: {"Properties": {"Runtime": f"python{python}"}} for name in functions(app)}} if python else {"Resources": {}}


# --- the state machine ------------------------------------------------------------------------------------------------------------


def placeholders(definition: str) -> set[str]:
    """Names used as `${name}` in the text of a state machine's definition."""
    return set(PLACEHOLDER.findall(definition))


def definition() -> str:
    """The state machine's definition as it is sent: without white space. Raises: BuildError when it has not been generated."""
    if not DEFINITION.exists():
        raise BuildError("infra/state_machine.asl.json is missing: run `python -m infra.build asl`")
    return json.dumps(json.loads(DEFINITION.read_text(encoding="utf-8")), separators=(",", ":"))


def pipeline(app: Json, ours: Json, definition: str) -> Json:
    """Definition, substitutions and permissions of the state machine.

    `${stage_1}` is the ARN of the Lambda function stage_1, `${images_queue_url}` the URL of ImagesQueue.
    Raises: BuildError when a placeholder is neither.
    """
    substitutions: Json = {}
    invoked: list[Json] = []
    queues: list[Json] = []
    for name in sorted(placeholders(definition)):
        function = to_cfn_resource_name(name)
        queue = to_cfn_resource_name(name.removesuffix("_queue_url")) + "Queue"
        if function in functions(app):
            substitutions[name] = {"Fn::GetAtt": [function, "Arn"]}
            invoked.append(substitutions[name])
        elif name.endswith("_queue_url") and queue in ours["Resources"]:
            substitutions[name] = {"Ref": queue}
            queues.append({"Fn::GetAtt": [queue, "Arn"]})
        else:
            raise BuildError(f"infra/state_machine.asl.json: ${{{name}}} is neither a Lambda function nor a queue's URL")
    statements = [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": invoked}]
    if queues:
        statements.append({"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queues})
    observe = ours["Resources"]["PipelineRole"]["Properties"]["Policies"]
    work = {"PolicyName": "work", "PolicyDocument": {"Version": "2012-10-17", "Statement": statements}}
    return {
        "Resources": {
            "Pipeline": {"Properties": {"DefinitionString": definition, "DefinitionSubstitutions": substitutions}},
            "PipelineRole": {"Properties": {"Policies": [*observe, work]}},
        }
    }
