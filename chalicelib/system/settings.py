"""An account's own AI providers: which does what, with whose key. What an account has not chosen is the platform's.

Three settings, one item each: `openai` (or a server that speaks as OpenAI does), `runware`, and `image_generation`, which says which
of them draws. Keys are write-only: sealed under the account and the field, never answered.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import Field, field_validator

from chalicelib.core.bulk import Body
from chalicelib.core.context import Context, ProviderChoice
from chalicelib.core.entity import SYSTEM_FIELDS, Entity, Record, in_account
from chalicelib.core.errors import Duplicate, NotFound, ValidationFailed
from chalicelib.core.rewrite import parsed, rewrite
from chalicelib.core.service import Service

Kind = Literal["text", "image", "embedding"]
TYPES = ("openai", "runware", "image_generation")


class IntegrationSettings(Record):
    """id: the type. model: of text for `openai`, of pictures for the others. use_for_embeddings: the own key clusters keywords too.
    provider: who draws, for `image_generation`; '' leaves that to the platform."""

    is_active: bool = True
    base_url: str = Field("", max_length=500)
    model: str = Field("", max_length=120)
    image_model: str = Field("", max_length=120)
    use_for_embeddings: bool = False
    provider: Literal["", "openai", "runware"] = ""
    api_key_sealed: str | None = None

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str) -> str:
        if value and not value.startswith(("https://", "http://")):
            raise ValueError("must begin with https://")
        return value.rstrip("/")


SETTINGS: Entity[IntegrationSettings] = Entity(
    name="integration_settings",
    plural="integration settings",
    model=IntegrationSettings,
    letter="IN",
    place=in_account("IN", partition="G"),
    patch=frozenset({"is_active", "base_url", "model", "image_model", "use_for_embeddings", "provider"}),
    soft_delete=False,
)
_FIELDS = {  # what each type knows
    "openai": {"is_active", "base_url", "model", "image_model", "use_for_embeddings", "api_key"},
    "runware": {"is_active", "model", "api_key"},
    "image_generation": {"is_active", "provider", "model"},
}


class SettingsBody(Body):
    """api_key: write-only; left out it stays as it is, null or '' takes it away. Other fields go back to their defaults."""

    is_active: bool = True
    base_url: str = Field("", max_length=500)
    model: str = Field("", max_length=120)
    image_model: str = Field("", max_length=120)
    use_for_embeddings: bool = False
    provider: Literal["", "openai", "runware"] = ""
    api_key: str | None = Field(None, max_length=500)


class Settings(Service[IntegrationSettings]):
    entity = SETTINGS

    def of(self, integration_type: str) -> IntegrationSettings:
        """The settings of a type, the defaults when none were saved. Raises: NotFound for an unknown type."""
        if integration_type not in TYPES:
            raise NotFound(f"There is no such integration; there are {', '.join(TYPES)}.")
        found = self.repository.find(integration_type)
        return found if found is not None else self.repository.new("", integration_type, is_active=False)

    def save(self, integration_type: str, body: dict[str, Any], *, if_match: int | None = None) -> IntegrationSettings:
        """Raises: NotFound, ValidationFailed, PreconditionFailed."""
        there = self.of(integration_type)
        shown = {*SYSTEM_FIELDS, "integration_type", "has_api_key"}  # what an answer has, sent back
        if unknown := [n for n in body if n not in _FIELDS[integration_type] and n not in shown]:
            raise ValidationFailed.field(unknown[0], f"is not a setting of {integration_type}.")
        wanted = parsed(SettingsBody, {k: v for k, v in body.items() if k in _FIELDS[integration_type]})
        if wanted.base_url.startswith("http://") and not self.ctx.deps.config.is_local:
            raise ValidationFailed.field("base_url", "must begin with https://.")
        fields: dict[str, Any] = wanted.model_dump(exclude={"api_key"})
        if "api_key" in wanted.model_fields_set:
            fields["api_key_sealed"] = self._seal(integration_type, wanted.api_key) if wanted.api_key else None
        if self.repository.find(integration_type) is None:
            try:
                return self.repository.create(self.repository.new("", integration_type, **fields))
            except Duplicate:  # somebody saved them at the same moment: ours come last
                pass
        return rewrite(self.repository, there.id, lambda old: fields, lambda old, new: [], if_match=if_match)

    def choice(self, settings: IntegrationSettings) -> ProviderChoice:
        """The provider of `openai` or `runware` with the account's own key, unsealed."""
        sealed = settings.api_key_sealed
        key = self.ctx.deps.secrets.unseal(sealed, self._context(settings.id)) if sealed else ""
        return ProviderChoice(settings.id, settings.model, key, settings.base_url)

    def _seal(self, integration_type: str, key: str) -> str:
        return self.ctx.deps.secrets.seal(key, self._context(integration_type))

    def _context(self, integration_type: str) -> dict[str, str]:
        return {"tenant": self.ctx.tenant, "field": f"integration.{integration_type}.api_key"}

    def present(self, records: Any) -> list[dict[str, Any]]:
        """Each type with the fields it knows, and whether it has a key."""
        out = []
        for r in records:
            known = {k: v for k, v in r.model_dump().items() if k in _FIELDS[r.id] | {"id", "created_at", "updated_at", "version"}}
            key = {"has_api_key": r.api_key_sealed is not None} if "api_key" in _FIELDS[r.id] else {}
            out.append({"integration_type": r.id, **known, **key})
        return out


@dataclass(frozen=True)
class Provider:
    """named: everything but the key. own_key: the account pays the provider itself. open_choice: unseals the key, when it is used."""

    named: ProviderChoice
    own_key: bool = False
    open_choice: Callable[[], ProviderChoice] | None = None

    @property
    def choice(self) -> ProviderChoice:
        return self.named if self.open_choice is None else self.open_choice()


def provider_for(ctx: Context, kind: Kind) -> Provider:
    """The provider of one kind of work: the account's own where it has chosen one and given a key, else the platform's default."""
    config = ctx.deps.config
    saved = {s.id: s for s in ctx.repository(SETTINGS).get_many(TYPES).values() if s.is_active}
    openai, image = saved.get("openai"), saved.get("image_generation")
    if kind == "text" and openai is not None and openai.api_key_sealed:
        return _own(ctx, openai, openai.model)
    if kind == "embedding" and openai is not None and openai.api_key_sealed and openai.use_for_embeddings:
        return _own(ctx, openai, "")
    if kind == "image" and image is not None and image.provider:
        drawing = saved.get(image.provider)
        if drawing is not None and drawing.api_key_sealed:
            return _own(ctx, drawing, image.model or (drawing.image_model if drawing.id == "openai" else drawing.model))
    chosen = {"text": "", "image": config.image_provider, "embedding": config.embedding_provider}[kind]
    return Provider(ProviderChoice(provider=chosen or config.ai_provider))


def _own(ctx: Context, settings: IntegrationSettings, model: str) -> Provider:
    named = ProviderChoice(settings.id, model, base_url=settings.base_url)
    return Provider(named, True, lambda: replace(Settings(ctx).choice(settings), model=model))
