"""Work of each AI function on a fresh account, with the real adapters and real sockets, and what is measured of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib import ports
from chalicelib.adapters.openai_client import Patience
from chalicelib.adapters.openai_embeddings import OpenAIEmbedder
from chalicelib.adapters.openai_images import OpenAIImageModel
from chalicelib.adapters.openai_text import OpenAITextModel
from chalicelib.adapters.runware_images import RunwareImageModel
from chalicelib.adapters.safe_http import SafeHttp
from chalicelib.ai import registry
from chalicelib.ai.engine import Done, run
from chalicelib.billing.audit import audit_account
from chalicelib.billing.credits import Ledger
from chalicelib.billing.entries import Balance
from chalicelib.billing.holds import Hold
from chalicelib.core import deadline
from chalicelib.core.context import Context, Deps, ProviderChoice
from chalicelib.core.errors import AppError
from chalicelib.core.ids import random_id
from chalicelib.core.table import Item, Key, Table, Write
from tests.ai.faults.objects import Made
from tests.ai.faults.row import Row
from tests.ai.faults.wire import MAX_BYTES, Wire
from tests.ai.faults.works import Work
from tests.automation.pipeline import new_account
from tests.conftest import Place, make_site

HOUR = 3_600 + 60
BESIDE = ("#B", "#SJ")  # partitions that failing work may write to: the ledger, and what is derived from objects for comparing them
RUNWARE_KEY = "runware-bench-key"
GIVEN = 100  # credits of a new account
HTTP = SafeHttp(allow_loopback=True, max_bytes=MAX_BYTES)  # as the local stage's, but for the size


class Time:
    """A clock that only waiting moves. slept: the waits, in order."""

    def __init__(self) -> None:
        self.now, self.slept = 0.0, list[float]()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def patience(self) -> Patience:
        return Patience(sleep=self.sleep, monotonic=lambda: self.now, jitter=lambda: 1.0, left=deadline.seconds_left)


@dataclass
class Short:
    """A model that is given less time for a call than the engine gives it, so that a test need not wait for minutes."""

    inner: Any
    seconds: float

    @property
    def provider(self) -> str:
        return str(self.inner.provider)

    @property
    def model(self) -> str:
        return str(self.inner.model)

    def complete(self, request: ports.TextRequest) -> ports.TextAnswer:
        answer: ports.TextAnswer = self.inner.complete(replace(request, timeout_seconds=min(self.seconds, request.timeout_seconds)))
        return answer

    def draw(self, request: ports.ImageRequest) -> ports.ImageAnswer:
        answer: ports.ImageAnswer = self.inner.draw(replace(request, timeout_seconds=min(self.seconds, request.timeout_seconds)))
        return answer


def _key() -> str:
    return f"sk-bench-{random_id(20)}"


class Watched(Table):
    """A real table that keeps the keys of what it was asked to write, whether it came to be or not."""

    def __init__(self, inner: Table) -> None:
        super().__init__(inner.client, inner.name, sleep=lambda seconds: None)
        self.written: list[Key] = []

    def write(self, action: Write) -> Item | None:
        self.written.append(action.key)
        return super().write(action)

    def transact(self, actions: Sequence[Write]) -> None:
        if len(actions) > 1:
            self.written += [action.key for action in actions]
        super().transact(actions)


@dataclass
class Bench:
    """One account on the wire. patience_seconds: what a call may take at most, None for what the engine says; settings: of the
    deployment."""

    url: str
    wire: Wire
    base: Deps
    ctx: Context = field(init=False)
    place: Place = field(init=False)
    made: Made = field(init=False)
    table: Watched = field(init=False)
    left: Balance = field(init=False, repr=False)
    time: Time = field(default_factory=Time)
    patience_seconds: float | None = None
    image_provider: str = "openai"
    settings: dict[str, str] = field(default_factory=dict)
    key: str = field(default_factory=_key)
    ops: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.wire.clear()
        config = replace(
            self.base.config,
            ai_provider="openai",
            image_provider=self.image_provider,
            embedding_provider="openai",
            openai_api_key=self.key,
            openai_base_url=f"{self.url}/v1",
            runware_api_key=RUNWARE_KEY,
            **self.settings,
        )
        self.table = Watched(self.base.table)
        deps = replace(self.base, config=config, table=self.table, text=self.text, image=self.image, embedder=self.embedder)
        self.ctx = new_account(deps)
        self.place = make_site(self.ctx)[0]
        self.made = Made(self.ctx, self.place)
        self.grant(GIVEN)

    # -- the adapters, wired as `deps` wires them
    def _openai(self, choice: ProviderChoice) -> dict[str, Any]:
        return {
            "api_key": choice.api_key or self.key,
            "base_url": choice.base_url or f"{self.url}/v1",
            "http": HTTP,
            "patience": self.time.patience(),
        }

    def an_hour_later(self) -> None:
        """Another key, a provider that answers well, and the time gone by that a circuit breaker or a refused key waits for."""
        self.wire.heal()
        self.wire.asked.clear()
        self.later(HOUR)
        self.time, self.key, self.patience_seconds = Time(), _key(), None
        config = replace(self.ctx.deps.config, openai_api_key=self.key)
        self.ctx = replace(self.ctx, deps=replace(self.ctx.deps, config=config))

    def text(self, choice: ProviderChoice) -> Any:
        assert choice.provider == "openai", choice
        return self._short(OpenAITextModel(model=choice.model or "gpt-6-luna", **self._openai(choice)))

    def image(self, choice: ProviderChoice) -> Any:
        if choice.provider == "runware":
            url = f"{self.url}/runware"
            return self._short(
                RunwareImageModel(choice.api_key or RUNWARE_KEY, choice.model, url=url, http=HTTP, patience=self.time.patience())
            )
        assert choice.provider == "openai", choice
        return self._short(OpenAIImageModel(model=choice.model or "gpt-image-2", **self._openai(choice)))

    def embedder(self, choice: ProviderChoice) -> Any:
        assert choice.provider == "openai", choice
        return OpenAIEmbedder(timeout_seconds=self.patience_seconds or 60.0, **self._openai(choice))

    def _short(self, model: Any) -> Any:
        return model if self.patience_seconds is None else Short(model, self.patience_seconds)

    # -- money
    @property
    def ledger(self) -> Ledger:
        return Ledger(self.ctx.deps.table, self.ctx.tenant, self.ctx.deps.clock)

    def grant(self, credits: int) -> None:
        """Set the credits that are available."""
        if change := credits - self.credits:
            self.ledger.grant(f"set-{random_id(6)}", change, kind="adjustment")

    @property
    def credits(self) -> int:
        return self.ledger.balance().available

    @property
    def taken(self) -> int:
        """Credits charged since the account began, whatever is reserved (as a run does for all of its work)."""
        return GIVEN - self.ledger.balance().balance

    def sound(self) -> Balance:
        """The ledger adds up, and nothing is reserved. Returns the balance."""
        assert audit_account(self.ctx.deps.table, self.ctx.tenant, at_rest=True) == []
        balance = self.ledger.balance()
        assert balance.reserved == 0
        return balance

    # -- work
    def run(self, function: str, item: str, op: str = "") -> Done:
        """The engine's work for an item; each time the same operation, as a redelivered message is."""
        return run(self.ctx, registry.get(function), item, op=op or self.ops.setdefault(f"{function}.{item}", f"work.{random_id(8)}"))

    def files(self) -> list[str]:
        """Files of the account's objects; what was said to models is kept for an audit, whatever became of it."""
        return [name for name in self.ctx.deps.files.list(f"{self.ctx.tenant}/") if "/prompts/" not in name]

    # -- what a fault does
    def fails(self, work: Work, item: str) -> AppError:
        """The error of work that fails. Nothing is charged or left reserved, and nothing but the ledger was written to."""
        files = self.files()
        self.table.written.clear()
        try:
            done = self.run(work.function, item)
        except AppError as error:
            failure = error
        else:
            raise AssertionError(f"this should have failed: {done}")
        assert self.wire.mistakes == []
        written = [key for key in self.table.written if not key[0].endswith(BESIDE)]
        assert written == [], f"half of it is saved: {written}"
        assert self.files() == files
        self.left = self.sound()
        assert self.left.available == GIVEN
        assert failure.code == "upstream_unavailable" and failure.status == 503
        assert not any(key in failure.message for key in (self.key, RUNWARE_KEY, "sk-"))
        return failure

    def later(self, seconds: float) -> None:
        self.base.clock.forward(seconds)  # type: ignore[attr-defined]

    def hold(self, function: str, item: str) -> Hold:
        """The reservation of an item's work, which settled is its usage row."""
        return self.ledger.get(self.ops[f"{function}.{item}"])

    def works(self, work: Work, item: str) -> str:
        """The work's next delivery with a provider that answers well: saved, charged once, and not done again. Returns it in words."""
        credits = self.credits
        done = self.run(work.function, item)
        took = self.wire.calls()
        assert took >= 1 and done.skipped is None
        self.charged_once(work, item, credits)
        assert self.wire.calls() == took
        return f"{took} request{'s' if took > 1 else ''}, {credits} -> {self.credits}, {work.done}"

    def charged_once(self, work: Work, item: str, credits: int) -> None:
        """Since there were so many credits, the work was saved and charged, once, whatever is delivered again."""
        assert work.state(self.made) == work.done
        again = self.run(work.function, item)
        assert again.credits == work.credits
        assert self.sound().available == credits - work.credits

    def row(self, fault: str, work: Work, failure: AppError) -> Row:
        """The line of a failure that `fails` has measured."""
        state = work.state(self.made)
        assert state == work.waiting
        outcome = f"{type(failure).__name__}: {failure.message}"
        credits = f"{GIVEN} -> {self.left.available}, {self.left.reserved} held"
        return Row(fault, work.name, outcome, self.wire.calls(work.endpoint), credits, state)
