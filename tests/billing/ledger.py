"""`make ledger`: the ledger's properties for longer than the suite has time for, ten thousand operations at once, and the list of mutants.

EXAMPLES random histories (2,000), with SEED for the same ones again; AT_ONCE operations (10,000); MUTANT_EXAMPLES histories for each
mutant (300). What is printed is also in build/ledger.txt. Ends with 1 when a property fails or a mutant survives.
"""

import os
import random
import sys
import time
from pathlib import Path

from tests.billing.account_jobs import TABLE
from tests.billing.contention import storm
from tests.billing.histories import run_histories
from tests.billing.memory_dynamodb import MemoryDynamoDB
from tests.billing.mutants import MUTANTS, Death, Unfit, by_histories, by_orders_and_faults, properties
from tests.conftest import moto_tables

OUT = Path(__file__).parents[2] / "build" / "ledger.txt"
ON_MOTO = 50  # histories on moto, whose calls take a millisecond


def number(name: str, default: int) -> int:
    """A whole number from the environment."""
    return int(os.environ.get(name) or default)


class Report:
    """What is said, to the terminal and to the file."""

    def __init__(self) -> None:
        OUT.parent.mkdir(exist_ok=True)
        OUT.write_text("", encoding="utf-8")

    def __call__(self, line: str = "") -> None:
        print(line, flush=True)
        with OUT.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def search(say: Report, examples: int, seed: int) -> None:
    started = time.perf_counter()
    run_histories(MemoryDynamoDB(), examples, random_seed=seed)
    say(f"{examples:,} random histories (SEED={seed}) add up: {time.perf_counter() - started:.0f} s")
    started, tried = time.perf_counter(), 0
    for _, search_property in properties():
        tried += sum(1 for _ in search_property())
    say(f"{tried:,} orders of two workers' calls and faults at each call add up: {time.perf_counter() - started:.0f} s")
    started = time.perf_counter()
    with moto_tables() as tables:
        run_histories(tables.app.client, ON_MOTO, random_seed=seed)
    say(f"{ON_MOTO} random histories on moto add up: {time.perf_counter() - started:.0f} s")


def crowd(say: Report, at_once: int) -> None:
    say()
    for operations, share, about in ((at_once, 10, "credits for all"), (at_once // 10, 3, "credits for a part")):
        started = time.process_time()
        figures = storm(MemoryDynamoDB(), TABLE, "crowd", operations=operations, credits=operations * share)
        say(f"{about}: {figures} (exact; {time.process_time() - started:.0f} s of this machine's processor)")


def mutants(say: Report, examples: int) -> int:
    """Returns how many survived or no longer fit."""
    say()
    say(f"{'protection taken out':48} {'by random histories':26} {'by every order and fault':76} how")
    started, bad = time.perf_counter(), 0
    for mutant in MUTANTS:
        try:
            deaths = [by_histories(mutant, examples), by_orders_and_faults(mutant)]
        except Unfit as unfit:
            bad += 1
            say(f"{mutant.name:48} UNFIT {unfit}")
            continue
        survived = not any(d.by for d in deaths)
        bad += survived
        how = next((d.error for d in reversed(deaths) if d.error), "")
        say(f"{mutant.name:48} {_cell(deaths[0]):26} {_cell(deaths[1]):76} {'SURVIVED' if survived else how}")
    say(f"{len(MUTANTS)} mutants, {len(MUTANTS) - bad} killed: {time.perf_counter() - started:.0f} s")
    return bad


def _cell(death: Death) -> str:
    if not death.by:
        return f"not in {death.examples} ({death.seconds:.1f} s)"
    name = "" if death.by == "histories" else f"{death.by}, "
    return f"{name}no. {death.examples} ({death.seconds:.1f} s)"


def main() -> int:
    say, seed = Report(), number("SEED", random.randrange(10**9))
    search(say, number("EXAMPLES", 2000), seed)
    crowd(say, number("AT_ONCE", 10_000))
    bad = mutants(say, number("MUTANT_EXAMPLES", 300))
    say(f"written to {OUT.relative_to(OUT.parents[1])}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
