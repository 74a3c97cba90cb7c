"""While a stack is updated, today's code is called by yesterday's state machine, after a rollback by tomorrow's: runs end well either way.

`older_machines` keeps a definition from each time that what it sends or reads has changed; a release that cannot run under them any more
takes its file away and says so.
"""

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra import derive
from tests.automation.pipeline import FEW, World

OLDER = sorted((Path(__file__).parent / "older_machines").glob("*.asl.json"))
Json = dict[str, Any]


def leaves(value: Any, where: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*where, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*where, str(index)))
    elif isinstance(value, str):
        yield where, value


@contextmanager
def machine(world: World, definition: Json) -> Iterator[None]:
    """The stack's state machine has another definition, with the same functions and queues."""
    client, arn = boto3.client("stepfunctions"), world.stack.stack.physical_id("Pipeline")
    present = client.describe_state_machine(stateMachineArn=arn)["definition"]
    meant = dict(leaves(json.loads(present)))
    stand_for = {text: meant[where] for where, text in leaves(json.loads(derive.definition())) if derive.PLACEHOLDER.fullmatch(text)}
    text = json.dumps(definition)
    for placeholder, value in stand_for.items():
        text = text.replace(placeholder, value)
    assert not derive.placeholders(text), "it names what is not there any more"
    client.update_state_machine(stateMachineArn=arn, definition=text)
    try:
        yield
    finally:
        client.update_state_machine(stateMachineArn=arn, definition=present)


def sends_more(definition: Json) -> Json:
    """Tomorrow's machine: in every call a field that today's code does not know."""
    changed = copy.deepcopy(definition)

    def add(machine: Json) -> None:
        for state in machine["States"].values():
            if "ItemProcessor" in state:
                add(state["ItemProcessor"])
            elif state["Type"] == "Task":
                sent = state["Parameters"]
                sent["Payload" if "Payload" in sent else "MessageBody"]["since_tomorrow"] = {"some": ["thing"]}

    add(changed)
    return changed


DEFINITIONS = {path.name.partition(".")[0]: json.loads(path.read_text(encoding="utf-8")) for path in OLDER}
DEFINITIONS["tomorrow"] = sends_more(json.loads(derive.definition()))


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_run_under_another_definition(world: World, name: str) -> None:
    account = world.account(FEW)
    with machine(world, DEFINITIONS[name]):
        run = account.run()
    assert run["status"] == "completed", account.log(run["id"])
    account.sound()


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_run_that_was_begun_before_the_update(world: World, name: str) -> None:
    """Its execution keeps the definition it began with."""
    account = world.account(FEW)
    with machine(world, DEFINITIONS[name]):
        run = account.start()
    world.work()
    assert account.shown(run.id)["status"] == "completed", account.log(run.id)
    account.sound()
