"""Settings of a deployment, read from the environment once, when first asked for and never at import."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields


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
    aws_region: str = "us-east-1"
    ai_provider: str = "openai"
    image_provider: str = ""
    embedding_provider: str = ""
    openai_api_key: str = ""
    openai_base_url: str = ""
    openai_model: str = "gpt-6-luna"
    openai_image_model: str = "gpt-image-2"
    openai_embedding_model: str = "text-embedding-3-small"
    cors_origins: str = ""
    throttle: str = "on"
    local_dir: str = ""
    local_s3_endpoint: str = ""
    local_jwks: str = ""
    public_url: str = ""

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Config":
        source = os.environ if env is None else env
        return cls(**{f.name: source[f.name.upper()] for f in fields(cls) if f.name.upper() in source})

    def need(self, name: str) -> str:
        """The value of a setting that must not be empty. Raises: RuntimeError naming the environment variable."""
        value: str = getattr(self, name)
        if not value:
            raise RuntimeError(f"The environment variable {name.upper()} is not set.")
        return value

    @property
    def is_local(self) -> bool:
        return self.stage == "local"

    @property
    def origins(self) -> list[str]:
        return [o.strip() for o in self.cors_origins.split(",") if o.strip()]
