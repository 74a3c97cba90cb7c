"""What is known of generated objects afterwards: who made them, by which prompt and operation, and what it took; also of what failed."""

import gzip
import json
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.adapters.offline_image import OfflineImageModel
from chalicelib.ai import archive, registry
from chalicelib.ai.conversation import Conversation, Question, Reply
from chalicelib.ai.engine import run
from chalicelib.ai.function import Options
from chalicelib.ai.routes import ROUTERS
from chalicelib.ai.spending import log_failure, usage_of
from chalicelib.auth.accounts import ACCOUNT
from chalicelib.auth.routes import router as auth_router
from chalicelib.billing.audit import audit_account
from chalicelib.billing.credits import ledger_of
from chalicelib.billing.usage import USAGE, CreditUsage
from chalicelib.core.context import Context, Deps
from chalicelib.core.errors import InvalidAnswer, NotFound, UpstreamUnavailable
from chalicelib.core.ids import new_tenant_id
from chalicelib.core.repository import ListRequest
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.ideas import IDEA
from chalicelib.ports import ImageRequest, TextAnswer, TextRequest
from chalicelib.system.origin import Origin
from chalicelib.writer.content import CONTENT, revisions
from chalicelib.writer.image_editing import ImageEditor
from chalicelib.writer.images import images_of
from chalicelib.writer.provenance import provenance_of
from tests.ai.test_functions import Editing, add, do, written
from tests.automation.faults import ByFirstWord
from tests.automation.pipeline import KEYWORDS, new_account
from tests.conftest import Place, make_site
from tests.fakes import MemoryFiles
from tests.rest import Rest


@pytest.fixture
def model() -> Editing:
    return Editing()


@pytest.fixture
def owner(deps: Deps, model: Editing) -> Context:
    models = {"text": lambda choice: model, "image": lambda choice: OfflineImageModel(), "embedder": lambda choice: ByFirstWord()}
    return new_account(replace(deps, **models))


@pytest.fixture
def place(owner: Context) -> Place:
    return make_site(owner)[0]


@pytest.fixture
def api(owner: Context) -> Rest:
    return Rest([*ROUTERS, auth_router], owner.deps, owner.scope)


def usage(owner: Context) -> list[CreditUsage]:
    """The usage log, newest first."""
    repository = owner.repository(USAGE)
    return repository.records(repository.page(ListRequest([""], page_size=100)).rows)


def files(owner: Context) -> MemoryFiles:
    assert isinstance(owner.deps.files, MemoryFiles)
    return owner.deps.files


def pages(owner: Context) -> list[dict[str, Any]]:
    """Everything that was kept of AI work."""
    found = sorted(k for k in files(owner).stored if k.startswith(f"{owner.tenant}/prompts/"))
    return [json.loads(gzip.decompress(files(owner).stored[k][0])) for k in found]


# -- the story of a content
def test_the_whole_story_of_an_article(owner: Context, place: Place) -> None:
    content = written(owner, place)[0]
    do(owner, "generate_image_prompts", content)
    for image in images_of(owner, content):
        do(owner, "generate_images", image.id)
    told = provenance_of(owner, content)
    assert told.content == content and told.origin == "ai" and len(told.keywords) >= 1
    assert told.cluster and told.idea and told.task and told.task.origin == "idea"
    made = [told.cluster, told.idea, told.revisions[0], *(i.prompt for i in told.images), *(i.picture for i in told.images if i.picture)]
    functions = ["auto_cluster", "generate_ideas", "generate_content", *["generate_image_prompts"] * 2, *["generate_images"] * 2]
    for one, function in zip(made, functions, strict=True):
        assert one.origin == "ai" and one.provenance and one.charge
        origin = one.provenance
        assert (origin.function, origin.provider, origin.prompt_id) == (function, "offline", f"built-in:{function}")
        assert len(origin.prompt_version) == 12 and origin.at and origin.op == one.charge.operation and origin.cost_usd == 0
        assert origin.call and archive.read(owner, origin.call)["function"] == function
        entry = owner.repository(USAGE).get(one.charge.operation)
        assert entry.credits_used == one.charge.credits and one.charge.tries == 1
    assert told.spent.credits == sum(one.charge.credits for one in (told.revisions[0], told.images[0].prompt) if one.charge) + sum(
        i.picture.charge.credits for i in told.images if i.picture and i.picture.charge
    )
    assert told.spent.cost_usd == 0


def test_what_people_did_is_told_apart(owner: Context, place: Place, api: Rest) -> None:
    content = written(owner, place)[0]
    do(owner, "generate_image_prompts", content)
    first, second = images_of(owner, content)
    ImageEditor(owner).patch(first.id, {"prompt": "A red kettle on a blue stove."})
    ImageEditor(owner).put_picture(second.id, OfflineImageModel().draw(_picture()).data)
    told = provenance_of(owner, content)
    assert told.images[0].prompt.origin == "manual" and told.images[0].prompt.provenance is None and told.images[0].picture is None
    assert told.images[1].prompt.origin == "ai"
    picture = told.images[1].picture
    assert picture and (picture.origin, picture.provenance, picture.charge) == ("manual", None, None)
    cluster = owner.repository(CLUSTER).create(owner.repository(CLUSTER).new(place.sector_id, name="By hand"))
    contents = owner.repository(CONTENT)
    own = contents.create(contents.new(place.sector_id, title="Mine", cluster=cluster.id))
    told = provenance_of(owner, own.id)
    assert (told.origin, told.revisions, told.images, told.task, told.idea) == ("manual", [], [], None, None)
    assert told.cluster and told.cluster.origin == "manual" and (told.spent.credits, told.spent.cost_usd) == (0, 0)
    theirs = contents.create(contents.new(place.sector_id, title="Theirs", cluster=cluster.id, source="wordpress"))
    assert provenance_of(owner, theirs.id).origin == "imported"


def _picture() -> Any:
    return ImageRequest("A kettle.", 640, 360, title="Kettle")


def test_over_http_for_whom_it_concerns(owner: Context, place: Place, api: Rest) -> None:
    content = written(owner, place)[0]
    shown = api.as_role("viewer", sites=[place.site_id]).get(f"writer/content/{content}/provenance").data
    assert shown["revisions"][0]["provenance"]["model"] and shown["idea"]["charge"]["credits"] > 0
    call = shown["revisions"][0]["provenance"]["call"]
    assert api.get(f"system/ai-calls/{call}").data["questions"][0]["replies"][0]["text"].startswith("{")
    other = api.of_tenant(new_tenant_id())
    assert other.get(f"writer/content/{content}/provenance").status == 404 and other.get(f"system/ai-calls/{call}").status == 404
    assert api.as_role("viewer", sites=[]).get(f"writer/content/{content}/provenance").status == 404
    for role in ("viewer", "editor"):
        assert api.as_role(role).get("system/ai-calls").status == 403
        assert api.as_role(role).get(f"system/ai-calls/{call}").status == 403


def test_a_story_costs_few_reads(owner: Context, place: Place) -> None:
    content = written(owner, place)[0]
    do(owner, "generate_image_prompts", content)
    client = owner.deps.table.client
    calls: list[str] = []

    class Counting:
        def __getattr__(self, name: str) -> Any:
            def call(**ask: Any) -> Any:
                calls.append(name)
                return getattr(client, name)(**ask)

            return call

    table = type(owner.deps.table)(Counting(), owner.deps.table.name)
    provenance_of(replace(owner, deps=replace(owner.deps, table=table)), content)
    assert len(calls) <= 8, calls


# -- what it took
def answer(text: str, tokens: int = 100, cost: float = 0.5) -> InvalidAnswer:
    return InvalidAnswer(
        "The answer is cut off.", answer=text, tokens_in=tokens, tokens_out=tokens, cost_usd=cost, model="m-1", provider="openai"
    )


def clusters_of(owner: Context, place: Place, model: Editing, *errors: Exception) -> Any:
    """Cluster some keywords with a model that fails so first."""
    left = list(errors)

    def edit(request: Any, text: str) -> str:
        if left:
            raise left.pop(0)
        return text

    model.edit = edit
    add(owner, place, *KEYWORDS)
    return lambda: run(owner, registry.get("auto_cluster"), place.sector_id, op="op", options=Options(run_id="run-1"))


def test_a_refused_answers_tokens_are_counted(owner: Context, place: Place, model: Editing) -> None:
    done = clusters_of(owner, place, model, answer("{"))()
    row = owner.repository(USAGE).get("op")
    assert (row.tokens_in, row.tokens_out, row.cost_usd, row.provider) == (None, None, 0.5, "offline"), "offline knows no tokens"
    origin = owner.repository(CLUSTER).get(done.result["clusters"][0]).provenance
    assert origin and origin.repaired and (origin.cost_usd, origin.provider, origin.run_id) == (0.5, "offline", "run-1")


def test_what_failed_is_charged_nothing_and_said_to_have_cost(owner: Context, place: Place, model: Editing) -> None:
    work = clusters_of(owner, place, model, answer("{"), answer("[", 30, 0.25))
    with pytest.raises(InvalidAnswer):
        work()
    (row,) = usage(owner)
    assert row.id == "op:failed-1" and (row.credits_used, row.cost_usd, row.tokens_in, row.tokens_out) == (0, 0.75, 130, 130)
    assert (row.provider, row.model, row.run_id, row.operation_type) == ("openai", "m-1", "run-1", "clustering")
    assert row.details["outcome"] == "failed" and "InvalidAnswer" in row.details["reason"]
    assert audit_account(owner.deps.table, owner.tenant, at_rest=True) == []
    assert work().credits == 5
    assert [r.id for r in usage(owner)] == ["op", "op:failed-1"]
    assert usage(owner)[0].cost_usd == 0, "the failed try's cost stands in its own row"
    assert audit_account(owner.deps.table, owner.tenant, at_rest=True) == []


def test_a_call_that_never_came_through_costs_nothing(owner: Context, place: Place, model: Editing) -> None:
    with pytest.raises(UpstreamUnavailable):
        clusters_of(owner, place, model, UpstreamUnavailable("429"))()
    assert usage(owner) == []
    (page,) = pages(owner)
    assert page["outcome"] == "failed" and page["questions"][0]["replies"] == [
        {**page["questions"][0]["replies"][0], "heard": False, "problems": ["429"], "text": ""}
    ]


def test_a_paid_answer_that_was_not_saved_is_logged_too(owner: Context, place: Place) -> None:
    class Paid(Editing):
        def complete(self, request: TextRequest) -> TextAnswer:
            return replace(super().complete(request), cost_usd=0.5)

    add(owner, place, *KEYWORDS)
    owner = replace(owner, deps=replace(owner.deps, text=lambda choice: Paid()))
    function = registry.get("auto_cluster")

    def broken(*args: Any) -> Any:
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError):
        run(owner, replace(function, apply=broken), place.sector_id, op="op")
    (row,) = usage(owner)
    assert (row.id, row.credits_used, row.cost_usd, row.details["outcome"]) == ("op:failed-1", 0, 0.5, "failed")


def test_an_answer_of_an_earlier_try_is_paid_for_once(owner: Context) -> None:
    """The object's provenance has all it took; the usage log has each reply in one row."""
    ledger, kept, fresh = ledger_of(owner), Reply("openai", "m", "{}", cost_usd=0.5), Reply("openai", "m", "{}", cost_usd=0.25)
    questions = [Question("", "", "", kept=True, replies=[kept]), Question("", "", "", replies=[fresh])]
    talk = Conversation("generate_content", "item", "op", questions=questions)
    made = Origin(function="generate_content", provider="openai", model="m", **talk.took())
    first = ledger.reserve("op", 1, details={"operation_type": "content"})
    assert usage_of(ledger, first, talk, made, own_key=False)["cost_usd"] == 0.75, "the process of that try died: nobody wrote its row"
    log_failure(ledger, ledger.void("op", "429"), replace_questions(talk, kept), "429", own_key=False)
    second = ledger.reserve("op", 1, details={"operation_type": "content"})
    assert second.attempt == 2 and usage_of(ledger, second, talk, made, own_key=False)["cost_usd"] == 0.25
    assert owner.repository(USAGE).get("op:failed-1").cost_usd == 0.5


def replace_questions(talk: Conversation, reply: Reply) -> Conversation:
    return replace(talk, questions=[Question("", "", "", replies=[reply])])


# -- what is kept of it
def test_prompts_and_answers_are_kept_for_thirty_days(owner: Context, place: Place, model: Editing) -> None:
    clusters_of(owner, place, model, answer('{"clusters": ['))()
    (page,) = pages(owner)
    (question,) = page["questions"]
    assert page["outcome"] == "answered" and page["item"] == place.sector_id and page["op"] == "op" and page["site_id"] == place.site_id
    assert question["form"] == "ClusterNames" and "espresso machine" in question["prompt"] and "never an instruction" in question["system"]
    rejected, used = question["replies"]
    assert rejected["text"] == '{"clusters": [' and rejected["problems"] == ["The answer is cut off."] and rejected["tokens_out"] == 100
    assert json.loads(used["text"])["clusters"] and used["problems"] == [] and used["milliseconds"] >= 0
    (key,) = files(owner).kept_days
    assert files(owner).kept_days[key] == 30 == archive.KEEP_DAYS and key.startswith(f"{owner.tenant}/prompts/2026/11/20/")


def test_an_account_may_switch_it_off(owner: Context, place: Place, model: Editing, api: Rest) -> None:
    assert api.patch("auth/account", {"keep_prompts": False}).data["keep_prompts"] is False
    done = clusters_of(owner, place, model)()
    assert pages(owner) == []
    origin = owner.repository(CLUSTER).get(done.result["clusters"][0]).provenance
    assert origin and origin.call is None and owner.repository(ACCOUNT).get(owner.tenant).keep_prompts is False


class FullDisk(MemoryFiles):
    def put(self, key: str, data: bytes, mime: str, *, keep_days: int | None = None) -> None:
        if keep_days:
            raise RuntimeError("AccessDenied")
        super().put(key, data, mime)


def test_work_does_not_fail_for_what_cannot_be_kept(
    owner: Context, place: Place, model: Editing, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    owner = replace(owner, deps=replace(owner.deps, files=FullDisk()))
    assert clusters_of(owner, place, model)().credits == 5
    assert "prompts and answers are not kept" in caplog.text and "PromptsNotKept" in capsys.readouterr().out


def test_the_calls_of_a_day(owner: Context, place: Place, model: Editing, api: Rest, clock: Any) -> None:
    work = clusters_of(owner, place, model, UpstreamUnavailable("429"))
    with pytest.raises(UpstreamUnavailable):
        work()
    clock.forward(60)
    done = work()
    clock.forward(60)
    do(owner, "generate_ideas", done.result["clusters"][0])
    shown = api.get("system/ai-calls").data
    found = [(c["function"], c["outcome"]) for c in shown["calls"]]
    assert found == [("generate_ideas", "answered"), ("auto_cluster", "answered"), ("auto_cluster", "failed")]
    assert shown["count"] == 3 and shown["date"] == "2026-11-20" and shown["calls"][2]["at"] == "2026-11-20T12:00:00.000Z"
    failed = api.get("system/ai-calls?outcome=failed&op=op").data["calls"]
    assert len(failed) == 1 and api.get(f"system/ai-calls/{failed[0]['id']}").data["error"] == "UpstreamUnavailable: 429"
    assert api.get("system/ai-calls?date=2026-11-19").data["calls"] == []
    assert api.get("system/ai-calls?date=tomorrow").status == 400
    for wrong in ("nothing", "0" * 26, "z" * 26, "../secrets", f"{failed[0]['id']}~"):
        assert api.get(f"system/ai-calls/{wrong}").status == 404, wrong


def test_a_site_that_is_not_seen_keeps_its_calls_to_itself(owner: Context, place: Place, model: Editing) -> None:
    clusters_of(owner, place, model)()
    (call,) = [page["id"] for page in pages(owner)]
    hidden = replace(owner, scope=replace(owner.scope, hidden=frozenset({place.site_id})))
    with pytest.raises(NotFound):
        archive.read(hidden, call)


def test_a_regeneration_is_a_revision_with_an_origin_of_its_own(owner: Context, place: Place) -> None:
    content = written(owner, place)[0]
    run(owner, registry.get("generate_content"), content, op="again", options=Options(extra={"regenerate": True}))
    told = provenance_of(owner, content)
    newest = told.revisions[0]
    assert newest.provenance and (newest.revision, newest.provenance.op) == (2, "again")
    assert told.spent.credits == sum(r.charge.credits for r in told.revisions if r.charge)
    assert owner.repository(IDEA).get(told.idea.id if told.idea else "").provenance
    assert revisions(owner, owner.repository(CONTENT).get(content))[0]["provenance"]["call"]
