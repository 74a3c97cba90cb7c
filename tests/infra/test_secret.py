"""`make secret`: into the secret and nowhere else."""

import io
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra import secret
from infra.bootstrap import BootstrapError


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        secrets = boto3.client("secretsmanager")
        output = {secret.OUTPUT: {"Value": secrets.create_secret(Name="keys")["ARN"]}}  # moto's CloudFormation makes no secrets
        body = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Outputs": output}
        boto3.client("cloudformation").create_stack(StackName="igny8-dev", TemplateBody=json.dumps(body))
        yield secrets


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_a_key_is_set_changed_and_taken_away(account: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (arn,) = [s["ARN"] for s in account.list_secrets()["SecretList"]]
    for text, name in (("sk-one\n", "openai"), ("rw-one\n", "runware"), ("  sk-two  \n", "openai")):
        typed(monkeypatch, text)
        assert secret.main(["--stage", "dev", "--name", name]) == 0
    assert secret.keys(account, arn) == {"openai": "sk-two", "runware": "rw-one"}
    assert secret.main(["--stage", "dev", "--name", "openai", "--remove"]) == 0
    assert secret.keys(account, arn) == {"runware": "rw-one"}
    said = capsys.readouterr()
    assert "keys of: openai, runware" in said.out and not [k for k in ("sk-", "rw-") if k in said.out + said.err]


def test_nothing_typed_changes_nothing(account: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    typed(monkeypatch, "\n")
    assert secret.main(["--stage", "dev", "--name", "openai"]) == 1
    assert "Nothing was changed" in capsys.readouterr().err
    (arn,) = [s["ARN"] for s in account.list_secrets()["SecretList"]]
    assert secret.keys(account, arn) == {}


def test_no_stack(account: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    typed(monkeypatch, "sk-one\n")
    assert secret.main(["--stage", "prod", "--name", "openai"]) == 1
    assert "make deploy STAGE=prod" in capsys.readouterr().err


def test_only_providers_that_are_known() -> None:
    with pytest.raises(SystemExit):
        secret.main(["--stage", "dev", "--name", "somebody"])


def test_an_empty_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, "")
    with pytest.raises(BootstrapError):
        secret.asked("openai")
