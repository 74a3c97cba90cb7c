"""Real objects behind the documented operations, so that what is generated from the document reaches the code behind the checks."""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from infra.local.seed import EMAILS, password

Json = dict[str, Any]
ROOT = Path(__file__).parents[2]
BASE = "/api/v1"
PICTURE = next((ROOT / "docs" / "images").glob("*.png"))
OWNER, EDITOR, VIEWER, OTHER, DEVELOPER = EMAILS
KIND = {"content_type": "post", "content_structure": "article"}
_BULK_KEYWORDS = 6  # `auto_cluster` refuses fewer than 5


class Send(Protocol):
    """One request to the API: method, path with query, headers, body -> status and decoded JSON (or the text)."""

    def __call__(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]: ...


@dataclass
class Request:
    """What is sent to one operation. body: a JSON value, or bytes of type `mime`, or None."""

    path_parameters: dict[str, str]
    query: dict[str, str]
    headers: dict[str, str]
    body: Any = None
    mime: str = "application/json"


class World:
    """The seeded demo account, as seen through the API. Objects are made as they are asked for; each call makes another one."""

    def __init__(self, send: Send, work_off: Callable[[], object]) -> None:
        """work_off: does what the queues hold, so that what AI work leaves behind can be read."""
        self._send, self.work_off = send, work_off
        self._numbers = itertools.count(1)
        self._tokens: dict[str, str] = {}
        self.makers: dict[str, Callable[[], str]] = {
            "auth/users": self.user,
            "auth/site-access": lambda: self.made("auth/site-access/", {"user": self.user(), "site_id": self.site}),
            "auth/sites": self.new_site,
            "auth/sectors": lambda: self.made("auth/sectors/", {"site_id": self.new_site(), **self.named()}),
            "auth/plans": lambda: self.made("auth/plans/", self.named(), by=DEVELOPER),
            "auth/industries": lambda: self.made("auth/industries/", self.named(), by=DEVELOPER),
            "auth/industry-sectors": lambda: self.made("auth/industry-sectors/", {**self.named(), "industry": self.industry}, by=DEVELOPER),
            "auth/seed-keywords": lambda: self.made(
                "auth/seed-keywords/", {"keyword": self.name(), "industry_sector": self.industry_sector}, by=DEVELOPER
            ),
            "planner/keywords": lambda: self.made("planner/keywords/", {**self.place, "keyword": self.name()}),
            "planner/clusters": lambda: self.made("planner/clusters/", {**self.place, "name": self.name()}),
            "planner/ideas": lambda: self.made(
                "planner/ideas/", {**self.place, "idea_title": self.name(), "keyword_cluster": self.one("planner/clusters")}
            ),
            "writer/tasks": lambda: self.made(
                "writer/tasks/", {**self.place, "title": self.name(), "cluster": self.one("planner/clusters"), **KIND}
            ),
            "writer/content": self.content,
            "writer/images": lambda: self.made(
                "writer/images/", {"content": self.content(), "image_type": "featured", "prompt": "A shoe."}
            ),
            "writer/taxonomies": lambda: self.made("writer/taxonomies/", {"site_id": self.site, "name": self.name()}),
            "writer/cluster-maps": lambda: self.made(
                "writer/cluster-maps/", {"cluster": self.one("planner/clusters"), "content": self.content()}
            ),
            "system/prompts": self.prompt,
            "system/author-profiles": lambda: self.made("system/author-profiles/", {"name": self.name()}),
            "system/strategies": lambda: self.made("system/strategies/", {"name": self.name()}),
            "system/settings/integrations": lambda: "openai",
            "system/settings/task_progress": lambda: self.task_id,
            "integration/connections": lambda: self.made(
                "integration/connections/", {"site_id": self.site, "name": self.name(), "target": "static"}
            ),
            "system/ai-calls": self.ai_call,
            "billing/transactions": lambda: str(self.get("billing/transactions/")["results"][0]["id"]),
            "billing/usage": self.usage,
            "automation/runs": self.run,
        }
        self._known: dict[str, str] = {}

    # -- calling
    def token(self, email: str) -> str:
        """An access token, one for each user."""
        if email not in self._tokens:
            self._tokens[email] = self.login(email)["access"]
        return self._tokens[email]

    def login(self, email: str) -> Json:
        _, body = self._send("POST", f"{BASE}/auth/login/", {}, json.dumps({"email": email, "password": password()}).encode())
        found: Json = body["data"]
        return found

    def ask(self, method: str, path: str, body: Any = None, by: str = OWNER) -> Json:
        """A request that must succeed. Returns the decoded body."""
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        kind = "image/png" if isinstance(body, bytes) else "application/json"
        status, answer = self._send(method, f"{BASE}/{path}", {"Authorization": f"Bearer {self.token(by)}", "Content-Type": kind}, raw)
        assert status < 300, f"{method} {path}: {status} {answer}"
        found: Json = answer
        return found

    def get(self, path: str) -> Json:
        return self.ask("GET", path)

    def made(self, path: str, body: Json, by: str = OWNER) -> str:
        """The id of what a create answers."""
        return str(self.ask("POST", path, body, by)["data"]["id"])

    # -- objects
    def new(self, noun: str) -> str:
        """The id of a new object. noun: its path (`planner/keywords`)."""
        return self.makers[noun]()

    def one(self, noun: str) -> str:
        """The id of an object that is shared: for what reads it or points at it."""
        if noun not in self._known:
            self._known[noun] = self.new(noun)
        return self._known[noun]

    def deleted(self, noun: str) -> str:
        found = self.new(noun)
        self.ask("DELETE", f"{noun}/{found}/")
        return found

    def name(self) -> str:
        return f"trail running shoes {next(self._numbers)}"

    def named(self) -> Json:
        number = next(self._numbers)
        return {"name": f"Trail running {number}", "slug": f"trail-running-{number}"}

    @cached_property
    def site(self) -> str:
        return str(self.get("auth/sites/")["results"][0]["id"])

    @cached_property
    def sector(self) -> str:
        return str(self.get(f"auth/sectors/?site_id={self.site}")["results"][0]["id"])

    @property
    def place(self) -> Json:
        return {"site_id": self.site, "sector_id": self.sector}

    @cached_property
    def industry(self) -> str:
        return str(self.get("auth/industries/")["results"][0]["id"])

    @cached_property
    def industry_sector(self) -> str:
        """The one that the demo site's sector is aligned with."""
        return str(self.get(f"auth/sectors/{self.sector}/")["data"]["industry_sector"])

    @cached_property
    def task_id(self) -> str:
        ids = [self.new("planner/keywords") for _ in range(_BULK_KEYWORDS)]
        found = str(self.ask("POST", "planner/keywords/auto_cluster/", {**self.place, "ids": ids})["data"]["task_id"])
        self.work_off()
        return found

    def usage(self) -> str:
        assert self.task_id, "there is usage once AI has worked"
        return str(self.get("billing/usage/")["results"][0]["id"])

    def ai_call(self) -> str:
        assert self.task_id, "calls are kept once AI has worked"
        return str(self.get("system/ai-calls/")["data"]["calls"][0]["id"])

    def user(self) -> str:
        return self.made("auth/users/", {"email": self.email(), "password": password(), "role": "editor"})

    def email(self) -> str:
        return f"someone{next(self._numbers)}@demo.test"

    def new_site(self) -> str:
        return self.made("auth/sites/", self.named())

    def content(self) -> str:
        body = {"title": self.name(), "cluster": self.one("planner/clusters"), **KIND}
        return self.made("writer/content/", {**self.place, **body, "html": "<h2>Grip</h2><p>What to look for.</p>"})

    def prompt(self) -> str:
        for known in self.get("system/prompts/")["results"]:
            self.ask("DELETE", f"system/prompts/{known['id']}/")
        return self.made("system/prompts/", {"prompt_type": "auto_cluster", "prompt_value": "Name these clusters."})

    def run(self) -> str:
        """A run of a site of its own, since a site has one at a time."""
        site = self.new_site()
        self.made("auth/sectors/", {"site_id": site, **self.named()})
        return str(self.ask("POST", "automation/run_now/", {"site_id": site})["data"]["id"])


def decoded(body: bytes) -> Any:
    """JSON as what it means, anything else as it is."""
    try:
        return json.loads(body)
    except ValueError:
        return body
