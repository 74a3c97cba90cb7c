"""The parity table: what was asked of the second engine, how many tests, what passed, what was skipped and why."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

ROWS = {
    "test_blackbox": "the API, black box",
    "test_a_run_makes_articles_with_pictures_on_a_wordpress": "a run with images and publishing",
    "test_a_run_is_paused_in_the_middle_and_goes_on": "pause and resume in the middle of a run",
    "test_what_fails_for_good_is_a_dead_letter_and_is_replayed": "dead letters and make replay",
    "test_a_schedule_fires_and_starts_what_is_due_once": "a rule that fires, a run that starts once",
    "test_a_run_whose_functions_are_killed": "a run whose functions are killed",
    "test_policies_are_in_force": "policies in force",
    "test_bootstrap_makes_the_first_system_user": "make bootstrap",
    "test_every_function_ran_and_none_was_refused_anything": "every function ran, none was refused anything",
}


@dataclass
class Row:
    what: str
    tests: int = 0
    passed: int = 0
    seconds: float = 0.0
    skipped: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def rows(reports: Iterable[Path]) -> list[Row]:
    """From pytest's JUnit reports. A file that is missing has no tests."""
    found = {what: Row(what) for what in ROWS.values()}
    for report in reports:
        if not report.exists():
            continue
        for case in ElementTree.parse(report).getroot().iter("testcase"):
            name, file = str(case.get("name")), str(case.get("classname")).rpartition(".")[2]
            what = ROWS.get(name) or ROWS.get(file) or name
            row = found.setdefault(what, Row(what))
            row.tests += 1
            row.seconds += float(case.get("time") or 0)
            skipped, wrong = case.find("skipped"), case.find("failure") if case.find("error") is None else case.find("error")
            if wrong is not None:
                row.failed.append(name)
            elif skipped is not None:
                row.skipped.append(f"{name}: {skipped.get('message')}")
            else:
                row.passed += 1
    return list(found.values())


def table(found: list[Row]) -> str:
    """As text, the reasons below."""
    width = max(len(row.what) for row in found)
    lines = [f"{'what':<{width}}  tests  passed  skipped  failed  seconds"]
    for row in found:
        counts = f"{row.tests:>5}  {row.passed:>6}  {len(row.skipped):>7}  {len(row.failed):>6}  {row.seconds:>7.0f}"
        lines.append(f"{row.what:<{width}}  {counts}")
    lines += [f"skipped: {reason}" for row in found for reason in row.skipped]
    return "\n".join(lines + [f"FAILED: {name}" for row in found for name in row.failed])


def sound(found: list[Row]) -> bool:
    """Whether every row has tests and none failed."""
    return all(row.tests and not row.failed for row in found)
