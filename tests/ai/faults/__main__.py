"""`make faults`: runs the fault matrix and prints what became of each fault: outcome, requests, credits, state, and the next good try."""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from rich import box
from rich.console import Console
from rich.table import Table

from tests.ai.faults.row import ROW, Row

HERE = Path(__file__).parent
WIDTH = 260  # of a table that goes to a file
LONGEST = 90  # characters of an outcome


class Gathered:
    """A pytest plugin that takes in the lines which the tests report."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when == "call" and type(report) is pytest.TestReport:
            self.rows += [Row(**line) for name, line in report.user_properties if name == ROW]


def main() -> int:
    gathered = Gathered()
    failed = pytest.main([str(HERE), "-q", "-n", "0", "-p", "no:cacheprovider", "--no-header"], plugins=[gathered])
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    for work in dict.fromkeys(row.work for row in gathered.rows):
        rows = [row for row in gathered.rows if row.work == work]
        table = Table(title=f"{work}: {len(rows)} faults", title_justify="left", box=box.SIMPLE, pad_edge=False)
        for name in ("fault", "outcome", "calls", "credits", "state", "then"):
            table.add_column(name, justify="right" if name == "calls" else "left", overflow="fold")
        for row in rows:
            table.add_row(row.fault, _short(row.outcome), str(row.calls), row.credits, row.state, row.then)
        console.print(table)
    errors = Counter(kind for row in gathered.rows if (kind := row.outcome.partition(":")[0]).isidentifier() and ":" in row.outcome)
    told = ", ".join(f"{number} {kind}" for kind, number in errors.most_common())
    console.print(f"{len(gathered.rows)} rows: {told}, {len(gathered.rows) - errors.total()} told otherwise", soft_wrap=True)
    return int(failed)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


if __name__ == "__main__":
    sys.exit(main())
