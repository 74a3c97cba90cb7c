"""Sealed secrets open for their own tenant and field alone."""

import base64
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from chalicelib.adapters.kms_secrets import KmsSecrets
from chalicelib.core.errors import UpstreamRejected

MINE = {"tenant": "alpha000", "field": "connection.app_password"}


@pytest.fixture
def secrets() -> Iterator[KmsSecrets]:
    with mock_aws():
        kms = boto3.client("kms", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        yield KmsSecrets(kms, kms.create_key()["KeyMetadata"]["KeyId"])


def test_what_is_sealed_opens_again_and_does_not_show(secrets: KmsSecrets) -> None:
    sealed = secrets.seal("the password", MINE)
    assert secrets.unseal(sealed, MINE) == "the password"
    assert "password" not in sealed and b"the password" not in base64.b64decode(sealed.partition(":")[2])


@pytest.mark.parametrize("context", [{**MINE, "tenant": "beta0000"}, {**MINE, "field": "connection.api_key"}, {}])
def test_a_copied_secret_opens_nowhere_else(secrets: KmsSecrets, context: dict[str, str]) -> None:
    sealed = secrets.seal("the password", MINE)
    with pytest.raises(UpstreamRejected):
        secrets.unseal(sealed, context)


def test_what_was_not_sealed_here_is_refused(secrets: KmsSecrets) -> None:
    with pytest.raises(UpstreamRejected):
        secrets.unseal("the password", MINE)
