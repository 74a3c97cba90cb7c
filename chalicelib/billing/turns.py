"""Taking turns: a step whose conditions decide is done again when another worker was first, after pauses that fit the crowd.

A pause is random between nothing and a window that grows with the square of the turns lost. Two workers hardly wait for each other; a
crowd thins out until about one of them tries in the time a transaction takes, and then they get through one after the other.
Doubling the window, the usual rule, thins a crowd out as fast but then leaves the table idle: five hundred at once take 37 s of the
table's time instead of 14 (`tests/billing/contention.py`).

Source: AWS Architecture Blog, "Exponential backoff and jitter", for why a pause is drawn from the whole window.
"""

import random
from collections.abc import Callable
from typing import TypeVar

from chalicelib.core import deadline
from chalicelib.core.errors import AppError, TableBusy
from chalicelib.core.table import Item

TURNS = 80  # with these windows about seven minutes, for which a reservation lasts in any case
UNANSWERED = 4  # how often the table may not answer at all, each time for seconds
FIRST_SECONDS, LONGEST_SECONDS = 0.01, 16.0
T = TypeVar("T")


class Moved(AppError):
    """Another worker wrote first: read again. Inside the ledger only."""


def moved(old: Item | None) -> Exception:
    return Moved()


def in_turn(step: Callable[[], T], sleep: Callable[[float], None]) -> T:
    """Do the step, again when another worker was first or the outcome is unknown: every step begins with what is there.

    Raises: TableBusy, with the outcome unknown, at the latest when the Lambda's time is over; what else the step raises.
    """
    unanswered = 0
    for turn in range(TURNS):
        try:
            return step()
        except Moved:
            pass
        except TableBusy as error:
            unanswered += error.__cause__ is not None  # else it has answered that others are at it, or that it has too much to do
            if unanswered == UNANSWERED:
                raise
        pause, left = random.uniform(0, min(LONGEST_SECONDS, FIRST_SECONDS * (turn + 1) ** 2)), deadline.seconds_left()
        if left is not None and left <= pause:
            break
        sleep(pause)
    raise TableBusy("Too many operations of this account end at the same moment; try again.")
