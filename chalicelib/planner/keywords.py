"""Keywords: what people search for, of one sector. A keyword's id is a hash of its text, market and industry sector, so that being
unique in its sector is its primary key."""

from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field, model_validator

from chalicelib.auth.catalogue import seed_keywords
from chalicelib.billing.plans import use
from chalicelib.core.bulk import Body
from chalicelib.core.entity import SYSTEM_FIELDS, Entity, Filter, SectorRecord, in_sector
from chalicelib.core.errors import Duplicate, NotFound, ValidationFailed
from chalicelib.core.ids import site_of
from chalicelib.core.rewrite import gone, in_turn, parsed, rewrite
from chalicelib.core.service import Service
from chalicelib.core.table import Write
from chalicelib.planner.cluster_figures import figure_writes, keyword_deltas
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.keyword_identity import clean_text, keyword_id
from chalicelib.planner.keyword_intents import INTENTS, Intent
from chalicelib.planner.keyword_markets import MARKET_CHARS, market
from chalicelib.planner.names import with_names

KeywordStatus = Literal["new", "mapped"]
Volume = Field(None, ge=0, le=10**12)
Difficulty = Field(None, ge=0, le=100)


class Keyword(SectorRecord):
    """seed_*: what the shared seed says, None for a private one; *_override: what the tenant set; volume, difficulty and intent
    are the effective values, override first, None when unknown. import_id: of the upload that made it."""

    keyword: str = Field(min_length=1, max_length=200)
    seed_keyword_id: str | None = None
    country: str | None = Field(None, max_length=MARKET_CHARS)
    seed_volume: int | None = Volume
    seed_difficulty: int | None = Difficulty
    seed_intent: Intent | None = None
    volume_override: int | None = Volume
    difficulty_override: int | None = Difficulty
    intent_override: Intent | None = None
    volume: int | None = Volume
    difficulty: int | None = Difficulty
    intent: Intent | None = None
    attribute_values: dict[str, Any] = Field(default_factory=dict)
    import_id: str | None = None
    cluster: str | None = None
    status: KeywordStatus = "new"
    disabled: bool = False

    @model_validator(mode="before")
    @classmethod
    def _effective(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data

        def first(name: str) -> Any:
            override = data.get(f"{name}_override")
            return data.get(f"seed_{name}") if override is None else override

        return {**data, **{name: first(name) for name in ("volume", "difficulty", "intent")}}


def pending_keywords(sector_id: str) -> str:
    """Name of the collection of keywords that wait for a cluster."""
    return f"{sector_id}#keywords-pending"


def _collection(keyword: Keyword) -> str | None:
    if keyword.cluster:
        return f"K#{keyword.cluster}"
    return pending_keywords(keyword.sector_id) if keyword.status == "new" and not keyword.disabled else None


KEYWORD: Entity[Keyword] = Entity(
    name="keyword",
    plural="keywords",
    model=Keyword,
    letter="K",
    place=in_sector("K"),
    index={"n": "keyword", "v": "volume", "d": "difficulty"},
    collection=_collection,
    filters={
        "status": Filter("status", choices=("new", "mapped")),
        "cluster": Filter("cluster", related=lambda: CLUSTER),
        "cluster_id": Filter("cluster", related=lambda: CLUSTER),
        "intent": Filter("intent", choices=INTENTS),
        "seed_keyword_id": Filter("seed_keyword_id"),
        "difficulty_min": Filter("difficulty", "ge", "integer"),
        "difficulty_max": Filter("difficulty", "le", "integer"),
        "volume_min": Filter("volume", "ge", "integer"),
        "volume_max": Filter("volume", "le", "integer"),
    },
    orderings={"created_at": "c", "volume": "v", "difficulty": "d"},
    search=("keyword",),
    create=frozenset({"keyword", "country", "volume_override", "difficulty_override", "intent_override", "attribute_values", "cluster"}),
    patch=frozenset({"volume_override", "difficulty_override", "intent_override", "attribute_values", "cluster", "status", "disabled"}),
    counted=("status",),
)


class NewKeyword(Body):
    """Either the id of a shared seed keyword or a keyword of one's own. volume, difficulty, intent (also *_override) are the
    tenant's own figures, which go before the seed's."""

    site_id: str
    sector_id: str
    seed_keyword_id: str | None = None
    keyword: str | None = Field(None, min_length=1, max_length=200)
    volume: int | None = Volume
    difficulty: int | None = Difficulty
    intent: Intent | None = None
    volume_override: int | None = Volume
    difficulty_override: int | None = Difficulty
    intent_override: Intent | None = None
    country: str | None = Field(None, max_length=MARKET_CHARS)
    attribute_values: dict[str, Any] = Field(default_factory=dict)
    cluster: str | None = None

    def own(self, name: str) -> Any:
        """The tenant's own figure, by either of its names."""
        override = getattr(self, f"{name}_override")
        return getattr(self, name) if override is None else override


class Keywords(Service[Keyword]):
    entity = KEYWORD
    related = {"cluster": CLUSTER}  # noqa: RUF012

    # -- verbs
    def create(self, body: dict[str, Any]) -> Keyword:
        """Raises: ValidationFailed, NotFound, Duplicate when the sector has this keyword."""
        wanted = parsed(NewKeyword, body)
        self.owner(body)
        if (wanted.keyword is None) == (wanted.seed_keyword_id is None):
            raise ValidationFailed.field("keyword", "give either keyword or seed_keyword_id.")
        own = {f"{n}_override": wanted.own(n) for n in ("volume", "difficulty", "intent")}
        own |= {"attribute_values": wanted.attribute_values, "cluster": wanted.cluster, "status": "mapped" if wanted.cluster else "new"}
        if wanted.seed_keyword_id is not None:
            record = self.from_seed(wanted.site_id, wanted.sector_id, wanted.seed_keyword_id, **own)
        else:
            record = self.private(wanted.sector_id, wanted.keyword or "", wanted.country, **own)
        self.check_related(record)
        return self.add(record)

    def patch(self, public_id: str, body: dict[str, Any], *, if_match: int | None = None) -> Keyword:
        """Raises: NotFound, ValidationFailed, PreconditionFailed."""
        changes = {k: v for k, v in body.items() if k in self.entity.patch}
        if changes.get("cluster") is not None:
            if not isinstance(changes["cluster"], str):
                raise ValidationFailed.field("cluster", "must be an id.")
            self.check_related(self.get(public_id).model_copy(update={"cluster": changes["cluster"]}))
        return self._rewrite(public_id, lambda present: self.changes(present, changes), if_match=if_match)

    def delete(self, public_id: str, *, if_match: int | None = None) -> Keyword:
        return self._rewrite(public_id, lambda present: gone(self.repository), if_match=if_match)

    def restore(self, public_id: str) -> Keyword:
        """Bring a deleted keyword back, free when its cluster is gone. Raises: NotFound."""

        def changes(old: Keyword) -> dict[str, Any]:
            kept = old.cluster is not None and self.ctx.repository(CLUSTER).find(old.cluster) is not None
            return {"deleted_at": None} if kept or not old.cluster else {"deleted_at": None, "cluster": None, "status": "new"}

        return self._rewrite(public_id, changes, deleted=True)

    def _rewrite(
        self, public_id: str, changes: Callable[[Keyword], dict[str, Any]], *, if_match: int | None = None, deleted: bool = False
    ) -> Keyword:
        return rewrite(self.repository, public_id, changes, self._figures, if_match=if_match, deleted=deleted)

    def changes(self, present: Keyword, changes: dict[str, Any]) -> dict[str, Any]:
        """A keyword in a cluster is mapped, and one set to `new` leaves its cluster. Raises: ValidationFailed when both are asked for."""
        cluster = changes.get("cluster", present.cluster)
        if changes.get("status") == "new":
            if changes.get("cluster"):
                raise ValidationFailed.field("status", "a keyword in a cluster is mapped.")
            return {**changes, "cluster": None}
        if "cluster" in changes and changes["cluster"] != present.cluster and "status" not in changes:
            return {**changes, "status": "mapped" if cluster else "new"}
        return changes

    # -- making
    def private(self, sector_id: str, text: str, country: str | None, **fields: Any) -> Keyword:
        """A keyword of the tenant's own, which no catalogue knows. Raises: ValidationFailed, NotFound."""
        named = clean_text(text)
        if not named:
            raise ValidationFailed.field("keyword", "must have at least one visible character.")
        code = market(country) if country else None
        industry_sector = self.ctx.sector(site_of(sector_id), sector_id).get("industry_sector") or ""
        return self.repository.new(sector_id, keyword_id(named, code, industry_sector), keyword=named, country=code, **fields)

    def from_seed(self, site_id: str, sector_id: str, seed_id: str, **fields: Any) -> Keyword:
        """A keyword of a shared seed, which must be of the site's industry and the sector's industry sector.

        Raises: NotFound, ValidationFailed.
        """
        seed = seed_keywords(self.ctx, [seed_id]).get(seed_id)
        if seed is None:
            raise NotFound("There is no such seed keyword.")
        site, sector = self.ctx.site(site_id), self.ctx.sector(site_id, sector_id)
        if not sector.get("industry_sector"):
            raise ValidationFailed.field("seed_keyword_id", "this sector names no industry sector, so only keywords of your own fit it.")
        if seed.industry_sector != sector["industry_sector"] or (site.get("industry") and seed.industry != site["industry"]):
            raise ValidationFailed.field("seed_keyword_id", "this seed keyword is of another industry or sector.")
        known = {"seed_volume": seed.volume, "seed_difficulty": seed.difficulty, "seed_intent": seed.intent}
        tail = keyword_id(seed.keyword, seed.country, seed.industry_sector)
        return self.repository.new(sector_id, tail, keyword=seed.keyword, country=seed.country, seed_keyword_id=seed.id, **known, **fields)

    def add(self, record: Keyword) -> Keyword:
        """Store a new keyword; one that was deleted comes back with the new values. Raises: Duplicate, NotFound (its cluster)."""

        def step() -> Keyword:
            try:
                return self.repository.create(record, *self._figures(None, record), *use(self.ctx, keywords=1))
            except Duplicate:
                old = self.repository.find(record.id, deleted=True)
            if old is None or not old.deleted_at:
                raise Duplicate("This keyword is in the sector already.", existing_id=record.id)
            values = {k: v for k, v in record.model_dump().items() if k not in SYSTEM_FIELDS}
            again = self.repository.changed(old, **values, deleted_at=None)
            return self.repository.save(old, again, *self._figures(old, again))

        return in_turn(step)

    def _figures(self, old: Keyword | None, new: Keyword) -> list[Write]:
        joins = new.cluster is not None and (old is None or old.cluster != new.cluster)
        return figure_writes(self.ctx, keyword_deltas([(old, new)]), needed=[new.cluster] if joins and new.cluster else [])

    # -- lists
    def pending(self, sector_id: str, limit: int | None = None) -> list[Keyword]:
        """Enabled keywords of the sector that have no cluster yet, in id order."""
        return self.repository.collection(pending_keywords(sector_id), limit)

    def of_cluster(self, cluster_id: str) -> list[Keyword]:
        return self.repository.collection(f"K#{cluster_id}")

    def present(self, records: Any) -> list[dict[str, Any]]:
        return with_names(self.ctx, records)
