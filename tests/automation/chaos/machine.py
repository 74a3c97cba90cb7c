"""The generated state machine without AWS: one thread, virtual time, and a dice that says who goes on.

An interpreter of the subset of Amazon States Language that `automation/state_machine.py` generates; any other field is refused. Branches
of a Map are fibers, of which one goes on at a time, up to its next state. `test_machine.py` holds its paths to moto's.
"""

import itertools
import json
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from typing import Any

Data = dict[str, Any]
Steps = Generator["Wait", Any, Any]
KNOWN = {
    "Task": {"Resource", "Parameters", "ResultSelector", "ResultPath", "Retry", "Catch", "Next", "End", "TimeoutSeconds"},
    "Pass": {"Result", "ResultPath", "Next"},
    "Choice": {"Choices", "Default"},
    "Map": {"ItemsPath", "ItemSelector", "ItemProcessor", "MaxConcurrency", "ResultPath", "Catch", "Next"},
    "Wait": {"SecondsPath", "Next"},
    "Succeed": set(),
    "Fail": {"Error", "Cause"},
}


class StatesError(Exception):
    """A state's failure, as Retry and Catch see it."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.error, self.cause = error, cause


@dataclass
class Wait:
    """What a fiber waits for: nothing but its turn, some seconds, an answer to a token, or the end of other fibers."""

    seconds: float | None = None
    token: str | None = None
    fibers: "list[Fiber]" = field(default_factory=list)
    at_once: int = 0


@dataclass
class Fiber:
    """Steps on their way. until: when it goes on by itself; parent: who waits for its end."""

    execution: "Execution"
    steps: Steps
    parent: "Fiber | None" = None
    ready: bool = True
    until: float | None = None
    token: str | None = None
    value: Any = None
    error: StatesError | None = None
    queued: "list[Fiber]" = field(default_factory=list)  # branches that have not begun
    open: int = 0  # branches that have not ended


@dataclass
class Execution:
    arn: str
    body: Data
    status: str = "RUNNING"
    path: list[str] = field(default_factory=list)


class Machine:
    """Executions of one definition, and the port by which the product reaches them.

    call: invokes a function by its name, and raises StatesError; send: puts a body into a queue; now: seconds.
    """

    def __init__(
        self, definition: Data, call: Callable[[str, Data], Any], send: Callable[[str, Data], None], now: Callable[[], float]
    ) -> None:
        self.definition, self._call, self._send, self._now = definition, call, send, now
        self.executions: dict[str, Execution] = {}
        self.fibers: list[Fiber] = []
        self._tokens = itertools.count(1)

    # -- the port
    def start(self, name: str, body: Data) -> str:
        arn = f"execution:{name}"
        if arn not in self.executions:
            execution = self.executions[arn] = Execution(arn, json.loads(json.dumps(body)))
            steps = self._states(execution, self.definition["States"], self.definition["StartAt"], execution.body)
            self.fibers.append(Fiber(execution, steps))
        return arn

    def stop(self, arn: str, cause: str) -> None:
        execution = self.executions.get(arn)
        if execution is not None and execution.status == "RUNNING":
            self._end(execution, "ABORTED")

    def status(self, arn: str) -> str:
        execution = self.executions.get(arn)
        return execution.status if execution else "UNKNOWN"

    def lose(self) -> None:
        """Every execution is gone and unknown, as when they were deleted, or when the embedded stack was killed."""
        self.executions, self.fibers = {}, []

    def entered(self, state: str) -> int:
        """How many executions have come to this state."""
        return sum(state in e.path for e in self.executions.values())

    def succeed(self, token: str, output: Data) -> None:
        self._answer(token, json.loads(json.dumps(output)), None)

    def fail(self, token: str, error: str, cause: str) -> None:
        self._answer(token, None, StatesError(error, cause))

    def _answer(self, token: str, value: Any, error: StatesError | None) -> None:
        for fiber in self.fibers:
            if fiber.token == token:
                fiber.ready, fiber.until, fiber.token, fiber.value, fiber.error = True, None, None, value, error

    # -- going on
    def able(self) -> list[Fiber]:
        """The fibers that can go on now."""
        now = self._now()
        return [f for f in self.fibers if f.ready or (f.until is not None and f.until <= now)]

    def next_time(self) -> float | None:
        """When the next fiber goes on by itself, if one does."""
        return min((f.until for f in self.fibers if f.until is not None and not f.ready), default=None)

    def running(self) -> list[str]:
        return [e.arn for e in self.executions.values() if e.status == "RUNNING"]

    def advance(self, fiber: Fiber) -> None:
        """Let one fiber go on up to its next state."""
        if fiber.token is not None:  # its time is over
            fiber.error = StatesError("States.Timeout")
        value, error = fiber.value, fiber.error
        fiber.ready, fiber.until, fiber.token, fiber.value, fiber.error = False, None, None, None, None
        try:
            wait = fiber.steps.throw(error) if error is not None else fiber.steps.send(value)
        except StopIteration as end:
            self._ended(fiber, end.value, None)
            return
        except StatesError as error:
            self._ended(fiber, None, error)
            return
        if fiber.execution.status != "RUNNING":
            return  # it stopped itself
        if wait.fibers:
            fiber.open, fiber.queued = len(wait.fibers), wait.fibers
            for branch in wait.fibers:
                branch.parent = fiber
            self._begin_branches(fiber, wait.at_once)
        elif wait.seconds is None:
            fiber.ready = True
        else:
            fiber.until, fiber.token = round(self._now() + wait.seconds, 3), wait.token  # the clock knows milliseconds

    def _begin_branches(self, parent: Fiber, count: int) -> None:
        beginning, parent.queued = parent.queued[:count], parent.queued[count:]
        self.fibers += beginning

    def _ended(self, fiber: Fiber, value: Any, error: StatesError | None) -> None:
        if fiber in self.fibers:
            self.fibers.remove(fiber)
        parent = fiber.parent
        if parent is None:
            self._end(fiber.execution, "SUCCEEDED" if error is None else "FAILED")
        elif error is not None:  # the Map fails, its other branches end
            self.fibers = [f for f in self.fibers if f.parent is not parent]
            parent.ready, parent.error, parent.queued = True, error, []
        else:
            parent.open -= 1
            self._begin_branches(parent, 1)
            parent.ready = parent.open == 0

    def _end(self, execution: Execution, status: str) -> None:
        execution.status = status
        self.fibers = [f for f in self.fibers if f.execution is not execution]

    # -- the language
    def _states(self, execution: Execution, states: Data, name: str, data: Data) -> Steps:
        while True:
            state, kind = states[name], states[name]["Type"]
            if unknown := state.keys() - KNOWN[kind] - {"Type"}:
                raise NotImplementedError(f"{name}: {sorted(unknown)}")
            execution.path.append(name)
            yield Wait()
            if kind == "Succeed":
                return data
            if kind == "Fail":
                raise StatesError(state["Error"], state["Cause"])
            if kind == "Choice":
                name = next((c["Next"] for c in state["Choices"] if _found(data, c["Variable"]) == c["StringEquals"]), state["Default"])
                continue
            if kind == "Wait":
                yield Wait(seconds=float(_found(data, state["SecondsPath"])))
            elif kind == "Pass":
                data = _placed(data, state["ResultPath"], state["Result"])
            else:
                caught = None
                try:
                    result = yield from (self._map if kind == "Map" else self._task)(execution, state, data)
                except StatesError as error:
                    caught = next((c for c in state.get("Catch", []) if _matches(c["ErrorEquals"], error)), None)
                    if caught is None:
                        raise
                    data, name = _placed(data, caught["ResultPath"], {"Error": error.error, "Cause": error.cause}), caught["Next"]
                    continue
                if "ResultSelector" in state:
                    result = _filled(state["ResultSelector"], result, {})
                data = _placed(data, state.get("ResultPath", "$"), result)
            if state.get("End"):
                return data
            name = state["Next"]

    def _task(self, execution: Execution, state: Data, data: Data) -> Steps:
        used = [0] * len(state.get("Retry", []))
        while True:
            try:
                if state["Resource"].endswith("lambda:invoke"):
                    asked = _filled(state["Parameters"], data, {"Execution": {"Id": execution.arn}})
                    return {"Payload": self._call(asked["FunctionName"].strip("${}"), asked["Payload"])}
                assert state["Resource"].endswith("sqs:sendMessage.waitForTaskToken"), state["Resource"]
                token = f"token-{next(self._tokens)}"
                asked = _filled(state["Parameters"], data, {"Task": {"Token": token}})
                waiting = Wait(seconds=float(state["TimeoutSeconds"]), token=token)
                self._send(asked["QueueUrl"].strip("${}").removesuffix("_queue_url"), asked["MessageBody"])
                return (yield waiting)
            except StatesError as error:
                at = next((n for n, r in enumerate(state.get("Retry", [])) if _matches(r["ErrorEquals"], error)), None)
                if at is None or used[at] >= state["Retry"][at]["MaxAttempts"]:
                    raise
                rule = state["Retry"][at]
                seconds = min(rule["MaxDelaySeconds"], rule["IntervalSeconds"] * rule["BackoffRate"] ** used[at])
                used[at] += 1
            yield Wait(seconds=seconds)

    def _map(self, execution: Execution, state: Data, data: Data) -> Steps:
        inside = state["ItemProcessor"]
        branches = []
        for item in _found(data, state["ItemsPath"]):
            own = _filled(state["ItemSelector"], data, {"Map": {"Item": {"Value": item}}})
            branches.append(Fiber(execution, self._states(execution, inside["States"], inside["StartAt"], own)))
        if branches:
            yield Wait(fibers=branches, at_once=state["MaxConcurrency"])
        return []


def _matches(names: Iterable[str], error: StatesError) -> bool:
    return "States.ALL" in names or error.error in names


def _found(data: Any, path: str) -> Any:
    for part in path.removeprefix("$").strip(".").split("."):
        data = data[part]
    return data


def _placed(data: Data, path: str | None, value: Any) -> Data:
    if path is None:
        return data
    if path == "$":
        return value  # type: ignore[no-any-return]
    top = path.removeprefix("$.")
    assert "." not in top, path
    return {**data, top: value}


def _filled(template: Any, data: Any, context: Data) -> Any:
    """A payload template with its paths filled in; `$$.` are of the context object."""
    if not isinstance(template, dict):
        return template
    out = {}
    for key, value in template.items():
        if key.endswith(".$"):
            out[key[:-2]] = _found(context, value[1:]) if value.startswith("$$.") else _found(data, value)
        else:
            out[key] = _filled(value, data, context)
    return out
