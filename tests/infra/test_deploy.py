"""Deploying: against a simulated AWS and a small template (no simulator expands SAM)."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra.deploy import DeployError, Deployment, parameters, smoke_test, with_code_at

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
