"""The deployed stack with everything real but AWS, for tests of its functions: accounts, runs, tasks, time that passes."""

import itertools
import json
import time
from dataclasses import replace
from typing import Any

import boto3

import app
from chalicelib import deps as wiring
from chalicelib.adapters.platform_keys import KEEP_SECONDS, PlatformKeys
from chalicelib.auth.onboarding import create_account
from chalicelib.auth.sites import Sectors, Sites
from chalicelib.automation import control
from chalicelib.automation.runs import Runs
from chalicelib.automation.schedule import save_config
from chalicelib.billing.credits import Ledger
from chalicelib.core.config import Config
from chalicelib.core.context import Context
from chalicelib.core.entity import Entity
from chalicelib.core.ids import random_id
from chalicelib.core.scope import Scope
from chalicelib.core.table import Query
from chalicelib.integration.connections import Connection, Connections
from chalicelib.planner.keyword_identity import keyword_id
from chalicelib.planner.keywords import KEYWORD
from chalicelib.system import progress
from infra.local.api_server import Gateway
from infra.local.lambdas import invoker
from infra.local.stack import LocalStack
from tests.adapters.fake_wordpress import FakeWordPress
from tests.adapters.scripted_server import LoopbackServer
from tests.ai.faults.wire import Wire, said
from tests.automation.faults import MovableClock
from tests.automation.pipeline import FEW

PASSWORD = "Demo-pass-1!"
PLATFORMS_KEY, OWN_KEY = "sk-platform-0123456789abcdef", "sk-account-0123456789abcdef"
LIMIT_SECONDS = 60


class Scene:
    """The stack, a clock that can be moved, and what is outside: a model and a WordPress."""

    def __init__(self, stack: LocalStack, model: LoopbackServer, wire: Wire, wordpress: FakeWordPress) -> None:
        self.stack, self.model, self.wire, self.wordpress = stack, model, wire, wordpress
        config = Config.from_env()
        # Each function is a process of its own in the cloud and reads the key by itself: here too, if it is never kept.
        reads = itertools.count(step=2 * KEEP_SECONDS)
        keys = PlatformKeys(lambda: boto3.client("secretsmanager"), config.provider_keys_arn, now=lambda: float(next(reads)))
        real = wiring.build(replace(config, provider_keys_arn="", stored_keys=keys))
        self.gateway, self.clock = Gateway(app.app), MovableClock(real.clock)
        self.deps = replace(real, clock=self.clock)
        wiring.use(self.deps)

    def account(self, **connection: Any) -> "Account":
        """A new account with a site that publishes there, and keywords for one article."""
        name = random_id(8)
        email = f"{name}@example.com"
        made_account, _ = create_account(
            self.deps, name=name, slug=f"a{name}", email=email, password=PASSWORD, status="active", plan="agency"
        )
        ctx = Context(Scope.worker(made_account.id), self.deps)
        site = Sites(ctx).create({"name": "A Site", "slug": "a-site", "ideas_per_cluster": 1})
        sector = Sectors(ctx).create({"site_id": site.id, "name": "General", "slug": "general"})
        made = Connections(ctx).create({"site_id": site.id, "name": "Target", **connection})
        Ledger(ctx.deps.table, ctx.tenant, self.clock).grant("first", 5_000)
        save_config(ctx, site.id, {"publish_mode": "auto", "between_stage_delay_seconds": 0})
        account = Account(self, ctx, site.id, sector.id, made, email)
        account.want(*FEW)
        return account

    def settle(self) -> None:
        """Work everything off: executions, invocations, and messages, also those whose next delivery would be due after a wait."""
        deadline, idle = time.monotonic() + LIMIT_SECONDS, 0
        while True:
            if self.stack.pollers.poll_once():
                idle = 0
                continue
            running = self.stack.running_executions()
            if not running and not invoker.running:
                return
            assert time.monotonic() < deadline, running
            idle += 1
            if idle % 50 == 0:  # nothing moves but an execution that waits for a message's next delivery
                self.stack.make_visible()
            time.sleep(0.01)

    def pass_time(self, **by: float) -> None:
        """So much time goes by, and every schedule that is due fires once."""
        self.clock.forward(**by)
        assert self.stack.tick(self.clock.now()) > 0
        self.settle()


class Account:
    """One tenant's site, its sector and its connection."""

    def __init__(self, scene: Scene, ctx: Context, site: str, sector: str, connection: Connection, email: str) -> None:
        self.scene, self.ctx, self.site, self.sector, self.connection, self.email = scene, ctx, site, sector, connection, email
        self._headers = {"content-type": "application/json"}

    def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """What the API answers to the account's owner; it must be a success."""
        if "authorization" not in self._headers and not path.startswith("auth/login"):
            signed_in = self.api("POST", "auth/login/", {"email": self.email, "password": PASSWORD})
            self._headers["authorization"] = f"Bearer {signed_in['access']}"
        sent = b"" if body is None else json.dumps(body).encode()
        status, _, answer = self.scene.gateway.call(method, f"/api/v1/{path}", dict(self._headers), sent)
        assert status < 300, (status, answer)
        return json.loads(answer)["data"]

    def want(self, *keywords: str) -> list[str]:
        """Add keywords. Returns their ids."""
        there = self.ctx.repository(KEYWORD)
        new = [there.new(self.sector, keyword_id(k, None, ""), keyword=k, volume_override=100, difficulty_override=10) for k in keywords]
        return [there.create(keyword).id for keyword in new]

    def run(self) -> dict[str, Any]:
        run = control.start(self.ctx, self.site)
        self.scene.settle()
        return self.shown(run.id)

    @property
    def runs(self) -> Runs:
        return Runs(self.ctx)

    def shown(self, run_id: str) -> dict[str, Any]:
        return self.runs.shown(self.runs.get(run_id))

    def all_of(self, entity: Entity[Any], owner: str = "") -> list[Any]:
        """The objects of a kind, in the order of their creation. owner: the site, for kinds that belong to it; default: the sector."""
        listed = f"{self.ctx.tenant}#{owner or self.sector}#{entity.letter}"
        rows = self.ctx.deps.table.query_all(Query(listed, index="byC", hash_name="lp"))
        return [entity.from_item(row) for row in rows]

    def done(self, task: dict[str, Any]) -> dict[str, Any]:
        """A task, once the queues are worked off; it must have succeeded."""
        self.scene.settle()
        shown = progress.progress(self.ctx, task["task_id"])
        assert shown["state"] == "succeeded", shown
        return shown


SUBJECTS = iter(("bicycle", "garden", "camera", "guitar", "kayak", "pottery", "chess", "violin", "tent", "sourdough", "telescope"))


def an_articles_worth() -> list[str]:
    """Five keywords of one cluster that no other subject's are near to (`Wire` has few directions for vectors)."""
    subject = next(SUBJECTS)
    return [f"{subject} {kind}" for kind in ("machine", "beans", "grinder", "cups", "recipes")]


def long_text() -> str:
    """What does not compress below what an item of the table takes, in few words, since their number is checked."""
    return "".join(f"<p>{random_id(400)}.</p>" for _ in range(50))


def _longer(answer: dict[str, Any]) -> dict[str, Any]:
    if "html" in answer:
        answer["html"] += long_text()
    return answer


LONG = said(_longer)
