"""What belongs to one tenant, wherever a deployment keeps it: items of both tables, files with their versions, sign-ins."""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3

from chalicelib.core.context import Deps
from chalicelib.core.table import Key, Table
from infra.bootstrap import enter

Wire = dict[str, Any]  # an item in DynamoDB's own JSON: attribute -> {type: value}
BATCH = 25  # Source: DynamoDB API reference, BatchWriteItem
DELETED_AT_ONCE = 1000  # Source: S3 API reference, DeleteObjects
LOCAL = "local"
_DIGEST_MODULUS = 1 << 256


class Refused(Exception):
    """Nothing more is done; the message says why and what to do. status: of the process."""

    status = 1


class Later(Refused):
    """The same command, started again a while later, goes on."""

    status = 3


@dataclass(frozen=True)
class File:
    """size in bytes; etag: the MD5 of what was put in one part. version: of one of its versions."""

    key: str
    size: int = 0
    etag: str = ""
    version: str = ""


@dataclass(frozen=True)
class Deployment:
    """A stage as an operator reaches it. s3, cognito: boto3 clients. restored: the business table is one of an earlier time."""

    deps: Deps
    s3: Any
    cognito: Any
    restored: bool = False

    @classmethod
    def of(cls, deps: Deps) -> "Deployment":
        region = deps.config.aws_region
        return cls(deps, boto3.client("s3", region_name=region), boto3.client("cognito-idp", region_name=region))

    def at(self, restored_table: str) -> "Deployment":
        """The same with the business table that a backup was restored to."""
        deps = self.deps
        return replace(self, deps=replace(deps, table=Table(deps.table.client, restored_table)), restored=True)

    @property
    def bucket(self) -> str:
        return self.deps.config.bucket_name

    @property
    def pool(self) -> str:
        return self.deps.config.user_pool_id

    # -- files
    def files(self, tenant: str) -> Iterator[File]:
        """The tenant's files as they are now."""
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=f"{tenant}/"):
            for found in page.get("Contents", []):
                yield File(found["Key"], found["Size"], found["ETag"].strip('"'))

    def file_versions(self, tenant: str) -> Iterator[File]:
        """Every version of the tenant's files, and the marks of deleted ones."""
        for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=f"{tenant}/"):
            for found in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                yield File(found["Key"], version=found["VersionId"])

    def delete_versions(self, files: Iterable[File]) -> int:
        """Delete these versions for good. Returns how many. Raises: Refused when S3 keeps one."""
        gone = 0
        for part in batches(files, DELETED_AT_ONCE):
            objects = [{"Key": f.key, "VersionId": f.version} for f in part]
            answer = self.s3.delete_objects(Bucket=self.bucket, Delete={"Objects": objects, "Quiet": True})
            if answer.get("Errors"):
                first = answer["Errors"][0]
                raise Refused(f"S3 does not delete {first.get('Key')}: {first.get('Code')} {first.get('Message', '')}")
            gone += len(part)
        return gone

    # -- sign-ins
    def sign_ins(self, tenant: str) -> Iterator[Wire]:
        """The tenant's entries in the user pool, each as {username, email}."""
        pages = self.cognito.get_paginator("list_users").paginate(UserPoolId=self.pool, Filter=f'username ^= "{tenant}."')
        for page in pages:
            for user in page["Users"]:
                attributes = {a["Name"]: a["Value"] for a in user.get("Attributes", [])}
                yield {"username": user["Username"], "email": attributes.get("email", "")}


@contextmanager
def deployment(stage: str) -> Iterator[Deployment]:
    """The stage of this name, or this machine's own data, which nothing else may use meanwhile. Raises: BootstrapError, Trouble."""
    from chalicelib import deps

    if stage != LOCAL:
        enter(stage)
        yield Deployment.of(deps.current())
        return
    from infra.local.session import Session

    with Session(fresh=False, port=0):
        yield Deployment.of(deps.current())


def batches(items: Iterable[Any], size: int = BATCH) -> Iterator[list[Any]]:
    """Lists of at most `size`."""
    part: list[Any] = []
    for item in items:
        part.append(item)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part


# -- items


def items(table: Table, tenant: str) -> Iterator[Wire]:
    """Every item of the tenant, by one reading of the whole table: no partition can be forgotten, also none that a later version adds.

    Its partitions begin with `<tenant>#`; rows of the deployment's own partitions name it in the attribute `tenant`."""
    return scanned(
        table,
        FilterExpression="begins_with(pk, :own) OR #tenant = :tenant",
        ExpressionAttributeNames={"#tenant": "tenant"},
        ExpressionAttributeValues={":own": {"S": f"{tenant}#"}, ":tenant": {"S": tenant}},
    )


def scanned(table: Table, **only: Any) -> Iterator[Wire]:
    """Every item of the table, page by page. only: of Scan, which items."""
    ask: dict[str, Any] = {"TableName": table.name, "ConsistentRead": True, **only}
    while True:
        answer = table.client.scan(**ask)
        yield from answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        ask["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def key_of(item: Wire) -> Key:
    return item["pk"]["S"], item["sk"]["S"]


def put_all(table: Table, found: Iterable[Wire]) -> int:
    """Store items as they are, whatever is there. Returns how many."""
    return _write_all(table, ({"PutRequest": {"Item": item}} for item in found))


def delete_all(table: Table, keys: Iterable[Key]) -> int:
    """Delete items, also such as are gone already. Returns how many."""
    return _write_all(table, ({"DeleteRequest": {"Key": {"pk": {"S": pk}, "sk": {"S": sk}}}} for pk, sk in keys))


def _write_all(table: Table, requests: Iterable[Wire]) -> int:
    done = 0
    for part in batches(requests):
        left = part
        for _ in range(20):  # the client has waited and tried again itself; what is left was throttled alone
            left = table.client.batch_write_item(RequestItems={table.name: left}).get("UnprocessedItems", {}).get(table.name, [])
            if not left:
                break
        else:
            raise Later(f"{table.name} takes no more at present. Start the command again; it goes on where it stopped.")
        done += len(part)
    return done


# -- lines of an export


def line(item: Wire) -> bytes:
    """The item as one line of JSON, the same for the same item. Binary values are base64."""
    return json.dumps(_plain(item), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def parsed(text: bytes) -> Wire:
    """The item of a line. Raises: ValueError."""
    return {name: _typed(value) for name, value in json.loads(text).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {k: sorted(v) if k == "SS" else _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list) else value


def _typed(value: Wire) -> Wire:
    ((kind, raw),) = value.items()
    if kind == "B":
        return {"B": base64.b64decode(raw, validate=True)}
    if kind == "M":
        return {"M": {name: _typed(v) for name, v in raw.items()}}
    return {"L": [_typed(v) for v in raw]} if kind == "L" else value


class Digest:
    """Of a collection of lines, whatever their order, so that two readings of a table can be compared."""

    def __init__(self) -> None:
        self._sum, self.count = 0, 0

    def add(self, text: bytes) -> None:
        self._sum = (self._sum + int.from_bytes(hashlib.sha256(text).digest())) % _DIGEST_MODULUS
        self.count += 1

    def __str__(self) -> str:
        return f"{self._sum:064x}"


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
