"""Taxonomy terms of a site: categories and tags, ours and those known from the publishing target."""

from typing import Any, Literal

from pydantic import Field
from slugify import slugify

from chalicelib.core.bulk import Body
from chalicelib.core.context import Context
from chalicelib.core.entity import Entity, Filter, SiteRecord, Unique, in_site
from chalicelib.core.errors import Duplicate, ValidationFailed
from chalicelib.core.rewrite import parsed
from chalicelib.core.service import Service


class Taxonomy(SiteRecord):
    """sector_id: the sector it was made for. count: contents that carry it. external_*: the same term on the publishing target."""

    name: str = Field(min_length=1, max_length=200)
    slug: str = Field(min_length=1, max_length=200)
    taxonomy_type: Literal["category", "tag"] = "category"
    sector_id: str | None = None
    description: str = Field("", max_length=5000)
    external_taxonomy: str | None = None
    external_id: str | None = None
    sync_status: Literal["none", "synced", "failed"] = "none"
    count: int = Field(0, ge=0)
    metadata: dict[str, Any] = Field(default_factory=dict)


_WRITABLE = frozenset({"name", "slug", "taxonomy_type", "sector_id", "description", "external_taxonomy", "external_id", "metadata"})
TAXONOMY: Entity[Taxonomy] = Entity(
    name="taxonomy",
    plural="taxonomies",
    model=Taxonomy,
    letter="X",
    place=in_site("X"),
    index={"n": "name"},
    filters={"taxonomy_type": Filter("taxonomy_type", choices=("category", "tag"))},
    orderings={"name": "n", "created_at": "c"},
    search=("name",),
    unique=(Unique(("slug", "taxonomy_type"), within="site"), Unique(("external_id", "external_taxonomy"), within="site")),
    create=_WRITABLE,
    patch=_WRITABLE,
    counted=("taxonomy_type",),
    soft_delete=False,
)


class NewTaxonomy(Body):
    """slug: made from the name when left out."""

    site_id: str
    sector_id: str | None = None
    name: str = Field(min_length=1, max_length=200)
    slug: str | None = Field(None, min_length=1, max_length=200)
    taxonomy_type: Literal["category", "tag"] = "category"
    description: str = Field("", max_length=5000)
    external_taxonomy: str | None = None
    external_id: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)


class Taxonomies(Service[Taxonomy]):
    entity = TAXONOMY

    def create(self, body: dict[str, Any]) -> Taxonomy:
        """Raises: ValidationFailed, NotFound, Duplicate."""
        wanted = parsed(NewTaxonomy, body)
        owner = self.owner(body)
        if wanted.sector_id is not None:
            self.ctx.sector(owner, wanted.sector_id)
        slug = slugify(wanted.slug or wanted.name)[:200]
        if not slug:
            raise ValidationFailed.field("slug", "is required: the name has no letter or figure to make one from.")
        fields = wanted.model_dump(exclude={"site_id"})
        return self.repository.create(self.repository.new(owner, **{**fields, "slug": slug}))

    def patch(self, public_id: str, body: dict[str, Any], *, if_match: int | None = None) -> Taxonomy:
        sector_id = body.get("sector_id")
        if sector_id is not None:
            if not isinstance(sector_id, str):
                raise ValidationFailed.field("sector_id", "must be an id.")
            self.ctx.sector(self.get(public_id).site_id, sector_id)
        return super().patch(public_id, body, if_match=if_match)


def ensure_terms(ctx: Context, site_id: str, sector_id: str, names: list[str], taxonomy_type: str) -> list[str]:
    """Ids of the site's terms with these names, made where missing. Safe when two do it at once."""
    repository, out = ctx.repository(TAXONOMY), []
    for name in names:
        slug = slugify(name)[:200]
        if not slug:
            continue
        term = repository.new(site_id, name=name, slug=slug, taxonomy_type=taxonomy_type, sector_id=sector_id)
        try:
            out.append(repository.create(term).id)
        except Duplicate:
            if existing := repository.holder(site_id, slug=slug, taxonomy_type=taxonomy_type):
                out.append(existing)
    return list(dict.fromkeys(out))
