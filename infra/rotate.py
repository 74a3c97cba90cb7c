"""`make rotate STAGE=… WHAT=signing|sealed`: another signing secret; or every tenant's secrets sealed anew under the key that is current.

KMS renews the material of its key every year by itself and opens what older material sealed, so `sealed` is only for a key that was
replaced. What each rotation breaks: docs/operations.md.
"""

import argparse
import base64
import json
import secrets
import sys
from collections import Counter
from typing import Any

import boto3
from botocore.exceptions import ClientError

from chalicelib.adapters.kms_secrets import PREFIX
from chalicelib.core.errors import Stale
from chalicelib.core.table import Table, Write
from infra.command import act
from infra.tenant_data import Deployment, Refused, key_of, scanned
from infra.tenant_secrets import SUFFIX, Sealed, sealed

SECRET_BYTES = 48


def renew_signing(client: Any, arn: str, *, at_once: bool = False) -> None:
    """Make another signing secret. The one before it still reads what it has signed, until the next rotation; at_once: not any more."""
    held = client.get_secret_value(SecretId=arn)["SecretString"]
    before = json.loads(held)["key"] if held.startswith("{") else held
    fresh = {"key": secrets.token_urlsafe(SECRET_BYTES)} | ({} if at_once else {"previous": before})
    client.put_secret_value(SecretId=arn, SecretString=json.dumps(fresh))


def reseal(table: Table, kms: Any, key_id: str) -> Counter[str]:
    """Seal every tenant's secrets under `key_id`; the plain text never leaves KMS. Returns how many were resealed, and how many were
    right before. Raises: Refused when one cannot be opened, ClientError."""
    done: Counter[str] = Counter()
    for item in scanned(table):
        if any(name.endswith(SUFFIX) for name in item):
            for secret in sealed(item):
                done[_reseal(table, kms, key_id, secret)] += 1
    return done


def _reseal(table: Table, kms: Any, key_id: str, secret: Sealed) -> str:
    """One secret, if nobody gives another one meanwhile: that one is sealed under the current key."""
    try:
        answer = kms.re_encrypt(
            CiphertextBlob=base64.b64decode(secret.text.removeprefix(PREFIX)),
            SourceEncryptionContext=secret.context,
            DestinationKeyId=key_id,
            DestinationEncryptionContext=secret.context,
        )
    except ClientError as error:
        said = error.response["Error"]["Code"]
        raise Refused(
            f"{' '.join(key_of(secret.item))} {secret.field}: KMS says {said}. Is the key it was sealed under enabled?"
        ) from error
    if _same_key(answer["SourceKeyId"], answer["KeyId"]):
        return "right before"
    fresh = PREFIX + base64.b64encode(answer["CiphertextBlob"]).decode()
    names, values = {"#s": secret.attribute}, {":fresh": fresh, ":old": secret.text}
    write = Write("Update", key_of(secret.item), expression="SET #s = :fresh", condition="#s = :old", names=names, values=values)
    try:
        table.write(write)
    except Stale:
        return "given anew meanwhile"
    return "resealed"


def _same_key(one: str, other: str) -> bool:
    """Whether two names, of which each may be an ARN or an id, are one key's."""
    return one.rpartition("/")[2] == other.rpartition("/")[2]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make rotate")
    parser.add_argument("--stage", required=True)
    parser.add_argument("--what", choices=("signing", "sealed"), required=True)
    parser.add_argument("--at-once", action="store_true", help="the old signing secret ends now: it has leaked")
    asked = parser.parse_args(arguments)

    def renew(here: Deployment) -> int:
        config = here.deps.config
        if asked.what == "sealed":
            done = reseal(here.deps.table, boto3.client("kms"), config.need("kms_key_id"))
            print(", ".join(f"{number} {what}" for what, number in sorted(done.items())) or "There are no sealed secrets.")
        else:
            renew_signing(boto3.client("secretsmanager"), config.need("signing_secret_arn"), at_once=asked.at_once)
            print("Cursors are signed by a new secret." + ("" if asked.at_once else " Those that clients hold go on working."))
        return 0

    return act(asked.stage, renew, again="The command can be started again.")


if __name__ == "__main__":
    sys.exit(main())
