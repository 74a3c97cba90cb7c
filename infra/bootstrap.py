"""`make bootstrap STAGE=… EMAIL=…`: what a new deployment needs before its first customer: plans, catalogue, the first system user.

Reads the names of tables, pool and keys from the stack's outputs. Doing it again stores only what is missing.
"""

import argparse
import os
import secrets
import sys
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core.errors import AppError
from infra.deploy import APP

# output of the stack -> environment variable of the functions
SETTINGS = {
    "TableName": "TABLE_NAME",
    "OpsTableName": "OPS_TABLE_NAME",
    "BucketName": "BUCKET_NAME",
    "UserPoolId": "USER_POOL_ID",
    "UserPoolClientId": "USER_POOL_CLIENT_ID",
    "KmsKeyId": "KMS_KEY_ID",
    "SigningSecretArn": "SIGNING_SECRET_ARN",
}


class BootstrapError(Exception):
    """The message says what is missing and what to do."""


def settings(outputs: Mapping[str, str], stage: str) -> dict[str, str]:
    """The environment that the stack's functions run in. Raises: BootstrapError naming outputs that are missing."""
    missing = [name for name in SETTINGS if name not in outputs]
    if missing:
        raise BootstrapError(f"The stack has no outputs {', '.join(missing)}; deploy this version first: make deploy STAGE={stage}")
    return {"STAGE": stage, **{variable: outputs[name] for name, variable in SETTINGS.items()}}


def stack_outputs(client: Any, stage: str) -> dict[str, str]:
    """Raises: BootstrapError when there is no such stack or no access to it."""
    try:
        stacks = client.describe_stacks(StackName=f"{APP}-{stage}")["Stacks"]
    except (ClientError, BotoCoreError) as error:
        raise BootstrapError(f"The stack {APP}-{stage} cannot be read ({error}). Deploy first: make deploy STAGE={stage}") from error
    return {o["OutputKey"]: o["OutputValue"] for o in stacks[0].get("Outputs", [])}


def enter(stage: str) -> None:
    """Have this process be of the stage, as its functions are. Raises: BootstrapError; BotoCoreError without a region or credentials."""
    cloudformation = boto3.client("cloudformation")
    os.environ.update({**settings(stack_outputs(cloudformation, stage), stage), "AWS_REGION": cloudformation.meta.region_name})


def install(email: str) -> str:
    """Plans, catalogue and the first system user on the deployment of the environment. Returns what to tell the operator."""
    from chalicelib import deps
    from chalicelib.auth.onboarding import create_account
    from chalicelib.auth.users import email_key
    from infra import catalogue

    here = deps.current()
    made = catalogue.install(here)
    told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in made.items())
    if here.table.get(email_key(email)) is not None:
        return f"Stored {told}. The user {email} exists already."
    if here.table.get(("G#SLUG#operator", "META")) is not None:
        raise BootstrapError(f"Stored {told}. The first system user exists already and can invite {email}: POST auth/users/")
    password = secrets.token_urlsafe(18) + "aA1!"
    create_account(
        here,
        name="Operator",
        slug="operator",
        email=email,
        password=password,
        role="developer",
        status="active",
        plan="system",
        system=True,
    )
    return (
        f"Stored {told}.\nFirst system user: {email}\nPassword, shown once: {password}\nSign in and change it: POST auth/password/change/"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", required=True)
    parser.add_argument("--email", required=True)
    asked = parser.parse_args()
    try:
        enter(asked.stage)
        print(install(asked.email))
    except (BootstrapError, AppError, BotoCoreError, ClientError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
