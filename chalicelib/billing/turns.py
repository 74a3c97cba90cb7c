"""Taking turns: a step whose conditions decide is done again when another worker was first, after pauses that fit the crowd.

A pause is random between nothing and a window that doubles with every turn that was lost. However many want the same account's next
entry, the crowd thins out until about one of them tries in the time a transaction takes, and then they get through one after the
other; the window may grow beyond the pauses of two workers by far, since thousands take a minute in any case.

Source: AWS Architecture Blog, "Exponential backoff and jitter" (full jitter).
"""

import random
from collections.abc import Callable
from typing import TypeVar

from chalicelib.core.errors import AppError, TableBusy
from chalicelib.core.table import Item

TURNS = 40  # with these windows about four minutes, for which a reservation lasts in any case
BUSY_TRIES = 4  # how often the table may refuse or not answer; each time it has tried for seconds itself
FIRST_SECONDS, LONGEST_SECONDS = 0.005, 16.0
T = TypeVar("T")


class Moved(AppError):
    """Another worker wrote first: read again. Inside the ledger only."""


def moved(old: Item | None) -> Exception:
    return Moved()


def in_turn(step: Callable[[], T], sleep: Callable[[float], None]) -> T:
    """Do the step, again when another worker was first or the outcome is unknown: every step begins with what is there.

    Raises: TableBusy, with the outcome unknown; what else the step raises.
    """
    busy = 0
    for turn in range(TURNS):
        try:
            return step()
        except Moved:
            pass
        except TableBusy:
            busy += 1
            if busy == BUSY_TRIES:
                raise
        sleep(random.uniform(0, min(LONGEST_SECONDS, FIRST_SECONDS * 2**turn)))
    raise TableBusy("Too many operations of this account end at the same moment; try again.")
