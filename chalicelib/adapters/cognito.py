"""Users' passwords and tokens, by an Amazon Cognito user pool. The username is `<tenant>.<user id>`, so that a token names both."""

import json
from typing import Any

from chalicelib.core.errors import AppError, Duplicate, NotAuthenticated, Throttled, UpstreamUnavailable, ValidationFailed
from chalicelib.ports import Tokens

_REFUSED = {"NotAuthorizedException", "UserNotFoundException", "UserNotConfirmedException", "PasswordResetRequiredException"}
_BUSY = {"TooManyRequestsException", "LimitExceededException", "TooManyFailedAttemptsException"}
_BAD_CODE = {"CodeMismatchException", "ExpiredCodeException", "UserNotFoundException", "NotAuthorizedException"}


class CognitoUserPool:
    """cognito: a boto3 `cognito-idp` client. local_keys: the pool's public keys as JSON text, where nothing serves them by HTTPS
    (local stack)."""

    def __init__(self, cognito: Any, region: str, pool_id: str, client_id: str, local_keys: str = "") -> None:
        self._cognito, self._pool, self.client_id, self._local_keys = cognito, pool_id, client_id, local_keys
        self.issuer = f"https://cognito-idp.{region}.amazonaws.com/{pool_id}"

    def create(self, username: str, email: str, password: str) -> None:
        """Raises: Duplicate, ValidationFailed when the password does not meet the pool's policy; then there is no user."""
        attributes = [{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}]
        self._admin("admin_create_user", Username=username, UserAttributes=attributes, MessageAction="SUPPRESS")
        try:
            self.set_password(username, password)
        except AppError:
            self.delete(username)
            raise

    def delete(self, username: str) -> None:
        self._admin("admin_delete_user", fine=("UserNotFoundException",), Username=username)

    def set_password(self, username: str, password: str) -> None:
        self._admin("admin_set_user_password", Username=username, Password=password, Permanent=True)

    def login(self, username: str, password: str) -> Tokens:
        answer = self._admin(
            "admin_initiate_auth",
            ClientId=self.client_id,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": username, "PASSWORD": password},
        )
        if "AuthenticationResult" not in answer:
            raise NotAuthenticated("This user must finish setting a password first.")
        result = answer["AuthenticationResult"]
        return Tokens(result["AccessToken"], result["RefreshToken"], int(result["ExpiresIn"]))

    def refresh(self, refresh: str) -> Tokens:
        flow: dict[str, Any] = {"AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": {"REFRESH_TOKEN": refresh}}
        result = self._call("initiate_auth", ClientId=self.client_id, **flow).get("AuthenticationResult")
        if not result:
            raise NotAuthenticated("This session must sign in again.")
        return Tokens(result["AccessToken"], result.get("RefreshToken") or refresh, int(result["ExpiresIn"]))

    def revoke(self, refresh: str) -> None:
        """Source: RFC 7009, 2.2: a token that is none or has ended is answered as one that was ended now."""
        ended = ("NotAuthorizedException", "InvalidParameterException", "UnsupportedTokenTypeException")
        self._call("revoke_token", fine=ended, Token=refresh, ClientId=self.client_id)

    def sign_out(self, username: str) -> None:
        self._admin("admin_user_global_sign_out", Username=username)

    def send_code(self, username: str) -> None:
        # Cognito answers for unknown users as for known ones (PreventUserExistenceErrors) and does the mailing.
        self._call("forgot_password", fine=("UserNotFoundException",), ClientId=self.client_id, Username=username)

    def confirm_code(self, username: str, code: str, password: str) -> None:
        ask: dict[str, Any] = {"ClientId": self.client_id, "Username": username, "ConfirmationCode": code, "Password": password}
        self._call("confirm_forgot_password", **ask)

    def keys(self) -> dict[str, Any]:
        if self._local_keys:
            local: dict[str, Any] = json.loads(self._local_keys)
            return local
        import requests  # here, because only the first token of a process asks for the keys

        try:
            answer = requests.get(f"{self.issuer}/.well-known/jwks.json", timeout=5, allow_redirects=False)
            answer.raise_for_status()
            keys: dict[str, Any] = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise UpstreamUnavailable("The sign-in service does not answer.") from error
        return keys

    def _admin(self, operation: str, fine: tuple[str, ...] = (), **ask: Any) -> dict[str, Any]:
        return self._call(operation, fine, UserPoolId=self._pool, **ask)

    def _call(self, operation: str, fine: tuple[str, ...] = (), **ask: Any) -> dict[str, Any]:
        """fine: error codes that mean that there is nothing left to do."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(self._cognito, operation)(**ask)
            return answer
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in fine:
                return {}
            raise _meant(operation, code, error.response["Error"].get("Message", "")) from error
        except BotoCoreError as error:
            raise UpstreamUnavailable("The sign-in service does not answer.") from error


def _meant(operation: str, code: str, message: str) -> AppError:
    """Cognito's error as ours."""
    if code in _BUSY:
        return Throttled("Too many sign-ins; wait a moment.", retry_after_seconds=5)
    if code == "InvalidPasswordException":
        return ValidationFailed.field("password", message or "does not meet the policy.")
    if operation == "confirm_forgot_password" and (code in _BAD_CODE or code == "InvalidParameterException"):
        return ValidationFailed.field("code", "is wrong or has expired; ask for a new one.")
    if operation == "initiate_auth" and code in (*_REFUSED, "InvalidParameterException"):
        return NotAuthenticated("This session has ended; sign in again.")
    if code in _REFUSED:
        return NotAuthenticated("The e-mail address or the password is wrong.")
    if code == "UsernameExistsException":
        return Duplicate("This user exists already.")
    if code == "InvalidParameterException":
        return ValidationFailed("The sign-in service does not accept this address or password.")
    return UpstreamUnavailable(f"The sign-in service answers {code}.")
