"""Faults one after the other on the same piece of work, as redeliveries meet them, and then a good try."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import pytest

from chalicelib.core.errors import AppError, InvalidAnswer, Retryable
from tests.ai.faults.bench import Bench
from tests.ai.faults.catalogue import Case
from tests.ai.faults.row import Row
from tests.ai.faults.wire import CHAT
from tests.ai.faults.works import Work

LENGTH = 8  # faults that one piece of work meets
Chain = tuple[Work, tuple[Case, ...]]


def chains(works: Iterable[Work], cases: Sequence[Case]) -> list[Chain]:
    """The cases of each work in chains."""
    found = []
    for work in works:
        own = [case for case in cases if work in case.works]
        found += [(work, tuple(own[at : at + LENGTH])) for at in range(0, len(own), LENGTH)]
    return found


def named(found: Chain) -> str:
    work, cases = found
    return f"{work.name}: {cases[0].name} … {cases[-1].name}"


def meets(chain: Chain, bench: Bench, subtests: pytest.Subtests, line: Callable[[Row], None]) -> None:
    """Let the work meet each fault of the chain, and then be done: each fault leaves credits and objects as they were, and what is done
    in the end is saved and charged once."""
    work, cases = chain
    item, rows = work.setup(bench.made), list[Row]()
    for case in cases:
        with subtests.test(case.name):
            bench.an_hour_later()
            bench.patience_seconds = case.patience_seconds
            bench.wire.always(work.endpoint, case.fault)
            failure = bench.fails(work, item)
            as_it_should(case, work, bench, failure)
            rows.append(bench.row(case.name, work, failure))
    bench.an_hour_later()
    then = bench.works(work, item)
    for row in rows:
        line(replace(row, then=then))


def as_it_should(case: Case, work: Work, bench: Bench, failure: AppError) -> None:
    """The error, the requests and the waits between them are those of the case."""
    assert type(failure) is case.error, repr(failure)
    assert re.search(case.says, failure.message), failure.message
    repaired = case.error is InvalidAnswer and work.endpoint == CHAT
    calls = bench.wire.calls(work.endpoint)
    assert calls == case.calls * (2 if repaired else 1) and bench.wire.calls() == calls + work.before
    if repaired:
        turns = bench.wire.asked[CHAT][1].json()["messages"]
        assert [turn["role"] for turn in turns[-3:]] == ["user", "assistant", "user"] and re.search(case.says, turns[-1]["content"])
        assert "could not be used" in failure.message
    if case.waits is not None:
        assert tuple(bench.time.slept) == case.waits
    if isinstance(failure, Retryable):
        assert (failure.retry_after_seconds or 0) == pytest.approx(case.later or 0, abs=60)
