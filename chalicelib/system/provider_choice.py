"""Whose model does which work: the chain of an account's own models where it has chosen them, else the platform's (docs/providers.md).

All links of a chain are paid by the same side and cost the account the same, so who pays is known before anybody is asked.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal, TypeGuard

from chalicelib.billing.plans import plan_prices
from chalicelib.billing.prices import Price, price_of
from chalicelib.core.config import Config, listed, pairs
from chalicelib.core.context import Context, ProviderChoice
from chalicelib.system.circuits import Circuit, circuit
from chalicelib.system.settings import SETTINGS, TYPES, IntegrationSettings, Settings

Kind = Literal["text", "image", "embedding"]


@dataclass(frozen=True)
class Link:
    """named: everything but the key. own: the account's own key. unseal: opens that key, when it is used."""

    named: ProviderChoice
    own: bool = False
    unseal: Callable[[], str] | None = field(default=None, compare=False)

    @property
    def choice(self) -> ProviderChoice:
        """Raises: UpstreamUnavailable, UpstreamRejected when the key cannot be opened."""
        return self.named if self.unseal is None else replace(self.named, api_key=self.unseal())


@dataclass(frozen=True)
class Provider:
    """Who does one kind of work. links: in the order in which they are asked, at least one. own_key: the account pays the providers
    itself. premium: an image of it has the price of a premium one."""

    links: tuple[Link, ...]
    own_key: bool = False
    premium: bool = False

    @property
    def named(self) -> ProviderChoice:
        return self.links[0].named

    @property
    def choice(self) -> ProviderChoice:
        return self.links[0].choice


def provider_for(ctx: Context, kind: Kind, function: str = "") -> Provider:
    """Who does this kind of work. function: name of the AI function that asks, which may have a model of its own.

    Raises: ValueError for a setting of the deployment that cannot be read.
    """
    saved = _saved(ctx)
    openai, image = saved.get("openai"), saved.get("image_generation")
    match kind:
        case "text" if _has_key(openai):
            return _own_text(ctx, openai, function)
        case "embedding" if _has_key(openai) and openai.use_for_embeddings:
            return Provider((_own(ctx, openai, openai.embedding_model or ctx.deps.config.openai_embedding_model),), True)
        case "image" if image is not None and image.provider and _has_key(saved.get(image.provider)):
            return _own_images(ctx, saved, image)
    return _platform(ctx.deps.config, kind, function, image.model if image is not None and not image.provider else "")


def price_for(ctx: Context, operation: str) -> Price:
    """What an operation costs this account at present, by its plan, whose key does it and whether the image model is a premium one."""
    provider = provider_for(ctx, "image" if operation == "image" else "text")
    return price_of(operation, plan_prices(ctx), own_key=provider.own_key, premium=provider.premium)


def circuit_of(ctx: Context, link: Link) -> Circuit | None:
    """The circuit of a link's model and key; None for `offline`, which has no server. Raises: see `Link.choice`."""
    config, choice = ctx.deps.config, link.choice
    if choice.provider == "offline":
        return None
    if link.own:
        return circuit(ctx.tenant, choice.provider, choice.base_url, choice.api_key, choice.model)
    openai = choice.provider == "openai"
    base_url = config.openai_base_url if openai else ""
    return circuit("", choice.provider, base_url, config.platform_key("openai" if openai else "runware"), choice.model)


# -- the account's own


def _saved(ctx: Context) -> dict[str, IntegrationSettings]:
    """The account's active settings, read once where the context remembers."""
    return ctx.remembered("providers", lambda: {s.id: s for s in ctx.repository(SETTINGS).get_many(TYPES).values() if s.is_active})


def _has_key(settings: IntegrationSettings | None) -> TypeGuard[IntegrationSettings]:
    return settings is not None and settings.api_key_sealed is not None


def _own(ctx: Context, settings: IntegrationSettings, model: str) -> Link:
    def unseal() -> str:
        return str(ctx.remembered(f"key of {settings.id}", lambda: Settings(ctx).choice(settings).api_key))

    return Link(ProviderChoice(settings.id, model, base_url=settings.base_url), True, unseal)


def _own_text(ctx: Context, openai: IntegrationSettings, function: str) -> Provider:
    by_function: dict[str, str] = {str(name): model for name, model in openai.models.items()}
    first = by_function.get(function) or openai.model or ctx.deps.config.openai_model
    return Provider(_distinct([_own(ctx, openai, model) for model in (first, *openai.fallback_models)]), True)


def _own_images(ctx: Context, saved: dict[str, IntegrationSettings], image: IntegrationSettings) -> Provider:
    wanted = [(image.provider, image.model), *((f.provider, f.model) for f in image.fallbacks)]
    config = ctx.deps.config
    keyed = [(settings, model) for name, model in wanted if _has_key(settings := saved.get(name))]
    return Provider(_distinct([_own(ctx, settings, model or _image_model(config, settings)) for settings, model in keyed]), True)


def _image_model(config: Config, drawing: IntegrationSettings) -> str:
    if drawing.id == "openai":
        return drawing.image_model or config.openai_image_model
    return drawing.model or config.runware_model


# -- the platform's


def _platform(config: Config, kind: Kind, function: str, image_model: str) -> Provider:
    provider = {"text": "", "image": config.image_provider, "embedding": config.embedding_provider}[kind] or config.ai_provider
    if provider == "offline":
        return Provider((Link(ProviderChoice("offline")),))
    if kind == "image":
        return _platform_images(config, provider, image_model)
    if kind == "embedding":
        return Provider((Link(ProviderChoice(provider, config.openai_embedding_model)),))
    first = config.models_by_function.get(function) or config.openai_model
    return Provider(_distinct([Link(ProviderChoice(provider, model)) for model in (first, *listed(config.openai_fallback_models))]))


def _platform_images(config: Config, provider: str, model: str) -> Provider:
    """The platform's image models; those that stand in have the price of the first, premium or not."""
    offered = config.image_models_offered
    first = model if model in offered else offered[0]
    further = [(p, m) for p, m in pairs("IMAGE_FALLBACKS", config.image_fallbacks) if config.platform_key(p)]
    premium = config.premium_images
    alike = [ProviderChoice(p, m) for p, m in further if (m in premium) == (first in premium)]
    return Provider(_distinct([Link(ProviderChoice(provider, first)), *(Link(choice) for choice in alike)]), premium=first in premium)


def _distinct(links: list[Link]) -> tuple[Link, ...]:
    return tuple({link.named: link for link in links}.values())
