"""The platform's keys: read when first needed, kept for a while, and no reason to stop while the service does."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from chalicelib.adapters.platform_keys import KEEP_SECONDS, PlatformKeys
from chalicelib.core.config import Config
from chalicelib.core.context import ProviderChoice
from chalicelib.core.errors import UpstreamUnavailable, ValidationFailed
from chalicelib.deps import text_model


@pytest.fixture
def secrets() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("secretsmanager", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Service:
    """A Secrets Manager that answers, or fails, as it is told. asked: how often."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.asked = answer, 0

    def get_secret_value(self, SecretId: str) -> dict[str, str]:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"SecretString": self.answer}


def test_a_secret_without_a_value_holds_no_keys(secrets: Any) -> None:
    arn = secrets.create_secret(Name="keys")["ARN"]
    assert PlatformKeys(lambda: secrets, arn)() == {}


def test_keys_are_read_once_and_anew_after_a_while(secrets: Any) -> None:
    arn, clock, made = secrets.create_secret(Name="keys", SecretString='{"openai": "sk-1"}')["ARN"], Clock(), []
    keys = PlatformKeys(lambda: made.append(1) or secrets, arn, now=clock)
    assert made == []  # nothing is asked before somebody needs it
    assert keys() == {"openai": "sk-1"}
    secrets.put_secret_value(SecretId=arn, SecretString='{"openai": "sk-2", "runware": "r"}')
    clock.now = KEEP_SECONDS - 1
    assert keys() == {"openai": "sk-1"} and len(made) == 1
    clock.now = KEEP_SECONDS
    assert keys() == {"openai": "sk-2", "runware": "r"} and len(made) == 2


@pytest.mark.parametrize(
    "failure",
    [
        EndpointConnectionError(endpoint_url="https://secretsmanager"),
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetSecretValue"),
    ],
)
def test_while_the_service_fails_what_was_read_holds(failure: Exception) -> None:
    service, clock = Service('{"openai": "sk-1"}'), Clock()
    keys = PlatformKeys(lambda: service, "arn", now=clock)
    keys()
    service.answer, clock.now = failure, KEEP_SECONDS + 1
    assert keys() == {"openai": "sk-1"}
    with pytest.raises(UpstreamUnavailable):
        PlatformKeys(lambda: service, "arn")()


@pytest.mark.parametrize("text", ["sk-1", '["sk-1"]', json.dumps({"openai": None})])
def test_another_form_is_said_without_telling_it(text: str) -> None:
    with pytest.raises(RuntimeError, match="make secret") as said:
        PlatformKeys(lambda: Service(text), "arn")()
    assert "sk-1" not in str(said.value)


class TestConfig:
    def test_a_key_of_this_machine_goes_first_and_asks_nobody(self) -> None:
        service = Service('{"openai": "sk-secret", "runware": "rw"}')
        config = Config(openai_api_key="sk-here", stored_keys=PlatformKeys(lambda: service, "arn"))
        assert config.platform_key("openai") == "sk-here" and service.asked == 0
        assert config.platform_key("runware") == "rw" and service.asked == 1

    def test_keys_are_in_no_representation(self) -> None:
        assert "sk-here" not in repr(Config(openai_api_key="sk-here", runware_api_key="sk-here"))

    def test_the_environment_cannot_name_what_is_no_text(self) -> None:
        assert Config.from_env({"STORED_KEYS": "x", "STAGE": "dev"}).stored_keys() == {}

    def test_a_model_is_made_with_the_stored_key_and_refused_without_one(self) -> None:
        stored = Config(stage="prod", stored_keys=lambda: {"openai": "sk-0123456789abcdef"})
        assert text_model(stored, ProviderChoice("openai")).provider == "openai"
        with pytest.raises(ValidationFailed, match="no API key"):
            text_model(Config(stage="prod"), ProviderChoice("openai"))
