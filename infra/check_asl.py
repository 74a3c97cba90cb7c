"""Checks infra/state_machine.asl.json: what AWS refuses but no simulator notices, and that it keeps to the subset all engines share.

Run as `python -m infra.check_asl`; npm's asl-validator is asked as well where npm exists (in CI it must).
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra import derive
from infra.derive import BuildError, Json
from infra.npm_tools import npm_tools

TYPES = frozenset({"Task", "Pass", "Choice", "Wait", "Succeed", "Fail", "Map"})
ENDS = frozenset({"Succeed", "Fail"})
LAMBDA = "arn:aws:states:::lambda:invoke"
TOKEN = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
# A heartbeat that stays away is States.Timeout in one engine and States.HeartbeatTimeout in another.
TIMEOUTS = frozenset({"States.Timeout", "States.HeartbeatTimeout"})
# Not in every engine we run on (docs/adr): JSONata with its variables, nested or distributed children, batched items.
NOT_PORTABLE = frozenset(
    {
        *("QueryLanguage", "Assign", "Arguments", "Output", "Items"),
        *("ItemBatcher", "ItemReader", "ResultWriter", "Label", "MaxConcurrencyPath", "Iterator"),
        *("ToleratedFailureCount", "ToleratedFailurePercentage", "ToleratedFailureCountPath", "ToleratedFailurePercentagePath"),
    }
)
RETRY_FIELDS = frozenset({"ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy", "Comment"})
SERVICE_ERROR = re.compile(r"(States|Lambda|Sandbox|Runtime|SQS|Sqs)\.[A-Za-z.]+")
MAX_BYTES = 1024 * 1024  # Source: AWS Step Functions quotas, maximum definition size


def problems(definition: Json, errors: frozenset[str]) -> list[str]:
    """Everything wrong with a definition, one sentence each. errors: names of our own errors that Retry and Catch may name."""
    found = list(_scope(definition, "top", errors))
    found += [f"{where}: {key} is outside the portable subset" for where, key, _ in _walk(definition) if key in NOT_PORTABLE]
    found += list(_paths(definition))
    if len(json.dumps(definition)) > MAX_BYTES:
        found.append("top: the definition is over 1 MB")
    return found


def _scope(machine: Json, where: str, errors: frozenset[str]) -> Iterator[str]:
    states: dict[str, Json] = machine.get("States", {})
    start = machine.get("StartAt")
    if start not in states:
        yield f"{where}: StartAt names {start!r}, which is no state"
        return
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        for target in _targets(states[name]):
            if target in states:
                waiting.append(target)
            else:
                yield f"{where}/{name}: leads to {target!r}, which is no state here"
    for name in states.keys() - reached:
        yield f"{where}/{name}: nothing leads here"
    if not any(states[name].get("End") or states[name].get("Type") in ENDS for name in reached):
        yield f"{where}: never ends"
    for name, state in states.items():
        yield from _state(state, f"{where}/{name}", errors)


def _targets(state: Json) -> Iterator[str]:
    for field in ("Next", "Default"):
        if field in state:
            yield state[field]
    for branch in (*state.get("Choices", ()), *state.get("Catch", ())):
        yield branch.get("Next")


def _state(state: Json, where: str, errors: frozenset[str]) -> Iterator[str]:
    kind = state.get("Type")
    if kind not in TYPES:
        yield f"{where}: type {kind!r} is outside the portable subset"
        return
    if kind == "Choice":
        if not state.get("Choices"):
            yield f"{where}: a Choice without choices"
        if "Default" not in state:
            yield f"{where}: a Choice without Default fails with States.NoChoiceMatched"
    elif kind not in ENDS and ("Next" in state) == bool(state.get("End")):
        yield f"{where}: needs either Next or End"
    if kind == "Task":
        yield from _task(state, where)
    if kind == "Map":
        yield from _map(state, where, errors)
    for field in ("Retry", "Catch"):
        yield from _handlers(state.get(field, []), f"{where}/{field}", errors)
    for retry in state.get("Retry", ()):
        for field in retry.keys() - RETRY_FIELDS:
            yield f"{where}/Retry: unknown field {field}"
        if retry.get("MaxAttempts", 3) and ("MaxDelaySeconds" not in retry or retry.get("JitterStrategy") != "FULL"):
            yield f"{where}/Retry: {retry.get('ErrorEquals')} wants MaxDelaySeconds and JitterStrategy FULL"


def _task(state: Json, where: str) -> Iterator[str]:
    resource = state.get("Resource")
    if resource not in (LAMBDA, TOKEN) and not derive.PLACEHOLDER.fullmatch(str(resource)):
        yield f"{where}: resource {resource!r} is outside the portable subset"
    if resource == LAMBDA and not any(field in state for field in ("OutputPath", "ResultSelector", "ResultPath")):
        yield f"{where}: keep only the Payload (OutputPath, ResultSelector or ResultPath)"
    if resource == TOKEN:
        if "TimeoutSeconds" not in state:  # a Lambda ends by its own timeout; a token nobody answers does not
            yield f"{where}: a token without TimeoutSeconds may be waited for a year"
        if "$$.Task.Token" not in json.dumps(state.get("Parameters", {})):
            yield f"{where}: waits for a token it does not send ($$.Task.Token)"
        caught = {name for handler in state.get("Catch", ()) for name in handler.get("ErrorEquals", ())}
        if "States.ALL" not in caught and not caught >= TIMEOUTS:
            yield f"{where}: catch both {' and '.join(sorted(TIMEOUTS))}: engines differ in which one they raise"


def _map(state: Json, where: str, errors: frozenset[str]) -> Iterator[str]:
    processor = state.get("ItemProcessor")
    if not isinstance(processor, dict):
        yield f"{where}: a Map without ItemProcessor"
        return
    if processor.get("ProcessorConfig", {}).get("Mode", "INLINE") != "INLINE":
        yield f"{where}: only INLINE maps are portable"
    if not isinstance(state.get("MaxConcurrency"), int) or not 1 <= state["MaxConcurrency"] <= 40:
        yield f"{where}: MaxConcurrency must be 1-40 (an inline Map runs at most 40 at once)"
    yield from _scope(processor, where, errors)


def _handlers(handlers: list[Json], where: str, errors: frozenset[str]) -> Iterator[str]:
    for index, handler in enumerate(handlers):
        names = handler.get("ErrorEquals", [])
        if not names:
            yield f"{where}: without ErrorEquals"
        if "States.ALL" in names and (len(names) > 1 or index != len(handlers) - 1):
            yield f"{where}: States.ALL must stand alone and last"
        for name in names:
            if name not in errors and not SERVICE_ERROR.fullmatch(name):
                yield f"{where}: {name!r} is neither a service's error nor one of ours"


def _walk(value: Any, where: str = "") -> Iterator[tuple[str, str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield where or "top", key, inner
            # Parameters carry our own names, where Output or Items mean nothing special.
            if key not in ("Parameters", "ResultSelector", "ItemSelector", "Result"):
                yield from _walk(inner, f"{where}/{key}".removeprefix("/"))
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner, where)


def _paths(value: Any, where: str = "top") -> Iterator[str]:
    """`"x.$"` must hold a path or an intrinsic; a template's `"x": "$.y"` is the text `$.y`, which nobody means."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key.endswith(".$") and not (isinstance(inner, str) and inner.startswith(("$", "States."))):
                yield f"{where}: {key!r} wants a path or an intrinsic"
            if key in ("Parameters", "ResultSelector", "ItemSelector"):
                yield from _texts(inner, f"{where}/{key}")
            yield from _paths(inner, f"{where}/{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner, where)


def _texts(value: Any, where: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if not key.endswith(".$"):
                if isinstance(inner, str) and inner.startswith(("$.", "$$.")):
                    yield f"{where}: {key!r} is the text {inner!r}, not what is there; write {key + '.$'!r}"
                yield from _texts(inner, where)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, where)


def our_errors() -> frozenset[str]:
    """Names of all our errors that are loaded by now: Step Functions sees an exception's class name as the error's name."""
    from chalicelib.core.errors import AppError

    def below(kind: type[AppError]) -> Iterator[str]:
        yield kind.__name__
        for child in kind.__subclasses__():
            yield from below(child)

    return frozenset(below(AppError))


def validator(definition: Path, *, required: bool) -> str | None:
    """What npm's asl-validator says against the definition, None when nothing. Raises: BuildError when it is required and missing."""
    programs = npm_tools(required=required)
    if programs is None:
        return None
    # Placeholders are ARNs once deployed, so the validator's own check of ARNs is left out.
    done = subprocess.run(
        [str(programs / "asl-validator"), "--no-arn-check", "--json-path", str(definition)], capture_output=True, text=True, check=False
    )
    return f"{done.stdout}{done.stderr}" if done.returncode else None


def main() -> int:
    """Check the definition of this repository. Returns the exit status."""
    from infra.build import chalice_template

    definition = json.loads(derive.DEFINITION.read_text(encoding="utf-8"))
    try:
        app = chalice_template("dev")  # loads the app, and with it the errors that domains add to the tree
        found = problems(definition, our_errors())
        derive.pipeline(app, derive.resources(), derive.definition())  # every placeholder is a function or a queue
        refused = validator(derive.DEFINITION, required=bool(os.environ.get("CI")))
    except BuildError as problem:
        print(f"infra.check_asl: {problem}", file=sys.stderr)
        return 1
    for sentence in found:
        print(f"{derive.DEFINITION.name}: {sentence}", file=sys.stderr)
    if refused:
        print(f"asl-validator: {refused}", file=sys.stderr)
    print(f"{derive.DEFINITION.name}: {sum(key == 'Type' for _, key, _ in _walk(definition))} states, {len(found)} findings")
    return 1 if found or refused else 0


if __name__ == "__main__":
    sys.exit(main())
