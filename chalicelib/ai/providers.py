"""Which model serves a function's call: the account's own where it has chosen one, else the platform's."""

from typing import Any

from chalicelib.ai.function import AIFunction, Embed
from chalicelib.core.context import Context
from chalicelib.ports import ImageModel, TextModel
from chalicelib.system.settings import provider_for


def own_key(ctx: Context, function: AIFunction) -> bool:
    """True when the account pays the provider of this function itself."""
    return provider_for(ctx, "image" if function.schema is None else "text").own_key


def text_model(ctx: Context, function: AIFunction) -> TextModel:
    """The model that answers this function's questions."""
    return ctx.deps.text(provider_for(ctx, "text").choice)


def image_model(ctx: Context) -> ImageModel:
    """The model that draws."""
    return ctx.deps.image(provider_for(ctx, "image").choice)


def embedder(ctx: Context) -> Embed:
    """Vectors of texts, and the distance at which this embedder's clusters are cut."""

    def embed(texts: Any) -> tuple[Any, float]:
        model = ctx.deps.embedder(provider_for(ctx, "embedding").choice)
        return model.embed(texts), model.threshold

    return embed
