"""Connections: where a site is published. Secrets are write-only, sealed with the tenant and the field as context."""

from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator

from chalicelib.core.context import Context
from chalicelib.core.entity import Entity, Filter, SiteRecord, Unique, in_site
from chalicelib.core.errors import ValidationFailed
from chalicelib.core.ids import random_id
from chalicelib.core.service import Service
from chalicelib.core.table import Key, Query
from chalicelib.ports import Publisher

Target = Literal["wordpress", "webhook", "static"]
SECRET_FIELDS = ("app_password", "api_key")
SIGNING_SECRET_CHARACTERS = 52  # random ones of 5 bits each: as much as the SHA-256 of the signature can use
SIGNING_SECRET_MIN_CHARACTERS = 16
WAITED_SECONDS = 8.0  # of one call to a target; a test of a connection makes three


class Connection(SiteRecord):
    """url: the WordPress site's address or the webhook's; base_url: public address of a static site; last_synced_at: of the last `sync`
    that came to its end.

    *_sealed: secrets, never answered. api_key: the key that a webhook's deliveries are signed with, or the companion plugin's key of a
    WordPress site; report_secret: what that plugin signs its reports with.
    """

    name: str = Field(min_length=1, max_length=120)
    target: Target
    url: str = Field("", max_length=500)
    base_url: str = Field("", max_length=500)
    username: str = Field("", max_length=200)
    app_password_sealed: str | None = None
    api_key_sealed: str | None = None
    report_secret_sealed: str | None = None
    last_synced_at: str | None = None
    default_status: Literal["publish", "draft"] = "publish"
    is_active: bool = True

    @field_validator("url", "base_url")
    @classmethod
    def _address(cls, value: str, info: ValidationInfo) -> str:
        if not value:
            return value
        try:
            parts = urlsplit(value)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host = None
        if not host or parts.scheme not in ("https", "http") or any(c in value for c in "\"'<>` \\\t\r\n"):
            raise ValueError("must be an address such as https://example.com")
        if "@" in parts.netloc:  # it would be stored and answered as it is
            raise ValueError("must not hold a user name or password; those have fields of their own")
        # A webhook is called as it was typed in: with another path its server answers with a redirect, or not at all.
        return value if info.data.get("target") == "webhook" and info.field_name == "url" else value.rstrip("/")


CONNECTION: Entity[Connection] = Entity(
    name="connection",
    plural="connections",
    model=Connection,
    letter="Q",
    place=in_site("Q"),
    index={"n": "name"},
    filters={"target": Filter("target", choices=("wordpress", "webhook", "static"))},
    orderings={"created_at": "c", "name": "n"},
    unique=(Unique(("name",), within="site"),),
    create=frozenset({"name", "target", "url", "base_url", "username", "default_status", "is_active"}),
    patch=frozenset({"name", "url", "base_url", "username", "default_status", "is_active"}),
    soft_delete=False,
)


def lookup_key(ctx: Context, connection_id: str, external_id: str) -> Key:
    """Of the row that names the content of a remote post."""
    return ctx.key(f"XID#{connection_id}", external_id)


def address_of(url: str) -> str:
    """What tells one site from another in its address: host, port and path."""
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.")
    return f"{host}{f':{parts.port}' if parts.port else ''}{parts.path.rstrip('/')}"


class Connections(Service[Connection]):
    entity = CONNECTION

    def create(self, body: dict[str, Any]) -> Connection:
        """body may hold `app_password` and `api_key` in plain text; they are sealed here. Raises: ValidationFailed."""
        site_id = self.owner(body)
        fields = {k: v for k, v in body.items() if k in self.entity.create}
        record = self.repository.new(site_id, **fields, **self._sealed(body))
        self._complete(record, body)
        return self.repository.create(record)

    def patch(self, public_id: str, body: dict[str, Any], *, if_match: int | None = None) -> Connection:
        """A secret goes only where it was given for: another address or user name needs it anew. The posts that are known belong to the
        site they are on: another WordPress is another connection. Raises as `create`."""

        def changes(present: Connection) -> dict[str, Any]:
            wanted = {**{k: v for k, v in body.items() if k in self.entity.patch}, **sealed}
            changed = self.repository.changed(present, **wanted)
            moved = (changed.url, changed.username) != (present.url, present.username)
            for name in SECRET_FIELDS:
                if moved and getattr(present, f"{name}_sealed") and f"{name}_sealed" not in sealed:
                    raise ValidationFailed.field(name, "is required again when the address or the user name changes.")
            self._complete(changed, body)
            if changed.target == "wordpress" and address_of(changed.url) != address_of(present.url):
                self._need_no_posts(present)
                wanted["report_secret_sealed"] = None  # the site it was given to could go on reporting
            return wanted

        sealed = self._sealed(body)
        return self.repository.patch(public_id, changes, if_match=if_match)

    def _need_no_posts(self, connection: Connection) -> None:
        """Raises: ValidationFailed when posts of the connection's site are known: their ids are other posts' on another site."""
        pk, _ = lookup_key(self.ctx, connection.id, "")
        if self.ctx.deps.table.query(Query(pk, limit=1, consistent=True)).items:
            raise ValidationFailed.field(
                "url", "posts of the present site are known by their ids there; make a connection for the other site."
            )

    def _sealed(self, body: dict[str, Any]) -> dict[str, str]:
        return {
            f"{name}_sealed": self.ctx.deps.secrets.seal(str(body[name]), {"tenant": self.ctx.tenant, "field": f"connection.{name}"})
            for name in SECRET_FIELDS
            if body.get(name)
        }

    def _complete(self, record: Connection, body: dict[str, Any]) -> None:
        """body: what was sent, with new secrets in plain text. Raises: ValidationFailed naming what is missing for the target."""
        if record.target == "webhook":
            for name, value in (("url", record.url), ("api_key", record.api_key_sealed)):
                if not value:
                    raise ValidationFailed.field(name, "is required for a webhook.")
            if body.get("api_key") and len(str(body["api_key"])) < SIGNING_SECRET_MIN_CHARACTERS:
                raise ValidationFailed.field(
                    "api_key", f"needs at least {SIGNING_SECRET_MIN_CHARACTERS} characters: it signs the deliveries."
                )
        if record.target == "wordpress":
            login = (("username", record.username), ("app_password", record.app_password_sealed)) if not record.api_key_sealed else ()
            for name, value in (("url", record.url), *login):
                if not value:
                    raise ValidationFailed.field(name, "is required for WordPress, unless api_key has the IGNY8 Bridge plugin's key.")
        if record.url.startswith("http://") and not self.ctx.deps.config.is_local:
            raise ValidationFailed.field("url", "must begin with https://.")

    def present(self, records: Any) -> list[dict[str, Any]]:
        hidden = {f"{name}_sealed" for name in (*SECRET_FIELDS, "report_secret")}
        return [
            {
                **r.model_dump(exclude=hidden),
                **{f"has_{n}": bool(getattr(r, f"{n}_sealed")) for n in SECRET_FIELDS},
                "reports_back": bool(r.report_secret_sealed),
            }
            for r in records
        ]

    def active(self, site_id: str) -> Connection | None:
        """The site's publishing target: its oldest active connection."""
        found = self.repository.under((f"{self.ctx.tenant}#{site_id}#Q", ""))
        return next(iter(sorted((c for c in found if c.is_active), key=lambda c: c.order)), None)


def new_signing_secret() -> str:
    """A secret for a webhook whose owner gives none."""
    return f"whsec_{random_id(SIGNING_SECRET_CHARACTERS)}"


def publisher_of(ctx: Context, connection: Connection, site_name: str, *, waited_for: bool = False) -> Publisher:
    """The publisher with its secrets unsealed, for this call only. waited_for: a caller of the API waits for it, who gets no answer after
    29 seconds (Source: API Gateway's integration timeout)."""
    fields = connection.model_dump(exclude={"report_secret_sealed"})
    if waited_for:
        fields["timeout_seconds"] = WAITED_SECONDS
    for name in SECRET_FIELDS:
        sealed = fields.pop(f"{name}_sealed")
        if sealed:
            fields[name] = ctx.deps.secrets.unseal(sealed, {"tenant": ctx.tenant, "field": f"connection.{name}"})
    return ctx.deps.publisher(ctx.tenant, site_name, fields)
