"""`make test-llm`: the four text functions with a real model on this machine, through the real adapter, engine and ledger.

What the model says is nobody's choice: every try must end with objects in the table and their price charged, or with an error of ours
and no credit gone. Prints the figures; exits 1 when a promise is broken, or when the time was too short for what was to be done.
"""

import logging
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle

from chalicelib.ai import registry
from chalicelib.ai.engine import run
from chalicelib.core.errors import AppError, UpstreamUnavailable
from infra.build import template
from infra.local.stack import LocalStack
from tests.llm.figures import Figures, Measured, failures, new_figures, reason, table
from tests.llm.peer import LOG, Peer, Settings
from tests.llm.sound import Stored, wrong
from tests.llm.world import FUNCTIONS, World

CALLS = int(os.environ.get("CALLS", "200"))  # over all functions
OBJECTS = int(os.environ.get("OBJECTS", "20"))  # of each
BUDGET_SECONDS = float(os.environ.get("SECONDS_MAX", "1500"))
RESULTS = {"auto_cluster": "clusters", "generate_ideas": "ideas", "generate_content": "content", "generate_image_prompts": "images"}
TRIES = 3  # of one item, as often as the queue delivers a message before somebody looks at it
PAUSE_SECONDS = 5.0
BATCH = 10  # calls of one function in a row: the server remembers how a prompt begins
FIGURES, FAILURES = LOG.with_name("llm-figures.md"), LOG.with_name("llm-failures.log")
# A low temperature keeps a small model at its example; the context ends what runs away.
SERVER = Settings(context=2048, niceness=int(os.environ.get("NICE", "10")), sampling={"temp": 0.45})


@dataclass
class Course:
    """A run through the functions. made: objects saved so far; broken: promises that did not hold after a single try."""

    world: World
    figures: dict[str, Figures]
    ends: float
    made: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    @property
    def calls(self) -> int:
        return sum(f.calls for f in self.figures.values())

    @property
    def time_is_over(self) -> bool:
        return time.monotonic() > self.ends

    def go(self) -> None:
        """Each function until it has made enough of what the one before made; then all in turn until there were enough calls."""
        for function in FUNCTIONS:
            while self.made[function] < OBJECTS and not self.time_is_over:
                self.step(function)
        turns = cycle(FUNCTIONS)
        while self.calls < CALLS and not self.time_is_over:
            function, until = next(turns), self.calls + BATCH
            while self.calls < min(until, CALLS) and not self.time_is_over:
                self.step(function)

    def step(self, function: str) -> None:
        """One item of this function, or of the nearest one before it that has any: there are always more keywords."""
        for name in reversed(FUNCTIONS[: FUNCTIONS.index(function) + 1]):
            item = next(self.world.supply(name), None)
            if item is not None:
                self.work(name, item)
                return

    def work(self, function: str, item: str) -> None:
        """One item, tried as the queue would try it; what fails for good is put aside."""
        figures = self.figures[function]
        for _ in range(TRIES):
            before = self.world.ledger.balance()
            figures.tries += 1
            try:
                done = run(self.world.ctx, registry.get(function), item, op=f"{function}.{item}")
            except AppError as error:
                figures.failures[reason(error)] += 1
                with FAILURES.open("a", encoding="utf-8") as log:
                    log.write(f"{function} {item} {type(error).__name__}: {error.message}\n")
                after = self.world.ledger.balance()
                if (after.available, after.reserved) != (before.available, 0):
                    self.broken.append(f"{function} failed and left {after} of {before}: {error.message}")
                if isinstance(error, UpstreamUnavailable):
                    time.sleep(PAUSE_SECONDS)
                if self.time_is_over:
                    break
                continue
            after = self.world.ledger.balance()
            if (after.available, after.reserved) != (before.available - done.credits, 0):
                self.broken.append(f"{function} charged {done.credits} credits and left {after} of {before}")
            figures.done += done.skipped is None
            self.world.answered |= {k for rejected in done.result.get("rejected", ()) for k in rejected["keywords"]}
            made = done.result.get(RESULTS[function], [])
            self.made[function] += len(made) if isinstance(made, list) else 1
            return
        self.world.put_aside.add(item)


def main() -> int:
    logging.getLogger("igny8").setLevel(logging.ERROR)
    started, figures = time.monotonic(), new_figures()
    with LocalStack(template("local")), Peer(SERVER) as peer:
        FAILURES.write_text("", encoding="utf-8")
        world = World.make(Measured(peer.text_model(), figures))
        course = Course(world, figures, started + BUDGET_SECONDS)
        course.go()
        stored = Stored(world)
        for name, saved in stored.saved().items():
            figures[name].saved = saved
        found = [*course.broken, *wrong(world, stored)]
    lines = table(figures, FUNCTIONS)
    said = failures(figures, FUNCTIONS)
    FIGURES.write_text("\n".join([*lines, "", *(f"- {line}" for line in said), ""]), encoding="utf-8")
    print("\n".join([*lines, "", "Tries that saved nothing and cost nothing:", *(f"  {line}" for line in said)]))
    few = [f"{name} saved {figures[name].saved} objects of {OBJECTS}" for name in FUNCTIONS if figures[name].saved < OBJECTS]
    few += [f"{course.calls} calls of {CALLS}"] if course.calls < CALLS else []
    for line in [*(f"BROKEN: {one}" for one in found), *(f"too few: {one}" for one in few)]:
        print(line)
    print(f"{peer.settings.alias}, {peer.settings.threads} thread, {time.monotonic() - started:.0f} s; {len(found)} promises broken")
    return 1 if found or few else 0


if __name__ == "__main__":
    sys.exit(main())
