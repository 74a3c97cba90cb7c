"""What a service works with: the scope of the caller and the deployment's dependencies. `deps.py` builds Deps; nothing else does."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from chalicelib import ports
from chalicelib.core.config import Config
from chalicelib.core.cursor import Cursors
from chalicelib.core.entity import Entity, M
from chalicelib.core.errors import NotFound, ValidationFailed
from chalicelib.core.ids import site_of
from chalicelib.core.repository import Repository
from chalicelib.core.scope import Scope
from chalicelib.core.table import Item, Key, Table

if TYPE_CHECKING:
    from chalicelib.core.table import Write

T = TypeVar("T")


@dataclass(frozen=True)
class ProviderChoice:
    """What an account chose for one kind of work. provider: offline | openai | runware; api_key: its own, '' for the platform's."""

    provider: str
    model: str = ""
    api_key: str = ""
    base_url: str = ""


@dataclass(frozen=True)
class Deps:
    """Everything from outside. text/image/embedder/publisher are factories because an account or a site chooses the provider.

    publisher(tenant, site name, connection fields with secrets unsealed) -> Publisher.
    """

    config: Config
    table: Table
    ops: Table
    clock: ports.Clock
    files: ports.FileStore
    jobs: ports.Jobs
    workflow: ports.Workflow
    secrets: ports.Secrets
    user_pool: ports.UserPool
    cursors: Cursors
    text: Callable[[ProviderChoice], ports.TextModel]
    image: Callable[[ProviderChoice], ports.ImageModel]
    embedder: Callable[[ProviderChoice], ports.Embedder]
    publisher: Callable[[str, str, dict[str, Any]], ports.Publisher]


def site_key(tenant: str, site_id: str) -> Key:
    return f"{tenant}#A", f"W#{site_id}"


def sector_key(tenant: str, sector_id: str) -> Key:
    return f"{tenant}#A", f"W#{site_of(sector_id)}#S#{sector_id}"


@dataclass(frozen=True)
class Context:
    """memo: what one piece of work has looked up and may use again (an account's providers, its opened keys), by whoever keeps it.
    None, as a rule: then each look-up is made anew."""

    scope: Scope
    deps: Deps
    memo: dict[str, Any] | None = field(default=None, compare=False, repr=False)

    def remembering(self) -> "Context":
        """The same for one short piece of work, in which settings that somebody changes meanwhile do not count."""
        return self if self.memo is not None else replace(self, memo={})

    def remembered(self, name: str, look_up: Callable[[], T]) -> T:
        """What `look_up` finds, the first time only where this context remembers; name: of it, the same for every asker."""
        if self.memo is None:
            return look_up()
        if name not in self.memo:
            self.memo[name] = look_up()
        found: T = self.memo[name]
        return found

    @property
    def tenant(self) -> str:
        return self.scope.tenant

    def repository(self, entity: Entity[M]) -> Repository[M]:
        return Repository(entity, self.scope, self.deps.table, self.deps.clock)

    def key(self, partition: str, sort: str) -> Key:
        """A key inside the tenant's own partitions: `<tenant>#<partition>`."""
        return f"{self.tenant}#{partition}", sort

    def site(self, site_id: str) -> Item:
        """The site's item. Raises: NotFound when it does not exist, is deleted or may not be seen."""
        self.scope.need_site(site_id)
        item = self.deps.table.get(site_key(self.tenant, site_id))
        if item is None or item.get("deleted_at") or item["id"] != site_id:  # longer text would reach a sector's item
            raise NotFound("There is no such site.")
        return item

    def sector(self, site_id: str, sector_id: str) -> Item:
        """The sector's item. Raises: NotFound; ValidationFailed when the sector is of another site."""
        self.scope.need_site(site_id)
        self.scope.need_site(sector_id)
        if site_of(sector_id) != site_id:
            if self.deps.table.get(sector_key(self.tenant, sector_id)) is None:
                raise NotFound("There is no such sector.")
            raise ValidationFailed.field("sector_id", "belongs to another site.")
        item = self.deps.table.get(sector_key(self.tenant, sector_id))
        if item is None or item.get("deleted_at"):
            raise NotFound("There is no such sector.")
        return item

    def transact(self, *writes: "Write") -> None:
        self.deps.table.transact(writes)
