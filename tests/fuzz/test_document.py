"""What is generated from the OpenAPI document gets an answer of the document: a bounded `make fuzz`."""

import logging
from collections.abc import Iterator

import pytest

from tests.fuzz.run import REACHED_MIN, Findings, explore, reach, running, schema
from tests.fuzz.targets import Targets

SECONDS = 10
SEED = 20261120


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Targets, str]]:
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    with running(tmp_path_factory.mktemp("fuzz")) as found:
        yield found
    logging.disable(level)


def described(found: Findings) -> str:
    return "\n".join(f"{operation}: {problem}\n{cases[0]}" for (operation, problem), cases in found.failures.items())


def test_nearly_every_operation_is_reached_and_answers_as_documented(served: tuple[Targets, str]) -> None:
    targets, url = served
    found = Findings(operations=len(targets.operations))
    reach(schema(targets, url), targets, found, quick=True)
    assert not found.failures, described(found)
    assert len(found.reached) >= REACHED_MIN * found.operations, set(found.answers) - set(found.reached)


def test_whatever_is_sent_there_is_no_5xx_and_no_answer_off_its_schema(served: tuple[Targets, str]) -> None:
    targets, url = served
    found = Findings()
    explore(schema(targets, url, phases=("fuzzing",), number=SEED, seconds=SECONDS), targets, found)
    assert not found.errors
    assert not found.failures, described(found)
    assert found.requests
    assert not {status for answers in found.answers.values() for status in answers if status >= 500}
