"""Users' passwords and tokens, by an Amazon Cognito user pool. The username is `<tenant>.<user id>`, so that a token names both."""

import json
from typing import Any

import requests

from chalicelib.core.errors import Duplicate, NotAuthenticated, Throttled, UpstreamUnavailable, ValidationFailed
from chalicelib.ports import Tokens


class CognitoUserPool:
    """cognito: a boto3 `cognito-idp` client. local_keys: the pool's public keys as JSON text, where nothing serves them by HTTPS (local stack)."""

    def __init__(self, cognito: Any, region: str, pool_id: str, client_id: str, local_keys: str = "") -> None:
        self._cognito, self._pool, self.client_id, self._local_keys = cognito, pool_id, client_id, local_keys
        self.issuer = f"https://cognito-idp.{region}.amazonaws.com/{pool_id}"

    def create(self, username: str, email: str, password: str) -> None:
        """Raises: Duplicate, ValidationFailed when the password does not meet the pool's policy."""
        attributes = [{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}]
        self._call("admin_create_user", Username=username, UserAttributes=attributes, MessageAction="SUPPRESS")
        self._call("admin_set_user_password", Username=username, Password=password, Permanent=True)

    def login(self, username: str, password: str) -> Tokens:
        answer = self._call(
            "admin_initiate_auth",
            ClientId=self.client_id,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": username, "PASSWORD": password},
        )
        if "AuthenticationResult" not in answer:
            raise NotAuthenticated("This user must finish setting a password first.")
        result = answer["AuthenticationResult"]
        return Tokens(result["AccessToken"], result["RefreshToken"], int(result["ExpiresIn"]))

    def keys(self) -> dict[str, Any]:
        if self._local_keys:
            local: dict[str, Any] = json.loads(self._local_keys)
            return local
        try:
            answer = requests.get(f"{self.issuer}/.well-known/jwks.json", timeout=5, allow_redirects=False)
            answer.raise_for_status()
            keys: dict[str, Any] = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise UpstreamUnavailable("The sign-in service does not answer.") from error
        return keys

    def _call(self, operation: str, **ask: Any) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(self._cognito, operation)(UserPoolId=self._pool, **ask)
            return answer
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in ("NotAuthorizedException", "UserNotFoundException", "UserNotConfirmedException", "PasswordResetRequiredException"):
                raise NotAuthenticated("The e-mail address or the password is wrong.") from None
            if code == "UsernameExistsException":
                raise Duplicate("This user exists already.") from None
            if code == "InvalidPasswordException":
                raise ValidationFailed.field("password", error.response["Error"].get("Message", "does not meet the policy.")) from None
            if code in ("TooManyRequestsException", "LimitExceededException"):
                raise Throttled("Too many sign-ins.", retry_after_seconds=5) from None
            raise UpstreamUnavailable(f"The sign-in service answers {code}.") from error
        except BotoCoreError as error:
            raise UpstreamUnavailable("The sign-in service does not answer.") from error
