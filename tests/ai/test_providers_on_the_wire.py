"""Chains through the engine with real clients and sockets: what is asked of which server, what is stored, charged and read."""

import base64
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from chalicelib import deps as wiring
from chalicelib.ai.engine import run
from chalicelib.ai.function import AIFunction, Loaded, Outcome
from chalicelib.billing.audit import audit_account
from chalicelib.billing.credits import Ledger
from chalicelib.core.config import Config
from chalicelib.core.context import Context, Deps
from chalicelib.core.errors import UpstreamUnavailable
from chalicelib.core.table import Item, Key, Table
from chalicelib.ports import ImageRequest
from chalicelib.system.origin import Origin
from tests.adapters.scripted_server import Asked, LoopbackServer, Reply, api_error, json_reply
from tests.conftest import ContextFactory, make_site

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 20).decode()
OPENAI = json_reply({"created": 1, "data": [{"b64_json": PNG}]})
RUNWARE = json_reply({"data": [{"imageBase64Data": PNG, "cost": 0.002}]})
BUSY = api_error(503, None, "overloaded", Retry_After="1000")  # longer than a call may take: it is not asked again


@dataclass
class Drawing:
    """A function that draws one picture; what it stores is its provenance."""

    site_id: str
    stored: list[Origin] = field(default_factory=list)

    def function(self) -> AIFunction:
        return AIFunction("generate_images", "image", "image", None, self.load, self.apply)

    def load(self, ctx: Context, item: str, options: Any, embed: Any) -> Loaded:
        return Loaded({}, None, 1, self.site_id, ImageRequest("A bike", 1024, 1024, timeout_seconds=20))

    def apply(self, ctx: Context, loaded: Loaded, answer: Any, provenance: Origin) -> Outcome:
        self.stored.append(provenance)
        return Outcome([], 1, {"mime": answer.mime})


@dataclass
class Bench:
    ctx: Context
    openai: LoopbackServer
    runware: LoopbackServer
    drawing: Drawing
    ledger: Ledger

    def draw(self, op: str) -> int:
        """Credits that it took."""
        return run(self.ctx, self.drawing.function(), "item", op=op).credits

    def left(self) -> int:
        assert audit_account(self.ctx.deps.table, self.ctx.tenant, at_rest=True) == []
        balance = self.ledger.balance()
        assert balance.reserved == 0
        return balance.available


@contextmanager
def bench(ctx: ContextFactory, deps: Deps, openai: Any, runware: Any, **config: str) -> Iterator[Bench]:
    with ExitStack() as stack:
        servers = [stack.enter_context(LoopbackServer(script)) for script in (openai, runware)]
        context = ctx(deps=deps)
        chosen = Config(
            stage="local", ai_provider="openai", openai_api_key="sk-platform-0123456789", openai_base_url=servers[0].url,
            runware_api_key="rw-0123456789", runware_base_url=servers[1].url, **config,
        )  # fmt: skip
        context = ctx(deps=replace(deps, config=chosen, image=lambda choice: wiring.image_model(chosen, choice)))
        ledger = Ledger(deps.table, context.tenant, deps.clock, sleep=lambda seconds: None)
        ledger.open()
        ledger.grant("first", 100)
        yield Bench(context, servers[0], servers[1], Drawing(make_site(context)[0].site_id), ledger)


def test_an_outage_is_drawn_elsewhere_and_the_fourth_picture_does_not_ask_in_vain(ctx: ContextFactory, deps: Deps) -> None:
    with bench(ctx, deps, lambda asked: BUSY, lambda asked: RUNWARE, image_fallbacks="runware=flux") as it:
        assert [it.draw(f"op{n}") for n in range(4)] == [4] * 4 and it.left() == 84
        assert (len(it.openai.asked), len(it.runware.asked)) == (3, 4)
        stored = it.drawing.stored[-1]
        assert (stored.provider, stored.model, stored.cost_usd) == ("runware", "flux", 0.002)


def test_without_a_fallback_nothing_is_charged_and_it_is_said_until_when(ctx: ContextFactory, deps: Deps) -> None:
    with bench(ctx, deps, lambda asked: BUSY, []) as it:
        errors = []
        for n in range(4):
            with pytest.raises(UpstreamUnavailable) as caught:
                it.draw(f"op{n}")
            errors.append(caught.value)
        assert len(it.openai.asked) == 3 and it.left() == 100
        assert [error.extra.get("until") for error in errors] == [None, None, *["2026-11-20T12:16:40.000Z"] * 2]
        assert errors[0].retry_after_seconds == 1000, "for the queue to come back then"


def test_a_wrong_key_is_nobody_elses_to_answer(ctx: ContextFactory, deps: Deps) -> None:
    with bench(ctx, deps, lambda asked: api_error(401, "invalid_api_key", "no"), [], image_fallbacks="runware=flux") as it:
        for n in range(3):
            with pytest.raises(Exception, match="does not accept the API key"):
                it.draw(f"op{n}")
        assert (len(it.openai.asked), len(it.runware.asked), it.left()) == (1, 0, 100)


def test_a_premium_model_is_charged_as_one(ctx: ContextFactory, deps: Deps) -> None:
    def by_model(asked: Asked) -> Reply:
        return OPENAI if asked.json()["model"] == "grand-2" else api_error(404, "model_not_found", "The model is gone")

    premium = {"openai_image_model": "grand", "premium_image_models": "grand,grand-2", "image_fallbacks": "runware=flux,openai=grand-2"}
    with bench(ctx, deps, by_model, [], **premium) as it:
        assert it.draw("op") == 10 and it.left() == 90
        assert [asked.json()["model"] for asked in it.openai.asked] == ["grand", "grand-2"]
        assert it.drawing.stored[0].model == "grand-2"


class Counting(Table):
    """Counts what is read of a table."""

    def __init__(self, inner: Table) -> None:
        super().__init__(inner.client, inner.name, sleep=lambda seconds: None)
        self.keys: list[Key] = []

    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        self.keys.append(key)
        return super().get(key, consistent=consistent)

    def get_many(self, keys: Any, *, consistent: bool = True) -> dict[Key, Item]:
        listed = list(keys)
        self.keys += listed
        return super().get_many(listed, consistent=consistent)


def test_a_call_reads_the_settings_once_and_the_circuit_once(ctx: ContextFactory, deps: Deps) -> None:
    with bench(ctx, deps, lambda asked: OPENAI, []) as it:
        app, ops = Counting(deps.table), Counting(deps.ops)
        counted = replace(it, ctx=replace(it.ctx, deps=replace(it.ctx.deps, table=app, ops=ops)))
        counted.draw("op")
        assert sum(key[1] == "IN#openai" for key in app.keys) == 1
        assert [key[0] for key in ops.keys if "CIRCUITS" in key[0]] == ["G#CIRCUITS"]
