"""One boto3 session for the process: the first client costs most of a cold start, later ones little."""

from functools import cache
from typing import Any


@cache
def _session() -> Any:
    import boto3

    return boto3.session.Session()


@cache
def client(service: str, region: str, endpoint: str = "") -> Any:
    """A cached low-level client with short, bounded waits. endpoint: only for the local stack."""
    from botocore.config import Config

    config = Config(
        retries={"mode": "standard", "total_max_attempts": 4},
        connect_timeout=3,
        read_timeout=20,
        signature_version="s3v4" if service == "s3" else None,
    )
    return _session().client(service, region_name=region, config=config, **({"endpoint_url": endpoint} if endpoint else {}))


def forget_clients() -> None:
    """Drop cached clients: tests start a new simulated cloud in the same process."""
    client.cache_clear()
    _session.cache_clear()
