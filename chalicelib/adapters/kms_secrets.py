"""Secrets sealed by a KMS key: encryption context binds each to its tenant and field, so that a copied ciphertext opens nowhere else."""

import base64
from typing import Any

from chalicelib.core.errors import UpstreamRejected, UpstreamUnavailable

PREFIX = "kms1:"


class KmsSecrets:
    def __init__(self, kms: Any, key_id: str) -> None:
        self._kms, self._key_id = kms, key_id

    def seal(self, plain: str, context: dict[str, str]) -> str:
        """plain: at most 4 kB, KMS's own limit for one call."""
        data = self._call("encrypt", KeyId=self._key_id, Plaintext=plain.encode(), EncryptionContext=context)["CiphertextBlob"]
        return PREFIX + base64.b64encode(data).decode()

    def unseal(self, sealed: str, context: dict[str, str]) -> str:
        if not sealed.startswith(PREFIX):
            raise UpstreamRejected("A stored secret has an unknown form.")
        blob = base64.b64decode(sealed.removeprefix(PREFIX))
        return bytes(self._call("decrypt", CiphertextBlob=blob, EncryptionContext=context)["Plaintext"]).decode()

    def _call(self, operation: str, **ask: Any) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(self._kms, operation)(**ask)
            return answer
        except ClientError as error:
            if error.response["Error"]["Code"] in ("InvalidCiphertextException", "IncorrectKeyException", "AccessDeniedException"):
                raise UpstreamRejected("A stored secret cannot be opened.") from None
            raise UpstreamUnavailable("The key service does not answer.") from error
        except BotoCoreError as error:
            raise UpstreamUnavailable("The key service does not answer.") from error
