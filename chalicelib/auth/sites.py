"""Sites and sectors: what an account publishes to and how it is divided. A sector's id begins with its site's.

Deleting a site or a sector hides all that is in it, and restoring it shows all again; nothing inside is touched. What is closed is
noted in the account's record, which every request reads, so it holds at once and for every object below.
"""

from dataclasses import replace
from typing import Any, Literal, TypeVar

from pydantic import Field

from chalicelib.auth.accounts import ACCOUNT, find_account
from chalicelib.auth.catalogue import INDUSTRY, INDUSTRY_SECTOR
from chalicelib.billing import plans
from chalicelib.core.context import Context, sector_key, site_key
from chalicelib.core.entity import Entity, Filter, Placement, Record, SiteRecord, Unique
from chalicelib.core.errors import Conflict, NotFound, ValidationFailed
from chalicelib.core.ids import new_site_id, random_id, site_of, stamp
from chalicelib.core.listing import Condition
from chalicelib.core.repository import ListRequest, Repository
from chalicelib.core.rewrite import in_turn, rewrite
from chalicelib.core.service import Service
from chalicelib.core.table import Write, update
from chalicelib.system.authors import AUTHOR
from chalicelib.system.strategies import STRATEGY

SiteStatus = Literal["active", "inactive"]
SLUG = r"^[a-z0-9]+(?:-[a-z0-9]+)*$"
SECTORS_MAX = 5  # active ones of a site; Source: inventory, Sector


class Site(Record):
    """language and market: BCP 47 language and country of its readers; the image settings say how many pictures an article gets.
    max_credits_per_month: the most that AI work on it may take in a calendar month (UTC), by hand and by runs; None for no cap."""

    name: str = Field(min_length=1, max_length=120)
    slug: str = Field(min_length=1, max_length=80, pattern=SLUG)
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
    max_credits_per_month: int | None = Field(None, ge=1, le=10**9)


_SITE_FIELDS = frozenset(Site.model_fields) - frozenset(Record.model_fields)
_ACTIVE = {"is_active": Filter("is_active", kind="boolean"), "status": Filter("status", choices=("active", "inactive"))}
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
    filters={**_ACTIVE, "industry": Filter("industry", related=lambda: INDUSTRY)},
    orderings={"created_at": "c", "name": "n"},
    search=("name",),
    unique=(Unique(("slug",), within="account"),),
    create=_SITE_FIELDS,
    patch=_SITE_FIELDS,
)


class Sector(SiteRecord):
    name: str = Field(min_length=1, max_length=120)
    slug: str = Field(min_length=1, max_length=80, pattern=SLUG)
    industry_sector: str | None = None
    is_active: bool = True
    status: SiteStatus = "active"


_SECTOR_FIELDS = frozenset({"name", "slug", "industry_sector", "is_active", "status"})
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
    filters=_ACTIVE,
    orderings={"created_at": "c", "name": "n"},
    search=("name",),
    unique=(Unique(("slug",), within="site"),),
    create=_SECTOR_FIELDS,
    patch=_SECTOR_FIELDS,
)
R = TypeVar("R", Site, Sector)


class _Closable(Service[R]):
    """What sites and sectors share: opening and closing is one transaction with the counters and the account's note."""

    def __init__(self, ctx: Context) -> None:
        # admins administer what is closed, too; its `deleted_at` still keeps deleted ones out of reads
        super().__init__(Context(replace(ctx.scope, hidden=frozenset()), ctx.deps) if ctx.scope.allows("admin") else ctx)

    def patch(self, public_id: str, body: dict[str, Any], *, if_match: int | None = None) -> R:
        changes = {k: v for k, v in body.items() if k in self.entity.patch}
        return self._save(public_id, changes, if_match=if_match)

    def delete(self, public_id: str, *, if_match: int | None = None) -> R:
        return self._save(public_id, {"deleted_at": stamp(self.ctx.deps.clock.now())}, if_match=if_match)

    def restore(self, public_id: str) -> R:
        return self._save(public_id, {"deleted_at": None}, deleted=True)

    def _save(self, public_id: str, changes: dict[str, Any], *, if_match: int | None = None, deleted: bool = False) -> R:
        def also(old: R, new: R) -> list[Write]:
            self.validate(new, set(changes))
            return [*self.counting(old, new), *_noting(self.ctx, old, new)]

        return rewrite(self.repository, public_id, lambda old: changes, also, if_match=if_match, deleted=deleted)

    def validate(self, record: R, changed: set[str]) -> None:
        """Raises: NotFound, ValidationFailed."""

    def counting(self, old: R | None, new: R) -> list[Write]:
        return []


def _closed(record: Site | Sector) -> Literal["inactive", "deleted"] | None:
    if record.deleted_at:
        return "deleted"
    is_open = record.is_active and record.status == "active"
    return None if is_open or isinstance(record, Sector) else "inactive"  # an inactive sector only takes no part in runs


def _noting(ctx: Context, old: Site | Sector | None, new: Site | Sector) -> list[Write]:
    """The write that notes in the account's record what became closed or open. Condition error: Stale."""
    was, now = _closed(old) if old else None, _closed(new)
    account = find_account(ctx) if was != now else None
    if account is None:
        return []
    others = {i: why for i, why in account.closed.items() if i != new.id}
    accounts = ctx.repository(ACCOUNT)
    return accounts.changing(account, accounts.changed(account, closed={**others, new.id: now} if now else others))


class _SeenSites(Repository[Site]):
    """The sites of the scope: a list names those granted, so that it tells nothing of the others, not even their number."""

    def seen(self) -> list[str] | None:
        """Ids of the granted sites that are open; None for all of the account."""
        return None if self.scope.sites is None else sorted(s for s in self.scope.sites if self.scope.sees(s))

    def plan(self, request: ListRequest) -> tuple[bool, str, tuple[Condition, ...]]:
        descending, attribute, conditions = super().plan(request)
        seen = self.seen()
        return descending, attribute, conditions if seen is None else (*conditions, Condition("id", "in", seen))


class Sites(_Closable[Site]):
    """Sites; each counts against the plan until it is deleted."""

    entity = SITE

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx)
        self.repository = self._seen = _SeenSites(SITE, self.ctx.scope, ctx.deps.table, ctx.deps.clock)

    def owners(self, site_id: str | None, sector_id: str | None) -> list[str]:
        return [] if self._seen.seen() == [] else [""]

    def create(self, body: dict[str, Any]) -> Site:
        account = find_account(self.ctx)  # a site speaks its account's language until it says otherwise
        fields = {**({"language": account.language} if account else {}), **{k: v for k, v in body.items() if k in SITE.create}}
        site = self.repository.new("", new_site_id(), **fields)
        self.validate(site, set(fields))
        return in_turn(lambda: self.repository.create(site, *self.counting(None, site), *_noting(self.ctx, None, site)))

    def validate(self, record: Site, changed: set[str]) -> None:
        if "industry" in changed and record.industry is not None:
            _need(self.ctx, INDUSTRY, "industry", record.industry)
            taken = [s for s in Sectors(self.ctx).all_of(record.id) if s.industry_sector]
            found = self.ctx.repository(INDUSTRY_SECTOR).get_many(s.industry_sector for s in taken if s.industry_sector)
            if any(found[s.industry_sector].industry != record.industry for s in taken if s.industry_sector in found):
                raise ValidationFailed.field("industry", "is not that of the site's sectors; change their industry sectors first.")
        if "default_author" in changed and record.default_author is not None:
            _need(self.ctx, AUTHOR, "default_author", record.default_author)
        if "strategy" in changed and record.strategy is not None:
            _need(self.ctx, STRATEGY, "strategy", record.strategy)

    def counting(self, old: Site | None, new: Site) -> list[Write]:
        step = (not new.deleted_at) - (old is not None and not old.deleted_at)
        return plans.use(self.ctx, sites=1) if step > 0 else plans.release(self.ctx, sites=1) if step < 0 else []


class Sectors(_Closable[Sector]):
    """Sectors; at most five of a site are active."""

    entity = SECTOR

    def create(self, body: dict[str, Any]) -> Sector:
        site_id = self.owner(body)
        fields = {k: v for k, v in body.items() if k in SECTOR.create}
        sector = self.repository.new(site_id, random_id(4), **fields)
        self.validate(sector, set(fields))
        return self.repository.create(sector, *self.counting(None, sector))

    def restore(self, public_id: str) -> Sector:
        self.ctx.site(site_of(public_id))
        return super().restore(public_id)

    def validate(self, record: Sector, changed: set[str]) -> None:
        if "industry_sector" in changed and record.industry_sector is not None:
            aligned = _need(self.ctx, INDUSTRY_SECTOR, "industry_sector", record.industry_sector)
            industry = self.ctx.site(record.site_id).get("industry")
            if industry != aligned.industry:
                raise ValidationFailed.field("industry_sector", "belongs to another industry than the site.")

    def counting(self, old: Sector | None, new: Sector) -> list[Write]:
        """The write that keeps count of the site's active sectors. Condition error: Conflict above five."""
        step = counts(new) - counts(old)
        if not step:
            return []
        full = Conflict(f"A site has at most {SECTORS_MAX} active sectors.", limit=SECTORS_MAX)
        condition = "attribute_not_exists(active) OR active < :most" if step > 0 else ""
        room: dict[str, Any] = {"most": SECTORS_MAX} if step > 0 else {}
        key = self.ctx.key(f"{new.site_id}#N", "S")
        return [update(key, "ADD active :step", condition, on_fail=lambda item: full, step=step, **room)]

    def all_of(self, site_id: str) -> list[Sector]:
        """The site's live sectors, oldest first."""
        return sorted(self.repository.under((f"{self.ctx.tenant}#A", f"W#{site_id}#S#")), key=lambda s: s.order)

    def of_site(self, site_id: str) -> list[Sector]:
        """The site's live, active sectors, oldest first."""
        return [s for s in self.all_of(site_id) if counts(s)]


def counts(sector: Sector | None) -> bool:
    """Whether it is one of its site's active sectors."""
    return sector is not None and not sector.deleted_at and sector.is_active and sector.status == "active"


def _need(ctx: Context, entity: Entity[Any], name: str, public_id: str) -> Any:
    """The object a field names. Raises: NotFound, alike for a foreign and an unknown id."""
    found = ctx.repository(entity).find(public_id)
    if found is None:
        raise NotFound(f"{name}: there is no such {entity.name.replace('_', ' ')}.")
    return found


def get_site(ctx: Context, site_id: str) -> Site:
    """The site, looked up once for each piece of work. Raises: NotFound."""
    return ctx.remembered(f"site {site_id}", lambda: Sites(ctx).get(site_id))


def active_sectors(ctx: Context, site_id: str) -> list[Sector]:
    return Sectors(ctx).of_site(site_id)
