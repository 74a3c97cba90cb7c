"""Managing users: invite, change role, deactivate, remove."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.auth.access import GRANT, SITES_MAX, grant_id
from chalicelib.auth.onboarding import create_user
from chalicelib.auth.users import EMAIL, USER, Role, User, counting_owners, email_key, may_manage, shown, username
from chalicelib.billing import plans
from chalicelib.core.errors import PreconditionFailed
from chalicelib.core.rewrite import in_turn, parsed
from chalicelib.core.service import Service
from chalicelib.core.table import Write, remove


class Invitation(BaseModel):
    """password: of the new user; without one a code is mailed with which the user sets it (`auth/password/reset/confirm/`)."""

    model_config = ConfigDict(extra="forbid")

    email: str = Field(min_length=3, max_length=254, pattern=EMAIL)
    name: str = Field("", max_length=120)
    role: Role = "viewer"
    sites: list[str] = Field(default_factory=list, max_length=SITES_MAX)
    password: str | None = Field(None, min_length=1, max_length=256)


class Users(Service[User]):
    entity = USER

    def create(self, body: dict[str, Any]) -> User:
        """Invite. Raises: Forbidden, PlanLimit, Duplicate, ValidationFailed, NotFound (a site)."""
        asked = parsed(Invitation, body)
        may_manage(self.ctx, asked.role)
        return create_user(
            self.ctx, email=asked.email, password=asked.password, role=asked.role, name=asked.name, sites=list(dict.fromkeys(asked.sites))
        )

    def patch(self, public_id: str, body: dict[str, Any], *, if_match: int | None = None) -> User:
        changes = {k: v for k, v in body.items() if k in USER.patch}

        def step() -> User:
            old = self._known(public_id, if_match)
            if all(getattr(old, k) == v for k, v in changes.items()):
                return old
            new = self.repository.changed(old, **changes)
            may_manage(self.ctx, new.role)
            active = int(new.is_active) - int(old.is_active)
            counts = plans.use(self.ctx, users=1) if active > 0 else plans.release(self.ctx, users=1) if active < 0 else []
            return self.repository.save(old, new, *counting_owners(self.ctx, old, new), *counts)

        return in_turn(step)

    def delete(self, public_id: str, *, if_match: int | None = None) -> User:
        """Remove a user for good: grants, address and sign-in too. What they made stays."""
        old = self._known(public_id, if_match)
        counts = plans.release(self.ctx, users=1) if old.is_active else []
        grants = [remove(GRANT.place.key(self.ctx.tenant, grant_id(old.id, site))) for site in old.sites]
        writes: list[Write] = [*self.repository.deleting(old), remove(email_key(old.email)), *grants]
        self.ctx.transact(*writes, *counting_owners(self.ctx, old, None), *counts)
        self.ctx.deps.user_pool.delete(username(self.ctx.tenant, old.id))
        return old

    def present(self, records: Any) -> list[dict[str, Any]]:
        return [shown(user) for user in records]

    def _known(self, public_id: str, if_match: int | None) -> User:
        old: User = self.get(public_id)
        may_manage(self.ctx, old.role)
        if if_match is not None and old.version != if_match:
            raise PreconditionFailed()
        return old
