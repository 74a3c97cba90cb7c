"""Grants that let editors and viewers see a site."""

from typing import Any

from chalicelib.auth.sites import SITE
from chalicelib.auth.users import USER, may_manage
from chalicelib.core.context import Context, site_key
from chalicelib.core.entity import Entity, Filter, Record, in_account
from chalicelib.core.errors import Conflict, NotFound, PreconditionFailed, ValidationFailed
from chalicelib.core.rewrite import in_turn
from chalicelib.core.service import Service
from chalicelib.core.table import Write, check

SITES_MAX = 80  # grants of one user; removing a user removes them in the same transaction


class SiteAccess(Record):
    """One editor or viewer may see one site. The id is `<user>-<site>`, so that a grant is there once."""

    user: str
    site_id: str


GRANT: Entity[SiteAccess] = Entity(
    name="site_access",
    plural="site access grants",
    model=SiteAccess,
    letter="GR",
    place=in_account("GR"),
    filters={"user": Filter("user", related=lambda: USER), "site_id": Filter("site_id", related=lambda: SITE)},
    create=frozenset({"user", "site_id"}),
    soft_delete=False,
)


def grant_id(user_id: str, site_id: str) -> str:
    return f"{user_id}-{site_id}"


class SiteGrants(Service[SiteAccess]):
    """A grant is kept twice: as a row that can be listed, and in the user's record, which each request reads."""

    entity = GRANT

    def create(self, body: dict[str, Any]) -> SiteAccess:
        user_id, site_id = (_text(body, name) for name in ("user", "site_id"))
        self.ctx.site(site_id)
        return self._change(user_id, site_id, add=True)

    def delete(self, public_id: str, *, if_match: int | None = None) -> SiteAccess:
        grant = self.get(public_id)
        if if_match is not None and grant.version != if_match:
            raise PreconditionFailed()
        return self._change(grant.user, grant.site_id, add=False)

    def _change(self, user_id: str, site_id: str, *, add: bool) -> SiteAccess:
        users = self.ctx.repository(USER)

        def step() -> SiteAccess:
            user = users.find(user_id)
            if user is None:
                raise NotFound("user: there is no such user.")
            may_manage(self.ctx, user.role)
            others = [s for s in user.sites if s != site_id]
            if add and len(others) >= SITES_MAX:
                raise Conflict(f"A user has at most {SITES_MAX} grants; admins see every site without any.")
            changed = users.changed(user, sites=[*others, site_id] if add else others)
            if add:
                grant = self.repository.new("", grant_id(user_id, site_id), user=user_id, site_id=site_id)
                writes = [*self.repository.creating(grant), site_is_there(self.ctx, site_id)]
            else:
                grant = self.get(grant_id(user_id, site_id))
                writes = self.repository.deleting(grant)
            self.ctx.transact(*writes, *users.changing(user, changed))
            return grant

        return in_turn(step)


def site_is_there(ctx: Context, site_id: str) -> Write:
    gone = NotFound("There is no such site.")
    return check(site_key(ctx.tenant, site_id), "attribute_exists(pk) AND attribute_not_exists(deleted_at)", on_fail=lambda item: gone)


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise ValidationFailed.field(name, "is required.")
    return value
