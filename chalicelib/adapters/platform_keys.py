"""The platform's keys of AI providers, read from one secret of AWS Secrets Manager when a model is first called."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.core.errors import UpstreamUnavailable

KEEP_SECONDS = 600  # so long a rotated key may still be used: the old one is ended at the provider after that (docs/deploy.md)


class PlatformKeys:
    """Call it for provider -> key. secrets: makes the `secretsmanager` client; arn: of a secret that holds a JSON object."""

    def __init__(self, secrets: Callable[[], Any], arn: str, now: Callable[[], float] = time.monotonic) -> None:
        self._secrets, self._arn, self._now = secrets, arn, now
        self._lock = threading.Lock()
        self._kept: Mapping[str, str] | None = None
        self._until = 0.0

    def __call__(self) -> Mapping[str, str]:
        """One round trip in `KEEP_SECONDS`. While the service does not answer, what was read before holds.

        Raises: UpstreamUnavailable when nothing was ever read, RuntimeError when the secret holds something else.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        with self._lock:
            if self._kept is None or self._now() >= self._until:
                try:
                    self._kept = self._read()
                except (BotoCoreError, ClientError) as error:
                    if self._kept is None:
                        raise UpstreamUnavailable("The platform's keys cannot be read at present.") from error
                self._until = self._now() + KEEP_SECONDS
            return self._kept

    def _read(self) -> Mapping[str, str]:
        from botocore.exceptions import ClientError

        try:
            text = self._secrets().get_secret_value(SecretId=self._arn)["SecretString"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return {}  # a new deployment's secret has no value until `make secret`
            raise
        try:
            keys = json.loads(text)
        except ValueError:
            keys = None
        if not isinstance(keys, dict) or not all(isinstance(key, str) for key in keys.values()):
            raise RuntimeError("The secret of the platform's keys is no JSON object of texts; set the keys by `make secret`.")
        return keys
