"""The state machine's definition, generated from the stages: `infra/state_machine.asl.json` is this, and a check holds it.

A portable subset of Amazon States Language (JSONPath, INLINE Map, waitForTaskToken) that simulators and AWS run alike. A stage asks
its Lambda for the next items, does them in a Map, and asks again until nothing remains. Payloads carry ids only.
"""

from typing import Any

from chalicelib.automation.history import EVENTS_AT_START
from chalicelib.automation.stages import STAGES, Stage

# Class names of core.errors (and of Lambda's own service errors) after which asking again may help.
TRANSIENT = ["UpstreamUnavailable", "TableBusy", "PublishBusy", "Stale"]
LAMBDA_FAULTS = [
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "Runtime.ExitError",
    "Runtime.Unknown",  # Source: aws-lambda-go issue 535: what an environment that died while it started was reported as
    "States.Timeout",
    "States.HeartbeatTimeout",
]
EVERYTHING = ["States.ALL"]
IDENTITY = {"tenant.$": "$.tenant", "site.$": "$.site", "run.$": "$.run", "attempt.$": "$.attempt"}


def _retry() -> list[dict[str, Any]]:
    return [
        {
            "ErrorEquals": TRANSIENT,
            "IntervalSeconds": 1,
            "MaxAttempts": 5,
            "BackoffRate": 2,
            "MaxDelaySeconds": 60,
            "JitterStrategy": "FULL",
        },
        {
            "ErrorEquals": LAMBDA_FAULTS,
            "IntervalSeconds": 1,
            "MaxAttempts": 3,
            "BackoffRate": 2,
            "MaxDelaySeconds": 30,
            "JitterStrategy": "FULL",
        },
    ]


def _call(function: str, payload: dict[str, Any], **further: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": f"${{{function}}}", "Payload": payload},
        "Retry": _retry(),
        **further,
    }


def _control(action: str, facts: dict[str, str] | None = None, **further: Any) -> dict[str, Any]:
    return _call("run_control", {"action": action, **(facts or {}), **IDENTITY}, ResultPath=None, **further)


def _stage_states(stage: Stage, after: str) -> dict[str, Any]:
    n = stage.number
    broken = [{"ErrorEquals": EVERYTHING, "ResultPath": "$.error", "Next": "Broken"}]
    ask = _call(
        stage.function,
        {"action": "next", "events.$": "$.work.events", **IDENTITY},
        ResultSelector={
            "go.$": "$.Payload.go",
            "items.$": "$.Payload.items",
            "wait_seconds.$": "$.Payload.wait_seconds",
            "events.$": "$.Payload.events",
        },
        ResultPath="$.work",
        Catch=broken,
        Next=f"Choose{n}",
    )
    choose = {
        "Type": "Choice",
        "Choices": [
            {"Variable": "$.work.go", "StringEquals": "items", "Next": f"Each{n}"},
            {"Variable": "$.work.go", "StringEquals": "done", "Next": f"Between{n}"},
            {"Variable": "$.work.go", "StringEquals": "continue", "Next": "Continue"},
        ],
        "Default": "Halted",
    }
    item = {"item.$": "$.item", "action": "run", **IDENTITY}
    failed = _call(stage.function, {"action": "failed", "item.$": "$.item", "error.$": "$.error", **IDENTITY}, ResultPath=None, End=True)
    caught = [{"ErrorEquals": EVERYTHING, "ResultPath": "$.error", "Next": f"Failed{n}"}]
    if stage.queue:
        do: dict[str, Any] = {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "TimeoutSeconds": stage.timeout_seconds,
            "Parameters": {"QueueUrl": f"${{{stage.queue}_queue_url}}", "MessageBody": {"token.$": "$$.Task.Token", "stage": n, **item}},
            # the queue itself delivers again; only the sending is retried here
            "Retry": [
                {
                    "ErrorEquals": ["SQS.SdkClientException", "SQS.SqsException"],
                    "IntervalSeconds": 1,
                    "MaxAttempts": 4,
                    "BackoffRate": 2,
                    "MaxDelaySeconds": 30,
                    "JitterStrategy": "FULL",
                }
            ],
            "Catch": caught,
            "ResultPath": None,
            "End": True,
        }
    else:
        do = _call(stage.function, item, Catch=caught, ResultPath=None, End=True)
    each = {
        "Type": "Map",
        "ItemsPath": "$.work.items",
        "MaxConcurrency": stage.concurrency,
        "ItemSelector": {"item.$": "$$.Map.Item.Value", **IDENTITY},
        "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": f"Do{n}", "States": {f"Do{n}": do, f"Failed{n}": failed}},
        "ResultPath": None,
        "Catch": broken,
        "Next": f"Within{n}",
    }
    return {
        f"Next{n}": ask,
        f"Choose{n}": choose,
        f"Each{n}": each,
        f"Within{n}": {"Type": "Wait", "SecondsPath": "$.work.wait_seconds", "Next": f"Next{n}"},
        f"Between{n}": {"Type": "Wait", "SecondsPath": "$.work.wait_seconds", "Next": after},
    }


def definition() -> dict[str, Any]:
    """The whole definition; `${name}` are the placeholders the template fills in."""
    broken = [{"ErrorEquals": EVERYTHING, "ResultPath": "$.error", "Next": "Broken"}]
    states: dict[str, Any] = {"Begin": _control("begin", {"execution.$": "$$.Execution.Id"}, Catch=broken, Next="Prepare")}
    states["Prepare"] = {"Type": "Pass", "Result": {"events": EVENTS_AT_START}, "ResultPath": "$.work", "Next": "Next1"}
    for stage in STAGES:
        after = f"Next{stage.number + 1}" if stage.number < len(STAGES) else "Finish"
        states |= _stage_states(stage, after)
    states |= {
        "Finish": _control("finish", Catch=broken, Next="Finished"),
        "Continue": _control("continue", Catch=broken, Next="Halted"),
        "Broken": _control("broken", {"error.$": "$.error"}, Next="Failed"),
        "Finished": {"Type": "Succeed"},
        "Halted": {"Type": "Succeed"},
        "Failed": {"Type": "Fail", "Error": "RunFailed", "Cause": "The run's record says why."},
    }
    return {
        "Comment": "Generated by chalicelib/automation/state_machine.py from stages.py; do not edit.",
        "StartAt": "Begin",
        "States": states,
    }
