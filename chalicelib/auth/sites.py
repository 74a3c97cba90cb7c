"""Sites and sectors: what an account publishes to and how it is divided. A sector's id begins with its site's."""

from typing import Any, Literal

from pydantic import Field

from chalicelib.core.context import Context, sector_key, site_key
from chalicelib.core.entity import Entity, Placement, Record, SiteRecord, Unique
from chalicelib.core.ids import new_site_id, random_id, site_of
from chalicelib.core.service import Service

SiteStatus = Literal["active", "inactive"]
Slug = r"^[a-z0-9]+(?:-[a-z0-9]+)*$"


class Site(Record):
    """language and market: BCP 47 language and country of its readers; the image settings say how many pictures an article gets."""

    name: str = Field(min_length=1, max_length=120)
    slug: str = Field(min_length=1, max_length=80, pattern=Slug)
    domain: str | None = Field(None, max_length=253)
    industry: str | None = None
    is_active: bool = True
    status: SiteStatus = "active"
    language: str = Field("en", pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
    market: str = Field("", max_length=60)
    tone: str = Field("", max_length=200)
    audience: str = Field("", max_length=300)
    default_author: str | None = None
    strategy: str | None = None
    image_style: str = Field("", max_length=300)
    in_article_images: int = Field(1, ge=0, le=6)
    ideas_per_cluster: int = Field(3, ge=1, le=10)
    active_sectors: int = Field(0, ge=0)


_SITE_FIELDS = frozenset(
    {
        "name",
        "slug",
        "domain",
        "industry",
        "is_active",
        "status",
        "language",
        "market",
        "tone",
        "audience",
        "default_author",
        "strategy",
        "image_style",
        "in_article_images",
        "ideas_per_cluster",
    }
)
SITE: Entity[Site] = Entity(
    name="site",
    plural="sites",
    model=Site,
    letter="W",
    place=Placement(
        kind="account",
        key=site_key,
        owner=lambda public_id: public_id,
        lists=lambda tenant, owner: f"{tenant}#A#W",
        make_id=lambda owner, tail: tail,
    ),
    index={"n": "name"},
    orderings={"created_at": "c", "name": "n"},
    search=("name",),
    unique=(Unique(("slug",), within="account"),),
    create=_SITE_FIELDS,
    patch=_SITE_FIELDS,
)


class Sector(SiteRecord):
    name: str = Field(min_length=1, max_length=120)
    slug: str = Field(min_length=1, max_length=80, pattern=Slug)
    industry_sector: str | None = None
    is_active: bool = True
    status: SiteStatus = "active"


SECTOR: Entity[Sector] = Entity(
    name="sector",
    plural="sectors",
    model=Sector,
    letter="S",
    place=Placement(
        kind="site",
        key=sector_key,
        owner=site_of,
        lists=lambda tenant, owner: f"{tenant}#{owner}#S",
        make_id=lambda owner, tail: owner + tail,
    ),
    index={"n": "name"},
    orderings={"created_at": "c", "name": "n"},
    unique=(Unique(("slug",), within="site"),),
    create=frozenset({"name", "slug", "industry_sector", "is_active", "status"}),
    patch=frozenset({"name", "slug", "industry_sector", "is_active", "status"}),
)


class Sites(Service[Site]):
    entity = SITE

    def create(self, body: dict[str, Any]) -> Site:
        fields = {k: v for k, v in body.items() if k in self.entity.create}
        return self.repository.create(self.repository.new("", new_site_id(), **fields))


class Sectors(Service[Sector]):
    entity = SECTOR

    def create(self, body: dict[str, Any]) -> Sector:
        site_id = self.owner(body)
        fields = {k: v for k, v in body.items() if k in self.entity.create}
        return self.repository.create(self.repository.new(site_id, random_id(4), **fields))

    def of_site(self, site_id: str) -> list[Sector]:
        """The site's live, active sectors, oldest first."""
        found = self.repository.under((f"{self.ctx.tenant}#A", f"W#{site_id}#S#"))
        return sorted((s for s in found if s.is_active), key=lambda s: s.order)


def get_site(ctx: Context, site_id: str) -> Site:
    """Raises: NotFound."""
    return Sites(ctx).get(site_id)


def active_sectors(ctx: Context, site_id: str) -> list[Sector]:
    return Sectors(ctx).of_site(site_id)
