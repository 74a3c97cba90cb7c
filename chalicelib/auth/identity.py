"""Who is asking: sign-in by the user pool, tokens checked by its public keys, rights read from the table on every request."""

from collections.abc import Callable
from typing import Any

import jwt

from chalicelib.auth.accounts import ACCOUNT, SHUT_OUT, Account, account_summary
from chalicelib.auth.users import USER, User, email_key, username
from chalicelib.core.context import Context, Deps
from chalicelib.core.errors import AccountInactive, Forbidden, NotAuthenticated, NotFound
from chalicelib.core.observability import logger
from chalicelib.core.scope import Scope

LEEWAY_SECONDS = 60
CROSSING_ROLES = frozenset({"developer", "system_bot"})
_keys: dict[str, dict[str, Any]] = {}  # issuer -> {kid: public key}; keys are public and change rarely


def authenticate(deps: Deps, headers: dict[str, str]) -> Scope:
    """The scope of a request's bearer token; one round trip to the table, nothing cached.

    Raises: NotAuthenticated, AccountInactive, Forbidden.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotAuthenticated("Send the access token as `Authorization: Bearer …`.")
    claims = verify(deps, token.strip())
    tenant, dot, user_id = str(claims.get("username", "")).partition(".")
    if not dot:
        raise NotAuthenticated("The token names no user.")
    account, user = _account_and_user(deps, tenant, user_id)
    if claims["iat"] < user.tokens_after:
        raise NotAuthenticated("This token has been ended; sign in again.")
    return _crossed(deps, _scope(tenant, account, user), headers.get("x-account-id"), account)


def _account_and_user(deps: Deps, tenant: str, user_id: str) -> tuple[Account, User]:
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


def _scope(tenant: str, account: Account, user: User) -> Scope:
    limited = user.role in ("editor", "viewer") and not account.system
    return Scope(tenant=tenant, user_id=user.id, role=user.role, email=user.email, sites=frozenset(user.sites) if limited else None)


def _crossed(deps: Deps, scope: Scope, wanted: str | None, account: Account) -> Scope:
    """The scope in another account, for developers and system users alone; each crossing is logged."""
    if not wanted or wanted == scope.tenant:
        return scope
    if scope.role not in CROSSING_ROLES and not account.system:
        raise Forbidden("Only developers and system users may name an account.")
    if deps.table.get(ACCOUNT.place.key(wanted, wanted)) is None:
        raise NotFound("There is no such account.")
    logger().info("account crossing", extra={"user": scope.user_id, "email": scope.email, "home": scope.tenant, "account": wanted})
    role = scope.role if scope.role in CROSSING_ROLES else "system_bot"
    return Scope(tenant=wanted, user_id=scope.user_id, role=role, email=scope.email, sites=None, crossing=True)


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
    if kid not in _keys.get(issuer, {}):
        found = jwt.PyJWKSet.from_dict(deps.user_pool.keys())
        _keys[issuer] = {k.key_id: k.key for k in found.keys if k.key_id}
    if kid not in _keys[issuer]:
        raise NotAuthenticated("The access token is not valid.")
    return _keys[issuer][kid]


def login(deps: Deps, email: str, password: str, credits: Callable[[Context], int]) -> dict[str, Any]:
    """Sign in. An unknown address and a wrong password answer alike. credits(ctx) -> available credits of the account.

    Raises: NotAuthenticated, AccountInactive, Throttled, UpstreamUnavailable.
    """
    pointer = deps.table.get(email_key(email))
    tenant, user_id = (pointer["tenant"], pointer["user"]) if pointer else ("nobody", "nobody")
    tokens = deps.user_pool.login(username(tenant, user_id), password)  # asked for unknown addresses too: same time, same answer
    account, user = _account_and_user(deps, tenant, user_id)
    summary = account_summary(account, credits(Context(_scope(tenant, account, user), deps)))
    return {
        "access": tokens.access,
        "refresh": tokens.refresh,
        "expires_in": tokens.expires_in,
        "user": {"id": user.id, "email": user.email, "role": user.role, "account": summary},
    }
