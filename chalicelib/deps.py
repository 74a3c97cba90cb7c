"""Wires the deployment together: the only importer of adapters. `current()` builds once per process, when first asked for."""

import json
from dataclasses import replace
from functools import cache
from typing import Any

from chalicelib import ports
from chalicelib.adapters.aws_session import client, forget_clients
from chalicelib.adapters.cognito import CognitoUserPool
from chalicelib.adapters.kms_secrets import KmsSecrets
from chalicelib.adapters.platform_keys import PlatformKeys
from chalicelib.adapters.s3_files import S3Files
from chalicelib.adapters.sqs_jobs import SqsJobs
from chalicelib.adapters.step_functions import StepFunctions
from chalicelib.adapters.system_clock import SystemClock
from chalicelib.core import deadline
from chalicelib.core.config import Config
from chalicelib.core.context import Deps, ProviderChoice
from chalicelib.core.cursor import Cursors
from chalicelib.core.errors import ValidationFailed
from chalicelib.core.table import Table

_override: list[Deps] = []


def current() -> Deps:
    """The deployment's dependencies."""
    return _override[-1] if _override else _from_environment()


def use(deps: Deps | None) -> None:
    """Put others in place (tests), or with None go back and forget every client."""
    _override.clear()
    if deps is None:
        _from_environment.cache_clear()
        forget_clients()
    else:
        _override.append(deps)


@cache
def _from_environment() -> Deps:
    return build(Config.from_env())


def build(config: Config) -> Deps:
    """Dependencies on AWS (or what stands in for it behind boto3)."""
    region = config.aws_region
    if config.provider_keys_arn:
        config = replace(config, stored_keys=PlatformKeys(lambda: client("secretsmanager", region), config.provider_keys_arn))
    dynamodb = client("dynamodb", region)
    files = _files(config)
    return Deps(
        config=config,
        table=Table(dynamodb, config.need("table_name")),
        ops=Table(dynamodb, config.need("ops_table_name")),
        clock=SystemClock(),
        files=files,
        jobs=SqsJobs(
            client("sqs", region), {"ai": config.ai_queue_url, "images": config.images_queue_url, "publish": config.publish_queue_url}
        ),
        workflow=StepFunctions(client("stepfunctions", region), config.state_machine_arn),
        secrets=KmsSecrets(client("kms", region), config.kms_key_id),
        user_pool=CognitoUserPool(
            client("cognito-idp", region), region, config.user_pool_id, config.user_pool_client_id, config.local_jwks
        ),
        cursors=Cursors(lambda: _signing_keys(config)),
        text=lambda choice: text_model(config, choice),
        image=lambda choice: image_model(config, choice),
        embedder=lambda choice: embedder(config, choice),
        publisher=lambda tenant, site_name, connection: publisher(config, files, tenant, site_name, connection),
    )


def _files(config: Config) -> S3Files:
    s3 = client("s3", config.aws_region)
    signer = client("s3", config.aws_region, config.local_s3_endpoint) if config.local_s3_endpoint else None
    return S3Files(s3, config.need("bucket_name"), signer)


def _signing_keys(config: Config) -> list[bytes]:
    """The secret is a text, or what `make rotate` makes of it: JSON with `key` and the `previous` one."""
    secret = client("secretsmanager", config.aws_region).get_secret_value(SecretId=config.need("signing_secret_arn"))["SecretString"]
    held = json.loads(secret) if secret.startswith("{") else {"key": secret}
    return [str(held[name]).encode() for name in ("key", "previous") if held.get(name)]


def _patience() -> Any:
    """Retries that end before the Lambda does."""
    from chalicelib.adapters.openai_client import Patience

    return Patience(left=deadline.seconds_left)


def _openai_settings(config: Config, choice: ProviderChoice) -> dict[str, Any]:
    key = choice.api_key or config.platform_key("openai")
    if not key:
        raise ValidationFailed.field("openai", "there is no API key, neither the account's own nor the platform's.")
    # An account's own key goes to the server the account named, else to OpenAI: never to the platform's.
    base_url = choice.base_url or ("" if choice.api_key else config.openai_base_url)
    settings: dict[str, Any] = {"api_key": key, "base_url": base_url or None, "patience": _patience()}
    if config.is_local:  # a model server of one's own on this machine
        from chalicelib.adapters.openai_client import MAX_BYTES
        from chalicelib.adapters.safe_http import SafeHttp

        settings["http"] = SafeHttp(allow_loopback=True, max_bytes=MAX_BYTES)
    return settings


def text_model(config: Config, choice: ProviderChoice) -> ports.TextModel:
    if choice.provider == "offline":
        from chalicelib.adapters.offline_text import OfflineTextModel

        return OfflineTextModel()
    from chalicelib.adapters.openai_text import OpenAITextModel

    tight = config.openai_tight == "on" and not choice.base_url  # of the platform's server only: an account's own may be any
    return OpenAITextModel(model=choice.model or config.openai_model, tight=tight, **_openai_settings(config, choice))


def image_model(config: Config, choice: ProviderChoice) -> ports.ImageModel:
    if choice.provider == "offline":
        from chalicelib.adapters.offline_image import OfflineImageModel

        return OfflineImageModel()
    if choice.provider == "runware":
        from chalicelib.adapters.runware_images import MAX_BYTES, RunwareImageModel

        key = choice.api_key or config.platform_key("runware")
        if not key:
            raise ValidationFailed.field("runware", "there is no API key, neither the account's own nor the platform's.")
        model = choice.model or config.runware_model
        if config.is_local and config.runware_base_url:  # a stand-in on this machine
            from chalicelib.adapters.safe_http import SafeHttp

            http = SafeHttp(allow_loopback=True, max_bytes=MAX_BYTES)
            return RunwareImageModel(key, model, url=config.runware_base_url, http=http, patience=_patience())
        return RunwareImageModel(key, model, patience=_patience())
    from chalicelib.adapters.openai_images import OpenAIImageModel

    return OpenAIImageModel(model=choice.model or config.openai_image_model, **_openai_settings(config, choice))


@cache
def _offline_embedder() -> ports.Embedder:
    from chalicelib.adapters.offline_embedder import offline_embedder

    return offline_embedder()


def embedder(config: Config, choice: ProviderChoice) -> ports.Embedder:
    if choice.provider == "offline" and choice.model == "tfidf":
        from chalicelib.adapters.offline_embedder import TfidfEmbedder

        return TfidfEmbedder()
    if choice.provider == "offline":
        return _offline_embedder()
    from chalicelib.adapters.openai_embeddings import OpenAIEmbedder

    return OpenAIEmbedder(model=choice.model or config.openai_embedding_model, **_openai_settings(config, choice))


def publisher(config: Config, files: S3Files, tenant: str, site_name: str, connection: dict[str, Any]) -> ports.Publisher:
    """The publisher of a connection; `connection` has its secrets unsealed, and `timeout_seconds` where a call may not take as long as it
    may in a worker. Raises: ValidationFailed for an unknown target."""
    target = connection.get("target")
    timeout = {"timeout_seconds": connection["timeout_seconds"]} if "timeout_seconds" in connection else {}
    if target == "static":
        from chalicelib.adapters.static_site import StaticSitePublisher

        prefix = f"{tenant}/sites/{connection['site_id']}/"
        if config.is_local and config.local_dir:
            from pathlib import Path

            from chalicelib.adapters.local_files import FolderFiles

            folder = FolderFiles(Path(config.local_dir) / "static")
            return StaticSitePublisher(folder, f"{connection['site_id']}/", site_name, connection.get("base_url") or "")
        return StaticSitePublisher(files, prefix, site_name, connection.get("base_url") or "")
    if target == "wordpress":
        from chalicelib.adapters.safe_http import SafeHttp
        from chalicelib.adapters.wordpress import WordPressPublisher

        return WordPressPublisher(
            connection["url"],
            connection.get("username") or "",
            connection.get("app_password") or "",
            SafeHttp(allow_loopback=config.is_local),
            bridge_key=connection.get("api_key") or "",
            **timeout,
        )
    if target == "webhook":
        from chalicelib.adapters.safe_http import SafeHttp
        from chalicelib.adapters.webhook import WebhookPublisher

        if not connection.get("api_key"):
            raise ValidationFailed.field("api_key", "this webhook has no signing secret; give it one.")
        return WebhookPublisher(
            connection["url"], connection["api_key"], SafeHttp(allow_loopback=config.is_local), SystemClock(), **timeout
        )
    raise ValidationFailed.field("target", f"{target} is not a publishing target.")
