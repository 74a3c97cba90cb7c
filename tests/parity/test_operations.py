"""What operators rely on: a rule that fires, policies in force, the first system user of a deployment."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.derive import ROOT
from tests.e2e.blackbox.client import Api
from tests.e2e.blackbox.making import keywords, name
from tests.parity.conftest import place
from tests.parity.waiting import until


@pytest.fixture
def every_minute() -> Iterator[str]:
    """The rule of the scheduler's function, firing each minute instead of each five."""
    events, (function,) = boto3.client("events"), _functions("Scheduler")
    (rule,) = events.list_rule_names_by_target(TargetArn=function["FunctionArn"])["RuleNames"]
    before = events.describe_rule(Name=rule)["ScheduleExpression"]
    events.put_rule(Name=rule, ScheduleExpression="rate(1 minute)")
    yield str(function["FunctionName"])
    events.put_rule(Name=rule, ScheduleExpression=before)


def _functions(logical_id: str) -> list[dict[str, Any]]:
    found = [f for page in boto3.client("lambda").get_paginator("list_functions").paginate() for f in page["Functions"]]
    return [f for f in found if f["FunctionName"].startswith(f"igny8-local-{logical_id}-")]


def _invocations(function: str) -> int:
    group = f"/aws/lambda/{function}"
    return len(boto3.client("logs").filter_log_events(logGroupName=group, filterPattern="START")["events"])


@pytest.mark.timeout(400)
def test_a_schedule_fires_and_starts_what_is_due_once(owner: Api, every_minute: str) -> None:
    where = place(owner, target="static")
    keywords(owner, where, *(f"{kind} moka pot" for kind in ("small", "large", "steel", "red", "best")))
    due = datetime.now(UTC) + timedelta(minutes=1)
    at: dict[str, Any] = {"site_id": where["site_id"]}
    settings = {"enabled": True, "frequency": "hourly", "time": f"00:{due.minute:02}", "time_zone": "UTC"}
    saved = owner.put("automation/config/", settings, params=at).data
    assert saved["next_run_at"].startswith(due.strftime("%Y-%m-%dT%H:%M"))

    def runs() -> list[dict[str, Any]]:
        return owner.every("automation/runs/", **at)

    until(runs, bool)
    fired = _invocations(every_minute)
    until(lambda: _invocations(every_minute), lambda count: count > fired)  # once more, and nothing is due
    time.sleep(1)
    (run,) = runs()
    assert run["trigger"] == "scheduled"
    until(lambda: owner.get(f"automation/runs/{run['id']}/").data["status"], lambda status: status == "completed")
    assert owner.get("automation/config/", **at).data["next_run_at"] > saved["next_run_at"]
    assert {page["status"] for page in owner.every("writer/content/", **where)} == {"published"}


def test_policies_are_in_force(outputs: dict[str, str]) -> None:
    """The engine judges what the functions do by their roles: it refuses what a role of ours does not allow."""
    iam, sts = boto3.client("iam"), boto3.client("sts")
    (sweeper,) = _functions("Sweeper")
    role = iam.get_role(RoleName=sweeper["Role"].rpartition("/")[2])["Role"]["Arn"]
    keys = sts.assume_role(RoleArn=role, RoleSessionName="parity")["Credentials"]
    as_sweeper = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    key = {"pk": {"S": "none"}, "sk": {"S": "none"}}
    table = as_sweeper.client("dynamodb")
    assert table.put_item(TableName=outputs["TableName"], Item=key)["ResponseMetadata"]["HTTPStatusCode"] == 200
    for refused in (
        lambda: table.delete_item(TableName=outputs["TableName"], Key=key),
        lambda: table.scan(TableName=outputs["TableName"]),
        lambda: as_sweeper.client("s3").list_objects_v2(Bucket=outputs["BucketName"]),
        lambda: as_sweeper.client("secretsmanager").get_secret_value(SecretId=outputs["SigningSecretArn"]),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            refused()


def test_bootstrap_makes_the_first_system_user(public: Api) -> None:
    email = f"{name('operator')}@example.com"
    command = [sys.executable, "-m", "infra.bootstrap", "--stage", "local", "--email", email]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    password = re.search(r"Password, shown once: (\S+)", done.stdout)
    assert password, done
    assert public.sign_in(email, password[1]).get("auth/me/").data["role"] == "developer"
