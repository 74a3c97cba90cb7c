"""Deploying: against a simulated AWS and a small template (no simulator expands SAM)."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra.changes import Change
from infra.deploy import CLOSED, DeployError, Deployment, asking, parameters, smoke_test, with_code_at

FAST = {"Delay": 0, "MaxAttempts": 5}


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "nobody")
    with mock_aws():
        yield boto3.Session(region_name="eu-west-1")


def package(folder: Path, *, topic: str = "news") -> Path:
    (folder / "deployment.zip").write_bytes(b"code")
    template = {
        "Parameters": {"Name": {"Type": "String", "Default": topic}, "Kept": {"Type": "String", "Default": "a"}},
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "Name"}}}},
    }
    (folder / "sam.json").write_text(json.dumps(template))
    return folder


def stack(session: Any) -> tuple[str, dict[str, str]]:
    """Name and parameters of the only stack."""
    (found,) = session.client("cloudformation").describe_stacks()["Stacks"]
    return found["StackName"], {p["ParameterKey"]: p["ParameterValue"] for p in found["Parameters"]}


def topics(session: Any) -> list[str]:
    return [t["TopicArn"].rpartition(":")[2] for t in session.client("sns").list_topics()["Topics"]]


def test_the_first_deployment_makes_its_bucket_and_the_stack(session: Any, tmp_path: Path) -> None:
    deployment = Deployment(session, "dev", wait=FAST)
    url = deployment.upload(package(tmp_path))
    assert deployment.apply(url, {"Name": "first"})
    assert stack(session) == ("igny8-dev", {"Name": "first", "Kept": "a"})
    assert topics(session) == ["first"]
    access = session.client("s3").get_public_access_block(Bucket=deployment.bucket)["PublicAccessBlockConfiguration"]
    assert set(access.values()) == {True}


def test_a_later_deployment_keeps_parameters_that_are_not_given(session: Any, tmp_path: Path) -> None:
    deployment = Deployment(session, "dev", wait=FAST)
    url = deployment.upload(package(tmp_path))
    deployment.apply(url, {"Name": "first", "Kept": "b"})
    assert deployment.apply(url, {"Name": "second"})
    assert stack(session) == ("igny8-dev", {"Name": "second", "Kept": "b"})
    assert topics(session) == ["second"]


def test_an_unknown_parameter_stops_before_anything_is_made(session: Any, tmp_path: Path) -> None:
    deployment = Deployment(session, "dev", wait=FAST)
    with pytest.raises(DeployError, match="no such parameter: Nmae"):
        deployment.apply(deployment.upload(package(tmp_path)), {"Nmae": "x"})
    assert session.client("cloudformation").list_stacks()["StackSummaries"] == []


class TestTheBucketOfArtifacts:
    def test_one_that_is_named_must_exist(self, session: Any, tmp_path: Path) -> None:
        with pytest.raises(DeployError, match="bucket mistyped cannot be used"):
            Deployment(session, "dev", "mistyped", wait=FAST).upload(package(tmp_path))
        assert session.client("s3").list_buckets()["Buckets"] == []

    @pytest.mark.parametrize("closed", [{}, {"BlockPublicAcls": True}])
    def test_one_that_may_be_public_is_not_used(self, session: Any, tmp_path: Path, closed: dict[str, bool]) -> None:
        s3 = session.client("s3")
        s3.create_bucket(Bucket="mine", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        if closed:
            s3.put_public_access_block(Bucket="mine", PublicAccessBlockConfiguration={**dict.fromkeys(CLOSED, False), **closed})
        with pytest.raises(DeployError, match="mine may be open to the public"):
            Deployment(session, "dev", "mine", wait=FAST).upload(package(tmp_path))
        assert "Contents" not in s3.list_objects_v2(Bucket="mine")

    def test_all_that_is_asked_of_it_names_its_owner(self, session: Any, tmp_path: Path) -> None:
        """The default name can be guessed; a bucket of that name that is somebody else's must not get our code."""
        deployment, asked = Deployment(session, "dev", wait=FAST), []
        for operation in ("HeadBucket", "PutObject"):
            deployment._s3.meta.events.register(f"provide-client-params.s3.{operation}", lambda params, **_: asked.append(params))
        deployment.upload(package(tmp_path))
        assert {p.get("ExpectedBucketOwner") for p in asked} == {deployment.account} and len(asked) == 3

    def test_the_same_package_has_the_same_place(self, session: Any, tmp_path: Path) -> None:
        deployment = Deployment(session, "dev", wait=FAST)
        url = deployment.upload(package(tmp_path))
        assert deployment.upload(package(tmp_path)) == url
        assert deployment.upload(package(tmp_path, topic="other")) != url
        assert session.client("s3").list_objects_v2(Bucket=deployment.bucket)["KeyCount"] == 3  # one zip, two templates


def test_a_package_of_another_stage_is_refused(session: Any, tmp_path: Path) -> None:
    made = package(tmp_path)
    template = json.loads((made / "sam.json").read_text())
    function = {"CodeUri": "./deployment.zip", "Environment": {"Variables": {"STAGE": "dev"}}}
    template["Resources"]["F"] = {"Type": "AWS::Serverless::Function", "Properties": function}
    (made / "sam.json").write_text(json.dumps(template))
    with pytest.raises(DeployError, match="was packaged for stage dev, not prod"):
        Deployment(session, "prod", wait=FAST).upload(made)
    assert session.client("s3").list_buckets()["Buckets"] == []


class TestWhatWouldChange:
    def test_it_is_shown_before_it_happens(self, session: Any, tmp_path: Path) -> None:
        shown: list[Change] = []
        deployment = Deployment(session, "dev", wait=FAST)
        deployment.apply(deployment.upload(package(tmp_path)), {}, shown.extend)
        assert [str(change) for change in shown] == ["+ Topic (AWS::SNS::Topic)"]

    def test_what_is_refused_is_not_made(self, session: Any, tmp_path: Path) -> None:
        def refuse(found: list[Change]) -> None:
            raise DeployError("no")

        deployment = Deployment(session, "dev", wait=FAST)
        url = deployment.upload(package(tmp_path))
        deployment.apply(url, {"Name": "first"})
        with pytest.raises(DeployError, match="no"):
            deployment.apply(url, {"Name": "second"}, refuse)
        assert topics(session) == ["first"]
        left = session.client("cloudformation").list_change_sets(StackName="igny8-dev")["Summaries"]
        assert [change["ExecutionStatus"] for change in left] == ["EXECUTE_COMPLETE"]  # the first; the refused one is gone

    @pytest.mark.parametrize(
        ("change", "endangers"),
        [
            (Change("Remove", "AppTable", "AWS::DynamoDB::Table"), True),
            (Change("Modify", "AppTable", "AWS::DynamoDB::Table", "True"), True),
            (Change("Modify", "UserPool", "AWS::Cognito::UserPool", "Conditional"), True),
            (Change("Modify", "AppTable", "AWS::DynamoDB::Table", "False"), False),
            (Change("Add", "AppTable", "AWS::DynamoDB::Table"), False),
            (Change("Remove", "AlarmTopic", "AWS::SNS::Topic"), False),
            (Change("Modify", "Stage1", "AWS::Lambda::Function", "True"), False),
        ],
        ids=str,
    )
    def test_what_holds_data_is_not_lost_by_a_yes(self, monkeypatch: pytest.MonkeyPatch, change: Change, endangers: bool) -> None:
        assert change.endangers is endangers
        monkeypatch.setenv("YES", "1")
        if endangers:
            with pytest.raises(DeployError, match=f"{change.name} would be left behind"):
                asking([change])
        monkeypatch.setenv("YES", "replace")
        asking([change])

    @pytest.mark.parametrize(("answer", "goes_on"), [("y", True), ("yes", True), ("", False), ("no", False)])
    def test_whoever_sits_there_is_asked(self, monkeypatch: pytest.MonkeyPatch, answer: str, goes_on: bool) -> None:
        monkeypatch.delenv("YES", raising=False)
        monkeypatch.setattr("sys.stdin", Terminal(f"{answer}\n"))
        if goes_on:
            asking([Change("Add", "A", "T")])
        else:
            with pytest.raises(DeployError, match="nothing was changed"):
                asking([Change("Add", "A", "T")])

    def test_they_are_counted_and_named(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("YES", "1")
        asking([Change("Add", "A", "T"), Change("Modify", "B", "T", "True"), Change("Remove", "C", "T")])
        assert capsys.readouterr().out.splitlines() == [
            "1 to add, 1 to change, 1 to remove; 1 of them replaced",
            "  + A (T)",
            "  ~ B (T)  REPLACED",
            "  - C (T)",
        ]


class TestWhatFails:
    def test_the_causes_come_first_and_only_those_of_this_time(self, session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        deployment = Deployment(session, "dev", wait=FAST)
        pages = [[event("Late", "CREATE_FAILED", "cancelled"), event("Queue", "CREATE_FAILED", "limit exceeded")]]
        pages += [
            [event("igny8-dev", "UPDATE_IN_PROGRESS"), event("Old", "CREATE_FAILED", "last year"), event("igny8-dev", "CREATE_IN_PROGRESS")]
        ]
        deployment._cloudformation = Events(pages)
        assert deployment._reasons() == ["Queue (T): limit exceeded", "Late (T): cancelled"]

    @pytest.mark.parametrize(
        ("status", "said"),
        [
            ("UPDATE_IN_PROGRESS", "another deployment is going on"),
            ("ROLLBACK_COMPLETE", "delete the stack"),
            ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
        ],
    )
    def test_a_stack_that_cannot_be_updated_says_what_it_needs(self, session: Any, status: str, said: str) -> None:
        deployment = Deployment(session, "dev", wait=FAST)
        deployment._cloudformation = Events([], status)
        with pytest.raises(DeployError, match=said):
            deployment.apply("https://x/t.json", {})


class Terminal(StringIO):
    """Somebody sits there."""

    def isatty(self) -> bool:
        return True


def event(name: str, status: str, reason: str = "") -> dict[str, str]:
    return {"LogicalResourceId": name, "ResourceStatus": status, "ResourceType": "T", "ResourceStatusReason": reason}


class Events:
    """CloudFormation with these pages of events, the newest first; all it is asked for."""

    def __init__(self, pages: list[list[dict[str, str]]], status: str = "") -> None:
        self._pages, self._status = pages, status

    def get_paginator(self, operation: str) -> "Events":
        assert operation == "describe_stack_events"
        return self

    def paginate(self, **_: str) -> Iterator[dict[str, Any]]:
        yield from ({"StackEvents": page} for page in self._pages)

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        return {"Stacks": [{"StackStatus": self._status}]}


def test_every_function_takes_its_code_from_the_upload() -> None:
    template = {"Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "./deployment.zip"}}}}
    assert with_code_at(template, "b", "k")["Resources"]["F"]["Properties"]["CodeUri"] == {"Bucket": "b", "Key": "k"}
    assert template["Resources"]["F"]["Properties"]["CodeUri"] == "./deployment.zip"


def test_parameters_are_pairs() -> None:
    assert parameters("A=1 B=x=y C=") == {"A": "1", "B": "x=y", "C": ""}
    with pytest.raises(DeployError, match="not B"):
        parameters("A=1 B")


class _Api(BaseHTTPRequestHandler):
    answers: list[int] = []  # noqa: RUF012 - set by each test

    def do_GET(self) -> None:
        self.send_response(self.answers.pop(0))
        self.end_headers()
        self.wfile.write(self.path.encode())

    def log_message(self, *_: Any) -> None:
        """Silent."""


@pytest.fixture
def api() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Api)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/live/"
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_smoke_test_waits_for_a_new_api(api: str) -> None:
    _Api.answers = [500, 403, 200]
    assert smoke_test(api, pause_seconds=0) == "/live/api/v1/health"


def test_the_smoke_test_gives_up(api: str) -> None:
    _Api.answers = [500, 500]
    with pytest.raises(DeployError, match="HTTP Error 500"):
        smoke_test(api, attempts=2, pause_seconds=0)
