"""Every Lambda function at its work, on the stack as it is deployed: the platform's key from its secret, an account's own from KMS, files
and static pages in S3, a model and a WordPress on loopback. What the functions call meanwhile, their roles must allow."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
import requests

from chalicelib import deps as wiring
from chalicelib.adapters.platform_keys import KEEP_SECONDS, PlatformKeys
from chalicelib.ai import tasks
from chalicelib.auth.sites import Sectors, Sites
from chalicelib.automation import control
from chalicelib.automation.runs import RUN, Runs
from chalicelib.automation.schedule import save_config
from chalicelib.billing.audit import audit_account
from chalicelib.billing.credits import Ledger
from chalicelib.core.config import Config
from chalicelib.core.context import Context
from chalicelib.core.entity import Entity
from chalicelib.core.ids import random_id
from chalicelib.core.table import Query
from chalicelib.integration import drip, publish_requests, remote_jobs
from chalicelib.integration.connections import Connection, Connections
from chalicelib.planner import keyword_uploads
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.ideas import IDEA
from chalicelib.planner.keyword_identity import keyword_id
from chalicelib.planner.keywords import KEYWORD
from chalicelib.system import progress
from chalicelib.system.settings import Settings
from chalicelib.writer.content import CONTENT
from chalicelib.writer.images import images_of
from chalicelib.writer.tasks import queue_idea
from infra import catalogue, derive, granted, secret, uses
from infra.build import template
from infra.local.lambdas import invoker
from infra.local.pace import hurried
from infra.local.stack import LocalStack
from tests.adapters.fake_wordpress import FakeWordPress
from tests.adapters.scripted_server import Asked, LoopbackServer, Reply
from tests.ai.faults.wire import CHAT, IMAGES, Wire, said
from tests.automation.faults import MovableClock
from tests.automation.pipeline import FEW, new_account
from tests.e2e.openai_writer import slow_down
from tests.infra.contention import Contention, contended

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
        self.clock = MovableClock(real.clock)
        self.deps = replace(real, clock=self.clock)
        wiring.use(self.deps)

    def account(self, **connection: Any) -> "Account":
        """A new account with a site that publishes there, and keywords for one article."""
        ctx = new_account(self.deps)
        site = Sites(ctx).create({"name": "A Site", "slug": "a-site", "ideas_per_cluster": 1})
        sector = Sectors(ctx).create({"site_id": site.id, "name": "General", "slug": "general"})
        made = Connections(ctx).create({"site_id": site.id, "name": "Target", **connection})
        Ledger(ctx.deps.table, ctx.tenant, self.clock).grant("first", 5_000)
        save_config(ctx, site.id, {"publish_mode": "auto", "between_stage_delay_seconds": 0})
        account = Account(self, ctx, site.id, sector.id, made)
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

    def __init__(self, scene: Scene, ctx: Context, site: str, sector: str, connection: Connection) -> None:
        self.scene, self.ctx, self.site, self.sector, self.connection = scene, ctx, site, sector, connection

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

    def all_of(self, entity: Entity[Any]) -> list[Any]:
        """The sector's objects of a kind, in the order of their creation."""
        rows = self.ctx.deps.table.query_all(Query(f"{self.ctx.tenant}#{self.sector}#{entity.letter}", index="byC", hash_name="lp"))
        return [entity.from_item(row) for row in rows]

    def runs_of_site(self) -> list[Any]:
        rows = self.ctx.deps.table.query_all(Query(f"{self.ctx.tenant}#{self.site}#{RUN.letter}", index="byC", hash_name="lp"))
        return [RUN.from_item(row) for row in rows]

    def done(self, task: dict[str, Any]) -> dict[str, Any]:
        """A task, once the queues are worked off; it must have succeeded."""
        self.scene.settle()
        shown = progress.progress(self.ctx, task["task_id"])
        assert shown["state"] == "succeeded", shown
        return shown


def an_articles_worth() -> list[str]:
    """Five keywords of one new cluster."""
    subject = random_id(6)
    return [f"{subject} {kind}" for kind in ("machine", "beans", "grinder", "cups", "recipes")]


def _longer(answer: dict[str, Any]) -> dict[str, Any]:
    """An article whose text does not compress below what an item of the table takes."""
    if "html" in answer:
        words = " ".join(random_id(400) for _ in range(50))  # few, since their number is checked
        answer["html"] += f"<p>{words}.</p>"
    return answer


longer = said(_longer)


@pytest.fixture(scope="module")
def declared() -> dict[str, Any]:
    return template("local")


@pytest.fixture(scope="module")
def scene(declared: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with pytest.MonkeyPatch.context() as environment:
        if uses.wanted() is None:  # else the whole suite is being recorded, and this is part of it
            environment.setenv(uses.VARIABLE, str(tmp_path_factory.mktemp("calls")))
        wire, wordpress = Wire(), FakeWordPress()
        with LoopbackServer(wire) as model, LoopbackServer(wordpress) as site:
            wordpress.url = site.url
            settings = {"AI_PROVIDER": "openai", "OPENAI_BASE_URL": f"{model.url}/v1", "OPENAI_API_KEY": ""}
            with LocalStack(declared, environment=settings) as stack, hurried():
                arn = stack.stack.outputs[secret.OUTPUT]
                assert secret.store(boto3.client("secretsmanager"), arn, "openai", PLATFORMS_KEY) == ["openai"]
                wire.always(CHAT, longer)
                made = Scene(stack, model, wire, wordpress)
                catalogue.install(made.deps)
                try:
                    yield made
                finally:
                    wiring.use(None)


@pytest.fixture(scope="module")
def platforms(scene: Scene) -> Account:
    """An account that works with the platform's key and publishes static pages."""
    return scene.account(target="static")


@pytest.fixture(scope="module")
def own(scene: Scene) -> Account:
    """An account with its own key, also for pictures, and a WordPress."""
    wordpress = scene.wordpress
    login = {"url": wordpress.url, "username": wordpress.user, "app_password": wordpress.password}
    account = scene.account(target="wordpress", **login)
    body = {"is_active": True, "api_key": OWN_KEY, "base_url": f"{scene.model.url}/v1", "use_for_embeddings": True}
    Settings(account.ctx).save("openai", body)
    Settings(account.ctx).save("image_generation", {"is_active": True, "provider": "openai"})
    return account


def keys_used(wire: Wire) -> set[str]:
    return {asked.headers["authorization"].removeprefix("Bearer ") for found in wire.asked.values() for asked in found}


def test_a_run_with_the_platforms_key(scene: Scene, platforms: Account) -> None:
    run = platforms.run()
    assert (run["status"], run["reason"]) == ("completed", None), platforms.runs.logs(run["id"])
    (content,) = platforms.all_of(CONTENT)
    assert content.status == "published"
    assert keys_used(scene.wire) == {PLATFORMS_KEY}
    assert {endpoint for endpoint, asked in scene.wire.asked.items() if asked} == {"chat", "images", "embeddings"}
    pages = [key for key in scene.deps.files.list(f"{platforms.ctx.tenant}/sites/") if key.endswith(".html")]
    assert len(pages) == 2  # the article and the front page


def test_a_run_with_a_key_of_its_own(scene: Scene, own: Account) -> None:
    scene.wire.asked.clear()
    run = own.run()
    assert (run["status"], run["reason"]) == ("completed", None), own.runs.logs(run["id"])
    assert keys_used(scene.wire) == {OWN_KEY}
    assert [post["status"] for post in scene.wordpress.posts.values()] == ["publish"]


@pytest.mark.parametrize("whose", ["platforms", "own"])
def test_what_is_asked_for_by_hand(scene: Scene, whose: str, request: pytest.FixtureRequest) -> None:
    """The workers: clusters, ideas, an article and its pictures, each as a task."""
    account: Account = request.getfixturevalue(whose)
    ctx = account.ctx
    ids = account.want(*(text.replace("espresso", f"{whose} tea") for text in FEW))
    account.done(tasks.submit(ctx, "auto_cluster", [account.sector], ids=ids))
    account.done(tasks.submit(ctx, "generate_ideas", [account.all_of(CLUSTER)[-1].id]))
    task = queue_idea(ctx, account.all_of(IDEA)[-1].id)
    account.done(tasks.submit(ctx, "generate_content", [task.id]))
    content = account.all_of(CONTENT)[-1]
    assert content.task == task.id
    account.done(
        tasks.submit(ctx, "generate_content", [content.id], options={"regenerate": True, "section": "", "instructions": "Shorter."})
    )
    account.done(tasks.submit(ctx, "generate_image_prompts", [content.id]))
    pictures = [image.id for image in images_of(ctx, content.id)]
    account.done(tasks.submit(ctx, "generate_images", pictures))
    assert {image.status for image in images_of(ctx, content.id)} == {"generated"}


@pytest.mark.parametrize("contention", [Contention(transactions=2), Contention(conditions=True)], ids=["transactions", "conditions"])
@pytest.mark.parametrize("whose", ["platforms", "own"])
def test_a_run_among_others(scene: Scene, whose: str, contention: Contention, request: pytest.FixtureRequest) -> None:
    """Whatever another was first with: it is read again or tried again, and the books are right in the end."""
    account: Account = request.getfixturevalue(whose)
    account.want(*an_articles_worth())
    run = control.start(account.ctx, account.site)
    with contended(scene.deps.table.client, contention):
        scene.settle()
    shown = account.shown(run.id)
    assert shown["status"] == "completed", account.runs.logs(run.id)
    assert {function for function, _, _ in contention.met} >= {
        f"igny8-local-{name}" for name in ("RunControl", "Stage1", "Stage4", "Stage7")
    }
    assert audit_account(scene.deps.table, account.ctx.tenant, at_rest=True) == []


@pytest.mark.parametrize("asked_for", ["ClusterNames", "Ideas", "ArticleDraft", "ImagePrompts", "pictures"])
def test_a_run_whose_provider_stops_answering(scene: Scene, platforms: Account, asked_for: str) -> None:
    """It waits for the provider, and the scheduler has it go on."""

    def refuse(asked: Asked, good: Reply) -> Reply:
        form = asked.json().get("response_format", {}).get("json_schema", {}).get("name", "pictures")
        return slow_down() if form == asked_for else good

    platforms.want(*an_articles_worth())
    scene.wire.always(IMAGES if asked_for == "pictures" else CHAT, refuse)
    run = platforms.run()
    for line in reversed(platforms.runs.logs(run["id"])): print("LOG", line["stage"], line["level"], line["message"])
    assert (run["status"], run["reason"]) == ("paused", "provider"), platforms.runs.logs(run["id"])
    scene.wire.standing.clear()
    scene.wire.always(CHAT, longer)
    scene.pass_time(hours=1)
    assert platforms.shown(run["id"])["status"] == "completed", platforms.runs.logs(run["id"])


def test_a_keyword_file_by_an_upload(platforms: Account) -> None:
    ctx, rows = platforms.ctx, b"keyword,volume\nmoka pot,900\npour over kettle,300\n"
    place = keyword_uploads.open_upload(ctx, "keywords.csv", len(rows))
    assert requests.put(place["url"], data=rows, timeout=10).status_code == 200
    task = keyword_uploads.submit(ctx, place["upload_id"], platforms.site, platforms.sector, dry_run=False, mapping=None, tool=None)
    assert platforms.done(task)["result"]["created"] == 2


def test_published_again_later_and_taken_over_from_the_site(scene: Scene, own: Account) -> None:
    content = next(c for c in own.all_of(CONTENT) if c.status == "published")
    now = own.ctx.repository(CONTENT).get
    scene.wordpress.trash(int(content.external_id))
    own.done(remote_jobs.start_sync(own.ctx, own.connection))
    assert now(content.id).status == "draft"
    own.done(publish_requests.request(own.ctx, content.id))
    own.done(remote_jobs.start_import(own.ctx, own.connection, own.sector))
    scene.wordpress.trash(int(now(content.id).external_id))
    own.done(remote_jobs.start_sync(own.ctx, own.connection))
    drip.schedule(own.ctx, content.id, scene.clock.now() + timedelta(hours=1))
    scene.pass_time(hours=2)
    assert (now(content.id).status, now(content.id).sync_reason) == ("published", None)


def test_a_month_goes_by(scene: Scene, platforms: Account) -> None:
    """The schedules: a due automation, a run whose execution died, a dead worker's reservation, the month's credits, the audit."""
    ctx = platforms.ctx
    ledger = Ledger(ctx.deps.table, ctx.tenant, scene.clock)
    ledger.reserve(f"task.{random_id(8)}.a", 7, details={"operation_type": "idea"})
    about = {"sector_id": None, "trigger": "manual", "estimated_credits": 0, "time_zone": "UTC"}
    died = platforms.runs.begin(platforms.site, [platforms.sector], **about)
    arn = scene.deps.workflow.start(
        f"{ctx.tenant}-{died.id}-0", {"tenant": ctx.tenant, "run": "none", "site": platforms.site, "attempt": 0}
    )
    scene.deps.workflow.stop(arn, "the test ends it")
    scene.settle()
    platforms.runs.repository.patch(died.id, lambda run: {"execution": arn})
    before = ledger.balance()
    assert before.reserved == 7
    scene.pass_time(days=32)
    assert platforms.shown(died.id)["status"] == "completed"
    after = ledger.balance()
    assert after.reserved == 0 and after.available > before.available
    save_config(ctx, platforms.site, {"enabled": True, "frequency": "daily"})
    scene.pass_time(days=1)
    assert "scheduled" in {run.trigger for run in platforms.runs_of_site()}


def test_every_function_was_at_work_and_may_do_what_it_did(scene: Scene, declared: dict[str, Any]) -> None:
    assert scene.stack.recorder is not None
    seen = scene.stack.recorder.uses
    assert {use[0] for use in seen} == {*derive.functions(declared)} - {"APIHandler"}
    lacking = [line for line in granted.differences(granted.grants(declared), seen) if line.startswith("used and not granted")]
    assert lacking == []
