"""An account of a test: its site with one sector, its keywords and runs, and what a test asks afterwards: the path an execution took,
what is in the table, and whether the ledger adds up. Of any world that works things off."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any, Protocol

import boto3

from chalicelib.auth.onboarding import create_account
from chalicelib.auth.sites import Sectors, Sites
from chalicelib.automation import control
from chalicelib.automation.runs import Run, Runs
from chalicelib.automation.schedule import save_config
from chalicelib.billing.audit import audit_account
from chalicelib.billing.credits import Ledger
from chalicelib.core.context import Context, Deps
from chalicelib.core.ids import random_id
from chalicelib.core.scope import Scope
from chalicelib.core.table import Query
from chalicelib.integration.connections import Connections
from chalicelib.planner.keyword_identity import keyword_id
from chalicelib.planner.keywords import KEYWORD
from chalicelib.writer.content import CONTENT, Content
from chalicelib.writer.images import IMAGE, Image
from tests.automation.faults import ScriptedSite

# Two clusters of four keywords: two ideas, two articles of two pictures each.
KEYWORDS = tuple(f"{kind} {thing}" for kind in ("espresso", "tea") for thing in ("machine", "leaves", "grinder", "cups"))
# One cluster of five, of which a site that wants one idea per cluster makes one article.
FEW = tuple(f"espresso {thing}" for thing in ("machine", "beans", "grinder", "cups", "recipes"))


def new_account(deps: Deps) -> Context:
    """The scope of a new active account's background work."""
    name = random_id(8)
    made, _ = create_account(
        deps, name=name, slug=f"a{name}", email=f"{name}@test.test", password="Demo-pass-1!", status="active", plan="agency"
    )
    return Context(Scope.worker(made.id), deps)


class AnyWorld(Protocol):
    """What an account needs of the world that it is in."""

    deps: Deps
    site: ScriptedSite

    def work(self) -> None: ...


def open_account(world: AnyWorld, keywords: tuple[str, ...] = KEYWORDS, *, credits: int = 5_000, **config: Any) -> "Account":
    """A new account with a site, a target to publish to and these keywords. config: automation settings; default: publish all."""
    ctx = new_account(world.deps)
    site = Sites(ctx).create({"name": "A Site", "slug": "a-site", "ideas_per_cluster": 1 if keywords == FEW else 3})
    sector = Sectors(ctx).create({"site_id": site.id, "name": "General", "slug": "general"})
    Connections(ctx).create({"site_id": site.id, "name": "Static site", "target": "static"})
    account = Account(world, ctx, site.id, sector.id)
    account.credit(credits)
    account.add(*keywords)
    account.configure(**{"publish_mode": "auto", "between_stage_delay_seconds": 0, **config})
    return account


@dataclass
class Account:
    """One tenant's site with one sector, and its runs."""

    world: AnyWorld
    ctx: Context
    site: str
    sector: str

    # -- before
    def add(self, *keywords: str) -> None:
        keys = self.ctx.repository(KEYWORD)
        for text in keywords:
            keys.create(keys.new(self.sector, keyword_id(text, None, ""), keyword=text, volume_override=100, difficulty_override=10))

    def configure(self, **settings: Any) -> None:
        save_config(self.ctx, self.site, settings)

    def credit(self, available: int) -> None:
        """Set the credits that are available, by an adjustment."""
        ledger = self.ledger
        if change := available - ledger.balance().available:
            ledger.grant(f"set-{random_id(6)}", change, kind="adjustment")

    # -- a run
    def start(self, **options: Any) -> Run:
        return control.start(self.ctx, self.site, **options)

    def run(self, **options: Any) -> dict[str, Any]:
        """Start a run and work until nothing moves. Returns it as shown."""
        run = self.start(**options)
        self.world.work()
        return self.shown(run.id)

    def shown(self, run_id: str) -> dict[str, Any]:
        return self.runs.shown(self.runs.get(run_id))

    @property
    def runs(self) -> Runs:
        return Runs(self.ctx)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.ctx.deps.table, self.ctx.tenant, self.ctx.deps.clock)

    # -- after
    def path(self, run_id: str, attempt: int = 1) -> list[str]:
        """Names of the states an execution of the run entered, in order."""
        return [e["stateEnteredEventDetails"]["name"] for e in self.history(run_id, attempt) if "stateEnteredEventDetails" in e]

    def history(self, run_id: str, attempt: int = 1) -> list[dict[str, Any]]:
        client, token, found = boto3.client("stepfunctions"), {}, []
        machine = self.ctx.deps.config.state_machine_arn.replace(":stateMachine:", ":execution:")
        for _ in range(100):
            page = client.get_execution_history(executionArn=f"{machine}:{self.ctx.tenant}-{run_id}-{attempt}", maxResults=1000, **token)
            found += page["events"]
            if "nextToken" not in page:
                return found
            token = {"nextToken": page["nextToken"]}
        raise AssertionError("a history of more than 100,000 events")

    def ended(self, run_id: str, attempt: int = 1) -> str:
        """How an execution of the run ended, for Step Functions."""
        return str(self.history(run_id, attempt)[-1]["type"])

    def log(self, run_id: str) -> list[str]:
        """The run's log, oldest first."""
        return [line["message"] for line in reversed(self.runs.logs(run_id))]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Every stored object of the account's sector of one kind: keyword, cluster, idea, task, content, image."""
        letter = {"keyword": "K", "cluster": "C", "idea": "I", "task": "T", "content": "P", "image": "M"}[kind]
        return self.ctx.deps.table.query_all(Query(f"{self.ctx.tenant}#{self.sector}#{letter}", index="byC", hash_name="lp"))

    def contents(self) -> list[Content]:
        return [CONTENT.from_item(i) for i in self.of("content")]

    def images(self) -> list[Image]:
        return [IMAGE.from_item(i) for i in self.of("image")]

    def published(self) -> list[str]:
        """Ids of the account's contents that are on the target, each as often as a post was created for it."""
        return [i for i in self.world.site.created if i in {c.id for c in self.contents()}]

    def sound(self, *, charged: int | None = None) -> None:
        """Whatever went wrong: the ledger adds up, nothing is reserved, nothing is there twice, and the runs' figures are what the
        ledger charged. charged: credits taken in all."""
        assert audit_account(self.ctx.deps.table, self.ctx.tenant, at_rest=True) == []
        assert self.ledger.balance().reserved == 0
        usage = Query(f"{self.ctx.tenant}#B", condition="begins_with(sk, :h)", values={":h": "H#"}, consistent=True)
        used: Counter[str] = Counter()
        for item in self.ctx.deps.table.query_all(usage):
            used[json.loads(item["facts"])["run_id"]] += item["used"]
        if charged is not None:
            assert sum(used.values()) == charged
        for run in self.runs.repository.under((f"{self.ctx.tenant}#{self.site}#R", "")):
            assert self.shown(run.id)["credits"] == used[run.id], (run.status, run.reason, self.log(run.id))
            used.pop(run.id, None)
        assert not +used, "charged for something of no run"
        ideas, tasks, contents, images = (self.of(kind) for kind in ("idea", "task", "content", "image"))
        assert all(n == 1 for n in Counter(t["idea"] for t in tasks).values())
        assert {t["idea"] for t in tasks} <= {i["id"] for i in ideas}
        assert all(n == 1 for n in Counter(c["task"] for c in contents).values())
        assert all(n == 1 for n in Counter((i["content"], i["image_type"], i["position"]) for i in images).values())
        assert all(n == 1 for n in Counter(i["primary_keyword"] for i in ideas).values())
        posts = self.published()
        assert len(posts) == len(set(posts))
        for content in self.contents():
            assert (content.status == "published") <= (content.id in posts)
            assert content.images_open == sum(i.status == "pending" for i in self.images() if i.content == content.id)
