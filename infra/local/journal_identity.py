"""Identities that must outlive a restart: user pool, its client, KMS key and secret, set on moto's own objects."""

import base64
from typing import Any

from moto.cognitoidp.models import CognitoIdpUserPool, cognitoidp_backends
from moto.kms.models import kms_backends
from moto.secretsmanager.models import FakeSecret, secretsmanager_backends

from infra.local.provision import Resource
from infra.local.template import ACCOUNT, REGION


def _pools() -> dict[str, CognitoIdpUserPool]:
    pools: dict[str, CognitoIdpUserPool] = cognitoidp_backends[ACCOUNT][REGION].user_pools
    return pools


def _secret(identity: str) -> FakeSecret:
    found = secretsmanager_backends[ACCOUNT][REGION].secrets[identity]
    assert isinstance(found, FakeSecret)
    return found


def state_of(resource: Resource) -> dict[str, Any] | None:
    """What to remember of a new resource; None for a type whose id follows from its name."""
    if resource.type == "AWS::KMS::Key":
        key = kms_backends[ACCOUNT][REGION].keys[resource.physical_id]
        return {"id": resource.physical_id, "material": base64.b64encode(key.key_material).decode()}
    if resource.type == "AWS::SecretsManager::Secret":
        return {"id": resource.physical_id, "value": secret_value(_secret(resource.physical_id))}
    if resource.type in ("AWS::Cognito::UserPool", "AWS::Cognito::UserPoolClient"):
        return {"id": resource.physical_id}
    return None


def become(resource: Resource, state: dict[str, Any]) -> None:
    """Make moto's object, and what the template is told of it, the one remembered in `state`."""
    old, new = resource.physical_id, state["id"]
    if resource.type == "AWS::KMS::Key":
        keys = kms_backends[ACCOUNT][REGION].keys
        key = keys.pop(old)
        key.id, key.arn, key.key_material = new, key.arn.replace(old, new), base64.b64decode(state["material"])
        keys[new] = key
    elif resource.type == "AWS::SecretsManager::Secret":
        secret = _secret(old)
        secret.arn = new
        set_secret(secret, state["value"])
    elif resource.type == "AWS::Cognito::UserPool":
        pool = _pools().pop(old)
        pool.id, pool.arn = new, pool.arn.replace(old, new)
        _pools()[new] = pool
    else:
        for pool in _pools().values():
            if old in pool.clients:
                client = pool.clients.pop(old)
                client.id = new
                pool.clients[new] = client
    resource.physical_id = new
    resource.attributes = {name: str(value).replace(old, new) for name, value in resource.attributes.items()}


def secret_value(secret: FakeSecret) -> str | None:
    """A secret's current value; moto keeps the one of its creation beside it."""
    value: str | None = secret.versions[secret.default_version_id]["secret_string"] if secret.default_version_id else secret.secret_string
    return value


def set_secret(secret: FakeSecret, value: str | None) -> None:
    """Give a secret's current version another value."""
    secret.secret_string = value
    if secret.default_version_id:
        secret.versions[secret.default_version_id]["secret_string"] = value
