"""What the journal keeps survives `kill -9`, with the identities that tokens and sealed values refer to."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.local.stack import LocalStack
from tests.infra import toy_template as toy

ROOT = Path(__file__).resolve().parents[2]

CHILD = """
import base64, json, os, sys, time
from pathlib import Path
import boto3
from moto.sqs.models import sqs_backends
from infra.local.stack import LocalStack
from tests.infra import toy_template as toy

stack = LocalStack(toy.template(), Path(sys.argv[1])).start()
made = stack.stack
d = boto3.client("dynamodb")
table = made.physical_id("Table")
for i in range(20):
    item = {"pk": {"S": "a"}, "sk": {"S": str(i)}, "lp": {"S": "L"}, "v": {"N": str(i)}}
    item |= {"b": {"B": b"\\x00\\xff"}, "l": {"L": [{"M": {"x": {"SS": ["q"]}}}]}}
    d.put_item(TableName=table, Item=item)
d.delete_item(TableName=table, Key={"pk": {"S": "a"}, "sk": {"S": "3"}})
d.transact_write_items(TransactItems=[
    {"Update": {"TableName": table, "Key": {"pk": {"S": "a"}, "sk": {"S": str(i)}}, "UpdateExpression": "SET v = :v",
                "ExpressionAttributeValues": {":v": {"N": "100"}}}} for i in (4, 5)])
boto3.client("s3").put_object(Bucket=made.physical_id("Bucket"), Key="k/1", Body=b"bytes", ContentType="image/png", Metadata={"m": "1"})
boto3.client("s3").put_object(Bucket=made.physical_id("Bucket"), Key="k/2", Body=b"gone")
boto3.client("s3").delete_object(Bucket=made.physical_id("Bucket"), Key="k/2")
sqs = boto3.client("sqs")
for i in range(3):
    sqs.send_message(QueueUrl=made.physical_id("Queue"), MessageBody=json.dumps({"i": i}),
                     MessageAttributes={"n": {"DataType": "String", "StringValue": "v"}})
got = sqs.receive_message(QueueUrl=made.physical_id("Queue"), MaxNumberOfMessages=2)["Messages"]
sqs.delete_message(QueueUrl=made.physical_id("Queue"), ReceiptHandle=got[0]["ReceiptHandle"])
c = boto3.client("cognito-idp")
pool, client = made.physical_id("Pool"), made.physical_id("Client")
c.admin_create_user(UserPoolId=pool, Username="u1", UserAttributes=[{"Name": "email", "Value": "a@b.test"}], MessageAction="SUPPRESS")
c.admin_set_user_password(UserPoolId=pool, Username="u1", Password="Pass-word-1!", Permanent=True)
tokens = c.admin_initiate_auth(UserPoolId=pool, ClientId=client, AuthFlow="ADMIN_USER_PASSWORD_AUTH",
                               AuthParameters={"USERNAME": "u1", "PASSWORD": "Pass-word-1!"})["AuthenticationResult"]
sealed = boto3.client("kms").encrypt(KeyId=made.physical_id("Key"), Plaintext=b"secret", EncryptionContext={"t": "1"})["CiphertextBlob"]
boto3.client("stepfunctions").start_execution(stateMachineArn=made.physical_id("Machine"), name="r",
    input=json.dumps({"numbers": [], "images": [1]}))
queue = sqs_backends["123456789012"]["us-east-1"].queues["igny8-local-Queue"]
while not any("token" in message.body for message in list(queue._messages)):
    time.sleep(0.01)
print(json.dumps({"pool": pool, "client": client, "key": made.physical_id("Key"), "secret": made.physical_id("Secret"),
    "value": boto3.client("secretsmanager").get_secret_value(SecretId=made.physical_id("Secret"))["SecretString"],
    "refresh": tokens["RefreshToken"], "access": tokens["AccessToken"], "sealed": base64.b64encode(sealed).decode()}), flush=True)
time.sleep(60)
"""


@pytest.fixture
def killed(tmp_path: Path) -> dict[str, str]:
    """What a process that was killed without warning had told us."""
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    with child.stdout:
        line = child.stdout.readline()
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    told: dict[str, str] = json.loads(line)
    return told


def test_everything_acknowledged_is_there_after_kill_9(killed: dict[str, str], tmp_path: Path) -> None:
    import base64

    with LocalStack(toy.template(), tmp_path) as stack:
        made = stack.stack
        assert stack.restored == {"items": 19, "objects": 1, "messages": 3, "users": 1}
        names = {"pool": "Pool", "client": "Client", "key": "Key", "secret": "Secret"}
        assert {name: made.physical_id(logical) for name, logical in names.items()} == {name: killed[name] for name in names}

        rows = boto3.client("dynamodb").query(
            TableName=made.physical_id("Table"),
            IndexName="byV",
            KeyConditionExpression="lp = :l AND v > :v",
            ExpressionAttributeValues={":l": {"S": "L"}, ":v": {"N": "17"}},
        )["Items"]
        assert [row["sk"]["S"] for row in rows] == ["18", "19", "4", "5"]
        assert rows[0]["b"] == {"B": b"\x00\xff"} and rows[0]["l"] == {"L": [{"M": {"x": {"SS": ["q"]}}}]}

        stored = boto3.client("s3").get_object(Bucket=made.physical_id("Bucket"), Key="k/1")
        assert (stored["Body"].read(), stored["ContentType"], stored["Metadata"]) == (b"bytes", "image/png", {"m": "1"})

        cognito = boto3.client("cognito-idp")
        again = cognito.admin_initiate_auth(
            UserPoolId=killed["pool"],
            ClientId=killed["client"],
            AuthFlow="REFRESH_TOKEN_AUTH",
            AuthParameters={"REFRESH_TOKEN": killed["refresh"]},
        )
        assert again["AuthenticationResult"]["AccessToken"]
        user = cognito.get_user(AccessToken=killed["access"])
        assert user["Username"] == "u1" and {"Name": "email", "Value": "a@b.test"} in user["UserAttributes"]

        assert boto3.client("secretsmanager").get_secret_value(SecretId=killed["secret"])["SecretString"] == killed["value"]
        opened = boto3.client("kms").decrypt(CiphertextBlob=base64.b64decode(killed["sealed"]), EncryptionContext={"t": "1"})
        assert opened["Plaintext"] == b"secret"

        sqs = boto3.client("sqs")
        waiting = sqs.receive_message(
            QueueUrl=made.physical_id("Queue"), MaxNumberOfMessages=10, AttributeNames=["All"], MessageAttributeNames=["All"]
        )
        counts = {m["Body"]: m["Attributes"]["ApproximateReceiveCount"] for m in waiting["Messages"] if "token" not in m["Body"]}
        assert counts == {'{"i": 1}': "2", '{"i": 2}': "1"}
        token = next(json.loads(m["Body"])["token"] for m in waiting["Messages"] if "token" in m["Body"])
        with pytest.raises(ClientError) as dead:
            boto3.client("stepfunctions").send_task_success(taskToken=token, output="{}")
        assert dead.value.response["Error"]["Code"] == "TaskTimedOut"


def test_a_stopped_stack_is_found_again_and_another_directory_is_empty(tmp_path: Path) -> None:
    key = {"pk": {"S": "a"}, "sk": {"S": "1"}}
    with LocalStack(toy.template(), tmp_path / "one") as stack:
        first = stack.stack.physical_id("Pool")
        boto3.client("dynamodb").put_item(TableName="igny8-local-Table", Item=key)
        boto3.client("cognito-idp").admin_create_user(UserPoolId=first, Username="u", MessageAction="SUPPRESS")
        boto3.client("cognito-idp").admin_delete_user(UserPoolId=first, Username="u")
        boto3.client("secretsmanager").put_secret_value(SecretId=stack.stack.physical_id("Secret"), SecretString="new")
    assert "TABLE_NAME" not in os.environ and "MOTO_S3_CUSTOM_ENDPOINTS" not in os.environ
    with LocalStack(toy.template(), tmp_path / "one") as stack:
        assert stack.stack.physical_id("Pool") == first
        assert boto3.client("dynamodb").get_item(TableName="igny8-local-Table", Key=key)["Item"] == key
        assert boto3.client("cognito-idp").list_users(UserPoolId=first)["Users"] == []
        assert boto3.client("secretsmanager").get_secret_value(SecretId=stack.stack.physical_id("Secret"))["SecretString"] == "new"
    with LocalStack(toy.template(), tmp_path / "two") as stack:
        assert stack.stack.physical_id("Pool") != first
        assert "Item" not in boto3.client("dynamodb").get_item(TableName="igny8-local-Table", Key=key)
    assert (tmp_path / "one" / "state.sqlite3").stat().st_mode & 0o077 == 0
