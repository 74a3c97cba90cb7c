"""Which provider an account uses for text, images and embeddings, with its own key or the platform's."""

from dataclasses import dataclass
from typing import Literal

from chalicelib.core.context import Context, ProviderChoice

Kind = Literal["text", "image", "embedding"]


@dataclass(frozen=True)
class Provider:
    """own_key: the account pays the provider itself."""

    choice: ProviderChoice
    own_key: bool = False


def provider_for(ctx: Context, kind: Kind) -> Provider:
    """The provider of one kind of work: the platform's default."""
    config = ctx.deps.config
    chosen = {"text": "", "image": config.image_provider, "embedding": config.embedding_provider}[kind]
    return Provider(ProviderChoice(provider=chosen or config.ai_provider))
