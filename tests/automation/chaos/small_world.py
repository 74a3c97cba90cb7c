"""The whole pipeline in one thread without AWS: tables in memory, the generated state machine, queues, and a clock that jumps.

All that happens is decided by a seed: which branch goes on, which message is delivered, and where who dies. Hundreds of whole runs take
minutes, and each can be seen again.
"""

import json
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from chalicelib import deps as wiring
from chalicelib import ports
from chalicelib.adapters.offline_image import OfflineImageModel
from chalicelib.adapters.offline_text import OfflineTextModel
from chalicelib.automation import consumers, lambdas
from chalicelib.automation.state_machine import definition
from chalicelib.billing.lambdas import sweeper
from chalicelib.core.config import Config
from chalicelib.core.context import Deps
from chalicelib.core.cursor import Cursors
from tests.automation.chaos.lives import Lives, MortalFiles, MortalImages, MortalSite, MortalTable, MortalText, Stalled
from tests.automation.chaos.machine import Machine, StatesError
from tests.automation.chaos.memory_tables import MemoryClient
from tests.automation.chaos.queues import Queues
from tests.automation.faults import ByFirstWord, LambdaDied, Script, ScriptedImages, ScriptedSite, ScriptedText
from tests.fakes import MemoryFiles, MemoryUserPool, ReversibleSecrets

EPOCH = datetime(2026, 11, 20, 12, tzinfo=UTC)
STEPS_MAX = 20_000  # a run of the tests takes some hundreds
WORKERS = {"images": consumers.image_worker, "publish": consumers.publish_worker}
TICK = timedelta(minutes=5)  # how often the scheduler comes


class OfItself(OfflineTextModel):
    """The offline writer, told nothing of the site's other pages: what it writes does not depend on what was written first."""

    def complete(self, request: ports.TextRequest) -> ports.TextAnswer:
        facts = {**request.facts, **{name: [] for name in ("taken_titles", "taken_names", "links") if name in request.facts}}
        if request.function != "auto_cluster":
            return super().complete(replace(request, facts=facts))
        named = []
        for cluster in facts["clusters"]:
            answer = super().complete(replace(request, facts={**facts, "named": 0, "to_name": 1, "clusters": [{**cluster, "key": "c1"}]}))
            named += [{**one, "key": cluster["key"]} for one in json.loads(answer.text)["clusters"]]
        return replace(answer, text=json.dumps({"clusters": named}))


class Stamps(OfflineImageModel):
    """The offline pictures at a sixth of the size: their pixels prove nothing and take time."""

    def draw(self, request: ports.ImageRequest) -> ports.ImageAnswer:
        return super().draw(replace(request, width_px=request.width_px // 6, height_px=request.height_px // 6))


@dataclass
class JumpingClock:
    """A millisecond passes whenever somebody looks at it; all else is moved."""

    time: datetime = EPOCH

    def now(self) -> datetime:
        self.time += timedelta(milliseconds=1)
        return self.time

    def seconds(self) -> float:
        return round((self.time - EPOCH).total_seconds(), 3)

    def forward(self, **by: float) -> None:
        self.time += timedelta(**by)


@dataclass
class SmallWorld:
    """See the module. script: what models and publisher do; lives: where Lambdas die; dice: who goes on."""

    dice: random.Random
    client: MemoryClient = field(default_factory=MemoryClient)
    lives: Lives = field(default_factory=Lives)
    script: Script = field(default_factory=Script)
    clock: JumpingClock = field(default_factory=JumpingClock)
    definition: dict[str, Any] = field(default_factory=definition)
    table: Callable[[MortalTable], MortalTable] = lambda table: table  # puts another one in its place

    def __post_init__(self) -> None:
        self.queues = Queues(self.clock.seconds)
        self.lives.now = self.clock.seconds
        self.files = MemoryFiles()
        self.machine = Machine(self.definition, self.invoke, self.queues.send, self.clock.seconds)
        self.site = ScriptedSite(self.script)
        lives, pictures = self.lives, ScriptedImages(Stamps(), self.script)
        pictures._drawn = _DRAWN
        self.deps = Deps(
            config=Config(stage="local", cors_origins="https://app.test", throttle="off", ai_provider="offline"),
            table=self.table(MortalTable(self.client, "app", lives)),
            ops=MortalTable(self.client, "ops", lives),
            clock=self.clock,
            files=MortalFiles(self.files, lives),
            jobs=_Mortal(self.queues, lives, {"send", "again"}),
            workflow=_Mortal(self.machine, lives, {"start", "stop", "succeed", "fail"}),
            secrets=ReversibleSecrets(),
            user_pool=MemoryUserPool(),
            cursors=Cursors(b"the signing key of the tests"),
            text=lambda choice: MortalText(ScriptedText(OfItself(), self.script), lives),
            image=lambda choice: MortalImages(pictures, lives),
            embedder=lambda choice: ByFirstWord(),
            publisher=lambda tenant, name, connection: MortalSite(self.site, lives),
        )

    # -- invocations
    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        """A Lambda of the state machine. Raises: StatesError."""
        handler, event = getattr(lambdas, function), json.loads(json.dumps(event))
        try:
            return self.lives.live(function, event, lambda: json.loads(json.dumps(handler(event, _context(function)))))
        except Stalled:  # the connection to it broke
            raise StatesError("Lambda.Unknown") from None
        except LambdaDied as death:  # Source: AWS Lambda, Runtime.ExitError
            raise StatesError("Runtime.ExitError", json.dumps({"errorMessage": f"Runtime exited ({death})"})) from None
        except Exception as error:
            raise StatesError(type(error).__name__, json.dumps({"errorMessage": str(error)})) from error

    def _deliver(self, message: Any) -> None:
        worker = f"{message.queue.removesuffix('s')}_worker"
        work = lambda: self.queues.deliver(message, lambda event: WORKERS[message.queue](event, _context(worker)))  # noqa: E731
        try:
            self.lives.live(worker, json.loads(message.body), work)
        except Stalled:
            message.visible_at = self.clock.seconds()  # SQS delivers it twice
        except LambdaDied:
            return  # it comes again

    def tick(self) -> None:
        """The scheduler comes, and the sweeper of reservations, as they do every five minutes."""
        self.clock.time += TICK
        event = {"version": "0", "id": "tick", "detail-type": "Scheduled Event", "source": "aws.events", "account": "", "time": "",
                 "region": "", "resources": [], "detail": {}}  # fmt: skip
        for name, come in (("scheduler", lambdas.scheduler), ("sweeper", sweeper)):
            with suppress(LambdaDied, Stalled):
                self.lives.live(name, {}, lambda: come(event, _context(name)))  # noqa: B023 - called at once

    # -- going on
    def work(self, until: Callable[[], bool] = lambda: False) -> None:
        """Work everything off: executions, messages, and whatever waits for its time. The scheduler does not come. until: stop then."""
        for _ in range(STEPS_MAX):
            if until():
                return
            fibers, messages = self.machine.able(), self.queues.visible()
            if fibers or messages:
                chosen = self.dice.randrange(len(fibers) + len(messages))
                if chosen < len(fibers):
                    self.machine.advance(fibers[chosen])
                else:
                    self._deliver(messages[chosen - len(fibers)])
                continue
            times = [t for t in (self.machine.next_time(), self.queues.next_time()) if t is not None]
            if not times:
                return
            self.clock.time = EPOCH + timedelta(seconds=min(times))
        raise AssertionError(f"no rest after {STEPS_MAX} steps: {self.machine.running()}")


class _Mortal:
    """A port some of whose methods are effects."""

    def __init__(self, inner: Any, lives: Lives, effects: set[str]) -> None:
        self._inner, self._lives, self._effects = inner, lives, effects

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if name not in self._effects:
            return method
        return lambda *about, **more: self._lives.effect(name, lambda: method(*about, **more))


def _context(function: str) -> Any:
    return SimpleNamespace(function_name=function, aws_request_id=f"{function}-request")


_DRAWN: dict[tuple[int, int], ports.ImageAnswer] = {}  # one picture of each size, the same in every world of this process
_METRICS = "POWERTOOLS_METRICS_DISABLED"  # they would be printed, line by line


@contextmanager
def small_world(seed: int = 0, **about: Any) -> Iterator[SmallWorld]:
    """A new, empty one; one at a time in a process."""
    random.seed(seed)  # waits with jitter
    world, metrics = SmallWorld(random.Random(seed), **about), os.environ.get(_METRICS)
    os.environ[_METRICS] = "true"
    wiring.use(world.deps)
    try:
        yield world
    finally:
        wiring.use(None)
        os.environ.pop(_METRICS)
        if metrics is not None:
            os.environ[_METRICS] = metrics
