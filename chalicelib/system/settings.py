"""An account's own AI providers: their keys, models and fallbacks. `provider_choice` says what follows from them.

Three settings, one item each: `openai` (or a server that speaks as OpenAI does), `runware`, and `image_generation`, which says which
of them draws. Keys are write-only: sealed under the account and the field, never answered.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from chalicelib.core.bulk import Body
from chalicelib.core.context import ProviderChoice
from chalicelib.core.entity import SYSTEM_FIELDS, Entity, Record, in_account
from chalicelib.core.errors import Duplicate, NotFound, ValidationFailed
from chalicelib.core.rewrite import parsed, rewrite
from chalicelib.core.service import Service
from chalicelib.system.circuits import Circuits

TYPES = ("openai", "runware", "image_generation")
TextFunction = Literal["auto_cluster", "generate_ideas", "generate_content", "generate_image_prompts"]
FALLBACKS = 4  # at most; each may take a call's whole time
ModelName = Annotated[str, Field(min_length=1, max_length=120)]


class ImageFallback(BaseModel):
    """Who draws when the one before does not answer. model: '' is the provider's own setting."""

    model_config = ConfigDict(extra="forbid")

    provider: Literal["openai", "runware"]
    model: str = Field("", max_length=120)


class ChosenModels(BaseModel):
    """What an account chooses. model: of text for `openai`, of pictures for the others; models: of text, by AI function, where it is
    another. fallback_models: of text, asked in this order when the one before does not answer or has ended; fallbacks: the same of
    pictures. use_for_embeddings: the own key clusters keywords too. provider: who draws, for `image_generation`; '' leaves that to the
    platform, whose models `model` then chooses among."""

    is_active: bool = True
    base_url: str = Field("", max_length=500)
    model: str = Field("", max_length=120)
    models: dict[TextFunction, ModelName] = Field(default_factory=dict)
    fallback_models: list[ModelName] = Field(default_factory=list, max_length=FALLBACKS)
    image_model: str = Field("", max_length=120)
    embedding_model: str = Field("", max_length=120)
    use_for_embeddings: bool = False
    provider: Literal["", "openai", "runware"] = ""
    fallbacks: list[ImageFallback] = Field(default_factory=list, max_length=FALLBACKS)

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str) -> str:
        if value and not value.startswith(("https://", "http://")):
            raise ValueError("must begin with https://")
        if "@" in value.partition("://")[2].partition("/")[0]:  # it would be stored and answered as it is
            raise ValueError("must not hold a user name or password; the key has a field of its own")
        return value.rstrip("/")


class IntegrationSettings(ChosenModels, Record):
    """id: the type."""

    api_key_sealed: str | None = None


SETTINGS: Entity[IntegrationSettings] = Entity(
    name="integration_settings",
    plural="integration settings",
    model=IntegrationSettings,
    letter="IN",
    place=in_account("IN", partition="G"),
    patch=frozenset(ChosenModels.model_fields),
    soft_delete=False,
)
_FIELDS = {  # what each type knows
    "openai": set(ChosenModels.model_fields) - {"provider", "fallbacks"} | {"api_key"},
    "runware": {"is_active", "model", "api_key"},
    "image_generation": {"is_active", "provider", "model", "fallbacks"},
}


class SettingsBody(ChosenModels, Body):
    """api_key: write-only; left out it stays as it is, null or '' takes it away. Other fields go back to their defaults."""

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
        if integration_type == "image_generation" and not wanted.provider:
            self._of_platform(wanted)
        fields: dict[str, Any] = wanted.model_dump(exclude={"api_key"})
        if "api_key" in wanted.model_fields_set:
            fields["api_key_sealed"] = self._seal(integration_type, wanted.api_key) if wanted.api_key else None
        saved = self._stored(there, integration_type, fields, if_match)
        Circuits(self.ctx.deps.ops, self.ctx.deps.clock).reset(self.ctx.tenant)  # what was refused before may be right now
        return saved

    def _stored(
        self, there: IntegrationSettings, integration_type: str, fields: dict[str, Any], if_match: int | None
    ) -> IntegrationSettings:
        def changes(old: IntegrationSettings) -> dict[str, Any]:
            moved = fields["base_url"] not in ("", old.base_url)  # without one it is the provider's own server
            if moved and old.api_key_sealed is not None and "api_key_sealed" not in fields:
                raise ValidationFailed.field(
                    "api_key", "is required again when the address changes: a key goes only where it was given for."
                )
            return fields

        if self.repository.find(integration_type) is None:
            try:
                return self.repository.create(self.repository.new("", integration_type, **fields))
            except Duplicate:  # somebody saved them at the same moment: ours come last
                pass
        return rewrite(self.repository, there.id, changes, lambda old, new: [], if_match=if_match)

    def _of_platform(self, wanted: SettingsBody) -> None:
        """Raises: ValidationFailed when the platform's provider cannot do what is wanted of it."""
        if wanted.fallbacks:
            raise ValidationFailed.field("fallbacks", "can be chosen for a provider of your own only.")
        offered = self.ctx.deps.config.image_models_offered
        if wanted.model and offered and wanted.model not in offered:
            raise ValidationFailed.field("model", f"without a provider of your own must be one of {', '.join(offered)}, or empty.")

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
