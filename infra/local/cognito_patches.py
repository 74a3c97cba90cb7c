"""Cognito's part that moto 5.2.5 lacks: RevokeToken, reset codes that are checked, and the mail that carries them.

In AWS Cognito itself mails the code, so here the stand-in for Cognito does: one text file for each mail in `.local/outbox/`.
"""

import os
import re
import secrets
import threading
import time
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from moto.cognitoidp.exceptions import CodeMismatchException, ExpiredCodeException, NotAuthorizedError
from moto.cognitoidp.models import CognitoIdpBackend, CognitoIdpUser, CognitoIdpUserPool, UserStatus
from moto.cognitoidp.responses import CognitoIdpResponse
from moto.core.responses import EmptyResult

CODE_SECONDS = 3600  # Source: Cognito, ForgotPassword: the code is valid for one hour
OUTBOX_MAIL_MAX = 200
outbox: list[EmailMessage] = []  # what was mailed in this process, oldest first, at most OUTBOX_MAIL_MAX
_codes: dict[tuple[str, str], tuple[str, float]] = {}  # (pool, username) -> code, when it expires
_lock = threading.Lock()


def _pool_of(backend: CognitoIdpBackend, client_id: str) -> CognitoIdpUserPool:
    for pool in backend.user_pools.values():
        if client_id in pool.clients:
            return pool
    raise NotAuthorizedError("Client not found")


def _forgot_password(self: CognitoIdpBackend, client_id: str, username: str) -> tuple[str, dict[str, Any]]:
    pool = _pool_of(self, client_id)
    user = pool._get_user(username)
    if user is not None:
        code = f"{secrets.randbelow(10**6):06d}"
        _codes[pool.id, username] = (code, time.time() + CODE_SECONDS)
        _mail(user, code)
    # an unknown user is answered as a known one (PreventUserExistenceErrors)
    return "", {"CodeDeliveryDetails": {"Destination": "***", "DeliveryMedium": "EMAIL", "AttributeName": "email"}}


def _confirm_forgot_password(self: CognitoIdpBackend, client_id: str, username: str, password: str, confirmation_code: str) -> None:
    pool = _pool_of(self, client_id)
    user = pool._get_user(username)
    code, expires = _codes.get((pool.id, username), ("", 0.0))
    if user is None or not code or not secrets.compare_digest(code.encode(), confirmation_code.encode()):
        raise CodeMismatchException("Invalid verification code provided, please try again.")
    if time.time() > expires:
        raise ExpiredCodeException("Invalid code provided, please request a code again.")
    self._validate_password(pool.id, password)
    del _codes[pool.id, username]
    user.password, user.status = password, UserStatus.CONFIRMED


def _revoke_token(self: CognitoIdpResponse) -> EmptyResult:
    """Access tokens of the session stay what they are: nobody asks Cognito about them."""
    pool = _pool_of(self.backend, self._get_param("ClientId"))
    token = self._get_param("Token")
    if token in pool.refresh_tokens:
        pool.refresh_tokens[token] = None
    return EmptyResult()


def _mail(user: CognitoIdpUser, code: str) -> None:
    mail = EmailMessage()
    mail["To"] = user.attribute_lookup["email"]
    mail["From"] = "no-reply@verificationemail.com"
    mail["Subject"] = "Your verification code"
    mail["Date"] = datetime.now(UTC)
    mail.set_content(f"Your confirmation code is {code}\n")
    with _lock:
        outbox.append(mail)
        del outbox[:-OUTBOX_MAIL_MAX]
        if data := os.environ.get("LOCAL_DIR"):
            folder = Path(data) / "outbox"
            folder.mkdir(parents=True, exist_ok=True)
            address = re.sub(r"[^a-z0-9@._+-]", "_", str(mail["To"]).lower())[:100]
            (folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{address}.eml").write_bytes(mail.as_bytes())


def install() -> None:
    """Teach moto; calling it again changes nothing."""
    CognitoIdpBackend.forgot_password = _forgot_password  # type: ignore[method-assign]
    CognitoIdpBackend.confirm_forgot_password = _confirm_forgot_password  # type: ignore[method-assign]
    CognitoIdpResponse.revoke_token = _revoke_token  # type: ignore[attr-defined]
