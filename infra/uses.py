"""Records which function makes which call to AWS while the local stack runs, as the IAM action and the resource that call needs.

`RECORD_CALLS=folder` turns it on in every process that starts a stack; each writes a file there when its stack stops. What is written
is compared with what the template grants by `infra.granted`.
"""

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from botocore.handlers import BUILTIN_HANDLERS

VARIABLE = "RECORD_CALLS"
ASKED = "provide-client-params"  # botocore's event; it is also emitted where an address is signed without a call

Use = tuple[str, str, str]  # function, IAM action, resource
_acting: ContextVar[str] = ContextVar("acting", default="")

# Source: AWS Service Authorization Reference, pages of the services named.
_TRANSACTION = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
_ON_ONE_ITEM = frozenset({"GetItem", "PutItem", "UpdateItem", "DeleteItem"})
# These three answer to the task token alone, and know no resource.
_BY_TOKEN = frozenset({"SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat"})
# Of the user, not of ours: signed by nobody, so that no policy is asked.
_UNSIGNED = frozenset({"InitiateAuth", "RevokeToken", "ForgotPassword", "ConfirmForgotPassword"})
ANYTHING = "*"


@contextmanager
def acting(function: str) -> Iterator[None]:
    """What is called in here, in this thread, is called by this function. function: its name or its logical id in the template."""
    token = _acting.set(function)
    try:
        yield
    finally:
        _acting.reset(token)


def acting_now() -> str:
    """The function that acts in this thread, '' outside of one."""
    return _acting.get()


def needed(service: str, operation: str, asked: dict[str, Any]) -> list[tuple[str, str]]:
    """IAM actions and resources of one call; resources by the name, address or ARN that the call gives.

    Raises: KeyError for a call that nobody taught it, so that none goes unseen.
    """
    return _SERVICES[service](operation, asked)


def _dynamodb(operation: str, asked: dict[str, Any]) -> list[tuple[str, str]]:
    if operation == "TransactWriteItems":
        kinds = [next(iter(item.items())) for item in asked["TransactItems"]]
        return [(f"dynamodb:{_TRANSACTION[kind]}", given["TableName"]) for kind, given in kinds]
    if operation in ("BatchGetItem", "BatchWriteItem"):
        return [(f"dynamodb:{operation}", table) for table in asked["RequestItems"]]
    if operation in ("Query", "Scan") and "IndexName" in asked:
        return [(f"dynamodb:{operation}", f"{asked['TableName']}/index/{asked['IndexName']}")]
    if operation in (*_ON_ONE_ITEM, "Query", "Scan", "DescribeTable"):
        return [(f"dynamodb:{operation}", asked["TableName"])]
    raise KeyError(f"dynamodb {operation}")


def _s3(operation: str, asked: dict[str, Any]) -> list[tuple[str, str]]:
    bucket = asked["Bucket"]
    if operation == "ListObjectsV2":
        return [("s3:ListBucket", bucket)]
    place = f"{bucket}/{_shape(asked['Key'])}"
    if operation == "PutObject":
        return [("s3:PutObject", place), *([("s3:PutObjectTagging", place)] if asked.get("Tagging") else [])]
    if operation == "DeleteObject":
        return [("s3:DeleteObject", place)]
    if operation == "GetObject":  # of a file that is not there S3 says so (404, not 403) to those alone who may list
        return [("s3:GetObject", place), ("s3:ListBucket", bucket)]
    raise KeyError(f"s3 {operation}")


def _shape(key: str) -> str:
    """`<tenant>/images/<whatever>` for a key: a record says what kind of file it was, not which."""
    parts = key.split("/")
    return "/".join(["-", parts[1], "-"]) if len(parts) > 2 else key


def _sqs(operation: str, asked: dict[str, Any]) -> list[tuple[str, str]]:
    return [(f"sqs:{operation}", asked["QueueUrl"])]


def _kms(operation: str, asked: dict[str, Any]) -> list[tuple[str, str]]:
    return [(f"kms:{operation}", asked.get("KeyId") or ANYTHING)]  # a ciphertext names its key by itself


def _secret(operation: str, asked: dict[str, Any]) -> list[tuple[str, str]]:
    return [(f"secretsmanager:{operation}", asked["SecretId"])]


def _states(operation: str, asked: dict[str, Any]) -> list[tuple[str, str]]:
    if operation in _BY_TOKEN:
        return [(f"states:{operation}", ANYTHING)]
    if operation == "StartExecution":
        return [(f"states:{operation}", asked["stateMachineArn"])]
    machine = asked["executionArn"].replace(":execution:", ":stateMachine:").rpartition(":")[0]
    return [(f"states:{operation}", f"{machine}/execution")]


def _users(operation: str, asked: dict[str, Any]) -> list[tuple[str, str]]:
    return [] if operation in _UNSIGNED else [(f"cognito-idp:{operation}", asked["UserPoolId"])]


_SERVICES: dict[str, Callable[[str, dict[str, Any]], list[tuple[str, str]]]] = {
    "cognito-idp": _users,
    "dynamodb": _dynamodb,
    "kms": _kms,
    "s3": _s3,
    "secretsmanager": _secret,
    "sqs": _sqs,
    "stepfunctions": _states,
}


class Recorder:
    """What the functions of one stack used. logical: physical name, id, address or ARN -> logical id in the template."""

    def __init__(self, logical: dict[str, str]) -> None:
        self._logical = logical
        self._lock = threading.Lock()
        self.uses: set[Use] = set()

    def see(self, model: Any, params: dict[str, Any], **_: Any) -> None:
        """botocore's hook, before each call."""
        function = _acting.get()
        if not function:
            return
        found = needed(model.service_model.service_name, model.name, params)
        with self._lock:
            self.uses |= {(self._named(function), action, self._named(resource)) for action, resource in found}

    def _named(self, name: str) -> str:
        if name in self._logical:
            return self._logical[name]
        first, slash, rest = name.partition("/")
        return self._logical.get(first, first) + slash + rest

    def start(self) -> None:
        """Be called by every client that is made from now on."""
        with _hook_lock:
            if not _hooked:
                BUILTIN_HANDLERS.append((ASKED, _forward))
                _hooked.append(True)
        _active.append(self)

    def stop(self, folder: Path) -> None:
        """Write down what was seen."""
        _active.remove(self)
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(sorted(self.uses), indent=0)
        name = hashlib.sha256(text.encode()).hexdigest()[:16]  # the same uses again are the same file again
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


_active: list[Recorder] = []
_hooked: list[bool] = []
_hook_lock = threading.Lock()


def _forward(**event: Any) -> None:
    for recorder in _active:
        recorder.see(**event)


def wanted() -> Path | None:
    """Where to write, None when nobody asked."""
    folder = os.environ.get(VARIABLE)
    return Path(folder) if folder else None


def read(folder: Path) -> set[Use]:
    """All that was recorded there."""
    return {(use[0], use[1], use[2]) for path in sorted(folder.glob("*.json")) for use in json.loads(path.read_text(encoding="utf-8"))}
