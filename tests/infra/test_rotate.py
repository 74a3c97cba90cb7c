"""Rotation: clients keep the cursors they hold, tenants keep the secrets they gave, and what is over is over."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from chalicelib import deps as wiring
from chalicelib.core.cursor import LOOK_AGAIN_SECONDS, Cursors
from chalicelib.core.errors import UpstreamRejected, ValidationFailed
from chalicelib.core.table import update
from chalicelib.integration.connections import CONNECTION
from infra.rotate import renew_signing, reseal
from infra.tenant_data import Refused
from tests.infra.tenant_scene import APP_PASSWORD, World, give_secrets, stack


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with stack() as running:
        give_secrets(running)
        yield running


def test_a_cursor_outlives_one_rotation_and_not_two(world: World) -> None:
    client, arn = boto3.client("secretsmanager"), world.here.deps.config.signing_secret_arn

    def process() -> Cursors:
        """Of a function that starts now."""
        return wiring.build(world.here.deps.config).cursors

    held = process().encode({"at": 1}, "list")
    renew_signing(client, arn)
    assert process().decode(held, "list") == {"at": 1}
    later = process().encode({"at": 2}, "list")
    assert later != process().encode({"at": 1}, "list") and later[:20] != held[:20]
    renew_signing(client, arn)
    assert process().decode(later, "list") == {"at": 2}
    with pytest.raises(ValidationFailed):
        process().decode(held, "list")
    renew_signing(client, arn, at_once=True)
    with pytest.raises(ValidationFailed):
        process().decode(later, "list")
    assert json.loads(client.get_secret_value(SecretId=arn)["SecretString"]).keys() == {"key"}


def test_a_running_process_learns_of_a_new_secret_and_asks_no_more_than_once_a_minute() -> None:
    secrets, time, asked = [b"one"], [100.0], []

    def fetch() -> list[bytes]:
        asked.append(time[0])
        return list(secrets)

    running = Cursors(fetch, now=lambda: time[0])
    held = running.encode({}, "x")
    secrets[:] = [b"two", b"one"]
    fresh = Cursors(fetch, now=lambda: time[0]).encode({}, "x")
    before = len(asked)
    with pytest.raises(ValidationFailed):
        running.decode(fresh, "x")  # known a moment later
    time[0] += LOOK_AGAIN_SECONDS
    assert running.decode(fresh, "x") == running.decode(held, "x") == {}
    for _ in range(50):
        with pytest.raises(ValidationFailed):
            running.decode("AAAA" + fresh[4:], "x")
    assert len(asked) == before + 1


def _new_key() -> str:
    return str(boto3.client("kms").create_key()["KeyMetadata"]["KeyId"])


def _passwords(world: World) -> list[str]:
    deps, tenant = world.here.deps, world.ctx.tenant
    found = world.ctx.repository(CONNECTION).under((f"{tenant}#{world.site}#Q", ""))
    context = {"tenant": tenant, "field": "connection.app_password"}
    return [deps.secrets.unseal(c.app_password_sealed, context) for c in found if c.app_password_sealed]


def test_secrets_are_sealed_under_another_key(world: World) -> None:
    kms, table, first = boto3.client("kms"), world.here.deps.table, world.here.deps.config.kms_key_id
    assert reseal(table, kms, first) == {"right before": 2}
    key = _new_key()
    assert reseal(table, kms, key) == {"resealed": 2}
    assert reseal(table, kms, key) == {"right before": 2}
    kms.disable_key(KeyId=first)
    assert _passwords(world) == [APP_PASSWORD]
    kms.enable_key(KeyId=first)
    assert reseal(table, kms, first) == {"resealed": 2}


def test_a_secret_that_is_given_meanwhile_stays(world: World) -> None:
    deps, tenant = world.here.deps, world.ctx.tenant
    blog = next(c for c in world.ctx.repository(CONNECTION).under((f"{tenant}#{world.site}#Q", "")) if c.app_password_sealed)

    class Meanwhile:
        """A KMS in whose answer's time somebody gives another password."""

        def re_encrypt(self, **ask: Any) -> Any:
            given = deps.secrets.seal("another", {"tenant": tenant, "field": "connection.app_password"})
            deps.table.write(update(CONNECTION.place.key(tenant, blog.id), "SET app_password_sealed = :s", s=given))
            return boto3.client("kms").re_encrypt(**ask)

    assert reseal(deps.table, Meanwhile(), _new_key())["given anew meanwhile"] == 1
    assert _passwords(world) == ["another"]


def test_what_cannot_be_opened_is_named(world: World) -> None:
    deps, tenant = world.here.deps, world.ctx.tenant
    wrong = deps.secrets.seal("x", {"tenant": "somebody", "field": "connection.app_password"})
    blog = next(c for c in world.ctx.repository(CONNECTION).under((f"{tenant}#{world.site}#Q", "")) if c.app_password_sealed)
    deps.table.write(update(CONNECTION.place.key(tenant, blog.id), "SET app_password_sealed = :s", s=wrong))
    with pytest.raises(Refused, match="app_password: KMS says"):
        reseal(deps.table, boto3.client("kms"), _new_key())
    with pytest.raises(UpstreamRejected):
        _passwords(world)
