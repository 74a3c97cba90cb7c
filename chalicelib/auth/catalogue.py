"""The catalogue all tenants share: industries, their sectors, and seed keywords. Everyone reads it, developers and system users write it.

Ids follow from names, so that a name is there once: `coffee`, `coffee.espresso-machines`, and for a seed the hash that also is a
tenant's keyword made from it.
"""

from typing import Any

from pydantic import BaseModel, Field
from slugify import slugify

from chalicelib.core.context import Context
from chalicelib.core.entity import Entity, Filter, Record, in_catalogue
from chalicelib.core.errors import Conflict, NotFound, ValidationFailed
from chalicelib.core.service import Service
from chalicelib.core.table import Item, Query
from chalicelib.planner.keyword_identity import clean_text, keyword_id
from chalicelib.planner.keyword_intents import INTENTS, Intent

_KEYWORD_MAX = 200
_SLUG = r"^[a-z0-9]+(?:-[a-z0-9]+)*$"


class Industry(Record):
    name: str = Field(min_length=1, max_length=120)
    slug: str = Field(min_length=1, max_length=80, pattern=_SLUG)
    description: str = Field("", max_length=500)
    is_active: bool = True


class IndustrySector(Record):
    name: str = Field(min_length=1, max_length=120)
    slug: str = Field(min_length=1, max_length=80, pattern=_SLUG)
    industry: str
    description: str = Field("", max_length=500)
    is_active: bool = True


class NewIndustry(BaseModel):
    """The body of a create. slug: made of the name when it is left out."""

    name: str = Field(min_length=1, max_length=120)
    slug: str | None = Field(None, min_length=1, max_length=80, pattern=_SLUG)
    description: str = Field("", max_length=500)
    is_active: bool = True


class NewIndustrySector(NewIndustry):
    industry: str


class SeedKeyword(Record):
    """A keyword of the catalogue; volume and difficulty are None when unknown. Its words, sector and country never change."""

    keyword: str = Field(min_length=1, max_length=_KEYWORD_MAX)
    industry: str
    industry_sector: str
    country: str | None = Field(None, max_length=8, pattern=r"^[a-z]{2}$")
    volume: int | None = Field(None, ge=0, le=10**12)
    difficulty: int | None = Field(None, ge=0, le=100)
    intent: Intent | None = None
    is_active: bool = True


_ACTIVE = Filter("is_active", kind="boolean")
INDUSTRY: Entity[Industry] = Entity(
    name="industry",
    plural="industries",
    model=Industry,
    letter="INDUSTRY",
    place=in_catalogue("INDUSTRY"),
    index={"n": "name"},
    filters={"is_active": _ACTIVE},
    orderings={"created_at": "c", "name": "n"},
    default_ordering="name",
    search=("name", "description"),
    create=frozenset({"name", "slug", "description", "is_active"}),
    patch=frozenset({"name", "description", "is_active"}),
    soft_delete=False,
)
INDUSTRY_SECTOR: Entity[IndustrySector] = Entity(
    name="industry_sector",
    plural="industry sectors",
    model=IndustrySector,
    letter="ISECTOR",
    place=in_catalogue("ISECTOR"),
    index={"n": "name"},
    filters={"industry": Filter("industry", related=lambda: INDUSTRY), "is_active": _ACTIVE},
    orderings={"created_at": "c", "name": "n"},
    default_ordering="name",
    search=("name", "description"),
    create=frozenset({"name", "slug", "industry", "description", "is_active"}),
    patch=frozenset({"name", "description", "is_active"}),
    soft_delete=False,
)
SEED: Entity[SeedKeyword] = Entity(
    name="seed_keyword",
    plural="seed keywords",
    model=SeedKeyword,
    letter="SEED",
    place=in_catalogue("SEED"),
    index={"n": "keyword", "v": "volume", "d": "difficulty"},
    filters={
        "industry": Filter("industry", related=lambda: INDUSTRY),
        "industry_sector": Filter("industry_sector", related=lambda: INDUSTRY_SECTOR),
        "country": Filter("country"),
        "intent": Filter("intent", choices=INTENTS),
        "is_active": _ACTIVE,
        "volume_min": Filter("volume", "ge", "integer"),
        "volume_max": Filter("volume", "le", "integer"),
        "difficulty_min": Filter("difficulty", "ge", "integer"),
        "difficulty_max": Filter("difficulty", "le", "integer"),
    },
    orderings={"created_at": "c", "keyword": "n", "volume": "v", "difficulty": "d"},
    search=("keyword",),
    create=frozenset({"keyword", "industry_sector", "country", "volume", "difficulty", "intent", "is_active"}),
    patch=frozenset({"volume", "difficulty", "intent", "is_active"}),
)


def _slug(body: dict[str, Any]) -> str:
    given, name = body.get("slug"), body.get("name")
    if given is not None and not isinstance(given, str):
        raise ValidationFailed.field("slug", "must be text.")
    slug = slugify(name, max_length=80) if given is None and isinstance(name, str) else given
    if not slug:
        raise ValidationFailed.field("name" if given is None else "slug", "is required.")
    return slug


class Industries(Service[Industry]):
    entity = INDUSTRY

    def create(self, body: dict[str, Any]) -> Industry:
        slug = _slug(body)
        return self.repository.create(self.repository.new("", slug, **{**body, "slug": slug}))

    def delete(self, public_id: str, *, if_match: int | None = None) -> Industry:
        if any(s.industry == public_id for s in all_sectors(self.ctx)):
            raise Conflict("This industry has sectors; delete them first, or set is_active to false.")
        return super().delete(public_id, if_match=if_match)


class IndustrySectors(Service[IndustrySector]):
    entity = INDUSTRY_SECTOR

    def create(self, body: dict[str, Any]) -> IndustrySector:
        slug, industry = _slug(body), _named(body, "industry")
        if self.ctx.repository(INDUSTRY).find(industry) is None:
            raise NotFound("industry: there is no such industry.")
        return self.repository.create(self.repository.new("", f"{industry}.{slug}", **{**body, "slug": slug}))

    def delete(self, public_id: str, *, if_match: int | None = None) -> IndustrySector:
        seeds = Query(SEED.place.lists("", ""), index="byC", hash_name="lp", filter="industry_sector = :s", values={":s": public_id})
        if self.ctx.deps.table.query_all(seeds):
            raise Conflict("This sector has seed keywords; delete them first, or set is_active to false.")
        return super().delete(public_id, if_match=if_match)


class SeedKeywords(Service[SeedKeyword]):
    entity = SEED

    def create(self, body: dict[str, Any]) -> SeedKeyword:
        """One that was deleted before comes back with the new values."""
        sector = self.ctx.repository(INDUSTRY_SECTOR).find(_named(body, "industry_sector"))
        if sector is None:
            raise NotFound("industry_sector: there is no such industry sector.")
        seed = self.new(body, sector)
        there = self.repository.find(seed.id, deleted=True)
        if there is None or not there.deleted_at:
            return self.repository.create(seed)
        values = seed.model_dump(include=set(SEED.patch))
        return self.repository.patch(seed.id, {**values, "deleted_at": None}, deleted=True)

    def new(self, fields: dict[str, Any], sector: IndustrySector) -> SeedKeyword:
        """A validated seed that is not stored yet. Raises: ValidationFailed."""
        for name in ("keyword", "country"):
            if fields.get(name) is not None and not isinstance(fields[name], str):
                raise ValidationFailed.field(name, "must be text.")
        if len(fields.get("keyword") or "") > _KEYWORD_MAX:
            raise ValidationFailed.field("keyword", f"has at most {_KEYWORD_MAX} characters.")
        text = clean_text(fields.get("keyword") or "")
        country = fields["country"].lower() if fields.get("country") else None
        identity = keyword_id(text, country, sector.id)
        known = {k: v for k, v in fields.items() if k in SEED.create}
        shape = {**known, "keyword": text, "country": country, "industry": sector.industry, "industry_sector": sector.id}
        return self.repository.new("", identity, **shape)


def _named(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise ValidationFailed.field(name, "is required.")
    return value


def all_industries(ctx: Context) -> list[Industry]:
    return [INDUSTRY.from_item(item) for item in _whole(ctx, INDUSTRY)]


def all_sectors(ctx: Context) -> list[IndustrySector]:
    return [INDUSTRY_SECTOR.from_item(item) for item in _whole(ctx, INDUSTRY_SECTOR)]


def _whole(ctx: Context, entity: Entity[Any]) -> list[Item]:
    """Every item of a small part of the catalogue, which is no tenant's."""
    return ctx.deps.table.query_all(Query(entity.place.key("", "")[0], consistent=True))


def seed_keywords(ctx: Context, ids: list[str]) -> dict[str, SeedKeyword]:
    """The active seeds among these ids, by id, in their order: what a tenant may add to its own keywords."""
    return {i: seed for i, seed in ctx.repository(SEED).get_many(ids).items() if seed.is_active}
