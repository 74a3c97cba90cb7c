"""The sealed secrets among stored items: where they are, what they are bound to, and what an account has without them."""

from collections.abc import Iterator
from dataclasses import dataclass

from botocore.exceptions import ClientError

from chalicelib.core.errors import UpstreamRejected, UpstreamUnavailable
from chalicelib.integration.connections import CONNECTION
from chalicelib.ports import Secrets
from chalicelib.system.settings import SETTINGS
from infra.tenant_data import Wire, key_of

SUFFIX = "_sealed"
# What KMS says of a key that is not here any more; an outage says other things.
_NO_SUCH_KEY = ("NotFoundException", "DisabledException", "KMSInvalidStateException")


@dataclass(frozen=True)
class Sealed:
    """One secret. context: what it was sealed under (`connections.py`, `reports.py`, `settings.py`)."""

    item: Wire
    attribute: str
    context: dict[str, str]

    @property
    def text(self) -> str:
        return str(self.item[self.attribute]["S"])

    @property
    def field(self) -> str:
        return self.attribute.removesuffix(SUFFIX)


def sealed(item: Wire) -> Iterator[Sealed]:
    """The secrets of an item. Raises: ValueError for a sealed attribute of an item whose context nobody knows."""
    kind = item.get("kind", {}).get("S")
    tenant = key_of(item)[0].partition("#")[0]
    for attribute, value in item.items():
        if not attribute.endswith(SUFFIX) or "S" not in value:
            continue
        name = attribute.removesuffix(SUFFIX)
        if kind == CONNECTION.name:
            field = f"connection.{name}"
        elif kind == SETTINGS.name:
            field = f"integration.{item['id']['S']}.{name}"
        else:
            raise ValueError(f"{' '.join(key_of(item))} has {attribute}, and nobody knows what it is sealed under")
        yield Sealed(item, attribute, {"tenant": tenant, "field": field})


def opens(secrets: Secrets, secret: Sealed) -> bool:
    """Whether this deployment's key opens it. Raises: UpstreamUnavailable while KMS does not answer."""
    try:
        secrets.unseal(secret.text, secret.context)
    except UpstreamRejected:
        return False
    except UpstreamUnavailable as error:
        cause = error.__cause__
        if isinstance(cause, ClientError) and cause.response["Error"]["Code"] in _NO_SUCH_KEY:
            return False
        raise
    return True


def without(item: Wire, lost: list[Sealed]) -> Wire:
    """The item without these secrets. It is switched off, so that nothing is tried without a password, and nobody works at the platform's
    cost where an account's own key was meant; only the secret of a site's reports leaves it on."""
    left = {name: value for name, value in item.items() if name not in {s.attribute for s in lost}}
    if any(s.field != "report_secret" for s in lost):
        left["is_active"] = {"BOOL": False}
    return left
