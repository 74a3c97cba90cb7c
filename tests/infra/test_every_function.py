"""Every Lambda function at its work, on the stack as it is deployed: the platform's key from its secret, an account's own from KMS, files
and static pages in S3, a model and a WordPress on loopback. What the functions call meanwhile, their roles must allow."""

import copy
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
import requests

from chalicelib import deps as wiring
from chalicelib.ai import tasks
from chalicelib.automation import control
from chalicelib.automation.run_record import left_key
from chalicelib.automation.runs import RUN
from chalicelib.automation.schedule import save_config
from chalicelib.billing.audit import audit_account
from chalicelib.billing.credits import Ledger
from chalicelib.core.ids import random_id
from chalicelib.integration import drip, publish_requests, remote_jobs
from chalicelib.integration.slots import Slots
from chalicelib.planner import keyword_uploads
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.ideas import IDEA
from chalicelib.system import progress
from chalicelib.system.settings import Settings
from chalicelib.writer.content import CONTENT
from chalicelib.writer.images import images_of
from chalicelib.writer.tasks import queue_idea
from chalicelib.writer.taxonomies import TAXONOMY
from infra import catalogue, derive, granted, secret, uses
from infra.build import template
from infra.local.pace import hurried
from infra.local.stack import LocalStack
from tests.adapters.fake_wordpress import FakeWordPress
from tests.adapters.scripted_server import Asked, LoopbackServer, Reply
from tests.ai.faults.wire import CHAT, IMAGES, Wire
from tests.automation.pipeline import FEW
from tests.e2e.openai_writer import slow_down
from tests.infra.contention import Contention, contended
from tests.infra.scene import LONG, OWN_KEY, PLATFORMS_KEY, Account, Scene, an_articles_worth, long_text


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
                wire.always(CHAT, LONG)
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
    ids = account.want(*(text.replace("espresso", "tea") for text in FEW))
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


STAGES = tuple(f"Stage{n}" for n in range(1, 8))
CAPS = {"max_credits_per_run": 10_000, "max_credits_per_day": 10_000}


@pytest.mark.parametrize(
    ("whose", "contention", "config"),
    [
        ("platforms", Contention(transactions=2), CAPS),
        ("own", Contention(conditions=True), {}),
        ("own", Contention(lag=STAGES[1:]), {}),  # the first stage takes what the index shows
    ],
    ids=["transactions", "conditions", "lag"],
)
def test_a_run_among_others(
    scene: Scene, whose: str, contention: Contention, config: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    """Whatever another was first with: it is read again or tried again, and the books are right in the end."""
    account: Account = request.getfixturevalue(whose)
    save_config(account.ctx, account.site, config)
    Slots(account.ctx).put(account.site, {"enabled": whose == "own", "max_per_day": 50})
    account.want(*an_articles_worth())
    run = control.start(account.ctx, account.site, events_max=520)  # of which it needs several executions
    with contended(scene.deps.table.client, contention):
        scene.settle()
    shown = account.shown(run.id)
    assert shown["status"] == "completed" and account.runs.get(run.id).attempt > 1, account.runs.logs(run.id)
    met = {function.removeprefix("igny8-local-") for function, _, _ in contention.met}
    assert met >= {*STAGES[1:5]}
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
    assert (run["status"], run["reason"]) == ("paused", "provider"), platforms.runs.logs(run["id"])
    scene.wire.standing.clear()
    scene.wire.always(CHAT, LONG)
    scene.pass_time(hours=1)
    assert platforms.shown(run["id"])["status"] == "completed", platforms.runs.logs(run["id"])


def test_a_task_whose_provider_does_not_answer_is_delivered_again(scene: Scene, platforms: Account) -> None:
    ids = platforms.want(*an_articles_worth())
    scene.wire.always(CHAT, slow_down())
    task = tasks.submit(platforms.ctx, "auto_cluster", [platforms.sector], ids=ids)
    scene.settle()
    assert progress.progress(platforms.ctx, task["task_id"])["state"] not in progress.CLOSED
    scene.wire.always(CHAT, LONG)
    scene.clock.forward(hours=1)
    scene.stack.make_visible()
    platforms.done(task)


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
    # Its terms there have been made anew, so that each has another number, and it is given one that we know by now.
    scene.wordpress.terms = {n + 5_000: {**term, "id": n + 5_000} for n, term in scene.wordpress.terms.items()}
    own.done(remote_jobs.start_sync(own.ctx, own.connection))
    own.api("PATCH", f"writer/content/{content.id}/", {"taxonomy_terms": [own.all_of(TAXONOMY, own.site)[0].id]})
    own.done(publish_requests.request(own.ctx, content.id))
    foreign = copy.deepcopy(next(iter(scene.wordpress.posts.values()))) | {"id": 9001, "slug": "foreign", "meta": {}}
    foreign["content"]["raw"] = foreign["content"]["rendered"] = long_text()
    scene.wordpress.posts[9001] = foreign
    imported = own.done(remote_jobs.start_import(own.ctx, own.connection, own.sector))
    assert imported["result"]["imported"] == 1, imported
    publish_requests.unpublish(own.ctx, content.id)
    where = {"site_id": own.site, "sector_id": own.sector}
    kind = {"cluster": own.all_of(CLUSTER)[0].id, "content_type": "post", "content_structure": "guide"}
    html = long_text()
    by_hand = own.api("POST", "writer/content/", {**where, "title": "By hand", "html": html, **kind})
    assert own.api("GET", f"writer/content/{by_hand['id']}/")["html"] == html
    own.api("POST", "writer/content/bulk_update/", {"ids": [by_hand["id"]], "status": "review"})
    drip.schedule(own.ctx, by_hand["id"], scene.clock.now() + timedelta(hours=1))
    scene.pass_time(hours=2)
    assert now(by_hand["id"]).status == "published", now(by_hand["id"]).sync_reason


@pytest.mark.parametrize("whose", ["platforms", "own"])
def test_the_api_tries_providers_and_draws(whose: str, request: pytest.FixtureRequest) -> None:
    account: Account = request.getfixturevalue(whose)
    settings = "system/settings/integrations"
    assert {row["own_key"] for row in account.api("GET", "system/settings/providers/")} == {whose == "own"}
    assert account.api("POST", f"{settings}/image_generation/test_connection/")["ok"] is True
    drawn = account.api("POST", f"{settings}/image_generation/generate_image/", {"prompt": "A cup"})
    assert requests.get(drawn["url"], timeout=10).headers["content-type"] == drawn["mime"]


@pytest.mark.parametrize("whose", ["platforms", "own"])
def test_the_api_tries_where_it_publishes(whose: str, request: pytest.FixtureRequest) -> None:
    account: Account = request.getfixturevalue(whose)
    assert account.api("POST", f"integration/connections/{account.connection.id}/test_connection/")["ok"] is True


def cancelled_in_the_middle(scene: Scene, account: Account) -> tuple[str, str]:
    """A run that is cancelled while it has something in hand; where it is noted that what it left is to be looked at."""

    def cancel(asked: Asked, good: Reply) -> Reply:
        if (run := account.runs.holder(account.site)) is not None:
            control.cancel(account.ctx, run.id)
        return good

    scene.wire.always(CHAT, cancel)
    run = account.run()
    assert run["status"] == "cancelled"
    scene.wire.standing.clear()
    scene.wire.always(CHAT, LONG)
    return left_key(account.ctx, account.runs.get(run["id"]))


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
    platforms.want(*an_articles_worth())  # a run with work to do sets credits aside
    left = cancelled_in_the_middle(scene, platforms)
    assert scene.deps.ops.get(left) is not None
    scene.pass_time(days=1)
    assert scene.deps.ops.get(left) is None
    assert "scheduled" in {run.trigger for run in platforms.all_of(RUN, platforms.site)}


def test_every_function_was_at_work_and_may_do_what_it_did(scene: Scene, declared: dict[str, Any]) -> None:
    assert scene.stack.recorder is not None
    seen = scene.stack.recorder.uses
    assert {use[0] for use in seen} == {*derive.functions(declared)}
    lacking = [line for line in granted.differences(granted.grants(declared), seen) if line.startswith("used and not granted")]
    assert lacking == []
