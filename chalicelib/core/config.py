"""Settings of a deployment, read from the environment once, when first asked for and never at import."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class Config:
    """One field per environment variable (upper-cased). A function's environment holds only what it uses, so all have a default;
    an adapter that needs one which is empty says so by name."""

    stage: str = "local"
    table_name: str = ""
    ops_table_name: str = ""
    bucket_name: str = ""
    ai_queue_url: str = ""
    images_queue_url: str = ""
    publish_queue_url: str = ""
    state_machine_arn: str = ""
    user_pool_id: str = ""
    user_pool_client_id: str = ""
    kms_key_id: str = ""
    signing_secret_arn: str = ""
    provider_keys_arn: str = ""
    aws_region: str = "us-east-1"
    ai_provider: str = "openai"
    image_provider: str = ""
    embedding_provider: str = ""
    openai_api_key: str = field(default="", repr=False)  # of this machine; a deployment's is in the secret of `provider_keys_arn`
    openai_base_url: str = ""
    openai_model: str = "gpt-6-luna"
    openai_image_model: str = "gpt-image-2"
    openai_embedding_model: str = "text-embedding-3-small"
    openai_tight: str = "off"  # "on": the server decodes by a grammar, so it is given the tight form of each answer
    openai_models: str = ""
    openai_fallback_models: str = ""
    runware_api_key: str = field(default="", repr=False)
    runware_model: str = "runware:100@1"
    runware_base_url: str = ""
    image_fallbacks: str = ""
    premium_image_models: str = ""
    cors_origins: str = ""
    throttle: str = "on"
    local_dir: str = ""
    local_s3_endpoint: str = ""
    local_jwks: str = ""
    public_url: str = ""
    # provider -> the platform's key, from the deployment's secret. Called when a key is needed and not before: most work needs none.
    stored_keys: Callable[[], Mapping[str, str]] = field(default=dict, repr=False, compare=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Config":
        source = os.environ if env is None else env
        given: dict[str, Any] = {f.name: source[f.name.upper()] for f in fields(cls) if f.type is str and f.name.upper() in source}
        return cls(**given)

    def need(self, name: str) -> str:
        """The value of a setting that must not be empty. Raises: RuntimeError naming the environment variable."""
        value: str = getattr(self, name)
        if not value:
            raise RuntimeError(f"The environment variable {name.upper()} is not set.")
        return value

    def platform_key(self, provider: str) -> str:
        """The platform's own key of a provider (`openai`, `runware`), empty when it has none. Raises: UpstreamUnavailable."""
        here = {"openai": self.openai_api_key, "runware": self.runware_api_key}[provider]
        return here or self.stored_keys().get(provider, "")

    @property
    def is_local(self) -> bool:
        return self.stage == "local"

    @property
    def origins(self) -> list[str]:
        return listed(self.cors_origins)

    @property
    def models_by_function(self) -> dict[str, str]:
        """Text models that differ from `openai_model`, by AI function. Raises: ValueError naming the variable."""
        return dict(pairs("OPENAI_MODELS", self.openai_models))

    @property
    def premium_images(self) -> list[str]:
        """Image models of the platform that cost the price of a premium image."""
        return listed(self.premium_image_models)

    @property
    def image_models_offered(self) -> list[str]:
        """The models that an account without a key may choose among: the usual one first, then the premium ones, which are the same
        provider's. None when the platform draws offline."""
        provider = self.image_provider or self.ai_provider
        if provider == "offline":
            return []
        return list(dict.fromkeys([self.openai_image_model if provider == "openai" else self.runware_model, *self.premium_images]))


def listed(setting: str) -> list[str]:
    """The parts of a setting that are separated by commas."""
    return [part.strip() for part in setting.split(",") if part.strip()]


def pairs(variable: str, setting: str) -> list[tuple[str, str]]:
    """The parts of a setting such as `generate_content=gpt-6.1-terra,auto_cluster=gpt-6-luna`, in order. Raises: ValueError."""
    found = []
    for part in listed(setting):
        name, _, value = (text.strip() for text in part.partition("="))
        if not name or not value:
            raise ValueError(f"{variable}={setting!r}: {part!r} is not <name>=<model>")
        found.append((name, value))
    return found
