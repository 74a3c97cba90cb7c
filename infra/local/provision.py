"""Creates what a SAM/CloudFormation template declares in moto, with boto3, in dependency order.

moto's own CloudFormation skips Cognito, secrets and more, so the resource types of our template are created here, by the
functions of `resources`. A type nobody taught it raises, so that the template and the local stack cannot drift apart silently.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from infra.local.template import ACCOUNT, REGION, Template, TemplateError


@dataclass
class Resource:
    """A created resource: what Ref answers (`physical_id`) and what Fn::GetAtt answers (`attributes`)."""

    logical_id: str
    type: str
    physical_id: str
    attributes: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        """What a call may know it by: name, id, address, ARN."""
        return {self.physical_id, *(str(v) for v in self.attributes.values())}


@dataclass
class Function:
    logical_id: str
    name: str
    arn: str
    handler: str
    timeout_seconds: int
    memory_mb: int
    environment: dict[str, str]


@dataclass
class Schedule:
    """expression: `rate(...)` or `cron(...)`. input: the event, None for EventBridge's own."""

    name: str
    function: str
    expression: str
    input: Any = None


@dataclass
class QueueSource:
    """An SQS event source mapping. partial: the function reports `batchItemFailures`. concurrency: batches at once."""

    queue_url: str
    queue_arn: str
    function: str
    batch_size: int = 10
    partial: bool = False
    concurrency: int = 2
    window_seconds: int = 0


@dataclass
class StreamSource:
    """A DynamoDB stream event source mapping."""

    table: str
    stream_arn: str
    function: str
    batch_size: int = 100
    partial: bool = False


@dataclass
class Stack:
    """What came into being. environment: the union of all functions' variables (they share this process)."""

    name: str
    resources: dict[str, Resource] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    schedules: list[Schedule] = field(default_factory=list)
    queue_sources: list[QueueSource] = field(default_factory=list)
    stream_sources: list[StreamSource] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def physical_id(self, logical_id: str) -> str:
        return self.resources[logical_id].physical_id

    def of_type(self, kind: str) -> list[Resource]:
        return [r for r in self.resources.values() if r.type == kind]


Creator = Callable[["Provisioner", str, dict[str, Any]], Resource]
Adopter = Callable[[Resource], None]

_MAX_THREADS = 2  # per queue, whatever the template allows AWS

# Names a function may set for itself without disturbing the others of the process.
_OWN_VARIABLES = ("POWERTOOLS_", "LOG_LEVEL")


class Provisioner:
    """Walks the template; `adopt` may give a new resource the identity it had before a restart, before anyone refers to it."""

    def __init__(
        self, source: dict[str, Any], stack_name: str, parameters: dict[str, str], region: str = REGION, adopt: Adopter | None = None
    ) -> None:
        import boto3  # the in-process session exists only once the stack is up

        self._session = boto3.Session(region_name=region)
        self._clients: dict[str, Any] = {}
        self.template = Template(_with_globals(source), stack_name, parameters)
        self.template.reference = lambda name: self.resource(name).physical_id
        self.template.attribute = self._attribute
        self.stack = Stack(stack_name)
        self._adopt = adopt
        self.default_role: str | None = None
        self._under_way: list[str] = []

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._session.client(service)
        return self._clients[service]

    def name(self, logical_id: str) -> str:
        """The name of a resource whose template gives it none; the same at every start."""
        return f"{self.template.stack_name}-{logical_id}"

    def run(self) -> Stack:
        """Create every resource whose condition holds. Raises: TemplateError."""
        for logical_id, declared in self.template.source.get("Resources", {}).items():
            if "Condition" not in declared or self.template.condition(declared["Condition"]):
                self.resource(logical_id)
        self._connect()
        self._merge_environments()
        for name, output in self.template.source.get("Outputs", {}).items():
            if "Condition" not in output or self.template.condition(output["Condition"]):
                self.stack.outputs[name] = str(self.template.resolve(output["Value"]))
        return self.stack

    def resource(self, logical_id: str) -> Resource:
        """The resource, created now when it does not exist yet."""
        if logical_id in self.stack.resources:
            return self.stack.resources[logical_id]
        if logical_id in self._under_way:
            raise TemplateError(f"circular dependency: {' -> '.join([*self._under_way, logical_id])}")
        declared = self.template.source.get("Resources", {}).get(logical_id)
        if declared is None:
            raise TemplateError(f"no such resource or parameter: {logical_id}")
        from infra.local.resources import creator_of  # resources needs the classes above

        self._under_way.append(logical_id)
        try:
            depends = declared.get("DependsOn", [])
            for other in [depends] if isinstance(depends, str) else depends:
                self.resource(other)
            create = creator_of(logical_id, declared["Type"])
            properties = self.template.resolve(_without_events(declared.get("Properties", {})))
            made = create(self, logical_id, properties)
        finally:
            self._under_way.pop()
        made.properties = properties
        if self._adopt is not None:
            self._adopt(made)
        self.stack.resources[logical_id] = made
        return made

    def _attribute(self, logical_id: str, attribute: str) -> Any:
        made = self.resource(logical_id)
        if attribute not in made.attributes:
            raise TemplateError(f"{logical_id} ({made.type}) has no attribute {attribute}")
        return made.attributes[attribute]

    def _connect(self) -> None:
        """Event sources and schedules, once every resource exists."""
        for logical_id, made in list(self.stack.resources.items()):
            declared = self.template.source["Resources"][logical_id].get("Properties", {})
            if made.type == "AWS::Serverless::Function":
                for event_id, event in (declared.get("Events") or {}).items():
                    self._event(made, event_id, event["Type"], self.template.resolve(event.get("Properties", {})))
            elif made.type == "AWS::Lambda::EventSourceMapping":
                self._source(self._function_named(made.properties["FunctionName"]), made.properties["EventSourceArn"], made.properties)
            elif made.type == "AWS::Events::Rule":
                self._rule(made)

    def _rule(self, rule: Resource) -> None:
        expression = rule.properties.get("ScheduleExpression")
        if expression and rule.properties.get("State", "ENABLED") == "ENABLED":
            for target in rule.properties.get("Targets", []):
                self.stack.schedules.append(
                    Schedule(rule.physical_id, self._function_named(target["Arn"]), expression, target.get("Input"))
                )

    def _event(self, function: Resource, event_id: str, kind: str, properties: dict[str, Any]) -> None:
        if kind in ("Schedule", "ScheduleV2"):
            expression = properties.get("Schedule") or properties["ScheduleExpression"]
            if properties.get("Enabled", True) and properties.get("State", "ENABLED") == "ENABLED":
                name = properties.get("Name") or f"{self.name(event_id)}"
                self.stack.schedules.append(Schedule(name, function.physical_id, expression, properties.get("Input")))
        elif kind in ("SQS", "DynamoDB"):
            self._source(function.physical_id, properties["Queue" if kind == "SQS" else "Stream"], properties)
        elif kind != "Api":
            raise TemplateError(f"{function.logical_id}: event type {kind} is not supported")

    def _source(self, function: str, arn: str, properties: dict[str, Any]) -> None:
        partial = "ReportBatchItemFailures" in properties.get("FunctionResponseTypes", [])
        if not properties.get("Enabled", True):
            return
        if ":dynamodb:" in arn:
            table = arn.split(":table/")[1].split("/")[0]
            self.stack.stream_sources.append(StreamSource(table, arn, function, int(properties.get("BatchSize", 100)), partial))
            return
        queue = next((r for r in self.stack.of_type("AWS::SQS::Queue") if r.attributes["Arn"] == arn), None)
        if queue is None:
            raise TemplateError(f"{function} reads from {arn}, which this template does not create")
        limit = min(int(properties.get("ScalingConfig", {}).get("MaximumConcurrency", 2)), _MAX_THREADS)
        window = int(properties.get("MaximumBatchingWindowInSeconds") or 0)
        size = int(properties.get("BatchSize", 10))
        self.stack.queue_sources.append(QueueSource(queue.physical_id, arn, function, size, partial, limit, window))

    def _function_named(self, name_or_arn: str) -> str:
        for function in self.stack.functions.values():
            if name_or_arn in (function.name, function.arn):
                return function.name
        raise TemplateError(f"no such function: {name_or_arn}")

    def _merge_environments(self) -> None:
        for function in self.stack.functions.values():
            for name, value in function.environment.items():
                known = self.stack.environment.setdefault(name, value)
                if known != value and not name.startswith(_OWN_VARIABLES):
                    raise TemplateError(f"{function.name} sets {name}={value!r}, another function {known!r}; one process holds only one")


def _without_events(properties: dict[str, Any]) -> dict[str, Any]:
    """Events refer to things that may refer to the function; they are resolved last."""
    return {name: value for name, value in properties.items() if name != "Events"}


def _with_globals(source: dict[str, Any]) -> dict[str, Any]:
    """SAM's Globals.Function written out into each function; the function's own value wins, environments are merged."""
    shared = source.get("Globals", {}).get("Function")
    if not shared:
        return source
    merged = copy.deepcopy(source)
    for declared in merged.get("Resources", {}).values():
        if declared.get("Type") != "AWS::Serverless::Function":
            continue
        own = declared.setdefault("Properties", {})
        variables = {**shared.get("Environment", {}).get("Variables", {}), **own.get("Environment", {}).get("Variables", {})}
        for name, value in copy.deepcopy(shared).items():
            own.setdefault(name, value)
        own["Environment"] = {"Variables": variables}
    return merged


def arn(service: str, rest: str, region: str = REGION, account: str = ACCOUNT) -> str:
    return f"arn:aws:{service}:{region}:{account}:{rest}"
