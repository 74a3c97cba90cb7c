"""Sessions: sign-in, fresh tokens, sign-out, and the ways to a new password, which end every other session of the user."""

import time
from collections.abc import Callable
from typing import Any

from chalicelib.auth.accounts import account_summary
from chalicelib.auth.identity import Identity, account_and_user, identify, verify
from chalicelib.auth.users import USER, User, email_key, username
from chalicelib.core.context import Context, Deps
from chalicelib.core.errors import NotAuthenticated, ValidationFailed
from chalicelib.core.scope import Scope
from chalicelib.ports import Tokens

Credits = Callable[[Context], int]  # the available credits of the context's account
REFRESH_SECONDS = 30 * 86_400  # the pool's RefreshTokenValidity (infra/resources/identity.yaml)
ENDED_MAX = 200  # sessions ended one by one that a user's record remembers


def _named(deps: Deps, email: str) -> tuple[str, str]:
    """Tenant and user id of an address; of an unknown one, those of nobody, so that it is asked for all the same."""
    pointer = deps.table.get(email_key(email))
    return (pointer["tenant"], pointer["user"]) if pointer else ("nobody", "nobody")


def login(deps: Deps, email: str, password: str, credits: Credits) -> dict[str, Any]:
    """Sign in. An unknown address and a wrong password answer alike, after the same work.

    Raises: NotAuthenticated, AccountInactive, Throttled, UpstreamUnavailable.
    """
    tenant, user_id = _named(deps, email)
    tokens = deps.user_pool.login(username(tenant, user_id), password)
    _, user = account_and_user(deps, tenant, user_id)
    return _answer(deps, tokens, user, lambda: deps.user_pool.login(username(tenant, user_id), password), credits)


def refresh(deps: Deps, token: str, credits: Credits) -> dict[str, Any]:
    """A fresh access token. Raises: NotAuthenticated when the session has ended; AccountInactive."""
    tokens = deps.user_pool.refresh(token)
    tenant, _, user_id = str(verify(deps, tokens.access).get("username", "")).partition(".")
    _, user = account_and_user(deps, tenant, user_id)
    return _answer(deps, tokens, user, lambda: deps.user_pool.refresh(token), credits)


def _answer(deps: Deps, tokens: Tokens, user: User, again: Callable[[], Tokens], credits: Credits) -> dict[str, Any]:
    """What a login shows. Tokens tell their age in whole seconds: one made within the second in which all sessions were ended counts
    as ended, so the next second is waited for."""
    while 0 <= user.tokens_after - int(verify(deps, tokens.access)["iat"]) <= 1:
        time.sleep(1.01 - time.time() % 1)
        tokens = again()
    identity = identify(deps, tokens.access)
    return {"access": tokens.access, "refresh": tokens.refresh, "expires_in": tokens.expires_in, "user": signed_in(deps, identity, credits)}


def signed_in(deps: Deps, identity: Identity, credits: Credits) -> dict[str, Any]:
    account, user = identity.account, identity.user
    summary = account_summary(account, credits(Context(identity.scope, deps)))
    return {"id": user.id, "email": user.email, "name": user.name, "role": user.role, "account": summary}


def logout(deps: Deps, access: str, refresh_token: str | None) -> None:
    """End this session, at once: its access tokens, and its refresh token even where it is not named here."""
    identity = identify(deps, access)
    now = int(deps.clock.now().timestamp())

    def changes(user: User) -> dict[str, Any]:
        still = {s: until for s, until in user.ended.items() if until > now}
        if len(still) >= ENDED_MAX:
            return {"ended": {}, "tokens_after": now}
        return {"ended": {**still, identity.session: now + REFRESH_SECONDS}}

    _users(deps, identity.account.id).patch(identity.user.id, changes)
    if refresh_token:
        deps.user_pool.revoke(refresh_token)


def _users(deps: Deps, tenant: str) -> Any:
    return Context(Scope.worker(tenant), deps).repository(USER)


def end_sessions(deps: Deps, tenant: str, user_id: str) -> None:
    """End every session of a user, at once."""
    now = int(deps.clock.now().timestamp())
    _users(deps, tenant).patch(user_id, {"tokens_after": now, "ended": {}})
    deps.user_pool.sign_out(username(tenant, user_id))


def change_password(deps: Deps, access: str, old: str, new: str, credits: Credits) -> dict[str, Any]:
    """Set another password, end all sessions and begin a new one. Raises: ValidationFailed naming which of the two is wrong."""
    identity = identify(deps, access)
    tenant, user = identity.account.id, identity.user
    name = username(tenant, user.id)
    try:
        deps.user_pool.login(name, old)
    except NotAuthenticated:
        raise ValidationFailed.field("current_password", "is wrong.") from None
    deps.user_pool.set_password(name, new)
    end_sessions(deps, tenant, user.id)
    return login(deps, user.email, new, credits)


def send_reset(deps: Deps, email: str) -> None:
    """Have a code mailed. Nobody learns whether the address is known."""
    deps.user_pool.send_code(username(*_named(deps, email)))


def confirm_reset(deps: Deps, email: str, code: str, password: str) -> None:
    """Set a password by a mailed code, and end all sessions. Raises: ValidationFailed, in the same words for an unknown address."""
    tenant, user_id = _named(deps, email)
    deps.user_pool.confirm_code(username(tenant, user_id), code, password)
    end_sessions(deps, tenant, user_id)
