"""Holds what the template grants each function against what it was seen to use: `python -m infra.granted FOLDER` after the suites.

Both ways: an action that is used and not granted fails in the cloud and not here, where nobody enforces IAM; one that is granted and never
used is what a stolen role could do beyond its work.
"""

import argparse
import fnmatch
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra import derive, uses
from infra.derive import Json
from infra.local.template import Template

# What the Lambda service does by the function's role, before and beside its code.
# Source: AWS Lambda developer guide, "Using Lambda with Amazon SQS" (execution role permissions).
RECEIVES = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
LOGS = ("logs:CreateLogStream", "logs:PutLogEvents")
TRACES = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")
_MACHINE = re.compile(r"arn:[^:]+:states:[^:]+:[^:]+:(stateMachine|execution):\S+-pipeline(:\*)?")
_LOG_GROUP = re.compile(r"arn:[^:]+:logs:[^:]+:[^:]+:log-group:/aws/lambda/[^-]+-[^-]+-(\w+)-\*")


@dataclass(frozen=True)
class Grant:
    """One action on one pattern of resources that a function's role allows."""

    function: str
    action: str
    resource: str

    def covers(self, use: uses.Use) -> bool:
        function, action, resource = use
        if (function, action) != (self.function, self.action):
            return False
        return resource == uses.ANYTHING or fnmatch.fnmatchcase(resource, self.resource)

    def __str__(self) -> str:
        return f"{self.function}: {self.action} on {self.resource}"


def grants(template: Json) -> Iterator[Grant]:
    """Every grant of every function's role. Raises: ValueError for a statement that is not a plain Allow."""
    names = Template(template, "igny8-local", {})
    names.reference = lambda name: name
    names.attribute = lambda name, attribute: name if attribute == "Arn" else f"{name}.{attribute}"
    roles = {str(properties["Role"]["Fn::GetAtt"][0]): name for name, properties in derive.functions(template).items()}
    for role, function in roles.items():
        for policy in template["Resources"][role]["Properties"]["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                if statement["Effect"] != "Allow" or {"NotAction", "NotResource"} & statement.keys():
                    raise ValueError(f"{role}: {statement.get('Sid')} is not a plain Allow")
                for resource in _listed(names.resolve(statement["Resource"])):
                    for action in _listed(statement["Action"]):
                        yield Grant(function, action, _known(resource))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _known(resource: str) -> str:
    """A resource by its logical id where it is written as an ARN, because a reference would be a cycle."""
    if machine := _MACHINE.fullmatch(resource):
        return "Pipeline" if machine[1] == "stateMachine" else "Pipeline/execution"
    group = _LOG_GROUP.fullmatch(resource)
    return f"{group[1]}Logs" if group else resource


def of_the_service(template: Json) -> Iterator[uses.Use]:
    """What Lambda itself does by each function's role: logs, traces, and receiving from its queue."""
    for name, properties in derive.functions(template).items():
        yield from ((name, action, f"{name}Logs") for action in LOGS)
        if properties.get("Tracing") == "Active":
            yield from ((name, action, uses.ANYTHING) for action in TRACES)
        for event in properties.get("Events", {}).values():
            if event["Type"] == "SQS":
                queue = event["Properties"]["Queue"]["Fn::Sub"].removeprefix("${").removesuffix(".Arn}")
                yield from ((name, action, queue) for action in RECEIVES)


def differences(granted: Iterable[Grant], used: Iterable[uses.Use]) -> list[str]:
    """What is used and not granted, and what is granted and never used; one line each, empty when they agree."""
    granted, used = set(granted), set(used)
    lacking = {use for use in used if not any(grant.covers(use) for grant in granted)}
    idle = {grant for grant in granted if not any(grant.covers(use) for use in used)}
    return [
        *(f"used and not granted: {function}: {action} on {resource}" for function, action, resource in sorted(lacking)),
        *sorted(f"granted and never used: {grant}" for grant in idle),
    ]


def main(arguments: list[str] | None = None) -> int:
    """Compare. Returns the exit status."""
    from infra.build import template

    parser = argparse.ArgumentParser(prog="python -m infra.granted", description=__doc__)
    parser.add_argument("folder", type=Path, help=f"what {uses.VARIABLE} named while the suites ran")
    options = parser.parse_args(arguments)
    declared = template("local")
    ours = derive.functions(declared)
    seen = {use for use in uses.read(options.folder) if use[0] in ours}  # tests of the stack itself have functions of their own
    found = differences(grants(declared), {*seen, *of_the_service(declared)})
    print(
        "\n".join([*found, f"{len(seen)} uses by {len({use[0] for use in seen})} functions, {len(found)} differences from what is granted"])
    )
    if found:
        print("Mend infra/permissions.yaml (then `python -m infra.build policies`), or write the test that reaches it.", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
