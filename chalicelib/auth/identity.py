"""Who is asking: tokens checked by the user pool's public keys, rights read from the table on every request."""

import re
import time
from dataclasses import dataclass
from typing import Any

import jwt

from chalicelib.auth.accounts import ACCOUNT, SHUT_OUT, Account
from chalicelib.auth.users import USER, User
from chalicelib.core.context import Deps
from chalicelib.core.errors import AccountInactive, Forbidden, NotAuthenticated, NotFound
from chalicelib.core.observability import logger
from chalicelib.core.scope import Scope

LEEWAY_SECONDS = 60
CROSSING_ROLES = frozenset({"developer", "system_bot"})
_TENANT = re.compile(r"[0-9a-z]{1,40}")
KEYS_ASKED_SECONDS = 60  # the pool is asked for its keys at most this often, however many key ids forged tokens name
_keys: dict[str, dict[str, Any]] = {}  # issuer -> {kid: public key}; keys are public and change rarely
_asked_at: dict[str, float] = {}  # issuer -> monotonic seconds


@dataclass(frozen=True)
class Identity:
    """A signed-in user. session: what its access and refresh tokens have in common."""

    account: Account
    user: User
    claims: dict[str, Any]

    @property
    def session(self) -> str:
        return str(self.claims.get("origin_jti") or self.claims.get("jti") or "")

    @property
    def scope(self) -> Scope:
        """In the user's own account. Owners and admins of the operator's account are system users."""
        user, account = self.user, self.account
        role = "system_bot" if account.system and user.role in ("owner", "admin") else user.role
        limited = user.role in ("editor", "viewer") and not account.system
        sites = frozenset(user.sites) if limited else None
        return Scope(tenant=account.id, user_id=user.id, role=role, email=user.email, sites=sites, hidden=account.hidden(role))


def authenticate(deps: Deps, headers: dict[str, str]) -> Scope:
    """The scope of a request's bearer token; one round trip to the table, nothing cached.

    Raises: NotAuthenticated, AccountInactive, Forbidden.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotAuthenticated("Send the access token as `Authorization: Bearer …`.")
    return _crossed(deps, identify(deps, token.strip()), headers.get("x-account-id"))


def identify(deps: Deps, access: str) -> Identity:
    """Whose access token this is. Raises: NotAuthenticated, AccountInactive."""
    claims = verify(deps, access)
    tenant, dot, user_id = str(claims.get("username", "")).partition(".")
    if not dot:
        raise NotAuthenticated("The token names no user.")
    account, user = account_and_user(deps, tenant, user_id)
    identity = Identity(account, user, claims)
    if claims["iat"] <= user.tokens_after or identity.session in user.ended:
        raise NotAuthenticated("This session has ended; sign in again.")
    return identity


def account_and_user(deps: Deps, tenant: str, user_id: str) -> tuple[Account, User]:
    """Raises: NotAuthenticated for a user who is gone or deactivated; AccountInactive."""
    account_key, user_key = ACCOUNT.place.key(tenant, tenant), USER.place.key(tenant, user_id)
    found = deps.table.get_many([account_key, user_key])
    if account_key not in found or user_key not in found:
        raise NotAuthenticated("There is no such user any more.")
    account, user = ACCOUNT.from_item(found[account_key]), USER.from_item(found[user_key])
    if not user.is_active:
        raise NotAuthenticated("This user is deactivated.")
    if account.status in SHUT_OUT:
        raise AccountInactive(f"This account is {account.status}.")
    return account, user


def _crossed(deps: Deps, identity: Identity, wanted: str | None) -> Scope:
    """The scope in the account that the request names, for developers and system users alone; each crossing is logged."""
    home = identity.scope
    if not wanted or wanted == home.tenant:
        return home
    if home.role not in CROSSING_ROLES and not identity.account.system:
        raise Forbidden("Only developers and system users may name an account.")
    item = deps.table.get(ACCOUNT.place.key(wanted, wanted)) if _TENANT.fullmatch(wanted) else None
    if item is None:
        raise NotFound("There is no such account.")
    logger().info("account crossing", extra={"user": home.user_id, "email": home.email, "home": home.tenant, "account": wanted})
    hidden = ACCOUNT.from_item(item).hidden(home.role)
    return Scope(tenant=wanted, user_id=home.user_id, role=home.role, email=home.email, sites=None, crossing=True, hidden=hidden)


def verify(deps: Deps, token: str) -> dict[str, Any]:
    """The claims of an access token of our pool: RS256 only; issuer, client, use and expiry checked. Raises: NotAuthenticated."""
    try:
        kid = str(jwt.get_unverified_header(token).get("kid"))
        key = _public_key(deps, kid)
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            issuer=deps.user_pool.issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iat", "iss"], "verify_aud": False},
        )
    except jwt.ExpiredSignatureError:
        raise NotAuthenticated("The access token has expired; refresh it.") from None
    except jwt.PyJWTError:
        raise NotAuthenticated("The access token is not valid.") from None
    if claims.get("token_use") != "access" or claims.get("client_id") != deps.user_pool.client_id:
        raise NotAuthenticated("This is not an access token of this application.")
    return claims


def _public_key(deps: Deps, kid: str) -> Any:
    issuer = deps.user_pool.issuer
    if kid not in _keys.get(issuer, {}) and time.monotonic() - _asked_at.get(issuer, -KEYS_ASKED_SECONDS) >= KEYS_ASKED_SECONDS:
        found = jwt.PyJWKSet.from_dict(deps.user_pool.keys())
        _keys[issuer], _asked_at[issuer] = {k.key_id: k.key for k in found.keys if k.key_id}, time.monotonic()
    key = _keys.get(issuer, {}).get(kid)
    if key is None:
        raise NotAuthenticated("The access token is not valid.")
    return key
