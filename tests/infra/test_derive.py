"""What the build derives from the app: policies, event sources, log groups, alarms, the state machine's wiring."""

import json
from typing import Any

import pytest

from infra import derive
from infra.derive import BuildError


def function(timeout_seconds: int = 60, **events: dict[str, Any]) -> dict[str, Any]:
    return {"Type": derive.FUNCTION, "Properties": {"Timeout": timeout_seconds, "Events": events}}


def sqs(queue: str) -> dict[str, Any]:
    return {
        "Type": "SQS",
        "Properties": {"Queue": {"Fn::Sub": f"arn:${{AWS::Partition}}:sqs:${{AWS::Region}}:${{AWS::AccountId}}:{queue}"}},
    }


QUEUES = {
    "Resources": {
        "ImagesQueue": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 360, "RedrivePolicy": {}}},
        "ImagesDeadLetters": {"Type": "AWS::SQS::Queue", "Properties": {}},
        "PipelineRole": {"Properties": {"Policies": [{"PolicyName": "observe"}]}},
    }
}


class TestPolicies:
    page: dict[str, Any] = {  # noqa: RUF012 - never changed
        "functions": {"api_handler": {"table": "GetItem Query", "table/byC": "Query", "ops": "Query GetItem"}, "stage_1": {}},
        "resources": {name: {"service": "dynamodb", "arn": name.upper()} for name in ("table", "table/byC", "ops")},
    }

    def test_a_function_gets_what_the_page_says_and_its_own_logs(self) -> None:
        documents = derive.policies(self.page)
        table, index, *_ = statements = documents["api_handler"]["Statement"]
        assert [s["Sid"] for s in statements] == ["Table", "TableByc", "Logs", "Traces"]
        assert (table["Action"], table["Resource"]) == (["dynamodb:GetItem", "dynamodb:Query"], ["TABLE", "OPS"])
        assert (index["Action"], index["Resource"]) == (["dynamodb:Query"], ["TABLE/BYC"])
        assert documents["stage_1"]["Statement"][0]["Resource"]["Fn::Sub"].endswith("/aws/lambda/${AWS::StackName}-Stage1-*")
        assert statements[2]["Resource"]["Fn::Sub"].endswith("-APIHandler-*")

    def test_an_unknown_resource_is_named(self) -> None:
        with pytest.raises(BuildError, match=r"stage_1 names unknown resources \['tabel'\]"):
            derive.policies({"functions": {"stage_1": {"tabel": "GetItem"}}, "resources": {}})

    def test_every_policy_fits_into_its_role(self) -> None:
        """Source: IAM quotas: the inline policies of a role have 10,240 characters, white space not counted."""
        for name, document in derive.policies(derive.permissions()).items():
            assert len(json.dumps(document, separators=(",", ":"))) < 10_240, name

    def test_every_statement_of_the_real_page_grants_named_actions_only(self) -> None:
        for document in derive.policies(derive.permissions()).values():
            sids = [s["Sid"] for s in document["Statement"]]
            assert len(set(sids)) == len(sids)
            for statement in document["Statement"]:
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                assert not [a for a in actions if "*" in a]


class TestEventSources:
    def test_a_queue_consumer_reads_our_queue_and_reports_partial_failures(self) -> None:
        app = {"Resources": {"ImageWorker": function(60, Source=sqs("images"))}}
        derived = derive.event_sources(app, QUEUES)["Resources"]["ImageWorker"]["Properties"]["Events"]["Source"]["Properties"]
        assert derived == {
            "Queue": {"Fn::Sub": "${ImagesQueue.Arn}"},
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "ScalingConfig": {"MaximumConcurrency": {"Ref": "ImagesConcurrency"}},
        }

    def test_a_stream_consumer_reads_the_table(self) -> None:
        app = {"Resources": {"Stats": function(60, Source={"Type": "DynamoDB", "Properties": {"Stream": "x"}})}}
        derived = derive.event_sources(app, QUEUES)["Resources"]["Stats"]["Properties"]["Events"]["Source"]["Properties"]
        assert derived["Stream"] == {"Fn::GetAtt": ["AppTable", "StreamArn"]}
        assert derived["FunctionResponseTypes"] == ["ReportBatchItemFailures"]

    def test_schedules_stay_as_they_are(self) -> None:
        app = {"Resources": {"Sweeper": function(60, Tick={"Type": "Schedule", "Properties": {}})}}
        assert derive.event_sources(app, QUEUES) == {"Resources": {}}

    def test_an_unknown_queue_is_named(self) -> None:
        with pytest.raises(BuildError, match=r"queue 'pictures', but .* has no PicturesQueue"):
            derive.event_sources({"Resources": {"W": function(60, Source=sqs("pictures"))}}, QUEUES)

    def test_a_message_must_not_come_back_while_it_is_worked_on(self) -> None:
        with pytest.raises(BuildError, match="VisibilityTimeout 360 is under 6 x 61 s"):
            derive.event_sources({"Resources": {"W": function(61, Source=sqs("images"))}}, QUEUES)


class TestPipeline:
    app: dict[str, Any] = {"Resources": {"Stage1": function(), "RunControl": function()}}  # noqa: RUF012 - never changed

    def test_placeholders_become_functions_and_queues_and_exactly_those_permissions(self) -> None:
        made = derive.pipeline(self.app, QUEUES, "${stage_1} ${run_control} ${images_queue_url} ${stage_1}")["Resources"]
        assert made["Pipeline"]["Properties"]["DefinitionSubstitutions"] == {
            "stage_1": {"Fn::GetAtt": ["Stage1", "Arn"]},
            "run_control": {"Fn::GetAtt": ["RunControl", "Arn"]},
            "images_queue_url": {"Ref": "ImagesQueue"},
        }
        observe, work = made["PipelineRole"]["Properties"]["Policies"]
        assert observe == {"PolicyName": "observe"}
        assert [(s["Action"], s["Resource"]) for s in work["PolicyDocument"]["Statement"]] == [
            ("lambda:InvokeFunction", [{"Fn::GetAtt": ["RunControl", "Arn"]}, {"Fn::GetAtt": ["Stage1", "Arn"]}]),
            ("sqs:SendMessage", [{"Fn::GetAtt": ["ImagesQueue", "Arn"]}]),
        ]

    @pytest.mark.parametrize("name", ["stage_9", "pictures_queue_url", "ImagesQueue"])
    def test_an_unknown_placeholder_is_named(self, name: str) -> None:
        with pytest.raises(BuildError, match=name):
            derive.pipeline(self.app, QUEUES, f"${{{name}}}")


def test_every_function_and_dead_letter_queue_is_watched() -> None:
    made = derive.logs_and_alarms({"Resources": {"Stage1": function()}}, QUEUES)["Resources"]
    assert sorted(made) == ["ImagesDeadLettersAlarm", "ImagesQueueAgeAlarm", "Stage1ErrorsAlarm", "Stage1Logs"]
    assert made["Stage1Logs"]["Properties"]["LogGroupName"] == {"Fn::Sub": "/aws/lambda/${Stage1}"}
    assert made["ImagesDeadLettersAlarm"]["Properties"]["Threshold"] == 0


class TestResources:
    def test_sections_are_merged_and_contradictions_refused(self) -> None:
        assert derive.combine({"R": {"a": 1}}, {"R": {"b": 2}, "S": 3}) == {"R": {"a": 1, "b": 2}, "S": 3}
        with pytest.raises(BuildError, match="/R/a is said twice"):
            derive.combine({"R": {"a": 1}}, {"R": {"a": 1}})

    def test_what_holds_customers_data_outlives_the_stack(self) -> None:
        resources = derive.resources()["Resources"]
        for name in ("AppTable", "Bucket", "UserPool", "SecretsKey"):
            assert resources[name]["DeletionPolicy"] == resources[name]["UpdateReplacePolicy"] == "Retain", name
        assert resources["AppTable"]["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}

    def test_every_queue_of_work_has_dead_letters(self) -> None:
        queues = {n: r["Properties"] for n, r in derive.resources()["Resources"].items() if r.get("Type") == "AWS::SQS::Queue"}
        for name, properties in queues.items():
            if name.endswith("Queue"):
                assert properties["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": [name.replace("Queue", "DeadLetters"), "Arn"]}
