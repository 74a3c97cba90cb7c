"""Strategies: how an account, or one of its sectors, wants its content planned and written, in words for the AI functions."""

from collections.abc import Iterable
from typing import Any

from pydantic import Field, field_validator

from chalicelib.core.context import Context
from chalicelib.core.entity import Entity, Filter, Record, Unique, in_account
from chalicelib.core.errors import ValidationFailed
from chalicelib.core.ids import site_of
from chalicelib.core.service import Service
from chalicelib.system.prompts import PROMPT_TYPES

MAX_TEXT = 4_000


class Strategy(Record):
    """description: for every function. prompt_types: AI function -> what it is told besides. section_logic: content structure ->
    what its sections are, as a text or a list of texts. sector: the one it is for; without one, sites choose it."""

    name: str = Field(min_length=1, max_length=120)
    description: str = Field("", max_length=MAX_TEXT)
    sector: str | None = None
    prompt_types: dict[str, str] = Field(default_factory=dict)
    section_logic: dict[str, str | list[str]] = Field(default_factory=dict, max_length=40)
    is_active: bool = True

    @field_validator("prompt_types")
    @classmethod
    def _functions(cls, value: dict[str, str]) -> dict[str, str]:
        if unknown := sorted(set(value) - set(PROMPT_TYPES)):
            raise ValueError(f"{unknown[0][:60]} is no AI function; there are {', '.join(PROMPT_TYPES)}")
        if any(len(text) > MAX_TEXT for text in value.values()):
            raise ValueError(f"a text has at most {MAX_TEXT} characters")
        return value

    @field_validator("section_logic")
    @classmethod
    def _sections(cls, value: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
        if any(len(str(name)) > 40 or len(str(text)) > MAX_TEXT for name, text in value.items()):
            raise ValueError(f"a structure's name has at most 40 characters, its text at most {MAX_TEXT}")
        return value

    def as_facts(self, function: str, structure: str = "") -> dict[str, Any]:
        """What this function is told. structure: of the content to be written; '' names all."""
        sections = {k: v for k, v in self.section_logic.items() if structure in ("", k)}
        return {
            "name": self.name,
            "description": self.description,
            "instructions": self.prompt_types.get(function, ""),
            "sections": [f"{k}: {v if isinstance(v, str) else ', '.join(v)}" for k, v in sections.items()],
        }


def _sectors() -> Entity[Any]:
    from chalicelib.auth.sites import SECTOR  # here, because a site names its strategy, so that module needs this one first

    return SECTOR


_WRITABLE = frozenset({"name", "description", "sector", "prompt_types", "section_logic", "is_active"})
STRATEGY: Entity[Strategy] = Entity(
    name="strategy",
    plural="strategies",
    model=Strategy,
    letter="ST",
    place=in_account("ST", partition="G"),
    index={"n": "name"},
    collection=lambda s: f"{s.sector}#strategy" if s.sector and s.is_active else None,
    filters={"sector": Filter("sector", related=_sectors), "is_active": Filter("is_active", kind="boolean")},
    orderings={"created_at": "c", "name": "n"},
    search=("name",),
    unique=(Unique(("name",), within="account"),),
    create=_WRITABLE,
    patch=_WRITABLE,
    soft_delete=False,
)


class Strategies(Service[Strategy]):
    entity = STRATEGY

    def create(self, body: dict[str, Any]) -> Strategy:
        self._check(body)
        return super().create(body)

    def patch(self, public_id: str, body: dict[str, Any], *, if_match: int | None = None) -> Strategy:
        self._check(body)
        return super().patch(public_id, body, if_match=if_match)

    def _check(self, body: dict[str, Any]) -> None:
        """Raises: NotFound for a sector that does not exist; ValidationFailed."""
        sector = body.get("sector")
        if sector is None:
            return
        if not isinstance(sector, str):
            raise ValidationFailed.field("sector", "must be an id.")
        self.ctx.sector(site_of(sector), sector)


def strategy_for(ctx: Context, sector_id: str, *, nearer: Iterable[str | None] = (), farther: Iterable[str | None] = ()) -> Strategy | None:
    """The first active strategy: of those named nearer than the sector, the sector's own (the newest of several), those named farther."""
    repository = ctx.repository(STRATEGY)

    def active(named: Iterable[str | None]) -> Strategy | None:
        found = (repository.find(one) for one in named if one)
        return next((one for one in found if one is not None and one.is_active), None)

    own = active(nearer)
    if own is None and sector_id:
        own = max(repository.collection(f"{sector_id}#strategy"), key=lambda s: s.order, default=None)
    return own if own is not None else active(farther)
