"""The pipeline with one stage's conditional write taken out at a time: some death, or some worker that was given up and wakes, shows it.

A mutant takes the conditions out of one kind of write before they reach the table: those of the transaction that saves a stage's work, or
of the one that records an item. Some of them the product doubles on purpose (the ledger's and the object's own); a mutant takes both.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from chalicelib.automation.run_record import STAGE_NAMES
from chalicelib.core.table import Item, Write
from tests.automation.chaos.lives import BEFORE, BETWEEN, MortalTable, Point
from tests.automation.chaos.runs import Beginning, Undisturbed, stalled

TRIES_MAX = 60  # runs in which a mutant must be found
GAPS = (5, 12, 30, 2, 0, 60)


@dataclass(frozen=True)
class Mutant:
    """stage: whose write it is; name: what is taken out; kind: work or record."""

    stage: int
    name: str
    kind: str

    def meant(self, actions: Sequence[Write]) -> bool:
        if self.kind == "record":
            return any("#RUN#" in a.key[0] and a.key[1].startswith(f"{self.stage}#") for a in actions)
        if self.stage == 3:
            return any((a.item or {}).get("kind") == "task" for a in actions)
        if self.stage == 7:
            return any(":until" in a.values and "#P#" in a.key[0] for a in actions)
        return any(a.key[1].startswith("H#run.") and a.key[1].split(".")[2] == str(self.stage) for a in actions)


def _work(stage: int) -> str:
    return {3: "the task is new, its idea too", 7: "the lease is free"}.get(stage, "the operation and its objects are as they were read")


MUTANTS = tuple(Mutant(n, f"{STAGE_NAMES[n]}: {_work(n)}", "work") for n in STAGE_NAMES) + tuple(
    Mutant(n, f"{STAGE_NAMES[n]}: an item is recorded once", "record") for n in STAGE_NAMES
)


class Unguarded(MortalTable):
    """A table that a mutant's conditions do not reach."""

    def __init__(self, inner: MortalTable, mutant: Mutant) -> None:
        super().__init__(inner.client, inner.name, inner.lives)
        self._mutant = mutant

    def write(self, action: Write) -> Item | None:
        return super().write(self._without([action])[0])

    def transact(self, actions: Sequence[Write]) -> None:
        super().transact(self._without(actions))

    def _without(self, actions: Sequence[Write]) -> list[Write]:
        if not self._mutant.meant(actions):
            return list(actions)
        return [_bare(a) for a in actions]


def _bare(action: Write) -> Write:
    """The write without its condition, and without the values that nothing else mentions."""
    if action.kind == "ConditionCheck":
        return action
    values = {k: v for k, v in action.values.items() if k in action.expression.replace(",", " ").split()}
    names = {k: v for k, v in action.names.items() if k in action.expression.replace(",", " ").split()}
    return replace(action, condition="", values=values, names=names)


@dataclass(frozen=True)
class Found:
    """by: who was given up where, '' if nothing was found; runs: how many it took; wrong: the first thing that was wrong."""

    by: str
    runs: int
    wrong: str = ""


def search(mutant: Mutant, start: Beginning, base: Undisturbed, tries: int = TRIES_MAX) -> Found:
    """Stall workers of the stage at every point until something is wrong at the end."""
    points = [p for p in base.points if p.part == str(mutant.stage) and p.place in (BEFORE, BETWEEN)]
    dice = random.Random(mutant.name)
    order = [(p, gap) for gap in GAPS for p in dice.sample(points, len(points))][:tries]
    for runs, (point, gap) in enumerate(order, 1):
        if wrong := _wrong(mutant, start, base, point, gap):
            return Found(f"{point.invocation}, step {point.step}, awake {gap} later", runs, wrong)
    return Found("", len(order))


def _wrong(mutant: Mutant, start: Beginning, base: Undisturbed, point: Point, gap: int) -> str:
    try:
        outcome = stalled(start, 0, point, gap, base.end, table=lambda table: Unguarded(table, mutant))
    except (AssertionError, KeyError) as error:  # what is left does not fit together any more
        return f"{type(error).__name__} {error}".splitlines()[0]
    return next(iter(outcome.verdict.lines()), "")
