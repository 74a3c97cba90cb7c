"""Automation settings of a site: one object per site, made when first asked for."""

from typing import Any, Literal

from pydantic import Field, field_validator

from chalicelib.core.context import Context
from chalicelib.core.entity import Entity, SiteRecord
from chalicelib.core.errors import Duplicate
from chalicelib.core.service import Service
from chalicelib.core.zones import zone_name
from chalicelib.system.authors import AUTHOR
from chalicelib.system.automation_voice import SETTINGS, SETTINGS_TAIL
from chalicelib.system.strategies import STRATEGY

PublishMode = Literal["manual", "gated", "auto"]


class AutomationConfig(SiteRecord):
    """Times in the site's IANA zone. batch sizes: items a stage takes at once; delays in seconds, 0-3600; caps None = no cap.
    next_run_at: UTC, when the schedule starts the next run. not_started_at, not_started_reason: the last due time whose run could not
    start (no credits, another run still going, the site switched off), until one starts again."""

    enabled: bool = False
    sector_id: str | None = None
    frequency: Literal["hourly", "daily", "weekly", "monthly"] = "daily"
    time: str = Field("02:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    time_zone: str = "UTC"
    batch_size_1: int = Field(5000, ge=5, le=5000)
    batch_size_2: int = Field(10, ge=1, le=50)
    batch_size_3: int = Field(50, ge=1, le=100)
    batch_size_4: int = Field(10, ge=1, le=50)
    batch_size_5: int = Field(10, ge=1, le=50)
    batch_size_6: int = Field(10, ge=1, le=50)
    batch_size_7: int = Field(10, ge=1, le=50)
    within_stage_delay_seconds: int = Field(0, ge=0, le=3600)
    between_stage_delay_seconds: int = Field(1, ge=0, le=3600)
    publish_mode: PublishMode = "manual"
    gate_score: int = Field(80, ge=0, le=100)
    max_items_per_stage: int | None = Field(None, ge=1, le=100_000)
    max_credits_per_run: int | None = Field(None, ge=1)
    max_credits_per_day: int | None = Field(None, ge=1)
    tone: str = Field("", max_length=200)
    language: str = Field("", max_length=20)
    market: str = Field("", max_length=60)
    author_profile: str | None = None
    strategy: str | None = None
    last_run_at: str | None = None
    next_run_at: str | None = None
    not_started_at: str | None = None
    not_started_reason: str | None = None

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        return zone_name(value)

    def batch_size(self, stage: int) -> int:
        size: int = getattr(self, f"batch_size_{stage}")
        return size


_OWN = {"last_run_at", "next_run_at", "not_started_at", "not_started_reason"}
_WRITABLE = frozenset(AutomationConfig.model_fields) - frozenset(SiteRecord.model_fields) - _OWN
CONFIG: Entity[AutomationConfig] = Entity(
    name="automation_config",
    plural="automation configs",
    model=AutomationConfig,
    letter="CFG",
    place=SETTINGS,
    create=_WRITABLE,
    patch=_WRITABLE,
    soft_delete=False,
)


class Configs(Service[AutomationConfig]):
    entity = CONFIG
    related = {"author_profile": AUTHOR, "strategy": STRATEGY}  # noqa: RUF012

    def of_site(self, site_id: str) -> AutomationConfig:
        """The site's config, made with the defaults when there is none. Raises: NotFound for an unknown site."""
        self.ctx.site(site_id)
        if (found := self.stored(site_id)) is not None:
            return found
        try:
            return self.repository.create(self.repository.new(site_id, SETTINGS_TAIL))
        except Duplicate:
            return self.repository.get(f"{site_id}-{SETTINGS_TAIL}")

    def stored(self, site_id: str) -> AutomationConfig | None:
        """The config that there is, whatever has become of its site."""
        return self.repository.find(f"{site_id}-{SETTINGS_TAIL}")

    def chosen(self, config: AutomationConfig, body: dict[str, Any]) -> dict[str, Any]:
        """Those fields of a body that may be set, what they refer to being there. Raises: ValidationFailed, NotFound."""
        if isinstance(sector_id := body.get("sector_id"), str):  # what is no text the model refuses
            self.ctx.sector(config.site_id, sector_id)
        changes = {k: v for k, v in body.items() if k in self.entity.patch}
        self.check_related(config.model_copy(update=changes), names=[n for n in self.related if isinstance(changes.get(n), str)])
        return changes


def config_of(ctx: Context, site_id: str) -> AutomationConfig:
    return Configs(ctx).of_site(site_id)
