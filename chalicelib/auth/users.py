"""Users: people of an account, their role and the sites granted to editors and viewers."""

import hashlib
from typing import Literal

from pydantic import Field

from chalicelib.core.entity import Entity, Record, in_account
from chalicelib.core.table import Key

Role = Literal["developer", "owner", "admin", "editor", "viewer", "system_bot"]


class User(Record):
    """sites: ids of granted sites, which matter for editors and viewers only; tokens_after: access tokens issued before this epoch
    second are refused."""

    email: str = Field(min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")
    name: str = Field("", max_length=120)
    role: Role = "viewer"
    is_active: bool = True
    active_site: str | None = None
    sites: list[str] = Field(default_factory=list)
    tokens_after: int = 0


USER: Entity[User] = Entity(
    name="user",
    plural="users",
    model=User,
    letter="U",
    place=in_account("U"),
    index={"n": "email"},
    orderings={"created_at": "c", "email": "n"},
    search=("email",),
    create=frozenset({"email", "name", "role"}),
    patch=frozenset({"name", "role", "is_active", "active_site"}),
    soft_delete=False,
)


def email_key(email: str) -> Key:
    """The global look-up item of an e-mail address: it holds the tenant and the user's id, and keeps addresses unique."""
    digest = hashlib.sha256(email.strip().casefold().encode()).hexdigest()
    return f"G#EMAIL#{digest}", "META"


def username(tenant: str, user_id: str) -> str:
    """The user's name in the pool, which tokens carry."""
    return f"{tenant}.{user_id}"
