"""The state machine's lint finds what AWS would refuse and what not every engine can run."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from infra.check_asl import our_errors, problems

RETRY = {"ErrorEquals": ["Retryable"], "IntervalSeconds": 2, "MaxAttempts": 4, "MaxDelaySeconds": 60, "JitterStrategy": "FULL"}
GOOD: dict[str, Any] = {
    "StartAt": "Work",
    "States": {
        "Work": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": "${stage_1}", "Payload.$": "$"},
            "OutputPath": "$.Payload",
            "Retry": [RETRY],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Broken"}],
            "Next": "More",
        },
        "More": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.remaining", "NumericGreaterThan": 0, "Next": "Each"}],
            "Default": "Done",
        },
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.ids",
            "MaxConcurrency": 4,
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "INLINE"},
                "StartAt": "Draw",
                "States": {
                    "Draw": {
                        "Type": "Task",
                        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                        "TimeoutSeconds": 3600,
                        "Parameters": {"QueueUrl": "${images_queue_url}", "MessageBody": {"token.$": "$$.Task.Token", "id.$": "$"}},
                        "Catch": [{"ErrorEquals": ["States.Timeout", "States.HeartbeatTimeout"], "Next": "Late"}],
                        "End": True,
                    },
                    "Late": {"Type": "Pass", "Parameters": {"Output": "late"}, "End": True},
                },
            },
            "Next": "Done",
        },
        "Broken": {"Type": "Fail", "Error": "StageFailed"},
        "Done": {"Type": "Succeed"},
    },
}


def states(definition: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = definition["States"]
    return found


def draw(definition: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = states(definition)["Each"]["ItemProcessor"]["States"]["Draw"]
    return found


def test_a_good_definition_passes() -> None:
    assert problems(GOOD, our_errors()) == []


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda d: d.update(StartAt="Nowhere"), "StartAt names 'Nowhere'"),
        (lambda d: states(d)["Each"].update(Next="Nowhere"), "top/Each: leads to 'Nowhere'"),
        (lambda d: states(d)["More"].update(Default="Draw"), "top/More: leads to 'Draw', which is no state here"),
        (lambda d: states(d)["Work"].pop("Catch"), "top/Broken: nothing leads here"),
        (lambda d: states(d)["Work"].update(End=True), "top/Work: needs either Next or End"),
        (lambda d: states(d)["More"].pop("Default"), "top/More: a Choice without Default"),
        (lambda d: draw(d).pop("TimeoutSeconds"), "may be waited for a year"),
        (lambda d: states(d)["Work"].pop("OutputPath"), "keep only the Payload"),
        (lambda d: states(d)["Work"].update(Resource="arn:aws:states:::states:startExecution.sync"), "outside the portable subset"),
        (lambda d: states(d)["Work"].update(Assign={"x": 1}), "Assign is outside the portable subset"),
        (lambda d: d.update(QueryLanguage="JSONata"), "QueryLanguage is outside the portable subset"),
        (lambda d: states(d)["Done"].update(Type="Parallel"), "type 'Parallel' is outside the portable subset"),
        (lambda d: states(d)["Each"].pop("MaxConcurrency"), "MaxConcurrency must be 1-40"),
        (lambda d: states(d)["Each"]["ItemProcessor"]["ProcessorConfig"].update(Mode="DISTRIBUTED"), "only INLINE maps"),
        (lambda d: draw(d)["Catch"][0].update(ErrorEquals=["States.Timeout"]), "catch both States.HeartbeatTimeout and States.Timeout"),
        (lambda d: draw(d)["Parameters"]["MessageBody"].pop("token.$"), "waits for a token it does not send"),
        (lambda d: draw(d)["Parameters"]["MessageBody"].update(id="$.id"), "'id' is the text '$.id'"),
        (lambda d: draw(d)["Parameters"]["MessageBody"].update({"n.$": 3}), "'n.$' wants a path"),
        (lambda d: states(d)["Work"]["Retry"][0].update(ErrorEquals=["Retriable"]), "'Retriable' is neither"),
        (lambda d: states(d)["Work"]["Retry"][0].update(JitterStrategy="NONE"), "wants MaxDelaySeconds and JitterStrategy FULL"),
        (lambda d: states(d)["Work"]["Retry"][0].update(Attempts=3), "unknown field Attempts"),
        (lambda d: states(d)["Work"]["Catch"].insert(0, {"ErrorEquals": ["States.ALL"], "Next": "Done"}), "must stand alone and last"),
        (lambda d: states(d)["Work"].update(Comment="x" * 1_100_000), "over 1 MB"),
    ],
)
def test_each_fault_is_named(spoil: Callable[[dict[str, Any]], object], sentence: str) -> None:
    definition = copy.deepcopy(GOOD)
    spoil(definition)
    assert any(sentence in found for found in problems(definition, our_errors())), problems(definition, our_errors())


def test_our_errors_are_the_classes_of_the_tree() -> None:
    assert {"AppError", "Retryable", "TableBusy", "OutOfCredits"} <= our_errors()
    assert "ValueError" not in our_errors()
