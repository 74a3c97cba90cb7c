"""Who is asking and what of: no repository exists without a Scope, and a Scope comes only from a verified identity or, for
workers, from a run's or task's own record."""

from dataclasses import dataclass

from chalicelib.core.errors import Forbidden, NotFound
from chalicelib.core.ids import site_of

# A role includes those before it. `developer` and `system_bot` alone may cross accounts (ruling C22).
ROLES = ("viewer", "editor", "admin", "owner", "developer", "system_bot")


@dataclass(frozen=True)
class Scope:
    """tenant: the account's id, first part of every partition key. sites: the sites that may be seen, None = all of the account.
    hidden: sites and sectors that may not be seen all the same, because they are deleted or switched off. crossing: a developer or
    system user looks at another account than its own."""

    tenant: str
    user_id: str
    role: str
    sites: frozenset[str] | None = None
    email: str = ""
    crossing: bool = False
    hidden: frozenset[str] = frozenset()

    @classmethod
    def worker(cls, tenant: str, user_id: str = "system") -> "Scope":
        """The scope of a background job; `tenant` must come from the job's own record."""
        return cls(tenant=tenant, user_id=user_id, role="owner")

    def allows(self, role: str) -> bool:
        return ROLES.index(self.role) >= ROLES.index(role)

    def need(self, role: str) -> None:
        """Raises: Forbidden."""
        if not self.allows(role):
            raise Forbidden(f"This needs the role {role}; yours is {self.role}.")

    def sees(self, owner_id: str) -> bool:
        """Whether a site or sector may be seen; a sector only where its site is."""
        if owner_id in self.hidden or site_of(owner_id) in self.hidden:
            return False
        return self.sites is None or site_of(owner_id) in self.sites

    def need_site(self, owner_id: str) -> None:
        """Raises: NotFound, in the same words as for an id that does not exist."""
        if not self.sees(owner_id):
            raise NotFound()
