"""A line of the table that `make faults` prints."""

from dataclasses import dataclass

ROW = "fault row"  # name of the property under which a test reports its line


@dataclass(frozen=True)
class Row:
    """A line of the table. credits: available before -> after, and reserved then; then: what a later good try came to."""

    fault: str
    work: str
    outcome: str
    calls: int
    credits: str
    state: str
    then: str = ""
