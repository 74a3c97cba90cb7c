"""Dead letters are shown, moved back, and never lost by a command that is cut off."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra import replay


@pytest.fixture
def queues() -> Iterator[tuple[Any, str, str]]:
    with mock_aws():
        sqs = boto3.client("sqs", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
        yield sqs, sqs.create_queue(QueueName="work")["QueueUrl"], sqs.create_queue(QueueName="dead")["QueueUrl"]


def waiting(sqs: Any, url: str) -> int:
    return int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["ApproximateNumberOfMessages"])


def test_showing_moves_nothing_and_moving_moves_all(queues: Any, capsys: pytest.CaptureFixture[str]) -> None:
    sqs, work, dead = queues
    for n in range(23):
        sqs.send_message(QueueUrl=dead, MessageBody=json.dumps({"content": f"c{n}", "token": "a-secret-token", "tenant": "t"}))
    sqs.send_message(QueueUrl=dead, MessageBody="not json")
    assert replay.replay(sqs, work, dead, moving=False, limit=100)["found"] == 24
    assert (waiting(sqs, work), waiting(sqs, dead)) == (0, 24)
    told = replay.replay(sqs, work, dead, moving=True, limit=10)
    assert (told["moved"], waiting(sqs, work)) == (10, 10)
    replay.replay(sqs, work, dead, moving=True, limit=100)
    assert (waiting(sqs, work), waiting(sqs, dead)) == (24, 0)
    bodies = [m["Body"] for _ in range(10) for m in sqs.receive_message(QueueUrl=work, MaxNumberOfMessages=10).get("Messages", [])]
    assert sorted(json.loads(b)["content"] for b in bodies if b != "not json") == sorted(f"c{n}" for n in range(23))
    shown = capsys.readouterr().out
    assert '"content": "c7"' in shown and "a-secret-token" not in shown and "not JSON" in shown


def test_cut_off_between_sending_and_deleting_nothing_is_lost(queues: Any) -> None:
    sqs, work, dead = queues
    sqs.send_message(QueueUrl=dead, MessageBody="{}")

    class CutOff:
        def __getattr__(self, name: str) -> Any:
            if name == "delete_message":
                raise KeyboardInterrupt
            return getattr(sqs, name)

    with pytest.raises(KeyboardInterrupt):
        replay.replay(CutOff(), work, dead, moving=True, limit=5)
    assert waiting(sqs, work) == 1
