"""Users: people of an account and their role. An account always has an active owner, and nobody gives or touches a role above the own."""

import hashlib
from typing import Any, Literal

from pydantic import Field

from chalicelib.core.context import Context
from chalicelib.core.entity import Entity, Filter, Record, in_account
from chalicelib.core.errors import Conflict, Forbidden
from chalicelib.core.scope import ROLES
from chalicelib.core.table import Key, Write, update

# Of an address that comes in: no blank, no control character, nothing that a mail's header or a page would read as its own.
EMAIL = r"^[^@\s\x00-\x1f\x7f<>()\[\],;:\\\"]+@[^@\s\x00-\x1f\x7f<>()\[\],;:\\\"]+$"
Role = Literal["developer", "owner", "admin", "editor", "viewer", "system_bot"]


class User(Record):
    """sites: ids of granted sites, which matter for editors and viewers only; tokens_after: access tokens issued up to this epoch
    second are refused; ended: sessions that were signed out -> epoch second until which that must be remembered."""

    email: str = Field(min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")
    name: str = Field("", max_length=120)
    role: Role = "viewer"
    is_active: bool = True
    active_site: str | None = None
    sites: list[str] = Field(default_factory=list)
    tokens_after: int = 0
    ended: dict[str, int] = Field(default_factory=dict)


PRIVATE = frozenset({"tokens_after", "ended"})  # never answered
USER: Entity[User] = Entity(
    name="user",
    plural="users",
    model=User,
    letter="U",
    place=in_account("U"),
    index={"n": "email"},
    filters={"role": Filter("role", choices=ROLES), "is_active": Filter("is_active", kind="boolean")},
    orderings={"created_at": "c", "email": "n"},
    search=("email", "name"),
    create=frozenset({"email", "name", "role", "sites"}),
    patch=frozenset({"name", "role", "is_active"}),
    soft_delete=False,
)


def email_key(email: str) -> Key:
    """The global look-up item of an e-mail address: it holds the tenant and the user's id, and keeps addresses unique."""
    digest = hashlib.sha256(email.strip().casefold().encode()).hexdigest()
    return f"G#EMAIL#{digest}", "META"


def username(tenant: str, user_id: str) -> str:
    """The user's name in the pool, which tokens carry."""
    return f"{tenant}.{user_id}"


def may_manage(ctx: Context, role: str) -> None:
    """Raises: Forbidden when the role is above the caller's."""
    if not ctx.scope.allows(role):
        raise Forbidden(f"A user of the role {role} is above yours.")


def shown(user: User) -> dict[str, Any]:
    """The user as answered."""
    return user.model_dump(exclude=set(PRIVATE))


def _leads(user: User | None) -> bool:
    return user is not None and user.role == "owner" and user.is_active


def counting_owners(ctx: Context, old: User | None, new: User | None) -> list[Write]:
    """The write that keeps count of the account's active owners, for the transaction that changes a user. Condition error: Conflict
    when the last one would go."""
    step = _leads(new) - _leads(old)
    if not step:
        return []
    last = Conflict("This is the account's last owner; make somebody else an owner first.")
    condition = "owners > :one" if step < 0 else ""
    values: dict[str, Any] = {"one": 1} if step < 0 else {}
    return [update(ctx.key("L", "owners"), "ADD owners :step", condition, on_fail=lambda item: last, step=step, **values)]
