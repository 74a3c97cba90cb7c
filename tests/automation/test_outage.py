"""A provider's outage does not burn a run: once its circuit is open the run waits, its items untouched, and goes on by itself."""

import pytest

from chalicelib.automation.schedule import check_scheduled_automations
from chalicelib.core.errors import UpstreamRejected, UpstreamUnavailable
from chalicelib.core.ids import parse_stamp
from chalicelib.system.settings import Settings
from tests.automation.pipeline import Account, World

OUT = UpstreamUnavailable("The model's server does not answer at present (503).")


@pytest.fixture
def account(account: Account) -> Account:
    """With provider keys of its own, whose circuits are its own too."""
    Settings(account.ctx).save("openai", {"api_key": f"sk-{account.ctx.tenant}", "model": "gpt-6-luna"})
    Settings(account.ctx).save("image_generation", {"provider": "openai", "model": "gpt-image-2"})
    return account


@pytest.mark.parametrize(("call", "model"), [("text.generate_content", "gpt-6-luna"), ("image", "gpt-image-2")])
def test_a_run_waits_for_its_provider_and_goes_on(world: World, account: Account, call: str, model: str) -> None:
    world.script.always(call, OUT)
    run = account.run()
    assert (run["status"], run["reason"]) == ("paused", "provider")
    assert sum(stage["failed"] for stage in run["stages"]) == 0, "an item that nobody answered for has not failed"
    assert world.script.total(call) in (3, 4), "three calls are enough to know; another may be under way"
    told = next(line for line in account.log(run["id"]) if line.startswith("Paused:"))
    assert f"OpenAI ({model}) has not answered since" in told and "it is asked again at" in told
    assert parse_stamp(run["resumes_at"]) > world.clock.now()
    check_scheduled_automations(world.deps)
    assert account.shown(run["id"])["status"] == "paused", "not before"
    account.sound()

    world.script.clear()
    world.clock.forward(minutes=5)
    check_scheduled_automations(world.deps)
    world.work()
    run = account.shown(run["id"])
    assert (run["status"], sum(stage["failed"] for stage in run["stages"])) == ("completed", 0)
    assert len(account.published()) == len(account.contents()) == 2
    account.sound()


def test_a_key_that_is_refused_fails_its_items_and_is_not_sent_for_each_of_them(world: World, account: Account) -> None:
    refused = UpstreamRejected("The provider does not accept the API key.", reason="key_refused")
    world.script.always("text.generate_ideas", refused)
    run = account.run()
    assert (run["status"], run["stages"][1]["failed"]) == ("failed", 2)
    assert refused.message in run["reason"]
    account.sound()
