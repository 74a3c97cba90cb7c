"""Author profiles: whose voice articles have."""

from typing import Any

from pydantic import Field

from chalicelib.core.context import Context
from chalicelib.core.entity import Entity, Record, Unique, in_account
from chalicelib.core.service import Service


class AuthorProfile(Record):
    name: str = Field(min_length=1, max_length=120)
    description: str = Field("", max_length=2000)
    tone: str = Field("", max_length=200)
    language: str = Field("", max_length=20)
    is_active: bool = True

    def as_facts(self) -> dict[str, Any]:
        return {"name": self.name, "description": self.description}


_WRITABLE = frozenset({"name", "description", "tone", "language", "is_active"})
AUTHOR: Entity[AuthorProfile] = Entity(
    name="author_profile",
    plural="author profiles",
    model=AuthorProfile,
    letter="AU",
    place=in_account("AU", partition="G"),
    index={"n": "name"},
    orderings={"created_at": "c", "name": "n"},
    search=("name",),
    unique=(Unique(("name",), within="account"),),
    create=_WRITABLE,
    patch=_WRITABLE,
    soft_delete=False,
)


class Authors(Service[AuthorProfile]):
    entity = AUTHOR


def find_author(ctx: Context, author_id: str) -> AuthorProfile | None:
    """The profile, or None when it was deleted meanwhile."""
    return ctx.repository(AUTHOR).find(author_id)
