"""What of runs is counted for the operator; docs/runbook.md says what each metric means and infra/resources/metrics.yaml who is told."""

from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.automation.run_record import Run
from chalicelib.core.ids import parse_stamp
from chalicelib.core.observability import count


def stage_completed(number: int, figures: Mapping[str, Any]) -> None:
    """figures: the stage's stored item. Its time runs from its first item, a pause in between included."""
    took = parse_stamp(figures["finished_at"]) - parse_stamp(figures["started_at"])
    count("StageSeconds", round(took.total_seconds(), 1), unit="Seconds", Stage=str(number))


def run_ended(run: Run, stages: Iterable[Mapping[str, Any]]) -> None:
    """A run has come to an end of whatever kind. stages: as shown."""
    count("RunsEnded", Status=run.status)
    if run.status == "failed":
        count("RunsFailed")
    count("RunCredits", sum(stage["credits"] for stage in stages))
