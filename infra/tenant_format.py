"""The form of a tenant's export: a manifest, JSON lines, and files named by their SHA-256, in a folder or under a prefix in S3.

manifest.json     format, version, account, counts, SHA-256 of each section; written last, so without it an export is unfinished
business.jsonl    items of the business table, one a line, in DynamoDB's JSON (as its own export to S3 has them)
operations.jsonl  the same of the operations table
users.jsonl       sign-ins: username and e-mail address; no password, no hash of one
files.jsonl       key, sha256, size, content_type and keep_days of each file
files/<sha256>    what is in it
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import boto3
from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict, Field

from infra.tenant_data import Refused, sha256_of

FORMAT, VERSION = "igny8-tenant-export", 1
MANIFEST = "manifest.json"
SECTIONS = ("business", "operations", "users", "files")


class Section(BaseModel):
    """bytes and sha256: of the file; digest: of its lines in any order (`tenant_data.Digest`)."""

    model_config = ConfigDict(extra="forbid")

    count: int
    bytes: int
    sha256: str
    digest: str


class SecretNote(BaseModel):
    """A secret that is in the export sealed: only the KMS key named in the manifest opens it."""

    pk: str
    sk: str
    field: str


class Manifest(BaseModel):
    """at_rest: two readings were the same, so nothing changed while it was made. kms_key: the key that its secrets are sealed under."""

    format: str = FORMAT
    version: int = VERSION
    tenant: str = Field(pattern=r"^[0-9a-z]{1,40}$")
    plan: str
    stage: str
    exported_at: str
    at_rest: bool
    kms_key: str
    secrets: list[SecretNote]
    sections: dict[str, Section]
    files_bytes: int


class Store(Protocol):
    """Where an export lies."""

    def put(self, name: str, path: Path) -> None: ...

    def get(self, name: str, path: Path) -> None:
        """Write it to `path`. Raises: Refused when there is none."""
        ...

    def has(self, name: str, size: int) -> bool:
        """Whether there is one of this size."""
        ...


class Folder:
    """A folder of this machine, readable by nobody else."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, name: str, path: Path) -> None:
        to = self._root / name
        to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = to.with_name(to.name + ".part")
        part.touch(mode=0o600)  # before there is anything in it
        part.chmod(0o600)
        shutil.copyfile(path, part)
        os.replace(part, to)

    def get(self, name: str, path: Path) -> None:
        try:
            shutil.copyfile(self._root / name, path)
        except OSError as error:
            raise Refused(f"{self._root / name} cannot be read: {error.strerror}.") from None

    def has(self, name: str, size: int) -> bool:
        there = self._root / name
        return there.is_file() and there.stat().st_size == size


class Bucket:
    """A prefix in S3."""

    def __init__(self, s3: Any, bucket: str, prefix: str) -> None:
        self._s3, self._bucket, self._prefix = s3, bucket, prefix.strip("/")

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    def put(self, name: str, path: Path) -> None:
        self._s3.upload_file(str(path), self._bucket, self._key(name), ExtraArgs={"ServerSideEncryption": "AES256"})

    def get(self, name: str, path: Path) -> None:
        try:
            self._s3.download_file(self._bucket, self._key(name), str(path))
        except ClientError as error:
            raise Refused(f"s3://{self._bucket}/{self._key(name)} cannot be read: {error.response['Error']['Code']}.") from error

    def has(self, name: str, size: int) -> bool:
        try:
            found = self._s3.head_object(Bucket=self._bucket, Key=self._key(name))
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                return False
            raise
        return int(found["ContentLength"]) == size


def store(place: str) -> Store:
    """Of a folder's path or `s3://bucket/prefix`. Raises: Refused."""
    if not place:
        raise Refused("Say where: a folder, or s3://bucket/prefix.")
    if place.startswith("s3://"):
        bucket, _, prefix = place.removeprefix("s3://").partition("/")
        return Bucket(boto3.client("s3"), bucket, prefix)
    return Folder(Path(place).expanduser())


def manifest(source: Store) -> tuple[Manifest, str]:
    """The manifest and its SHA-256, by which an import that was cut off knows its export again. Raises: Refused."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / MANIFEST
        try:
            source.get(MANIFEST, path)
        except Refused as error:
            raise Refused(f"There is no finished export: {error}") from None
        text = path.read_bytes()
    try:
        found = json.loads(text)
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise Refused("This is no export of a tenant.")
        if found.get("version") != VERSION:
            raise Refused(f"This export has version {found.get('version')}; this program reads {VERSION}.")
        return Manifest.model_validate(found), hashlib.sha256(text).hexdigest()
    except ValueError as error:
        raise Refused(f"The manifest is damaged: {error}") from None


def sections(source: Store, about: Manifest, folder: Path) -> dict[str, Path]:
    """All sections, fetched to `folder` and checked against the manifest. Raises: Refused naming the first that is damaged."""
    paths = {name: folder / f"{name}.jsonl" for name in SECTIONS}
    for name, path in paths.items():
        source.get(path.name, path)
        stated = about.sections.get(name)
        if stated is None or sha256_of(path) != stated.sha256:
            raise Refused(f"{path.name} is not what the manifest says: its SHA-256 is another. The export is damaged.")
        if (count := sum(1 for _ in lines(path))) != stated.count:
            raise Refused(f"{path.name} has {count} lines, the manifest says {stated.count}.")
    return paths


def lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file
