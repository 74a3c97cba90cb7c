"""What else can happen to a run, while Lambdas die or not: it is continued, paused, tried again, lost, redeployed or replayed.

What people ask for is an invocation that can die as any other; who gets no answer looks, and asks again.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.automation import control
from chalicelib.automation.run_record import ACTIVE
from chalicelib.automation.state_machine import definition
from chalicelib.core.errors import UpstreamRejected, UpstreamUnavailable
from tests.automation.accounts import Account
from tests.automation.chaos.judge import all_runs
from tests.automation.chaos.lives import STAGES
from tests.automation.chaos.small_world import SmallWorld
from tests.automation.faults import LambdaDied

Act = Callable[[SmallWorld, Account, str], None]  # with the run's id
When = Callable[[SmallWorld, Account, str], bool]


@dataclass(frozen=True)
class Step:
    """name: of the invocation by which people do it, "" for what nobody can die of. when: it happens then, at the latest when the run has
    come to rest."""

    name: str
    do: Act
    when: When = lambda world, account, run: False


@dataclass(frozen=True)
class Scenario:
    """options: of the run; settings: of the site; before: of the world; figures: the run's own figures come out as an undisturbed run's,
    whoever dies; stages: in which somebody dies, besides what is part of the run itself, and sample: in how many of their points."""

    name: str
    steps: tuple[Step, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    before: Callable[[SmallWorld], None] = lambda world: None
    figures: bool = True
    stages: Sequence[str] = STAGES
    sample: int = 12


def somebody_died(world: SmallWorld, account: Account, run: str) -> bool:
    return bool(world.lives.deaths)


def enters(state: str, executions: int = 1) -> When:
    """As soon as so many executions have come to this state."""
    return lambda world, account, run: world.machine.entered(state) >= executions


# -- what people do
def pause(world: SmallWorld, account: Account, run: str) -> None:
    if account.runs.get(run).status in ("created", "running"):
        control.pause(account.ctx, run)


def resume(world: SmallWorld, account: Account, run: str) -> None:
    if account.runs.get(run).status == "paused":
        control.resume(account.ctx, run)


def cancel(world: SmallWorld, account: Account, run: str) -> None:
    if account.runs.get(run).status in ACTIVE:
        control.cancel(account.ctx, run)


def retry(world: SmallWorld, account: Account, run: str) -> None:
    if account.runs.get(run).status not in ACTIVE and account.runs.failures(account.runs.get(run)):
        control.retry_failed(account.ctx, run)


def run_again(world: SmallWorld, account: Account, run: str) -> None:
    """Ask for another run, unless it is there since the last try."""
    if account.runs.holder(account.site) is None and all_runs(account) == [run]:
        control.start(account.ctx, account.site)


# -- what happens by itself
def half_an_hour(world: SmallWorld, account: Account, run: str) -> None:
    for _ in range(6):
        world.tick()


def lose(world: SmallWorld, account: Account, run: str) -> None:
    world.machine.lose()


def replay(world: SmallWorld, account: Account, run: str) -> None:
    """`make replay MOVE=1`."""
    for queue in ("images", "publish"):
        world.queues.redrive(queue)


def deploy(world: SmallWorld, account: Account, run: str) -> None:
    """New executions are of the present machine. The run's record is as older code wrote it."""
    world.machine.definition = definition()
    for part in world.client.tables["app"].values():
        for sk in [sk for sk, item in part.items() if item.get("kind") == {"S": "run"}]:
            part[sk] = {k: v for k, v in part[sk].items() if k not in ("recoveries", "events_max", "time_zone", "resumes_at", "paused_at")}


def older_machine(world: SmallWorld) -> None:
    """As versions before this one generated it: it did not name its execution, and waited an hour for an item of a queue."""
    older = copy.deepcopy(definition())
    states = older["States"]
    del states["Begin"]["Parameters"]["Payload"]["execution.$"]
    states["Prepare"]["Result"] = {"events": 20}
    for n in (6, 7):
        states[f"Each{n}"]["ItemProcessor"]["States"][f"Do{n}"]["TimeoutSeconds"] = 3600
    world.machine.definition = older


def two_failures(world: SmallWorld) -> None:
    world.script.at("text.generate_content", "no json", "no json")
    world.script.at("publish", UpstreamRejected("The site says no."))


def dead_letters(world: SmallWorld) -> None:
    """One article's pictures and one article's publishing fail at every delivery."""
    world.script.at("image", *[ZeroDivisionError("a bug")] * 5)
    world.script.at("publish", *[UpstreamUnavailable("The site does not answer.")] * 5)


def dying_every_time(world: SmallWorld) -> None:
    """One article's picture ends its worker at every delivery: nobody answers, the message ends in the dead letters."""
    world.script.at("image", *[LambdaDied("out of memory")] * 5)


SLOW = {"within_stage_delay_seconds": 600, "between_stage_delay_seconds": 600}
LATER = Step("", half_an_hour)
AGAIN, ANOTHER, REPLAY = Step("retry_failed", retry), Step("run_again", run_again), Step("", replay)
RESUME = Step("resume", resume)
SCENARIOS = (
    Scenario("continued in new executions", options={"events_max": 520}),
    Scenario("lost while it works", (Step("", lose, enters("Each4")), Step("", lose, enters("Each6")))),
    Scenario("lost while it waits", (Step("", lose, enters("Within2")), Step("", lose, enters("Between5"))), settings=SLOW),
    # resumed twice: a pause whose answer got lost may come into effect after the resumption, and is seen then
    Scenario("paused and resumed", (Step("pause", pause, enters("Each4")), RESUME, RESUME)),
    Scenario("failed and tried again", (AGAIN, AGAIN, AGAIN), before=two_failures, figures=False),
    Scenario("replayed from dead letters", (REPLAY, ANOTHER), before=dead_letters, figures=False),
    Scenario(
        "tried again and replayed", (AGAIN, Step("", replay, enters("Each6", 2)), AGAIN, ANOTHER), before=dying_every_time, figures=False
    ),
    Scenario("cancelled, then another", (Step("cancel", cancel, enters("Each4")), ANOTHER), figures=False),
    Scenario("paused at a death", (Step("pause", pause, somebody_died), RESUME, RESUME), sample=60),
    # not in stage 1: a clustering that is cut off between two clusters leaves too few keywords for another
    Scenario("cancelled at a death", (Step("cancel", cancel, somebody_died), ANOTHER, LATER), figures=False, stages=STAGES[1:], sample=60),
    Scenario("begun by an older version", (Step("", deploy, enters("Each2")), Step("", lose, enters("Each6"))), before=older_machine),
)
STRAIGHT = Scenario("undisturbed")
BY_NAME = {scenario.name: scenario for scenario in (STRAIGHT, *SCENARIOS)}
