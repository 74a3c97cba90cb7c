"""Service: the five default verbs of a resource as plain functions; a resource overrides only what differs."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Generic

from chalicelib.core.context import Context
from chalicelib.core.entity import SYSTEM_FIELDS, Entity, M
from chalicelib.core.errors import NotFound, ValidationFailed
from chalicelib.core.ids import site_of
from chalicelib.core.listing import SCAN_BUDGET_ROWS
from chalicelib.core.repository import Repository
from chalicelib.core.table import Query

MAX_PARTITIONS = 25  # sectors listed at once without naming a site


class Service(Generic[M]):
    """entity: the declaration; related: field holding another object's id -> its entity (must exist, in the same sector or site)."""

    entity: ClassVar[Entity[Any]]
    related: ClassVar[dict[str, Entity[Any]]] = {}
    scan_budget_rows: ClassVar[int] = SCAN_BUDGET_ROWS  # rows a list may read for one page

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.repository: Repository[M] = ctx.repository(self.entity)

    # -- verbs
    def get(self, public_id: str) -> M:
        """Raises: NotFound."""
        record: M = self.repository.get(public_id)
        return record

    def create(self, body: dict[str, Any]) -> M:
        """body: the fields a client may set, and the owner's ids. Raises: ValidationFailed, NotFound, Duplicate."""
        owner = self.owner(body)
        fields = {k: v for k, v in body.items() if k in self.entity.create}
        record: M = self.repository.new(owner, **fields)
        self.check_related(record)
        created: M = self.repository.create(record)
        return created

    def patch(self, public_id: str, body: dict[str, Any], *, if_match: int | None = None) -> M:
        """Raises: NotFound, ValidationFailed, PreconditionFailed, Duplicate."""
        changes = {k: v for k, v in body.items() if k in self.entity.patch}
        named = {k: v for k, v in changes.items() if k in self.related}
        for name, value in named.items():
            if value is not None and not isinstance(value, str):
                raise ValidationFailed.field(name, "must be an id.")
        old = self.get(public_id)
        self.check_related(old.model_copy(update=named), named)
        record: M = self.repository.patch(public_id, lambda present: self.changes(present, changes), if_match=if_match)
        return record

    def delete(self, public_id: str, *, if_match: int | None = None) -> M:
        record: M = self.repository.delete(public_id, if_match=if_match)
        return record

    def restore(self, public_id: str) -> M:
        record: M = self.repository.restore(public_id)
        return record

    def present(self, records: Sequence[M]) -> list[dict[str, Any]]:
        """The records as answered; override to add names or figures of other objects, for all records at once."""
        return [r.model_dump() for r in records]

    # -- hooks
    def changes(self, present: M, changes: dict[str, Any]) -> dict[str, Any]:
        """What a patch really changes; raise ValidationFailed here for a forbidden transition."""
        return changes

    # -- shared rules
    def owner(self, body: dict[str, Any]) -> str:
        """The owner's id ('' for the account) after checking that it exists. Raises: ValidationFailed, NotFound."""
        kind = self.entity.place.kind
        if kind == "account":
            return ""
        for name in ("site_id", "sector_id")[: 1 if kind == "site" else 2]:
            if not isinstance(body.get(name), str) or not body[name]:
                raise ValidationFailed.field(name, "is required.")
        site_id: str = body["site_id"]
        self._need_plain(site_id)
        self.ctx.site(site_id)
        if kind == "site":
            return site_id
        sector_id: str = body["sector_id"]
        self.ctx.sector(site_id, sector_id)
        return sector_id

    def check_related(self, record: M, names: Iterable[str] | None = None) -> None:
        """names: the fields to look at, all related ones by default (what an object pointed at may be gone by now).

        Raises: NotFound when an id names nothing that the scope sees (another tenant's included); ValidationFailed when it names
        something in another sector or site.
        """
        for name, entity in self.related.items():
            value = getattr(record, name)
            if value is None or (names is not None and name not in names):
                continue
            if self.ctx.repository(entity).find(value) is None:
                raise NotFound(f"{name}: there is no such {entity.name}.", fields={name: ["does not exist."]})
            kind = entity.place.kind
            if kind == "account" or self.entity.place.kind == "account":
                continue
            theirs, ours = entity.place.owner(value), self.entity.place.owner(record.id)
            if site_of(theirs) != site_of(ours) or (kind == self.entity.place.kind and theirs != ours):
                raise ValidationFailed.field(name, f"the {entity.name} belongs to another {kind}.")

    def _need_plain(self, site_id: str) -> None:
        """Raises: NotFound for text that would reach another item of the account's partition (`W#<site>#S#<sector>`)."""
        if site_of(site_id) != site_id:
            raise NotFound("There is no such site.")

    def owners(self, site_id: str | None, sector_id: str | None) -> list[str]:
        """The collections a list walks: one sector, a site's sectors, or all that the scope sees.

        Raises: NotFound for a foreign or unknown id; ValidationFailed above 25 sectors without a site.
        """
        kind = self.entity.place.kind
        if kind == "account":
            return [""]
        if sector_id:
            site = site_of(sector_id)
            self.ctx.sector(site_id or site, sector_id)
            return [sector_id] if kind == "sector" else [site]
        if site_id:
            self._need_plain(site_id)
            self.ctx.site(site_id)
            if kind == "site":
                return [site_id]
        key, condition = f"{self.ctx.tenant}#A", "begins_with(sk, :w)"
        tree = self.ctx.deps.table.query_all(Query(key, condition=condition, values={":w": f"W#{site_id or ''}"}, consistent=True))
        live = [i for i in tree if not i.get("deleted_at") and self.ctx.scope.sees(i["id"])]
        sites = {i["id"] for i in live if i["kind"] == "site"}
        owners = [i["id"] for i in live if i["kind"] == kind and site_of(i["id"]) in sites]
        if len(owners) > MAX_PARTITIONS:
            raise ValidationFailed.field("site_id", f"name a site: this account has more than {MAX_PARTITIONS} {kind}s.")
        return owners


def reject_unknown(
    entity: Entity[Any], body: dict[str, Any], allowed: Iterable[str], extra: Iterable[str] = (), *, answered: Iterable[str] = ()
) -> dict[str, Any]:
    """The body without read-only fields, so that what was answered can be sent back. answered: fields of an answer beyond the record's.

    Raises: ValidationFailed for a name that is no field at all.
    """
    allowed = set(allowed) | set(extra)
    readable = set(entity.model.model_fields) | SYSTEM_FIELDS | {"account_id", *answered}
    unknown = [k for k in body if k not in allowed and k not in readable]
    if unknown:
        raise ValidationFailed(
            f"{unknown[0]}: is not a field of a {entity.name}.",
            fields={k: ["is not a field; allowed: " + ", ".join(sorted(allowed)) + "."] for k in unknown},
        )
    return {k: v for k, v in body.items() if k in allowed}
