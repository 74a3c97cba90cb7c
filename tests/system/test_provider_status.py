"""What an account is told of its providers: who does what, what does not answer, and which models end, as their servers say."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from chalicelib.ai.breaker import through
from chalicelib.core.config import Config
from chalicelib.core.context import ProviderChoice
from chalicelib.core.errors import UpstreamRejected, UpstreamUnavailable, ValidationFailed
from chalicelib.ports import TextAnswer, TextRequest
from chalicelib.system.circuits import Circuits
from chalicelib.system.provider_choice import circuit_of, provider_for
from tests.fakes import FixedClock
from tests.rest import Rest

INTEGRATIONS, STATUS = "system/settings/integrations", "system/settings/providers"
KEY = "sk-canary-0123456789"
TEXT = ["auto_cluster", "generate_ideas", "generate_content", "generate_image_prompts"]


@dataclass
class Server:
    """An OpenAI that says which models it has. asked: whose lists and answers were wanted."""

    models: dict[str, str | None] = field(default_factory=lambda: {"gpt-6-luna": None, "gpt-4o": "2027-01-14"})
    fault: Exception | None = None
    asked: list[str] = field(default_factory=list)

    def __call__(self, choice: ProviderChoice) -> "_Model":
        if not choice.api_key:
            raise ValidationFailed.field("openai", "there is no API key.")
        return _Model(choice.provider, choice.model, self)


@dataclass
class _Model:
    provider: str
    model: str
    server: Server

    def complete(self, request: TextRequest) -> TextAnswer:
        self.server.asked.append(f"text {self.model}")
        if self.server.fault:
            raise self.server.fault
        return TextAnswer('{"word": "hello"}', self.model, self.provider)

    def offered(self, timeout_seconds: float) -> dict[str, str | None]:
        self.server.asked.append("models")
        assert timeout_seconds == 5.0
        if self.server.fault:
            raise self.server.fault
        return self.server.models


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def account(api: Rest, server: Server) -> Iterator[Rest]:
    """On a deployment that is OpenAI's for all, with models that end or are unheard of."""
    config = Config(stage="local", ai_provider="openai", throttle="off")
    yield Rest(api.routers, replace(api.deps, text=server, config=config), api.scope)


def save(account: Rest, integration: str, **fields: Any) -> None:
    reply = account.put(f"{INTEGRATIONS}/{integration}", fields)
    assert reply.status == 200, reply.body


def rows(account: Rest) -> dict[str, dict[str, Any]]:
    reply = account.get(STATUS)
    assert reply.status == 200, reply.body
    return {row["function"]: row for row in reply.data}


def test_each_work_has_its_row(account: Rest, server: Server) -> None:
    found = rows(account)
    assert list(found) == [*TEXT, "generate_images", "embeddings"]
    assert found["generate_images"] == {
        "function": "generate_images", "provider": "openai", "model": "gpt-image-2", "own_key": False, "premium": False, "fallbacks": [],
        "state": "closed", "until": None, "message": "", "warnings": [],
    }  # fmt: skip
    save(account, "openai", api_key=KEY, model="gpt-6-luna", models={"generate_content": "gpt-4o"}, fallback_models=["gpt-6-luna"])
    found = rows(account)
    assert [(found[name]["model"], found[name]["own_key"]) for name in (*TEXT, "embeddings")] == [
        ("gpt-6-luna", True), ("gpt-6-luna", True), ("gpt-4o", True), ("gpt-6-luna", True), ("text-embedding-3-small", False),
    ]  # fmt: skip
    assert found["generate_content"]["fallbacks"] == [{"provider": "openai", "model": "gpt-6-luna"}]
    assert KEY not in str(found)
    for role in ("viewer", "editor"):
        assert account.as_role(role).get(STATUS).status == 403


def test_models_that_end_are_told_of_as_their_server_says_and_asked_for_once_a_day(
    account: Rest, server: Server, clock: FixedClock
) -> None:
    save(account, "openai", api_key=KEY, model="gpt-4o", fallback_models=["gpt-6-luna", "unheard-of"])
    told = ["OpenAI ends the model gpt-4o on 2027-01-14.", "OpenAI does not list the model unheard-of."]
    assert rows(account)["generate_ideas"]["warnings"] == told and rows(account)["generate_images"]["warnings"] == []
    assert server.asked == ["models"]
    clock.forward(25 * 3600)
    server.models = {**server.models, "gpt-4o": "2026-11-20", "unheard-of": None}
    assert rows(account)["generate_ideas"]["warnings"] == ["OpenAI has ended the model gpt-4o on 2026-11-20."]
    assert server.asked == ["models"] * 2


@pytest.mark.parametrize("fault", [UpstreamUnavailable("503"), UpstreamRejected("It has no such list.")])
def test_a_server_that_cannot_say_so_is_asked_again_the_next_day(
    account: Rest, server: Server, clock: FixedClock, fault: Exception
) -> None:
    save(account, "openai", api_key=KEY, model="gpt-4o")
    assert len(rows(account)["generate_ideas"]["warnings"]) == 1
    clock.forward(25 * 3600)
    server.fault = fault
    assert rows(account)["generate_ideas"]["warnings"] == rows(account)["generate_ideas"]["warnings"] != [], "what it said before counts"
    assert server.asked == ["models"] * 2


def test_a_test_asks_anew_warns_and_closes_the_circuit(account: Rest, server: Server, clock: FixedClock) -> None:
    save(account, "openai", api_key=KEY, model="gpt-4o")
    refused = UpstreamRejected("The provider does not accept the API key.", reason="key_refused")

    def refuse() -> str:
        raise refused

    ctx = account.ctx
    circuit = circuit_of(ctx, provider_for(ctx, "text").links[0])
    assert circuit is not None
    with pytest.raises(UpstreamRejected):
        through(Circuits(ctx.deps.ops, clock), circuit, refuse)
    row = rows(account)["generate_ideas"]
    assert (row["state"], row["until"], row["message"]) == ("refused", "2026-11-20T12:01:00.000Z", refused.message)
    server.fault, server.asked = refused, []
    said = account.post(f"{INTEGRATIONS}/openai/test_connection").data
    assert (said["ok"], said["message"], server.asked) == (False, refused.message, ["text gpt-4o"]), (
        "a test asks, whatever the circuit says"
    )
    assert rows(account)["generate_ideas"]["state"] == "refused"
    server.fault = None
    said = account.post(f"{INTEGRATIONS}/openai/test_connection").data
    assert (said["ok"], said["warnings"]) == (True, ["OpenAI ends the model gpt-4o on 2027-01-14."])
    assert rows(account)["generate_ideas"]["state"] == "closed"


def test_an_outage_is_shown_until_it_is_over_and_saving_resets_it(account: Rest, server: Server, clock: FixedClock) -> None:
    save(account, "openai", api_key=KEY, model="gpt-6-luna", fallback_models=["gpt-4o"])
    ctx = account.ctx
    circuits, circuit = Circuits(ctx.deps.ops, clock), circuit_of(ctx, provider_for(ctx, "text").links[0])
    assert circuit is not None
    for _ in range(3):
        circuits.failed(circuit, probe=False)
    row = rows(account)["generate_ideas"]
    assert (row["state"], row["until"]) == ("open", "2026-11-20T12:01:00.000Z")
    assert row["message"] == "OpenAI (gpt-6-luna) has not answered since 2026-11-20T12:00:00.000Z."
    clock.forward(60)
    assert rows(account)["generate_ideas"]["state"] == "half_open" and rows(account)["generate_ideas"]["until"] is None
    save(account, "openai", model="gpt-6-luna")
    assert rows(account)["generate_ideas"]["state"] == "closed"


def test_a_platform_without_a_key_has_nobody_to_ask(account: Rest, server: Server) -> None:
    assert {row["state"] for row in rows(account).values()} == {"closed"} and server.asked == []
