"""Deploys what `make package` built: uploads it, shows what would change, creates or updates the stack, and asks the API for its health."""

import argparse
import copy
import hashlib
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from infra import changes, derive, limits
from infra.changes import Change
from infra.derive import ROOT, Json

APP = "igny8"
HEALTH = "api/v1/health"
# The roles are ours to make, and the template is SAM's to expand.
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
NOTHING_TO_DO = ("didn't contain changes", "No updates are to be performed")
WAIT: Any = {"Delay": 10, "MaxAttempts": 360}
CLOSED = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
# What a stack in one of these states needs before it can be updated.
# Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html (stack status codes)
NOT_NOW = {
    "ROLLBACK_COMPLETE": "its first deployment failed; delete the stack and what it kept (tables, bucket, user pool, key), then deploy",
    "ROLLBACK_FAILED": "its first deployment failed and could not be undone; delete the stack, then deploy",
    "UPDATE_ROLLBACK_FAILED": "an update could not be undone; `aws cloudformation continue-update-rollback`, then deploy",
    "DELETE_FAILED": "it could not be deleted; see its events",
}


class DeployError(Exception):
    """The deployment cannot start or did not succeed; the message says why and what to do."""


def parameters(text: str) -> dict[str, str]:
    """`Name=value Name=value` as a mapping. Raises: DeployError."""
    pairs = [pair.partition("=") for pair in text.split()]
    wrong = [name for name, equals, _ in pairs if not equals]
    if wrong:
        raise DeployError(f"PARAMETERS wants Name=value pairs, not {' '.join(wrong)}")
    return {name: value for name, _, value in pairs}


def with_code_at(template: Json, bucket: str, key: str) -> Json:
    """The template with every function's code at s3://bucket/key."""
    moved = copy.deepcopy(template)
    for properties in derive.functions(moved).values():
        properties["CodeUri"] = {"Bucket": bucket, "Key": key}
    return moved


def agreed_by_default(found: list[Change]) -> None:
    """Whoever deploys has seen the changes elsewhere, or there is nobody to ask."""


class Deployment:
    """One stack of one stage, named `igny8-<stage>`, in the account and region of the session. bucket: of artifacts, one that exists;
    by default one of a fixed name, made when it is missing."""

    def __init__(self, session: Any, stage: str, bucket: str | None = None, wait: Any = None) -> None:
        self._wait = wait or WAIT
        self._stage = stage
        self._makes_bucket = bucket is None
        self._bucket_is_good = False
        self.stack = f"{APP}-{stage}"
        self._s3 = session.client("s3")
        self._cloudformation = session.client("cloudformation")
        self.region: str = session.region_name
        self.account = session.client("sts").get_caller_identity()["Account"]
        self.bucket = bucket or f"{APP}-artifacts-{self.account}-{self.region}"

    def upload(self, package: Path) -> str:
        """Put zip and template under names made from their contents. Returns the template's URL.

        Raises: DeployError when the package is of another stage, or the bucket is missing, another account's or open to the public.
        """
        template = json.loads((package / "sam.json").read_text(encoding="utf-8"))
        if wrong := {stage for stage in _stages(template) if stage != self._stage}:
            raise DeployError(f"{package} was packaged for stage {', '.join(wrong)}, not {self._stage}")
        self._need_bucket()
        code = (package / "deployment.zip").read_bytes()
        key = self._put(code, "zip")
        text = limits.compact(with_code_at(template, self.bucket, key)).encode()
        return f"https://{self.bucket}.s3.{self.region}.amazonaws.com/{self._put(text, 'json')}"

    def _need_bucket(self) -> None:
        # Its name can be guessed, so the owner is named too: whoever made such a bucket before us would be handed our code, and could
        # change what CloudFormation reads.
        if self._bucket_is_good:
            return
        try:
            self._s3.head_bucket(Bucket=self.bucket, ExpectedBucketOwner=self.account)
        except ClientError as missing:
            if not self._makes_bucket or missing.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
                raise DeployError(f"bucket {self.bucket} cannot be used ({missing}); name one of your own by ARTIFACTS=bucket") from missing
            where = {} if self.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": self.region}}
            self._s3.create_bucket(Bucket=self.bucket, **where)
            self._s3.put_public_access_block(Bucket=self.bucket, PublicAccessBlockConfiguration=dict.fromkeys(CLOSED, True))
        else:
            self._need_closed_bucket()
        self._bucket_is_good = True

    def _need_closed_bucket(self) -> None:
        try:
            closed = self._s3.get_public_access_block(Bucket=self.bucket)["PublicAccessBlockConfiguration"]
        except ClientError as missing:
            if missing.response["Error"]["Code"] != "NoSuchPublicAccessBlockConfiguration":
                raise
            closed = {}
        if lacking := [name for name in CLOSED if not closed.get(name)]:
            raise DeployError(
                f"bucket {self.bucket} may be open to the public: `aws s3api put-public-access-block` with {', '.join(lacking)}"
            )

    def _put(self, data: bytes, suffix: str) -> str:
        key = f"{self.stack}/{hashlib.sha256(data).hexdigest()[:32]}.{suffix}"
        self._s3.put_object(Bucket=self.bucket, Key=key, Body=data, ExpectedBucketOwner=self.account)
        return key

    def apply(self, template_url: str, given: dict[str, str], agreed: Callable[[list[Change]], None] = agreed_by_default) -> bool:
        """Create or update the stack; parameters that are not given keep their value. Returns whether anything changed.

        agreed: is shown the changes before they are made, and raises DeployError to have them left.
        Raises: DeployError with the first reasons CloudFormation gives.
        """
        exists, kept = self._parameters_now()
        declared = self._cloudformation.get_template_summary(TemplateURL=template_url)["Parameters"]
        unknown = given.keys() - {p["ParameterKey"] for p in declared}
        if unknown:
            raise DeployError(f"no such parameter: {', '.join(sorted(unknown))}")
        values: list[Json] = [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()]
        names = {p["ParameterKey"] for p in declared}
        values += [{"ParameterKey": name, "UsePreviousValue": True} for name in sorted(kept & names - given.keys())]
        change = f"deploy-{int(time.time() * 1000)}"
        self._cloudformation.create_change_set(
            StackName=self.stack,
            ChangeSetName=change,
            ChangeSetType="UPDATE" if exists else "CREATE",
            TemplateURL=template_url,
            Parameters=values,
            Capabilities=CAPABILITIES,
        )
        if not self._change_set_is_ready(change):
            return False
        try:
            agreed(self._changes(change))
        except DeployError:
            self._cloudformation.delete_change_set(StackName=self.stack, ChangeSetName=change)
            raise
        self._cloudformation.execute_change_set(StackName=self.stack, ChangeSetName=change)
        try:
            waiter = self._cloudformation.get_waiter("stack_update_complete" if exists else "stack_create_complete")
            waiter.wait(StackName=self.stack, WaiterConfig=self._wait)
        except WaiterError as failed:
            raise DeployError("\n  ".join([f"{self.stack} was not deployed:", *self._reasons()])) from failed
        return True

    def _parameters_now(self) -> tuple[bool, set[str]]:
        try:
            stack = self._cloudformation.describe_stacks(StackName=self.stack)["Stacks"][0]
        except ClientError as missing:
            if "does not exist" in str(missing):
                return False, set()
            raise
        if stack["StackStatus"] == "REVIEW_IN_PROGRESS":  # a first deployment that ended before its change set ran
            return False, set()
        if stack["StackStatus"].endswith("_IN_PROGRESS"):
            raise DeployError(f"{self.stack} is {stack['StackStatus']}: another deployment is going on")
        if stack["StackStatus"] in NOT_NOW:
            raise DeployError(f"{self.stack} is {stack['StackStatus']}: {NOT_NOW[stack['StackStatus']]}")
        return True, {p["ParameterKey"] for p in stack.get("Parameters", [])}

    def _change_set_is_ready(self, change: str) -> bool:
        try:
            waiter = self._cloudformation.get_waiter("change_set_create_complete")
            waiter.wait(StackName=self.stack, ChangeSetName=change, WaiterConfig=self._wait)
        except WaiterError as failed:
            made = self._cloudformation.describe_change_set(StackName=self.stack, ChangeSetName=change)
            reason = made.get("StatusReason", str(failed))
            self._cloudformation.delete_change_set(StackName=self.stack, ChangeSetName=change)
            if any(text in reason for text in NOTHING_TO_DO):
                return False
            raise DeployError(f"CloudFormation refuses the template: {reason}") from failed
        return True

    def _changes(self, change: str) -> list[Change]:
        pages: list[Any] = []
        more: dict[str, str] = {}
        while not pages or more:
            pages.append(self._cloudformation.describe_change_set(StackName=self.stack, ChangeSetName=change, **more))
            more = {"NextToken": pages[-1]["NextToken"]} if pages[-1].get("NextToken") else {}
        return changes.of_change_set(pages)

    def _reasons(self) -> list[str]:
        """Why this operation failed: its first five failures, the cause before what was cancelled for it."""
        failed: list[Json] = []
        for page in self._cloudformation.get_paginator("describe_stack_events").paginate(StackName=self.stack):
            for event in page["StackEvents"]:  # the newest first
                if event["ResourceStatus"].endswith("FAILED"):
                    failed.insert(0, event)
                if event["LogicalResourceId"] == self.stack and event["ResourceStatus"] in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"):
                    return [_reason(event) for event in failed[:5]]  # where it began
        return [_reason(event) for event in failed[:5]]

    def outputs(self) -> dict[str, str]:
        """What the stack tells: addresses, names, ids."""
        stack = self._cloudformation.describe_stacks(StackName=self.stack)["Stacks"][0]
        return {o["OutputKey"]: o["OutputValue"] for o in stack.get("Outputs", [])}


def _reason(event: Json) -> str:
    return f"{event['LogicalResourceId']} ({event['ResourceType']}): {event.get('ResourceStatusReason', 'no reason given')}"


def _stages(template: Json) -> set[str]:
    """Stages that the functions are told they run in."""
    found = (properties.get("Environment", {}).get("Variables", {}).get("STAGE") for properties in derive.functions(template).values())
    return {str(stage) for stage in found if stage}


def asking(found: list[Change]) -> None:
    """Show the changes; ask whoever sits there, unless YES is set. What endangers data needs YES=replace, whoever asks.

    Raises: DeployError when they are not wanted.
    """
    print(changes.summary(found))
    wanted = os.environ.get("YES", "")
    if endangered := [change.name for change in found if change.endangers]:
        if wanted != "replace":
            raise DeployError(
                f"{', '.join(endangered)} would be left behind or begun anew, and what is in there is not moved; nothing was changed. "
                "When that is meant: YES=replace"
            )
    elif not wanted and sys.stdin.isatty() and input("Make these changes? [y/N] ").strip().lower() not in ("y", "yes"):
        raise DeployError("nothing was changed")


def smoke_test(endpoint: str, attempts: int = 6, pause_seconds: float = 5.0) -> str:
    """Ask the API for its health until it answers 200. Returns the body. Raises: DeployError."""
    url = f"{endpoint.rstrip('/')}/{HEALTH}"
    problem = "never asked"
    for attempt in range(attempts):
        if attempt:
            time.sleep(pause_seconds)  # a new API takes some seconds to be known everywhere
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, TimeoutError) as failed:
            problem = str(failed)
    raise DeployError(f"deployed, but {url} does not answer: {problem}. To go back: check the last good commit out and make deploy again")


def main(arguments: list[str] | None = None) -> int:
    """Deploy one stage. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m infra.deploy", description=__doc__)
    parser.add_argument("--stage", required=True)
    parser.add_argument("--package", type=Path, default=ROOT / "build" / "deploy")
    options = parser.parse_args(arguments)
    session = boto3.Session()
    try:
        given = parameters(os.environ.get("PARAMETERS", ""))
        if session.get_credentials() is None or not session.region_name:
            raise DeployError(
                "AWS credentials and a region are missing: set AWS_PROFILE (or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY) "
                "and AWS_REGION, in the environment or in .env. Nothing was deployed. Without AWS: make demo, make serve."
            )
        deployment = Deployment(session, options.stage, os.environ.get("ARTIFACTS") or None)
        print(f"deploying {deployment.stack} to {deployment.region} by way of s3://{deployment.bucket}")
        changed = deployment.apply(deployment.upload(options.package), given, asking)
        outputs = deployment.outputs()
        print("deployed" if changed else "nothing has changed since the last deployment")
        for name, value in sorted(outputs.items()):
            print(f"  {name} = {value}")
        print(f"health: {smoke_test(outputs['EndpointURL'])}")
        return 0
    except (DeployError, BotoCoreError, ClientError) as problem:
        print(f"infra.deploy: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
