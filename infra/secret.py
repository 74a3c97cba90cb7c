"""`make secret NAME=openai STAGE=…`: the platform's key of an AI provider, into the deployment's secret and nowhere else.

The key is typed at a prompt or comes by standard input: on a command line or in the environment others could read it.
"""

import argparse
import getpass
import json
import sys
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.bootstrap import BootstrapError, stack_outputs

PROVIDERS = ("openai", "runware")
OUTPUT = "ProviderKeysArn"


def keys(client: Any, arn: str) -> dict[str, str]:
    """What the secret holds now; nothing when it has no value yet."""
    try:
        held: dict[str, str] = json.loads(client.get_secret_value(SecretId=arn)["SecretString"])
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return {}
        raise
    return held


def store(client: Any, arn: str, name: str, key: str) -> list[str]:
    """Set one provider's key, or with an empty one take it away. Returns the providers that have one now."""
    held = {**keys(client, arn), name: key}
    left = {provider: value for provider, value in held.items() if value}
    client.put_secret_value(SecretId=arn, SecretString=json.dumps(left))
    return sorted(left)


def asked(name: str) -> str:
    """The key as typed, not shown, or as given by standard input. Raises: BootstrapError when there is none."""
    key = (getpass.getpass(f"API key of {name} (not shown): ") if sys.stdin.isatty() else sys.stdin.readline()).strip()
    if not key:
        raise BootstrapError("No key was given. Nothing was changed; REMOVE=1 takes a key away.")
    return key


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make secret")
    parser.add_argument("--stage", required=True)
    parser.add_argument("--name", choices=PROVIDERS, required=True)
    parser.add_argument("--remove", action="store_true", help="take the key away")
    options = parser.parse_args(arguments)
    try:
        outputs = stack_outputs(boto3.client("cloudformation"), options.stage)
        if OUTPUT not in outputs:
            raise BootstrapError(f"The stack has no output {OUTPUT}; deploy this version first: make deploy STAGE={options.stage}")
        key = "" if options.remove else asked(options.name)
        held = store(boto3.client("secretsmanager"), outputs[OUTPUT], options.name, key)
    except (BootstrapError, BotoCoreError, ClientError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.stage} has keys of: {', '.join(held) or 'nobody'}. Running functions take them up within ten minutes.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
