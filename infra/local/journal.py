"""Keeps the local stack's data in one SQLite file, written before each AWS call is answered, so that SIGKILL loses nothing acknowledged.

Kept: DynamoDB items, S3 objects, SQS messages not yet deleted, Cognito users and tokens, secrets, KMS keys, and the identities
(pool, client, key ids, secret ARNs) that tokens and sealed values refer to. Not kept: running executions (the application's
sweeper starts its runs again). `synchronous=OFF`: the operating system keeps what was written when this process dies; only a
power cut can lose the last moments.
"""

import json
import os
import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path

from infra.local import journal_identity, journal_sources
from infra.local.dynamodb_patches import Change, attribute_json
from infra.local.dynamodb_patches import listeners as dynamodb_listeners
from infra.local.gateway import observers
from infra.local.provision import Resource, Stack

_SCHEMA = """
CREATE TABLE IF NOT EXISTS item (tbl TEXT, hash TEXT, range TEXT, body TEXT, PRIMARY KEY (tbl, hash, range)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS object (bucket TEXT, key TEXT, body BLOB, about TEXT, PRIMARY KEY (bucket, key));
CREATE TABLE IF NOT EXISTS message (id TEXT PRIMARY KEY, queue TEXT, body TEXT);
CREATE TABLE IF NOT EXISTS record (kind TEXT, id TEXT, body TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID;
"""
_VERSION = 1


class Journal:
    """The file, and what writes to it. One per stack; `attach` makes it the one this process writes to."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # it holds passwords and keys
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, _VERSION):
            raise RuntimeError(f"{path} was written by another version of the local stack ({version}); start with FRESH=1.")
        self._db.executescript(_SCHEMA)
        self._db.execute(f"PRAGMA user_version={_VERSION}")
        self._written: dict[tuple[str, str], str] = {}
        for kind, id_, body in self._db.execute("SELECT kind, id, body FROM record"):
            self._written[kind, id_] = body

    # -- identities, before anything refers to them --------------------------------------------------------------------------

    def adopt(self, resource: Resource) -> None:
        """Give a newly created resource the identity it had, or remember the one it has."""
        state = journal_identity.state_of(resource)
        if state is None:
            return
        known = self._written.get(("identity", resource.logical_id))
        if known is None:
            self._put_records([("identity", resource.logical_id, json.dumps(state))])
        else:
            journal_identity.become(resource, json.loads(known))

    # -- restoring ----------------------------------------------------------------------------------------------------------

    def restore(self, stack: Stack) -> dict[str, int]:
        """Put everything kept back into the provisioned stack. Returns how many of each kind."""
        counts = {"items": 0, "objects": 0, "messages": 0, "users": 0}
        tables = journal_sources.tables()
        for name, body in self._db.execute("SELECT tbl, body FROM item"):
            if name in tables:
                tables[name].put_item(json.loads(body))
                counts["items"] += 1
        for bucket, key, data, about in self._db.execute("SELECT bucket, key, body, about FROM object"):
            counts["objects"] += journal_sources.restore_object(bucket, key, data, json.loads(about))
        for queue, body in self._db.execute("SELECT queue, body FROM message ORDER BY rowid"):
            counts["messages"] += journal_sources.restore_message(queue, json.loads(body))
        for (kind, id_), body in self._written.items():
            counts["users"] += journal_sources.restore_record(stack, kind, id_, json.loads(body))
        return counts

    # -- writing ------------------------------------------------------------------------------------------------------------

    def attach(self) -> None:
        """From now on every change is written here."""
        journal_sources.install()
        journal_sources.pending.clear()
        dynamodb_listeners.append(self._items)
        observers.append(self._observe)

    def detach(self) -> None:
        if self._items in dynamodb_listeners:
            dynamodb_listeners.remove(self._items)
        if self._observe in observers:
            observers.remove(self._observe)

    def close(self) -> None:
        """Detach and close the file; the write-ahead log is folded in."""
        self.detach()
        with self._lock:
            self._db.close()

    def _items(self, changes: list[Change]) -> None:
        puts: dict[tuple[str, str, str], tuple[str, str, str, str]] = {}
        deletes: dict[tuple[str, str, str], tuple[str, str, str]] = {}
        for change in changes:
            table, now = change.table, change.current()
            sort = json.dumps(attribute_json(change.range_key)) if change.range_key is not None else ""
            key = (table.name, json.dumps(attribute_json(change.hash_key)), sort)
            if now is None:
                deletes[key] = key
                puts.pop(key, None)
            else:
                puts[key] = (*key, json.dumps({name: attribute_json(value) for name, value in now.attrs.items()}))
                deletes.pop(key, None)
        with self._lock:
            self._db.execute("BEGIN")
            self._db.executemany("REPLACE INTO item VALUES (?, ?, ?, ?)", puts.values())
            self._db.executemany("DELETE FROM item WHERE tbl = ? AND hash = ? AND range = ?", deletes.values())
            self._db.execute("COMMIT")

    def _observe(self, service: str, operation: str) -> None:
        with self._lock:
            pending = journal_sources.pending.take()
            if pending:
                self._write_pending(pending)
            if service in ("cognito-idp", "secretsmanager") and not operation.startswith(("Get", "List", "Describe", "AdminGet")):
                self._write_records(service)

    def _write_pending(self, pending: Iterable[journal_sources.Pending]) -> None:
        self._db.execute("BEGIN")
        for kind, where, id_, body in pending:
            if kind == "object" and body is None:
                self._db.execute("DELETE FROM object WHERE bucket = ? AND key = ?", (where, id_))
            elif kind == "object":
                data, about = journal_sources.object_state(body)
                self._db.execute("REPLACE INTO object VALUES (?, ?, ?, ?)", (where, id_, data, json.dumps(about)))
            elif body is None:
                self._db.execute("DELETE FROM message WHERE id = ?", (id_,))
            else:
                state = json.dumps(journal_sources.message_state(body))
                self._db.execute(
                    "INSERT INTO message VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET queue = excluded.queue, body = excluded.body",
                    (id_, where, state),
                )
        self._db.execute("COMMIT")

    def _write_records(self, service: str) -> None:
        """Write the users, tokens or secrets that differ from what is written, and forget those that are gone."""
        kinds, current = journal_sources.records(service)
        now = {(kind, id_): json.dumps(body, sort_keys=True) for kind, id_, body in current}
        changed = [(*key, body) for key, body in now.items() if self._written.get(key) != body]
        gone = [key for key in self._written if key[0] in kinds and key not in now]
        if changed:
            self._put_records(changed)
        if gone:
            self._db.executemany("DELETE FROM record WHERE kind = ? AND id = ?", gone)
            for key in gone:
                del self._written[key]

    def _put_records(self, rows: list[tuple[str, str, str]]) -> None:
        with self._lock:
            self._db.execute("BEGIN")
            self._db.executemany("REPLACE INTO record VALUES (?, ?, ?)", rows)
            self._db.execute("COMMIT")
            for kind, id_, body in rows:
                self._written[kind, id_] = body
