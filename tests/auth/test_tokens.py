"""Tokens that are none of ours, or no longer: each is 401, and nothing of what is behind it is said."""

import base64
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boto3
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from moto.cognitoidp.models import cognitoidp_backends

from chalicelib.auth.identity import verify
from chalicelib.auth.users import USER, username
from chalicelib.core.errors import NotAuthenticated
from tests.auth.conftest import PASSWORD, REGION, Api, World

Claims = dict[str, Any]
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def real_key() -> Any:
    """moto signs with a key pair it ships, so tests can sign as the pool does."""
    for backend in cognitoidp_backends.values():
        for region in backend.values():
            for pool in region.user_pools.values():
                return serialization.load_pem_private_key(pool.json_web_key.as_pem(private=True), None)
    raise AssertionError("there is no pool")


@pytest.fixture
def claims(world: World) -> Claims:
    found: Claims = jwt.decode(world.token(world.a, "owner"), options={"verify_signature": False})
    return found


def status(world: World, token: str) -> int:
    return Api(world, token).get("auth/me").status


def signed(claims: Claims, key: Any = None, kid: str = "dummy") -> str:
    return jwt.encode(claims, key or real_key(), algorithm="RS256", headers={"kid": kid})


def unsigned(claims: Claims) -> str:
    parts = ({"alg": "none", "typ": "JWT", "kid": "dummy"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts) + "."


def hmac_signed(claims: Claims) -> str:
    """HS256 with the public key as the secret, which a careless library would accept."""
    import hashlib
    import hmac

    public = real_key().public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    parts = ({"alg": "HS256", "typ": "JWT", "kid": "dummy"}, claims)
    body = ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts)
    return f"{body}.{base64.urlsafe_b64encode(hmac.new(public, body.encode(), hashlib.sha256).digest()).rstrip(b'=').decode()}"


def test_the_pools_own_token_is_taken(world: World, claims: Claims) -> None:
    assert status(world, signed(claims)) == 200


FORGED: dict[str, Callable[[Claims], str]] = {
    "alg none": unsigned,
    "HS256 with the public key": hmac_signed,
    "another key": lambda c: signed(c, STRANGER),
    "another key id": lambda c: signed(c, STRANGER, kid="other"),
    "no such key id": lambda c: signed(c, kid="other"),
    "id token": lambda c: signed({**c, "token_use": "id"}),
    "no token use": lambda c: signed({k: v for k, v in c.items() if k != "token_use"}),
    "another client": lambda c: signed({**c, "client_id": "other"}),
    "another pool": lambda c: signed({**c, "iss": c["iss"] + "x"}),
    "no issuer": lambda c: signed({k: v for k, v in c.items() if k != "iss"}),
    "expired": lambda c: signed({**c, "iat": c["iat"] - 7200, "exp": int(time.time()) - 61}),
    "no expiry": lambda c: signed({k: v for k, v in c.items() if k != "exp"}),
    "issued tomorrow": lambda c: signed({**c, "iat": int(time.time()) + 86_400}),
    "no user": lambda c: signed({k: v for k, v in c.items() if k != "username"}),
    "nobody": lambda c: signed({**c, "username": "nobody.nobody"}),
    "a user of another account's id": lambda c: signed({**c, "username": "zzzzzzzz." + c["username"].partition(".")[2]}),
    "a key of the table": lambda c: signed({**c, "username": c["username"].partition(".")[0] + ".x#y"}),
    "damaged": lambda c: signed(c)[:-10] + "AAAAAAAAAA",
    "no token at all": lambda c: "a.b.c",
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_tokens_are_refused(world: World, claims: Claims, name: str) -> None:
    assert status(world, FORGED[name](claims)) == 401


def test_an_id_token_from_the_same_sign_in_is_refused(world: World) -> None:
    client = boto3.client("cognito-idp", region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x")
    parameters = {"USERNAME": username(world.a.id, world.a.users["owner"][0]), "PASSWORD": PASSWORD}
    pool_id = world.deps.user_pool.issuer.rpartition("/")[2]
    flow = {"UserPoolId": pool_id, "ClientId": world.deps.user_pool.client_id, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH"}
    answer = client.admin_initiate_auth(AuthParameters=parameters, **flow)["AuthenticationResult"]
    assert (status(world, answer["IdToken"]), status(world, answer["AccessToken"])) == (401, 200)


@pytest.mark.parametrize("header", ["", "Basic eDp5", "Bearer", "Bearer ", "bearer  "])
def test_other_headers_are_refused(world: World, header: str) -> None:
    assert Api(world).get("auth/me", authorization=header).status == 401


def test_a_token_under_another_scheme_is_refused(world: World) -> None:
    assert Api(world).get("auth/me", authorization=f"Token {world.token(world.a, 'owner')}").status == 401


def test_tokens_up_to_the_moment_all_sessions_ended_are_refused(world: World, claims: Claims) -> None:
    users = world.a.ctx.repository(USER)
    owner = world.a.users["owner"][0]
    users.patch(owner, {"tokens_after": claims["iat"]})
    try:
        assert status(world, signed(claims)) == 401
        assert status(world, signed({**claims, "iat": claims["iat"] + 1})) == 200
    finally:
        users.patch(owner, {"tokens_after": 0})


def test_made_up_key_ids_ask_the_pool_for_its_keys_once(world: World, claims: Claims) -> None:
    """Each question is a request to Cognito, and anybody can send a token."""

    class Pool:
        issuer, client_id, asked = "https://pool.test", "client", 0

        def keys(self) -> dict[str, Any]:
            self.asked += 1
            return world.deps.user_pool.keys()

    pool = Pool()
    deps = replace(world.deps, user_pool=pool)
    for n in range(20):
        with pytest.raises(NotAuthenticated):
            verify(deps, signed({**claims, "iss": pool.issuer}, STRANGER, kid=f"made-up-{n}"))
    assert pool.asked == 1
    mine = {**claims, "iss": pool.issuer, "client_id": pool.client_id}
    assert verify(deps, signed(mine))["username"] == claims["username"], "known keys go on working"
