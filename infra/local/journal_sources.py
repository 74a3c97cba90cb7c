"""What the journal reads from and puts back into moto's services, and the marks that say what changed."""

import base64
import threading
from datetime import UTC, datetime
from typing import Any

from moto.cognitoidp.models import CognitoIdpUser, UserStatus, cognitoidp_backends
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import Table
from moto.s3.models import FakeKey, S3Backend, s3_backends
from moto.secretsmanager.models import FakeSecret, secretsmanager_backends
from moto.sqs.models import Message, Queue, SQSBackend, sqs_backends

from infra.local.journal_identity import secret_value, set_secret
from infra.local.provision import Stack
from infra.local.template import ACCOUNT, REGION

# kind (object, message), bucket or queue, key or message id, moto's object or None when it is gone
Pending = tuple[str, str, str, Any]


class _Marks:
    """Changed objects and messages that the journal has not written yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._marks: dict[tuple[str, str], Pending] = {}

    def add(self, kind: str, where: str, id_: str, body: Any) -> None:
        with self._lock:
            self._marks[kind, id_ if kind == "message" else f"{where}/{id_}"] = (kind, where, id_, body)

    def take(self) -> list[Pending]:
        with self._lock:
            taken = list(self._marks.values())
            self._marks.clear()
            return taken

    def clear(self) -> None:
        self.take()


pending = _Marks()
_moto_put_object = S3Backend.put_object
_moto_delete_object = S3Backend.delete_object
_moto_add_message = Queue.add_message
_moto_delete_message = Queue.delete_message
_moto_receive = SQSBackend.receive_message
_moto_purge = SQSBackend.purge_queue


def _put_object(self: S3Backend, bucket_name: str, key_name: str, *args: Any, **kwargs: Any) -> FakeKey:
    key = _moto_put_object(self, bucket_name, key_name, *args, **kwargs)
    pending.add("object", bucket_name, key_name, key)
    return key


def _delete_object(self: S3Backend, bucket_name: str, key_name: str, *args: Any, **kwargs: Any) -> Any:
    answer = _moto_delete_object(self, bucket_name, key_name, *args, **kwargs)
    pending.add("object", bucket_name, key_name, None)
    return answer


def _add_message(self: Queue, message: Message) -> None:
    _moto_add_message(self, message)
    pending.add("message", self.name, message.id, message)


def _delete_message(self: Queue, receipt_handle: str) -> None:
    gone = [message.id for message in self._messages if message.had_receipt_handle(receipt_handle)]
    _moto_delete_message(self, receipt_handle)
    for id_ in gone:
        pending.add("message", self.name, id_, None)


def _receive(self: SQSBackend, queue_name: str, *args: Any, **kwargs: Any) -> list[Message]:
    received: list[Message] = _moto_receive(self, queue_name, *args, **kwargs)
    for message in received:  # their receive count decides when they are given up
        pending.add("message", queue_name, message.id, message)
    return received


def _purge(self: SQSBackend, queue_name: str) -> None:
    gone = [message.id for message in self.get_queue(queue_name)._messages]
    _moto_purge(self, queue_name)
    for id_ in gone:
        pending.add("message", queue_name, id_, None)


def install() -> None:
    """Mark changes from now on; calling it again changes nothing."""
    S3Backend.put_object = _put_object  # type: ignore[method-assign,assignment]
    S3Backend.delete_object = _delete_object  # type: ignore[method-assign,assignment]
    Queue.add_message = _add_message  # type: ignore[method-assign]
    Queue.delete_message = _delete_message  # type: ignore[method-assign]
    SQSBackend.receive_message = _receive  # type: ignore[method-assign,assignment]
    SQSBackend.purge_queue = _purge  # type: ignore[method-assign]


def tables() -> dict[str, Table]:
    found: dict[str, Table] = dynamodb_backends[ACCOUNT][REGION].tables
    return found


def object_state(key: FakeKey) -> tuple[bytes, dict[str, Any]]:
    """An object's bytes, and what else there is to it."""
    return key.value, {"metadata": dict(key.metadata), "modified": key.last_modified.isoformat(), "encryption": key.encryption}


def restore_object(bucket: str, name: str, data: bytes, about: dict[str, Any]) -> int:
    backend = s3_backends[ACCOUNT]["aws"]
    if bucket not in backend.buckets:
        return 0
    key = _moto_put_object(backend, bucket, name, data, encryption=about["encryption"])
    key.set_metadata(about["metadata"], replace=True)
    key.last_modified = datetime.fromisoformat(about["modified"])
    return 1


def message_state(message: Message) -> dict[str, Any]:
    attributes = {
        name: {k: {"base64": base64.b64encode(v).decode()} if isinstance(v, bytes) else v for k, v in value.items()}
        for name, value in message.message_attributes.items()
    }
    return {
        "id": message.id,
        "body": message.body,
        "attributes": attributes,
        "system": message.system_attributes,
        "sent": message.sent_timestamp,
        "first_received": message.approximate_first_receive_timestamp,
        "received": message.approximate_receive_count,
        "delayed_until": message.delayed_until,
    }


def restore_message(queue_name: str, state: dict[str, Any]) -> int:
    """A message under way when the process died is visible again at once: its worker is gone."""
    queue = sqs_backends[ACCOUNT][REGION].queues.get(queue_name)
    if queue is None:
        return 0
    message = Message(state["id"], state["body"], state["system"])
    message.message_attributes = {
        name: {k: base64.b64decode(v["base64"]) if isinstance(v, dict) else v for k, v in value.items()}
        for name, value in state["attributes"].items()
    }
    message.sent_timestamp = state["sent"]
    message.approximate_first_receive_timestamp = state["first_received"]
    message.approximate_receive_count = state["received"]
    message.delayed_until = state["delayed_until"]
    queue._messages.append(message)
    return 1


def records(service: str) -> tuple[set[str], list[tuple[str, str, Any]]]:
    """The kinds of record a service has, and all its present records: (kind, id, body)."""
    found: list[tuple[str, str, Any]] = []
    if service == "secretsmanager":
        for secret in dict.values(secretsmanager_backends[ACCOUNT][REGION].secrets):
            if isinstance(secret, FakeSecret) and not secret.is_deleted():
                found.append(("secret", secret.name, secret_value(secret)))
        return {"secret"}, found
    for pool in list(cognitoidp_backends[ACCOUNT][REGION].user_pools.values()):
        for user in list(pool.users.values()):
            found.append(("user", f"{pool.id}/{user.username}", _user_state(user)))
        found += [("refresh", f"{pool.id}/{token}", owner) for token, owner in list(pool.refresh_tokens.items())]
        found += [("access", f"{pool.id}/{token}", owner) for token, owner in list(pool.access_tokens.items())]
    return {"user", "refresh", "access"}, found


def _user_state(user: CognitoIdpUser) -> dict[str, Any]:
    return {
        "id": user.id,
        "username": user.username,
        "password": user.password,
        "status": user.status,
        "enabled": user.enabled,
        "attributes": user.attributes,
        "created": user.create_date.replace(tzinfo=UTC).isoformat(),
    }


def restore_record(stack: Stack, kind: str, id_: str, body: Any) -> int:
    """Put one record back; returns 1 for a user, else 0."""
    if kind == "secret":
        secrets = secretsmanager_backends[ACCOUNT][REGION].secrets
        if id_ in secrets:
            secret = secrets[id_]
            assert isinstance(secret, FakeSecret)
            set_secret(secret, body)
    elif kind in ("user", "refresh", "access"):
        pool_id, _, name = id_.partition("/")
        pool = cognitoidp_backends[ACCOUNT][REGION].user_pools.get(pool_id)
        if pool is None:
            return 0
        if kind == "user":
            user = CognitoIdpUser(pool_id, body["username"], body["password"], UserStatus(body["status"]), body["attributes"])
            user.id, user.enabled = body["id"], body["enabled"]
            user.update_attributes([{"Name": "sub", "Value": user.id}])
            user.create_date = datetime.fromisoformat(body["created"]).replace(tzinfo=None)
            pool.users[user.username] = user
            return 1
        owners = pool.refresh_tokens if kind == "refresh" else pool.access_tokens
        owners[name] = tuple(body) if body is not None else None  # type: ignore[assignment]
    return 0
