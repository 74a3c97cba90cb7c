"""No secret leaves its place: an account full of canaries is signed in, set up, run and broken, and then everything is searched for them.

Searched: every log record as it was made (before masking, those of libraries too), what was printed, every HTTP answer, both tables,
every file, every mail, the dead letters and the executions' histories. A canary counts in any spelling: as it is, in base64,
percent-encoded, backwards, its first or last eight characters.
"""

import base64
import gzip
import io
import json
import logging
import secrets
import urllib.parse
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from typing import Any

import boto3
import pytest

from chalicelib import deps as wiring
from chalicelib.core.observability import logger
from infra.build import template
from infra.local import cognito_patches
from infra.local.pace import hurried
from infra.local.seed import seed
from infra.local.stack import LocalStack
from tests.adapters.fake_wordpress import FakeWordPress
from tests.adapters.scripted_server import Asked, LoopbackServer, Reply, api_error, html_reply
from tests.core.api_calls import Client
from tests.core.api_calls import Reply as Answer
from tests.e2e.openai_writer import KEY, OpenAIWriter

KEYWORDS = "keyword,volume\n" + "".join(f"espresso {thing},100\n" for thing in ("machine", "beans", "grinder", "cups", "recipes"))
LIBRARIES_AT_DEBUG = ("openai", "httpx", "httpx2", "httpcore", "httpcore2", "urllib3")
HUSHED = ("botocore", "boto3", "s3transfer")  # they write whole requests to Cognito and KMS; `observability.logger` keeps them quiet


def spellings(secret: str) -> set[str]:
    """The secret as it may appear: plain, JSON-escaped, percent-encoded, within base64 at any offset, or its beginning or end alone."""
    raw, found = secret.encode(), {secret, urllib.parse.quote(secret, safe=""), urllib.parse.quote_plus(secret), json.dumps(secret)[1:-1]}
    for offset in range(3):  # the middle of a base64 text does not depend on what stands before and after
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(b"\0" * offset + raw).decode().rstrip("=")
            found.add(text[4 if offset else 0 : len(text) - 3])
    return found | {secret[:8], secret[-8:], secret[::-1]}


@dataclass
class Everything(logging.Handler):
    """What has come out, by where: log records, printed text, HTTP answers."""

    found: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(logging.DEBUG)

    def __hash__(self) -> int:
        return id(self)

    def emit(self, record: logging.LogRecord) -> None:
        trace = logging.Formatter().formatException(record.exc_info) if record.exc_info and record.exc_info[0] else ""
        self.add(f"log {record.name}", f"{record.getMessage()} {vars(record)!r} {trace}")

    def add(self, where: str, text: str) -> None:
        self.found.setdefault(where, []).append(text)

    def leaks(self, canaries: dict[str, str], allowed: dict[str, set[str]]) -> list[str]:
        """Where which canary was found, but for the places that must have it."""
        out = []
        for name, secret in canaries.items():
            forms = spellings(secret)
            for where, texts in self.found.items():
                if where in allowed.get(name, ()):
                    continue
                out += [f"{name} in {where}: …{_around(t, form)}…" for t in texts for form in forms if form in t][:1]
        return out


def _around(text: str, form: str) -> str:
    at = text.index(form)
    return text[max(0, at - 120) : at + 60]


@dataclass
class World:
    stack: LocalStack
    out: Everything
    client: Client
    canaries: dict[str, str]
    printed: io.StringIO

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        answer = self.client(method, f"/api/v1/{path}", body, **headers)
        self.out.add(f"HTTP {method} {path.split('?')[0]}", f"{answer.body} {answer.headers}")
        return answer

    def data(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        answer = self.call(method, path, body, **headers)
        assert answer.status < 300, (path, answer.body[:500])
        return answer.json["data"]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    logger()  # its floors first, so that what is set below is really lower
    out, root = Everything(), logging.getLogger()
    levels = {name: logging.getLogger(name).level for name in ("", *LIBRARIES_AT_DEBUG)}
    printed = io.StringIO()
    root.addHandler(out)
    root.setLevel(logging.DEBUG)
    for name in LIBRARIES_AT_DEBUG:
        logging.getLogger(name).setLevel(logging.DEBUG)
    try:
        stack = LocalStack(template("local"), environment={"THROTTLE": "off"})
        with redirect_stdout(printed), redirect_stderr(printed), stack, hurried():
            wiring.use(None)
            seed(wiring.current())
            import app

            yield World(stack, out, Client(app.app), {}, printed)
    finally:
        wiring.use(None)
        root.removeHandler(out)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


class Gossip:
    """A model's server that repeats every secret it is given. mode: refuse (401), break (500, HTML), answer."""

    def __init__(self, key: str) -> None:
        self.mode, self.key, self._writer = "refuse", key, OpenAIWriter()
        self.asked = 0

    def __call__(self, asked: Asked) -> Reply:
        self.asked += 1
        told = f"Incorrect API key provided: {asked.headers.get('authorization', '')}, see {asked.headers}"
        if self.mode == "refuse":
            return api_error(401, "invalid_api_key", told, x_request_key=self.key)
        if self.mode == "break":
            self.mode = "answer"
            return html_reply(f"<html><body>{told}</body></html>", 500)
        assert asked.headers["authorization"] == f"Bearer {self.key}"
        return self._writer(replace(asked, headers={**asked.headers, "authorization": f"Bearer {KEY}"}))


def gossiping(asked: Asked) -> Reply:
    """A WordPress or webhook that refuses and repeats what it was sent."""
    told = f"Sorry: {asked.headers.get('authorization')} {asked.headers}"
    return html_reply(f"<html>{told}</html>", 401, location=f"https://x:{asked.headers.get('authorization', '')[-8:]}@evil.test/")


def token(characters: int = 40) -> str:
    return "".join(secrets.choice("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789") for _ in range(characters))


def application_password() -> str:
    return " ".join(token(4) for _ in range(6))


def test_no_canary_is_found_where_it_must_not_be(world: World) -> None:
    canaries = world.canaries
    canaries |= {"password": f"Pw1!{token()}", "key": f"sk-{token()}", "runware": token(32), "application": application_password()}
    canaries |= {"second key": f"sk-{token()}", "webhook": f"whsec{token()}", "signing": _signing_key(), "url": token(24)}
    gossip = Gossip(canaries["key"])
    with LoopbackServer(gossip) as models, LoopbackServer(FakeWordPress()) as sites, LoopbackServer(gossiping) as gossips:
        _sign_in(world, canaries)
        place = _settings(world, canaries, models.url)
        _connections(world, canaries, place, gossips.url, sites.url)
        _runs(world, canaries, gossip, place)
        assert len(gossips.asked) >= 4, "the targets were asked, and refused"
    assert gossip.asked > 4
    _collect(world)
    allowed = {
        "access": {"HTTP POST auth/register/", "HTTP POST auth/login/", "HTTP POST auth/token/refresh/"},
        "refresh": {"HTTP POST auth/register/", "HTTP POST auth/login/", "HTTP POST auth/token/refresh/"},
    }
    assert world.out.leaks(canaries, allowed) == []
    searched = {where.split()[0] for where in world.out.found}
    assert {"log", "HTTP", "table", "ops", "file", "history", "mail", "dead"} <= searched, searched
    kept = [w for w in world.out.found if w.startswith("file") and "/prompts/" in w]
    assert len(kept) >= 4, "the archive was searched"
    assert sum(w.startswith("log igny8") for w in world.out.found) and sum(len(t) for t in world.out.found.values()) > 200


def test_libraries_stay_quiet_whatever_the_root_logger_is_set_to(world: World) -> None:
    assert logging.getLogger().level == logging.DEBUG
    assert all(logging.getLogger(f"{name}.endpoint").getEffectiveLevel() >= logging.WARNING for name in HUSHED)


def test_the_search_finds_what_is_there() -> None:
    """A search that finds nothing anywhere would be green too."""
    out, secret = Everything(), token()
    basic = base64.b64encode(f"u:{secret}".encode()).decode()
    for n, text in enumerate((secret, basic, urllib.parse.quote(f"{secret}/&"), f"{secret[:8]}…")):
        out.add(f"place {n}", f"before {text} after")
    assert {leak.split(":")[0] for leak in out.leaks({"key": secret}, {})} == {f"key in place {n}" for n in range(4)}
    assert out.leaks({"other": token()}, {}) == []
    record = logging.makeLogRecord({"name": "x", "msg": "%s", "args": (secret,), "extra_field": {"deep": secret}})
    out.emit(record)
    assert out.leaks({"key": secret}, {"key": {f"place {n}" for n in range(4)}})


# -- what happens
def _sign_in(world: World, canaries: dict[str, str]) -> None:
    email = f"{token(8)}@canary.test".lower()
    world.data("POST", "auth/register/", {"email": email, "password": canaries["password"], "account_name": "Canary"})
    world.call("POST", "auth/login/", {"email": email, "password": canaries["password"] + "x"})
    signed = world.data("POST", "auth/login/", {"email": email, "password": canaries["password"]})
    canaries |= {"access": signed["access"].split(".")[2], "refresh": signed["refresh"]}
    world.client.token = signed["access"]
    world.call("POST", "auth/password/change/", {"current_password": canaries["password"], "new_password": "short"})
    world.call("POST", "auth/token/refresh/", {"refresh": "nonsense" + canaries["refresh"][:40]})
    world.call("POST", "auth/password/reset/", {"email": email})
    world.client.token = signed["access"][:-4] + "AAAA"
    assert world.call("GET", "auth/me/").status == 401
    world.client.token = signed["access"]
    world.data("GET", "auth/me/")


def _settings(world: World, canaries: dict[str, str], url: str) -> dict[str, str]:
    openai = {"api_key": canaries["key"], "base_url": f"{url}/v1", "model": "gpt-6-luna", "is_active": True}
    world.data("PUT", "system/settings/integrations/openai/", openai)
    world.call("PUT", "system/settings/integrations/openai/", {**openai, "surplus": canaries["key"][:4]})
    world.data("PUT", "system/settings/integrations/runware/", {"api_key": canaries["runware"], "is_active": True})
    tried = world.data("POST", "system/settings/integrations/openai/test_connection/")
    assert tried["ok"] is False
    world.data("GET", "system/settings/integrations/")
    site = world.data("POST", "auth/sites/", {"name": "Canary", "slug": f"c{token(6).lower()}", "ideas_per_cluster": 1})["id"]
    sector = world.data("POST", "auth/sectors/", {"site_id": site, "name": "General", "slug": "general"})["id"]
    return {"site_id": site, "sector_id": sector}


def _connections(world: World, canaries: dict[str, str], place: dict[str, str], gossips: str, wordpress: str) -> None:
    site = {"site_id": place["site_id"]}
    hook = {**site, "name": "Hook", "target": "webhook", "url": f"{gossips}/hook", "api_key": canaries["webhook"], "is_active": False}
    world.data("POST", "integration/connections/", hook)
    carrying = gossips.replace("http://", f"http://hook:{canaries['url']}@")
    refused = world.call("POST", "integration/connections/", {**hook, "name": "Carrying", "url": f"{carrying}/hook"})
    assert refused.status == 400, "an address with credentials in it would be answered with them"
    blog = {**site, "name": "Blog", "target": "wordpress", "url": gossips, "username": "admin", "app_password": canaries["application"]}
    made = world.data("POST", "integration/connections/", blog)
    for connection in world.call("GET", f"integration/connections/?site_id={place['site_id']}").json["results"]:
        world.call("POST", f"integration/connections/{connection['id']}/test_connection/")
        world.call("POST", f"integration/connections/{connection['id']}/sync/")
        world.call("POST", f"integration/connections/{connection['id']}/import/", {})
    world.data("GET", f"integration/connections/{made['id']}/")
    assert wordpress


def _runs(world: World, canaries: dict[str, str], gossip: Gossip, place: dict[str, str]) -> None:
    query = f"?site_id={place['site_id']}&sector_id={place['sector_id']}"
    world.data("POST", f"planner/keywords/import_keywords/{query}", KEYWORDS.encode(), Content_Type="text/csv")
    settings = {"publish_mode": "auto", "between_stage_delay_seconds": 0}
    world.data("PUT", f"automation/config/?site_id={place['site_id']}", settings)
    for mode in ("refuse", "break"):
        if mode == "break":  # with a new key: the one that was refused is not tried again for a while
            gossip.key = canaries["second key"]
            saved = world.data("GET", "system/settings/integrations/openai/")
            world.data("PUT", "system/settings/integrations/openai/", {**saved, "api_key": gossip.key})
        gossip.mode = mode
        run = world.data("POST", "automation/run_now/", {"site_id": place["site_id"]})["id"]
        world.stack.drain(120)
        world.data("GET", f"automation/runs/{run}/")
        world.data("GET", f"automation/runs/{run}/logs/")
    contents = world.call("GET", f"writer/content/?site_id={place['site_id']}").json["results"]
    assert contents, "the second run has written an article"
    assert contents[0]["status"] != "published", "which its target refused"
    one = contents[0]["id"]
    world.data("GET", f"writer/content/{one}/provenance/")
    for call in world.data("GET", "system/ai-calls/")["calls"]:
        world.data("GET", f"system/ai-calls/{call['id']}/")
    gossip.mode = "refuse"
    world.call("POST", f"writer/content/{one}/regenerate/", {"instructions": "Shorter."})
    world.call("POST", f"writer/content/{one}/publish/", {})
    world.stack.drain(120)
    world.data("GET", f"writer/content/{one}/")
    world.call("GET", "billing/credits/usage/")


# -- what is searched
def _signing_key() -> str:
    secret: str = boto3.client("secretsmanager").get_secret_value(SecretId=wiring.current().config.signing_secret_arn)["SecretString"]
    return str(json.loads(secret)["key"]) if secret.startswith("{") else secret


def _collect(world: World) -> None:
    deps, out = wiring.current(), world.out
    for where, table in (("table", deps.table), ("ops", deps.ops)):
        for page in boto3.client("dynamodb").get_paginator("scan").paginate(TableName=table.name):
            for item in page["Items"]:
                packed = [gzip.decompress(v["B"]).decode() for v in item.values() if "B" in v and v["B"][:2] == b"\x1f\x8b"]
                out.add(f"{where} {item['pk']['S'].split('#')[1]}", f"{item!r} {packed!r}")
    s3 = boto3.client("s3")
    for found in s3.list_objects_v2(Bucket=deps.config.bucket_name).get("Contents", []):
        body = s3.get_object(Bucket=deps.config.bucket_name, Key=found["Key"])["Body"].read()
        out.add(f"file {found['Key']}", (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body).decode(errors="replace"))
    machines, sqs = boto3.client("stepfunctions"), boto3.client("sqs")
    for run in machines.list_executions(stateMachineArn=deps.config.state_machine_arn)["executions"]:
        history = machines.get_execution_history(executionArn=run["executionArn"], maxResults=1000)["events"]
        out.add("history", repr(history))
    world.stack.make_visible()
    for name in ("Ai", "Images", "Publish"):
        for queue in (f"{name}DeadLetters", f"{name}Queue"):
            messages = sqs.receive_message(QueueUrl=world.stack.stack.physical_id(queue), MaxNumberOfMessages=10).get("Messages", [])
            out.add("dead letters" if "Dead" in queue else "queue", repr(messages))
    out.add("printed", world.printed.getvalue())
    out.add("mail", repr([str(mail) for mail in cognito_patches.outbox]))
