"""What waits for a stage, and how much of its price it may take at most."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Waiting:
    """id: of the stage's item. units: the most it may be charged for, in units of the stage's price."""

    id: str
    units: int = 0
